"""Names and prices at the till: net and gross are sent together, by the rate of the product's tax type."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.core.fields import NAME, PRICE
from syncd.core.model import FieldsWrite, NotSent, Refused, Written
from syncd.simulators.server import Fault
from tests.conformance.drivers import InventorumDriver, open_inventorum
from tests.conformance.goods import GOODS, SIMPLE, VARIATION


@pytest.mark.parametrize("sku", [SIMPLE, VARIATION])
def test_a_price_is_sent_as_net_and_gross(sku: str) -> None:
    with open_inventorum(GOODS) as side:
        assert isinstance(side, InventorumDriver)
        write = FieldsWrite(side.ref(sku), {PRICE: "150.00"})
        assert side.adapter.write_fields([write]) == [Written({PRICE: "150.00"})]
        product = side.sim.state.find(sku)
        assert product.price == (Decimal(15000) / (100 + side.sim.state.rate(product))).quantize(Decimal("1e-10"))


def test_a_name_needs_no_tax_rates_and_names_nothing_else() -> None:
    with open_inventorum(GOODS) as side:
        assert isinstance(side, InventorumDriver)
        side.server.add_fault(Fault("error_500_html", path="/info/", times=-1))
        write = FieldsWrite(side.ref(SIMPLE), {NAME: "Käse"})
        assert side.adapter.write_fields([write]) == [Written({NAME: "Käse"})]


def test_tax_rates_are_asked_for_once() -> None:
    with open_inventorum(GOODS) as side:
        assert isinstance(side, InventorumDriver)
        for price in ("1.00", "2.00", "3.00"):
            side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {PRICE: price})])
        assert sum("/info/" in record.target for record in side.server.requests()) == 1


@pytest.mark.parametrize(("kind", "result"), [("html_200", NotSent), ("forbidden", Refused)])
def test_without_the_accounts_tax_rates_no_price_is_sent(kind: str, result: type) -> None:
    """A page in the place of an answer is no word of the account: the price is tried again by the next pass."""
    with open_inventorum(GOODS) as side:
        assert isinstance(side, InventorumDriver)
        if kind == "forbidden":
            side.sim.settings.info_allowed = False
        else:
            side.server.add_fault(Fault(kind, path="/info/", times=-1))
        (found,) = side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {PRICE: "5.00"})])
        assert isinstance(found, result)
        assert not [record for record in side.server.requests() if record.method == "PUT"]
