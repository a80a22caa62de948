"""The power goes: what was committed before a request left is there afterwards, and that is enough."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from signal import SIGKILL, SIGSTOP
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, event, text

from syncd.state.engine import open_database
from tests.crash.stage import OTHER, PATIENCE_S, SHOP, TILL, stock_write
from tests.support.engine import two_sides

if TYPE_CHECKING:
    from syncd.simulators.server import SimRequest
    from syncd.state.engine import Database
    from tests.crash.stage import CrashStage

FULL = 2


class Disk:
    """The files of a SQLite database, as they lay on the disk when the current went."""

    def __init__(self, database: str, folder: Path) -> None:
        self._file = Path(database.removeprefix("sqlite:///"))
        self._copy = folder / "disk"
        self._copy.mkdir()

    def keep(self) -> None:
        for suffix in ("", "-wal"):
            shutil.copy(f"{self._file}{suffix}", self._copy)

    def restore(self) -> None:
        """What was in memory alone (``-shm``) is gone."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._file}{suffix}").unlink(missing_ok=True)
        for kept in self._copy.iterdir():
            shutil.copy(kept, self._file.parent)


@pytest.mark.parametrize(("side", "settled_by"), [(TILL, "read_back"), (SHOP, "marker")])
def test_all_that_was_committed_after_a_write_left_may_be_lost(
    sqlite_stage: CrashStage, tmp_path: Path, side: str, settled_by: str
) -> None:
    """The disk keeps what it had when the request arrived; the write takes effect, and so does a sale after it."""
    stage, sku = sqlite_stage, sqlite_stage.skus()[0]
    disk, kept = Disk(stage.database, tmp_path), threading.Event()

    def cut(_request: SimRequest) -> None:
        daemon.send(SIGSTOP)
        stage.until(lambda: daemon.halted, "it halts in the middle of whatever it does")
        disk.keep()
        kept.set()

    stage.trap(side, stock_write, cut)
    sent = stage.writes(side)
    daemon = stage.start()
    stage.until(lambda: "daemon.started" in daemon.said, "it is at work")
    stage.sell(OTHER[side], sku, 3)
    assert kept.wait(PATIENCE_S), daemon.said
    stage.until(lambda: stage.writes(side) == sent + 1, "the write takes effect")
    stage.sell(OTHER[side], sku, 1)
    daemon.send(SIGKILL)
    daemon.wait()
    disk.restore()
    assert stage.operations()[-1].state == "sent"
    stage.start()
    stage.until_in_step("the lost end is made up for")
    assert [operation.settled_by for operation in stage.operations()[-2:]] == [settled_by, "answer"]
    assert stage.writes(side) == sent + 2


def test_the_disk_has_an_intent_before_anybody_is_called(sqlite_database: Database) -> None:
    """Asked of the very connections that commit operations, at the moment of their commit."""
    account = two_sides(sqlite_database, {"A": 10}, {"A": 10})
    found: list[tuple[Any, Any]] = []
    touched: set[int] = set()

    def statement(connection: Connection, _cursor: object, said: str, *_more: object) -> None:
        if said.startswith(("INSERT INTO operations", "UPDATE operations")):
            touched.add(id(connection))

    def commit(connection: Connection) -> None:
        if id(connection) in touched:
            touched.clear()
            ask = connection.connection.driver_connection.execute  # type: ignore[union-attr]  # it is connected
            found.append((*ask("PRAGMA journal_mode").fetchone(), *ask("PRAGMA synchronous").fetchone()))

    event.listen(sqlite_database.engine, "before_cursor_execute", statement)
    event.listen(sqlite_database.engine, "commit", commit)
    account.worlds["till"].sell("t-A", 1)
    account.poll("till", "web")
    assert found == [("wal", FULL)] * 3  # intended, sent, confirmed


@pytest.mark.postgresql
@pytest.mark.parametrize(("configured", "used"), [("off", "on"), ("remote_apply", "remote_apply")])
def test_postgresql_has_an_intent_on_disk_whatever_its_administrator_prefers(
    postgresql_url: str, configured: str, used: str
) -> None:
    """With ``synchronous_commit = off`` a crash of the server loses what it said was committed."""
    first = open_database(postgresql_url)
    with first.engine.begin() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = {configured}'))
    first.dispose()
    database = open_database(postgresql_url)
    with database.write() as session:
        assert session.execute(text("SHOW synchronous_commit")).scalar_one() == used
    database.dispose()
