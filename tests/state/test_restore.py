"""Backups are looked at before anybody relies on them, and put back whole or not at all."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select, text

from syncd.errors import DatabaseNotReady, LeaseLost, SyncdError
from syncd.service.restored import mark_restored
from syncd.state import migrate, models, schema
from syncd.state import restore as backups
from syncd.state.check import check_database
from syncd.state.engine import Database, open_database
from syncd.state.lease import LEADER, LeaseKeeper
from syncd.state.seal import Seal, key_id, require_keys
from syncd.state.tokens import keep_all
from tests.state.test_check import damage
from tests.support import rows

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def ready(session: Session) -> None:
    mark_restored(session, "copy.db", rows.AT + timedelta(days=1))


def fill(database: Database, items: int) -> None:
    with database.write() as session:
        hub = rows.side(session, "till", "hub")
        for _ in range(items):
            item = rows.item(session, 5)
            rows.movement(session, item, 5, side_id=hub.id)
            rows.listing(session, hub, item, shadow=5 * item.on_hand.__class__(1))
        rows.run(session, hub)


def token(database: Database, refresh: str, days: int) -> None:
    at = rows.AT + timedelta(days=days)
    with database.write(fenced=False) as session:
        session.merge(
            models.TokenRow(
                credential="till", access_token="a", refresh_token=refresh, expires_at=at, scope="",
                seed_fingerprint="f", generation=days, rotated_at=at,
            )
        )  # fmt: skip


@pytest.fixture
def copy(sqlite_database: Database, sqlite_url: str, tmp_path: Path) -> Path:
    """A backup with two items; the database has three by now."""
    fill(sqlite_database, 2)
    token(sqlite_database, "old", 1)
    file = tmp_path / "copy.db"
    migrate.backup(sqlite_url, file)
    with sqlite_database.write() as session:
        rows.item(session, 0)
    token(sqlite_database, "new", 2)
    return file


def items(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(models.Item)) or 0


def test_a_good_backup_says_what_is_in_it(copy: Path) -> None:
    before = copy.read_bytes()
    found = backups.verify(copy)
    assert (found.flaws, found.items, found.movements, found.sides) == ((), 2, 2, {"till": ("memory", 2)})
    assert (found.schema, found.newest_at) == (schema.head(), rows.AT)
    assert copy.read_bytes() == before
    assert sorted(path.name for path in copy.parent.glob("copy*")) == ["copy.db"]


def test_a_backup_whose_sums_are_wrong_is_no_good_one(sqlite_database: Database, sqlite_url: str, copy: Path) -> None:
    connection = sqlite3.connect(copy)
    connection.execute("UPDATE items SET on_hand = 4 WHERE id = 1")
    connection.commit()
    connection.close()
    (flaw,) = backups.verify(copy).flaws
    assert (flaw.kind, flaw.text) == ("sums", "item 1 has 4 on hand, and its movements come to 5")
    with pytest.raises(backups.Damaged, match="is not sound: item 1 has 4"):
        backups.restore(sqlite_url, copy, ready)
    assert items(sqlite_database) == 3


def test_a_backup_with_damaged_pages_is_no_good_one(copy: Path) -> None:
    damage(copy, "movements")
    assert {flaw.kind for flaw in backups.verify(copy).flaws} == {"pages"}
    damage(copy, "alembic_version")
    with pytest.raises(backups.Damaged, match="cannot be read"):
        backups.verify(copy)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PGDMP\x01\x02", "is a dump of PostgreSQL"),
        (b"hello", "is no SQLite database"),
        (b"", "is no SQLite database"),
    ],
)
def test_what_is_no_backup_is_said_to_be_none(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(SyncdError, match=words):
        backups.verify(file)
    with pytest.raises(SyncdError, match="No such file"):
        backups.verify(tmp_path / "nothing")


def test_each_restore_keeps_what_it_replaced_also_within_one_second(sqlite_url: str, copy: Path) -> None:
    kept = {backups.restore(sqlite_url, copy, ready)[1] for _ in range(3)}
    assert len(kept) == 3
    assert all(former is not None and former.exists() for former in kept)


def test_tokens_that_were_only_sealed_anew_come_along_as_they_are_sealed_now(
    sqlite_database: Database, sqlite_url: str, tmp_path: Path
) -> None:
    """A new key is no new token. The key that the backup needs may be gone, the one of now is there."""
    token(sqlite_database, "sealed once", 1)
    migrate.backup(sqlite_url, tmp_path / "copy.db")
    token(sqlite_database, "sealed anew", 1)
    backups.restore(sqlite_url, tmp_path / "copy.db", ready)
    with sqlite_database.read() as session:
        assert session.get_one(models.TokenRow, "till").refresh_token == "sealed anew"


def test_another_programs_database_is_none_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE songs (id INTEGER)")
    connection.close()
    with pytest.raises(SyncdError, match="none of syncd"):
        backups.verify(file)


def test_a_backup_of_a_newer_version_is_refused(copy: Path) -> None:
    connection = sqlite3.connect(copy)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(DatabaseNotReady, match="newer syncd"):
        backups.verify(copy)


def test_what_is_put_back_reaches_those_who_have_the_file_open(
    sqlite_database: Database, sqlite_url: str, copy: Path
) -> None:
    """A standby goes on with the restored database, and not with a file that nobody else sees."""
    assert items(sqlite_database) == 3
    found, former = backups.restore(sqlite_url, copy, ready)
    assert (found.items, items(sqlite_database)) == (2, 2)
    assert check_database(sqlite_database) == []
    assert former is not None
    kept = open_database(f"sqlite:///{former}")
    assert items(kept) == 3
    kept.dispose()
    with sqlite_database.read() as session:
        restore = session.scalars(select(models.Restore)).one()
        assert (restore.source, restore.compared_at, restore.backup_at) == ("copy.db", None, rows.AT)
        assert session.scalar(select(models.Finding.kind)) == "restored"
    assert [path.name for path in copy.parent.glob(".syncd-restore*")] == []


def test_tokens_stay_sealed_with_the_key_of_today(sqlite_database: Database, sqlite_url: str, tmp_path: Path) -> None:
    """Another key changes how they are kept, and not when they were made: the former key may be gone by now."""
    token(sqlite_database, "same", 1)
    former, today = (Seal({key_id(key): key}) for key in (b"1" * 32, b"2" * 32))
    both = Seal({**today.keys, **former.keys})
    keep_all(sqlite_database, former, former.current)
    file = tmp_path / "copy.db"
    migrate.backup(sqlite_url, file)
    keep_all(sqlite_database, both, today.current)
    backups.restore(sqlite_url, file, ready)
    require_keys(sqlite_database, today)


def test_newer_tokens_come_along(sqlite_database: Database, sqlite_url: str, copy: Path) -> None:
    backups.restore(sqlite_url, copy, ready)
    with sqlite_database.read() as session:
        assert session.get_one(models.TokenRow, "till").refresh_token == "new"


def test_a_process_of_before_is_fenced_off(sqlite_database: Database, sqlite_url: str, copy: Path) -> None:
    former = LeaseKeeper(sqlite_database, 15)
    assert former.acquire()
    with pytest.raises(backups.Running, match="stop the service first"):
        backups.restore(sqlite_url, copy, ready)
    assert items(sqlite_database) == 3
    with sqlite_database.write() as session:  # it hangs, and its lease is over
        session.get_one(models.Lease, LEADER).expires_at = rows.AT
    backups.restore(sqlite_url, copy, ready)
    with pytest.raises(LeaseLost), sqlite_database.write():
        pass
    successor = LeaseKeeper(open_database(sqlite_url), 15)
    assert successor.acquire()


def test_what_fails_on_the_way_changes_nothing(sqlite_database: Database, sqlite_url: str, copy: Path) -> None:
    def fails(_session: Session) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        backups.restore(sqlite_url, copy, fails)
    assert items(sqlite_database) == 3
    assert LeaseKeeper(sqlite_database, 15).acquire()


def test_a_restore_that_is_killed_between_two_pages_leaves_the_old_database(
    sqlite_database: Database, sqlite_url: str, copy: Path
) -> None:
    script = f"""
