"""Edits of attributes that two sides call and value differently: they arrive where they belong, or a person is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.core.attributes import attributes_text
from syncd.core.fields import ATTRIBUTES, NAME, SKU, Owner, kept
from syncd.core.model import StockMode
from syncd.service.resolve import close_read
from syncd.state.product_models import FieldPair
from tests.support.engine import Account

if TYPE_CHECKING:
    from syncd.state.engine import Database
    from syncd.state.models import Finding

WORDS = {"Rot": "Red", "Blau": "Blue", "Farbe": "Color"}


def account_of(
    database: Database, *shirts: tuple[str, str], owner: Owner = Owner.HUB, shop: bool = True, creation: str = "never"
) -> Account:
    """A shirt in German at the till and in English in the shop (``shop``: the shop names the colour at all)."""
    account = Account(database)
    account.add_side("till", "hub")
    account.add_side("web", owners=dict.fromkeys((NAME, SKU, ATTRIBUTES), owner), creation=creation)
    for side in ("till", "web"):
        account.worlds[side].put(
            side[0], None, sku=None, name="shirt", stock_mode=StockMode.GROUP, fields={NAME: "shirt"}
        )
    for number, (colour, size) in enumerate(shirts):
        there = {"Color": WORDS[colour], "Size": size} if shop else {"Size": size}
        for side, shows in (("till", {"Farbe": colour, "Größe": size}), ("web", there)):
            fields = {ATTRIBUTES: attributes_text(shows), SKU: f"S-{number}"}
            account.worlds[side].put(
                f"{side[0]}{number}", 3, sku=f"S-{number}", name="shirt", parent=side[0], fields=fields
            )
    account.poll()
    account.settle_down()
    assert [len(world.field_writes) for world in account.worlds.values()] == [0, 0]
    return account


def edit(account: Account, key: str, **attributes: str) -> None:
    account.worlds["till" if key[0] == "t" else "web"].edit(key, **{ATTRIBUTES: attributes_text(attributes)})


def shown(account: Account, key: str) -> str:
    return account.worlds["till" if key[0] == "t" else "web"].things[key].listing.fields[ATTRIBUTES]


def conflict(account: Account) -> Finding:
    (finding,) = account.findings()
    assert finding.kind == "field_conflict"
    return finding


def told(account: Account) -> list[int]:
    return [len(world.field_writes) for world in account.worlds.values()]


def test_an_edit_goes_to_the_attribute_that_its_siblings_show_it_to_be(database: Database) -> None:
    account = account_of(database, ("Rot", "S"), ("Rot", "M"), ("Blau", "S"))
    edit(account, "t0", Farbe="Grün", Größe="S")
    account.settle_down()
    assert shown(account, "w0") == "Color: Grün\nSize: S"
    edit(account, "t1", Farbe="Blau", Größe="M")
    account.settle_down()
    assert shown(account, "w1") == "Color: Blue\nSize: M", "in the word that the shop has for it"
    assert told(account) == [0, 2]
    account.settle_down()
    assert (told(account), account.findings()) == ([0, 2], [])


@pytest.mark.parametrize("owner", [Owner.SHOP, Owner.BOTH])
def test_an_edit_in_the_shop_goes_to_the_tills_attribute(database: Database, owner: Owner) -> None:
    account = account_of(database, ("Rot", "S"), ("Rot", "M"), ("Blau", "S"), owner=owner)
    edit(account, "w0", Color="Blue", Size="XS")
    account.settle_down()
    assert shown(account, "t0") == "Farbe: Blau\nGröße: XS"
    assert account.findings() == []


def test_an_edit_that_nobody_can_place_is_told_and_writes_nothing(database: Database) -> None:
    account = account_of(database, ("Rot", "S"))
    edit(account, "t0", Farbe="Grün", Größe="S")
    account.settle_down()
    assert (shown(account, "w0"), told(account)) == ("Color: Red\nSize: S", [0, 0])
    message = conflict(account).message
    assert "“Farbe: Grün; Größe: S” at the till" in message
    assert "“Color: Red; Size: S” in web" in message
    number = conflict(account).id
    account.poll(kind="full")
    account.settle_down()
    assert (conflict(account).id, told(account)) == (number, [0, 0])


def test_what_a_person_enters_in_the_shop_then_stays(database: Database) -> None:
    account = account_of(database, ("Rot", "S"))
    edit(account, "t0", Farbe="Grün", Größe="S")
    account.settle_down()
    conflict(account)
    account.poll(kind="full")
    edit(account, "w0", Color="Green", Size="S")
    account.settle_down()
    assert (shown(account, "w0"), told(account), account.findings()) == ("Color: Green\nSize: S", [0, 0], [])
    edit(account, "t0", Farbe="Grün", Größe="M")
    account.settle_down()
    assert shown(account, "w0") == "Color: Green\nSize: M"


def test_an_attribute_that_a_person_names_alike_then_takes_the_edit(database: Database) -> None:
    account = account_of(database, ("Rot", "S"))
    edit(account, "t0", Farbe="Grün", Größe="S")
    account.settle_down()
    edit(account, "w0", Farbe="Red", Size="S")
    account.settle_down()
    assert (shown(account, "w0"), account.findings()) == ("Farbe: Grün\nSize: S", [])


def test_another_name_in_the_shop_is_no_answer(database: Database) -> None:
    account = account_of(database, ("Rot", "S"))
    edit(account, "t0", Farbe="Grün", Größe="S")
    account.settle_down()
    edit(account, "w0", Colour="Red", Size="S")
    account.settle_down()
    assert "“Colour: Red; Size: S” in web" in conflict(account).message


def test_the_edit_taken_back_or_made_anew_is_looked_at_again(database: Database) -> None:
    account = account_of(database, ("Rot", "S"))
    edit(account, "t0", Farbe="Grün", Größe="S")
    account.settle_down()
    edit(account, "t0", Farbe="Gelb", Größe="S")
    account.settle_down()
    assert "“Farbe: Gelb; Größe: S” at the till" in conflict(account).message
    edit(account, "t0", Farbe="Rot", Größe="S")
    account.settle_down()
    assert (told(account), account.findings()) == ([0, 0], [])


def test_a_conflict_that_a_person_has_read_does_not_come_back(database: Database) -> None:
    account = account_of(database, ("Rot", "S"))
    edit(account, "t0", Farbe="Grün", Größe="S")
    account.settle_down()
    assert close_read(account.db, conflict(account).id, now=account.clock())
    account.poll(kind="full")
    account.settle_down()
    assert (told(account), account.findings()) == ([0, 0], [])


def test_an_attribute_of_the_till_alone_is_not_made_in_the_shop(database: Database) -> None:
    account = account_of(database, ("Rot", "S"), ("Blau", "S"), shop=False)
    for number, colour in enumerate(("Rot", "Blau")):
        edit(account, f"t{number}", Farbton=colour, Größe="S")
    account.settle_down()
    assert (told(account), account.findings()) == ([0, 0], [])
    edit(account, "t0", Farbton="Grün", Größe="S")
    account.settle_down()
    assert (told(account), shown(account, "w0")) == ([0, 0], "Size: S")
    conflict(account)


@pytest.mark.parametrize("owner", [Owner.HUB, Owner.SHOP, Owner.BOTH])
def test_an_attribute_that_the_shop_calls_otherwise_from_now_on_stays_so(database: Database, owner: Owner) -> None:
    account = account_of(database, ("Rot", "S"), ("Rot", "M"), ("Blau", "S"), owner=owner)
    for number, (colour, size) in enumerate((("Red", "S"), ("Red", "M"), ("Blue", "S"))):
        edit(account, f"w{number}", Colour=colour, Size=size)
    account.settle_down()
    assert (told(account), account.findings()) == ([0, 0], [])
    if owner is not Owner.SHOP:
        edit(account, "t0", Farbe="Grün", Größe="S")
        account.settle_down()
        assert (shown(account, "w0"), account.findings()) == ("Colour: Grün\nSize: S", [])


def test_names_in_the_shop_and_values_at_the_till_at_the_same_time(database: Database) -> None:
    account = account_of(database, ("Rot", "S"), ("Rot", "M"), ("Blau", "S"), owner=Owner.BOTH)
    edit(account, "w0", Colour="Red", Size="S")
    edit(account, "t0", Farbe="Blau", Größe="S")
    account.settle_down()
    assert (shown(account, "w0"), account.findings()) == ("Colour: Blue\nSize: S", [])


def test_a_new_attribute_is_added_only_where_none_can_be_it(database: Database) -> None:
    account = account_of(database, ("Rot", "S"), ("Rot", "M"), ("Blau", "S"))
    edit(account, "t0", Farbe="Rot", Größe="S", Stoff="Wolle")
    account.settle_down()
    assert shown(account, "w0") == "Color: Red\nSize: S\nStoff: Wolle"
    edit(account, "w1", Color="Red", Fit="slim", Size="M")
    account.settle_down()
    assert shown(account, "w1") == "Color: Red\nFit: slim\nSize: M", "what only the shop has stays"
    edit(account, "t1", Farbe="Rot", Größe="M", Schnitt="schmal")
    account.settle_down()
    assert shown(account, "w1") == "Color: Red\nFit: slim\nSize: M"
    conflict(account)


def test_another_field_of_the_variation_goes_on_beside_the_conflict(database: Database) -> None:
    account = account_of(database, ("Rot", "S"))
    edit(account, "t0", Farbe="Grün", Größe="S")
    account.worlds["till"].edit("t0", **{SKU: "S-NEW"})
    account.worlds["till"].sell("t0", 1)
    account.settle_down()
    conflict(account)
    assert account.worlds["web"].things["w0"].listing.fields[SKU] == "S-NEW"
    assert account.worlds["web"].quantity("w0") == 2


def put_new(account: Account, key: str, **attributes: str) -> None:
    fields = {ATTRIBUTES: attributes_text(attributes), SKU: key}
    account.worlds["till"].put(key, 3, sku=key, name="shirt", parent="t", fields=fields)


def made(account: Account, key: str) -> list[str]:
    things = account.worlds["web"].things.values()
    return [each.listing.fields[ATTRIBUTES] for each in things if each.listing.sku == key]


def test_a_new_variation_joins_its_siblings_under_their_names(database: Database) -> None:
    account = account_of(database, ("Rot", "S"), ("Rot", "M"), ("Blau", "S"), creation="all")
    put_new(account, "new", Farbe="Blau", Größe="M")
    put_new(account, "other", Farbe="Grün", Größe="XL", Stoff="Wolle")
    account.settle_down(3)
    assert made(account, "new") == ["Color: Blue\nSize: M"]
    assert made(account, "other") == ["Color: Grün\nSize: XL\nStoff: Wolle"]
    assert (told(account), [each.message for each in account.findings()]) == ([0, 0], [])


def test_a_new_variation_leaves_out_what_its_siblings_do_not_show_there(database: Database) -> None:
    account = account_of(database, ("Rot", "S"), ("Blau", "M"), shop=False, creation="all")
    put_new(account, "new", Farbe="Grün", Größe="L")
    account.settle_down(3)
    assert made(account, "new") == ["Size: L"]


def test_a_new_variation_whose_attributes_cannot_be_placed_is_told_of(database: Database) -> None:
    account = account_of(database, ("Rot", "S"), creation="all")
    put_new(account, "new", Farbe="Grün", Größe="L")
    account.settle_down(3)
    assert made(account, "new") == []
    (finding,) = account.findings()
    assert finding.kind == "not_made"
    assert "“Farbe: Grün; Größe: L”" in finding.message
    account.worlds["web"].put(
        "by-hand", 0, sku="new", name="shirt", parent="w", fields={ATTRIBUTES: "Color: Green\nSize: L", SKU: "new"}
    )
    account.settle_down(3)
    assert account.worlds["web"].quantity("by-hand") == 3
    assert account.findings() == []


def test_attributes_of_any_length_are_carried_over_by_what_was_edited(database: Database) -> None:
    account = account_of(database)
    words = {"Farbe": "Rot", "Größe": "S", "Hinweis": "lang " * 50}
    for side, shows in (("till", words), ("web", {**words, "Farbe": "Red"})):
        fields = {ATTRIBUTES: attributes_text(shows), SKU: "LONG"}
        account.worlds[side].put(f"{side[0]}-long", 3, sku="LONG", name="shirt", parent=side[0], fields=fields)
    account.settle_down()
    _forget(account)
    account.worlds["till"].edit("t-long", **{SKU: "LONGER"})
    account.settle_down()
    edit(account, "w-long", **{**words, "Farbe": "Red", "Größe": "XS"})
    account.settle_down()
    assert shown(account, "w-long") == attributes_text({**words, "Farbe": "Red"}), "the till counts"
    edit(account, "t-long", **{**words, "Größe": "M"})
    account.settle_down()
    assert shown(account, "w-long") == attributes_text({**words, "Farbe": "Red", "Größe": "M"})
    assert account.findings() == []


def _forget(account: Account) -> None:
    """As an older version wrote it: of what is long only a digest."""
    with account.db.write() as session:
        for row in session.scalars(select(FieldPair).where(FieldPair.field == ATTRIBUTES)):
            row.agreed_hub, row.agreed_shop = kept(row.agreed_hub or ""), kept(row.agreed_shop or "")
            assert row.agreed_hub.startswith("sha256:")
