"""Secrets come from four places, in a fixed order, and are never shown."""

from __future__ import annotations

import grp
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncd.adapters.base import AdapterFactory
from syncd.config import Config, load_config
from syncd.config.modes import database_warnings
from syncd.errors import ConfigError
from tests.support.stranger import shut_out_of

from .conftest import GOOD

Load = Callable[..., Config]

FROM_FILE = GOOD.replace('key = "shop-key-value"', 'key_file = "keys/shop"')
WITHOUT = GOOD.replace('key = "shop-key-value"\n', "")


def key(config: Config) -> str:
    value: str = config.shops["main"].settings.key.get_secret_value()
    return value


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody can look into; those of pytest are closed."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "shop"
    path.parent.mkdir()
    path.write_text("from-file\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    path = tmp_path / "credentials"
    path.mkdir()
    (path / "main-key").write_text("from-credential\n")
    (path / "inventorum-refresh-token").write_text("credential-token")
    return path


def test_a_file_is_relative_to_the_configuration(load: Load, secret_file: Path) -> None:
    config = load(FROM_FILE)
    assert secret_file.is_file()
    assert key(config) == "from-file"
    assert "from-file" in config.secrets
    assert config.warnings == ()


@pytest.mark.parametrize(("content", "value"), [(b"a b\r\n", "a b"), (b"\xef\xbb\xbfx\n\n", "x"), (b"x", "x")])
def test_only_the_end_of_the_line_is_stripped(load: Load, secret_file: Path, content: bytes, value: str) -> None:
    secret_file.write_bytes(content)
    assert key(load(FROM_FILE)) == value


@pytest.mark.usefixtures("secret_file")
def test_environment_then_credential_then_configuration(load: Load, credentials: Path) -> None:
    directory = str(credentials)
    assert key(load(FROM_FILE, CREDENTIALS_DIRECTORY=directory, SYNCD_MAIN_KEY="from-env")) == "from-env"
    assert key(load(FROM_FILE, CREDENTIALS_DIRECTORY=directory)) == "from-credential"
    assert key(load(WITHOUT, CREDENTIALS_DIRECTORY=directory)) == "from-credential"
    assert key(load(FROM_FILE, SYNCD_MAIN_KEY="")) == "from-file"


def test_names_in_environment_and_credentials(load: Load, credentials: Path) -> None:
    text = WITHOUT.replace("[shops.main]", "[shops.my-shop]").replace('refresh_token = "seed-token-value"\n', "")
    config = load(text, CREDENTIALS_DIRECTORY=str(credentials), SYNCD_MY_SHOP_KEY="k", SYNCD_DATABASE="sqlite:////x.db")
    assert config.shops["my-shop"].settings.key.get_secret_value() == "k"
    assert config.hub.settings.refresh_token.get_secret_value() == "credential-token"
    assert config.syncd.database == "sqlite:////x.db"


def test_the_database_address_may_come_from_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "db").write_text("postgresql+psycopg://u:pw@host/syncd\n")
    (tmp_path / "db").chmod(0o600)
    text = GOOD.replace('database = "sqlite:////var/lib/syncd/syncd.db"', 'database_file = "db"')
    assert load(text).syncd.database == "postgresql+psycopg://u:pw@host/syncd"


def test_what_no_folder_keeps_others_from_is_refused_with_the_command(
    public: Path, factories: dict[str, AdapterFactory]
) -> None:
    """A file's mode alone says little: in a closed folder nobody reaches it."""
    secret, config = public / "shop key", public / "config.toml"
    secret.write_text("from-file\n")
    config.write_text(GOOD.replace('key = "shop-key-value"', 'key_file = "shop key"'))
    config.chmod(0o600)
    told = ""
    for mode in (0o644, 0o604, 0o602):
        secret.chmod(mode)
        with pytest.raises(ConfigError) as caught:
            load_config(config, {}, factories=factories)
        (problem,) = caught.value.problems
        assert problem.path == "shops.main.key_file"
        assert problem.message.endswith(f"chmod o= '{secret}'")
        assert "from-file" not in problem.message
        told = problem.message.partition(": ")[2]
    os.system(told)  # noqa: S605 - what we tell people to type
    assert load_config(config, {}, factories=factories).warnings == ()
    secret.chmod(0o644)
    public.chmod(0o750)
    assert load_config(config, {}, factories=factories).warnings == ()


def test_a_configuration_with_secrets_is_refused_if_it_is_open(
    public: Path, factories: dict[str, AdapterFactory]
) -> None:
    config = public / "config.toml"
    config.write_text(GOOD)
    config.chmod(0o644)
    with pytest.raises(ConfigError, match="it holds secrets") as caught:
        load_config(config, {}, factories=factories)
    assert "shops.main.key" in str(caught.value)
    assert f"chmod o= {config}" in str(caught.value)
    assert "shop-key-value" not in str(caught.value)
    config.chmod(0o640)
    load_config(config, {}, factories=factories)
    env = {
        "SYNCD_INVENTORUM_CLIENT_SECRET": "a",
        "SYNCD_INVENTORUM_REFRESH_TOKEN": "b",
        "SYNCD_MAIN_KEY": "c",
    }
    config.chmod(0o644)
    lines = [line for line in GOOD.splitlines() if not line.startswith(("client_secret", "refresh_token", "key"))]
    config.write_text("\n".join(lines))
    assert load_config(config, env, factories=factories).warnings == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other groups")
