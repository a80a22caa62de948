"""``syncd init``: a configuration to begin with, and secrets that only their owner can read."""

from __future__ import annotations

import json
import os
import pty
import select
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.adapters.registry import load_factories
from syncd.cli.init import _default_database
from syncd.config import load_config
from tests.support.stranger import shut_out_of

from .conftest import Run

ENV = {
    "SYNCD_INVENTORUM_CLIENT_SECRET": "till-secret",
    "SYNCD_INVENTORUM_REFRESH_TOKEN": "till-token",
    "SYNCD_MAIN_CONSUMER_KEY": "ck_1",
    "SYNCD_MAIN_CONSUMER_SECRET": "cs_1",
}
ANSWERS = [
    (b"Database", b"\n"),
    (b"Id of the app", b"typed-app\n"),
    (b"Secret of the app", b"typed-secret\n"),
    (b"Token made", b"typed-token\n"),
    (b"Name for the shop", b"main\n"),
    (b"Shop system", b"woocommerce\n"),
    (b"Address of the shop", b"https://typed.example\n"),
    (b"starts with ck_", b"ck_typed\n"),
    (b"starts with cs_", b"cs_typed\n"),
]
FLAGS = ("--inventorum-client-id", "my-app", "--shop-url", "https://shop.example")


@pytest.fixture
def secrets_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("secrets_given")
def test_flags_and_environment_make_a_complete_configuration(run: Run, tmp_path: Path) -> None:
    result = run("init", *FLAGS)
    assert (result.code, result.err) == (0, "")
    assert "still to be filled in" not in result.out
    path = tmp_path / "config.toml"
    text = path.read_text()
    assert not any(secret in text + result.out for secret in ENV.values())
    assert (mode(path), mode(tmp_path / "secrets")) == (0o600, 0o700)
    assert mode(tmp_path / "secrets" / "inventorum-refresh-token") == 0o600
    config = load_config(path, {})
    assert config.warnings == ()
    assert config.hub.settings.client_id == "my-app"
    assert config.hub.settings.refresh_token.get_secret_value() == "till-token"
    assert config.shops["main"].settings.consumer_secret.get_secret_value() == "cs_1"
    assert config.syncd.database == f"sqlite:///{tmp_path}/syncd.db"


