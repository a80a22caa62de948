"""Attributes of variations: what changes is carried over, and what has no code is linked by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.core.attributes import attributes_text
from syncd.core.fields import ATTRIBUTES, NAME, NO, PUBLISHED, YES, Owner
from syncd.core.guard import Limit, SafetyLimits
from syncd.core.model import Quantity, StockMode
from syncd.service.by_hand import unlink_by_hand
from syncd.service.linking import ALIKE
from tests.support.engine import Account

if TYPE_CHECKING:
    from syncd.state.engine import Database

OWNED = (NAME, ATTRIBUTES, PUBLISHED)


def put(account: Account, side: str, parent: str, sku: str | None, **attributes: str) -> str:
    """A variation; its id says where it is and what it looks like."""
    key = f"{side[0]}-{parent}-{'-'.join(attributes.values())}"
    shown = {ATTRIBUTES: attributes_text(attributes)}
    account.worlds[side].put(key, 3, sku=sku, name=key, parent=f"{side[0]}-{parent}", fields=shown)
    return key


def put_parent(account: Account, side: str, name: str, sku: str | None = None, state: str = YES) -> None:
    shown = {NAME: name, PUBLISHED: state}
    account.worlds[side].put(
        f"{side[0]}-{name}", None, sku=sku, name=name, stock_mode=StockMode.GROUP, fields=shown, published=state == YES
    )


def account_of(database: Database, owner: Owner = Owner.HUB, limits: SafetyLimits | None = None) -> Account:
    """A shirt in two sizes; the shop calls the attribute otherwise, and has not published it."""
    account = Account(database)
    account.add_side("till", "hub")
    account.add_side("web", owners=dict.fromkeys(OWNED, owner), limits=limits)
    put_parent(account, "till", "shirt")
    put_parent(account, "web", "shirt", state=NO)
    for size in "SM":
        put(account, "till", "shirt", size, Size=size)
        put(account, "web", "shirt", size, Größe=size)
    account.poll()
    account.settle_down()
    return account


def shown(account: Account, key: str, field: str = ATTRIBUTES) -> str:
    side = {"t": "till", "w": "web"}[key[0]]
    return account.worlds[side].things[key].listing.fields[field]


def told(account: Account) -> int:
    return sum(len(world.field_writes) for world in account.worlds.values())


def rule_of(account: Account, key: str) -> str | None:
    listing = account.listing("web", key)
    return listing.link_rule if listing.item_id is not None else None


@pytest.mark.parametrize("owner", list(Owner))
def test_nothing_is_written_because_sides_name_attributes_in_their_own_words(database: Database, owner: Owner) -> None:
    """And what the shop's owner has not published yet was never hidden."""
    account = account_of(database, owner)
    assert told(account) == 0
    assert account.findings() == []


def test_an_option_that_is_renamed_at_the_till_is_renamed_in_the_shop(database: Database) -> None:
    account = account_of(database)
    account.worlds["till"].edit("t-shirt-S", **{ATTRIBUTES: "Size: Small"})
    account.settle_down()
    assert shown(account, "w-shirt-S") == "Größe: Small"
    assert shown(account, "w-shirt-M") == "Größe: M"
    account.settle_down()
    assert told(account) == 1


def test_an_attribute_that_is_renamed_at_the_till_changes_nothing_in_the_shop(database: Database) -> None:
    account = account_of(database)
    for size in "SM":
        account.worlds["till"].edit(f"t-shirt-{size}", **{ATTRIBUTES: f"Dimension: {size}"})
    account.settle_down()
    assert told(account) == 0
    account.worlds["till"].edit("t-shirt-S", **{ATTRIBUTES: "Dimension: Small"})
    account.settle_down()
    assert shown(account, "w-shirt-S") == "Größe: Small"


@pytest.mark.parametrize("owner", [Owner.SHOP, Owner.BOTH])
def test_an_option_that_is_renamed_in_the_shop_is_renamed_at_the_till(database: Database, owner: Owner) -> None:
    account = account_of(database, owner)
    account.worlds["web"].edit("w-shirt-S", **{ATTRIBUTES: "Größe: Small"})
    account.settle_down()
    assert shown(account, "t-shirt-S") == "Size: Small"
    assert account.findings() == []


def test_an_edit_in_the_shop_is_overwritten_where_the_till_counts(database: Database) -> None:
    account = account_of(database)
    account.worlds["web"].edit("w-shirt-S", **{ATTRIBUTES: "Größe: Tiny"})
    account.settle_down()
    assert shown(account, "w-shirt-S") == "Größe: S"
    assert account.worlds["web"].overwritten == [("w-shirt-S", ATTRIBUTES, "Größe: Tiny")]


def test_an_option_edited_on_both_sides_is_a_conflict(database: Database) -> None:
    account = account_of(database, Owner.BOTH)
    account.worlds["till"].edit("t-shirt-S", **{ATTRIBUTES: "Size: Small"})
    account.worlds["web"].edit("w-shirt-S", **{ATTRIBUTES: "Größe: Tiny"})
    account.settle_down()
    assert shown(account, "w-shirt-S") == "Größe: Small"
    (finding,) = account.findings()
    assert finding.kind == "field_conflict"
    assert "“Größe: Tiny” in web" in finding.message


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", "late", "rate_limited"])
def test_whatever_happens_to_the_answer_an_option_arrives(database: Database, fault: str) -> None:
    account = account_of(database)
    account.worlds["till"].edit("t-shirt-S", **{ATTRIBUTES: "Size: Small"})
    account.worlds["web"].field_faults.append(fault)
    account.settle_down(6)
    assert shown(account, "w-shirt-S") == "Größe: Small"
    assert account.findings() == []


