"""What is peculiar to writing to a Shopware 6 shop: one request for all, names that are cut, lists that only grow."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.core.fields import (
    ATTRIBUTES,
    BRAND,
    CATEGORIES,
    DESCRIPTION,
    GTIN,
    NAME,
    NO,
    PRICE,
    PUBLISHED,
    SKU,
    TAX_RATE,
    YES,
)
from syncd.core.model import Applied, FieldsWrite, NotSent, Refused, Unknown, Written
from syncd.simulators.server import Fault
from syncd.simulators.shopware6.model import STOREFRONT, SYSTEM_CURRENCY
from syncd.testing.goods import GOODS, SIMPLE, VARIATION, VARIED
from syncd.testing.reading import write
from tests.support.shopware6 import Stand, shop

OTHER, THIRD, FOURTH = (GOODS[at].sku for at in (1, 2, 3))
SYNC = "_action/sync"


def _statuses(stand: Stand) -> list[int]:
    return [one.status for one in stand.server.requests(path=SYNC)]


def _set(stand: Stand, sku: str, values: dict[str, str]) -> object:
    (result,) = stand.adapter.write_fields([FieldsWrite(stand.ref(sku), values)])
    return result


def test_what_the_shop_points_at_is_left_out_and_the_rest_is_sent_again() -> None:
    with shop(GOODS) as stand:
        gone = stand.ref(THIRD)
        stand.sim.people.delete(THIRD)
        refs = [stand.ref(SIMPLE), gone, stand.ref(OTHER)]
        results = stand.adapter.write_stock([write(ref, 0, before=7, key=ref.external_id) for ref in refs])
        assert [type(result) for result in results] == [Applied, Refused, Applied]
        assert _statuses(stand) == [400, 200]
        assert [stand.sim.people.stock()[sku] for sku in (SIMPLE, OTHER)] == [7, 7]


def test_where_the_shop_points_at_nothing_the_request_is_halved() -> None:
    """A number that is taken is found out by the database, which names no row."""
    with shop(GOODS) as stand:
        numbers = {SIMPLE: "N-1", OTHER: "N-2", THIRD: VARIATION, FOURTH: "N-4"}
        results = stand.adapter.write_fields([FieldsWrite(stand.ref(sku), {SKU: new}) for sku, new in numbers.items()])
        assert [isinstance(result, Written) for result in results] == [True, True, False, True]
        refused = results[2]
        assert isinstance(refused, Refused)
        assert (refused.code, refused.gone) == ("CONTENT__DUPLICATE_PRODUCT_NUMBER", False)
        assert VARIATION in refused.message
        assert _statuses(stand) == [400, 200, 400, 400, 200]


def test_after_a_lost_answer_the_rest_is_not_sent() -> None:
    with shop(GOODS) as stand:
        gone = stand.ref(THIRD)
        stand.sim.people.delete(THIRD)
        stand.server.add_fault(Fault("lost_after", path=SYNC, after=1))
        refs = [stand.ref(SIMPLE), gone]
        results = stand.adapter.write_stock([write(ref, 0, before=7, key=ref.external_id) for ref in refs])
        assert [type(result) for result in results] == [Unknown, Refused]
        assert stand.sim.people.stock()[SIMPLE] == 7


def test_a_refusal_before_a_pause_is_told_and_the_rest_is_not_sent() -> None:
    with shop(GOODS) as stand:
        gone = stand.ref(THIRD)
        stand.sim.people.delete(THIRD)
        before = stand.sim.people.stock()
        stand.server.add_fault(Fault("too_many", path=SYNC, after=1, seconds=0))
        refs = [stand.ref(SIMPLE), gone]
        results = stand.adapter.write_stock([write(ref, 0, before=7, key=ref.external_id) for ref in refs])
        assert [type(result) for result in results] == [NotSent, Refused]
        assert stand.sim.people.stock() == before


def test_stock_leaves_costly_indexers_out_but_not_its_own() -> None:
    with shop(GOODS) as stand:
        seen = []
        stand.server.hooks.append(lambda request: seen.append(request.headers.get("indexing-skip", "")))
        stand.adapter.write_stock([write(stand.ref(SIMPLE), 1, before=1)])
        skipped = seen[-1].split(",")
        assert "product.search-keyword" in skipped
        assert "product.stock" not in skipped


@pytest.mark.parametrize("name", ["Size <XL and more", "<!-- x", " ", "<b></b>"])
def test_a_name_that_would_be_cut_is_refused(name: str) -> None:
    with shop(GOODS) as stand:
        before = stand.reading(SIMPLE)
        assert isinstance(_set(stand, SIMPLE, {NAME: name}), Refused)
        assert stand.reading(SIMPLE) == before


def test_prices_in_other_currencies_and_list_prices_stay() -> None:
    with shop(GOODS) as stand:
        row = stand.sim.shop.with_number(SIMPLE)
        usd = {"currencyId": "c" * 32, "gross": 12.5, "net": 10.5, "linked": False}
        listed = {"currencyId": SYSTEM_CURRENCY, "gross": 99.0, "net": 83.19, "linked": True}
        row["price"] = [usd, {**row["price"][0], "listPrice": listed}]
        assert _set(stand, SIMPLE, {PRICE: "11.90"}) == Written({PRICE: "11.90"})
        own, other = sorted(
            stand.sim.shop.with_number(SIMPLE)["price"], key=lambda each: each["currencyId"] == "c" * 32
        )
        assert (own["gross"], own["net"], own["listPrice"]) == (11.9, 11.1214953271, listed)
        assert other == usd


def test_net_follows_from_gross_and_rate() -> None:
    with shop(GOODS) as stand:
        _set(stand, SIMPLE, {PRICE: "150.00", TAX_RATE: "7"})
        (price,) = stand.sim.shop.with_number(SIMPLE)["price"]
        assert (price["gross"], price["net"]) == (150.0, 140.1869158879)


def test_a_variant_keeps_what_it_shows_when_its_tax_is_its_own() -> None:
    """Its net price was its product's; with another rate it needs one of its own."""
    with shop(GOODS) as stand:
        before = stand.reading(VARIATION).fields[PRICE]
        assert _set(stand, VARIATION, {TAX_RATE: "0"}) == Written({TAX_RATE: "0"})
        (price,) = stand.sim.shop.with_number(VARIATION)["price"]
        assert price["gross"] == price["net"] == float(before)


