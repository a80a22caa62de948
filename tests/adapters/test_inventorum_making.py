"""What the till is told of a new product, what it is never told, and how a product is found again without a mark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from syncd.core.images import Image
from syncd.core.model import Refused, Unknown
from syncd.core.products import Made, MakeResult, NewProduct, Product, Unit
from syncd.errors import PermissionMissing
from syncd.simulators.inventorum.model import TaxType
from syncd.simulators.pictures import drawn
from syncd.simulators.server import Fault, SimRequest
from syncd.testing.goods import GOODS
from tests.conformance.drivers_inventorum import InventorumDriver, open_inventorum
from tests.support.inventorum_wire import example

LAMP = Product(
    "1", "Lamp", (Unit("1", "LAMP", "4006381333931", "12.50", Decimal("19.000")),), '<p onclick="x()">Warm</p>'
)
SHIRT = Product(
    "2",
    "Shirt",
    (
        Unit("3", "S-M", None, "20.00", Decimal(7), {"Size": "M", "Colour": "Blue"}),
        Unit("4", None, None, "21.00", Decimal(7), {"Size": "L", "Colour": "Blue"}),
    ),
    is_group=True,
)


@contextmanager
def till() -> Iterator[InventorumDriver]:
    with open_inventorum(GOODS) as side:
        assert isinstance(side, InventorumDriver)
        yield side


def with_unit(product: Product, **fields: Any) -> Product:
    return replace(product, units=(replace(product.units[0], **fields), *product.units[1:]))


def sent(side: InventorumDriver, product: Product, **fields: Any) -> tuple[list[Any], MakeResult]:
    """Bodies of the posts that making it took, and the result."""
    bodies: list[Any] = []

    def note(request: SimRequest) -> None:
        if request.method == "POST" and request.path.endswith("/products/"):
            bodies.append(json.loads(request.body))

    side.server.hooks.append(note)
    try:
        return bodies, side.adapter.create_product(NewProduct("m", product, **fields))
    finally:
        side.server.hooks.remove(note)


def test_a_product_is_sent_as_the_example_has_it() -> None:
    """Net with ten places and gross, texts without scripts, no stock; no key that no client was seen to send."""
    with till() as side:
        ((body,), result) = sent(side, LAMP, publish=True)
        assert isinstance(result, Made)
        known = example("product-create-request-v13.json")
        assert body.keys() <= known.keys() | {"gross_price"}  # as in product-update-request.json
        assert (body["name"], body["product_code"], body["ean"]) == ("Lamp", "LAMP", "4006381333931")
        assert (body["price"], body["gross_price"], body["quantity"]) == ("10.5042016807", "12.50", "0")
        assert (body["description"], body["in_shop"], body["attributes"]) == ("<p>Warm</p>", True, {})
        assert side.sim.state.taxes[body["tax_type"]].rate == 19


def test_variations_go_with_their_product_in_one_request() -> None:
    with till() as side:
        ((body,), result) = sent(side, SHIRT)
        assert isinstance(result, Made)
        assert not result.missing
        known = example("product-create-request-v13.json")
        assert "product_code" not in body
        one, two = body["variations"]
        assert one.keys() | two.keys() <= known["variations"][0].keys() | {"gross_price"}
        assert (one["name"], one["product_code"], one["attributes"]) == (
            "Shirt",
            "S-M",
            {"Size": "M", "Colour": "Blue"},
        )
        assert "product_code" not in two
        assert {key: each.sku for key, each in result.units.items()} == {"3": "S-M", "4": None}
        assert [each.fields["price"] for each in result.units.values()] == ["20.00", "21.00"]


@pytest.mark.parametrize("types", ["none", "two"])
def test_a_rate_without_one_tax_type_is_refused_and_nothing_is_made(types: str) -> None:
    with till() as side:
        taxes = side.sim.state.taxes
        seven = next(number for number, tax in taxes.items() if tax.rate == 7)
        if types == "none":
            del taxes[seven]
        else:
            taxes[9999] = TaxType(9999, "7 % food", Decimal(7))
        bodies, result = sent(side, SHIRT)
        assert isinstance(result, Refused)
        assert "7 %, the tax rate of S-M in the shop" in result.message
        assert not bodies


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"tax_rate": None}, "tax_rate_unknown"),
        ({"price": None}, "no_price"),
        ({"price": "0.00"}, "no_price"),
        ({"sku": "S" * 31}, "code_too_long"),
        ({"gtin": "1" * 31}, "code_too_long"),
    ],
)
@pytest.mark.parametrize("product", [LAMP, SHIRT], ids=lambda product: product.name)
def test_what_cannot_be_said_whole_is_refused(product: Product, fields: dict[str, Any], code: str) -> None:
    with till() as side:
        bodies, result = sent(side, with_unit(product, **fields))
        assert isinstance(result, Refused)
        assert result.code == code
        assert not bodies


def test_a_code_of_thirty_characters_is_taken_whole() -> None:
    with till() as side:
        _, result = sent(side, with_unit(LAMP, sku="S" * 30))
        assert isinstance(result, Made)
        assert side.sim.state.find("S" * 30).quantity == 0


def test_no_variation_is_added_to_a_product_that_is_there() -> None:
    """A list of variations in a change is the whole list: what it does not name would be deleted (section 8.2)."""
    with till() as side:
        _, first = sent(side, SHIRT)
        assert isinstance(first, Made)
        more = replace(SHIRT, units=(replace(SHIRT.units[0], source_id="5", sku="S-XL"),))
        writes = [record for record in side.server.requests() if record.method != "GET"]
        result = side.adapter.create_product(NewProduct("n", more, into=first.product_id))
        assert isinstance(result, Refused)
        assert "add S-XL there by hand, with the same SKU" in result.message
        assert [record for record in side.server.requests() if record.method != "GET"] == writes


def test_tax_types_are_asked_for_once() -> None:
    with till() as side:
        for number in range(3):
            sent(side, with_unit(LAMP, sku=f"L{number}"))
        assert sum("/taxes/" in record.target for record in side.server.requests()) == 1


def test_a_token_that_may_not_read_tax_types_makes_nothing() -> None:
    with till() as side:
        side.sim.settings.scope = side.sim.settings.scope.replace("tax_types", "orders")
        with pytest.raises(PermissionMissing, match="tax_types:read"):
            sent(side, LAMP)


def test_what_was_made_and_cannot_be_read_is_in_doubt_and_found_later() -> None:
    with till() as side:
        since = side.now() - timedelta(minutes=1)
        side.server.add_fault(Fault("error_500_html", path="/products/2", method="GET", times=-1))
        _, result = sent(side, LAMP)
        assert isinstance(result, Unknown)
        side.calm()
        side.server.faults.clear()
        found = side.adapter.find_product(NewProduct("m", LAMP), since)
        assert isinstance(found, Made)
        assert found.units["1"].sku == "LAMP"


def made_by_hand(side: InventorumDriver, product: Product) -> str:
    """What a person makes at the till meanwhile."""
    result = side.adapter.create_product(NewProduct("hand", product))
    assert isinstance(result, Made)
    return result.product_id


def test_a_product_without_codes_is_known_by_all_that_it_is() -> None:
    with till() as side:
        since = side.now() - timedelta(minutes=1)
        made_by_hand(side, replace(LAMP, name="Torch", units=(replace(LAMP.units[0], sku=None, gtin=None),)))
        plain = NewProduct("m", with_unit(LAMP, sku=None, gtin=None))
        assert side.adapter.find_product(plain, since) is None
        result = side.adapter.create_product(plain)
        assert isinstance(result, Made)
        found = side.adapter.find_product(plain, since)
        assert isinstance(found, Made)
        assert found.product_id == result.product_id


@pytest.mark.parametrize(
    "other",
    [
        with_unit(LAMP, sku="OTHER", gtin=None),
        replace(LAMP, units=(replace(LAMP.units[0], sku=None, gtin=None, price="1.00"),)),
    ],
    ids=["another code", "another price"],
)
def test_a_product_without_codes_that_shares_its_name_alone_is_left_to_a_person(other: Product) -> None:
    with till() as side:
        since = side.now() - timedelta(minutes=1)
        made_by_hand(side, other)
        plain = NewProduct("m", with_unit(LAMP, sku=None, gtin=None))
        assert isinstance(side.adapter.find_product(plain, since), Unknown)


def test_a_product_with_a_code_is_known_by_it_whatever_it_is_called_by_now() -> None:
    with till() as side:
        since = side.now() - timedelta(minutes=1)
        made_by_hand(side, LAMP)
        side.sim.set_name("LAMP", "Lamp, renamed")
        for product in (LAMP, with_unit(LAMP, sku=None), with_unit(LAMP, sku="lamp ", gtin=None)):
            assert isinstance(side.adapter.find_product(NewProduct("m", product), since), Made)
        odd = with_unit(LAMP, sku=None, gtin="12-34")
        assert isinstance(side.adapter.create_product(NewProduct("m", odd)), Made)
        assert isinstance(side.adapter.find_product(NewProduct("m", odd), since), Made)


def test_variations_that_are_not_all_there_are_missing_and_other_ones_are_told() -> None:
    with till() as side:
        since = side.now() - timedelta(minutes=1)
        made_by_hand(side, replace(SHIRT, units=SHIRT.units[:1]))
        found = side.adapter.find_product(NewProduct("m", SHIRT), since)
        assert isinstance(found, Made)
        assert list(found.missing) == ["4"]
    with till() as side:
        made_by_hand(side, with_unit(replace(SHIRT, units=SHIRT.units[:1]), sku="OTHER", attributes={"Size": "S"}))
        found = side.adapter.find_product(NewProduct("m", SHIRT), side.now() - timedelta(minutes=1))
        assert isinstance(found, Unknown)
        assert "other variations" in found.reason


def test_a_product_of_the_same_name_without_variations_is_told() -> None:
    with till() as side:
        since = side.now() - timedelta(minutes=1)
        made_by_hand(side, replace(LAMP, name="Shirt"))
        found = side.adapter.find_product(NewProduct("m", SHIRT), since)
        assert isinstance(found, Unknown)
        assert "of another kind" in found.reason


PICTURED = replace(LAMP, images=(Image("1", "", "Lamp", drawn(1)), Image("2", "", "Lamp", drawn(2))))


def uploads(side: InventorumDriver) -> int:
    return len([record for record in side.server.requests() if record.target.endswith("/images/")])


def test_images_are_uploaded_before_and_named_as_new() -> None:
    """As documented for products (section 10); what is not taken is told by its key."""
    with till() as side:
        webp = Image("3", "", "", b"RIFF\x1a\x00\x00\x00WEBPVP8L")
        ((body,), result) = sent(side, replace(PICTURED, images=(*PICTURED.images, webp)))
        assert [set(each) for each in body["images"]] == [{"id", "new"}] * 2
        assert isinstance(result, Made)
        assert list(result.left_out) == ["3"]
        assert side.images("LAMP") == [drawn(1), drawn(2)]


def test_a_refused_product_leaves_its_uploads_for_the_next_try() -> None:
    with till() as side:
        side.sim.state.settings.unique_codes = True
        first = with_unit(PICTURED, sku=GOODS[0].sku)
        (_, result) = sent(side, first)
        assert isinstance(result, Refused)
        assert uploads(side) == 2
        assert isinstance(side.adapter.create_product(NewProduct("m", PICTURED)), Made)
        assert side.images("LAMP") == [drawn(1), drawn(2)]
        assert uploads(side) == 2


def test_without_the_right_to_upload_a_product_is_made_without_images() -> None:
    with till() as side:
        side.sim.state.settings.scope = side.sim.state.settings.scope.replace("images:create", "")
        side.adapter.check()
        (_, result) = sent(side, PICTURED)
        assert isinstance(result, Made)
        assert "images:create" in result.left_out["1"].message
