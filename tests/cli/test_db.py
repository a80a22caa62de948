"""``syncd db``."""

from __future__ import annotations

import json
import sqlite3
import stat
from pathlib import Path

import pytest

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
    assert again.code == 2
    assert "exists already" in again.err


@pytest.fixture
def upgraded(run: Run, config_file: Path) -> Path:
    run("db", "upgrade", "--config", config_file)
    return config_file


def damage(config_file: Path, file: str = "state.db") -> None:
    connection = sqlite3.connect(config_file.parent / file)
    connection.execute("INSERT INTO items (on_hand, created_at) VALUES (3, '2026-01-01 00:00:00.000000')")
    connection.commit()
    connection.close()


def test_check_says_what_is_wrong_and_exits_3(run: Run, upgraded: Path) -> None:
    sound = run("db", "check", "--config", upgraded)
    assert (sound.code, sound.out) == (0, f"✓ sqlite:///{upgraded.parent}/state.db: sound\n")
    damage(upgraded)
    wrong = run("db", "check", "--config", upgraded, "--json")
    assert wrong.code == 3
    assert json.loads(wrong.out)["flaws"] == [
        {"kind": "sums", "text": "item 1 has 3 on hand, and its movements come to 0"}
    ]


def test_verify_looks_at_the_file_and_not_at_the_database(run: Run, upgraded: Path, tmp_path: Path) -> None:
    run("db", "backup", tmp_path / "good.db", "--config", upgraded)
    damage(upgraded)
    good = run("db", "verify", tmp_path / "good.db", "--config", upgraded)
    assert good.code == 0, good.err
    assert "0 items, 0 movements" in good.out
    run("db", "backup", tmp_path / "bad.db", "--config", upgraded)
    bad = run("db", "verify", tmp_path / "bad.db", "--config", upgraded, "--json")
    assert (bad.code, json.loads(bad.out)["sound"]) == (3, False)
    none = run("db", "verify", tmp_path / "none.db", "--config", upgraded)
    assert (none.code, "No such file" in none.err) == (1, True)


def test_restore_asks_and_marks(run: Run, upgraded: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    run("db", "backup", copy, "--config", upgraded)
    damage(upgraded)
    asked = run("db", "restore", copy, "--config", upgraded)
    assert (asked.code, "give --yes" in asked.err) == (2, True)
    done = run("db", "restore", copy, "--yes", "--config", upgraded, "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert said["restored"]["items"] == 0
    assert Path(said["former"]).exists()
    assert run("db", "check", "--config", upgraded).code == 0
    for refused in (("plan",), ("sync", "--dry-run"), ("undo", "1"), ("match",)):
        result = run(*refused, "--config", upgraded)
        assert (result.code, "not compared with it yet" in result.err) == (3, True), refused
    assert "restored" in run("findings", "--config", upgraded).out


def test_restore_without_a_file_marks_the_database_in_place(run: Run, upgraded: Path) -> None:
    assert run("db", "restore", "--yes", "--config", upgraded).code == 0
    assert "not compared with it yet" in run("plan", "--config", upgraded).err


def test_prune_says_what_goes(run: Run, upgraded: Path) -> None:
    connection = sqlite3.connect(upgraded.parent / "state.db")
    connection.execute(
        "INSERT INTO sides (id, name, role, adapter, created_at) "
        "VALUES (1, 'inventorum', 'hub', 'inventorum', '2020-01-01 00:00:00.000000')"
    )
    for day in range(1, 11):
        connection.execute(
            "INSERT INTO runs (side_id, kind, cause, result, started_at) VALUES (1, 'poll', 'schedule', 'ok', ?)",
            (f"2020-01-{day:02d} 00:00:00.000000",),
        )
    connection.commit()
    connection.close()
    dry = run("db", "prune", "--dry-run", "--config", upgraded, "--json")
    assert json.loads(dry.out)["runs"] == 8
    done = run("db", "prune", "--config", upgraded)
    assert done.out == "0 movements became 0 sums\n8 passes, 0 writes, 0 findings went\n"
    assert json.loads(run("db", "prune", "--dry-run", "--config", upgraded, "--json").out)["runs"] == 0


@pytest.mark.parametrize("count", ["many", "1.00001", "1e3", ""])
def test_a_count_is_a_number(run: Run, upgraded: Path, count: str) -> None:
    said = run("findings", "resolve", "1", "--count", count, "--config", upgraded)
    assert (said.code, "a number of units" in said.err) == (2, True)
    nothing = run("findings", "resolve", "1", "--count", "3", "--config", upgraded)
    assert (nothing.code, "no open one of kind held_after_restore" in nothing.err) == (2, True)
