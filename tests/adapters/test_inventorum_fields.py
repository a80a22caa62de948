"""Names and prices at the till: net and gross are sent together, by the rate of the product's tax type."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from syncd.adapters.inventorum import mapping
from syncd.adapters.inventorum.field_writes import TaxRates
from syncd.adapters.inventorum.wire import Fields, Where
from syncd.core.fields import NAME, PRICE, TAX_RATE
from syncd.core.model import FieldsWrite, NotSent, Refused, Written
from syncd.simulators.inventorum.model import TaxType
from syncd.simulators.server import Fault
from syncd.testing.goods import GOODS, SIMPLE, VARIATION
from syncd.testing.reading import read
from tests.conformance.drivers_inventorum import InventorumDriver, open_inventorum


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


@pytest.mark.parametrize("sku", [SIMPLE, VARIATION])
def test_a_tax_rate_is_sent_with_the_price_that_it_must_not_move(sku: str) -> None:
    """What the server does to a price that is not sent is not known."""
    with open_inventorum(GOODS) as side:
        assert isinstance(side, InventorumDriver)
        product = side.sim.state.find(sku)
        gross, sent = side.sim.state.gross(product), _listen(side)
        assert side.adapter.write_fields([FieldsWrite(side.ref(sku), {TAX_RATE: "0"})]) == [Written({TAX_RATE: "0"})]
        (body,) = sent
        assert body.keys() == {"tax_type", "gross_price", "price"}
        assert (body["tax_type"], Decimal(body["gross_price"]), Decimal(body["price"])) == (
            _type(side, 0),
            gross,
            gross,
        )
        assert side.sim.state.gross(product) == gross
        assert side.sim.state.rate(product) == 0


@pytest.mark.parametrize("winner", ["price", "gross_price"])
@pytest.mark.parametrize("rate", ["7", "19"])
def test_a_price_and_a_rate_are_consistent_whichever_counts(winner: str, rate: str) -> None:
    with open_inventorum(GOODS, settings={"price_winner": winner}) as side:
        assert isinstance(side, InventorumDriver)
        for cents in range(1, 1500, 61):
            values = {PRICE: f"{Decimal(cents) / 100:.2f}", TAX_RATE: rate}
            assert side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), values)]) == [Written(values)]


def test_a_rate_goes_out_with_what_else_changed() -> None:
    with open_inventorum(GOODS) as side:
        values = {NAME: "Mug", TAX_RATE: "7"}
        assert side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), values)]) == [Written(values)]


@pytest.mark.parametrize("own", [True, False])
def test_of_two_tax_types_with_a_rate_none_is_guessed_but_the_products_own(own: bool) -> None:
    with open_inventorum(GOODS) as side:
        assert isinstance(side, InventorumDriver)
        second = TaxType(9999, "7% again", Decimal(7))
        side.sim.state.taxes[second.id] = second
        side.sim.state.find(SIMPLE).tax_type = second.id if own else _type(side, 19)
        sent = _listen(side)
        (result,) = side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {TAX_RATE: "7"})])
        assert isinstance(result, Written if own else Refused)
        assert own or "several have it" in getattr(result, "message", "")
        assert [body["tax_type"] for body in sent] == ([second.id] if own else [])


def test_a_rate_without_a_tax_type_is_refused_and_nothing_is_sent() -> None:
    with open_inventorum(GOODS) as side:
        (result,) = side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {TAX_RATE: "10.5", PRICE: "3.00"})])
        assert isinstance(result, Refused)
        assert (result.code, result.gone) == ("no_tax_type", False)
        assert "10.5 %" in result.message
        assert isinstance(side, InventorumDriver)
        assert not [record for record in side.server.requests() if record.method == "PUT"]


@pytest.mark.parametrize("kind", ["html_200", "error_500_html", "forbidden", "lost_before"])
def test_an_account_whose_tax_rates_may_not_be_read_is_read_all_the_same(kind: str) -> None:
    """One attempt, not one for each row or thread."""
    with open_inventorum(GOODS) as side:
        assert isinstance(side, InventorumDriver)
        if kind == "forbidden":
            side.sim.settings.info_allowed = False
        else:
            side.server.add_fault(Fault(kind, path="/info/", times=-1))
        found = read(side.adapter.read_all())
        assert PRICE in found.sku(SIMPLE).fields
        assert TAX_RATE not in found.sku(SIMPLE).fields
        asked = _asked(side)
        read(side.adapter.read_all())
        side.adapter.fetch([side.ref(SIMPLE), side.ref(VARIATION)])
        assert _asked(side) == asked


def test_a_new_tax_type_is_known_at_once() -> None:
    with open_inventorum(GOODS) as side:
        assert isinstance(side, InventorumDriver)
        read(side.adapter.read_all())
        side.sim.state.find(SIMPLE).tax_type = side.sim.state.tax_for(Decimal("10.5")).id
        (listing,) = side.adapter.fetch([side.ref(SIMPLE)]).listings
        assert listing.fields[TAX_RATE] == "10.5"


def test_tax_types_that_are_not_listed_are_not_asked_for_again_and_again() -> None:
    asked = []

    class Client:
        def info(self) -> Fields:
            asked.append(1)
            return Fields({"tax_types": [{"id": 1, "tax_rate": "19.00000"}]}, Where("till", "GET info/"))

    rates = TaxRates(Client())  # type: ignore[arg-type]  # nothing else of a client is used
    for _ in range(3):
        assert [rates.if_possible(tax_type) for tax_type in ("1", "2", "3")] == [19, None, None]
    assert len(asked) == 3


@pytest.mark.parametrize("value", [None, "x", [1], {"id": 1}, True, -3, 1.5])
def test_a_strange_tax_type_holds_up_no_stock(value: object) -> None:
    found = mapping.listing(
        Fields({"id": 1, "quantity": "3.00", "variation_count": 0, "tax_type": value}, Where("till", "GET x")),
        rate_of=lambda _: Decimal(19),
    )
    assert found.quantity == 3
    assert TAX_RATE not in found.fields


def _listen(side: InventorumDriver) -> list[dict[str, Any]]:
    """Bodies of changes that arrive from now on."""
    sent: list[dict[str, Any]] = []
    side.server.hooks.append(lambda request: sent.append(json.loads(request.body)) if request.method == "PUT" else None)
    return sent


def _asked(side: InventorumDriver) -> int:
    return sum("/info/" in record.target for record in side.server.requests())


def _type(side: InventorumDriver, rate: int) -> int:
    return side.sim.state.tax_for(Decimal(rate)).id