import os, signal, sqlite3
from pathlib import Path
from syncd.state import restore as backups

def half(copy, place):
    origin, target = sqlite3.connect(copy), sqlite3.connect(place)
    origin.backup(target, pages=3, progress=lambda *_: os.kill(os.getpid(), signal.SIGKILL))

backups._replace = half
backups.restore({sqlite_url!r}, Path({str(copy)!r}), lambda session: None)
"""
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert items(sqlite_database) == 3
    assert check_database(sqlite_database) == []
    assert len(list(copy.parent.glob(".syncd-restore-*"))) == 1  # it could not tidy up: tokens lie there
    backups.restore(sqlite_url, copy, ready)  # whoever was killed holds nothing up
    assert items(sqlite_database) == 2
    assert not list(copy.parent.glob(".syncd-restore-*"))


def test_a_damaged_database_may_still_say_who_works_on_it(
    sqlite_database: Database, sqlite_url: str, copy: Path
) -> None:
    assert LeaseKeeper(sqlite_database, 15).acquire()
    sqlite_database.dispose()
    damage(Path(sqlite_url.removeprefix("sqlite:///")), "movements")
    with pytest.raises(backups.Running):
        backups.restore(sqlite_url, copy, ready)


@pytest.mark.parametrize("damage", ["gone", "garbage", "pages"])
def test_a_database_that_is_lost_or_damaged_is_replaced_and_kept(
    sqlite_database: Database, sqlite_url: str, copy: Path, damage: str
) -> None:
    sqlite_database.dispose()
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    for end in ("-wal", "-shm"):
        file.with_name(file.name + end).unlink(missing_ok=True)
    if damage == "gone":
        file.unlink()
    elif damage == "garbage":
        file.write_bytes(b"not a database at all" * 500)
    else:
        content = bytearray(file.read_bytes())
        content[4096 * 4 : 4096 * 60] = bytes(4096 * 56)
        file.write_bytes(content)
    _, former = backups.restore(sqlite_url, copy, ready)
    assert (former is None) == (damage == "gone")
    restored = open_database(sqlite_url)
    assert items(restored) == 2
    assert check_database(restored) == []
    assert (file.stat().st_mode & 0o777) == 0o600
    restored.dispose()


def test_a_backup_of_an_older_version_is_brought_up_to_date(
    sqlite_database: Database, sqlite_url: str, tmp_path: Path
) -> None:
    from tests.migration.test_old_versions import made_at  # noqa: PLC0415 - one helper

    file = tmp_path / "older.db"
    made_at(f"sqlite:///{file}", schema.revisions()[-2]).dispose()
    found, _ = backups.restore(sqlite_url, file, ready)
    assert found.schema == schema.revisions()[-2]
    schema.require_current(sqlite_database)
    with sqlite_database.read() as session:
        assert session.execute(text("SELECT count(*) FROM v_stock")).scalar_one() == 0


def test_what_another_tool_put_back_is_marked_in_place(database: Database) -> None:
    """The way of PostgreSQL."""
    former = LeaseKeeper(database, 15)
    assert former.acquire()
    url = database.engine.url.render_as_string(hide_password=False)
    with pytest.raises(backups.Running, match="stop the service first"):
        backups.mark_in_place(url, ready)
    with database.write() as session:
        session.get_one(models.Lease, LEADER).owner = ""
    backups.mark_in_place(url, ready)
    with database.read() as session:
        assert session.scalars(select(models.Restore.source)).all() == ["copy.db"]
    with pytest.raises(LeaseLost), database.write():
        pass
    assert LeaseKeeper(database, 15).acquire()


@pytest.mark.postgresql
def test_postgresql_is_put_back_by_its_own_tool(postgresql_url: str, tmp_path: Path) -> None:
    with pytest.raises(SyncdError, match="pg_restore --clean"):
        backups.restore(postgresql_url, tmp_path / "x", ready)
