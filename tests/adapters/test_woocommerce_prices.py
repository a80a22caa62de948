"""Prices of a shop are read as gross, or not at all; tax classes as the rate that they mean, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from syncd.core.fields import NAME, PRICE, TAX_RATE
from syncd.core.model import FieldsWrite, ListingRef, NotSent, Refused, RemoteListing, Written
from syncd.core.prices import gross_of
from syncd.core.products import Made, NewProduct, Product, Unit
from syncd.simulators.server import Fault, SimRequest, SimResponse
from syncd.simulators.woocommerce.rows import Product as Row
from tests.support.woocommerce import SHOPS, Shop, by_sku, listings, page, product, scripted, simulated, variation_sku

NET: dict[str, Any] = {"prices_include_tax": False}
LAMP = Product("1", "Lamp", (Unit("1", "LAMP", "4006381333931", "12.50", Decimal(19)),))
SHIRT = Product(
    "2",
    "Shirt",
    tuple(
        Unit(size, f"S-{size}", None, price, Decimal(rate), {"Size": size})
        for size, price, rate in (("M", "19.99", 19), ("L", "0.01", 7), ("XL", "10.00", 0))
    ),
    is_group=True,
)


def prices(shop: Shop) -> set[str | None]:
    return {
        one.fields.get("price") for one in listings(list(shop.adapter.read_all())).values() if one.quantity is not None
    }


def stored(shop: Shop, sku: str) -> Row:
    return shop.sim.shop.with_sku(sku)[0]


def ref_of(shop: Shop, sku: str) -> ListingRef:
    row = stored(shop, sku)
    return ListingRef(str(row.id), str(row.parent_id) if row.parent_id else None)


def money(listing: RemoteListing) -> tuple[str | None, str | None]:
    return listing.fields.get(PRICE), listing.fields.get(TAX_RATE)


def read_one(shop: Shop, sku: str) -> tuple[str | None, str | None]:
    (listing,) = (one for one in shop.adapter.fetch([ref_of(shop, sku)]).listings if one.sku == sku)
    return money(listing)


def shown(shop: Shop, sku: str) -> Decimal:
    """What a customer pays, as the simulator has it, without asking the adapter."""
    row = stored(shop, sku)
    parent = shop.sim.shop.parent(row)
    tax_class = parent.tax_class if parent is not None and row.tax_class == "parent" else row.tax_class
    net = Decimal(row.regular_price)
    return gross_of(net, {"": Decimal(19), "reduced-rate": Decimal(7), "zero-rate": Decimal(0)}[tax_class])


def write(shop: Shop, sku: str, **values: str) -> object:
    (result,) = shop.adapter.write_fields([FieldsWrite(ref_of(shop, sku), values)])
    return result


@pytest.mark.parametrize(
    "settings",
    [
        {"calc_taxes": True, "prices_include_tax": True},
        {"calc_taxes": False, "prices_include_tax": False},
        {"calc_taxes": True, "prices_include_tax": False},
    ],
    ids=["gross", "without taxes", "net"],
)
def test_whatever_the_shop_stores_gross_is_what_is_read(settings: dict[str, Any]) -> None:
    with simulated(**settings) as shop, simulated() as other:
        assert prices(shop) == prices(other)


def test_a_shop_without_taxes_says_no_rate() -> None:
    with simulated(calc_taxes=False) as shop:
        assert read_one(shop, "S-00001")[1] is None
        result = write(shop, "S-00001", tax_rate="7")
        assert isinstance(result, Refused)
        assert result.code == "no_taxes"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_that_may_not_read_settings_reads_stock_all_the_same(status: int) -> None:
    def answer(request: SimRequest) -> SimResponse:
        if "/settings/" in request.path:
            body = {"code": "woocommerce_rest_cannot_view", "message": "No.", "data": {"status": status}}
            return SimResponse(status, body)
        return page([product(10, regular_price="8.95")] if request.path.endswith("/products") else [])

    with scripted(answer) as (_, adapter):
        (listing,) = listings(list(adapter.read_all())).values()
        assert listing.quantity == 10
        assert "price" not in listing.fields


@pytest.mark.parametrize("kind", ["html_200", "error_500_html", "too_many", "lost_before"])
def test_settings_that_cannot_be_read_hold_up_no_stock(kind: str) -> None:
    with simulated() as shop:
        shop.server.add_fault(Fault(kind, path="/settings/", times=-1, seconds=0))
        assert prices(shop) == {None}
        shop.server.clear_faults()
        assert prices(shop) == {None}, "not asked again at once"
        shop.adapter._catalogue._prices._gross._ask_at = 0.0
        assert None not in prices(shop)


@pytest.mark.parametrize("kind", ["html_200", "error_500_html", "too_many", "lost_before"])
def test_a_tax_table_that_cannot_be_read_hides_rates_alone(kind: str) -> None:
    with simulated() as shop:
        shop.server.add_fault(Fault(kind, path="/taxes", times=-1, seconds=0))
        assert read_one(shop, "S-00001") == (f"{Decimal(stored(shop, 'S-00001').regular_price):.2f}", None)
        shop.sim.settings.prices_include_tax = False
        shop.restart()
        assert read_one(shop, "S-00001") == (None, None), "of a net price nothing is known without its rate"


def test_settings_and_tables_are_asked_for_once_in_a_while() -> None:
    with simulated(120, 3) as shop:
        prices(shop)
        prices(shop)
        shop.adapter.fetch([ListingRef("10")])
        of_shop = ("/settings/", "/taxes")
        about = [record for record in shop.server.requests() if any(name in record.target for name in of_shop)]
        assert len(about) == 6
        shop.adapter._catalogue._prices._gross._until = 0.0
        shop.sim.settings.prices_include_tax = False
        assert read_one(shop, "S-00001")[0] == f"{gross_of(Decimal(stored(shop, 'S-00001').regular_price), _19):.2f}"


_19 = Decimal(19)


@pytest.mark.parametrize("settings", SHOPS)
def test_a_variation_has_its_parents_class_until_it_has_one(settings: dict[str, Any]) -> None:
    with simulated(**settings) as shop:
        sku = variation_sku(shop)
        parent = shop.sim.shop.parent(stored(shop, sku))
        assert parent is not None
        for slug, rate in (("", "19"), ("reduced-rate", "7"), ("zero-rate", "0")):
            parent.tax_class = slug
            assert money(by_sku(list(shop.adapter.read_all()), sku))[1] == rate
            assert read_one(shop, sku)[1] == rate
        before = read_one(shop, sku)[0]
        assert write(shop, sku, price="3.00") == Written({PRICE: "3.00"})
        assert stored(shop, sku).tax_class == "parent", "it goes on following its parent"
        assert write(shop, sku, tax_rate="7") == Written({TAX_RATE: "7"})
        assert (before is not None, read_one(shop, sku)) == (True, ("3.00", "7"))


def test_a_parent_of_another_class_has_its_variations_read_again() -> None:
    """No date of theirs moves."""
    with simulated() as shop:
        shop.settled()
        row = stored(shop, variation_sku(shop))
        shop.clock.move(5)
        shop.adapter._client.post(f"products/{row.parent_id}", {"tax_class": "zero-rate"})
        assert money(listings(shop.changes())[str(row.id)])[1] == "0"


@pytest.mark.parametrize("settings", SHOPS)
@pytest.mark.parametrize("sold", [False, True])
def test_a_parent_whose_class_changed_while_nobody_looked(settings: dict[str, Any], sold: bool) -> None:
    """A new process knows no parent, and meets this one by an order before its change is listed (``sold``)."""
    with simulated(**settings) as shop:
        shop.settled()
        row = stored(shop, variation_sku(shop))
        others = [child.id for child in shop.sim.shop.children(shop.sim.shop.by_id[row.parent_id])]
        shop.clock.move(5)
        shop.adapter._client.post(f"products/{row.parent_id}", {"tax_class": "zero-rate"})
        if sold:
            shop.sim.people.order([{"sku": row.sku, "quantity": 1}])
        shop.restart()
        found = listings(shop.changes())
        assert {str(child) for child in others} <= found.keys()
        assert {money(found[str(child)])[1] for child in others} == {"0"}
        quiet = shop.counting()
        shop.changes(seconds=200)
        assert len(quiet()) <= 5, "read once, not with every cycle"


def test_variations_are_read_with_their_parent_once_for_each_process() -> None:
    with simulated() as shop:
        shop.settled()
        row = stored(shop, variation_sku(shop))
        shop.restart()
        for times in (1, 0, 0):
            shop.clock.move(5)
            shop.adapter._client.post(f"products/{row.parent_id}", {"name": f"Name {shop.clock.seconds}"})
            counted = shop.counting()
            shop.changes(seconds=200)
            assert len([one for one in counted() if "/variations" in one.target and "include=" in one.target]) == times


@pytest.mark.parametrize("status", ["none", "shipping"])
@pytest.mark.parametrize("gross", [True, False])
def test_a_product_that_is_not_taxed_says_no_rate_and_its_price_as_it_is(status: str, gross: bool) -> None:
    """Not a rate of zero: no class that could be written would tax it, and nobody said that the till's is wrong."""
    with simulated(prices_include_tax=gross) as shop:
        row = stored(shop, "S-00001")
        row.extra["tax_status"], row.regular_price = status, "10.00"
        assert read_one(shop, "S-00001") == ("10.00", None)
        assert write(shop, "S-00001", price="7.77") == Written({PRICE: "7.77"})
        assert Decimal(row.regular_price) == Decimal("7.77")


