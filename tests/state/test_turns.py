"""Writers of one process take turns before they ask the database for one."""

from __future__ import annotations

import signal
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest
from loguru import logger
from sqlalchemy import text

from syncd.demo.process import wait_until
from syncd.errors import DatabaseUnavailable
from syncd.state import engine
from syncd.state.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from syncd.state.engine import Database

WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE locktype = 'advisory' AND datname = current_database()
"""


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    said: list[str] = []
    number = logger.add(lambda message: said.append(message.record["message"]), level="WARNING", format="{message}")
    yield said
    logger.remove(number)


def queued(turns: Turns) -> int:
    return len(turns._waiting)


def test_who_came_first_is_first() -> None:
    turns = Turns()
    order: list[int] = []
    assert turns.take(1)

    def wait(number: int) -> None:
        assert turns.take(30)
        order.append(number)
        turns.give()

    threads = []
    for number in range(8):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        assert wait_until(lambda expected=number + 1: queued(turns) == expected, 10, every_s=0.001)  # type: ignore[misc]
    turns.give()
    for thread in threads:
        thread.join(10)
    assert order == list(range(8))
    assert turns.take(0)


def test_who_is_interrupted_while_it_waits_takes_nobodys_turn() -> None:
    """Ctrl-C in the main thread: what is still to be written, the lease that is given back, say, waits for nothing."""
    turns = Turns()
    assert turns.take(1)

    def interrupt() -> None:
        assert wait_until(lambda: queued(turns) == 1, 10, every_s=0.001)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    try:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            turns.take(30)
    finally:
        thread.join()
        signal.signal(signal.SIGINT, former)
    turns.give()
    assert turns.take(0)


def test_one_that_always_writes_lets_others_in() -> None:
    turns, stop = Turns(), threading.Event()

    def greedy() -> None:
        while not stop.is_set():
            assert turns.take(30)
            turns.give()

    thread = threading.Thread(target=greedy)
    thread.start()
    for _ in range(200):
        assert turns.take(5)
        turns.give()
    stop.set()
    thread.join(10)


def test_who_loses_patience_leaves_the_queue() -> None:
    turns = Turns()
    assert turns.take(0)
    assert not turns.take(0.01)
    turns.give()
    assert turns.take(0)


def test_a_writer_that_gets_no_turn_says_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOCK_WAIT_S", 0.05)
    told: list[BaseException] = []

    def second() -> None:
        try:
            with database.write():
                pass
        except DatabaseUnavailable as error:
            told.append(error)

    with database.write():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(10)
    assert "no turn to write" in str(told[0])
    with database.write():
        pass


@pytest.mark.postgresql
def test_only_one_session_of_a_process_waits_at_the_server(postgresql_url: str) -> None:
    """A process that is stopped keeps others waiting for one session's time, not for that of each of its threads."""
    database = engine.open_database(postgresql_url)
    started = threading.Barrier(6)

    def writer() -> None:
        started.wait(10)
        with database.write():
            pass

    threads = [threading.Thread(target=writer) for _ in range(5)]
    with database.write() as session:
        for thread in threads:
            thread.start()
        started.wait(10)
        assert wait_until(lambda: queued(database._turns) == 5, 10, every_s=0.005)
        assert session.scalar(text(WAITING)) == 1
    for thread in threads:
        thread.join(10)
    database.dispose()


@pytest.mark.postgresql
def test_a_session_that_has_the_turn_and_stopped_in_the_midst_of_many_rows_is_ended(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    """The server waits for the rest of what it sends, and to it this is no idleness: a standby would wait for ever."""
    monkeypatch.setattr(engine, "IDLE_IN_TRANSACTION_S", 0.3)
    halted, standby = engine.open_database(postgresql_url), engine.open_database(postgresql_url)

    def stop_while_sending(session: Session) -> None:
        driver = session.connection().connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        with closing(driver), driver.pipeline():
            driver.execute("SELECT 1")
            driver.pgconn.flush()
            with standby.write() as other:
                assert other.scalar(text("SHOW lock_timeout")) == "30s"

    with pytest.raises(DatabaseUnavailable), halted.write() as session:
        stop_while_sending(session)
    with halted.write():
        pass
    assert warnings == ["database.silent_session"]
    halted.dispose()
    standby.dispose()


@pytest.mark.postgresql
def test_a_session_that_is_at_work_is_waited_for(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it has said nothing: it is the server that is at work for it. But not without end."""
    database, other = engine.open_database(postgresql_url), engine.open_database(postgresql_url)
    with monkeypatch.context() as changed:
        changed.setattr(engine, "LOCK_WAIT_S", 0.1)
        with database.write(), pytest.raises(DatabaseUnavailable, match="lock timeout"), other.write():
            pass
    for each in (database, other):
        each.engine.dispose()
    monkeypatch.setattr(engine, "IDLE_IN_TRANSACTION_S", 0.1)
    begun = threading.Event()

    def work() -> None:
        with database.write() as session:
            begun.set()
            session.execute(text("SELECT pg_sleep(1)"))

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(10)
    with other.write():
        pass
    thread.join(10)
    for each in (database, other):
        each.dispose()
