"""Looks at a side while the outcome of a write is unknown: what a person books meanwhile makes nothing ambiguous."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncd.core.model import Quantity
from syncd.errors import Transient
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.core.model import StockEvent
    from syncd.state.engine import Database


def _lost(database: Database, fault: str) -> Account:
    """A web order of 2 whose booking at the till met a fault."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    account.worlds["till"].faults.append(fault)
    account.worlds["web"].sell("w-A", 2, reference="77")
    account.poll("web")
    account.poll("till")
    return account


def _both(account: Account) -> tuple[int, int]:
    return int(account.worlds["till"].quantity("t-A")), int(account.worlds["web"].quantity("w-A"))


@pytest.mark.parametrize("receipt", [24, 2, -1])
def test_a_receipt_during_the_doubt_parks_nothing_if_the_write_was_seen(database: Database, receipt: int) -> None:
    account = _lost(database, "lost_after")
    account.clock.advance(15)
    account.poll("till")
    account.worlds["till"].sell("t-A", -receipt)
    for _ in range(6):
        account.clock.advance(15)
        account.poll()
    assert [operation.state for operation in account.operations()] == ["confirmed", "confirmed"]
    assert _both(account) == (8 + receipt, 8 + receipt)
    assert account.findings() == []


def test_the_first_look_is_taken_at_once(database: Database) -> None:
    account = _lost(database, "lost_after")
    (operation,) = account.operations("unknown")
    assert operation.looks is not None
    assert '"8"' in operation.looks


def test_a_write_that_takes_effect_between_two_looks_is_seen(database: Database) -> None:
    account = _lost(database, "late")
    for _ in range(3):
        account.clock.advance(15)
        account.poll("till")
    account.worlds["till"].sell("t-A", -24)
    for _ in range(4):
        account.clock.advance(15)
        account.poll()
    assert _both(account) == (32, 32)
    assert account.findings() == []


def test_a_look_after_the_request_must_be_over_settles_it_whatever_comes_later(database: Database) -> None:
    """The documents could not be read for a while, as when the process is killed each time it tries."""
    account = _lost(database, "lost_before")
    adapter = account.workers["till"].side.adapter
    read_events = adapter.read_events

    def fail(since: object) -> list[StockEvent]:
        raise Transient("till", f"GET orders since {since}", "no route to host")

    adapter.read_events = fail  # type: ignore[method-assign]
    for _ in range(7):
        account.clock.advance(15)
        account.poll("till")
    account.worlds["till"].sell("t-A", -24)
    account.clock.advance(15)
    account.poll("till")
    adapter.read_events = read_events  # type: ignore[method-assign]
    for _ in range(3):
        account.clock.advance(15)
        account.poll()
    assert _both(account) == (32, 32)
    assert [finding.kind for finding in account.findings()] == []


def test_a_receipt_in_the_same_moments_as_a_write_that_may_come_late_is_parked(database: Database) -> None:
    """Not applied and +24, or applied late and +26: nobody can tell."""
    account = _lost(database, "lost_before")
    account.worlds["till"].sell("t-A", -24)
    for _ in range(6):
        account.clock.advance(15)
        account.poll()
    assert [finding.kind for finding in account.findings()] == ["parked"]


def test_a_look_that_may_be_a_cache_of_before_the_shadow_proves_nothing(database: Database) -> None:
    """The till held 12 a moment ago, 10 by now; an old answer shows 12, which is +2: just what was sent."""
    account = two_sides(database, {"A": 12}, {"A": 12})
    account.clock.advance(60)
    till = account.worlds["till"]
    till.sell("t-A", 2, reference="900001")
    account.poll("till")
    till.faults.append("lost_before")
    account.worlds["web"].sell("w-A", -2)
    account.poll("web")
    listing = till.things["t-A"].listing
    till.stale, till.stale_s = True, 9
    till.before_write["t-A"] = (replace(listing, quantity=Quantity(12)), account.clock())
    account.poll("till")
    till.stale = False
    for _ in range(6):
        account.clock.advance(15)
        account.poll()
    assert [operation.state for operation in account.operations() if operation.settled_by != "answer"] == ["cancelled"]
    assert _both(account) == (12, 12)


def test_returns_of_after_the_look_that_settles_it_do_not_blur_it(database: Database) -> None:
    """Seen under chaos: of returns a till says only that they are listed since a moment.

    A stock-take of just what had been sent came later. The looks had shown long before that it had no effect.
    """
    account = _lost(database, "lost_before")
    adapter, till = account.workers["till"].side.adapter, account.worlds["till"]
    read_events = adapter.read_events

    def vaguely(since: datetime) -> list[StockEvent]:
        return [replace(event, began_at=min(since, event.occurred_at)) for event in read_events(since)]

    def fail(since: object) -> list[StockEvent]:
        raise Transient("till", f"GET orders since {since}", "no route to host")

    adapter.read_events = fail  # type: ignore[method-assign]
    for _ in range(7):
        account.clock.advance(15)
        account.poll("till")
    till.count("t-A", 8)
    for number in range(3):
        account.clock.advance(20)
        till.sell("t-A", -1, reference=f"return {number}")
    account.clock.advance(60)
    adapter.read_events = vaguely  # type: ignore[method-assign]
    for _ in range(4):
        account.clock.advance(15)
        account.poll()
    assert account.operations()[0].state == "cancelled"
    assert _both(account) == (9, 9)
