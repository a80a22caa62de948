"""Names and texts of products with variations: they belong together when their variations do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.core.fields import DESCRIPTION, NAME, PRICE, Owner
from syncd.core.model import StockMode
from syncd.service.by_hand import unlink_by_hand
from syncd.state.models import Listing
from syncd.state.product_models import FieldWrite
from tests.support.engine import Account

if TYPE_CHECKING:
    from syncd.state.engine import Database


def put_family(account: Account, side: str, key: str, sizes: str, **fields: str) -> None:
    world, at = account.worlds[side], side[0]
    shown = {NAME: "Shirt", DESCRIPTION: "", **fields}
    world.put(f"{at}-{key}", None, sku=None, name=shown[NAME], stock_mode=StockMode.GROUP, fields=shown)
    for size in sizes:
        world.put(
            f"{at}-{key}-{size}", 3, sku=f"{size}", name=f"Shirt {size}", parent=f"{at}-{key}", fields={PRICE: "9.00"}
        )


def account_of(database: Database, owner: Owner = Owner.HUB, **fields: str) -> Account:
    account = Account(database)
    account.add_side("till", "hub")
    account.add_side("web", owners=dict.fromkeys((NAME, DESCRIPTION, PRICE), owner))
    put_family(account, "till", "shirt", "SM")
    put_family(account, "web", "shirt", "SM", **fields)
    account.poll()
    account.settle_down()
    return account


def shown(account: Account, side: str, key: str = "shirt") -> dict[str, str]:
    return dict(account.worlds[side].things[f"{side[0]}-{key}"].listing.fields)


def told(account: Account) -> int:
    return sum(len(world.field_writes) for world in account.worlds.values())


@pytest.mark.parametrize("owner", [Owner.HUB, Owner.BOTH])
def test_a_product_with_variations_is_renamed_from_the_till(database: Database, owner: Owner) -> None:
    account = account_of(database, owner)
    account.worlds["till"].edit("t-shirt", name="Shirt, linen", description="Light")
    account.settle_down()
    assert shown(account, "web") == {NAME: "Shirt, linen", DESCRIPTION: "Light"}
    account.settle_down()
    assert told(account) == 1
    assert account.findings() == []


@pytest.mark.parametrize("owner", [Owner.SHOP, Owner.BOTH])
def test_a_text_of_the_shop_comes_to_the_till(database: Database, owner: Owner) -> None:
    account = account_of(database, owner)
    account.worlds["web"].edit("w-shirt", description="<b>Light</b>")
    account.settle_down()
    assert shown(account, "till")[DESCRIPTION] == "<b>Light</b>"
    assert told(account) == 1


def test_what_both_have_at_first_is_compared_once_its_variations_are_linked(database: Database) -> None:
    account = account_of(database, description="Soft")
    assert shown(account, "web") == {NAME: "Shirt", DESCRIPTION: "Soft"}, "the till's lack of a text takes none away"
    account = account_of_other_name(account)
    assert shown(account, "web")[NAME] == "Shirt, linen"


def account_of_other_name(account: Account) -> Account:
    account.worlds["web"].edit("w-shirt", name="Hemd")
    account.worlds["till"].edit("t-shirt", name="Shirt, linen")
    account.settle_down()
    return account


def test_variations_of_two_products_make_none_of_them_a_partner(database: Database) -> None:
    """What the till sells as one product the shop may sell as two: whose name would it be?"""
    account = Account(database)
    account.add_side("till", "hub")
    account.add_side("web", owners={NAME: Owner.HUB})
    put_family(account, "till", "shirt", "SML")
    put_family(account, "web", "small", "SM", name="Small shirt")
    put_family(account, "web", "large", "L", name="Large shirt")
    account.poll()
    account.settle_down()
    account.worlds["till"].edit("t-shirt", name="Shirt, linen")
    account.settle_down()
    assert (shown(account, "web", "small")[NAME], shown(account, "web", "large")[NAME]) == (
        "Small shirt",
        "Large shirt",
    )
    assert told(account) == 0


def test_a_simple_product_is_no_partner_of_a_product_with_variations(database: Database) -> None:
    account = Account(database)
    till = account.add_side("till", "hub")
    account.add_side("web", owners={NAME: Owner.HUB})
    till.put("t-S", 3, sku="S", name="Shirt S", fields={NAME: "Shirt S"})
    put_family(account, "web", "shirt", "SM")
    account.poll()
    account.settle_down()
    till.edit("t-S", name="Other")
    account.settle_down()
    assert shown(account, "web")[NAME] == "Shirt"


def test_nothing_is_written_after_the_variations_were_parted(database: Database) -> None:
    account = account_of(database)
    for size in "SM":
        unlink_by_hand(account.workers["web"].side, account.workers["till"].side, size)
    account.worlds["till"].edit("t-shirt", name="Shirt, linen")
    account.settle_down()
    assert shown(account, "web")[NAME] == "Shirt"


def test_a_lost_answer_is_settled_by_looking(database: Database) -> None:
    account = account_of(database)
    account.worlds["web"].field_faults = ["lost_after"]
    account.worlds["till"].edit("t-shirt", name="Shirt, linen")
    account.settle_down(3)
    assert shown(account, "web")[NAME] == "Shirt, linen"
    with account.db.read() as session:
        assert not any(session.scalars(select(Listing.fields_pending)))
        assert [row.state for row in session.scalars(select(FieldWrite))] == ["unknown"]
    assert told(account) == 1
