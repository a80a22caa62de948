"""The daemon's jobs: none starves the others, none runs for ever, and a stop is a stop."""

from __future__ import annotations

import re
import socket
import threading
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from syncd.config import Schedule
from syncd.config.schema import RetentionConfig
from syncd.core.guard import Limit, SafetyLimits
from syncd.service import account as service
from syncd.service import daemon
from syncd.service.notify import notify
from syncd.state.models import Run
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.core.model import ChangePage, Cursor
    from syncd.state.engine import Database


class Served(daemon.Daemon):
    """A daemon over in-memory sides that ends after ``beats`` heartbeats."""

    def __init__(self, account: Account, *, beats: int, poll_seconds: float = 3600) -> None:
        stop = threading.Event()
        for worker in account.workers.values():
            worker.stop = stop

        def side(name: str) -> SimpleNamespace:
            return SimpleNamespace(name=name, poll_seconds=poll_seconds, sweep=Schedule(every_s=86400))

        config: Any = SimpleNamespace(
            side=side, sides=[side(name) for name in account.workers], retention=RetentionConfig()
        )
        lease: Any = SimpleNamespace(release=lambda: None, holds=lambda: True, asking_s=lambda: 0.0, trouble=None)
        self.exits: list[int] = []
        super().__init__(service.Account(account.db, account.workers, stop), config, lease, hard_exit=self.exits.append)
        self.beats_left = beats

    def _beat(self) -> None:
        self.beats_left -= 1
        if self.beats_left <= 0:
            self.end(0)
        super()._beat()


@pytest.fixture(autouse=True)
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "_BEAT_S", 0.1)


def _runs(account: Account) -> int:
    with account.db.read() as session:
        return session.scalar(select(func.count(Run.id))) or 0


def test_sides_that_wait_for_a_person_do_not_wake_each_other_for_ever(sqlite_database: Database) -> None:
    limits = SafetyLimits(max_zeroed=Limit(0, Decimal(1)))
    account = two_sides(sqlite_database, {"A": 10}, {"A": 10}, limits=limits)
    account.add_side("two", limits=limits).put("s-A", 10, sku="A")
    account.poll()
    account.poll()
    account.worlds["till"].count("t-A", 0)
    account.poll("till")
    before = _runs(account)
    Served(account, beats=10).run()
    assert _runs(account) - before <= 3 + 3 * 2


