"""A till and a Shopware 6 shop through the whole engine: each unit is counted once, and products cross whole."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncd.core.fields import says_the_same
from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.server import Fault
from tests.crossing.goods import GOODS, Good
from tests.crossing.pair_shopware6 import Pair6, open_pair6

if TYPE_CHECKING:
    from syncd.state.engine import Database

CATALOGUE = make_catalogue(6, 2, seed=3)
UNIT, OTHER, VARIANT = CATALOGUE[0].sku, CATALOGUE[1].sku, CATALOGUE[-1].variations[0].sku
VERSIONS = ["6.6.7.1", "6.7.10.1"]
ALL = """
[shops.main.products]
create_in_shop = "all"
"""


def _opening(pair: Pair6) -> dict[str, int]:
    pair.sync()
    till, shop = pair.stock()
    assert till == shop
    return till


@pytest.mark.parametrize("version", VERSIONS)
def test_sales_on_both_sides_are_counted_once(sqlite_database: Database, tmp_path: Path, version: str) -> None:
    with open_pair6(sqlite_database, tmp_path, catalogue=CATALOGUE, version=version) as pair:
        before = _opening(pair)
        pair.till.sale(UNIT, Decimal(1))
        pair.till.sale(VARIANT, Decimal(1))
        pair.shop.people.order([{"sku": UNIT, "quantity": 2}, {"sku": OTHER, "quantity": 1}])
        cancelled = pair.shop.people.order([{"sku": VARIANT, "quantity": 1}])["order"]
        pair.sync(1)
        pair.shop.people.cancel_order(cancelled)
        pair.sync()
        after = before | {UNIT: before[UNIT] - 3, OTHER: before[OTHER] - 1, VARIANT: before[VARIANT] - 1}
        assert pair.stock() == (after, after)
        assert pair.findings() == []
        began = len(pair.shop_server.log)
        pair.sync(2)
        assert pair.shop_writes(began) == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("fault", [None, "lost_after", "error_500_after"])
def test_an_order_inside_our_own_write_is_counted_once(
    sqlite_database: Database, tmp_path: Path, version: str, fault: str | None
) -> None:
    """After our look and before the shop sets the quantity: its document tells of what the write swallowed."""
    with open_pair6(sqlite_database, tmp_path, catalogue=CATALOGUE, version=version) as pair:
        before = _opening(pair)

        landed: list[str] = []

        def land(product_id: str) -> None:
            if not landed:
                landed.append(product_id)
                pair.shop.people.order([{"sku": UNIT, "quantity": 2}])

        pair.shop.settings.between_read_and_write = land
        pair.till.sale(UNIT, Decimal(1))
        if fault:
            pair.shop_server.add_fault(Fault(fault, path="_action/sync"))
        for _ in range(10):
            pair.clock.seconds += 61
            pair.poll()
        assert landed
        after = before | {UNIT: before[UNIT] - 3}
        assert pair.stock() == (after, after)
        assert pair.findings() == []


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", "truncated"])
def test_a_lost_answer_is_settled_and_never_doubled(sqlite_database: Database, tmp_path: Path, fault: str) -> None:
    with open_pair6(sqlite_database, tmp_path, catalogue=CATALOGUE) as pair:
        before = _opening(pair)
        pair.till.sale(UNIT, Decimal(4))
        pair.shop_server.add_fault(Fault(fault, path="_action/sync"))
        pair.clock.seconds += 61
        pair.poll()
        pair.shop.people.order([{"sku": UNIT, "quantity": 1}])
        for _ in range(8):
            pair.clock.seconds += 61
            pair.poll()
        after = before | {UNIT: before[UNIT] - 5}
        assert pair.stock() == (after, after)
        assert pair.findings() == []


def test_a_deleted_product_is_proved_by_the_sweep(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair6(sqlite_database, tmp_path, catalogue=CATALOGUE) as pair:
        _opening(pair)
        pair.shop.people.delete(UNIT)
        pair.shop.people.delete(VARIANT)
        pair.sync(1)
        assert pair.findings() == []
        pair.clock.seconds += 61
        pair.poll(full=True)
        told = [message for _, message in pair.findings()]
        assert len([message for message in told if UNIT in message or VARIANT in message]) == 2
        pair.till.sale(UNIT, Decimal(1))
        pair.sync(2)


def _put_at_the_till(pair: Pair6, good: Good) -> None:
    variations = [{"sku": sku, "quantity": 3, "attributes": attributes} for sku, attributes in good.variations.items()]
    pair.till.create_product(
        good.sku, good.name, 5, good.price or "0", good.gtin or None, variations=variations, in_shop=True,
        description=good.text,
    )  # fmt: skip
    if good.brand:
        pair.till.set_brand(good.sku, good.brand)
    if good.categories:
        pair.till.set_categories(good.sku, good.categories)


def _same(field: str, one: str, other: str) -> bool:
    """As people read it: a name has no tags in this shop, and blanks in it do not count."""
    if field == "description":
        return says_the_same(field, one, other)
    return " ".join(re.sub("</?[A-Za-z][^<>]*>", "", one).split()) == " ".join(other.split())


def test_products_cross_to_the_shop_whole_or_are_told_of(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair6(sqlite_database, tmp_path, ALL) as pair:
        for good in GOODS:
            _put_at_the_till(pair, good)
        pair.sync(4)
        till, shop = pair.till.fields(), pair.shop.people.fields()
        told = " ".join(message for _, message in pair.findings())
        missing = {sku for sku in till if sku not in shop}
        assert [sku for sku in missing if sku not in told] == []
        wrong = [
            (sku, field, value, shop[sku][field])
            for sku, fields in till.items()
            if sku in shop
            for field, value in fields.items()
            if not _same(field, value, shop[sku][field])
        ]
        assert wrong == []
        # Of "<>" nothing is left, and one has more than 255 characters: neither can be a name there.
        assert missing == {"M-29", "S-LONG"}
        began = len(pair.shop_server.log)
        rows = len(pair.shop.shop.rows("product"))
        pair.sync()
        assert pair.shop_writes(began) == []
        assert len(pair.shop.shop.rows("product")) == rows


def test_a_category_deleted_in_the_shop_a_moment_ago_is_made_anew(sqlite_database: Database, tmp_path: Path) -> None:
    """While the list of categories is kept: the write that names it fails, and the next one looks."""
    with open_pair6(sqlite_database, tmp_path, catalogue=CATALOGUE) as pair:
        for sku in (UNIT, VARIANT, OTHER):
            pair.till.set_categories(CATALOGUE[-1].sku if sku == VARIANT else sku, ["Wool"])
            pair.sync()
            if sku == VARIANT:
                pair.shop.people.delete_category("Wool")
        assert pair.shop.people.fields()[OTHER]["categories"] == "Wool"
        assert pair.findings() == []
