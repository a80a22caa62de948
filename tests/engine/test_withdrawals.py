"""What is deleted at the till leaves the shop by its policy, once, and only with proof."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.core.guard import Limit, SafetyLimits
from syncd.core.model import Quantity, StockMode
from syncd.errors import SideError
from syncd.service.findings import APPROVED, close_finding
from syncd.service.withdrawal_plan import try_refused_again
from syncd.state.models import Run
from syncd.state.product_models import Withdrawal
from tests.support.engine import Account

if TYPE_CHECKING:
    from syncd.adapters.memory import MemoryWorld
    from syncd.state.engine import Database


def account_of(database: Database, deletion: str = "unpublish", limits: SafetyLimits | None = None) -> Account:
    """A till and a shop with a mug, a jug, and a shirt in two sizes."""
    account = Account(database)
    till = account.add_side("till", "hub")
    web = account.add_side("web", deletion=deletion, limits=limits)
    for world, at in ((till, "t"), (web, "w")):
        for name in ("mug", "jug"):
            world.put(f"{at}-{name}", 4, sku=name, name=name, published=True)
        world.put(f"{at}-shirt", None, sku=None, name="shirt", stock_mode=StockMode.GROUP, published=True)
        for size in ("S", "M"):
            world.put(f"{at}-{size}", 3, sku=size, name=f"shirt {size}", parent=f"{at}-shirt", published=True)
    account.poll()
    account.settle_down()
    return account


def seen(account: Account) -> set[str]:
    """What customers can buy."""
    things = account.worlds["web"].things
    return {key for key, thing in things.items() if thing.listing.published}


def states(account: Account) -> list[str]:
    with account.db.read() as session:
        return list(session.scalars(select(Withdrawal.state).order_by(Withdrawal.listing_id)))


def kinds(account: Account) -> set[str]:
    return {finding.kind for finding in account.findings()}


ALL = {"w-mug", "w-jug", "w-shirt", "w-S", "w-M"}


def test_a_deleted_product_is_unpublished_and_keeps_everything(database: Database) -> None:
    account = account_of(database)
    account.worlds["till"].delete("t-mug")
    account.settle_down()
    assert seen(account) == ALL - {"w-mug"}
    assert account.worlds["web"].quantity("w-mug") == 4
    assert account.worlds["web"].withdrawn == [("w-mug", "unpublish")]
    assert kinds(account) == set(), "there is nothing left to do for anybody"
    with account.db.read() as session:
        assert session.scalars(select(Run.withdrawn).where(Run.withdrawn > 0)).all() == [1]
    account.settle_down()
    assert len(account.worlds["web"].withdrawn) == 1


def test_it_is_deleted_where_the_policy_says_so(database: Database) -> None:
    account = account_of(database, "delete")
    account.worlds["till"].delete("t-mug")
    account.settle_down()
    assert "w-mug" not in account.worlds["web"].things
    assert states(account) == ["done"]


def test_it_is_left_alone_where_the_policy_says_so(database: Database) -> None:
    account = account_of(database, "ignore")
    account.worlds["till"].delete("t-mug")
    account.settle_down()
    assert seen(account) == ALL
    assert states(account) == ["ignored"]
    assert "deleted_on_side" in kinds(account)


def test_a_variation_leaves_alone_and_all_of_them_as_one_product(database: Database) -> None:
    account = account_of(database)
    account.worlds["till"].delete("t-S")
    account.settle_down()
    assert account.worlds["web"].withdrawn == [("w-S", "unpublish")]
    other = account_of_shirts(account)
    assert other.withdrawn[1:] == [("w-M", "unpublish")], "its sibling was withdrawn before"


def account_of_shirts(account: Account) -> MemoryWorld:
    account.worlds["till"].delete("t-M")
    account.settle_down()
    return account.worlds["web"]


def test_a_product_with_all_its_variations_leaves_as_one(database: Database) -> None:
    account = account_of(database)
    for gone in ("t-S", "t-M", "t-shirt"):
        account.worlds["till"].delete(gone)
    account.settle_down()
    assert account.worlds["web"].withdrawn == [("w-shirt", "unpublish")]
    assert states(account) == ["done", "done"]


def test_what_is_made_anew_at_the_till_is_linked_and_stays(database: Database) -> None:
    account = account_of(database)
    till = account.worlds["till"]
    till.delete("t-mug")
    till.put("t-mug-2", 9, sku="mug", name="mug", published=True)
    account.settle_down()
    assert seen(account) == ALL
    assert account.worlds["web"].quantity("w-mug") == 9
    assert states(account) == []


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", "dies", "refused_connection", "rate_limited"])
@pytest.mark.parametrize("deletion", ["unpublish", "delete"])
def test_whatever_happens_to_the_answer_it_leaves(database: Database, deletion: str, fault: str) -> None:
    account = account_of(database, deletion)
    web = account.worlds["web"]
    web.withdrawal_faults = [fault]
    account.worlds["till"].delete("t-mug")
    for _ in range(2):
        with suppress(SideError, KeyError):
            account.poll()
    account.restart()
    assert account.on_hand("jug") == 4
    account.settle_down(3)
    assert "w-mug" not in seen(account)
    assert len(web.withdrawn) == 1, "it was looked at before it was sent again"
    assert states(account) == ["done"]
    assert kinds(account) == set()


def test_what_a_person_publishes_again_stays(database: Database) -> None:
    account = account_of(database)
    account.worlds["till"].delete("t-mug")
    account.settle_down()
    web = account.worlds["web"]
    web.put("w-mug", 4, sku="mug", name="mug", published=True)
    account.settle_down()
    assert seen(account) == ALL


def test_many_at_once_wait_for_a_person(database: Database) -> None:
    account = account_of(database, limits=SafetyLimits(max_zeroed=Limit(0, Quantity(10))))
    account.worlds["till"].delete("t-mug")
    account.settle_down()
    assert seen(account) == ALL
    (stop,) = [finding for finding in account.findings() if finding.kind == "safety_stop"]
    assert "1 of 4 products would be withdrawn at once" in stop.message
    account.worlds["till"].sell("t-jug", 1)
    account.settle_down()
    assert account.worlds["web"].quantity("w-jug") == 3, "stock goes on"
    with account.db.write() as session:
        close_finding(session, "safety_stop", stop.subject, account.clock(), by=APPROVED)
    account.settle_down()
    assert seen(account) == ALL - {"w-mug"}
    assert kinds(account) == set()


def test_one_by_one_they_add_up_within_a_day(database: Database) -> None:
    """A till that is being emptied slowly; after a person looked the day goes on without asking again."""
    account = account_of(database, limits=SafetyLimits(max_zeroed=Limit(1, Quantity(10))))
    account.worlds["till"].delete("t-mug")
    account.settle_down()
    account.worlds["till"].delete("t-jug")
    account.settle_down()
    assert seen(account) == ALL - {"w-mug"}
    (stop,) = [finding for finding in account.findings() if finding.kind == "safety_stop"]
    assert "1 of 3 products would be withdrawn, after 1 within a day" in stop.message
    with account.db.write() as session:
        close_finding(session, "safety_stop", stop.subject, account.clock(), by=APPROVED)
    account.settle_down()
    account.worlds["till"].delete("t-S")
    account.settle_down()
    assert seen(account) == ALL - {"w-mug", "w-jug", "w-S"}


def test_after_a_day_one_more_may_leave(database: Database) -> None:
    account = account_of(database, limits=SafetyLimits(max_zeroed=Limit(1, Quantity(10))))
    account.worlds["till"].delete("t-mug")
    account.settle_down()
    account.clock.advance(24 * 3600)
    account.worlds["till"].delete("t-jug")
    account.settle_down()
    assert seen(account) == ALL - {"w-mug", "w-jug"}


def test_a_refusal_is_told_and_tried_again_at_a_start(database: Database) -> None:
    account = account_of(database)
    web = account.worlds["web"]
    web.refuses = ("w-mug",)
    account.worlds["till"].delete("t-mug")
    account.settle_down()
    assert "not_withdrawn" in kinds(account)
    web.refuses = ()
    account.settle_down()
    assert seen(account) == ALL, "not before the next start"
    with account.db.write() as session:
        try_refused_again(session, account.workers["web"].side.id)
    account.settle_down()
    assert seen(account) == ALL - {"w-mug"}
    assert kinds(account) == set()


def test_without_proof_nothing_leaves(database: Database) -> None:
    """A feed that says nothing, and a page that lacks it, are no deletions."""
    account = account_of(database)
    till = account.worlds["till"]
    kept = till.things.pop("t-mug")
    account.poll()
    till.things["t-mug"] = kept
    account.settle_down()
    assert seen(account) == ALL
    assert states(account) == []


def test_what_left_the_shop_as_well_needs_nothing(database: Database) -> None:
    account = account_of(database)
    account.worlds["web"].delete("w-mug")
    account.worlds["till"].delete("t-mug")
    account.settle_down()
    assert account.worlds["web"].withdrawn == []
    assert states(account) == ["done"]
    assert kinds(account) == set()


@pytest.mark.parametrize("family", [False, True])
def test_what_comes_back_later_is_linked_and_told_until_somebody_publishes_it(database: Database, family: bool) -> None:
    account = account_of(database)
    till, web = account.worlds["till"], account.worlds["web"]
    for gone in ("t-S", "t-M", "t-shirt") if family else ("t-mug",):
        till.delete(gone)
    account.settle_down()
    hidden = "w-shirt" if family else "w-mug"
    assert seen(account) == ALL - {hidden}
    if family:
        till.put("t-shirt-2", None, sku=None, name="shirt", stock_mode=StockMode.GROUP, published=True)
        for size in ("S", "M"):
            till.put(f"t-{size}-2", 8, sku=size, name=f"shirt {size}", parent="t-shirt-2", published=True)
    else:
        till.put("t-mug-2", 8, sku="mug", name="mug", published=True)
    account.settle_down()
    assert web.quantity("w-S" if family else "w-mug") == 8
    assert [finding.kind for finding in account.findings()] == ["left_unpublished"]
    assert states(account) == []
    listing = web.things[hidden].listing
    web.put(hidden, listing.quantity, name=listing.name, sku=listing.sku, stock_mode=listing.stock_mode, published=True)
    account.settle_down()
    assert kinds(account) == set()
    till.delete("t-mug-2" if not family else "t-jug")
    account.settle_down()
    assert ("w-jug" if family else "w-mug") not in seen(account), "a second deletion counts like the first"


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
def test_an_approval_lasts_until_what_it_approved_is_done(database: Database, fault: str) -> None:
    account = account_of(database, limits=SafetyLimits(max_zeroed=Limit(0, Quantity(10))))
    account.worlds["till"].delete("t-mug")
    account.settle_down()
    (stop,) = [finding for finding in account.findings() if finding.kind == "safety_stop"]
    with account.db.write() as session:
        close_finding(session, "safety_stop", stop.subject, account.clock(), by=APPROVED)
    account.worlds["web"].withdrawal_faults = [fault]
    for _ in range(4):
        account.clock.advance(5)
        account.poll()
        account.restart()
    account.settle_down()
    assert seen(account) == ALL - {"w-mug"}
    assert kinds(account) == set()


def test_what_was_made_anew_while_an_answer_was_lost_is_told(database: Database) -> None:
    account = account_of(database)
    account.worlds["web"].withdrawal_faults = ["lost_after"]
    account.worlds["till"].delete("t-mug")
    account.poll()
    account.worlds["till"].put("t-mug-2", 9, sku="mug", name="mug", published=True)
    account.settle_down(3)
    assert account.worlds["web"].quantity("w-mug") == 9
    assert kinds(account) == {"left_unpublished"}
    assert states(account) == []


def test_two_shops_are_asked_for_themselves(database: Database) -> None:
    """As long as one of them sells what the till deleted it is told of."""
    account = account_of(database)
    other = account.add_side("other", deletion="ignore")
    other.put("o-mug", 4, sku="mug", name="mug", published=True)
    account.poll()
    account.settle_down()
    account.worlds["till"].delete("t-mug")
    account.settle_down()
    assert seen(account) == ALL - {"w-mug"}
    assert "deleted_on_side" in kinds(account)
    other.delete("o-mug")
    account.settle_down()
    assert "deleted_on_side" not in kinds(account)
