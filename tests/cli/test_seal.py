"""A key for the tokens as a technician gives, changes, loses and removes it."""

from __future__ import annotations

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import Result, Run


class Place:
    """The folder of an installation, with tokens in its database."""

    def __init__(self, run: Run, config: Path) -> None:
        self._run = run
        self.config = config
        self.folder = config.parent
        self.text = config.read_text()
        assert self("check").code == 0

    def __call__(self, *argv: str) -> Result:
        return self._run(*argv, "--config", self.config)

    def keys(self, **files: str) -> None:
        """Name key files in the configuration, and no others."""
        lines = "\n".join(f'{name}_file = "{file}"' for name, file in files.items())
        self.config.write_text(self.text.replace("[syncd]", f"[syncd]\n{lines}"))

    def tokens(self) -> tuple[str, str, str]:
        with closing(sqlite3.connect(self.folder / "state.db")) as connection:
            row = connection.execute("SELECT access_token, refresh_token, sealed_with FROM tokens").fetchone()
        return row[0], row[1], row[2]


@pytest.fixture
def place(run: Run, config_file: Path) -> Place:
    return Place(run, config_file)


def test_a_key_is_made_used_changed_and_removed(place: Place) -> None:
    plain = place.tokens()
    one = json.loads(place("db", "key", "one.key", "--json").out)["id"]
    assert stat.S_IMODE((place.folder / "one.key").stat().st_mode) == 0o600
    again = place("db", "key", "one.key")
    assert again.code == 2
    assert "one.key exists already: name a new file" in again.err
    place.keys(database_key="one.key")
    assert f"database: tokens: inventorum: not sealed with key {one} yet" in place("check").out
    assert place.tokens() == plain
    assert f"sealed with key {one}: inventorum" in place("db", "rekey").out
    sealed = place.tokens()
    assert sealed[2] == one
    assert f"database: tokens: sealed with key {one}" in place("check").out

    place("db", "backup", str(place.folder / "copy.db"))
    copied = (place.folder / "copy.db").read_bytes()
    assert sealed[1].encode() in copied
    assert not any(token.encode() in copied for token in plain[:2])

    place("db", "key", "two.key")
    place.keys(database_key="two.key", database_key_former="one.key")
    done = place("db", "rekey")
    assert done.code == 0
    assert "database_key_former is not needed any more" in done.out
    place.keys(database_key="two.key")
    assert "nothing to do" in place("db", "rekey").out
    removed = place("db", "rekey", "--remove")
    assert "plain again: inventorum" in removed.out
    assert "take the key out of the configuration now (database_key_file" in removed.out
    assert place.tokens() == plain
    place.keys()
    assert place("check").code == 0


def test_a_key_in_a_folder_that_is_shared_is_for_its_group(place: Place) -> None:
    folder = place.folder / "secrets"
    folder.mkdir()
    folder.chmod(0o2750)
    place("db", "key", str(folder / "one.key"))
    assert stat.S_IMODE((folder / "one.key").stat().st_mode) == 0o640
    assert "cannot be written" in place("db", "key", str(place.folder / "nowhere" / "one.key")).err


@pytest.mark.parametrize("form", ["hex", "credential", "environment"])
def test_where_a_key_may_come_from(place: Place, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key = place("db", "key").out.strip()
    if form == "hex":
        (place.folder / "one.key").write_text("ab" * 32)
        (place.folder / "one.key").chmod(0o600)
        place.keys(database_key="one.key")
    elif form == "credential":
        (place.folder / "database-key").write_text(key)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(place.folder))
    else:
        monkeypatch.setenv("SYNCD_DATABASE_KEY", key)
    assert place("db", "rekey").code == 0
    assert place.tokens()[2]


def test_a_key_that_is_missing_wrong_or_lost(place: Place) -> None:
    for name in ("one.key", "two.key"):
        place("db", "key", name)
    place.keys(database_key="one.key")
    place("db", "rekey")
    sealed = place.tokens()
    for keys, words in (({}, "no key is given"), ({"database_key": "two.key"}, "the key given is")):
        place.keys(**keys)
        for command in ("run", "check"):
            refused = place(command)
            assert refused.code == 78
            assert f"sealed with key {sealed[2]}" in refused.err + refused.out
            assert words in refused.err + refused.out
            assert "syncd db rekey --forget" in refused.err + refused.out
        assert place("findings").code == 0
    refused = place("db", "rekey")
    assert (refused.code, place.tokens()) == (78, sealed)
    place.keys(database_key="one.key")
    assert place("check").code == 0
    place.keys(database_key="two.key")
    forgotten = place("db", "rekey", "--forget")
    assert "forgotten: inventorum" in forgotten.out
    assert "put a new token into the configuration" in forgotten.out


@pytest.mark.parametrize(
    ("content", "words"), [("password", "32 random bytes"), ("", "is empty"), (None, "does not exist")]
)
def test_what_is_no_key_is_a_mistake_of_the_configuration(place: Place, content: str | None, words: str) -> None:
    if content is not None:
        (place.folder / "bad.key").write_text(content)
        (place.folder / "bad.key").chmod(0o600)
    place.keys(database_key="bad.key")
    refused = place("check", "--offline")
    assert refused.code == 78
    assert "syncd.database_key_file: " in refused.err
    assert words in refused.err
    assert "password" not in refused.err


def test_a_former_key_alone_and_options_that_exclude_each_other(place: Place) -> None:
    place("db", "key", "one.key")
    place.keys(database_key_former="one.key")
    assert "syncd.database_key_former_file: is of use beside a new database_key only" in place("db", "rekey").err
    place.keys()
    assert "syncd.database_key: missing" in place("db", "rekey").err
    assert "exclude each other" in place("db", "rekey", "--remove", "--forget").err
