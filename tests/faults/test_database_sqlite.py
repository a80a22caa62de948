"""SQLite: the disk is full, another process keeps the file locked, the file cannot be written."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from syncd.errors import DatabaseNotReady
from syncd.state import engine
from syncd.state.engine import open_database
from tests.conftest import wait_for_no_disk
from tests.faults.account import Shaken
from tests.faults.disks import fill, tiny_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = bool(os.environ.get("SYNCD_TEST_FAULTS"))
"""``make faults``: with the times of the real thing."""

NOBODY = 65534
HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@pytest.fixture
def shaken(sqlite_url: str) -> Iterator[Shaken]:
    database = open_database(sqlite_url)
    database.engine.dispose()
    event.listen(database.engine, "connect", wait_for_no_disk)
    yield Shaken.over(database)
    database.dispose()


def file_of(shaken: Shaken) -> Path:
    return Path(str(shaken.account.db.engine.url.database))


@contextmanager
def no_file_grows(file: Path) -> Iterator[None]:
    """No file of this process may become larger than the database's log is now: as on a full disk, a write fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.with_name(f"{file.name}-wal").stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_log_that_cannot_grow_stops_it_and_loses_nothing(shaken: Shaken) -> None:
    shaken.sell()
    with no_file_grows(file_of(shaken)):
        shaken.try_passes(3)
    assert len(shaken.refused) == 6
    assert all("disk I/O error" in said or "full" in said for said in shaken.refused)
    shaken.recovers()


@pytest.mark.parametrize("side", ["till", "web"])
def test_a_disk_that_is_full_when_an_answer_comes(shaken: Shaken, side: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = file_of(shaken).with_name(f"{file_of(shaken).name}-wal")

    def begin() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, hard))

    shaken.sell()
    try:
        with shaken.at_the_next_write(side, begin):
            shaken.try_passes(3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert shaken.refused
    assert [row.state for row in shaken.account.operations()][-1] in ("sent", "unknown")
    shaken.recovers()


def test_a_real_disk_that_fills_up(sqlite_url: str) -> None:
    with tiny_disk() as place:
        file = place / "syncd.db"
        file.write_bytes(Path(sqlite_url.removeprefix("sqlite:///")).read_bytes())
        database = open_database(f"sqlite:///{file}")
        try:
            shaken = Shaken.over(database)
            filler = place / "filler"
            fill(filler)
            shaken.sell()
            shaken.try_passes(3)
            assert shaken.refused
            assert all("full" in said or "disk I/O" in said for said in shaken.refused)
            filler.unlink()
            shaken.recovers()
        finally:
            database.dispose()


def test_another_process_keeps_the_file_locked(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a minute in ``make faults``, while a writer waits for half of it; in the suite in quicker time."""
    held_s = 60.0 if LONG else 0.0
    if not LONG:
        monkeypatch.setattr(engine, "LOCK_WAIT_S", 0.2)
    database = open_database(sqlite_url)
    shaken = Shaken.over(database)
    shaken.sell()
    began = time.monotonic()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file_of(shaken))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        shaken.try_passes(1)
        while time.monotonic() - began < held_s:
            shaken.try_passes(1)
        assert shaken.account.on_hand("A") == 50  # reading never waits
    finally:
        holder.communicate("")
    assert shaken.refused
    assert all("database is locked" in said for said in shaken.refused)
    shaken.recovers()
    database.dispose()


def test_a_writer_waits_for_a_lock_that_is_short(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    shaken = Shaken.over(database)
    shaken.sell()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file_of(shaken))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    release = threading.Timer(0.5, lambda: holder.communicate(""))
    release.start()
    shaken.try_passes(1)
    release.join()
    assert shaken.refused == []
    shaken.recovers()
    database.dispose()


@contextmanager
def nobody() -> Iterator[None]:
    """As a user who has no rights of root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def open_folder(sqlite_url: str) -> Iterator[Path]:
    """A folder and a database that everybody may enter and write."""
    place = Path(tempfile.mkdtemp(prefix="syncd-readonly-"))
    place.chmod(0o777)
    file = place / "syncd.db"
    file.write_bytes(Path(sqlite_url.removeprefix("sqlite:///")).read_bytes())
    file.chmod(0o666)
    yield file
    place.chmod(0o777)
    for each in place.iterdir():
        each.unlink()
    place.rmdir()


def test_a_file_that_may_only_be_read(open_folder: Path) -> None:
    """After a wrong chown, say; connections of before have their rights still, new ones have not."""
    database = open_database(f"sqlite:///{open_folder}")
    shaken = Shaken.over(database)
    shaken.sell()
    modes = {each: each.stat().st_mode for each in (*open_folder.parent.iterdir(), open_folder.parent)}
    database.engine.dispose()
    for each in modes:
        if each.exists():
            each.chmod(0o555 if each.is_dir() else 0o444)
    with nobody():
        shaken.try_passes(2)
        with pytest.raises(DatabaseNotReady, match="no permission to read and write"):
            open_database(f"sqlite:///{open_folder}")
        database.engine.dispose()
    assert len(shaken.refused) == 4
    assert all("readonly" in said or "unable to open" in said for said in shaken.refused)
    for each, mode in modes.items():
        if each.exists():
            each.chmod(mode)
    shaken.recovers()
    database.dispose()
