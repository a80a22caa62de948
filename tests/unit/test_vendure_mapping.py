"""Rows of Vendure's Admin API as listings and evidence, and what is not of its kind: never guessed."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from syncd.adapters.answers import Malformed
from syncd.adapters.vendure.evidence import order_events
from syncd.adapters.vendure.facts import Facts
from syncd.adapters.vendure.fields import price_of
from syncd.adapters.vendure.making import slug_for
from syncd.adapters.vendure.mapping import family_of, unit_of
from syncd.adapters.vendure.options import slug_of
from syncd.adapters.vendure.settings import VendureSettings
from syncd.core.fields import ATTRIBUTES, GTIN, NAME, PRICE, PUBLISHED, SKU, TAX_RATE
from syncd.core.model import ZERO, EventKind, Refused, StockMode
from syncd.core.products import NewProduct, Product

FACTS = Facts(
    channel="main", language="en", currency="EUR", gross=True, tracked=True, location="1", place="Shop", alone=True,
    taxes={"1": (Decimal(19), "Standard")},
)  # fmt: skip
HEAD: dict[str, Any] = {
    "id": "7", "enabled": True, "languageCode": "en", "name": "Shirt", "slug": "shirt", "description": "",
    "optionGroups": [{"id": "1", "name": "size"}, {"id": "2", "name": "Color"}],
}  # fmt: skip
VARIANT: dict[str, Any] = {
    "id": "70", "enabled": True, "sku": "S-1", "name": "Shirt S", "trackInventory": "INHERIT", "priceWithTax": 1999,
    "taxRateApplied": {"value": Decimal("19.0")},
    "stockLevels": [
        {"stockLocationId": "2", "stockOnHand": 500, "stockAllocated": 1},
        {"stockLocationId": "1", "stockOnHand": 10, "stockAllocated": 3},
    ],
    "options": [
        {"id": "1", "name": "S", "group": {"id": "1", "name": "size"}},
        {"id": "5", "name": "Blue", "group": {"id": "2", "name": "Color"}},
    ],
    "customFields": {"gtin": "4006381333931", "marker": "op-1"},
}  # fmt: skip
LINE: dict[str, Any] = {
    "id": "3", "createdAt": "2026-11-27T10:00:00.000Z", "updatedAt": "2026-11-27T12:00:00.000Z", "quantity": 3,
    "orderPlacedQuantity": 3, "productVariant": {"id": "70"},
}  # fmt: skip
ORDER: dict[str, Any] = {"id": "9", "code": "ABC", "updatedAt": "2026-11-27T12:00:00.000Z",
                         "orderPlacedAt": "2026-11-27T11:00:00.500Z", "lines": [LINE]}  # fmt: skip
PLACED = datetime(2026, 11, 27, 11, 0, 0, 500_000, tzinfo=UTC)
CHANGED = datetime(2026, 11, 27, 12, tzinfo=UTC)
THREE = Decimal(3)


def changed(row: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {**deepcopy(row), **values}


def test_a_variation_has_what_can_be_sold_at_its_location() -> None:
    unit = unit_of(VARIANT, HEAD, FACTS)
    listing = unit.listing
    assert (listing.ref.external_id, listing.ref.parent_external_id) == ("70", "product-7")
    assert (listing.quantity, unit.on_hand, unit.allocated) == (Decimal(7), Decimal(10), Decimal(3))
    assert (listing.name, listing.sku, listing.gtin, listing.marker) == (
        "Shirt, Blue, S",
        "S-1",
        "4006381333931",
        "op-1",
    )
    assert listing.fields == {
        SKU: "S-1", GTIN: "4006381333931", TAX_RATE: "19", PRICE: "19.99", ATTRIBUTES: "Color: Blue\nsize: S",
    }  # fmt: skip


def test_a_product_without_options_is_one_listing() -> None:
    head = changed(HEAD, optionGroups=[], variants=[changed(VARIANT, options=[])])
    (listing,) = family_of(head, FACTS)
    assert (listing.ref.external_id, listing.ref.parent_external_id, listing.name) == ("70", None, "Shirt")
    assert (listing.fields[NAME], listing.fields[PUBLISHED]) == ("Shirt", "yes")


def test_a_product_with_options_is_a_group_with_its_variants() -> None:
    group, unit = family_of(changed(HEAD, enabled=False, variants=[VARIANT]), FACTS)
    assert (group.stock_mode, group.children, group.published) == (StockMode.GROUP, ("70",), False)
    assert unit.published  # of its own: the group says that nobody sees it


@pytest.mark.parametrize(
    ("track", "tracked", "mode"),
    [("TRUE", False, "own"), ("FALSE", True, "unmanaged"), ("INHERIT", True, "own"), ("INHERIT", False, "unmanaged")],
)
def test_who_says_whether_it_is_counted(track: str, tracked: bool, mode: str) -> None:
    facts = Facts(**{name: getattr(FACTS, name) for name in Facts.__slots__} | {"tracked": tracked})
    listing = unit_of(changed(VARIANT, trackInventory=track), HEAD, facts).listing
    assert listing.stock_mode == StockMode(mode)
    assert (listing.quantity is None) == (mode == "unmanaged")


def test_what_lies_nowhere_is_zero() -> None:
    assert unit_of(changed(VARIANT, stockLevels=[]), HEAD, FACTS).listing.quantity == 0


@pytest.mark.parametrize(
    "broken",
    [
        {"id": 70},
        {"id": '7") { id } evil: product(id: "7'},
        {"stockLevels": None},
        {"stockLevels": [{"stockLocationId": "1", "stockOnHand": "10", "stockAllocated": 0}]},
        {"stockLevels": [{"stockLocationId": "1", "stockOnHand": True, "stockAllocated": 0}]},
        {"stockLevels": [{"stockLocationId": "1", "stockOnHand": Decimal("1.5"), "stockAllocated": 0}]},
        {"stockLevels": [{"stockLocationId": "1", "stockOnHand": 10}]},
        {"priceWithTax": None},
        {"taxRateApplied": {"value": Decimal("NaN")}},
        {"options": [{"name": "S"}]},
        {"enabled": "yes"},
        {"trackInventory": 1},
        {"customFields": []},
    ],
)
def test_a_variant_that_is_not_what_the_contract_says(broken: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        unit_of(changed(VARIANT, **broken), HEAD, FACTS)


def test_an_order_took_its_units_when_it_was_placed() -> None:
    (event,) = order_events(ORDER)
    assert (event.ref.external_id, event.key, event.kind) == ("70", "order:9:line:3", EventKind.ORDER)
    assert (event.quantity, event.undone, event.occurred_at, event.began_at) == (-THREE, ZERO, PLACED, PLACED)
    assert event.reference == "order ABC"


def test_an_order_that_is_cancelled_gave_all_back() -> None:
    (event,) = order_events(changed(ORDER, lines=[changed(LINE, quantity=0)]))
    assert (event.quantity, event.undone, event.occurred_at, event.began_at) == (ZERO, THREE, CHANGED, PLACED)


def test_a_line_that_is_cancelled_in_part_is_two_documents() -> None:
    took, back = order_events(changed(ORDER, lines=[changed(LINE, quantity=1)]))
    assert (took.quantity, took.occurred_at) == (-THREE, PLACED)
    assert (back.key, back.kind, back.quantity) == ("order:9:line:3:back", EventKind.RETURN, Decimal(2))
    assert (back.began_at, back.occurred_at) == (PLACED, CHANGED)


def test_a_line_that_was_added_later_took_its_units_then() -> None:
    (event,) = order_events(changed(ORDER, lines=[changed(LINE, orderPlacedQuantity=0)]))
    assert (event.quantity, event.began_at) == (-THREE, datetime(2026, 11, 27, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    "broken",
    [
        {"orderPlacedAt": None},
        {"orderPlacedAt": "yesterday"},
        {"orderPlacedAt": "2026-11-27T11:00:00"},
        {"lines": None},
        {"lines": [changed(LINE, quantity=None)]},
        {"lines": [changed(LINE, productVariant=None)]},
    ],
)
def test_an_order_that_is_not_what_the_contract_says(broken: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        order_events(changed(ORDER, **broken))


def test_prices_are_hundredths_or_refused() -> None:
    assert price_of("19.99", gross=True) == 1999
    for price, gross in (("", True), ("19.99", False), ("30000000.00", True)):
        assert isinstance(price_of(price, gross=gross), Refused)


def test_the_address_of_a_product_shows_its_name_and_is_its_own() -> None:
    new = NewProduct("mark", Product("1", "Größe & “Mehr” 38½", ()))
    assert slug_for(new).startswith("groe-mehr-3812-m")
    assert slug_for(new) != slug_for(NewProduct("other", new.product))
    assert slug_of("🧶") == "x"


SECRETS: dict[str, Any] = {"username": "syncd", "password": "p"}


@pytest.mark.parametrize(
    ("given", "base", "path"),
    [
        ("https://shop.example", "https://shop.example/", "admin-api"),
        ("https://shop.example/", "https://shop.example/", "admin-api"),
        ("https://shop.example/admin-api/", "https://shop.example/", "admin-api"),
        ("https://shop.example/deep/graphql", "https://shop.example/deep/", "graphql"),
    ],
)
def test_the_address_of_the_api(given: str, base: str, path: str) -> None:
    settings = VendureSettings(url=given, **SECRETS)
    assert (settings.base_url, settings.path) == (base, path)


@pytest.mark.parametrize(
    "values",
    [
        {"url": "shop.example"},
        {"url": "https://u:p@shop.example"},
        {"url": "https://shop.example/?a=1"},
        {"password": None},
        {"username": None, "password": None},
        {"api_key": "key"},
        {"password": "  "},
        {"gtin_field": "ean } evil {"},
        {"language": "german"},
        {"tax_categories": {"7%": "Books"}},
        {"batch_size": 0},
    ],
)
def test_settings_that_cannot_be(values: dict[str, Any]) -> None:
    make: Callable[..., VendureSettings] = VendureSettings
    with pytest.raises(ValidationError):
        make(**{"url": "https://shop.example", **SECRETS, **values})
