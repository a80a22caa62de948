"""``syncd db``."""

from __future__ import annotations

import json
import sqlite3
import stat
from pathlib import Path

from syncd.state import schema

from .conftest import Run


def test_upgrade_creates_then_finds_nothing_to_do(run: Run, config_file: Path) -> None:
    first = run("db", "upgrade", "--config", config_file)
    url = f"sqlite:///{config_file.parent}/state.db"
    assert (first.code, first.out) == (0, f"{url}: schema none → {schema.head()}\n")
    second = run("db", "upgrade", "--config", config_file)
    assert (second.code, second.out) == (0, f"{url}: schema {schema.head()} is up to date\n")


def test_current_compares(run: Run, config_file: Path) -> None:
    missing = run("db", "current", "--config", config_file)
    assert missing.code == 78
    assert missing.err.startswith("error: ")
    assert "syncd db upgrade" in missing.err
    (config_file.parent / "state.db").touch()
    empty = run("db", "current", "--config", config_file, "--json")
    assert empty.code == 78
    assert json.loads(empty.out)["schema"] is None
    run("db", "upgrade", "--config", config_file)
    current = run("db", "current", "--config", config_file, "--json")
    assert current.code == 0
    assert json.loads(current.out)["up_to_date"] is True


def test_backup_is_a_private_copy_and_never_overwrites(run: Run, config_file: Path, tmp_path: Path) -> None:
    run("db", "upgrade", "--config", config_file)
    copy = tmp_path / "copy.db"
    result = run("db", "backup", copy, "--config", config_file, "--json")
    assert (result.code, json.loads(result.out)["bytes"]) == (0, copy.stat().st_size)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    connection = sqlite3.connect(copy)
    assert connection.execute("select count(*) from items").fetchone() == (0,)
    connection.close()
    again = run("db", "backup", copy, "--config", config_file)
    assert again.code == 1
    assert "exists already" in again.err
