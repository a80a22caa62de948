"""The clock of the machine is set by a day, forth or back, in the middle of whatever goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from syncd.service.freshness import read_health
from syncd.service.housekeeping import Housekeeping
from syncd.state.lease import LeaseKeeper
from tests.engine.test_retention import policy
from tests.faults.account import Shaken

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.core.model import StockEvent
    from syncd.state.engine import Database

DAY_S = 86400.0
STEPS = pytest.mark.parametrize("step_s", [DAY_S, -DAY_S], ids=["forth", "back"])


def between_reads(shaken: Shaken, step: Callable[[], None]) -> None:
    shaken.sell()
    step()
    shaken.sell()


def after_a_write(shaken: Shaken, step: Callable[[], None]) -> None:
    """Inside the time in which an old value is a cache."""
    shaken.sell()
    shaken.account.poll()
    shaken.account.poll()
    shaken.account.worlds["web"].stale = True
    step()
    shaken.sell()
    shaken.account.poll()
    shaken.account.worlds["web"].stale = False


def in_doubt(side: str, fault: str) -> Callable[[Shaken, Callable[[], None]], None]:
    def happen(shaken: Shaken, step: Callable[[], None]) -> None:
        shaken.sell()
        shaken.account.worlds[side].faults.append(fault)
        shaken.account.poll()
        step()
        shaken.account.poll()

    return happen


MOMENTS = [
    pytest.param(between_reads, id="between reads"),
    pytest.param(after_a_write, id="after a write"),
    pytest.param(in_doubt("till", "lost_before"), id="lost on the way to the till"),
    pytest.param(in_doubt("till", "lost_after"), id="lost on the way back from the till"),
    pytest.param(in_doubt("web", "lost_before"), id="lost on the way to the shop"),
    pytest.param(in_doubt("web", "lost_after"), id="lost on the way back from the shop"),
]


@STEPS
@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_is_lost_and_nothing_doubled(
    quick_database: Database, moment: Callable[[Shaken, Callable[[], None]], None], step_s: float
) -> None:
    """Clocks of the sides go right. An adapter takes off what a side's is ahead, so documents follow our own."""
    shaken = Shaken.over(quick_database)

    def step() -> None:
        shaken.account.clock.advance(step_s)
        ahead = timedelta(seconds=step_s)
        for world in shaken.account.worlds.values():
            world.events = [(tick, later(event, ahead)) for tick, event in world.events]
            world.before_write = {key: (was, at + ahead) for key, (was, at) in world.before_write.items()}

    moment(shaken, step)
    shaken.account.settle_down(3)
    shaken.recovers()


def later(event: StockEvent, by: timedelta) -> StockEvent:
    began = None if event.began_at is None else event.began_at + by
    return replace(event, began_at=began, occurred_at=event.occurred_at + by)


@STEPS
def test_a_lease_is_kept_or_taken_over_and_never_by_two(database: Database, step_s: float) -> None:
    at = [datetime(2026, 11, 27, 12, tzinfo=UTC)]
    clocks = [(100.0, 100.0)]
    holder = LeaseKeeper(database, 15, now=lambda: at[0], clocks=lambda: clocks[0])
    assert holder.acquire()
    at[0] += timedelta(seconds=step_s)
    clocks[0] = (101.0, 101.0 + step_s)
    assert holder.holds() is (step_s < 0)
    other = LeaseKeeper(database, 15, now=lambda: at[0])
    taken = other.acquire()
    # On PostgreSQL the server's clock counts, and that was not set.
    assert taken is (database.dialect == "sqlite")
    if not taken:
        holder.renew()
        assert holder.holds()


@STEPS
def test_health_says_what_it_knows(quick_database: Database, step_s: float) -> None:
    shaken = Shaken.over(quick_database)
    account = shaken.account
    sides = [SimpleNamespace(name=name, poll_seconds=15) for name in account.workers]
    config: Any = SimpleNamespace(sides=sides)

    def code() -> int:
        with account.db.read() as session:
            return read_health(session, config, account.clock()).code

    assert code() == 0
    account.clock.advance(step_s)
    assert code() == 1
    account.poll()
    assert code() == 0


@STEPS
def test_the_house_is_kept_by_a_clock_that_is_never_set(quick_database: Database, step_s: float) -> None:
    """What was recorded in times to come is young; pauses do not end early, nor never."""
    shaken = Shaken.over(quick_database)
    shaken.sell()
    shaken.account.poll()
    seconds = [0.0]
    house = Housekeeping(quick_database, policy(30), lambda: False, shaken.account.clock, lambda: seconds[0])
    before = len(shaken.account.movements())
    shaken.account.clock.advance(step_s)
    house.turn()
    assert len(shaken.account.movements()) == before
    seconds[0] += 25 * 3600
    house.turn()
    shaken.recovers()
