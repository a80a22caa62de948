"""Attributes of a WooCommerce shop's variations: what its product must offer first, and what stays as it is."""

from __future__ import annotations

import pytest

from syncd.core.fields import ATTRIBUTES, PRICE
from syncd.core.model import FieldsWrite, ListingRef, NotSent, Refused, Written
from syncd.simulators.server import Fault
from tests.support.woocommerce import Shop, listings, simulated


def variation(shop: Shop) -> ListingRef:
    """The first one; red and M."""
    found = [one for one in listings(shop.read_all()).values() if one.ref.parent_external_id is not None]
    return min((one.ref for one in found), key=lambda ref: int(ref.external_id))


def parent_attributes(shop: Shop, ref: ListingRef) -> list[dict[str, object]]:
    return shop.sim.shop.by_id[int(ref.parent_external_id or 0)].attributes


def written(shop: Shop, ref: ListingRef, text: str, **more: str) -> object:
    (result,) = shop.adapter.write_fields([FieldsWrite(ref, {ATTRIBUTES: text, **more})])
    return result


def posts(shop: Shop) -> int:
    return sum(record.method == "POST" for record in shop.server.requests())


def test_an_option_that_the_product_offers_costs_one_write() -> None:
    with simulated() as shop:
        ref = variation(shop)
        row = shop.sim.shop.by_id[int(ref.external_id)]
        (colour, size) = (str(each["option"]) for each in row.attributes)
        offered = parent_attributes(shop, ref)[0]["options"]
        assert isinstance(offered, list)
        other = next(option for option in offered if option != colour)
        before = posts(shop)
        assert written(shop, ref, f"color: {other}\nsize: {size}") == Written(
            {ATTRIBUTES: f"color: {other}\nsize: {size}"}
        )
        assert posts(shop) == before + 1
        assert parent_attributes(shop, ref)[0]["options"] == offered


def test_an_option_that_it_lacks_is_offered_first_and_the_others_stay() -> None:
    with simulated() as shop:
        ref = variation(shop)
        size = str(shop.sim.shop.by_id[int(ref.external_id)].attributes[1]["option"])
        offered = [dict(each) for each in parent_attributes(shop, ref)]
        text = f"color: Petrol\nsize: {size}"
        assert written(shop, ref, text) == Written({ATTRIBUTES: text})
        offered[0]["options"] = [*offered[0]["options"], "Petrol"]  # type: ignore[misc]  # a list, as seeded
        assert parent_attributes(shop, ref) == offered


def test_a_shared_attribute_keeps_its_number() -> None:
    """One without it would be another attribute of the same name, which the product does not offer."""
    with simulated() as shop:
        ref = variation(shop)
        shop.sim.shop.attributes[7] = {"id": 7, "name": "color", "slug": "pa_color"}
        parent_attributes(shop, ref)[0]["id"] = shop.sim.shop.by_id[int(ref.external_id)].attributes[0]["id"] = 7
        size = str(shop.sim.shop.by_id[int(ref.external_id)].attributes[1]["option"])
        text = f"color: Petrol\nsize: {size}"
        assert written(shop, ref, text) == Written({ATTRIBUTES: text})
        assert [each["id"] for each in shop.sim.shop.by_id[int(ref.external_id)].attributes] == [7, 0]
        assert [each["id"] for each in parent_attributes(shop, ref)] == [7, 0]


@pytest.mark.parametrize("fault", ["lost_after", "lost_before", "error_500_html"])
def test_a_product_whose_answer_is_lost_leaves_the_variation_for_the_next_time(fault: str) -> None:
    with simulated() as shop:
        ref = variation(shop)
        size = str(shop.sim.shop.by_id[int(ref.external_id)].attributes[1]["option"])
        text = f"color: Petrol\nsize: {size}"
        shop.server.add_fault(Fault(fault, "POST", f"products/{ref.parent_external_id}"))
        assert isinstance(written(shop, ref, text, **{PRICE: "3.00"}), NotSent)
        assert written(shop, ref, text, **{PRICE: "3.00"}) == Written({ATTRIBUTES: text, PRICE: "3.00"})
        options = parent_attributes(shop, ref)[0]["options"]
        assert isinstance(options, list)
        assert options.count("Petrol") == 1


def test_what_the_shop_would_cut_is_refused() -> None:
    with simulated() as shop:
        before = posts(shop)
        result = written(shop, variation(shop), "color: red | blue\nsize: M")
        assert isinstance(result, Refused)
        assert posts(shop) == before


def test_a_variation_that_is_gone_is_refused_and_its_product_stays() -> None:
    with simulated() as shop:
        ref = variation(shop)
        result = written(shop, ListingRef("987654", ref.parent_external_id), "color: Petrol")
        assert isinstance(result, Refused)
        assert result.gone
        assert "Petrol" not in str(parent_attributes(shop, ref))


def test_an_option_in_other_letters_is_another_one_of_the_product_alone() -> None:
    """Customers could not choose it: the page of the product compares letter by letter."""
    with simulated() as shop:
        ref = variation(shop)
        colour, size = (str(each["option"]) for each in shop.sim.shop.by_id[int(ref.external_id)].attributes)
        offered = parent_attributes(shop, ref)[0]["options"]
        assert isinstance(offered, list)
        text = f"color: {colour.upper()}\nsize: {size}"
        assert written(shop, ref, text) == Written({ATTRIBUTES: text})
        assert parent_attributes(shop, ref)[0]["options"] == [*offered, colour.upper()]


def test_a_shared_attribute_has_one_word_whatever_the_letters() -> None:
    """The shop keeps its own spelling, and offers nothing twice."""
    with simulated() as shop:
        ref = variation(shop)
        row = shop.sim.shop.by_id[int(ref.external_id)]
        shop.sim.shop.attributes[7] = {"id": 7, "name": "color", "slug": "pa_color"}
        parent_attributes(shop, ref)[0]["id"] = row.attributes[0]["id"] = 7
        colour, size = (str(each["option"]) for each in row.attributes)
        offered = list(parent_attributes(shop, ref)[0]["options"])  # type: ignore[call-overload]  # a list, as seeded
        before = posts(shop)
        assert written(shop, ref, f"color: {colour.upper()}\nsize: {size}") == Written(
            {ATTRIBUTES: f"color: {colour}\nsize: {size}"}
        )
        assert posts(shop) == before + 1
        assert parent_attributes(shop, ref)[0]["options"] == offered
