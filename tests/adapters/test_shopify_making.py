"""Products made in the shop are offered in its channels; those of the shop have the rates that were configured."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.core.fields import NAME, NO, PUBLISHED, YES
from syncd.core.model import FieldsWrite, Refused, Written
from syncd.core.products import Made, NewProduct, Product, Unit
from syncd.errors import OutcomeUnknown
from syncd.simulators.server import Fault
from syncd.testing.goods import GOODS, SIMPLE, VARIED
from tests.conformance.drivers_shopify import WRITE, open_shopify

LAMP = Product("100", "Lamp", (Unit("100", "LAMP", None, "12.50", Decimal(19)),))
IN_STORE = {"publish_in": ["online store"]}


def offered(side: Any, sku: str) -> list[str]:
    shop = side.sim.shop
    return [shop.publications[number] for number in sorted(side.sim.people.product(sku).publications)]


@pytest.mark.parametrize("publish", [True, False])
def test_what_customers_are_to_see_is_offered_in_the_channels(publish: bool) -> None:
    with open_shopify(GOODS, values=IN_STORE) as side:
        assert isinstance(side.adapter.create_product(NewProduct("m", LAMP, publish=publish)), Made)
        assert offered(side, "LAMP") == (["Online Store"] if publish else [])


def test_without_channels_nothing_is_asked_for() -> None:
    with open_shopify(GOODS, settings={"scopes": "write_products,write_inventory,read_locations,read_orders"}) as side:
        assert isinstance(side.adapter.create_product(NewProduct("m", LAMP, publish=True)), Made)
        assert offered(side, "LAMP") == []


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", "error_500_after"])
def test_a_product_that_may_not_be_offered_yet_is_found_and_offered(fault: str) -> None:
    with open_shopify(GOODS, values=IN_STORE) as side:
        new, since = NewProduct("m", LAMP, publish=True), side.now()
        server: Any = side.server  # type: ignore[attr-defined]  # of the simulated shop
        server.add_fault(Fault(fault, path=WRITE, after=1))
        with pytest.raises(OutcomeUnknown):
            side.adapter.create_product(new)
        made = side.adapter.find_product(new, since)
        assert isinstance(made, Made)
        assert offered(side, "LAMP") == ["Online Store"]


def test_a_product_is_offered_before_it_becomes_visible() -> None:
    with open_shopify(GOODS, values=IN_STORE) as side:
        people: Any = side.sim.people  # type: ignore[attr-defined]  # of the simulated shop
        for sku in (SIMPLE, VARIED.sku):
            people.product(sku).publications.clear()
            assert side.adapter.write_fields([FieldsWrite(side.ref(sku), {PUBLISHED: NO})]) == [
                Written({PUBLISHED: NO})
            ]
            assert offered(side, sku) == []
            values = {PUBLISHED: YES, NAME: "New"}
            assert side.adapter.write_fields([FieldsWrite(side.ref(sku), values)]) == [Written(values)]
            assert offered(side, sku) == ["Online Store"]


def test_a_channel_that_is_not_there_keeps_a_product_hidden() -> None:
    """And nothing is made to be seen; a draft is made all the same."""
    with open_shopify(GOODS, values={"publish_in": ["Market"]}) as side:
        side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {PUBLISHED: NO})])
        (result,) = side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {PUBLISHED: YES})])
        assert isinstance(result, Refused)
        assert "Online Store" in result.message
        (listing,) = side.adapter.fetch([side.ref(SIMPLE)]).listings
        assert listing.fields[PUBLISHED] == NO
        assert isinstance(side.adapter.create_product(NewProduct("m", LAMP, publish=True)), Refused)
        assert isinstance(side.adapter.create_product(NewProduct("m", LAMP)), Made)
        report = side.adapter.check()
        assert [line.message for line in report.lines if not line.ok] == ["not there: Market"]


def test_the_check_tells_which_right_channels_need() -> None:
    scopes = "write_products,write_inventory,read_locations,read_orders,read_publications"
    with open_shopify(GOODS, values=IN_STORE, settings={"scopes": scopes}) as side:
        (line,) = [line for line in side.adapter.check().lines if not line.ok]
        assert line.subject == "sales channels"
        assert "lacks write_publications" in line.message


@pytest.mark.parametrize(
    ("values", "kind", "taxable", "rate"),
    [
        ({}, "", True, None),
        ({"tax_rate": 19}, "", True, Decimal(19)),
        ({"tax_rate": 19, "tax_rates": {"Books": 7}}, "books", True, Decimal(7)),
        ({"tax_rates": {"Books": "5.5"}}, "Books", True, Decimal("5.5")),
        ({"tax_rates": {"Books": 7}}, "Mugs", True, None),
        ({"tax_rate": 19}, "", False, None),
    ],
)
def test_rates_are_those_that_were_configured(
    values: dict[str, Any], kind: str, taxable: bool, rate: Decimal | None
) -> None:
    """What is not taxable has none, which is not 0 %."""
    with open_shopify(GOODS, values=values) as side:
        product: Any = side.sim.people.product(SIMPLE)  # type: ignore[attr-defined]  # of the simulated shop
        product.product_type, product.variants[0].taxable = kind, taxable
        described = side.adapter.read_product(side.ref(SIMPLE).external_id)
        assert described is not None
        assert [unit.tax_rate for unit in described.units] == [rate]