def test_a_rate_that_several_taxes_have_is_no_guess() -> None:
    with shop(GOODS) as stand:
        stand.sim.shop.insert("tax", {"taxRate": 7, "name": "Books"})
        refused = _set(stand, SIMPLE, {TAX_RATE: "7"})
        assert isinstance(refused, Refused)
        assert "several have it" in refused.message
        assert "Books" in refused.message
        adapter = stand.connect(tax_classes={"7": "books"})
        (result,) = adapter.write_fields([FieldsWrite(stand.ref(SIMPLE), {TAX_RATE: "7"})])
        adapter.close()
        assert result == Written({TAX_RATE: "7"})
        tax = stand.sim.shop.get("tax", stand.sim.shop.with_number(SIMPLE)["taxId"])
        assert tax is not None
        assert tax["name"] == "Books"


def test_hidden_products_hide_variants_that_were_shown_on_their_own() -> None:
    with shop(GOODS) as stand:
        stand.sim.people.set_active(VARIATION, active=True)
        assert _set(stand, VARIED.sku, {PUBLISHED: NO}) == Written({PUBLISHED: NO})
        assert stand.sim.shop.with_number(VARIATION)["active"] is None
        assert _set(stand, VARIED.sku, {PUBLISHED: YES}) == Written({PUBLISHED: YES})


def test_categories_in_the_root_stay_there_and_are_no_part_of_the_field() -> None:
    with shop(GOODS) as stand:
        channel = next(iter(stand.sim.shop.rows("sales_channel").values()))
        link = {"productId": stand.ref(SIMPLE).external_id, "categoryId": channel["navigationCategoryId"]}
        stand.sim.shop.insert("product_category", link)
        assert stand.reading(SIMPLE).fields[CATEGORIES] == ""
        for value in ("Wool > Merino", "Wool", ""):
            assert _set(stand, SIMPLE, {CATEGORIES: value}) == Written({CATEGORIES: value})
            assert link in stand.sim.shop.rows("product_category").values()


