"""An old copy of the database is noticed by whoever takes the lease, renews it or writes under it; nothing else is."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger
from sqlalchemy import event, select, text, update

from syncd.errors import DatabaseExchanged, DatabaseOutdated
from syncd.service.restored import mark_restored
from syncd.state import migrate
from syncd.state import restore as backups
from syncd.state.engine import Database, open_database
from syncd.state.lease import LEADER, LeaseKeeper, acquire, seen_now
from syncd.state.models import Lease
from syncd.state.witness import SPARED_BEATS, Witness, witness_file
from tests.support import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

KILL_EACH_LINE = Path(__file__).with_name("kill_each_line.py")
TTL_S = 60.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "syncd.witness"


@pytest.fixture
def events() -> Iterator[list[str]]:
    found: list[str] = []
    handler = logger.add(lambda message: found.append(message.record["message"]), level="WARNING")
    yield found
    logger.remove(handler)


def keeper(database: Database, file: Path | None) -> LeaseKeeper:
    return LeaseKeeper(database, TTL_S, witness=Witness(file))


def known(file: Path) -> list[tuple[str, int]]:
    witness = Witness(file)
    witness.recall()
    return [(each.incarnation, each.beat) for each in witness.known]


def as_it_was(database: Database) -> dict[str, Any]:
    """The row by which a copy is known; to put it back is what putting back the whole database does to it."""
    with database.read() as session:
        return dict(session.execute(select(Lease.__table__).where(Lease.name == LEADER)).mappings().one())


def put_back(database: Database, row: dict[str, Any]) -> None:
    with database.write(fenced=False) as session:
        session.execute(update(Lease).where(Lease.name == LEADER).values(**row))


def ready(session: Session) -> None:
    mark_restored(session, "a test", rows.AT)


def test_each_time_the_lease_is_taken_renewed_or_given_back_is_a_beat(database: Database, file: Path) -> None:
    leader, other = keeper(database, file), keeper(database, file)
    assert leader.acquire()
    first = seen_now(database)
    assert first is not None
    assert (first.beat, len(first.incarnation)) == (1, 32)
    assert not other.acquire()
    leader.renew()
    leader.release()
    last = seen_now(database)
    assert last is not None
    assert (last.incarnation, last.beat) == (first.incarnation, 3)
    assert last.at is not None
    assert first.at is not None
    assert last.at >= first.at
    assert known(file) == [(last.incarnation, 3)]
    assert other.acquire()


def test_an_old_copy_is_refused_before_anything_is_done_with_it(database: Database, file: Path) -> None:
    leader = keeper(database, file)
    assert leader.acquire()
    old = as_it_was(database)
    leader.renew()
    leader.release()
    old["owner"] = ""  # whoever had it then has ended
    put_back(database, old)
    with pytest.raises(DatabaseOutdated, match=r"old copy .* it was seen to go on until .*`syncd db restore`"):
        keeper(database, file).acquire()
    assert as_it_was(database) == old
    assert keeper(database, file.with_name("of another machine")).acquire()


@pytest.mark.parametrize("days", [-400, 400])
def test_no_clock_has_a_say(database: Database, file: Path, days: int) -> None:
    leader = keeper(database, file)
    assert leader.acquire()
    first = as_it_was(database) | {"owner": ""}
    leader.release()
    last = as_it_was(database)
    put_back(database, last | {"beat_at": rows.AT + timedelta(days=days)})
    assert not is_refused(database, file)
    put_back(database, first | {"beat_at": rows.AT + timedelta(days=days)})
    assert is_refused(database, file)


def test_a_standby_remembers_what_it_saw_another_machine_do(database: Database, file: Path) -> None:
    leader, standby = keeper(database, None), keeper(database, file)
    assert leader.acquire()
    assert not standby.acquire()
    old = as_it_was(database)
    leader.renew()
    assert not standby.acquire()
    put_back(database, old)
    with pytest.raises(DatabaseOutdated):
        standby.acquire()
    put_back(database, old | {"beat": old["beat"] + SPARED_BEATS})
    assert not standby.acquire()
    put_back(database, old)
    with pytest.raises(DatabaseOutdated):  # one that is started again
        keeper(database, file).acquire()


@pytest.mark.parametrize("moment", ["renewed", "written"])
def test_a_database_that_is_exchanged_under_its_leader_is_noticed_at_once(database: Database, moment: str) -> None:
    leader = keeper(database, None)
    assert leader.acquire()
    old = as_it_was(database)
    leader.renew()
    put_back(database, old)  # with the very number that fences: it is not that by which it is noticed
    if moment == "renewed":
        with pytest.raises(DatabaseOutdated):
            leader.renew()
        assert not leader.holds()
    with pytest.raises(DatabaseOutdated), database.write() as session:
        rows.item(session, 1)
    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM items")).scalar_one() == 0
    leader.release()
    assert as_it_was(database) == old


def test_a_leader_misses_each_commit_before_which_it_wrote_to_a_side(database: Database) -> None:
    """As after a failover to a replica that lacked it, within seconds: no renewal of the lease came in between."""
    leader = keeper(database, None)
    assert leader.acquire()
    old = as_it_was(database)
    with database.write():
        pass
    assert as_it_was(database) == old
    with database.write(sends=True) as session:
        rows.item(session, 1)
    assert as_it_was(database)["beat"] == old["beat"] + 1
    with pytest.raises(ZeroDivisionError), database.write(sends=True):
        raise ZeroDivisionError
    with database.write(sends=True):
        pass
    put_back(database, old)
    with pytest.raises(DatabaseOutdated), database.write():
        pass


def test_one_that_was_restored_under_its_leader_is_no_longer_its_own(database: Database) -> None:
    leader = keeper(database, None)
    assert leader.acquire()
    put_back(database, as_it_was(database) | {"incarnation": "another", "beat": 0})
    with pytest.raises(DatabaseExchanged, match="put back from a backup"), database.write():
        pass
    with pytest.raises(DatabaseExchanged, match="put back from a backup"):
        leader.renew()
    assert not leader.may_write()


def test_a_restore_makes_another_life_of_it_which_every_machine_accepts(database: Database, tmp_path: Path) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    files = [tmp_path / "alpha", tmp_path / "beta"]
    keepers = [keeper(database, each) for each in files]
    assert keepers[0].acquire()
    old = as_it_was(database)
    keepers[0].renew()
    assert not keepers[1].acquire()
    keepers[0].release()
    old["owner"] = ""
    lives = [old["incarnation"]]
    for _ in range(2):  # and the same backup once more
        put_back(database, old)
        assert all(is_refused(database, each) for each in files)
        backups.mark_in_place(url, ready)
        lives.append(as_it_was(database)["incarnation"])
        for each in files:
            successor = keeper(database, each)
            assert successor.acquire()
            successor.release()
    assert len(set(lives)) == 3
    assert [[incarnation for incarnation, _ in known(each)] for each in files] == [lives, lives]
    put_back(database, old | {"beat": 1_000_000})
    assert all(is_refused(database, each) for each in files)  # however far the former life went


def is_refused(database: Database, file: Path) -> bool:
    try:
        keeper(database, file).acquire()
    except DatabaseOutdated:
        return True
    return False


def test_a_backup_that_is_put_back_is_another_life_on_this_machine_and_on_another(
    sqlite_database: Database, sqlite_url: str, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    leader = keeper(sqlite_database, here)
    assert leader.acquire()
    migrate.backup(sqlite_url, tmp_path / "copy.db")
    leader.renew()
    leader.release()
    for _ in range(2):
        backups.restore(sqlite_url, tmp_path / "copy.db", ready)
        successor = keeper(sqlite_database, here)
        assert successor.acquire()
        successor.release()
    backups.restore(f"sqlite:///{tmp_path / 'moved.db'}", tmp_path / "copy.db", ready)
    moved = open_database(f"sqlite:///{tmp_path / 'moved.db'}")
    assert keeper(moved, there).acquire()
    moved.dispose()
    assert len(known(here)) == 3


def test_the_database_itself_is_no_backup(sqlite_database: Database, sqlite_url: str, tmp_path: Path) -> None:
    with sqlite_database.write() as session:
        rows.item(session, 0)
    before = as_rows(sqlite_database)
    (tmp_path / "link.db").symlink_to(str(sqlite_database.engine.url.database))
    for name in (str(sqlite_database.engine.url.database), tmp_path / "link.db"):
        with pytest.raises(backups.Itself, match="is the database itself, and no backup; nothing was changed"):
            backups.restore(sqlite_url, Path(name), ready)
    assert as_rows(sqlite_database) == before


def as_rows(database: Database) -> list[Any]:
    with database.read() as session:
        return [session.execute(text(f"SELECT * FROM {table}")).all() for table in ("items", "leases", "restores")]  # noqa: S608


def test_a_file_that_was_moved_away_is_not_written_to(
    sqlite_database: Database, sqlite_url: str, tmp_path: Path
) -> None:
    """Its connections would go on with a file that has no name any more."""
    place = Path(str(sqlite_database.engine.url.database))
    leader = keeper(sqlite_database, None)
    assert leader.acquire()
    migrate.backup(sqlite_url, tmp_path / "copy.db")
    (tmp_path / "copy.db").rename(place)
    for act in (leader.renew, leader.acquire):
        with pytest.raises(DatabaseExchanged, match="another file now than this process works with"):
            act()
    with pytest.raises(DatabaseExchanged, match="another file"), sqlite_database.write():
        pass
    place.unlink()
    with pytest.raises(DatabaseExchanged, match="another file"), sqlite_database.write():
        pass


def test_copies_of_a_database_from_before_there_were_incarnations_are_known_to_be_of_one(tmp_path: Path) -> None:
    """Of the same side, made at the same time: an old one that is upgraded once more is no new database."""
    from tests.migration.test_old_versions import made_at  # noqa: PLC0415

    url = f"sqlite:///{tmp_path / 'syncd.db'}"
    made_at(url, "0012").dispose()
    with closing(sqlite3.connect(tmp_path / "syncd.db")) as connection:
        connection.execute(
            "INSERT INTO sides (name, role, adapter, created_at) "
            "VALUES ('t', 'hub', 'memory', '2026-01-02 03:04:05.06')"
        )
        connection.execute(
            "INSERT INTO leases (name, owner, fence, acquired_at, expires_at) "
            "VALUES ('leader', '', 4, '2026-01-02 03:04:05', '2026-01-02 03:04:20')"
        )
        connection.commit()
    shutil.copy(tmp_path / "syncd.db", tmp_path / "old.db")
    migrate.upgrade(url)
    database = open_database(url)
    leader = keeper(database, tmp_path / "witness")
    assert leader.acquire()
    leader.release()
    first = as_it_was(database)
    database.dispose()
    shutil.copy(tmp_path / "old.db", tmp_path / "syncd.db")
    migrate.upgrade(url)
    database = open_database(url)
    assert as_it_was(database)["incarnation"] == first["incarnation"]
    with pytest.raises(DatabaseOutdated):
        keeper(database, tmp_path / "witness").acquire()
    backups.restore(url, tmp_path / "old.db", ready)
    assert keeper(database, tmp_path / "witness").acquire()
    database.dispose()


# The file


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"[" * 60_000, b"\xff\xfe", b"SQLite format 3\x00", b'{"form": 2}',
        b'{"form": 1, "known": [["a", 9, null]], "sum": "0"}', b'{"form": 1, "known": null}',
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_said_once_and_begun_anew(
    sqlite_database: Database, file: Path, events: list[str], content: bytes
) -> None:
    file.write_bytes(content)
    leader = keeper(sqlite_database, file)
    assert leader.acquire()
    assert leader.acquire()
    assert events == ["witness.unreadable"]
    assert len(known(file)) == 1


def test_a_file_that_ends_anywhere_is_not_taken_as_whole(sqlite_database: Database, file: Path) -> None:
    leader = keeper(sqlite_database, file)
    assert leader.acquire()
    whole = file.read_bytes().rstrip()
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        assert known(file) == []
    for changed in (whole.replace(b"\n", b""), whole.replace(b" 1,", b" 2,", 1)):
        file.write_bytes(changed)
    assert known(file) == []


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_stops_nobody(sqlite_database: Database, file: Path, events: list[str], kind: str) -> None:
    if kind == "folder":
        file.mkdir()
    else:
        os.mkfifo(file)
    leader = keeper(sqlite_database, file)
    assert leader.acquire()
    leader.renew()
    leader.release()
    assert events[0] == "witness.unreadable"
    assert len(events) == (2 if kind == "folder" else 1)


def test_what_one_process_knows_is_kept_although_the_file_was_lost(sqlite_database: Database, file: Path) -> None:
    leader = keeper(sqlite_database, file)
    assert leader.acquire()
    file.unlink()
    leader.renew()
    leader.left_to_write_s()
    leader.release()
    assert known(file) == [(as_it_was(sqlite_database)["incarnation"], 3)]


FULL = """
import resource, sys
from pathlib import Path
from syncd.state.engine import open_database
from syncd.state.lease import LeaseKeeper
from syncd.state.witness import Witness
database = open_database(sys.argv[1])
keeper = LeaseKeeper(database, 60, witness=Witness(Path(sys.argv[2])))
assert keeper.acquire()
keeper.renew()
room = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, room[1]))
keeper.left_to_write_s()
keeper.look_at_witness()
resource.setrlimit(resource.RLIMIT_FSIZE, room)
keeper.renew()
print("went on")
"""


def test_a_disk_without_room_is_said_and_the_file_of_before_stays(
    sqlite_database: Database, sqlite_url: str, file: Path
) -> None:
    command = [sys.executable, "-c", FULL, sqlite_url, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "went on\n", done.stderr
    assert "witness.not_written" in done.stderr
    assert known(file) == [(as_it_was(sqlite_database)["incarnation"], 1)]
    assert [each.name for each in file.parent.iterdir() if ".part" in each.name] == []


def test_a_process_that_halts_while_it_writes_holds_nobody_up(sqlite_database: Database, file: Path) -> None:
    leader = keeper(sqlite_database, file)
    handle = os.open(file.parent, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert leader.acquire()
    assert not file.exists()
    os.close(handle)
    leader.renew()
    leader.look_at_witness()
    assert known(file)[0][1] == 2


@pytest.mark.parametrize(("folder_mode", "mode"), [(0o2770, 0o660), (0o700, 0o600), (0o755, 0o600)])
def test_the_file_belongs_to_whom_the_database_does(
    sqlite_database: Database, tmp_path: Path, folder_mode: int, mode: int
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(folder_mode)
    assert keeper(sqlite_database, folder / "witness").acquire()
    assert stat.S_IMODE((folder / "witness").stat().st_mode) == mode
    assert [each.name for each in folder.iterdir()] == ["witness"]


def test_it_lies_beside_a_file_and_under_the_name_of_the_account_elsewhere(tmp_path: Path) -> None:
    assert witness_file("sqlite:////var/lib/syncd/syncd.db", tmp_path, "config") == Path(
        "/var/lib/syncd/syncd.db.witness"
    )
    # Not the server's: tomorrow it may be another one, that lacks something.
    assert {witness_file(f"postgresql://u@{host}/d", tmp_path, "berlin") for host in "ab"} == {
        tmp_path / "berlin.witness"
    }


def test_a_kill_at_any_line_leaves_a_witness_that_refuses_nothing_sound(sqlite_url: str, file: Path) -> None:
    command = [sys.executable, str(KILL_EACH_LINE), sqlite_url, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
    assert len(known(file)) == 1


# What it costs


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith(("SELECT lease", "UPDATE", "INSERT")):
            said.append(statement.split(maxsplit=1)[0])

    event.listen(database.engine, "before_cursor_execute", note)
    yield said
    event.remove(database.engine, "before_cursor_execute", note)


def test_a_beat_costs_no_statement(database: Database) -> None:
    leader = keeper(database, None)
    assert leader.acquire()
    with statements(database) as said:
        leader.renew()
    assert said == ["SELECT", "UPDATE"]
    with statements(database) as said, database.write():
        pass
    assert said == ["SELECT"]


def test_a_quiet_leader_writes_the_file_once_a_minute_and_a_busy_one_with_each_beat(
    sqlite_database: Database, file: Path
) -> None:
    leader = keeper(sqlite_database, file)
    assert leader.acquire()
    assert writes_of(leader, file, writing=False) == 3  # in three minutes
    assert writes_of(leader, file, writing=True) == 3 * SPARED_BEATS


def writes_of(leader: LeaseKeeper, file: Path, *, writing: bool) -> int:
    found = 0
    for _ in range(3 * SPARED_BEATS):
        before = file.read_bytes()
        if writing:
            leader.left_to_write_s()
        leader.renew()
        leader.look_at_witness()
        found += file.read_bytes() != before
    return found


def test_a_lease_of_tokens_names_no_incarnation(database: Database) -> None:
    assert acquire(database, "token:till", "a", TTL_S) == 1
    with database.read() as session:
        assert session.get_one(Lease, "token:till").incarnation == ""


def test_the_file_can_be_read_by_a_person(sqlite_database: Database, file: Path) -> None:
    assert keeper(sqlite_database, file).acquire()
    found = json.loads(file.read_text())
    assert found["known"] == [[as_it_was(sqlite_database)["incarnation"], 1, found["known"][0][2]]]
