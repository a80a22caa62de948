"""What the killed daemon got wrong under traffic and faults (``make chaos``), as the smallest case of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.engine import two_sides

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.core.model import StockEvent
    from syncd.state.engine import Database
    from tests.support.engine import Account


@pytest.mark.parametrize(("fault", "counted"), [("lost_before", 9), ("lost_before", 11), ("lost_after", 25)])
def test_a_stock_take_before_the_doubt_says_nothing_of_the_documents(
    database: Database, fault: str, counted: int
) -> None:
    """A movement without a document, counted long since, was held against the documents of the doubt."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    till, web = account.worlds["till"], account.worlds["web"]
    account.clock.advance(5)
    account.poll()
    account.clock.advance(20)
    till.count("t-A", counted)
    account.poll()
    account.clock.advance(20)
    till.faults.append(fault)
    web.sell("w-A", 1, reference="500")
    account.poll("web", "till")
    account.settle_down(3)
    assert account.findings() == []
    assert account.on_hand("A") == till.quantity("t-A") == web.quantity("w-A") == counted - 1


@pytest.mark.parametrize("returned", [1, 2])
@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
def test_a_return_of_long_ago_is_not_taken_for_a_new_one(database: Database, fault: str, returned: int) -> None:
    """A list that says what was returned since then, but not when: the return was counted long before the doubt."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    till, web = account.worlds["till"], account.worlds["web"]
    show_undated(account, "till")
    account.clock.advance(20)
    till.sell("t-A", -returned, reference="900")
    account.poll()
    account.clock.advance(60)
    till.faults.append(fault)
    web.sell("w-A", 1, reference="500")
    account.poll("web", "till")
    account.settle_down(3)
    assert account.findings() == []
    assert account.on_hand("A") == till.quantity("t-A") == web.quantity("w-A") == 10 + returned - 1


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
def test_an_order_cancelled_during_a_doubt_is_not_our_write(database: Database, fault: str) -> None:
    """Its document says zero from then on; that two units came back is said by what it was."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    till, web = account.worlds["till"], account.worlds["web"]
    sold = show_undated(account, "till")
    account.clock.advance(20)
    till.sell("t-A", 2, reference="900")
    sold |= {event.key: event for _, event in till.events}
    account.poll()
    account.clock.advance(60)
    till.faults.append(fault)
    web.sell("w-A", 2, reference="500")
    account.poll("web", "till")
    account.clock.advance(20)
    till.cancel("900", "t-A")
    account.settle_down(3)
    assert account.findings() == []
    assert account.on_hand("A") == till.quantity("t-A") == web.quantity("w-A") == 8


def test_many_doubts_do_not_ask_for_documents_one_by_one(database: Database) -> None:
    """Each asked twice for itself; a till at its rate limit was asked for longer than the daemon was left alive."""
    skus = [f"A{number}" for number in range(8)]
    account = two_sides(database, dict.fromkeys(skus, 10), dict.fromkeys(skus, 10))
    till, web, worker = account.worlds["till"], account.worlds["web"], account.workers["till"]
    show_undated(account, "till")
    account.clock.advance(20)
    for sku in skus:
        till.sell(f"t-{sku}", -1, reference=f"return {sku}")
    account.poll()
    account.clock.advance(60)
    for sku in skus:
        web.sell(f"w-{sku}", 1, reference=f"order {sku}")
        account.poll("web")
        till.faults.append("lost_after")
        worker.run("push", "test")
        account.clock.advance(1)
    assert len(account.operations("unknown")) == len(skus)
    adapter = worker.side.adapter
    read, asked = adapter.read_events, []

    def read_and_note(since: datetime) -> list[StockEvent]:
        asked.append(since)
        return read(since)

    adapter.read_events = read_and_note  # type: ignore[method-assign]
    account.clock.advance(61)
    account.poll("till")
    assert account.operations("unknown") == []
    assert len(asked) <= 3
    account.settle_down()
    assert [finding.message for finding in account.findings()] == []
    assert {account.on_hand(sku) for sku in skus} == {10}


def show_undated(account: Account, side: str) -> dict[str, StockEvent]:
    """Have the side's documents name what was returned or cancelled since a moment, but not when.

    Returns:
        Where tests put orders as they were before they are cancelled, by key.
    """
    world, adapter = account.worlds[side], account.workers[side].side.adapter
    sold: dict[str, StockEvent] = {}

    def read_events(since: datetime) -> list[StockEvent]:
        return [show(event, since) for _, event in world.events if event.occurred_at >= since]

    def show(event: StockEvent, since: datetime) -> StockEvent:
        now = account.clock()
        if event.key in sold and not event.quantity:
            former = sold[event.key]
            return replace(event, began_at=former.occurred_at, occurred_at=now, undone=-former.quantity)
        return replace(event, began_at=since, occurred_at=now) if event.quantity > 0 else event

    adapter.read_events = read_events  # type: ignore[method-assign]
    return sold
