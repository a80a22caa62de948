"""Reading a simulated shop: everything, changes, by id; what a quiet cycle costs; what may happen meanwhile."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from syncd.core.model import EventKind, StockMode
from syncd.simulators.server import RequestRecord, SimRequest
from tests.support.woocommerce import SHOPS, Shop, by_sku, events, listings, simulated, variation_sku


def quantities(found: dict[str, Any]) -> dict[str, Decimal | None]:
    return {item.sku: item.quantity for item in found.values() if item.stock_mode is StockMode.OWN}


def routes(records: list[RequestRecord]) -> list[str]:
    return [urlsplit(record.target).path.removeprefix("/wp-json/wc/v3/") for record in records]


# -- everything


def test_everything_is_read_with_its_quantity(shop: Shop) -> None:
    found = listings(shop.read_all())
    stock = {sku: quantity for sku, quantity in shop.sim.people.stock().items() if quantity is not None}
    assert quantities(found) == stock
    groups = [item for item in found.values() if item.stock_mode is StockMode.GROUP]
    assert len(groups) == 3
    for group in groups:
        members = {
            item.ref.external_id for item in found.values() if item.ref.parent_external_id == group.ref.external_id
        }
        assert set(group.children or ()) == members


def test_pages_of_a_large_shop_are_complete() -> None:
    with simulated(250, 60) as shop:
        pages = shop.read_all()
        assert quantities(listings(pages)) == shop.sim.people.stock()
        assert all(len({item.ref for item in page.listings}) == len(page.listings) for page in pages)


def test_the_cursor_is_the_servers_clock_at_the_first_answer() -> None:
    with simulated(250, 30, clock_skew_seconds=500.0) as shop:
        shop.server.hooks.append(lambda request: shop.clock.move(1))
        shop.clock.move(200)
        first = shop.clock.now() + timedelta(seconds=501)
        shop.read_all()
        assert set(shop.cursor) == {"products", "variations", "orders", "refunds", "trash"}
        assert set(shop.cursor.values()) == {f"{first:%Y-%m-%dT%H:%M:%S}"}


def test_products_deleted_while_all_is_read_hide_no_other() -> None:
    with simulated(330, 0) as shop:
        doomed = iter(["S-00001", "S-00002", "S-00150", "S-00330"])

        def delete(_: SimRequest) -> None:
            if sku := next(doomed, None):
                shop.sim.people.delete(sku)

        shop.server.hooks.append(delete)
        assert quantities(listings(shop.read_all())).keys() >= shop.sim.people.stock().keys()


# -- quiet


def test_a_quiet_cycle_makes_five_requests(shop: Shop) -> None:
    shop.settled()
    counting = shop.counting()
    pages = shop.changes()
    made = routes(counting())
    old = shop.sim.settings.has_refunds_route is False
    assert made == (["orders"] if old else ["refunds", "orders"]) + ["products"] + (
        ["products"] if old else ["variations", "products"]
    )
    assert listings(pages) == {}
    assert len(pages) == 1


@pytest.mark.parametrize("restarted", [False, True])
def test_a_shop_filled_a_moment_ago_is_quiet_already(restarted: bool) -> None:
    with simulated(250, 60) as shop:
        shop.clock.move(11)
        shop.read_all()
        for _ in range(4):
            if restarted:
                shop.restart()
            counting = shop.counting()
            assert listings(shop.changes(seconds=5)) == {}
            assert len(counting()) == 5


def test_a_change_in_a_crowded_overlap_is_found() -> None:
    with simulated(250, 60) as shop:
        shop.clock.move(11)
        shop.read_all()
        for number in range(1, 6):
            sku, new = f"S-{number:05d}", number * 100
            shop.clock.move(2)
            shop.sim.people.set_stock(sku, new)
            assert by_sku(shop.changes(seconds=3), sku).quantity == new
        shop.changes(seconds=100)
        counting = shop.counting()
        assert listings(shop.changes(seconds=100)) == {}
        assert len(counting()) == 5


def test_times_are_sent_as_gmt_without_a_zone(shop: Shop) -> None:
    shop.settled()
    shop.sim.people.order([{"sku": "S-00001", "quantity": 1}])
    shop.changes()
    asked = [parse_qs(urlsplit(record.target).query) for record in shop.server.requests()]
    dated = [query for query in asked if "modified_after" in query or "modified_before" in query]
    assert dated
    for query in dated:
        assert query["dates_are_gmt"] == ["true"]
        for name in ("modified_after", "modified_before"):
            for value in query.get(name, []):
                assert len(value) == len("2026-11-23T12:00:00")


# -- changes


def test_a_stock_change_by_hand_is_found(shop: Shop) -> None:
    shop.settled()
    sku = variation_sku(shop)
    shop.sim.people.set_stock("S-00001", 77)
    shop.sim.people.set_stock(sku, 78)
    pages = shop.changes()
    assert by_sku(pages, "S-00001").quantity == 77
    assert by_sku(pages, sku).quantity == 78


def test_an_order_is_seen_where_it_moves_no_dates(shop: Shop) -> None:
    shop.sim.settings.orders_bump_dates = False
    shop.settled()
    sku = variation_sku(shop)
    before = shop.sim.people.stock()
    shop.sim.people.order([{"sku": "S-00001", "quantity": 2}, {"sku": sku, "quantity": 1}])
    pages = shop.changes()
    assert by_sku(pages, "S-00001").quantity == (before["S-00001"] or 0) - 2
    assert by_sku(pages, sku).quantity == (before[sku] or 0) - 1
    assert [event.quantity for event in events(pages)] == [-2, -1]


@pytest.mark.parametrize("bumps", [True, False])
def test_an_order_in_the_overlap_costs_nothing_twice(shop: Shop, bumps: bool) -> None:
    shop.sim.settings.orders_bump_dates = bumps
    shop.settled()
    quiet = shop.counting()
    shop.changes()
    usual = len(quiet())
    shop.sim.people.order([{"sku": "S-00001", "quantity": 2}])
    shop.changes(seconds=10)
    counting = shop.counting()
    assert events(shop.changes(seconds=10)) == []
    assert len(counting()) == usual


def test_a_cancelled_order_takes_its_evidence_back(shop: Shop) -> None:
    shop.sim.settings.orders_bump_dates = False
    shop.settled()
    before = shop.sim.people.stock()["S-00001"]
    order = shop.sim.people.order([{"sku": "S-00001", "quantity": 2}])["order"]
    (sold,) = events(shop.changes(seconds=10))
    shop.sim.people.cancel_order(order)
    pages = shop.changes(seconds=10)
    (undone,) = events(pages)
    assert (undone.key, sold.quantity, undone.quantity) == (sold.key, Decimal(-2), Decimal(0))
    assert by_sku(pages, "S-00001").quantity == before


def test_an_order_that_was_cancelled_before_it_was_read_says_what_came_and_went(shop: Shop) -> None:
    """Its line bears no mark of stock any more; what was wanted is all that is left of it."""
    shop.settled()
    order = shop.sim.people.order([{"sku": "S-00001", "quantity": 2}])["order"]
    shop.sim.people.cancel_order(order)
    (event,) = events(shop.changes(seconds=10))
    assert (event.quantity, event.undone) == (Decimal(0), Decimal(2))
    assert event.began_at is not None


@pytest.mark.parametrize("bumps", [True, False])
def test_a_restocking_refund_is_seen(shop: Shop, bumps: bool) -> None:
    shop.sim.settings.refund_bumps_order = bumps
    shop.settled()
    before = shop.sim.people.stock()["S-00001"] or 0
    order = shop.sim.people.order([{"sku": "S-00001", "quantity": 3}])["order"]
    shop.changes(seconds=100)
    shop.changes(seconds=100)
    shop.sim.people.refund(order, [{"sku": "S-00001", "quantity": 1}])
    pages = shop.changes(seconds=10)
    assert by_sku(pages, "S-00001").quantity == before - 2
    if shop.sim.settings.has_refunds_route or bumps:
        assert [(event.kind, event.quantity) for event in events(pages)] == [
            (EventKind.ORDER, Decimal(-3)),
            (EventKind.REFUND, Decimal(1)),
        ]
        sold, refunded = events(pages)
        assert refunded.occurred_at - sold.occurred_at >= timedelta(seconds=0 if bumps else 100), (
            "the refund's own date"
        )
    counting = shop.counting()
    assert events(shop.changes(seconds=10)) == []
    assert len(counting()) <= 5


def test_a_refund_is_seen_where_nothing_but_the_refund_shows_it() -> None:
    with simulated(orders_bump_dates=False, refund_bumps_order=False) as shop:
        shop.settled()
        order = shop.sim.people.order([{"sku": "S-00001", "quantity": 3}])["order"]
        shop.changes(seconds=100)
        shop.changes(seconds=100)
        shop.restart()
        shop.sim.people.refund(order, [{"sku": "S-00001", "quantity": 2}])
        assert by_sku(shop.changes(), "S-00001").quantity == shop.sim.people.stock()["S-00001"]


def test_a_refund_that_restocks_nothing_moves_nothing(shop: Shop) -> None:
    shop.settled()
    order = shop.sim.people.order([{"sku": "S-00001", "quantity": 3}])["order"]
    shop.changes()
    shop.sim.people.refund(order, [{"sku": "S-00001", "quantity": 1}], restock=False)
    assert sum(event.quantity for event in events(shop.changes())) in (0, -3)


def test_a_line_taken_out_of_an_order_counts_zero(shop: Shop) -> None:
    shop.settled()
    order = shop.sim.people.order([{"sku": "S-00001", "quantity": 3}, {"sku": "S-00002", "quantity": 1}])["order"]
    first, second = events(shop.changes())
    line = int(first.key.rsplit(":", 1)[1])
    shop.adapter._client.post(f"orders/{order}", {"line_items": [{"id": line, "quantity": 0}]})
    found = {event.key: event.quantity for event in events(shop.changes())}
    assert found[first.key] == 0
    assert found.get(second.key, Decimal(-1)) == -1


def test_evidence_can_be_asked_for_again(shop: Shop) -> None:
    shop.settled()
    since = shop.clock.now()
    shop.clock.move(5)
    shop.sim.people.order([{"sku": "S-00001", "quantity": 2}])
    first = events(shop.changes())
    assert shop.adapter.read_events(since) == first
    shop.clock.move(100)
    assert shop.adapter.read_events(shop.clock.now()) == []


def test_changes_that_were_not_taken_are_told_again(shop: Shop) -> None:
    shop.sim.settings.orders_bump_dates = False
    shop.settled()
    shop.sim.people.order([{"sku": "S-00001", "quantity": 2}])
    shop.clock.move(10)
    for page in shop.adapter.read_changes(shop.cursor):
        assert page.events
        break
    pages = shop.changes(seconds=10)
    assert [event.quantity for event in events(pages)] == [-2]
    assert by_sku(pages, "S-00001").quantity == shop.sim.people.stock()["S-00001"]


@pytest.mark.parametrize("bumps", [True, False])
@pytest.mark.parametrize("at", range(6))
def test_an_order_between_any_two_requests_is_seen_in_the_end(at: int, bumps: bool) -> None:
    with simulated(orders_bump_dates=bumps) as shop:
        shop.settled()
        shop.sim.people.set_stock("S-00001", 50)
        turns = iter(range(100))

        def buy(_: SimRequest) -> None:
            if next(turns) == at:
                shop.sim.people.order([{"sku": "S-00001", "quantity": 1}])

        shop.server.hooks.append(buy)
        last = {**listings(shop.changes(seconds=5)), **listings(shop.changes(seconds=5))}
        assert quantities(last)["S-00001"] == 49


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("settings", SHOPS)
def test_a_busy_shop_is_known_exactly_once_it_rests(settings: dict[str, Any], seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - invented customers, not secrets
    with simulated(120, 30, orders_bump_dates=bool(seed % 2), **settings) as shop:
        skus = sorted(sku for sku, stock in shop.sim.people.stock().items() if stock is not None)
        orders: list[int] = []

        def live(_: SimRequest) -> None:
            shop.clock.move(rng.choice([0, 0, 1]))
            match rng.randrange(4):
                case 0:
                    orders.append(shop.sim.people.order([{"sku": rng.choice(skus), "quantity": 1}])["order"])
                case 1:
                    shop.sim.people.set_stock(rng.choice(skus), rng.randrange(50))
                case 2 if orders:
                    shop.sim.people.cancel_order(orders.pop())

        shop.server.hooks.append(live)
        known = listings(shop.read_all())
        for _ in range(6):
            known |= listings(shop.changes(seconds=7))
        shop.server.hooks.clear()
        known |= listings(shop.changes(seconds=7))
        assert quantities(known) == shop.sim.people.stock()


def test_without_a_cursor_products_are_read_and_old_orders_are_not(shop: Shop) -> None:
    shop.sim.people.order([{"sku": "S-00001", "quantity": 1}])
    pages = shop.changes(seconds=100)
    assert quantities(listings(pages)) == shop.sim.people.stock()
    assert events(pages) == []
    assert set(shop.cursor) >= {"products", "variations", "orders", "trash"}
    assert events(shop.changes(seconds=100)) == []


def test_a_server_clock_that_was_set_back_hides_nothing() -> None:
    with simulated() as shop:
        shop.settled()
        shop.sim.settings.clock_skew_seconds = -3600.0
        shop.sim.people.set_stock("S-00001", 77)
        assert by_sku(shop.changes(), "S-00001").quantity == 77
        shop.sim.people.set_stock("S-00002", 78)
        assert by_sku(shop.changes(), "S-00002").quantity == 78
