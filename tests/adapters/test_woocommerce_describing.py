"""What a shop says of a whole product, so that a till can have it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.errors import SideError
from syncd.simulators.server import Fault
from tests.support.woocommerce import Shop, simulated


def post(shop: Shop, route: str, **body: Any) -> str:
    answer = shop.adapter._client.post(route, {"regular_price": "10.00", "manage_stock": True, **body})
    return str(answer["id"])


def shirt(shop: Shop, **body: Any) -> str:
    attributes = [
        {"name": "Size", "variation": True, "visible": True, "options": ["M", "L"]},
        {"name": "Colour &amp; cut", "variation": True, "visible": True, "options": ["Blue", "Red"]},
    ]
    return post(
        shop,
        "products",
        **{"type": "variable", "name": "Shirt", "manage_stock": False, "attributes": attributes, **body},
    )


def variation(shop: Shop, parent: str, size: str = "", colour: str = "", **body: Any) -> str:
    chosen = [{"name": "Colour &amp; cut", "option": colour}, {"name": "Size", "option": size}]
    given = {"attributes": [each for each in chosen if each["option"]], **body}
    return post(shop, f"products/{parent}/variations", **given)


@pytest.mark.parametrize(("slug", "rate"), [("", 19), ("reduced-rate", 7), ("zero-rate", 0)])
def test_the_rate_is_that_of_the_tax_class(slug: str, rate: int) -> None:
    with simulated() as shop:
        product = shop.adapter.read_product(post(shop, "products", name="Lamp", tax_class=slug))
        assert product is not None
        assert product.units[0].tax_rate == Decimal(rate)


def test_what_is_not_taxed_or_in_a_shop_without_taxes_has_no_known_rate() -> None:
    with simulated() as shop:
        product = shop.adapter.read_product(post(shop, "products", name="Lamp", tax_status="none"))
        assert product is not None
        assert product.units[0].tax_rate is None
    with simulated(calc_taxes=False) as shop:
        product = shop.adapter.read_product(post(shop, "products", name="Lamp"))
        assert product is not None
        assert (product.units[0].tax_rate, product.units[0].price) == (None, "10.00")


def test_a_variation_has_what_is_its_own_and_the_tax_class_of_its_product() -> None:
    """SKU and GTIN of the product are shown by a variation that has none: they are not its own."""
    with simulated() as shop:
        parent = shirt(shop, sku="SHIRT", global_unique_id="4006381333931", tax_class="reduced-rate")
        one = variation(shop, parent, "M", "Blue", sku="S-M", regular_price="12.50")
        two = variation(shop, parent, "L", "Red", tax_class="zero-rate")
        product = shop.adapter.read_product(parent)
        assert product is not None
        assert (product.name, product.is_group) == ("Shirt", True)
        assert [unit.source_id for unit in product.units] == [one, two]
        assert [(unit.sku, unit.gtin) for unit in product.units] == [("S-M", None), (None, None)]
        assert [(unit.tax_rate, unit.price) for unit in product.units] == [(Decimal(7), "12.50"), (Decimal(0), "10.00")]


def test_attributes_come_in_the_order_of_the_product_and_one_left_open_is_none() -> None:
    with simulated() as shop:
        parent = shirt(shop)
        variation(shop, parent, "M", "Blue")
        variation(shop, parent, size="L")
        open_one = variation(shop, parent)
        product = shop.adapter.read_product(parent)
        assert product is not None
        first, second, third = (list(unit.attributes.items()) for unit in product.units)
        assert first == [("Size", "M"), ("Colour & cut", "Blue")]
        assert second == [("Size", "L")]
        assert [name for name, _ in third] == ["Variation"]
        assert third[0][1] or open_one


def test_all_pages_of_variations_are_read() -> None:
    with simulated() as shop:
        parent = shirt(shop)
        for number in range(130):
            variation(shop, parent, "M", "Blue", sku=f"S-{number}")
        product = shop.adapter.read_product(parent)
        assert product is not None
        assert [unit.sku for unit in product.units] == [f"S-{number}" for number in range(130)]


def test_bundles_links_pools_and_the_trash_are_not_offered() -> None:
    with simulated() as shop:
        for kind in ("grouped", "external"):
            assert shop.adapter.read_product(post(shop, "products", name="Set", type=kind, manage_stock=False)) is None
        pool = shirt(shop, manage_stock=True, stock_quantity=5)
        variation(shop, pool, "M", "Blue", manage_stock=False)
        assert shop.adapter.read_product(pool) is None
        lamp = post(shop, "products", name="Lamp", sku="LAMP")
        assert shop.adapter.read_product(lamp) is not None
        shop.sim.people.trash("LAMP")
        assert shop.adapter.read_product(lamp) is None
        assert shop.adapter.read_product("987654") is None


def test_texts_are_told_as_they_are_stored() -> None:
    with simulated() as shop:
        product = shop.adapter.read_product(
            post(shop, "products", name="Mug &amp; plate", description="<p>Soft [gallery]</p>")
        )
        assert product is not None
        assert (product.name, product.description) == ("Mug & plate", "<p>Soft [gallery]</p>")


def test_net_prices_are_told_as_gross() -> None:
    with simulated(prices_include_tax=False) as shop:
        product = shop.adapter.read_product(post(shop, "products", name="Lamp", regular_price="10"))
        assert product is not None
        assert product.units[0].price == "11.90"


@pytest.mark.parametrize("path", ["/settings/tax", "/taxes"])
def test_settings_that_cannot_be_read_now_are_no_missing_price_or_rate(path: str) -> None:
    with simulated() as shop:
        lamp = post(shop, "products", name="Lamp")
        shop.server.add_fault(Fault("error_500_html", path=path, times=-1, seconds=0))
        with pytest.raises(SideError):
            shop.adapter.read_product(lamp)
