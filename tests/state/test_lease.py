from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from syncd.errors import LeaseLost, SyncdError
from syncd.state import lease
from syncd.state.engine import Database, open_database
from syncd.state.lease import LeaseKeeper, acquire, release, renew
from syncd.state.models import Lease
from syncd.state.process import Process
from tests.support import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

TTL_S = 60.0

HOLD = """
import sys
from syncd.state.engine import open_database
from syncd.state.lease import acquire
from syncd.state.process import Process
database = open_database(sys.argv[1])
print(acquire(database, "leader", str(Process.this()), 60), flush=True)
sys.stdin.read()
"""


def later(seconds: float) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) + timedelta(seconds=seconds)


def end_now(database: Database, name: str = "leader") -> None:
    """As if the time of the lease had passed, on whichever clock counts."""
    with database.write(fenced=False) as session:
        session.get_one(Lease, name).expires_at = datetime.now(UTC) - timedelta(hours=1)


@contextmanager
def holding_process(url: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "1"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_lease_has_one_owner_and_a_number_that_grows_with_each_change(database: Database) -> None:
    assert acquire(database, "leader", "a", TTL_S) == 1
    assert acquire(database, "leader", "b", TTL_S) is None
    assert acquire(database, "leader", "a", TTL_S) == 1
    end_now(database)
    assert acquire(database, "leader", "b", TTL_S) == 2
    assert acquire(database, "leader", "a", TTL_S) is None
    assert acquire(database, "another", "a", TTL_S) == 1


def test_renewing_works_until_another_one_took_it(database: Database) -> None:
    assert acquire(database, "leader", "a", TTL_S) == 1
    end_now(database)
    assert renew(database, "leader", 1, TTL_S)
    assert acquire(database, "leader", "b", TTL_S) is None
    end_now(database)
    assert acquire(database, "leader", "b", TTL_S) == 2
    assert not renew(database, "leader", 1, TTL_S)
    assert not renew(database, "never taken", 1, TTL_S)


def test_a_released_lease_is_free_at_once_and_its_number_is_spent(database: Database) -> None:
    assert acquire(database, "leader", "a", TTL_S) == 1
    release(database, "leader", 1)
    assert lease.holder(database, "leader") is None
    assert not renew(database, "leader", 1, TTL_S)
    fence = acquire(database, "leader", "b", TTL_S)
    assert fence is not None
    assert fence > 1
    release(database, "leader", 1)
    assert lease.holder(database, "leader") == "b"


def test_of_many_that_try_at_once_one_wins(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda owner: acquire(database, "leader", f"o{owner}", TTL_S), range(8)))
    assert sorted(results, key=str) == [1, *[None] * 7]


def test_only_the_clock_of_the_database_counts_on_postgresql(database: Database) -> None:
    assert acquire(database, "leader", "a", TTL_S) == 1
    taken = acquire(database, "leader", "b", TTL_S, now=later(3600))
    # On SQLite both are on one machine, so a later time there is a later time.
    assert taken == (2 if database.dialect == "sqlite" else None)


def test_a_clock_that_was_set_back_does_not_lock_everyone_out(sqlite_database: Database) -> None:
    assert acquire(sqlite_database, "leader", "a", TTL_S, now=later(86_400)) == 1
    assert acquire(sqlite_database, "leader", "b", TTL_S) == 2