@pytest.mark.usefixtures("secrets_given")
def test_what_is_said_next_can_be_typed_as_it_stands(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "next: `syncd db upgrade`, then `syncd check`" in run("init", *FLAGS).out
    other = tmp_path / "my shop.toml"
    said = run("init", *FLAGS, "--config", other).out
    assert f"next: `syncd db upgrade --config '{other}'`, then `syncd check --config '{other}'`" in said
    monkeypatch.setenv("SYNCD_CONFIG", str(other))
    assert "next: `syncd db upgrade`, then `syncd check`" in run("init", *FLAGS, "--force").out


@pytest.mark.usefixtures("secrets_given")
def test_a_folder_that_is_shared_with_a_group_lets_it_read(run: Run, tmp_path: Path) -> None:
    """As /etc/syncd is, with the mode that systemd/syncd.tmpfiles.conf gives it."""
    shared = tmp_path / "etc"
    (shared / "secrets").mkdir(parents=True)
    for folder in (shared, shared / "secrets"):
        folder.chmod(0o2750)
    assert run("init", *FLAGS, "--config", shared / "berlin.toml").code == 0
    secret = shared / "secrets" / "berlin" / "inventorum-refresh-token"
    assert [mode(path) for path in (shared / "berlin.toml", secret.parent, secret)] == [0o640, 0o2750, 0o640]
    (shared / "secrets").chmod(0o2700)  # hidden from the group: docs/install.md
    assert run("init", *FLAGS, "--config", shared / "bonn.toml").code == 0
    secret = shared / "secrets" / "bonn" / "inventorum-refresh-token"
    assert [mode(path) for path in (secret.parent, secret)] == [0o700 | stat.S_ISGID, 0o600]


def test_a_folder_that_may_not_be_looked_into(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    with shut_out_of(folder):
        result = run("init", "--config", folder / "config.toml")
    assert result.code == 1
    assert "cannot be looked for: Permission denied; run this as root" in result.err


@pytest.mark.usefixtures("secrets_given")
def test_accounts_beside_each_other_share_neither_secrets_nor_database(run: Run, tmp_path: Path) -> None:
    for name in ("berlin", "hamburg"):
        assert run("init", *FLAGS, "--config", tmp_path / f"{name}.toml").code == 0
    berlin, hamburg = (load_config(tmp_path / f"{name}.toml", {}) for name in ("berlin", "hamburg"))
    assert berlin.syncd.database != hamburg.syncd.database
    assert (tmp_path / "secrets" / "berlin" / "inventorum-refresh-token").is_file()
    assert (tmp_path / "secrets" / "hamburg" / "inventorum-refresh-token").is_file()


def test_each_account_of_the_service_has_a_folder_of_its_own() -> None:
    assert _default_database(Path("/etc/syncd/config.toml")) == "sqlite:////var/lib/syncd/syncd.db"
    assert _default_database(Path("/etc/syncd/berlin.toml")) == "sqlite:////var/lib/syncd/berlin/syncd.db"


def test_what_stays_open_is_listed_and_the_check_says_the_same(run: Run, tmp_path: Path) -> None:
    result = run("init", "--json", "--config", tmp_path / "etc.toml")
    document = json.loads(result.out)
    assert result.code == 0
    paths = {problem["path"] for problem in document["problems"]}
    assert {"inventorum.client_id", "inventorum.client_secret_file", "shops.main.consumer_key_file"} <= paths
    assert "inventorum.client_id" in document["open"]
    assert mode(tmp_path / "secrets" / "etc" / "main-consumer-key") == 0o600
    check = run("check", "--offline", "--json", "--config", tmp_path / "etc.toml")
    assert check.code == 78
    assert {problem["path"] for problem in json.loads(check.out)["error"]["problems"]} == paths


@pytest.mark.usefixtures("secrets_given")
def test_nothing_is_overwritten_unasked(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("mine")
    refused = run("init", *FLAGS)
    assert refused.code == 2
    assert "--force" in refused.err
    assert path.read_text() == "mine"
    assert not (tmp_path / "secrets").exists()
    (tmp_path / "secrets").mkdir()
    kept = tmp_path / "secrets" / "inventorum-refresh-token"
    kept.write_text("older-token")
    forced = run("init", *FLAGS, "--force", "--json")
    assert forced.code == 0
    assert json.loads(forced.out)["kept"] == ["secrets/inventorum-refresh-token"]
    assert "secrets/inventorum-refresh-token" in json.loads(forced.out)["secrets"]
    assert kept.read_text() == "older-token"
    assert path.read_text() != "mine"
    assert (
        "kept secrets/inventorum-refresh-token, which was there already; to be asked for another, remove it"
        in run("init", *FLAGS, "--force").out
    )


@pytest.mark.usefixtures("corner")
def test_another_adapter_brings_its_own_keys(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_HIGH-STREET_DOOR_KEY", "unused spelling")
    monkeypatch.setenv("SYNCD_HIGH_STREET_DOOR_KEY", "door")
    monkeypatch.setenv("SYNCD_INVENTORUM_CLIENT_SECRET", "a")
    monkeypatch.setenv("SYNCD_INVENTORUM_REFRESH_TOKEN", "b")
    result = run(
        "init", "--shop", "high-street", "--adapter", "corner", "--shop-url", 'https://q"uote',
        "--inventorum-client-id", "x", "--database", "postgresql+psycopg://u@h/db",
        "--inventorum-base-url", "http://127.0.0.1:1/api/",
    )  # fmt: skip
    assert (result.code, result.err) == (0, "")
    text = (tmp_path / "config.toml").read_text()
    assert "# number of shelves.\n#shelves = 3\n" in text
    assert "consumer_key" not in text
    assert "[shops.high-street.products.owner]" in text
    config = load_config(tmp_path / "config.toml", {})
    shop = config.shops["high-street"]
    assert (shop.kind, shop.settings.url) == ("corner", 'https://q"uote')
    assert shop.settings.door_key.get_secret_value() == "door"
    assert config.hub.settings.base_url == "http://127.0.0.1:1/api/"
    assert config.syncd.database == "postgresql+psycopg://u@h/db"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--adapter", "woocomerce"], 'did you mean "woocommerce"?'),
        (["--adapter", "inventorum"], "is not a known adapter"),
        (["--shop", "inventorum"], "cannot be the name of a shop"),
        (["--shop", "My Shop"], "cannot be the name of a shop"),
    ],
)
def test_wrong_names_are_usage_errors_and_write_nothing(run: Run, tmp_path: Path, argv: list[str], words: str) -> None:
    result = run("init", *argv)
    assert result.code == 2
    assert words in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_take_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("init", "--config", tmp_path / "file" / "config.toml")
    assert result.code == 1
    assert "cannot be written" in result.err


def test_in_a_terminal_it_asks_and_hides_secrets(tmp_path: Path) -> None:
    shown = _typed(tmp_path, ANSWERS)
    config = load_config(tmp_path / "config.toml", {})
    assert config.hub.settings.client_id == "typed-app"
    assert config.hub.settings.refresh_token.get_secret_value() == "typed-token"
    assert config.shops["main"].settings.consumer_secret.get_secret_value() == "cs_typed"
    assert b"typed-app" in shown
    assert not any(secret in shown for secret in (b"typed-secret", b"typed-token", b"ck_typed", b"cs_typed"))


def test_a_secret_that_is_kept_is_not_asked_for(tmp_path: Path) -> None:
    """An answer that is thrown away would look taken."""
    (tmp_path / "secrets").mkdir()
    for name in ("inventorum-client-secret", "inventorum-refresh-token"):
        (tmp_path / "secrets" / name).write_text("there-already\n")
        (tmp_path / "secrets" / name).chmod(0o600)
    shown = _typed(tmp_path, [each for each in ANSWERS if each[0] not in {b"Secret of the app", b"Token made"}])
    assert b"Secret of the app" not in shown
    config = load_config(tmp_path / "config.toml", {})
    assert config.hub.settings.refresh_token.get_secret_value() == "there-already"
    assert config.shops["main"].settings.consumer_secret.get_secret_value() == "cs_typed"


def _typed(folder: Path, answers: list[tuple[bytes, bytes]]) -> bytes:
    """Run `syncd init` in a terminal and answer its questions; returns what was to be seen."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "syncd", "init"],
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")},
    ) as process:
        os.close(theirs)
        try:
            shown = b"".join(_answer(ours, prompt, reply) for prompt, reply in answers)
            shown += _rest(ours)
        except AssertionError:
            process.kill()  # else leaving this block would wait for its answer
            raise
    os.close(ours)
    assert process.returncode == 0, shown
    return shown


def _answer(terminal: int, prompt: bytes, reply: bytes) -> bytes:
    """Wait for a question, then answer it."""
    shown = b""
    while not (prompt in shown and shown.rstrip().endswith(b":")):
        assert select.select([terminal], [], [], 30)[0], (prompt, shown)
        shown += os.read(terminal, 4096)
    os.write(terminal, reply)
    return shown


def _rest(terminal: int) -> bytes:
    shown = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other end has closed
            return shown
        if not part:
            return shown
        shown += part


def test_a_shop_of_another_system_is_written_from_its_settings(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**ENV, "SYNCD_MAIN_CLIENT_SECRET": "shop-secret"}.items():
        monkeypatch.setenv(name, value)
    result = run("init", *FLAGS, "--adapter", "shopware6")
    assert result.code == 0
    path = tmp_path / "config.toml"
    text = path.read_text()
    assert "null" not in text
    filled = text.replace('\nclient_id = ""', '\nclient_id = "SWIA1"')
    path.write_text(filled.replace("\n#tax_classes", "\ntax_classes").replace("\n#sales_channels", "\nsales_channels"))
    config = load_config(path, {})
    assert config.shops["main"].kind == "shopware6"
    assert config.shops["main"].settings.client_secret.get_secret_value() == "shop-secret"
    assert config.shops["main"].settings.sales_channels == []


@pytest.mark.usefixtures("secrets_given")
def test_a_shop_with_a_choice_of_credentials_is_written_with_both(run: Run, tmp_path: Path) -> None:
    result = run("init", *FLAGS, "--adapter", "vendure")
    assert result.code == 0
    path = tmp_path / "config.toml"
    assert "give either api_key, or username and password" in result.out + result.err
    text = path.read_text().replace("\n#api_key_file", "\napi_key_file")
    (tmp_path / "secrets" / "main-api-key").write_text("key-of-the-shop")
    path.write_text(text)
    settings = load_config(path, {}).shops["main"].settings
    assert settings.url == "https://shop.example/admin-api"
    assert settings.api_key.get_secret_value() == "key-of-the-shop"


@pytest.mark.usefixtures("secrets_given")
def test_a_shopify_shop_is_written_with_its_two_ways_of_access(run: Run, tmp_path: Path) -> None:
    result = run("init", *FLAGS, "--adapter", "shopify")
    assert result.code == 0
    path = tmp_path / "config.toml"
    assert "give either client_id and client_secret, or access_token" in result.out + result.err
    text = path.read_text()
    for key in ("location", "also_count", "quantity", "publish_in"):
        assert f"\n#{key} =" in text, key
    (tmp_path / "secrets" / "main-access-token").write_text("shpat_1\n")
    path.write_text(text.replace("\n#access_token_file", "\naccess_token_file"))
    settings = load_config(path, {}).shops["main"].settings
    assert settings.access_token.get_secret_value() == "shpat_1"
    assert settings.location is None


def test_every_shop_system_can_be_chosen(run: Run, tmp_path: Path) -> None:
    """What is missing is listed, with the file that it belongs to; nothing of the other systems is asked for."""
    for kind, factory in load_factories().items():
        if factory.role != "shop" or kind == "memory":
            continue
        folder = tmp_path / kind
        folder.mkdir()
        result = run("--config", folder / "config.toml", "init", *FLAGS, "--adapter", kind)
        assert result.code == 0, result
        text = (folder / "config.toml").read_text()
        assert f'adapter = "{kind}"' in text
        assert all(f"{key} =" in text or f"{key}_file =" in text for key in factory.settings_model.model_fields), kind
