"""Products that a shop has and the till has not: made at the till, once, with the shop's quantity."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.core.fields import DESCRIPTION, GTIN, NAME, PRICE, SKU, Owner
from syncd.core.guard import Limit, SafetyLimits
from syncd.core.model import StockMode
from syncd.service.findings import APPROVED, close_finding
from syncd.state.models import Listing
from syncd.state.product_models import Creation
from tests.support.engine import Account

if TYPE_CHECKING:
    from syncd.state.engine import Database

NO_LIMIT = SafetyLimits(max_created=Limit(100_000, Decimal(100)))


def account_of(
    database: Database, *, offers: bool = True, limits: SafetyLimits = NO_LIMIT, creation: str = "never"
) -> Account:
    account = Account(database)
    till = account.add_side("till", "hub")
    account.add_side(
        "web", offers=offers, limits=limits, creation=creation, owners=dict.fromkeys((NAME, PRICE), Owner.HUB)
    )
    till.put("t-1", 3, sku="OLD", fields={NAME: "Old", PRICE: "1.00", SKU: "OLD"})
    account.worlds["web"].put("w-1", 3, sku="OLD", fields={NAME: "Old", PRICE: "1.00", SKU: "OLD"})
    account.poll()
    account.poll()
    return account


def put_hose(account: Account, quantity: int = 7, *, published: bool = True, sku: str | None = "HOSE") -> None:
    fields = {NAME: "Hose", DESCRIPTION: "Long", SKU: sku or "", GTIN: "", PRICE: "9.90"}
    account.worlds["web"].put("w-hose", quantity, name="Hose", sku=sku, fields=fields, published=published)


def made(account: Account) -> list[str]:
    """What was made at the till, by name."""
    return [thing.listing.name for key, thing in account.worlds["till"].things.items() if key.startswith("till-made-")]


def creations(account: Account) -> list[Creation]:
    with account.db.read() as session:
        return list(session.scalars(select(Creation).order_by(Creation.source_listing_id)))


def till_quantity(account: Account, number: int = 0) -> Decimal:
    return account.worlds["till"].quantity(f"till-made-{number}")


@pytest.mark.parametrize("sku", ["HOSE", None])
def test_it_is_made_once_and_gets_the_shops_quantity(database: Database, sku: str | None) -> None:
    account = account_of(database)
    put_hose(account, sku=sku)
    account.settle_down(3)
    assert made(account) == ["Hose"]
    assert till_quantity(account) == account.worlds["web"].quantity("w-hose") == 7
    account.worlds["web"].sell("w-hose", 2, reference="1")
    account.settle_down()
    account.worlds["till"].sell("till-made-0", 1)
    account.settle_down()
    assert till_quantity(account) == account.worlds["web"].quantity("w-hose") == 4
    assert account.findings() == []
    assert len(account.worlds["till"].made) == 1
    assert account.listing("web", "w-hose").link_rule == "made"
    assert [each.state for each in creations(account)] == ["made"]
    assert not account.worlds["web"].field_writes
    assert not account.worlds["till"].field_writes


def test_a_sale_while_it_is_made_counts_once(database: Database) -> None:
    account = account_of(database)
    put_hose(account)
    account.poll("web")
    account.worlds["web"].sell("w-hose", 3, reference="1")
    account.settle_down(3)
    assert till_quantity(account) == account.worlds["web"].quantity("w-hose") == 4


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", "late", "refused_connection", "rate_limited"])
def test_a_lost_answer_makes_no_second_product(database: Database, fault: str) -> None:
    account = account_of(database)
    account.worlds["till"].creation_faults = [fault]
    put_hose(account)
    account.poll("web")
    account.poll("till")
    account.worlds["web"].sell("w-hose", 1, reference="1")
    account.settle_down(5)
    assert made(account) == ["Hose"]
    assert till_quantity(account) == account.worlds["web"].quantity("w-hose") == 6
    assert account.findings() == []


def test_what_the_till_shows_before_it_was_looked_for_is_not_linked_by_its_code(database: Database) -> None:
    """Its quantity is zero: taken for the till's word, the shop would be sold out."""
    account = account_of(database)
    account.worlds["till"].creation_faults = ["lost_after"]
    put_hose(account)
    account.poll("web")
    account.poll("till")
    for _ in range(3):
        account.clock.advance(5)
        account.poll()
    assert account.worlds["web"].quantity("w-hose") == 7
    account.settle_down(3)
    assert till_quantity(account) == account.worlds["web"].quantity("w-hose") == 7


def test_a_process_that_dies_in_the_middle_makes_it_once(database: Database) -> None:
    account = account_of(database)
    account.worlds["till"].creation_faults = ["dies"]
    put_hose(account)
    account.poll("web")
    with pytest.raises(KeyError):
        account.poll("till")
    account.restart()
    account.settle_down(4)
    assert made(account) == ["Hose"]
    assert till_quantity(account) == account.worlds["web"].quantity("w-hose") == 7