def test_other_groups_are_a_warning_and_the_services_is_none(
    public: Path, factories: dict[str, AdapterFactory], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, config = public / "key", public / "config.toml"
    secret.write_text("from-file\n")
    config.write_text(GOOD.replace('key = "shop-key-value"', 'key_file = "key"'))
    config.chmod(0o600)
    secret.chmod(0o640)
    other = next(group for group in grp.getgrall() if group.gr_gid != 0)
    os.chown(secret, 0, other.gr_gid)
    (warning,) = load_config(config, {}, factories=factories).warnings
    assert f"can be read by the group {other.gr_name}: chgrp syncd {secret}, or chmod g= {secret}" in warning
    monkeypatch.setattr("syncd.config.modes.SERVICE_GROUP", other.gr_name)
    assert load_config(config, {}, factories=factories).warnings == ()


def test_a_database_that_is_open_is_a_warning(public: Path, factories: dict[str, AdapterFactory]) -> None:
    config = public / "config.toml"
    config.write_text(GOOD.replace("sqlite:////var/lib/syncd/syncd.db", "sqlite:///state.db"))
    config.chmod(0o600)
    for name in ("state.db", "state.db-wal"):
        (public / name).touch()
        (public / name).chmod(0o644)
    found = load_config(config, {}, factories=factories).warnings
    assert [warning.rpartition(": ")[2] for warning in found] == [
        f"chmod o= {public}/state.db",
        f"chmod o= {public}/state.db-wal",
    ]


def test_credentials_that_may_not_be_looked_for_are_a_problem() -> None:
    with tempfile.TemporaryDirectory() as public:
        Path(public).chmod(0o755)
        config = Path(public, "config.toml")
        config.write_text(WITHOUT)
        closed = Path(public, "secrets")
        closed.mkdir()
        with shut_out_of(closed), pytest.raises(ConfigError) as caught:
            load_config(config, {"CREDENTIALS_DIRECTORY": str(closed)})
    problems = {problem.path: problem.message for problem in caught.value.problems}
    assert problems["syncd.database"] == f"credential database cannot be looked for: {closed}: Permission denied"


def test_a_database_in_a_folder_of_others_is_no_reason_to_fail_before_it_is_opened(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    with shut_out_of(folder):
        assert database_warnings(f"sqlite:///{folder}/syncd.db") == []


@pytest.mark.parametrize("mode", [0o400, 0o440])
def test_credentials_of_systemd_are_as_it_makes_them(load: Load, credentials: Path, mode: int) -> None:
    for file in credentials.iterdir():
        file.chmod(mode)
    assert load(WITHOUT, CREDENTIALS_DIRECTORY=str(credentials)).warnings == ()


def _problem(load: Load, text: str, **env: str) -> tuple[str, str]:
    with pytest.raises(ConfigError) as caught:
        load(text, **env)
    (problem,) = caught.value.problems
    return problem.path, problem.message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"a\nb\n", "contains a line break"),
        (b"x" * 70_000, "is larger than"),
    ],
)
def test_a_useless_file_is_one_problem(load: Load, secret_file: Path, content: bytes, words: str) -> None:
    secret_file.write_bytes(content)
    path, message = _problem(load, FROM_FILE)
    assert path == "shops.main.key_file"
    assert words in message
    assert "xxx" not in message


def test_a_missing_file_and_a_directory(load: Load, tmp_path: Path) -> None:
    assert _problem(load, FROM_FILE) == ("shops.main.key_file", f"{tmp_path}/keys/shop does not exist")
    (tmp_path / "keys" / "shop").mkdir(parents=True)
    assert _problem(load, FROM_FILE) == ("shops.main.key_file", f"{tmp_path}/keys/shop is a directory")


def test_a_file_that_cannot_be_read(load: Load, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file, not a folder")
    path, message = _problem(load, FROM_FILE)
    assert path == "shops.main.key_file"
    assert message.endswith("cannot be read: Not a directory")


def test_inline_and_file_together_are_a_problem(load: Load, secret_file: Path) -> None:
    text = GOOD.replace('key = "shop-key-value"', f'key = "shop-key-value"\nkey_file = "{secret_file}"')
    assert _problem(load, text) == ("shops.main.key", "given twice, here and as key_file: keep one")


def test_an_empty_credential_is_a_problem_and_not_skipped(load: Load, credentials: Path) -> None:
    (credentials / "main-key").write_text("\n")
    assert _problem(load, WITHOUT, CREDENTIALS_DIRECTORY=str(credentials)) == (
        "shops.main.key",
        "credential main-key is empty",
    )


@pytest.mark.parametrize("value", ["7", "''", "[]"])
def test_a_file_name_must_be_text(load: Load, value: str) -> None:
    path, message = _problem(load, GOOD.replace('key = "shop-key-value"', f"key_file = {value}"))
    assert path == "shops.main.key_file"
    assert "must be a file name" in message


def test_an_optional_secret_may_be_absent_and_may_be_given(load: Load) -> None:
    assert load(GOOD).shops["main"].settings.second_key is None
    config = load(GOOD, SYNCD_MAIN_SECOND_KEY="second")
    assert config.shops["main"].settings.second_key.get_secret_value() == "second"


def test_a_secret_in_the_wrong_place_is_not_repeated(load: Load) -> None:
    text = GOOD.replace('auth = "header"', "").replace("key =", 'auth = "shop-key-value"\nkey =')
    path, message = _problem(load, text)
    assert path == "shops.main.auth"
    assert "shop-key-value" not in message
