"""Products cross from the till to the shop and back: whole, or told of."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.core.fields import says_the_same
from tests.crossing.goods import GOODS, Good
from tests.crossing.pair import Pair, open_pair

if TYPE_CHECKING:
    from syncd.state.engine import Database

ALL = """
[shops.main.products]
create_in_shop = "all"
"""
SHOP_OWNS = """
[shops.main.products.owner]
name = "shop"
description = "shop"
price = "shop"
sku = "shop"
gtin = "shop"
brand = "shop"
categories = "shop"
"""


def test_there_are_enough_of_them() -> None:
    assert len(GOODS) >= 60
    assert len({good.sku for good in GOODS}) == len(GOODS)


def put_at_the_till(pair: Pair, good: Good, *, bare: bool = False) -> None:
    """``bare``: name and price are others, everything else is missing."""
    variations = [{"sku": sku, "quantity": 3, "attributes": attributes} for sku, attributes in good.variations.items()]
    name, price = ("x", "1.00") if bare else (good.name, good.price or "0")
    pair.till.create_product(
        good.sku, name, 5, price, None if bare else good.gtin or None, variations=variations, in_shop=True,
        description="" if bare else good.text,
    )  # fmt: skip
    if good.brand and not bare:
        pair.till.set_brand(good.sku, good.brand)
    if good.categories and not bare:
        pair.till.set_categories(good.sku, good.categories)


def same(field: str, one: str, other: str) -> bool:
    """As people read it: blanks in names do not count, nor does how a text is marked up."""
    if field == "description":
        return says_the_same(field, one, other)
    return " ".join(one.split()) == " ".join(other.split())


def differences(pair: Pair) -> list[tuple[str, str, str, str]]:
    """SKU, field and both values of everything that is not the same on both sides."""
    till, shop = pair.till.fields(), pair.shop.people.fields()
    return [
        (sku, field, value, shop.get(sku, {}).get(field, "(missing)"))
        for sku, fields in till.items()
        for field, value in fields.items()
        if not same(field, value, shop.get(sku, {}).get(field, "(missing)"))
    ]


def test_from_the_till_to_the_shop(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, ALL) as pair:
        for good in GOODS:
            put_at_the_till(pair, good)
        pair.sync(6)
        assert not differences(pair)
        names = {unescape(row.name) for row in pair.shop.shop.products}
        assert {" ".join(good.name.split()) for good in GOODS} <= {" ".join(name.split()) for name in names}
        codes = {row.sku: row.gtin for row in pair.shop.shop.by_id.values()}
        assert {good.sku: codes[good.sku] for good in GOODS if good.gtin} == {g.sku: g.gtin for g in GOODS if g.gtin}
        assert pair.findings() == []
        began = pair.now()
        pair.sync()
        assert pair.writes(began) == {"till": [], "shop": []}


def test_from_the_shop_to_the_till(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, SHOP_OWNS) as pair:
        simple = [good for good in GOODS if not good.variations]
        for good in simple:
            put_at_the_till(pair, good, bare=True)
            pair.shop.people.create_product(good.sku, good.name, 5, good.price or "0")
            pair.shop.people.set_name(good.sku, good.name)
            pair.shop.people.set_description(good.sku, good.text)
            pair.shop.people.set_brand(good.sku, good.brand)
            pair.shop.people.set_categories(good.sku, list(good.categories))
        pair.sync(2)
        pair.approve()
        pair.sync(4)
        # What the shop does not have (of the name "<" WordPress leaves nothing) takes nothing away at the first link.
        assert not [each for each in differences(pair) if each[3]]
        assert pair.findings() == []
        began = pair.now()
        pair.sync()
        assert pair.writes(began) == {"till": [], "shop": []}
