"""What is not known for certain is neither linked nor made: cases in which it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.service.account import sync_once
from syncd.simulators.server import Fault
from syncd.state.models import Listing
from tests.crossing.pair import open_pair

if TYPE_CHECKING:
    from syncd.state.engine import Database

OFFERS = """
[shops.main.products]
create_in_inventorum = true
"""
MADE = """
[shops.main.products]
create_in_shop = "all"
[shops.main.products.owner]
published = "{owner}"
"""


def trousers(waist: str, length: str, sku: str = "") -> dict[str, object]:
    return {"sku": sku, "quantity": 5, "attributes": {"Waist": waist, "Length": length}}


def test_values_under_swapped_names_are_another_variation(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path) as pair:
        variations = [trousers("30", "30", "J-30"), trousers("34", "32")]
        pair.till.create_product("", "Jeans", 0, "50", variations=variations)
        attributes = [{"name": name, "variation": True, "options": ["30", "32", "34"]} for name in ("Waist", "Length")]
        parent = pair.shop.writer.create(
            {"type": "variable", "name": "Jeans", "attributes": attributes}, "page", lambda product: {"id": product.id}
        )["id"]
        made = []
        for waist, length, sku in (("30", "30", "J-30"), ("32", "34", "")):
            options = [{"name": "Waist", "option": waist}, {"name": "Length", "option": length}]
            values = {"sku": sku, "manage_stock": True, "stock_quantity": 2, "attributes": options}
            answer = pair.shop.writer.create_variation(parent, values, "page", lambda product: {"id": product.id})
            made.append(answer["id"])
        pair.sync()
        with pair.account.db.read() as session:
            query = select(Listing.external_id).where(
                Listing.item_id.is_not(None), Listing.external_id.in_([str(number) for number in made])
            )
            assert list(session.scalars(query)) == [str(made[0])]
        assert pair.shop.shop.by_id[made[1]].stock == 2


def test_what_was_made_without_a_code_and_repriced_is_not_made_again(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        pair.till.create_product("OLD", "Old", 1)
        pair.shop.people.create_product("OLD", "Old", 1)
        pair.sync()
        values = {"name": "Mug", "regular_price": "5.00", "manage_stock": True, "stock_quantity": 4}
        pair.shop.writer.create(values, "page", lambda product: {"id": product.id})
        pair.till_server.add_fault(Fault("lost_after", method="POST", path=r"products/$"))
        pair.clock.seconds += 61
        sync_once(pair.account, full=False, cause="test")
        (product,) = [each for each in pair.till.state.products.values() if each.name == "Mug"]
        pair.till.set_price(product.id, "6.00")
        pair.sync(4)
        assert [each.name for each in pair.till.state.products.values()].count("Mug") == 1
        assert [kind for kind, _ in pair.findings()] == ["not_made"]


@pytest.mark.parametrize("owner", ["inventorum", "both"])
def test_a_draft_that_was_made_is_no_altered_field(sqlite_database: Database, tmp_path: Path, owner: str) -> None:
    with open_pair(sqlite_database, tmp_path, MADE.format(owner=owner)) as pair:
        pair.till.create_product("A", "A", 5, in_shop=True)
        pair.sync(4)
        assert pair.shop.shop.with_sku("A")[0].status == "draft"
        assert pair.findings() == []


def test_a_private_variation_is_no_part_of_what_is_made_at_the_till(sqlite_database: Database, tmp_path: Path) -> None:
    """Seen later, it is told of: the till takes a product's variations all at once."""
    with open_pair(sqlite_database, tmp_path, OFFERS) as pair:
        pair.till.create_product("OLD", "Old", 1)
        pair.shop.people.create_product("OLD", "Old", 1)
        pair.sync()
        attributes = [{"name": "Size", "variation": True, "options": ["M", "L"]}]
        values = {"type": "variable", "name": "Shirt", "attributes": attributes}
        parent = pair.shop.writer.create(values, "page", lambda product: {"id": product.id})["id"]
        for size, status in (("M", "publish"), ("L", "private")):
            unit = {"sku": f"SHIRT-{size}", "status": status, "manage_stock": True, "stock_quantity": 2}
            options = [{"name": "Size", "option": size}]
            more = {**unit, "regular_price": "9.00", "attributes": options}
            pair.shop.writer.create_variation(parent, more, "page", lambda product: {"id": product.id})
        pair.sync(3)
        (made,) = [each for each in pair.till.state.products.values() if each.name == "Shirt"]
        products = pair.till.state.products
        assert [products[each].product_code for each in made.variations] == ["SHIRT-M"]
        assert [kind for kind, _ in pair.findings()] == ["unlinked"]
        (hidden,) = pair.shop.shop.with_sku("SHIRT-L")
        hidden.status = "publish"
        pair.shop.shop.touch(hidden)
        pair.sync(3)
        assert [products[each].product_code for each in made.variations] == ["SHIRT-M"]
        assert "not_made" in [kind for kind, _ in pair.findings()]
