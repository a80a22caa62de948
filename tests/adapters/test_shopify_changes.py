"""What changes cost: each is read once, and a read that follows on does not repeat what the last one brought."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from syncd.testing.goods import GOODS, SIMPLE, VARIATION
from syncd.testing.reading import write
from tests.conformance.drivers_shopify import open_shopify


@pytest.fixture
def side() -> Iterator[Any]:
    with open_shopify(GOODS) as opened:
        yield opened


def changes(side: Any, cursor: Any) -> tuple[dict[str, Any], list[str], Any]:
    """Quantities by SKU, keys of documents, and the next cursor."""
    found: dict[str, Any] = {}
    events: list[str] = []
    for page in side.adapter.read_changes(cursor):
        found |= {one.sku: one.quantity for one in page.listings if one.sku}
        events += [event.key for event in page.events]
        cursor = page.cursor or cursor
    return found, events, cursor


def begin(side: Any) -> Any:
    (cursor,) = [page.cursor for page in side.adapter.read_all() if page.cursor]
    side.pass_time(300)
    return cursor


def points_asked(side: Any) -> list[float]:
    """What each operation from now on may cost at most."""
    seen: list[float] = []
    bucket = side.sim._bucket
    take = bucket.take

    def note(points: float) -> bool:
        seen.append(points)
        return bool(take(points))

    bucket.take = note
    return seen


def test_what_was_brought_is_not_brought_again_by_the_read_that_follows(side: Any) -> None:
    cursor = begin(side)
    side.receive(SIMPLE, 2)
    side.rename(GOODS[2].sku, "Other")
    side.sell(VARIATION, 1)
    side.pass_time(10)
    first, documents, cursor = changes(side, cursor)
    assert {SIMPLE, GOODS[2].sku, VARIATION} <= first.keys()
    assert len(documents) == 1
    side.pass_time(10)
    before = len(side.exchanges())
    assert changes(side, cursor)[:2] == ({}, [])
    assert len(side.exchanges()) - before == 5


def test_what_changes_again_is_brought_again(side: Any) -> None:
    cursor = begin(side)
    for pieces in (2, 3):
        side.receive(SIMPLE, pieces)
        side.pass_time(10)
        found, _, cursor = changes(side, cursor)
        assert found.get(SIMPLE) == side.stock()[SIMPLE]


def test_a_second_change_within_the_same_second_is_not_missed(side: Any) -> None:
    """Times of change are told in whole seconds."""
    cursor = begin(side)
    side.receive(SIMPLE, 2)
    _, _, cursor = changes(side, cursor)
    side.receive(SIMPLE, 3)
    side.pass_time(10)
    assert changes(side, cursor)[0].get(SIMPLE) == side.stock()[SIMPLE]


def test_a_read_that_was_given_up_leaves_nothing_out(side: Any) -> None:
    """The engine asks from the same cursor again: what it had not committed comes again."""
    cursor = begin(side)
    side.receive(SIMPLE, 2)
    side.pass_time(10)
    for page in side.adapter.read_changes(cursor):
        if page.listings:
            break
    assert SIMPLE in changes(side, cursor)[0]
    assert SIMPLE in changes(side, cursor)[0]


def test_a_change_that_the_index_shows_late_is_brought(side: Any) -> None:
    _, _, cursor = changes(side, begin(side))
    side.pass_time(300)
    side.sim.settings.index_lag_seconds = 60
    side.receive(SIMPLE, 2)
    side.pass_time(30)
    found, _, cursor = changes(side, cursor)
    assert SIMPLE not in found
    side.pass_time(40)
    assert changes(side, cursor)[0].get(SIMPLE) == side.stock()[SIMPLE]


def test_a_quiet_read_asks_for_small_pages(side: Any) -> None:
    """All of a page must be paid for in advance, and an empty bucket fills by 100 points a second."""
    cursor = begin(side)
    side.pass_time(600)
    _, _, cursor = changes(side, cursor)
    side.pass_time(600)
    seen = points_asked(side)
    side.pass_time(60)
    changes(side, cursor)
    assert len(seen) == 5
    assert max(seen) < 750
    assert sum(seen) < 1000


def test_a_look_before_writes_costs_what_its_kind_costs(side: Any) -> None:
    seen = points_asked(side)
    begin(side)
    seen.clear()
    side.adapter.write_stock([write(side.ref(SIMPLE), 1), write(side.ref(VARIATION), 1, key="op-2")])
    assert seen == [19, 13, 20]


def test_an_order_of_many_lines_that_is_cancelled_holds_up_nothing(side: Any) -> None:
    """Its refund has more lines than one answer shows."""
    skus = [f"X-{number}" for number in range(130)]
    for sku in skus:
        side.sim.people.create_product(sku, f"Many {sku}", 5)
    cursor = begin(side)
    order = side.sim.people.order([{"sku": sku, "quantity": 1} for sku in skus])["order"]
    side.sim.people.cancel_order(order)
    events = [event for page in side.adapter.read_changes(cursor) for event in page.events]
    assert len(events) == len(skus)
    assert {(event.quantity, event.undone) for event in events} == {(0, 1)}