@pytest.mark.parametrize("sku", ["S-00001", "V"])
@pytest.mark.parametrize("price", ["0.00", "0.01", "0.03", "9.97", "9.99", "150.00", "99999.99"])
def test_a_net_shop_stores_what_comes_back_to_the_cent(sku: str, price: str) -> None:
    with simulated(**NET) as shop:
        sku = variation_sku(shop) if sku == "V" else sku
        assert write(shop, sku, price=price) == Written({PRICE: price})
        assert (shown(shop, sku), read_one(shop, sku)[0]) == (Decimal(price), price)


def test_a_price_can_be_taken_away_in_a_net_shop() -> None:
    with simulated(**NET) as shop:
        assert write(shop, "S-00001", price="") == Written({PRICE: ""})
        assert stored(shop, "S-00001").regular_price == ""
        assert write(shop, "S-00001", tax_rate="7") == Written({TAX_RATE: "7"})
        assert read_one(shop, "S-00001") == ("", "7")


@pytest.mark.parametrize("sku", ["S-00001", "V"])
def test_another_rate_in_a_net_shop_leaves_what_customers_pay(sku: str) -> None:
    with simulated(**NET) as shop:
        sku = variation_sku(shop) if sku == "V" else sku
        write(shop, sku, price="9.97")
        for rate in ("7", "0", "19"):
            assert write(shop, sku, tax_rate=rate) == Written({TAX_RATE: rate})
            assert (shown(shop, sku), read_one(shop, sku)) == (Decimal("9.97"), ("9.97", rate))
        assert write(shop, sku, tax_rate="7", price="4.99") == Written({TAX_RATE: "7", PRICE: "4.99"})
        assert (shown(shop, sku), read_one(shop, sku)) == (Decimal("4.99"), ("4.99", "7"))


