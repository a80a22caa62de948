"""Categories and brands that are renamed or deleted in the shop, between the two simulated sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crossing.pair import Pair, open_pair

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.state.engine import Database

BOTH = """
[shops.main.products.owner]
brand = "both"
categories = "both"
"""


def offer(pair: Pair, *skus: str) -> None:
    for sku in skus:
        pair.till.create_product(sku, sku, 5, "9.99", in_shop=True)
        pair.shop.people.create_product(sku, sku, 5, "9.99")
    pair.sync()


@pytest.mark.parametrize("owner", ["both", "shop"])
def test_a_renamed_default_category_does_not_reach_the_till(
    sqlite_database: Database, tmp_path: Path, owner: str
) -> None:
    with open_pair(sqlite_database, tmp_path, BOTH.replace("both", owner)) as pair:
        pair.shop.people.rename_category("Uncategorized", "Sonstiges")
        offer(pair, "A")
        assert pair.till.fields()["A"]["categories"] == ""


def test_a_renamed_default_category_keeps_the_tills_out_of_no_shop(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, BOTH) as pair:
        pair.shop.people.rename_category("Uncategorized", "Sonstiges")
        pair.till.create_product("A", "A", 5, "9.99", in_shop=True)
        pair.till.set_categories("A", ["Wool"])
        pair.shop.people.create_product("A", "A", 5, "9.99")
        pair.sync()
        assert pair.shop.people.fields()["A"]["categories"] == "Wool"
        pair.till.set_categories("A", [])
        pair.sync()
        assert pair.shop.people.fields()["A"]["categories"] == ""
        assert pair.findings() == []
