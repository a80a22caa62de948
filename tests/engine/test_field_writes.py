"""Fields of products are written to the side that follows, once, and nobody's words vanish unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.core.fields import BRAND, NAME, PRICE, Owner
from syncd.core.guard import SafetyLimits
from syncd.core.model import Quantity
from syncd.service.findings import APPROVED, close_finding
from syncd.state.models import Listing
from syncd.state.product_models import FieldPair, FieldWrite
from tests.support.engine import Account

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.adapters.memory import MemoryWorld
    from syncd.state.engine import Database

MAKE = [pytest.param({NAME: owner, PRICE: owner}, id=owner.value) for owner in Owner if owner is not Owner.NONE]


def account_of(
    database: Database,
    owner: Owner,
    *,
    products: int = 1,
    shop_differs: bool = False,
    limits: SafetyLimits | None = None,
) -> Account:
    account = Account(database)
    till = account.add_side("till", "hub")
    web = account.add_side("web", owners={NAME: owner, PRICE: owner}, limits=limits)
    for number in range(products):
        fields = {NAME: f"Mug {number}", PRICE: "10.00"}
        put(till, f"t-{number}", f"S{number}", fields)
        put(web, f"w-{number}", f"S{number}", {**fields, PRICE: "12.00"} if shop_differs else fields)
    return account


def put(world: MemoryWorld, external_id: str, sku: str, fields: dict[str, str]) -> None:
    world.put(external_id, 5, sku=sku, name=fields[NAME], fields=fields)


def settle(account: Account, passes: int = 2) -> None:
    for _ in range(passes):
        account.clock.advance(61)
        account.poll()


def shown(account: Account, side: str, external_id: str) -> dict[str, str]:
    return dict(account.worlds[side].things[external_id].listing.fields)


def _writes(account: Account) -> list[FieldWrite]:
    with account.db.read() as session:
        return list(session.scalars(select(FieldWrite).order_by(FieldWrite.id)))


def told(account: Account) -> int:
    return sum(len(world.field_writes) for world in account.worlds.values())


def test_what_was_edited_at_the_till_is_written_to_the_shop_once(database: Database) -> None:
    account = account_of(database, Owner.HUB)
    account.poll()
    settle(account)
    account.worlds["till"].edit("t-0", name="Mug, blue", price="11.50")
    settle(account)
    assert shown(account, "web", "w-0") == {NAME: "Mug, blue", PRICE: "11.50"}
    assert [dict(write.values) for write in account.worlds["web"].field_writes] == [{NAME: "Mug, blue", PRICE: "11.50"}]
    assert [(write.field, write.before, write.value, write.state, write.overwrote) for write in _writes(account)] == [
        (NAME, "Mug 0", "Mug, blue", "confirmed", False),
        (PRICE, "10.00", "11.50", "confirmed", False),
    ]
    assert account.findings() == []


def test_a_foreign_edit_is_overwritten_and_kept(database: Database) -> None:
    account = account_of(database, Owner.HUB)
    account.poll()
    settle(account)
    account.worlds["web"].edit("w-0", price="9.00")
    settle(account)
    assert shown(account, "web", "w-0")[PRICE] == "10.00"
    assert [(write.before, write.value, write.overwrote) for write in _writes(account)] == [("9.00", "10.00", True)]


def test_what_the_shop_owns_is_written_to_the_till(database: Database) -> None:
    account = account_of(database, Owner.SHOP, shop_differs=True)
    account.poll()
    settle(account)
    assert shown(account, "till", "t-0")[PRICE] == "12.00"
    account.worlds["web"].edit("w-0", name="Becher")
    settle(account)
    assert shown(account, "till", "t-0") == {NAME: "Becher", PRICE: "12.00"}
    assert account.worlds["web"].field_writes == []


def test_an_edit_travels_from_shop_to_till_and_on_to_the_other_shop(database: Database) -> None:
    account = account_of(database, Owner.BOTH)
    other = account.add_side("other", owners={NAME: Owner.HUB})
    put(other, "o-0", "S0", {NAME: "Mug 0", PRICE: "10.00"})
    account.poll()
    settle(account)
    account.worlds["web"].edit("w-0", name="Becher")
    settle(account, 6)
    assert {shown(account, *which)[NAME] for which in (("till", "t-0"), ("web", "w-0"), ("other", "o-0"))} == {"Becher"}
    assert told(account) == 2


def test_a_conflict_keeps_both_values_and_the_tills_counts(database: Database) -> None:
    account = account_of(database, Owner.BOTH)
    account.poll()
    settle(account)
    account.worlds["till"].edit("t-0", name="Tasse")
    account.worlds["web"].edit("w-0", name="Becher")
    settle(account)
    assert shown(account, "web", "w-0")[NAME] == "Tasse"
    (finding,) = account.findings()
    assert finding.kind == "field_conflict"
    assert "Tasse" in finding.message
    assert "Becher" in finding.message
    account.worlds["till"].edit("t-0", name="Becher")
    settle(account)
    assert account.findings() == []


@pytest.mark.parametrize("owners", MAKE)
def test_equal_on_both_sides_is_never_written(database: Database, owners: dict[str, Owner]) -> None:
    account = account_of(database, owners[NAME])
    account.poll()
    settle(account)
    account.worlds["till"].edit("t-0", name="Becher")
    account.worlds["web"].edit("w-0", name="Becher")
    settle(account)
    assert told(account) == 0
    assert account.findings() == []


@pytest.mark.parametrize("spell", [str.upper, lambda value: f"<p>{value}</p>", lambda value: value.replace("é", "e")])
def test_a_side_that_spells_in_its_own_way_is_told_once(database: Database, spell: Callable[[str], str]) -> None:
    account = account_of(database, Owner.HUB)
    account.worlds["web"].spell = spell
    account.poll()
    settle(account)
    account.worlds["till"].edit("t-0", name="Café")
    settle(account, 6)
    assert told(account) == 1
    assert shown(account, "web", "w-0")[NAME] == spell("Café")


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", "late", "refused_connection"])
def test_a_lost_answer_ends_with_both_equal(database: Database, fault: str) -> None:
    account = account_of(database, Owner.BOTH)
    account.poll()
    settle(account)
    account.worlds["web"].field_faults.append(fault)
    account.worlds["till"].edit("t-0", price="11.00")
    settle(account, 6)
    assert shown(account, "web", "w-0")[PRICE] == "11.00"
    assert shown(account, "till", "t-0")[PRICE] == "11.00"
    with account.db.read() as session:
        assert session.scalars(select(FieldPair.unsure).where(FieldPair.unsure.is_not(None))).all() == []
    before = told(account)
    settle(account)
    assert told(account) == before


def test_nothing_is_sent_again_while_a_write_may_still_be_under_way(database: Database) -> None:
    account = account_of(database, Owner.HUB)
    account.poll()
    settle(account)
    web = account.worlds["web"]
    web.field_faults.append("late")
    account.worlds["till"].edit("t-0", price="11.00")
    account.poll()
    account.worlds["till"].edit("t-0", price="13.00")
    for _ in range(5):
        account.clock.advance(10)
        account.poll()
    assert told(account) == 1
    assert shown(account, "web", "w-0")[PRICE] == "11.00"
    settle(account)
    assert shown(account, "web", "w-0")[PRICE] == "13.00"


def test_a_cache_that_shows_the_value_before_our_write_is_no_edit(database: Database) -> None:
    account = account_of(database, Owner.BOTH)
    account.poll()
    settle(account)
    account.worlds["web"].stale = True
    account.worlds["till"].edit("t-0", price="11.00")
    account.poll()
    for _ in range(3):
        account.clock.advance(3)
        account.worlds["web"].sell("w-0", 1)
        account.poll()
    settle(account)
    assert shown(account, "till", "t-0")[PRICE] == "11.00"
    assert told(account) == 1


def test_a_value_that_is_refused_is_a_finding_and_keeps_nothing_else_back(database: Database) -> None:
    account = account_of(database, Owner.HUB)
    web = account.worlds["web"]
    web.refuses = ("Ωmega",)
    account.poll()
    settle(account)
    account.worlds["till"].edit("t-0", name="Ωmega", price="11.00")
    settle(account)
    assert shown(account, "web", "w-0") == {NAME: "Mug 0", PRICE: "11.00"}
    (finding,) = account.findings()
    assert finding.kind == "field_refused"
    assert "Ωmega" in finding.message
    before = told(account)
    settle(account)
    assert told(account) == before
    account.worlds["till"].edit("t-0", name="Omega")
    settle(account)
    assert shown(account, "web", "w-0")[NAME] == "Omega"
    assert account.findings() == []


def test_two_catalogues_that_differ_wait_for_a_person_and_stock_does_not(database: Database) -> None:
    account = account_of(database, Owner.HUB, products=30, shop_differs=True)
    outcomes = [*account.poll(), *account.poll()]
    assert all(outcome.error is None for outcome in outcomes)
    assert not any(worker.has_pending() for worker in account.workers.values())
    assert told(account) == 0
    account.worlds["till"].sell("t-0", 2)
    settle(account)
    assert account.worlds["web"].quantity("w-0") == 3
    assert told(account) == 0
    (finding,) = account.findings()
    assert (finding.kind, finding.subject) == ("safety_stop", "fields of web")
    approve_fields(account)
    assert account.workers["web"].has_pending()
    account.workers["web"].run("push", "test")
    assert {shown(account, "web", f"w-{number}")[PRICE] for number in range(30)} == {"10.00"}
    assert account.findings() == []


def test_prices_that_would_fall_too_far_wait_for_a_person(database: Database) -> None:
    account = account_of(database, Owner.HUB, limits=SafetyLimits(max_price_drop=Quantity(50)))
    account.poll()
    settle(account)
    account.worlds["till"].edit("t-0", price="1.00")
    settle(account)
    assert shown(account, "web", "w-0")[PRICE] == "10.00"
    (finding,) = account.findings()
    assert "10.00 to 1.00" in finding.message
    account.worlds["till"].edit("t-0", price="6.00")
    settle(account)
    assert shown(account, "web", "w-0")[PRICE] == "6.00"
    assert account.findings() == []


def test_a_field_that_one_side_does_not_say_is_left_alone(database: Database) -> None:
    account = account_of(database, Owner.HUB)
    account.worlds["web"].put("w-0", 5, sku="S0", name="Mug 0", fields={NAME: "Mug 0"})
    account.poll()
    settle(account)
    account.worlds["till"].edit("t-0", price="11.00")
    settle(account)
    assert told(account) == 0
    with account.db.read() as session:
        assert not any(session.scalars(select(Listing.fields_pending)))


def test_a_new_partner_is_compared_anew(database: Database) -> None:
    """What was agreed with the product that had this SKU before says nothing about the one that has it now."""
    account = account_of(database, Owner.BOTH)
    account.poll()
    settle(account)
    till = account.worlds["till"]
    till.delete("t-0")
    settle(account)
    put(till, "t-new", "S0", {NAME: "Tasse", PRICE: "10.00"})
    settle(account)
    assert shown(account, "web", "w-0")[NAME] == "Tasse"
    assert [finding.kind for finding in account.findings()] == ["field_conflict"]


def approve_fields(account: Account, side: str = "web") -> None:
    with account.db.write(fenced=False) as session:
        assert close_finding(session, "safety_stop", f"fields of {side}", account.clock(), by=APPROVED)


@pytest.mark.parametrize(("owner", "kinds"), [(Owner.HUB, []), (Owner.BOTH, ["field_conflict"])])
def test_what_was_entered_since_the_last_poll_is_seen_before_it_is_overwritten(
    database: Database, owner: Owner, kinds: list[str]
) -> None:
    account = account_of(database, owner)
    account.poll()
    settle(account)
    account.worlds["till"].edit("t-0", name="Tasse")
    account.poll("till")
    account.worlds["web"].edit("w-0", name="Becher")
    account.workers["web"].run("push", "test")
    assert shown(account, "web", "w-0")[NAME] == "Tasse"
    assert [(write.before, write.value, write.overwrote) for write in _writes(account)] == [("Becher", "Tasse", True)]
    assert [finding.kind for finding in account.findings()] == kinds


def test_a_process_that_dies_after_sending_goes_on_well(database: Database) -> None:
    """Its write may have arrived or not: the listing is read again before it is told anything else."""
    account = account_of(database, Owner.BOTH)
    account.poll()
    settle(account)
    web = account.worlds["web"]
    account.worlds["till"].edit("t-0", price="11.00")
    account.poll("till")
    web.field_faults.append("dies")
    with pytest.raises(KeyError, match="dies"):
        account.workers["web"].run("push", "test")
    account.add_side("web", owners={NAME: Owner.BOTH, PRICE: Owner.BOTH})
    before = told(account)
    account.poll()
    assert told(account) == before
    settle(account)
    assert (shown(account, "web", "w-0")[PRICE], shown(account, "till", "t-0")[PRICE]) == ("11.00", "11.00")
    assert account.findings() == []


def test_a_stop_on_fields_is_over_when_nothing_is_to_be_written_any_more(database: Database) -> None:
    account = account_of(database, Owner.HUB, products=30, shop_differs=True)
    account.poll()
    account.poll()
    assert [finding.subject for finding in account.findings()] == ["fields of web"]
    for number in range(30):
        account.worlds["till"].edit(f"t-{number}", price="12.00")
    settle(account)
    assert account.findings() == []
    assert told(account) == 0


def test_our_own_value_in_the_shops_spelling_is_no_edit_after_a_lost_answer(database: Database) -> None:
    account = account_of(database, Owner.BOTH)
    account.worlds["web"].spell = str.upper
    account.poll()
    settle(account)
    account.worlds["web"].field_faults.append("lost_after")
    account.worlds["till"].edit("t-0", name="Café")
    settle(account, 6)
    assert (shown(account, "till", "t-0")[NAME], shown(account, "web", "w-0")[NAME]) == ("Café", "CAFÉ")
    assert {finding.kind for finding in account.findings()} == {"field_altered"}
    assert account.worlds["till"].field_writes == []


def test_a_price_that_would_become_zero_waits_for_a_person(database: Database) -> None:
    account = account_of(database, Owner.HUB)
    account.poll()
    settle(account)
    account.worlds["till"].edit("t-0", price="0.00")
    settle(account)
    assert shown(account, "web", "w-0")[PRICE] == "10.00"
    (finding,) = account.findings()
    assert "1 price would become zero: S0 (w-0) from 10.00 to 0.00" in finding.message
    approve_fields(account)
    settle(account)
    assert shown(account, "web", "w-0")[PRICE] == "0.00"
    account.worlds["till"].edit("t-0", price="5.00")
    settle(account)
    assert shown(account, "web", "w-0")[PRICE] == "5.00"


@pytest.mark.parametrize("fault", ["parts", "parts_lost"])
def test_each_field_of_a_write_in_parts_has_its_own_outcome(database: Database, fault: str) -> None:
    """What was stored is known as written, and not sent again; what was refused is told of alone."""
    account = account_of(database, Owner.BOTH)
    account.poll()
    settle(account)
    web = account.worlds["web"]
    web.refuses, web.field_faults = ("Mug, blue",), [fault]
    account.worlds["till"].edit("t-0", name="Mug, blue", price="11.50")
    account.poll()
    first = {write.field: write.state for write in _writes(account)}
    assert first == {PRICE: "confirmed", NAME: "rejected" if fault == "parts" else "unknown"}
    settle(account, 4)
    assert shown(account, "web", "w-0") == {NAME: "Mug 0", PRICE: "11.50"}
    assert [write.field for write in _writes(account)].count(PRICE) == 1
    assert [found.subject for found in account.findings()] == ["web w-0 name"]
    account.worlds["till"].edit("t-0", price="12.50")
    settle(account)
    assert shown(account, "web", "w-0")[PRICE] == "12.50"
    assert [found.kind for found in account.findings()] == ["field_refused"]


def test_several_refused_fields_of_a_write_in_parts_are_tried_alone(database: Database) -> None:
    """Two were refused by one request: the one that can be stored is."""
    account = Account(database)
    owners = dict.fromkeys((NAME, BRAND, PRICE), Owner.HUB)
    till, web = account.add_side("till", "hub"), account.add_side("web", owners=owners)
    for world, key in ((till, "t-0"), (web, "w-0")):
        put(world, key, "S0", {NAME: "Mug", BRAND: "Acme", PRICE: "10.00"})
    account.poll()
    settle(account)
    web.refuses, web.field_faults = ("No name", "No brand"), ["parts"]
    till.edit("t-0", name="No name", brand="No brand", price="11.50")
    account.poll()
    web.refuses = ("No name",)
    settle(account, 4)
    assert shown(account, "web", "w-0") == {NAME: "Mug", BRAND: "No brand", PRICE: "11.50"}
    assert [found.subject for found in account.findings()] == ["web w-0 name"]
