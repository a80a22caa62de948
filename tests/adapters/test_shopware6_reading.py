"""What is peculiar to reading a Shopware 6 shop: one list of products and variants, orders that leave no date."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.core.fields import GTIN, PRICE, TAX_RATE
from syncd.core.model import ZERO, StockMode
from syncd.testing.goods import GOODS, SIMPLE, VARIATION, VARIED
from syncd.testing.reading import Found, read
from tests.support.shopware6 import Stand, shop

OLD, NEW = "6.7.3.1", "6.7.4.0"


def _known(stand: Stand) -> Found:
    found = read(stand.adapter.read_all())
    stand.clock.seconds += 200
    read(stand.adapter.read_changes(found.cursor), found)
    stand.clock.seconds += 200
    return found


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_sale_is_read_whether_it_moves_the_date_of_its_product_or_not(version: str) -> None:
    with shop(GOODS, version=version) as stand:
        cursor = _known(stand).cursor
        dates = {row["updatedAt"] for row in stand.sim.shop.rows("product").values()}
        stand.sim.people.order([{"sku": SIMPLE, "quantity": 3}])
        moved = {row["updatedAt"] for row in stand.sim.shop.rows("product").values()} != dates
        assert moved is (version == NEW)
        found = read(stand.adapter.read_changes(cursor))
        assert found.sku(SIMPLE).quantity == stand.sim.people.stock()[SIMPLE]
        assert [event.quantity for event in found.events.values()] == [-3]


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_line_that_was_edited_alone_is_seen(version: str) -> None:
    """Its order's row stays as it was; before 6.7.4 so does the product's."""
    with shop(GOODS, version=version) as stand:
        order = stand.sim.people.order([{"sku": SIMPLE, "quantity": 3}])["order"]
        cursor = _known(stand).cursor
        stand.sim.people.edit_line(order, SIMPLE, 1)
        found = read(stand.adapter.read_changes(cursor))
        assert found.sku(SIMPLE).quantity == stand.sim.people.stock()[SIMPLE]
        assert [event.quantity for event in found.events.values()] == ([-1] if version == OLD else [])


def test_a_line_that_was_taken_out_brings_its_units_back() -> None:
    with shop(GOODS) as stand:
        cursor = _known(stand).cursor
        order = stand.sim.people.order([{"sku": SIMPLE, "quantity": 3}, {"sku": VARIATION, "quantity": 1}])["order"]
        first = read(stand.adapter.read_changes(cursor))
        stand.clock.seconds += 100
        stand.sim.people.delete_line(order, SIMPLE)
        found = read(stand.adapter.read_changes(first.cursor))
        events = {event.ref.external_id: event for event in found.events.values()}
        taken = events[stand.ref(SIMPLE).external_id]
        assert (taken.quantity, taken.undone) == (ZERO, Decimal(3))
        assert taken.key in first.events
        assert events[stand.ref(VARIATION).external_id].quantity == -1
        assert found.sku(SIMPLE).quantity == stand.sim.people.stock()[SIMPLE]


def test_a_cancelled_order_says_what_came_back_and_when_it_went() -> None:
    with shop(GOODS) as stand:
        began = stand.clock.now()
        order = stand.sim.people.order([{"sku": SIMPLE, "quantity": 3}])["order"]
        stand.clock.seconds += 60
        stand.sim.people.cancel_order(order)
        (event,) = stand.adapter.read_events(began)
        assert (event.quantity, event.undone) == (ZERO, Decimal(3))
        assert event.began_at == began
        assert (event.occurred_at - began).total_seconds() == 60
        stand.sim.people.set_order_state(order, "in_progress")
        (event,) = stand.adapter.read_events(began)
        assert (event.quantity, event.undone) == (Decimal(-3), ZERO)


def test_a_variant_shows_its_products_price_and_tax_but_no_code_of_it() -> None:
    with shop(GOODS) as stand:
        parent = stand.sim.shop.with_number(VARIED.sku)
        variant = stand.sim.shop.with_number(VARIATION)
        variant["ean"] = None
        fields = stand.reading(VARIATION).fields
        assert (fields[PRICE], fields[TAX_RATE]) == (f"{VARIED.price:.2f}", f"{VARIED.tax_rate:f}")
        assert fields[GTIN] == ""
        assert parent["ean"]
        variant["price"] = [{**parent["price"][0], "gross": 7.5, "net": 6.3}]
        assert stand.reading(VARIATION).fields[PRICE] == "7.50"


def test_a_new_price_of_a_product_is_news_of_its_variants() -> None:
    """Their own rows stay as they were."""
    with shop(GOODS) as stand:
        cursor = _known(stand).cursor
        stand.sim.people.set_price(VARIED.sku, "77.00", "64.7058823529")
        found = read(stand.adapter.read_changes(cursor))
        prices = {found.sku(one.sku).fields[PRICE] for one in VARIED.variations}
        assert prices == {"77.00"}


def test_a_product_that_lost_all_variants_is_sold_itself() -> None:
    with shop(GOODS) as stand:
        assert stand.reading(VARIED.sku).stock_mode is StockMode.GROUP
        for one in VARIED.variations:
            stand.sim.people.delete(one.sku)
        listing = stand.reading(VARIED.sku)
        assert (listing.stock_mode, listing.quantity) == (StockMode.OWN, Decimal(0))


def test_a_server_whose_clock_was_set_back_loses_no_change() -> None:
    with shop(GOODS) as stand:
        cursor = _known(stand).cursor
        stand.sim.settings.clock_skew_seconds = -4000
        stand.sim.people.set_stock(SIMPLE, 99)
        found = read(stand.adapter.read_changes(cursor))
        assert found.sku(SIMPLE).quantity == 99