def test_pushes_that_wait_for_a_long_read_do_not_starve_the_other_jobs(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = two_sides(sqlite_database, {"A": 10}, {"A": 10})
    till, web = (account.workers[name].side.adapter for name in ("till", "web"))
    read_till, read_web = till.read_changes, web.read_changes
    polls, enough, in_time = [0], threading.Event(), []

    def count(cursor: Cursor) -> Iterator[ChangePage]:
        polls[0] += 1
        if polls[0] == 30:
            enough.set()
        return read_till(cursor)

    def long_read(cursor: Cursor) -> Iterator[ChangePage]:
        in_time.append(enough.wait(10))
        served.end(0)
        return read_web(cursor)

    monkeypatch.setattr(till, "read_changes", count)
    monkeypatch.setattr(web, "read_changes", long_read)
    account.worlds["till"].sell("t-A", 1)
    account.poll("till")
    served = Served(account, beats=1000, poll_seconds=0.03)
    served.run()
    assert in_time == [True]


def test_a_stop_that_comes_before_the_first_job_is_a_stop(sqlite_database: Database) -> None:
    """The account was just being opened when the service manager changed its mind."""
    served = Served(two_sides(sqlite_database, {}, {}), beats=1000)
    served._account.stop.set()
    done = threading.Timer(5, served._scheduler.shutdown, kwargs={"wait": False})
    done.start()
    served.run()
    in_time = done.is_alive()
    done.cancel()
    assert in_time


def test_a_long_push_shows_that_it_lives(sqlite_database: Database) -> None:
    """Pushing 72,000 items takes longer than a pass without a sign of life may."""
    skus = {f"S{number}": 5 for number in range(60)}
    account = two_sides(sqlite_database, skus, skus)
    for sku in skus:
        account.worlds["till"].sell(f"t-{sku}", 1)
    account.poll("till")
    seen: list[int] = []
    account.workers["web"].alive = lambda: seen.append(len(account.worlds["web"].writes))
    account.workers["web"].run("push", "test")
    assert {20, 40, 60} <= set(seen)


def test_work_that_waits_for_a_settlement_calls_for_no_push(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.worlds["till"].sell("t-A", 1)
    account.worlds["web"].faults.append("lost_before")
    account.poll("till", "web")
    assert not account.workers["web"].has_pending()
    account.settle_down()
    assert account.worlds["web"].quantity("w-A") == 9


class Manager:
    """A service manager; it listens from ``listen`` on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"syncd-{uuid.uuid4().hex}"
        self._socket.bind(f"\0{name}")
        self._socket.settimeout(10)
        self._messages: list[str] = []
        self._thread = threading.Thread(target=self._listen)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        monkeypatch.setenv("WATCHDOG_USEC", "120000000")

    def listen(self) -> None:
        self._thread.start()

    def fill(self) -> None:
        """Have its queue full."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    sender.sendto(b"WATCHDOG=1", self._socket.getsockname())

    def heard(self) -> list[str]:
        notify("END")
        self._thread.join()
        return self._messages

    def close(self) -> None:
        self._socket.close()

    def _listen(self) -> None:
        while (message := self._socket.recv(4096).decode()) != "END":
            self._messages.append(message)


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    made = Manager(monkeypatch)
    yield made
    made.close()


def test_the_service_manager_hears_how_fresh_each_side_is(sqlite_database: Database, manager: Manager) -> None:
    manager.listen()
    account = two_sides(sqlite_database, {"A": 10}, {"A": 10})
    account.clock.at = datetime.now(UTC)
    Served(account, beats=10).run()
    heard = manager.heard()
    assert any(re.match(r"READY=1\nSTATUS=till read \d+ s ago; web read \d+ s ago", message) for message in heard)
    assert "WATCHDOG=1" in heard


def test_a_service_manager_that_hangs_holds_up_nothing(
    sqlite_database: Database, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its queue is full: a word to it would wait for ever."""
    monkeypatch.setattr("syncd.service.notify._PATIENCE_S", 0.01)
    manager.fill()
    word = threading.Thread(target=notify, args=("WATCHDOG=1",), daemon=True)
    word.start()
    word.join(10)
    if waits_for_ever := word.is_alive():
        manager.listen()
        manager.heard()
    assert not waits_for_ever
    served = Served(two_sides(sqlite_database, {"A": 10}, {"A": 10}), beats=5)
    assert served.run() == 0
    assert served.exits == []


def test_a_database_that_is_away_is_not_passed_over(sqlite_database: Database, manager: Manager) -> None:
    """The last pass of each side went well; nothing has happened since, and nothing can."""
    account = two_sides(sqlite_database, {"A": 10}, {"A": 10})
    served = Served(account, beats=1)
    sqlite_database.engine.dispose()
    folder = Path(str(sqlite_database.engine.url.database)).parent
    folder.rename(folder.with_name(f"{folder.name}-away"))
    manager.listen()
    served._tell()
    (message,) = manager.heard()
    assert message.startswith("STATUS=the database cannot be used: ")


def test_a_side_whose_passes_do_not_begin_any_more_ends_the_daemon(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would look alive: nothing hangs, nothing fails, and nothing is read."""
    monkeypatch.setattr(daemon, "LATE_S", 0.2)
    account = two_sides(sqlite_database, {"A": 10}, {"A": 10})
    served = Served(account, beats=30, poll_seconds=0.1)
    add_jobs = served._add_jobs
    monkeypatch.setattr(served, "_add_jobs", lambda worker: None if worker.side.name == "web" else add_jobs(worker))
    served.run()
    assert set(served.exits) == {1}


def test_a_side_that_rests_is_not_taken_for_lost(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "LATE_S", 0.5)
    account = two_sides(sqlite_database, {"A": 10}, {"A": 10})
    served = Served(account, beats=15, poll_seconds=0.05)
    served._resume_at["web"] = time.monotonic() + 3600
    served.run()
    assert served.exits == []
