"""Which category of a WooCommerce shop counts as none: the one for products without, unless it is a real one."""

from __future__ import annotations

import pytest

from syncd.core.fields import CATEGORIES
from syncd.simulators.server import Fault
from tests.support.woocommerce import Shop, by_sku, simulated

OPTIONS = "wc-admin/options"


def read(shop: Shop) -> str | None:
    """What a product without a category of its own reads as."""
    sku = next(sku for sku in sorted(shop.sim.people.stock()) if not sku.startswith("V-"))
    return by_sku(shop.read_all(), sku).fields.get(CATEGORIES)


def line(shop: Shop) -> tuple[bool, str]:
    (found,) = (each for each in shop.adapter.check().lines if each.subject == "categories")
    return found.ok, found.message


def asked(shop: Shop) -> int:
    return sum(OPTIONS in record.target for record in shop.server.requests())


def test_one_that_was_renamed_counts_as_none() -> None:
    with simulated() as shop:
        shop.sim.people.rename_category("Uncategorized", "Sonstiges")
        assert read(shop) == ""
        assert read(shop) == ""
        assert asked(shop) == 1
        assert line(shop)[1].startswith("products without one are in “Sonstiges” and count as being in no category")


def test_a_shop_that_calls_it_as_usual_is_not_asked() -> None:
    with simulated() as shop:
        shop.sim.people.set_categories(next(iter(shop.sim.people.on_sale())), ["Wool"])
        assert read(shop) is not None
        assert asked(shop) == 0


def test_a_real_category_that_was_made_the_default_stays_one() -> None:
    """People put products into it on purpose."""
    with simulated() as shop:
        sku = next(sku for sku in sorted(shop.sim.people.stock()) if not sku.startswith("V-"))
        shop.sim.people.set_categories(sku, ["Wool"])
        shop.sim.people.make_default_category("Wool")
        assert read(shop) == "Wool"
        assert 'default_category = "wool" if it stands for none' in line(shop)[1]


def test_beside_another_category_it_is_one_that_a_person_chose() -> None:
    with simulated() as shop:
        sku = next(sku for sku in sorted(shop.sim.people.stock()) if not sku.startswith("V-"))
        shop.sim.people.rename_category("Uncategorized", "Sonstiges")
        shop.sim.people.set_categories(sku, ["Sonstiges", "Wool"])
        assert read(shop) == "Sonstiges\nWool"


@pytest.mark.parametrize("chosen", ["sonstiges", "Sonstiges"])
def test_the_configuration_says_it_where_the_key_is_not_told(chosen: str) -> None:
    with simulated(keys_of_administrator=False) as shop:
        shop.sim.people.rename_category("Uncategorized", "Sonstiges")
        assert read(shop) == "Sonstiges"
        assert line(shop) == (
            True,
            "the key may not see which one products without a category get: set default_category if it was renamed",
        )
        shop.restart(default_category=chosen)
        assert read(shop) == ""
        assert line(shop) == (True, 'default_category = "sonstiges" counts as no category')


def test_a_category_that_the_shop_does_not_have_is_told_by_check() -> None:
    with simulated(adapter={"default_category": "Sonstige"}) as shop:
        assert line(shop) == (False, 'default_category = "sonstige" is no category of the shop: correct it')


def test_the_configuration_says_that_it_is_a_real_one() -> None:
    with simulated(adapter={"default_category": ""}) as shop:
        assert read(shop) == "Uncategorized"
        assert line(shop) == (True, 'each counts as a category (default_category = "")')


def test_nothing_is_said_while_the_shop_cannot_be_asked() -> None:
    """Else a product would seem to change its category when the answer comes."""
    with simulated() as shop:
        shop.sim.people.rename_category("Uncategorized", "Sonstiges")
        shop.server.add_fault(Fault("error_500_html", "GET", OPTIONS, times=-1))
        assert read(shop) is None
        shop.server.clear_faults()
        shop.restart()
        assert read(shop) == ""
