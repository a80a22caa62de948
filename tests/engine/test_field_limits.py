"""Ways in which fields could hurt: stock held up, words undone, a till overwritten; each was possible once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.core.fields import NAME, PRICE, Owner
from syncd.core.guard import Limit, SafetyLimits
from syncd.core.model import ChangePage, Quantity
from syncd.errors import PermissionMissing
from syncd.service.account import _compare_if_owners_changed
from syncd.service.findings import PUT_BACK, close_finding, reported_subject
from syncd.state.models import Run
from tests.engine.test_field_writes import account_of, approve_fields, shown, told
from tests.engine.test_field_writes import put as put_product
from tests.engine.test_field_writes import settle as settle_down

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.core.model import FieldsResult, FieldsWrite
    from syncd.state.engine import Database
    from tests.support.engine import Account


def kinds(account: Account) -> list[str]:
    return [finding.kind for finding in account.findings()]


def prices(account: Account, side: str) -> set[str]:
    things = account.worlds[side].things.values()
    return {thing.listing.fields[PRICE] for thing in things}


@pytest.mark.parametrize(("writer", "editor"), [("web", "till"), ("till", "web")])
def test_an_edit_after_one_that_was_taken_back_in_doubt_is_an_edit(
    database: Database, writer: str, editor: str
) -> None:
    """The write had no answer and no effect; its reason was undone before anybody looked."""
    ids = {"till": "t-0", "web": "w-0"}
    account = account_of(database, Owner.BOTH)
    account.poll()
    settle_down(account)
    account.worlds[writer].field_faults.append("lost_before")
    account.worlds[editor].edit(ids[editor], name="Cup")
    account.poll(editor)
    account.workers[writer].run("push", "test")
    account.worlds[editor].edit(ids[editor], name="Mug 0")
    settle_down(account)
    account.worlds[writer].edit(ids[writer], name="Becher")
    settle_down(account)
    assert shown(account, editor, ids[editor])[NAME] == "Becher"
    assert account.findings() == []


def test_a_price_of_zero_is_not_given_to_a_product_without_one(database: Database) -> None:
    account = account_of(database, Owner.HUB)
    put_product(account.worlds["till"], "t-0", "S0", {NAME: "Mug 0", PRICE: "0.00"})
    put_product(account.worlds["web"], "w-0", "S0", {NAME: "Mug 0", PRICE: ""})
    account.poll()
    settle_down(account)
    assert shown(account, "web", "w-0")[PRICE] == ""
    assert "1 price would become zero: S0 (w-0) from none to 0.00" in account.findings()[0].message


def test_a_stop_names_every_limit_that_is_passed(database: Database) -> None:
    account = account_of(database, Owner.HUB, products=30, shop_differs=True)
    put_product(account.worlds["till"], "t-0", "S0", {NAME: "Mug 0", PRICE: "0.00"})
    account.poll()
    account.poll()
    (finding,) = account.findings()
    assert "30 of 30 linked items would be overwritten" in finding.message
    assert "1 price would become zero" in finding.message


def test_nothing_waits_for_a_partner_that_was_just_written(database: Database) -> None:
    account = account_of(database, Owner.SHOP)
    other = account.add_side("other", owners={NAME: Owner.HUB, PRICE: Owner.HUB})
    put_product(other, "o-0", "S0", {NAME: "Mug 0", PRICE: "10.00"})
    account.poll()
    settle_down(account)
    account.worlds["web"].edit("w-0", name="Becher")
    account.poll("web")
    account.workers["till"].run("push", "test")
    account.workers["web"].run("push", "test")
    account.workers["other"].run("push", "test")
    assert not any(worker.has_pending() for worker in account.workers.values())
    settle_down(account)
    assert shown(account, "other", "o-0")[NAME] == "Becher"


def test_a_right_that_is_missing_for_fields_fails_no_pass(database: Database) -> None:
    """Evidence of stock rests on good passes."""
    account = account_of(database, Owner.HUB)
    account.poll()
    settle_down(account)
    adapter = account.workers["web"].side.adapter
    write_fields = adapter.write_fields

    def refuse(writes: list[FieldsWrite]) -> list[FieldsResult]:
        raise PermissionMissing("web", "PUT", f"may not change {len(writes)} products")

    adapter.write_fields = refuse  # type: ignore[method-assign,assignment]
    account.worlds["till"].edit("t-0", name="Cup")
    settle_down(account)
    assert kinds(account) == ["fields_not_written"]
    with account.db.read() as session:
        assert set(session.scalars(select(Run.result))) == {"ok"}
    adapter.write_fields = write_fields  # type: ignore[method-assign]
    settle_down(account)
    assert shown(account, "web", "w-0")[NAME] == "Cup"
    assert account.findings() == []


def test_the_look_before_a_write_counts_no_stock(database: Database) -> None:
    """It brings no documents: sales would look like changes that nothing explains."""
    limits = SafetyLimits(max_unexplained=Limit(3, Quantity(10)))
    account = account_of(database, Owner.HUB, products=20, limits=limits)
    account.poll()
    settle_down(account)
    for number in range(20):
        account.worlds["till"].edit(f"t-{number}", price="11.00")
    account.poll("till")
    for number in range(6):
        account.worlds["web"].sell(f"w-{number}", 1, reference=str(number))
    assert account.workers["web"].run("push", "test").error is None
    settle_down(account)
    assert account.worlds["till"].quantity("t-0") == 4
    assert account.findings() == []


def test_a_refusal_is_told_as_long_as_it_lasts(database: Database) -> None:
    account = account_of(database, Owner.HUB)
    account.worlds["web"].refuses = ("bad",)
    account.poll()
    settle_down(account)
    till = account.worlds["till"]
    till.edit("t-0", name="bad")
    settle_down(account)
    till.edit("t-0", price="11.00")
    settle_down(account)
    assert kinds(account) == ["field_refused"]
    till.edit("t-0", name="Mug 0")
    settle_down(account)
    assert account.findings() == []


def test_a_name_is_written_although_the_price_beside_it_is_refused_in_the_same_pass(database: Database) -> None:
    account = account_of(database, Owner.HUB)
    account.worlds["web"].refuses = ("66.00",)
    account.poll()
    settle_down(account)
    account.worlds["till"].edit("t-0", name="New", price="66.00")
    account.poll()
    assert shown(account, "web", "w-0")[NAME] == "New"


def test_limits_of_a_shop_hold_for_what_it_writes_to_the_till(database: Database) -> None:
    limits = SafetyLimits(max_changed=Limit(3, Quantity(10)), max_price_drop=Quantity(50))
    account = account_of(database, Owner.BOTH, products=30, limits=limits)
    account.poll()
    settle_down(account)
    for number in range(30):
        account.worlds["web"].edit(f"w-{number}", price="1.00")
    settle_down(account)
    assert prices(account, "till") == {"10.00"}
    assert [finding.subject for finding in account.findings()] == ["fields of till"]
    approve_fields(account, "till")
    settle_down(account)
    assert prices(account, "till") == {"1.00"}


@pytest.fixture
def restored(database: Database) -> Account:
    """A shop that was put back to yesterday, stopped; a second one shares the products."""
    account = account_of(database, Owner.BOTH, products=3)
    other = account.add_side("other", owners={NAME: Owner.BOTH, PRICE: Owner.BOTH})
    for number in range(3):
        put_product(other, f"o-{number}", f"S{number}", {NAME: f"Mug {number}", PRICE: "10.00"})
    account.poll()
    settle_down(account)
    web, till = account.worlds["web"], account.worlds["till"]
    for number in range(3):
        till.sell(f"t-{number}", 1)
    settle_down(account)
    backup = {key: thing.listing for key, thing in web.things.items()}
    for number in range(3):
        till.sell(f"t-{number}", 1)
        till.edit(f"t-{number}", price="15.00")
    settle_down(account)
    for key, listing in backup.items():
        web._touch(key, listing)
    settle_down(account, 1)
    assert [finding.subject for finding in account.findings()] == ["changes of web"]
    return account


def test_a_shop_under_a_stop_has_no_word_at_the_till(restored: Account) -> None:
    restored.worlds["other"].edit("o-0", name="Becher")
    settle_down(restored, 3)
    assert shown(restored, "till", "t-0") == {NAME: "Becher", PRICE: "15.00"}


def test_fields_of_a_shop_that_was_put_back_are_no_edits(restored: Account) -> None:
    with restored.db.write(fenced=False) as session:
        assert close_finding(session, "safety_stop", reported_subject("web"), restored.clock(), by=PUT_BACK)
    settle_down(restored)
    assert prices(restored, "till") == prices(restored, "web") == {"15.00"}


def test_what_nobody_kept_the_same_for_a_while_is_compared_as_at_first(database: Database) -> None:
    account = account_of(database, Owner.HUB, products=30)
    account.poll()
    settle_down(account)
    for owner in (Owner.NONE, Owner.HUB):
        account.add_side("web", owners={NAME: owner, PRICE: owner} if owner is not Owner.NONE else {})
        with account.db.write() as session:
            _compare_if_owners_changed(session, account.workers["web"].side)
        for number in range(30):
            account.worlds["web"].edit(f"w-{number}", price="12.00")
        settle_down(account)
    assert prices(account, "web") == {"12.00"}
    assert [finding.subject for finding in account.findings()] == ["fields of web"]


def test_no_field_is_written_to_a_side_that_lists_nothing(database: Database) -> None:
    account = account_of(database, Owner.HUB)
    account.poll()
    settle_down(account)

    def nothing() -> Iterator[ChangePage]:
        yield ChangePage(cursor={"changes": str(account.worlds["web"].tick)})

    account.workers["web"].side.adapter.read_all = nothing  # type: ignore[method-assign]
    account.poll("web", kind="full")
    account.worlds["till"].edit("t-0", name="Cup")
    settle_down(account)
    assert kinds(account) == ["side_empty"]
    assert told(account) == 0