def test_a_category_that_was_renamed_stays_as_it_is() -> None:
    """Its id was derived from its first name; who renamed it meant it."""
    with shop(GOODS) as stand:
        _set(stand, SIMPLE, {CATEGORIES: "Wool"})
        (row,) = (each for each in stand.sim.shop.rows("category").values() if each["name"] == "Wool")
        row["name"], row["breadcrumb"] = "Yarn", [row["breadcrumb"][0], "Yarn"]
        adapter = stand.connect()
        (result,) = adapter.write_fields([FieldsWrite(stand.ref(OTHER), {CATEGORIES: "Wool"})])
        adapter.close()
        assert result == Written({CATEGORIES: "Wool"})
        assert stand.reading(SIMPLE).fields[CATEGORIES] == "Yarn"
        assert stand.sim.people.categories() == [["Wool"], ["Yarn"]]


def test_categories_are_not_made_where_that_is_switched_off() -> None:
    with shop(GOODS) as stand:
        adapter = stand.connect(create_categories=False)
        (result,) = adapter.write_fields([FieldsWrite(stand.ref(SIMPLE), {CATEGORIES: "Wool"})])
        adapter.close()
        assert isinstance(result, Refused)
        assert "Wool" in result.message
        assert stand.sim.people.categories() == []


def test_several_catalogues_need_a_word() -> None:
    with shop(GOODS) as stand:
        root = stand.sim.shop.insert("category", {"name": "Catalogue #2"})
        stand.sim.shop.keep_breadcrumb(root)
        stand.sim.shop.insert(
            "sales_channel",
            {"typeId": STOREFRONT, "name": "Outlet", "active": True, "navigationCategoryId": root["id"],
             "currencyId": SYSTEM_CURRENCY},
        )  # fmt: skip
        refused = _set(stand, SIMPLE, {CATEGORIES: "Wool"})
        assert isinstance(refused, Refused)
        assert "sales_channels" in refused.message
        adapter = stand.connect(sales_channels=["outlet"])
        (result,) = adapter.write_fields([FieldsWrite(stand.ref(SIMPLE), {CATEGORIES: "Wool"})])
        adapter.close()
        assert result == Written({CATEGORIES: "Wool"})
        (row,) = (each for each in stand.sim.shop.rows("category").values() if each["name"] == "Wool")
        assert row["parentId"] == root["id"]


def test_a_brand_that_two_products_need_is_made_once() -> None:
    with shop(GOODS) as stand:
        writes = [FieldsWrite(stand.ref(sku), {BRAND: "Nähwerk"}) for sku in (SIMPLE, OTHER)]
        assert stand.adapter.write_fields(writes) == [Written({BRAND: "Nähwerk"})] * 2
        assert _set(stand, THIRD, {BRAND: "NÄHWERK"}) == Written({BRAND: "Nähwerk"})
        assert len(stand.sim.shop.rows("product_manufacturer")) == 1


def test_an_option_of_the_products_own_group_is_preferred() -> None:
    with shop(GOODS) as stand:
        stand.sim.shop.insert("property_group", {"id": "0" * 32, "name": "color"})
        former = dict(VARIED.variations[0].attributes)
        value = f"color: Mauve\nsize: {former['size']}"
        assert _set(stand, VARIATION, {ATTRIBUTES: value}) == Written({ATTRIBUTES: value})
        (option,) = (each for each in stand.sim.shop.rows("property_group_option").values() if each["name"] == "Mauve")
        assert option["groupId"] != "0" * 32
        parent = stand.ref(VARIED.sku).external_id
        settings = stand.sim.shop.rows("product_configurator_setting").values()
        assert (parent, option["id"]) in {(each["productId"], each["optionId"]) for each in settings}


def test_many_fields_of_many_products_are_one_request() -> None:
    with shop(GOODS) as stand:
        values = {NAME: "Mug", DESCRIPTION: "<b>Warm</b>", PRICE: "1.00", GTIN: "4006381333931", BRAND: "Nähwerk",
                  CATEGORIES: "Wool"}  # fmt: skip
        writes = [FieldsWrite(stand.ref(sku), values) for sku in (SIMPLE, OTHER, THIRD)]
        assert stand.adapter.write_fields(writes) == [Written(values)] * 3
        assert _statuses(stand) == [200]
        assert stand.sim.people.stock()[SIMPLE] == GOODS[0].quantity


def test_too_many_units_are_refused() -> None:
    with shop(GOODS) as stand:
        (result,) = stand.adapter.write_stock([write(stand.ref(SIMPLE), Decimal(2**31), before=0)])
        assert isinstance(result, Refused)
        assert _statuses(stand) == []
