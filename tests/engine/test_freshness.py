"""Whether all is well: each side in both directions, and no state of the daemon that looks better than it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from syncd.errors import Transient
from syncd.service.freshness import STALE_WRITE_S, Freshness, Health, ago, judge, read_health
from syncd.state.models import Listing, Operation
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from syncd.state.engine import Database


def health(account: Account, *sides: str) -> Health:
    names = sides or tuple(account.workers)
    config: Any = SimpleNamespace(sides=[SimpleNamespace(name=name, kind="memory", poll_seconds=15) for name in names])
    with account.db.read() as session:
        return read_health(session, config, account.clock())


def of(account: Account, side: str) -> Freshness:
    (found,) = (each for each in health(account).sides if each.side == side)
    return found


def test_a_quiet_account_is_well(database: Database) -> None:
    account = two_sides(database, {"A": 5}, {"A": 5})
    account.clock.advance(30)
    found = health(account)
    assert (found.code, found.problems) == (0, ())
    assert [(side.read_age_s, side.unsent_s) for side in found.sides] == [(30, 0), (30, 0)]


def test_a_side_that_nobody_reads_is_stale_and_only_that(sqlite_database: Database) -> None:
    account = two_sides(sqlite_database, {"A": 5}, {"A": 5})
    account.clock.advance(151)
    account.poll("till")
    found = health(account)
    assert [(side.side, side.read_stale, side.write_stale) for side in found.sides] == [
        ("till", False, False),
        ("web", True, False),
    ]
    assert (found.code, found.problems) == (1, ("web was not read for 3 min",))
    assert health(account, "till", "other").problems == ("other was never read",)


def test_a_change_that_is_not_sent_is_seen_although_the_side_is_read(database: Database) -> None:
    """Reads of the shop go on; what was sold at the till never gets there."""
    account = two_sides(database, {"A": 5}, {"A": 5})
    account.clock.advance(20)
    account.poll()
    account.worlds["till"].sell("t-A", 1)
    account.clock.advance(10)
    account.poll("till")
    account.worlds["web"].faults[:] = ["refused_connection"] * 1000
    assert of(account, "web").unsent_s == 10
    for _ in range(4):
        account.clock.advance(100)
        account.poll()
    shop = of(account, "web")
    assert (shop.unsent_s, shop.pending, shop.read_stale, shop.write_stale) == (410, 1, False, False)
    account.clock.advance(STALE_WRITE_S)
    account.poll()
    found = health(account)
    assert (found.code, found.problems) == (1, ("changes have waited for web for 17 min",))
    account.worlds["web"].faults.clear()
    account.poll()
    assert (of(account, "web").unsent_s, health(account).code) == (0, 0)


def test_an_outage_is_not_the_age_of_a_change_that_came_after_it(sqlite_database: Database) -> None:
    account = two_sides(sqlite_database, {"A": 5}, {"A": 5})

    def broken(_cursor: Any) -> Any:
        raise Transient("web", "GET /", "nobody there")

    account.workers["web"].side.adapter.read_changes = broken  # type: ignore[method-assign, assignment]
    account.clock.advance(7000)
    account.poll()
    account.worlds["till"].sell("t-A", 1)
    account.clock.advance(5)
    account.poll("till")
    shop = of(account, "web")
    assert (shop.unsent_s, shop.read_stale) == (5, True)


def test_a_change_for_a_side_whose_passes_ended_grows_old(sqlite_database: Database) -> None:
    account = two_sides(sqlite_database, {"A": 5}, {"A": 5})
    worker = account.workers.pop("web")
    account.worlds["till"].sell("t-A", 1)
    account.poll("till")
    account.clock.advance(STALE_WRITE_S + 1)
    account.poll("till")
    account.workers["web"] = worker
    assert of(account, "web").write_stale
    assert not of(account, "till").write_stale


def test_what_waits_for_a_person_or_was_refused_makes_nothing_stale(sqlite_database: Database) -> None:
    account = two_sides(sqlite_database, {"A": 5, "B": 5}, {"A": 5, "B": 5})
    web = account.worlds["web"]
    web.faults[:] = ["lost_after"]
    account.worlds["till"].sell("t-A", 1)
    account.poll("till")
    account.poll("web")
    (doubted,) = account.operations("unknown")
    account.clock.advance(STALE_WRITE_S + 1)
    assert of(account, "web").write_stale
    for state in ("parked", "rejected"):
        with account.db.write() as session:
            session.get_one(Operation, doubted.id).state = state
            session.get_one(Listing, doubted.listing_id).pending = state == "parked"
        assert of(account, "web").unsent_s == 0


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        ({}, 0),
        ({("oversell", "error"): 3}, 0),
        ({("parked", "error"): 1}, 3),
        ({("safety_stop", "error"): 1, ("side_empty", "error"): 2}, 3),
        ({("safety_stop", "error"): 1, ("reauthorisation", "error"): 1}, 5),
        ({("permission_missing", "error"): 1}, 5),
    ],
)
def test_what_a_person_must_do_comes_first(kinds: dict[tuple[str, str], int], code: int) -> None:
    stale = Freshness("web", 1000, 0.0, 0, read_stale=True, write_stale=False)
    fine = Freshness("web", 1, 0.0, 0, read_stale=False, write_stale=False)
    assert judge([fine], kinds)[0] == code
    assert judge([stale], kinds)[0] == (code or 1)
    assert len(judge([fine], kinds)[1]) == (len(kinds) if code else 0)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (119, "119 s"), (7199, "120 min"), (9000, "2 h"), (1e6, "12 days")]
)
def test_durations_are_for_people(seconds: float, words: str) -> None:
    assert ago(seconds) == words


def test_a_read_in_times_to_come_says_nothing_of_now(sqlite_database: Database) -> None:
    """The clock was set back by a day, and the side is away since: it must not look fresh until tomorrow."""
    account = two_sides(sqlite_database, {"A": 5}, {"A": 5})
    account.clock.advance(-86400)
    account.poll("till")
    assert [(side.side, side.read_stale) for side in health(account).sides] == [("till", False), ("web", True)]
    assert health(account).problems == ("web was not read since the clock was set back",)
    account.poll("web")
    account.clock.advance(-20)
    assert health(account).code == 0


def test_a_change_that_waits_is_seen_although_the_clock_was_set_back(sqlite_database: Database) -> None:
    account = two_sides(sqlite_database, {"A": 5}, {"A": 5})
    account.clock.advance(-86400)
    account.worlds["till"].sell("t-A", 1)
    account.poll("till")
    account.worlds["web"].faults[:] = ["refused_connection"] * 1000
    account.poll("web")
    account.clock.advance(STALE_WRITE_S + 1)
    account.poll("web")
    assert of(account, "web").write_stale
