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


@pytest.mark.parametrize("owner", ["both", "inventorum"])
def test_a_category_and_a_brand_deleted_in_the_shop_a_moment_ago_are_made_anew(
    sqlite_database: Database, tmp_path: Path, owner: str
) -> None:
    """The next product that needs them is not without them, and syncd does not believe that it has them."""
    with open_pair(sqlite_database, tmp_path, BOTH.replace("both", owner)) as pair:
        offer(pair, "A", "B")
        pair.till.set_categories("A", ["Wool"])
        pair.till.set_brand("A", "ACME")
        pair.sync()
        pair.shop.people.delete_term("categories", "Wool")
        pair.shop.people.delete_term("brands", "ACME")
        pair.till.set_categories("B", ["Wool"])
        pair.till.set_brand("B", "ACME")
        pair.sync(4)
        fields = pair.shop.people.fields()["B"]
        assert (fields["categories"], fields["brand"]) == ("Wool", "ACME")
        assert pair.findings() == []


def test_the_tills_category_that_is_the_shops_default_is_taken(sqlite_database: Database, tmp_path: Path) -> None:
    """In the shop it counts as none; that it shows none is no refusal, and is not written again."""
    with open_pair(sqlite_database, tmp_path) as pair:
        pair.shop.people.rename_category("Uncategorized", "Sonstiges")
        offer(pair, "A")
        pair.till.set_categories("A", ["Sonstiges"])
        pair.sync()
        before = pair.now()
        pair.sync()
        pair.poll(full=True)
        assert pair.findings() == []
        assert pair.writes(before) == {"till": [], "shop": []}


def test_a_category_that_was_made_just_now_is_known_at_once(sqlite_database: Database, tmp_path: Path) -> None:
    """Its product is read once: with a short overlap nothing else would name it before the next read of everything."""
    with open_pair(sqlite_database, tmp_path, '[shops.main.products.owner]\ncategories = "shop"\n') as pair:
        for sku in ("A", "B"):
            pair.till.create_product(sku, sku, 5, "9.99", in_shop=True)
            pair.shop.people.create_product(sku, sku, 5, "9.99")
        pair.shop.people.set_categories("A", ["Wool"])
        pair.sync()
        pair.shop.people.set_categories("B", ["Silk"])
        pair.sync()
        assert pair.till.fields()["B"]["categories"] == "Silk"