def test_a_product_is_hidden_and_shown_with_its_mark_at_the_till(database: Database) -> None:
    account = account_of(database)
    for state in (NO, YES, NO):
        account.worlds["till"].edit("t-shirt", **{PUBLISHED: state})
        account.settle_down()
        assert shown(account, "w-shirt", PUBLISHED) == state
    assert account.findings() == []


def test_what_the_shop_hides_is_shown_again_only_where_the_till_counts(database: Database) -> None:
    account = account_of(database)
    account.worlds["web"].edit("w-shirt", **{PUBLISHED: YES})
    account.settle_down()
    assert told(account) == 0, "published by its owner, as the till has it"
    account.worlds["web"].edit("w-shirt", **{PUBLISHED: NO})
    account.settle_down()
    assert shown(account, "w-shirt", PUBLISHED) == YES


def test_what_the_shop_hides_loses_its_mark_where_both_count(database: Database) -> None:
    account = account_of(database, Owner.BOTH)
    account.worlds["web"].edit("w-shirt", **{PUBLISHED: YES})
    account.settle_down()
    account.worlds["web"].edit("w-shirt", **{PUBLISHED: NO})
    account.settle_down()
    assert shown(account, "t-shirt", PUBLISHED) == NO


def test_many_products_are_not_hidden_at_once(database: Database) -> None:
    account = account_of(database, limits=SafetyLimits(max_zeroed=Limit(0, Quantity(10))))
    account.worlds["till"].edit("t-shirt", **{PUBLISHED: YES})
    account.worlds["web"].edit("w-shirt", **{PUBLISHED: YES})
    account.settle_down()
    account.worlds["till"].edit("t-shirt", **{PUBLISHED: NO})
    account.settle_down()
    assert shown(account, "w-shirt", PUBLISHED) == YES
    (stop,) = account.findings()
    assert "1 of 2 linked items would be hidden from customers at once" in stop.message


def test_a_variation_without_a_code_is_linked_with_the_one_that_is_like_it(database: Database) -> None:
    """Beside a sibling that has one; from then on its id counts, whatever it looks like."""
    account = account_of(database)
    for side, name in (("till", "Size"), ("web", "Größe")):
        for size in ("L", "XL"):
            put(account, side, "shirt", None, **{name: size})
    account.settle_down()
    assert [rule_of(account, f"w-shirt-{size}") for size in ("S", "L", "XL")] == ["sku", ALIKE, ALIKE]
    account.worlds["till"].edit("t-shirt-XL", **{ATTRIBUTES: "Size: L"})
    account.worlds["till"].edit("t-shirt-L", **{ATTRIBUTES: "Size: XL"})
    account.worlds["till"].sell("t-shirt-L", 2)
    account.settle_down()
    assert account.worlds["web"].quantity("w-shirt-L") == 1
    assert shown(account, "w-shirt-L") == "Größe: XL"


def test_the_till_may_learn_of_it_later(database: Database) -> None:
    account = account_of(database)
    put(account, "web", "shirt", None, Größe="L")
    account.settle_down()
    assert rule_of(account, "w-shirt-L") is None
    put(account, "till", "shirt", None, Size="L")
    account.settle_down()
    assert rule_of(account, "w-shirt-L") == ALIKE


def test_variations_without_any_code_are_linked_by_the_code_of_their_product(database: Database) -> None:
    account = account_of(database)
    for side, name in (("till", "Size"), ("web", "Größe")):
        put_parent(account, side, "coat", sku="COAT")
        for size in "SM":
            put(account, side, "coat", None, **{name: size, "Color": "Red"})
    account.settle_down()
    assert [rule_of(account, f"w-coat-{size}-Red") for size in "SM"] == [ALIKE, ALIKE]


@pytest.mark.parametrize("trouble", ["twice", "other code", "other product", "parted"])
def test_nothing_is_linked_on_a_guess(database: Database, trouble: str) -> None:
    """Two that look alike, codes that contradict, products that do not belong together, and what a person parted."""
    account = account_of(database)
    put(account, "till", "shirt", "L-1" if trouble == "other code" else None, Size="L")
    if trouble == "other product":
        put_parent(account, "web", "other")
        put(account, "web", "other", "L-9", Größe="XXL")
    here = "other" if trouble == "other product" else "shirt"
    key = put(account, "web", here, "L-2" if trouble == "other code" else None, Größe="L")
    if trouble == "twice":
        put(account, "till", "shirt", None, Dimension="L")
        account.worlds["till"].put(
            "t-twin", 3, sku=None, name="twin", parent="t-shirt", fields={ATTRIBUTES: "Weite: L"}
        )
    account.settle_down()
    if trouble == "parted":
        assert rule_of(account, key) == ALIKE
        unlink_by_hand(account.workers["web"].side, account.workers["till"].side, key)
        account.worlds["web"].edit(key, **{ATTRIBUTES: "Größe: L "})
        account.settle_down()
    assert rule_of(account, key) is None
