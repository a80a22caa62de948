"""A daemon that leads, stands by, or no longer knows which: what it says and does."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger

from syncd.config.schema import RetentionConfig
from syncd.errors import DatabaseUnavailable, LeaseLost
from syncd.service import account as service
from syncd.service import daemon
from syncd.state.engine import open_database
from syncd.state.lease import LEADER, LeaseKeeper, look
from syncd.state.models import Lease
from tests.support.engine import two_sides

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.state.engine import Database

AT_ONCE = timedelta(seconds=0.01)


@pytest.fixture
def events() -> Iterator[list[str]]:
    said: list[str] = []
    number = logger.add(lambda message: said.append(message.record["message"]), level="INFO", format="{message}")
    yield said
    logger.remove(number)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the service manager hears."""
    said: list[str] = []

    def notify(message: str) -> bool:
        said.append(message)
        return True

    monkeypatch.setattr(daemon, "notify", notify)
    monkeypatch.setenv("WATCHDOG_USEC", "120000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    return said


class Away:
    """A lease whose database does what the list says."""

    def __init__(self, *answers: bool | None) -> None:
        self._answers = list(answers)

    def acquire(self) -> bool:
        answer = self._answers.pop(0)
        if answer is None:
            raise DatabaseUnavailable("postgresql://db/one: no connection")
        return answer

    def holder(self) -> str:
        return "beta pid 1 [x/1/n]"


def test_a_standby_waits_for_its_database_and_says_so_once(events: list[str], told: list[str]) -> None:
    lease: Any = Away(False, False, None, None, False, True)
    assert daemon.standby(lease, threading.Event(), every=AT_ONCE)
    assert events == ["daemon.standby", "database.unavailable", "daemon.standby"]
    states = [line for message in told for line in message.splitlines() if line.startswith("STATUS")]
    assert states == [
        "STATUS=standing by: beta pid 1 [x/1/n] leads",
        "STATUS=standing by: the database cannot be used: postgresql://db/one: no connection",
        "STATUS=standing by: beta pid 1 [x/1/n] leads",
    ]


def test_a_standby_gives_signs_of_life(told: list[str]) -> None:
    """Without them the service manager ends it after two minutes."""
    lease: Any = Away(False, False, None, True)
    assert daemon.standby(lease, threading.Event(), every=AT_ONCE)
    assert told.count("WATCHDOG=1") == 3
    assert "READY=1" in told[0]


def beating(database: Database, lease: Any) -> tuple[daemon.Daemon, list[int]]:
    account = two_sides(database, {}, {})
    exits: list[int] = []
    side = SimpleNamespace(name="till", poll_seconds=3600)
    config: Any = SimpleNamespace(side=lambda _name: side, sides=[side], retention=RetentionConfig())
    wired = service.Account(account.db, account.workers, threading.Event())
    return daemon.Daemon(wired, config, lease, hard_exit=exits.append), exits


def test_a_leader_that_is_not_confirmed_any_more_says_so_and_when_it_is_again(
    sqlite_database: Database, events: list[str]
) -> None:
    at = [1000.0]
    lease = LeaseKeeper(sqlite_database, 15.0, clocks=lambda: (at[0],))
    assert lease.acquire()
    served, exits = beating(sqlite_database, lease)
    events.clear()
    served._beat()
    at[0] += 15
    served._beat()
    served._beat()
    lease.renew()
    served._beat()
    assert [each for each in events if each.startswith("lease")] == ["lease.not_renewed", "lease.renewed"]
    assert exits == []


def test_whoever_notices_that_another_one_leads_says_so_once(sqlite_database: Database, events: list[str]) -> None:
    """Passes may have met a dead connection only: a process that ended by its renewal's word said nothing of why."""
    lease: Any = SimpleNamespace(holds=lambda: False, asking_s=lambda: 0.0, trouble=None)
    served, exits = beating(sqlite_database, lease)
    for _ in range(2):
        served.lose(LeaseLost("another process leads"))
    assert events.count("lease.lost") == 1
    assert served._account.stop.is_set()
    assert (served._code, exits) == (1, [])


def test_a_database_that_can_be_read_and_not_be_written_to_does_not_look_well(
    sqlite_database: Database, told: list[str], events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk. Who renews the lease learns of it first; all who are asked say so, and once the log."""
    lease = LeaseKeeper(sqlite_database, 15.0)
    assert lease.acquire()
    served, _ = beating(sqlite_database, lease)

    def fail(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("syncd.state.lease.renew", fail)
        with pytest.raises(DatabaseUnavailable):
            lease.renew()
        served._tell()
        served._beat()
        served._beat()
    lease.renew()
    served._tell()
    served._beat()
    assert events.count("database.unavailable") == 1
    said = [word for word in told if "STATUS=" in word]
    assert "the database cannot be used: the disk is full" in said[0]
    assert "cannot be used" not in said[1]


def test_a_database_that_is_silent_ends_the_process(sqlite_database: Database, events: list[str]) -> None:
    """A connection that is dead without saying so is waited for without end."""
    lease: Any = SimpleNamespace(holds=lambda: False, asking_s=lambda: daemon.SILENT_DATABASE_S + 1, trouble=None)
    served, exits = beating(sqlite_database, lease)
    served._beat()
    assert exits == [1]
    assert "database.silent" in events


def test_how_long_a_renewal_has_waited_is_known_while_it_waits(database: Database) -> None:
    at = [1000.0]
    keeper = LeaseKeeper(database, 15.0, clocks=lambda: (at[0],))
    assert keeper.acquire()
    assert keeper.asking_s() == 0
    asked = threading.Event()
    waited: list[float] = []

    def renew() -> None:
        asked.set()
        keeper.renew()

    thread = threading.Thread(target=renew)
    with database.write():
        thread.start()
        assert asked.wait(10)
        while not keeper._asked:
            thread.join(0.001)
        at[0] += 7
        waited.append(keeper.asking_s())
    thread.join(30)
    assert waited == [7.0]
    assert keeper.asking_s() == 0


def test_a_lease_that_ended_is_not_taken_for_a_leader(database: Database) -> None:
    assert look(database, LEADER) is None
    keeper = LeaseKeeper(database, 60.0)
    assert keeper.acquire()
    held = look(database, LEADER)
    assert held is not None
    assert held.is_alive
    assert held.over_s < 0
    other = open_database(database.engine.url.render_as_string(hide_password=False))
    with other.write(fenced=False) as session:
        session.get_one(Lease, LEADER).expires_at -= timedelta(minutes=10)
    held = look(other, LEADER)
    assert held is not None
    assert not held.is_alive
    assert 500 < held.over_s < 600
    other.dispose()
    keeper.release()
    assert look(database, LEADER) is None
