"""Products cross from the till to the shop and back: whole, or told of."""

from __future__ import annotations

from decimal import Decimal
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
        pair.sync(4)
        assert not differences(pair)
        names = {unescape(row.name) for row in pair.shop.shop.products}
        assert {" ".join(good.name.split()) for good in GOODS} <= {" ".join(name.split()) for name in names}
        codes = {row.sku: row.gtin for row in pair.shop.shop.by_id.values()}
        assert {good.sku: codes[good.sku] for good in GOODS if good.gtin} == {g.sku: g.gtin for g in GOODS if g.gtin}
        assert pair.findings() == []
        began = pair.now()
        pair.sync()
        assert pair.writes(began) == {"till": [], "shop": []}


OFFERS = """
[shops.main.products]
create_in_inventorum = true
"""


def put_in_the_shop(pair: Pair, good: Good) -> None:
    people = pair.shop.people
    if good.variations:
        attributes: dict[str, list[str]] = {}
        for options in good.variations.values():
            for name, option in options.items():
                attributes.setdefault(name, []).append(option)
        parent = pair.shop.writer.create(
            {
                "type": "variable", "name": good.name, "description": good.text,
                "attributes": [{"name": n, "variation": True, "options": o} for n, o in attributes.items()],
            },
            "product page", lambda product: {"id": product.id},
        )["id"]  # fmt: skip
        for sku, options in good.variations.items():
            values = {
                "sku": sku, "regular_price": good.price, "manage_stock": True, "stock_quantity": 3,
                "attributes": [{"name": name, "option": option} for name, option in options.items()],
            }  # fmt: skip
            pair.shop.writer.create_variation(parent, values, "product page", lambda product: {})
        return
    people.create_product(good.sku, good.name, 5, good.price)
    people.set_description(good.sku, good.text)
    people.set_brand(good.sku, good.brand)
    people.set_categories(good.sku, list(good.categories))


def test_what_only_the_shop_has_is_made_at_the_till(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        pair.till.create_product("OLD", "Old", 1)
        pair.shop.people.create_product("OLD", "Old", 1)
        for good in GOODS:
            put_in_the_shop(pair, good)
        pair.sync(4)
        pair.approve()
        pair.sync(3)
        till, shop = pair.till.fields(), pair.shop.people.fields()
        told = [message for kind, message in pair.findings() if kind == "not_made"]
        refused = {message.partition("new product ")[2].partition(" of main:")[0] for message in told}
        # Without a price, for nothing, or with a name of which WordPress leaves nothing.
        assert refused == {"S-BARE", "S-FREE"} | {sku for sku, fields in shop.items() if fields.get("name") == ""}
        lacking = {sku for sku in shop if sku not in till}
        assert lacking == refused
        stock = {sku: int(Decimal(units)) for sku, units in pair.till.stock().items()}
        assert stock == {sku: units for sku, units in pair.shop.people.stock().items() if sku not in lacking}
        wrong = [
            (sku, field, value, shop[sku][field])
            for sku, fields in till.items()
            for field, value in fields.items()
            if field != "images" and not same(field, value, shop[sku][field])
        ]
        assert not wrong
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
