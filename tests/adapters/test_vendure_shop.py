"""What else a real Vendure shop can be like: its languages, channels, taxes, and what its owner forgot to set up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal

import pytest

from syncd.core.fields import DESCRIPTION, GTIN, NAME, PRICE, PUBLISHED, SKU, TAX_RATE, YES
from syncd.core.model import Applied, FieldsWrite, ListingRef, Refused, StockMode, Written
from syncd.core.products import NewProduct, Product, Unit
from syncd.errors import InvalidResponse, OutcomeUnknown, Rejected, Transient
from syncd.simulators.server import SimRequest, SimResponse
from syncd.testing.goods import GOODS, MANY, SIMPLE, VARIATION, VARIED
from syncd.testing.reading import read, write
from syncd.testing.side import Exchange, Trouble
from tests.conformance.drivers_vendure import VendureDriver, open_vendure


@pytest.fixture
def side() -> Iterator[VendureDriver]:
    with open_vendure(GOODS) as opened:
        assert isinstance(opened, VendureDriver)
        yield opened


def test_more_deletions_than_pages_overlap_hide_nothing() -> None:
    with open_vendure(MANY) as side:
        assert isinstance(side, VendureDriver)
        first = [product.sku for product in MANY[:30]]
        requests = itertools.count()

        def clear_out(_: Exchange) -> None:
            if next(requests) == 3:  # between the second page and the third
                for sku in first:
                    side.delete(sku)

        side.at_each_request(clear_out)
        found = read(side.adapter.read_all())
        side.calm()
        assert side.stock().items() <= found.stock().items()
        assert not side.stock().keys() & set(first)


def test_prices_that_are_entered_without_tax_are_left_alone(side: VendureDriver) -> None:
    channel = "mutation($c: UpdateChannelInput!) { updateChannel(input: $c) { __typename } }"
    side.shop.admin(channel, c={"id": "1", "pricesIncludeTax": False})
    side.reopen()
    listing = side.adapter.fetch([side.ref(SIMPLE)]).listings[0]
    assert PRICE not in listing.fields
    assert listing.fields[TAX_RATE] == f"{GOODS[0].tax_rate:f}"
    assert PRICE not in side.adapter.capabilities.fields
    new = NewProduct("mark", Product("1", "Lamp", (Unit("1", "LAMP", None, "9.99", Decimal(19)),)))
    assert isinstance(side.adapter.create_product(new), Refused)
    assert side.adapter.check().ok


def test_another_language_gets_a_translation_of_its_own(side: VendureDriver) -> None:
    settings = "mutation($i: UpdateGlobalSettingsInput!) { updateGlobalSettings(input: $i) { __typename } }"
    side.shop.admin(settings, i={"availableLanguages": ["en", "de"]})
    channel = "mutation($c: UpdateChannelInput!) { updateChannel(input: $c) { __typename } }"
    side.shop.admin(channel, c={"id": "1", "availableLanguageCodes": ["en", "de"]})
    side.settings["language"] = "de"
    side.reopen()
    ref, english = side.ref(SIMPLE), GOODS[0].name
    assert side.adapter.fetch([ref]).listings[0].fields[NAME] == english  # what there is
    for values in ({NAME: "Lampe"}, {DESCRIPTION: "<p>hell</p>"}):
        assert side.adapter.write_fields([FieldsWrite(ref, values)]) == [Written(values)]
    assert side.adapter.fetch([ref]).listings[0].fields[NAME] == "Lampe"
    rows = side.shop.sql(
        "SELECT languageCode, name, description FROM product_translation WHERE baseId = ? ORDER BY languageCode DESC",
        side.shop.product(SIMPLE),
    )
    assert [tuple(row.values()) for row in rows] == [("en", english, ""), ("de", "Lampe", "<p>hell</p>")]
    del side.settings["language"]
    side.reopen()
    assert side.adapter.fetch([ref]).listings[0].fields[NAME] == english


def test_a_shop_that_gives_cookies_alone_is_told_what_to_change(side: VendureDriver) -> None:
    forward = side.tampering.inner.handle

    def without_token(request: SimRequest) -> SimResponse:
        answer = forward(request)
        headers = {name: value for name, value in answer.headers.items() if name != "vendure-auth-token"}
        return SimResponse(answer.status, answer.body, headers)

    side.tampering.inner.handle = without_token  # type: ignore[method-assign]  # as a shop with other settings
    side.reopen()
    with pytest.raises(InvalidResponse, match="tokenMethod must include bearer"):
        side.adapter.fetch([side.ref(SIMPLE)])
    assert not side.adapter.check().ok


def test_a_firewall_that_judges_answers_leaves_a_write_in_doubt(side: VendureDriver) -> None:
    """A question is asked again; of a write nobody says whether it reached the shop."""
    side.adapter.fetch([side.ref(SIMPLE)])
    forward = side.tampering.inner.handle

    def refused(request: SimRequest) -> SimResponse:
        forward(request)
        return SimResponse(403, b"<html>Forbidden</html>", {"Content-Type": "text/html"})

    side.at_each_request(lambda exchange: switch(exchange.write))

    def switch(on: bool) -> None:
        side.tampering.inner.handle = refused if on else forward  # type: ignore[method-assign]  # between requests

    with pytest.raises(OutcomeUnknown, match="refused by the host"):
        side.adapter.write_stock([write(side.ref(SIMPLE), 2)])
    assert side.stock()[SIMPLE] == 12
    side.calm()
    side.tampering.inner.handle = refused  # type: ignore[method-assign]
    with pytest.raises(Transient, match="refused by the host"):
        side.adapter.fetch([side.ref(SIMPLE)])


def test_a_custom_field_that_is_not_there_is_told_by_the_check(side: VendureDriver) -> None:
    side.settings["gtin_field"] = "barcode"
    side.reopen()
    lines = [line.message for line in side.adapter.check().lines if not line.ok]
    assert [line for line in lines if "barcode" in line]
    with pytest.raises(Rejected, match="barcode"):
        list(side.adapter.read_all())


def test_without_a_custom_field_there_is_no_gtin(side: VendureDriver) -> None:
    side.settings["gtin_field"] = None
    side.reopen()
    listing = side.adapter.fetch([side.ref(SIMPLE)]).listings[0]
    assert listing.gtin is None
    assert GTIN not in listing.fields
    assert GTIN not in side.adapter.capabilities.fields
    (result,) = side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {GTIN: "4006381333931"})])
    assert isinstance(result, Refused)


def test_a_rate_that_two_categories_have_must_be_named(side: VendureDriver) -> None:
    made = side.shop.admin('mutation { createTaxCategory(input: { name: "Books" }) { id } }')["createTaxCategory"]["id"]
    rate = {"name": "Books", "enabled": True, "value": 7, "categoryId": made, "zoneId": "1"}
    side.shop.admin("mutation($i: CreateTaxRateInput!) { createTaxRate(input: $i) { id } }", i=rate)
    side.reopen()
    (result,) = side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {TAX_RATE: "7"})])
    assert isinstance(result, Refused)
    assert "tax_categories" in result.message
    side.settings["tax_categories"] = {"7": "Books"}
    side.reopen()
    assert side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {TAX_RATE: "7"})]) == [Written({TAX_RATE: "7"})]
    chosen = side.shop.sql("SELECT taxCategoryId FROM product_variant WHERE sku = ?", SIMPLE)
    assert str(chosen[0]["taxCategoryId"]) == made


def test_stock_that_the_shop_does_not_track_at_all(side: VendureDriver) -> None:
    """What inherits is not counted then; what says that it is, is."""
    settings = "mutation($i: UpdateGlobalSettingsInput!) { updateGlobalSettings(input: $i) { __typename } }"
    side.shop.admin(settings, i={"trackInventory": False})
    side.shop.change(VARIATION, trackInventory="TRUE")
    side.reopen()
    found = read(side.adapter.read_all())
    assert found.sku(SIMPLE).stock_mode is StockMode.UNMANAGED
    assert found.sku(VARIATION).stock_mode is StockMode.OWN
    new = NewProduct("mark", Product("1", "Lamp", (Unit("1", "LAMP", None, "9.99", Decimal(19)),)))
    side.adapter.create_product(new)
    assert read(side.adapter.read_all()).sku("LAMP").stock_mode is StockMode.OWN


def test_what_an_earlier_attempt_left_undone_is_gone_on_with(side: VendureDriver) -> None:
    """The product was made, its options and variants were not: no second product, and each option once."""
    units = tuple(
        Unit(f"2{size}", f"SHIRT-{size}", None, "20.00", Decimal(19), {"size": size, "color": "Blue"})
        for size in ("S", "M")
    )
    new = NewProduct("mark", Product("2", "Shirt", units, is_group=True))
    for lost in (0, 2):
        side.trouble(Trouble.LOST_AFTER, write=True, after=lost)
        with pytest.raises(OutcomeUnknown):
            side.adapter.create_product(new)
        side.calm()
        assert side.adapter.find_product(new, side.now()) is None
    made = side.adapter.create_product(new)
    assert not isinstance(made, Refused)
    rows = side.shop.sql(
        "SELECT id FROM product WHERE id IN (SELECT baseId FROM product_translation WHERE name = 'Shirt')"
    )
    assert len(rows) == 1
    groups = side.shop.sql(
        "SELECT * FROM product_option_groups_product_option_group WHERE productId = ?", rows[0]["id"]
    )
    assert len(groups) == 2
    assert {listing.sku for listing in read(side.adapter.read_all()).listings.values()} >= {"SHIRT-S", "SHIRT-M"}


def test_a_product_that_gets_options_keeps_the_listing_of_its_variant(side: VendureDriver) -> None:
    """It is a variation now, under the same id, and its stock goes on."""
    ref, product = side.ref(SIMPLE), side.shop.product(SIMPLE)
    group = side.shop.admin(
        'mutation { createProductOptionGroup(input: { code: "g", translations: [{ languageCode: en, name: "size" }], '
        'options: [{ code: "s", translations: [{ languageCode: en, name: "S" }] }] }) { id options { id } } }'
    )["createProductOptionGroup"]
    add = "mutation($p: ID!, $g: ID!) { addOptionGroupToProduct(productId: $p, optionGroupId: $g) { id } }"
    side.shop.admin(add, p=product, g=group["id"])
    side.shop.change(SIMPLE, optionIds=[group["options"][0]["id"]])
    (listing,) = side.adapter.fetch([ref]).listings
    assert listing.ref == ListingRef(ref.external_id)
    assert listing.ref.parent_external_id == f"product-{product}"
    assert side.adapter.write_stock([write(ref, 1)]) == [Applied(Decimal(11))]


def test_words_of_a_variation_are_refused(side: VendureDriver) -> None:
    (result,) = side.adapter.write_fields([FieldsWrite(side.ref(VARIATION), {NAME: "x"})])
    assert isinstance(result, Refused)
    (result,) = side.adapter.write_fields([FieldsWrite(side.ref(VARIED.sku), {SKU: "x"})])
    assert isinstance(result, Refused)


def test_a_variant_that_was_disabled_by_hand_is_shown_with_its_product(side: VendureDriver) -> None:
    side.shop.change(SIMPLE, enabled=False)
    assert not side.adapter.fetch([side.ref(SIMPLE)]).listings[0].published
    written = side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {PUBLISHED: YES, NAME: "Lamp"})])
    assert written == [Written({PUBLISHED: YES, NAME: "Lamp"})]
    variant = side.shop.sql(
        "SELECT t.name FROM product_variant_translation t JOIN product_variant v ON v.id = t.baseId WHERE v.sku = ?",
        SIMPLE,
    )
    assert [row["name"] for row in variant] == ["Lamp"]
