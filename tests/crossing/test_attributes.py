"""Options of variations that till and shop call and value differently, edited on both sides, with a lost answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncd.simulators.server import Fault
from tests.crossing.pair import Pair, open_pair

if TYPE_CHECKING:
    from syncd.state.engine import Database

BOTH = """
[shops.main.products]
create_in_shop = "all"
[shops.main.products.owner]
attributes = "both"
"""
SHIRTS = {"A": ("Rot", "S"), "B": ("Rot", "M"), "C": ("Blau", "S")}
WORDS = {"Rot": "Red", "Blau": "Blue"}


def put_in_the_shop(pair: Pair, *, shared: bool) -> int:
    """A shirt in English; its attributes are its own, or the shop's for all products."""
    heads: list[dict[str, object]] = [{"name": name} for name in ("Color", "Size")]
    if shared:
        for number, head in enumerate(heads, 1):
            pair.shop.shop.attributes[number] = {"id": number, "name": head["name"], "slug": f"pa_{head['name']}"}
            head["id"] = number
    options = [list(WORDS.values()), ["S", "M"]]
    offered = [{**head, "variation": True, "options": each} for head, each in zip(heads, options, strict=True)]
    values = {"type": "variable", "name": "Shirt", "attributes": offered}
    parent: int = pair.shop.writer.create(values, "page", lambda product: {"id": product.id})["id"]
    for sku, (colour, size) in SHIRTS.items():
        chosen = [{**head, "option": each} for head, each in zip(heads, (WORDS[colour], size), strict=True)]
        unit = {"sku": sku, "manage_stock": True, "stock_quantity": 5, "regular_price": "9.00", "attributes": chosen}
        pair.shop.writer.create_variation(parent, unit, "page", lambda product: {"id": product.id})
    return parent


def shop_shows(pair: Pair, parent: int) -> dict[str, str]:
    children = pair.shop.shop.children(pair.shop.shop.by_id[parent])
    return {child.sku: " ".join(str(each["option"]) for each in child.attributes) for child in children}


def offered(pair: Pair, parent: int) -> dict[str, list[str]]:
    return {each["name"]: each["options"] for each in pair.shop.shop.by_id[parent].attributes}


@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
@pytest.mark.parametrize("fault", ["lost_after", "lost_before"])
def test_an_edit_arrives_in_the_words_of_the_other_side(
    sqlite_database: Database, tmp_path: Path, fault: str, shared: bool
) -> None:
    with open_pair(sqlite_database, tmp_path, BOTH) as pair:
        units = [
            {"sku": sku, "quantity": 5, "attributes": {"Farbe": colour, "Größe": size}}
            for sku, (colour, size) in SHIRTS.items()
        ]
        pair.till.create_product("", "Shirt", 0, "9", variations=units)
        parent = put_in_the_shop(pair, shared=shared)
        pair.sync()
        assert pair.writes()["shop"] == []
        pair.till.set_option("A", "Farbe", "Grün")
        pair.till.set_option("B", "Farbe", "Blau")
        pair.shop_server.add_fault(Fault(fault, method="POST", path="variations/batch"))
        pair.clock.seconds += 61
        pair.poll()
        pair.sync(4)
        assert shop_shows(pair, parent) == {"A": "Grün S", "B": "Blue M", "C": "Blue S"}
        pair.shop.people.set_option("B", "Color", "Grün")
        pair.shop.people.set_option("C", "Color", "Red")
        pair.sync(4)
        state = pair.till.state
        assert {sku: state.find(sku).attributes["Farbe"] for sku in SHIRTS} == {
            "A": ["Grün"],
            "B": ["Grün"],
            "C": ["Red"],
        }
        assert offered(pair, parent) == {"Color": ["Red", "Blue", "Grün"], "Size": ["S", "M"]}
        assert pair.findings() == []
        quiet = pair.now()
        pair.sync(2)
        assert pair.writes(quiet) == {"till": [], "shop": []}
