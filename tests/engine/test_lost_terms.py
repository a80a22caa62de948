"""A category or brand that is gone when a product is written with it: never agreed as if it had been written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.core.fields import BRAND, CATEGORIES, Owner
from syncd.state.product_models import FieldWrite
from tests.support.engine import Account

if TYPE_CHECKING:
    from syncd.state.engine import Database


def account_of(database: Database, owner: Owner) -> Account:
    account = Account(database)
    till = account.add_side("till", "hub")
    web = account.add_side("web", owners={BRAND: owner, CATEGORIES: owner})
    for world in (till, web):
        world.put(world.name, 5, sku="MUG", name="Mug", fields={CATEGORIES: "Wool", BRAND: "ACME"})
    account.poll()
    settle(account)
    return account


def settle(account: Account, passes: int = 3) -> None:
    for _ in range(passes):
        account.clock.advance(61)
        account.poll()


def shown(account: Account, side: str = "web") -> tuple[str, str]:
    fields = account.worlds[side].things[side].listing.fields
    return fields[CATEGORIES], fields[BRAND]


def states(account: Account, field: str) -> list[str]:
    with account.db.read() as session:
        query = select(FieldWrite.state).where(FieldWrite.field == field).order_by(FieldWrite.id)
        return list(session.scalars(query))


@pytest.mark.parametrize("owner", [Owner.HUB, Owner.BOTH])
def test_it_is_written_again_and_what_the_side_shows_meanwhile_is_no_edit(database: Database, owner: Owner) -> None:
    account = account_of(database, owner)
    account.worlds["web"].lacks = ("Yarn",)
    account.worlds["till"].edit("till", categories="Yarn", brand="Other")
    account.clock.advance(61)
    account.poll()
    account.worlds["web"].lacks = ()
    assert shown(account) == ("", "Other"), "the other field of the same write is written"
    settle(account)
    assert shown(account) == shown(account, "till") == ("Yarn", "Other")
    assert (states(account, CATEGORIES), states(account, BRAND)) == (["rejected", "confirmed"], ["confirmed"])
    assert account.findings() == []


def test_the_same_towards_the_till(database: Database) -> None:
    account = account_of(database, Owner.SHOP)
    account.worlds["till"].lacks = ("Yarn",)
    account.worlds["web"].edit("web", categories="Yarn")
    settle(account, 2)
    account.worlds["till"].lacks = ()
    settle(account)
    assert shown(account, "till")[0] == shown(account)[0] == "Yarn"
    assert states(account, CATEGORIES)[0] == "rejected"
    assert account.findings() == []


def test_what_is_always_lost_is_told_and_left_alone(database: Database) -> None:
    account = account_of(database, Owner.HUB)
    account.worlds["web"].lacks = ("Yarn",)
    account.worlds["till"].edit("till", categories="Yarn")
    settle(account, 8)
    assert states(account, CATEGORIES) == ["rejected", "rejected"]
    (finding,) = account.findings()
    assert (finding.kind, "there is no Yarn any more" in finding.message) == ("field_refused", True)
    account.worlds["web"].lacks = ()
    account.worlds["till"].edit("till", categories="Silk")
    settle(account)
    assert shown(account)[0] == "Silk"
    assert account.findings() == []
