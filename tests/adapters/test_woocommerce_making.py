"""What WooCommerce needs to know of a new product, and what it bends or refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from syncd.core.fields import PRICE
from syncd.core.model import FieldsWrite, ListingRef, Refused
from syncd.core.products import Made, NewProduct, Product, Unit
from syncd.errors import SideError
from syncd.simulators.server import Fault
from tests.support.woocommerce import Shop, simulated

LAMP = Product("1", "Lamp", (Unit("1", "LAMP", "4006381333931", "12.50", Decimal(19)),))
SHIRT = Product("2", "Shirt", (Unit("3", "S-M", None, "20.00", Decimal(7), {"Size": "M"}),), is_group=True)


def made(shop: Shop, new: NewProduct) -> Made:
    result = shop.adapter.create_product(new)
    assert isinstance(result, Made), result
    return result


def stored(shop: Shop, product_id: str) -> Any:
    return shop.sim.shop.by_id[int(product_id)]


def with_unit(product: Product, **fields: Any) -> Product:
    return replace(product, units=(replace(product.units[0], **fields),))


def test_scripts_are_taken_out_of_texts_and_tags_for_readers_stay() -> None:
    text = '<p onclick="steal()">Warm &amp; <b>bright</b> 💡</p><script>steal()</script>'
    with simulated() as shop:
        lamp = stored(shop, made(shop, NewProduct("m", replace(LAMP, description=text))).product_id)
        assert lamp.extra["description"].strip() == "<p>Warm &amp; <b>bright</b> 💡</p>"


@pytest.mark.parametrize(("rate", "slug"), [("19", ""), ("7.000", "reduced-rate"), ("0", "zero-rate")])
def test_the_tax_class_is_the_one_with_the_rate(rate: str, slug: str) -> None:
    with simulated() as shop:
        product = with_unit(LAMP, tax_rate=Decimal(rate))
        assert stored(shop, made(shop, NewProduct("m", product)).product_id).tax_class == slug


@pytest.mark.parametrize("rate", ["20", None])
def test_a_rate_without_a_class_is_refused_and_nothing_is_made(rate: str | None) -> None:
    with simulated() as shop:
        before = len(shop.sim.shop.by_id)
        product = with_unit(LAMP, tax_rate=None if rate is None else Decimal(rate))
        result = shop.adapter.create_product(NewProduct("m", product))
        assert isinstance(result, Refused)
        assert result.code in {"no_tax_class", "tax_rate_unknown"}
        assert len(shop.sim.shop.by_id) == before


@pytest.mark.parametrize(("named", "taken"), [("reduced-rate", True), ("reduced_rate", False)])
def test_the_configuration_names_a_class_that_the_shop_has(named: str, taken: bool) -> None:
    with simulated() as shop:
        shop.adapter._maker._taxes._chosen = {Decimal(20): named}
        result = shop.adapter.create_product(NewProduct("m", with_unit(LAMP, tax_rate=Decimal(20))))
        assert isinstance(result, Made) is taken
        assert taken or "standard" in getattr(result, "message", "")


def test_a_shop_without_taxes_needs_no_class() -> None:
    with simulated(calc_taxes=False) as shop:
        assert made(shop, NewProduct("m", with_unit(LAMP, tax_rate=None))).units


@pytest.mark.parametrize(("gtin", "kept"), [("4006381333931", "4006381333931"), ("ABC-12X", "")])
def test_a_code_that_the_shop_would_cut_is_left_out(gtin: str, kept: str) -> None:
    with simulated() as shop:
        assert stored(shop, made(shop, NewProduct("m", with_unit(LAMP, gtin=gtin))).product_id).gtin == kept


def test_a_code_in_the_trash_is_refused_with_what_to_do() -> None:
    with simulated() as shop:
        made(shop, NewProduct("m", LAMP))
        shop.sim.people.trash("LAMP")
        result = shop.adapter.create_product(NewProduct("n", LAMP))
        assert isinstance(result, Refused)
        assert "restore" in result.message


@pytest.mark.parametrize("how", ["trash", "delete"])
def test_variations_of_a_product_that_left_are_refused_and_none_are_found(how: str) -> None:
    with simulated() as shop:
        first = made(shop, NewProduct("m", SHIRT))
        _leave(shop, first.product_id, for_good=how == "delete")
        more = NewProduct("n", with_unit(SHIRT, source_id="4", sku="S-L", attributes={"Size": "L"}), first.product_id)
        result = shop.adapter.create_product(more)
        assert isinstance(result, Refused)
        assert result.gone
        assert shop.adapter.find_product(more, datetime.now(UTC) - timedelta(minutes=1)) is None


def _leave(shop: Shop, product_id: str, *, for_good: bool) -> None:
    product = stored(shop, product_id)
    with shop.sim.shop.lock:
        if for_good:
            shop.sim.shop.remove_product(product)
        else:
            shop.sim.people.writer.trash(product)


@pytest.mark.parametrize("kind", ["html_200", "error_500_html", "lost_before"])
def test_settings_that_cannot_be_read_now_are_no_refusal(kind: str) -> None:
    """Seen in chaos: a product whose shop could not say whether prices are gross was refused for good."""
    with simulated() as shop:
        shop.server.add_fault(Fault(kind, path="/settings/", times=-1, seconds=0))
        with pytest.raises(SideError):
            shop.adapter.create_product(NewProduct("m", LAMP))
        with pytest.raises(SideError):
            shop.adapter.write_fields([FieldsWrite(ListingRef("10"), {PRICE: "1.00"})])
        shop.server.clear_faults()
        assert made(shop, NewProduct("m", LAMP)).units["1"].fields[PRICE] == "12.50"


def test_options_are_added_to_those_of_the_product() -> None:
    with simulated() as shop:
        first = made(shop, NewProduct("m", SHIRT))
        more = with_unit(SHIRT, source_id="4", sku="S-L", attributes={"size": "L", "Color": "Navy"})
        made(shop, NewProduct("n", more, first.product_id))
        options = {each["name"]: each["options"] for each in stored(shop, first.product_id).attributes}
        assert options == {"Size": ["M", "L"], "Color": ["Navy"]}


def test_a_variation_takes_the_attributes_that_its_product_shares_with_others() -> None:
    """By their numbers: under a name alone the shop knows no such attribute of the product, and leaves it open."""
    with simulated() as shop:
        shop.sim.shop.attributes[7] = {"id": 7, "name": "Size", "slug": "pa_size"}
        shared = {"id": 7, "visible": True, "variation": True, "options": ["S"]}
        values = {"name": "Shirt", "type": "variable", "attributes": [shared]}
        answer = shop.adapter._client.post("products", values)
        assert isinstance(answer, dict)
        result = made(shop, NewProduct("m", SHIRT, into=str(answer["id"])))
        (unit,) = result.units.values()
        chosen = [(each["id"], each["option"]) for each in stored(shop, unit.ref.external_id).attributes]
        assert chosen == [(7, "M")]
        assert stored(shop, str(answer["id"])).attributes[0]["options"] == ["S", "M"]
