"""Categories and brands of a WooCommerce shop: how often they are asked for, and what a lost answer leaves."""

from __future__ import annotations

import pytest

from syncd.core.fields import BRAND, CATEGORIES, NAME
from syncd.core.model import FieldsWrite, ListingRef, NotSent, Refused, Written
from syncd.simulators.server import Fault
from tests.support.woocommerce import Shop, listings, simulated


def refs(shop: Shop) -> list[ListingRef]:
    return [one.ref for one in listings(shop.read_all()).values() if one.ref.parent_external_id is None]


def asked(shop: Shop, kind: str, method: str = "GET") -> int:
    return sum(f"products/{kind}" in record.target and record.method == method for record in shop.server.requests())


def test_a_shop_without_categories_is_not_asked_for_them() -> None:
    with simulated() as shop:
        shop.settled()
        assert asked(shop, "categories") == asked(shop, "brands") == 0


def test_many_products_ask_for_the_list_once() -> None:
    with simulated(40, 0) as shop:
        for sku in shop.sim.people.stock():
            shop.sim.people.set_categories(sku, ["Wool"])
            shop.sim.people.set_brand(sku, "Nähwerk")
        found = listings(shop.read_all())
        assert {one.fields[CATEGORIES] for one in found.values()} == {"Wool"}
        assert (asked(shop, "categories"), asked(shop, "brands")) == (1, 0)
        writes = [FieldsWrite(one.ref, {CATEGORIES: "Wool\nYarn", BRAND: "Other"}) for one in found.values()]
        results = shop.adapter.write_fields(writes)
        assert {type(result) for result in results} == {Written}
        assert (asked(shop, "categories"), asked(shop, "brands")) == (1, 1)
        assert (asked(shop, "categories", "POST"), asked(shop, "brands", "POST")) == (1, 1)


def test_a_key_that_may_not_read_them_is_asked_once_and_nothing_is_guessed() -> None:
    with simulated(40, 0) as shop:
        for sku in shop.sim.people.stock():
            shop.sim.people.set_categories(sku, ["Wool"])
        shop.server.add_fault(Fault("error_500_html", "GET", "products/categories", times=100))
        found = listings(shop.read_all())
        assert all(CATEGORIES not in one.fields for one in found.values())
        assert asked(shop, "categories") <= 4, "once, with its retries"


@pytest.mark.parametrize("fault", ["lost_after", "lost_before", "error_500_html"])
def test_a_category_whose_answer_is_lost_is_made_once(fault: str) -> None:
    with simulated() as shop:
        ref = refs(shop)[0]
        shop.server.add_fault(Fault(fault, "POST", "products/categories"))
        write = FieldsWrite(ref, {CATEGORIES: "Wool > Merino"})
        assert isinstance(shop.adapter.write_fields([write])[0], NotSent)
        assert shop.adapter.write_fields([write]) == [Written({CATEGORIES: "Wool > Merino"})]
        names = sorted(term.name for term in shop.sim.shop.categories.values())
        assert names == ["Merino", "Uncategorized", "Wool"]


def test_one_that_somebody_makes_meanwhile_is_used_at_the_next_try() -> None:
    with simulated() as shop:
        first, second = refs(shop)[:2]
        shop.adapter.write_fields([FieldsWrite(first, {CATEGORIES: "Wool"})])
        sku = next(iter(shop.sim.people.stock()))
        shop.sim.people.set_categories(sku, ["Yarn"])
        write = FieldsWrite(second, {CATEGORIES: "Yarn"})
        assert isinstance(shop.adapter.write_fields([write])[0], NotSent)
        assert shop.adapter.write_fields([write]) == [Written({CATEGORIES: "Yarn"})]


def test_categories_are_left_to_a_person_where_the_shop_says_so() -> None:
    with simulated(adapter={"create_categories": False}) as shop:
        ref = refs(shop)[0]
        (result,) = shop.adapter.write_fields([FieldsWrite(ref, {CATEGORIES: "Wool > Merino"})])
        assert isinstance(result, Refused)
        assert "Wool > Merino" in result.message
        assert len(shop.sim.shop.categories) == 1
        shop.sim.people.set_categories(next(iter(shop.sim.people.stock())), ["Wool"])
        assert shop.adapter.write_fields([FieldsWrite(ref, {CATEGORIES: "Wool"})]) == [Written({CATEGORIES: "Wool"})]


def test_a_term_escaped_by_the_shop_is_read_as_it_was_typed() -> None:
    """Recording 05: "Bücher &amp; Hefte"."""
    with simulated() as shop:
        sku = next(iter(shop.sim.people.stock()))
        shop.sim.people.set_categories(sku, ["Bücher & Hefte"])
        shop.sim.people.set_brand(sku, "Föhr & Töchter")
        (found,) = [one for one in listings(shop.read_all()).values() if one.sku == sku]
        assert (found.fields[CATEGORIES], found.fields[BRAND]) == ("Bücher & Hefte", "Föhr & Töchter")


@pytest.mark.parametrize(("field", "kind"), [(CATEGORIES, "categories"), (BRAND, "brands")])
def test_one_that_is_deleted_while_the_list_counts_is_lost_and_made_anew(field: str, kind: str) -> None:
    """WooCommerce leaves out an id that it does not have, without a word (recording 05)."""
    with simulated() as shop:
        first, second = refs(shop)[:2]
        shop.adapter.write_fields([FieldsWrite(first, {field: "Wool"})])
        shop.sim.people.delete_term(kind, "Wool")
        (result,) = shop.adapter.write_fields([FieldsWrite(second, {field: "Wool", NAME: "Mug"})])
        assert isinstance(result, Written)
        assert dict(result.fields) == {field: "", NAME: "Mug"}
        assert list(result.lost) == [field]
        assert shop.adapter.write_fields([FieldsWrite(second, {field: "Wool"})]) == [Written({field: "Wool"})]


def test_one_below_another_that_is_deleted_is_made_anew() -> None:
    with simulated() as shop:
        first, second = refs(shop)[:2]
        shop.adapter.write_fields([FieldsWrite(first, {CATEGORIES: "Wool"})])
        shop.sim.people.delete_term("categories", "Wool")
        write = FieldsWrite(second, {CATEGORIES: "Wool > Merino"})
        assert isinstance(shop.adapter.write_fields([write])[0], NotSent)
        assert shop.adapter.write_fields([write]) == [Written({CATEGORIES: "Wool > Merino"})]