def test_a_draft_waits_until_customers_see_it(database: Database) -> None:
    account = account_of(database)
    put_hose(account, published=False)
    account.settle_down()
    assert made(account) == []
    put_hose(account)
    account.settle_down(3)
    assert made(account) == ["Hose"]


def test_nothing_is_made_unless_the_shop_offers_it(database: Database) -> None:
    account = account_of(database, offers=False)
    put_hose(account)
    account.settle_down(3)
    assert made(account) == []
    assert creations(account) == []


def test_a_code_that_the_till_has_is_not_made_again(database: Database) -> None:
    """Several products of the till share it: which one is meant is for a person to say."""
    account = account_of(database)
    for number in range(2):
        account.worlds["till"].put(f"t-h{number}", 1, sku="HOSE")
    put_hose(account)
    account.settle_down(3)
    assert made(account) == []


def test_a_code_that_the_shop_has_twice_is_not_made(database: Database) -> None:
    account = account_of(database)
    put_hose(account)
    account.worlds["web"].put("w-twin", 2, sku="HOSE", fields={PRICE: "1.00"})
    account.settle_down(3)
    assert made(account) == []


def test_what_nobody_counts_and_what_was_parted_stays_in_the_shop(database: Database) -> None:
    account = account_of(database)
    account.worlds["web"].put("w-u", None, sku="U", stock_mode=StockMode.UNMANAGED)
    with account.db.write() as session:
        row = session.scalars(select(Listing).where(Listing.external_id == "w-1")).one()
        row.item_id, row.link_rule = None, "parted"
    account.worlds["till"].delete("t-1")
    account.settle_down(3)
    assert made(account) == []


def test_what_was_deleted_at_the_till_is_not_made_again(database: Database) -> None:
    account = account_of(database)
    put_hose(account)
    account.settle_down(3)
    account.worlds["till"].delete("till-made-0")
    account.settle_down(3)
    assert made(account) == []
    assert len(account.worlds["till"].made) == 1


def test_variations_are_made_with_their_product(database: Database) -> None:
    account = account_of(database)
    web = account.worlds["web"]
    web.put(
        "w-p", None, sku=None, name="Shirt", stock_mode=StockMode.GROUP, children=("w-s", "w-m"), fields={NAME: "Shirt"}
    )
    for key, quantity in (("w-s", 2), ("w-m", 5)):
        web.put(key, quantity, sku=key.upper(), name=key, parent="w-p", fields={PRICE: "20.00"})
    account.settle_down(3)
    till = account.worlds["till"]
    units = {thing.listing.sku: thing.listing for thing in till.things.values() if thing.listing.ref.parent_external_id}
    assert {sku: listing.quantity for sku, listing in units.items()} == {"W-S": 2, "W-M": 5}
    assert len({listing.ref.parent_external_id for listing in units.values()}) == 1
    assert account.findings() == []


def test_a_refusal_is_told_of_and_tried_again_when_it_changes(database: Database) -> None:
    account = account_of(database)
    account.worlds["till"].refuses = ("Hose",)
    put_hose(account)
    account.settle_down(3)
    (finding,) = [each for each in account.findings() if each.kind == "not_made"]
    assert "the till does not take the new product HOSE" in finding.message
    assert finding.subject == "till web w-hose"
    account.worlds["web"].edit("w-hose", name="Garden hose")
    account.settle_down(3)
    assert made(account) == ["Garden hose"]
    assert [each for each in account.findings() if each.kind == "not_made"] == []


def test_many_at_once_wait_for_a_person(database: Database) -> None:
    account = account_of(database, limits=SafetyLimits(max_created=Limit(2, Decimal(10))))
    for number in range(5):
        account.worlds["web"].put(f"w-n{number}", 1, sku=f"N{number}", fields={NAME: f"N{number}", PRICE: "1.00"})
    account.settle_down(3)
    assert made(account) == []
    (stop,) = [finding for finding in account.findings() if finding.kind == "safety_stop"]
    assert stop.subject == "new products of till from web"
    assert "create_in_inventorum = false" in stop.advice
    with account.db.write() as session:
        close_finding(session, "safety_stop", stop.subject, account.clock(), by=APPROVED)
    account.settle_down(3)
    assert len(made(account)) == 5


def test_both_ways_at_once_make_each_product_once(database: Database) -> None:
    account = account_of(database, creation="all")
    put_hose(account)
    account.worlds["till"].put("t-new", 4, sku="NEW", fields={NAME: "New", PRICE: "2.00", SKU: "NEW", GTIN: ""})
    account.settle_down(4)
    assert made(account) == ["Hose"]
    assert len(account.worlds["web"].made) == 1
    assert till_quantity(account) == 7
    assert account.worlds["web"].quantity("web-made-0") == 4


def test_a_second_shop_gets_it_from_the_till(database: Database) -> None:
    account = account_of(database)
    account.add_side("other", creation="all", limits=NO_LIMIT)
    account.poll()
    account.settle_down(3)
    put_hose(account)
    account.settle_down(5)
    other = [thing.listing for thing in account.worlds["other"].things.values() if thing.listing.name == "Hose"]
    assert [listing.quantity for listing in other] == [7]
    assert made(account) == ["Hose"]