def test_a_process_that_was_killed_holds_nothing(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    with holding_process(url) as process:
        assert acquire(database, "leader", "me", TTL_S) is None
        process.kill()
        process.wait()
        assert acquire(database, "leader", "me", TTL_S) == 2


def test_who_cannot_be_seen_from_here_is_not_declared_dead() -> None:
    this = Process.this()
    assert Process.parse(str(this)) == this
    assert not this.is_dead()
    gone = Process(this.host, 2**22 + 1, this.scope, "1", "n")
    assert gone.is_dead() == bool(this.scope)
    assert not Process(this.host, gone.pid, "other-boot", "1", "n").is_dead()
    assert not Process(this.host, gone.pid, "", "1", "n").is_dead()
    assert Process(this.host, this.pid, this.scope, "1", "n").is_dead() == bool(this.scope)
    assert Process.parse("somebody") is None
    assert Process.parse("host pid x [a/b/c]") is None


def test_the_former_holder_cannot_write(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    other = open_database(url)
    first, second = LeaseKeeper(database, TTL_S), LeaseKeeper(other, TTL_S)
    assert first.acquire()
    assert not second.acquire()
    with database.write() as session:
        rows.item(session, 1)
    end_now(database)
    assert second.acquire()
    with pytest.raises(LeaseLost), database.write() as session:
        rows.item(session, 1)
    with pytest.raises(LeaseLost, match=r"held by .* pid"):
        first.renew()
    with other.write() as session:
        rows.item(session, 1)
    other.dispose()


def test_after_a_release_even_the_own_late_write_is_refused(database: Database) -> None:
    keeper = LeaseKeeper(database, TTL_S)
    assert keeper.acquire()
    keeper.release()
    assert keeper.holder() is None
    with pytest.raises(LeaseLost), database.write():
        pass


@pytest.mark.parametrize("clock", ["uptime", "wall"])
def test_a_holder_knows_by_its_own_clocks_when_it_may_have_been_replaced(database: Database, clock: str) -> None:
    """Either clock may be the one that noticed the pause."""
    at = {"uptime": 1000.0, "wall": 5000.0}
    keeper = LeaseKeeper(database, TTL_S, clocks=lambda: tuple(at.values()))
    assert not keeper.holds()
    assert keeper.acquire()
    at[clock] += TTL_S - 1
    assert keeper.holds()
    at[clock] += 1
    assert not keeper.holds()
    keeper.renew()
    assert keeper.holds()
    keeper.release()
    assert not keeper.holds()


def test_a_renewal_counts_from_when_it_was_asked_for(database: Database) -> None:
    """The answer may have been on its way for minutes, and the lease have ended meanwhile."""
    at = [1000.0]

    def clocks() -> tuple[float, ...]:
        return (at[0],)

    def slow_commit(_connection: Connection) -> None:
        at[0] += TTL_S

    keeper = LeaseKeeper(database, TTL_S, clocks=clocks)
    event.listen(database.engine, "commit", slow_commit)
    assert keeper.acquire()
    acquired = keeper.holds()
    keeper.renew()
    renewed = keeper.holds()
    event.remove(database.engine, "commit", slow_commit)
    assert (acquired, renewed) == (False, False)
    keeper.renew()
    assert keeper.holds()


def test_who_lost_the_lease_knows_it_from_then_on(database: Database) -> None:
    keeper = LeaseKeeper(database, TTL_S)
    assert keeper.acquire()
    end_now(database)
    assert acquire(database, "leader", "other", TTL_S) == 2
    with pytest.raises(LeaseLost):
        keeper.renew()
    assert not keeper.holds()


def test_a_keeper_renews_and_tells_when_it_lost(database: Database) -> None:
    other = open_database(database.engine.url.render_as_string(hide_password=False))
    told: SimpleQueue[SyncdError] = SimpleQueue()
    keeper = LeaseKeeper(database, 0.3, on_lost=told.put)
    assert keeper.acquire()
    keeper.start()
    with database.read() as session:
        first = session.get_one(Lease, "leader").expires_at
    renewed = first
    while renewed == first:
        with database.read() as session:
            renewed = session.get_one(Lease, "leader").expires_at
    with other.write(fenced=False) as session:
        row = session.get_one(Lease, "leader")
        row.owner, row.fence = "other", row.fence + 1
    lost = told.get(timeout=30)
    keeper.release()
    assert "held by other now" in str(lost)
    assert lease.holder(other, "leader") == "other"
    other.dispose()
