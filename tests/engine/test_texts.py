"""Long values and sides that say yes and do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.adapters.texts import as_html
from syncd.core.fields import DESCRIPTION, NAME, Owner, kept
from syncd.service.field_plan import try_refused_again
from syncd.state.models import Listing
from syncd.state.product_models import FieldPair, FieldWrite
from tests.support.engine import Account

if TYPE_CHECKING:
    from syncd.state.engine import Database

LONG = "<p>Warm light, 40 W.</p>\n" * 400
OTHER = LONG.replace("40 W", "60 W")


def account_of(database: Database, owner: Owner = Owner.HUB, **fields: str) -> Account:
    account = Account(database)
    account.add_side("till", "hub")
    account.add_side("web", owners=dict.fromkeys((NAME, DESCRIPTION), owner))
    for side in ("till", "web"):
        shown = {NAME: "Lamp", DESCRIPTION: LONG, **fields}
        account.worlds[side].put(f"{side}-1", 5, sku="LAMP", name="Lamp", fields=shown)
    account.poll()
    settle(account)
    return account


def settle(account: Account, passes: int = 3) -> None:
    for _ in range(passes):
        account.clock.advance(61)
        account.poll()


def shown(account: Account, side: str) -> dict[str, str]:
    return dict(account.worlds[side].things[f"{side}-1"].listing.fields)


def notes(account: Account) -> list[tuple[str, str, str]]:
    with account.db.read() as session:
        rows = session.scalars(select(FieldWrite).order_by(FieldWrite.id))
        return [(row.before, row.value, row.state) for row in rows]


def test_a_long_text_travels_whole_and_its_digest_is_remembered(database: Database) -> None:
    account = account_of(database)
    account.worlds["till"].edit("till-1", description=OTHER)
    settle(account)
    assert shown(account, "web")[DESCRIPTION] == OTHER
    assert notes(account) == [(LONG, OTHER, "confirmed")]
    with account.db.read() as session:
        pair = session.scalars(select(FieldPair).where(FieldPair.field == DESCRIPTION)).one()
        assert (pair.agreed_hub, pair.agreed_shop) == (kept(OTHER), kept(OTHER))
        assert len(kept(OTHER)) < 100
    settle(account)
    assert len(account.worlds["web"].field_writes) == 1


def test_one_letter_in_a_long_text_is_an_edit(database: Database) -> None:
    account = account_of(database)
    account.worlds["web"].edit("web-1", description=LONG[:-2])
    settle(account)
    assert shown(account, "web")[DESCRIPTION] == LONG
    assert notes(account) == [(LONG[:-2], LONG, "confirmed")]


def test_a_conflict_of_long_texts_keeps_the_shops_whole(database: Database) -> None:
    account = account_of(database, Owner.BOTH)
    mine, theirs = LONG + "till", LONG + "shop"
    account.worlds["till"].edit("till-1", description=mine)
    account.worlds["web"].edit("web-1", description=theirs)
    settle(account)
    assert (shown(account, "till")[DESCRIPTION], shown(account, "web")[DESCRIPTION]) == (mine, mine)
    assert notes(account) == [(theirs, mine, "confirmed")]
    (finding,) = account.findings()
    assert len(finding.message) < 700


def test_a_long_value_agreed_by_an_older_version_is_no_edit(database: Database) -> None:
    account = account_of(database)
    with account.db.write() as session:
        pair = session.scalars(select(FieldPair).where(FieldPair.field == DESCRIPTION)).one()
        pair.agreed_hub = pair.agreed_shop = LONG
        for row in session.scalars(select(Listing)):
            row.fields_pending = True
    settle(account)
    assert notes(account) == []


@pytest.mark.parametrize("owner", [Owner.HUB, Owner.SHOP])
def test_a_side_that_says_yes_and_does_nothing_has_not_agreed(database: Database, owner: Owner) -> None:
    account = account_of(database, owner)
    here, there = ("till", "web") if owner is Owner.HUB else ("web", "till")
    account.worlds[there].spell = lambda value: {"Lamp, blue": "Lamp"}.get(value, value)
    account.worlds[here].edit(f"{here}-1", name="Lamp, blue")
    settle(account)
    assert [finding.kind for finding in account.findings()] == ["field_refused"]
    assert "shows what it showed before" in account.findings()[0].message
    assert notes(account) == [("Lamp", "Lamp, blue", "rejected")]
    settle(account)
    assert len(notes(account)) == 1, "not sent again before something changes"
    account.worlds[here].edit(f"{here}-1", name="Lamp, red")
    settle(account)
    assert shown(account, there)[NAME] == "Lamp, red"
    assert account.findings() == []


def test_our_own_value_spelled_anew_after_a_lost_answer_is_agreed(database: Database) -> None:
    account = account_of(database)
    web = account.worlds["web"]
    web.spell, web.field_faults = str.upper, ["lost_after"]
    account.worlds["till"].edit("till-1", name="Lamp, blue")
    settle(account)
    assert shown(account, "web")[NAME] == "LAMP, BLUE"
    assert [finding.kind for finding in account.findings()] == ["field_altered"]
    assert "“LAMP, BLUE” for “Lamp, blue”" in account.findings()[0].message
    web.spell = str
    account.worlds["till"].edit("till-1", name="Lamp, red")
    settle(account)
    assert account.findings() == []


@pytest.mark.parametrize("when", ["start", "full read"])
def test_what_was_refused_is_tried_again(database: Database, when: str) -> None:
    """A code that another product had may be free by now."""
    account = account_of(database)
    account.worlds["web"].refuses = ("Lamp, blue",)
    account.worlds["till"].edit("till-1", name="Lamp, blue")
    settle(account)
    assert [finding.kind for finding in account.findings()] == ["field_refused"]
    account.worlds["web"].refuses = ()
    settle(account)
    assert shown(account, "web")[NAME] == "Lamp"
    if when == "start":
        with account.db.write() as session:
            try_refused_again(session, account.workers["web"].side.id)
    else:
        account.poll(kind="full")
    settle(account)
    assert shown(account, "web")[NAME] == "Lamp, blue"
    assert account.findings() == []


def test_other_markup_with_the_same_words_is_no_refusal(database: Database) -> None:
    account = account_of(database, description="<p>Mug</p>")
    account.worlds["web"].spell = as_html
    account.worlds["till"].edit("till-1", description='<p style="color:red">Mug</p><script>x()</script>')
    settle(account)
    assert shown(account, "web")[DESCRIPTION] == "<p>Mug</p>"
    assert account.findings() == []


def test_a_text_that_only_looks_like_markup_arrives_whole(database: Database) -> None:
    account = account_of(database, description="Mug")
    account.worlds["web"].spell = as_html
    account.worlds["till"].edit("till-1", description="Size <XL, x<y and z>q & more")
    settle(account)
    assert shown(account, "web")[DESCRIPTION] == "Size &lt;XL, x&lt;y and z&gt;q &amp; more"