def test_a_class_that_was_changed_by_hand_counts_as_it_is_now() -> None:
    """Between our last read and the write somebody chose another class: the price is made with that."""
    with simulated(**NET) as shop:
        shop.read_all()
        stored(shop, "S-00001").tax_class = "zero-rate"
        assert write(shop, "S-00001", price="5.00") == Written({PRICE: "5.00"})
        assert Decimal(stored(shop, "S-00001").regular_price) == 5


def test_one_write_that_needs_no_rate_goes_out_beside_one_that_is_refused() -> None:
    with simulated(**NET) as shop:
        stored(shop, "S-00001").tax_class = "deleted-class"
        refs = [ref_of(shop, sku) for sku in ("S-00001", "S-00002", "S-00003")]
        values = [{PRICE: "5.00"}, {NAME: "Mug"}, {PRICE: "6.00"}]
        refused, *written = shop.adapter.write_fields([FieldsWrite(*one) for one in zip(refs, values, strict=True)])
        assert isinstance(refused, Refused)
        assert refused.code == "tax_rate_unknown"
        assert written == [Written(one) for one in values[1:]]


def test_products_that_cannot_be_looked_at_get_no_price() -> None:
    with simulated(**NET) as shop:
        ref = ref_of(shop, "S-00001")
        shop.read_all()
        shop.server.add_fault(Fault("html_200", method="GET", path="/products", times=-1))
        (result,) = shop.adapter.write_fields([FieldsWrite(ref, {PRICE: "5.00"})])
        assert isinstance(result, NotSent)
        assert not [record for record in shop.server.requests() if record.method == "POST"]


@pytest.mark.parametrize("settings", [{}, NET], ids=["gross", "net"])
def test_a_product_is_made_at_its_gross_price(settings: dict[str, Any]) -> None:
    with simulated(**settings) as shop:
        for new in (NewProduct("m", LAMP), NewProduct("n", SHIRT)):
            made = shop.adapter.create_product(new)
            assert isinstance(made, Made)
            for unit in new.product.units:
                assert unit.tax_rate is not None
                assert money(made.units[unit.source_id]) == (unit.price, f"{unit.tax_rate:f}")
                assert unit.sku is not None
                assert read_one(shop, unit.sku) == (unit.price, f"{unit.tax_rate:f}")


def _shop_with(rates: list[dict[str, Any]], country: str = "DE") -> Callable[[SimRequest], SimResponse]:
    answers: dict[str, object] = {
        "woocommerce_calc_taxes": {"value": "yes"},
        "woocommerce_default_country": {"value": country},
        "woocommerce_prices_include_tax": {"value": "yes"},
        "classes": [{"slug": slug} for slug in ("standard", "reduced-rate", "zero-rate")],
        "taxes": [{"country": "DE", "state": "", "class": "standard", "priority": 1, **rate} for rate in rates],
    }

    def answer(request: SimRequest) -> SimResponse:
        last = request.path.rstrip("/").rpartition("/")[2]
        if last in answers:
            return SimResponse(200, answers[last])
        row = product(10, regular_price="8.95", tax_status="taxable", tax_class="")
        return page([row] if last == "products" else [])

    return answer


@pytest.mark.parametrize(
    ("rates", "country", "told"),
    [
        ([{"rate": "19.0000"}], "DE", "19"),
        ([{"rate": "19.0000"}], "DE:DE-BE", "19"),
        ([{"rate": "19.0000", "country": ""}], "DE", "19"),
        ([{"rate": "19.0000"}, {"rate": "0.0000", "postcodes": ["27498"]}], "DE", "19"),
        ([{"rate": "19.0000"}, {"rate": "20.0000", "country": "AT"}], "DE", "19"),
        ([{"rate": "7.0000", "class": "reduced-rate"}], "DE", "0"),
        ([], "DE", None),
        ([{"rate": "20.0000", "country": "AT"}], "DE", None),
        ([{"rate": "19.0000"}, {"rate": "16.0000"}], "DE", None),
        ([{"rate": "5.0000"}, {"rate": "5.0000", "priority": 2}], "DE", None),
        ([{"rate": "5.0000"}, {"rate": "7.0000", "state": "BC", "priority": 2}], "DE:BC", None),
        ([{"rate": "7.2500", "state": "CA"}], "DE:CA", "7.25"),
        ([{"rate": "7.2500", "state": "CA"}], "DE", None),
        ([{"rate": "many"}], "DE", None),
        ([{"rate": {"a": 1}, "country": ["DE"], "state": ["x"]}], "DE", None),
    ],
)
def test_a_class_says_a_rate_only_if_there_is_one(rates: list[dict[str, Any]], country: str, told: str | None) -> None:
    """A plugin that computes taxes elsewhere leaves the table empty: that is unknown, not zero."""
    with scripted(_shop_with(rates, country)) as (_, adapter):
        (listing,) = listings(list(adapter.read_all())).values()
        assert money(listing) == ("8.95", told)


def test_a_class_that_the_configuration_names_reads_as_it_was_written() -> None:
    rates = [{"rate": "19.0000"}, {"rate": "16.0000"}]
    with scripted(_shop_with(rates), tax_classes={"19": "standard"}) as (_, adapter):
        (listing,) = listings(list(adapter.read_all())).values()
        assert money(listing) == ("8.95", "19")


@pytest.mark.parametrize("value", [None, 7, ["x"], {"a": 1}])
def test_strange_values_hold_up_no_stock(value: object) -> None:
    def answer(request: SimRequest) -> SimResponse:
        given = _shop_with([{"rate": "19.0000"}])(request)
        if request.path.endswith("/products"):
            return page([product(10, regular_price=value, tax_status=value, tax_class=value)])
        return given

    with scripted(answer) as (_, adapter):
        (listing,) = listings(list(adapter.read_all())).values()
        assert listing.quantity == 10
        assert money(listing) == (None, None)
