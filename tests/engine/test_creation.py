"""Products of the till that a shop lacks are made there, once, whatever happens to the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.core.fields import NAME, NO, PRICE, PUBLISHED, SKU, Owner
from syncd.core.guard import Limit, SafetyLimits
from syncd.core.model import Quantity, StockMode
from syncd.service.by_hand import link_by_hand
from syncd.service.creation_plan import try_refused_again
from syncd.state.models import Listing, Side
from syncd.state.product_models import Creation
from tests.support.engine import Account

if TYPE_CHECKING:
    from syncd.state.engine import Database

OWNERS = {NAME: Owner.HUB, PRICE: Owner.HUB}


def account_of(database: Database, **options: object) -> Account:
    """A till and a shop that share one product, ``kept``."""
    account = Account(database)
    till = account.add_side("till", "hub")
    till.put("kept", 4, published=True)
    options = {"creation": "published", "owners": OWNERS, **options}
    account.add_side("web", **options).put("kept", 4)  # type: ignore[arg-type]
    account.poll()
    account.settle_down()
    return account


def put_hose(account: Account, quantity: int = 7, **fields: object) -> None:
    shown = {NAME: "Hose", PRICE: "9.90"}
    given = {"name": "Hose", "sku": "HOSE", "published": True, "fields": shown, **fields}
    account.worlds["till"].put("t-hose", quantity, **given)


def put_shirt(account: Account, *sizes: str) -> None:
    till = account.worlds["till"]
    till.put("t-shirt", None, name="Shirt", sku=None, stock_mode=StockMode.GROUP, published=True)
    for size in sizes:
        till.put(f"t-{size}", 3, name=f"Shirt {size}", sku=f"S-{size}", parent="t-shirt", fields={PRICE: "20.00"})


def holds(account: Account) -> dict[str | None, tuple[object, str | None]]:
    """What the shop really has: quantity and parent, by SKU."""
    things = account.worlds["web"].things.values()
    return {each.listing.sku: (each.listing.quantity, each.listing.ref.parent_external_id) for each in things}


def creations(account: Account) -> list[Creation]:
    with account.db.read() as session:
        return list(session.scalars(select(Creation).order_by(Creation.listing_id)))


def test_a_published_product_is_made_once_and_gets_its_stock(database: Database) -> None:
    account = account_of(database)
    put_hose(account)
    account.poll()
    web = account.worlds["web"]
    (made,) = [each.listing for each in web.things.values() if each.listing.sku == "HOSE"]
    assert made.quantity == 7
    shown = {field: value for field, value in made.fields.items() if value}
    assert (made.name, shown) == ("Hose", {NAME: "Hose", SKU: "HOSE", PRICE: "9.90", PUBLISHED: NO})
    assert not made.published
    account.settle_down()
    web.sell(made.ref.external_id, 2, reference="1")
    account.settle_down()
    assert account.on_hand("hose") == account.worlds["till"].quantity("t-hose") == 5
    assert len(web.made) == 1
    assert not web.field_writes
    assert account.listing("web", made.ref.external_id).link_rule == "made"
    assert not account.findings()


@pytest.mark.parametrize("policy", ["never", "published", "all"])
def test_the_policy_says_what_is_made(database: Database, policy: str) -> None:
    account = account_of(database, creation=policy)
    put_hose(account, published=False)
    account.poll()
    assert ("HOSE" in holds(account)) is (policy == "all")
    put_hose(account, published=True)
    account.settle_down()
    assert ("HOSE" in holds(account)) is (policy != "never")


@pytest.mark.parametrize("fault", ["lost_after", "lost_before", "late", "dies", "refused_connection"])
@pytest.mark.parametrize("initial_stock", ["hub", "shop", "equal_only"])
def test_a_lost_answer_makes_no_second_product_and_counts_nothing(
    database: Database, fault: str, initial_stock: str
) -> None:
    account = account_of(database, initial_stock=initial_stock)
    put_hose(account)
    account.worlds["web"].creation_faults = [fault]
    if fault == "dies":
        account.poll("till")
        with pytest.raises(KeyError):
            account.poll("web")
        account.add_side("web", creation="published", owners=OWNERS, initial_stock=initial_stock)
    account.poll()
    account.poll(kind="full")  # it reads what was made before anybody asks for it by its mark
    account.settle_down(3)
    assert len(account.worlds["web"].made) == 1
    assert holds(account)["HOSE"] == (7, None)
    assert account.on_hand("hose") == 7
    assert [each.state for each in creations(account)] == ["made"]
    assert not account.findings()


def test_a_late_request_is_waited_for_also_after_a_new_start(database: Database) -> None:
    account = account_of(database)
    put_hose(account)
    account.worlds["web"].creation_faults = ["late"]
    account.poll()
    account.add_side("web", creation="published", owners=OWNERS)  # it has forgotten what failed a moment ago
    account.poll()
    account.settle_down(2)
    assert len(account.worlds["web"].made) == 1
    assert holds(account)["HOSE"] == (7, None)


def test_what_a_shop_refuses_is_told_and_tried_again_when_it_changes(database: Database) -> None:
    account = account_of(database)
    account.worlds["web"].refuses = ("Hose",)
    put_hose(account)
    account.settle_down()
    (finding,) = account.findings()
    assert finding.kind == "not_made"
    assert "HOSE" in finding.message
    assert "HOSE" not in holds(account)
    put_hose(account, name="Garden hose", fields={NAME: "Garden hose", PRICE: "9.90"})
    account.settle_down()
    assert holds(account)["HOSE"] == (7, None)
    assert not account.findings()


def test_what_was_refused_is_tried_again_at_a_start_and_forgotten_once_it_is_gone(database: Database) -> None:
    account = account_of(database)
    web = account.worlds["web"]
    web.refuses = ("Hose",)
    put_hose(account)
    account.settle_down()
    side = account.workers["web"].side.id
    for taken in (False, True):
        with database.write() as session:
            try_refused_again(session, side)
        if taken:
            account.worlds["till"].delete("t-hose")
        account.settle_down()
        assert [each.kind for each in account.findings()] == ([] if taken else ["not_made"])


def test_one_refused_product_holds_up_no_other(database: Database) -> None:
    account = account_of(database)
    account.worlds["web"].refuses = ("Hose",)
    put_hose(account)
    account.worlds["till"].put("t-rake", 2, sku="RAKE", published=True)
    account.settle_down()
    assert holds(account)["RAKE"] == (2, None)


def test_variations_are_made_under_one_product_and_later_ones_join_them(database: Database) -> None:
    account = account_of(database)
    put_shirt(account, "M", "L")
    account.settle_down()
    quantity, parent = holds(account)["S-M"]
    assert quantity == 3
    assert parent is not None
    assert holds(account)["S-L"] == (3, parent)
    account.worlds["till"].put("t-XL", 1, name="Shirt XL", sku="S-XL", parent="t-shirt", fields={PRICE: "20.00"})
    account.settle_down()
    assert holds(account)["S-XL"] == (1, parent)
    assert len(account.worlds["web"].made) == 4


@pytest.mark.parametrize("fault", ["half", "lost_after"])
def test_variations_whose_answer_was_lost_are_made_once(database: Database, fault: str) -> None:
    account = account_of(database)
    account.worlds["web"].creation_faults = [fault]
    put_shirt(account, "M", "L", "XL")
    account.poll()
    account.settle_down(3)
    assert len(account.worlds["web"].made) == 4
    assert [holds(account)[f"S-{size}"][0] for size in ("M", "L", "XL")] == [3, 3, 3]
    assert len({parent for _, parent in holds(account).values()} - {None}) == 1
    assert not account.findings()


def test_what_a_person_deletes_in_the_shop_is_not_made_again(database: Database) -> None:
    account = account_of(database)
    put_hose(account)
    account.settle_down()
    web = account.worlds["web"]
    web.delete(next(key for key, each in web.things.items() if each.listing.sku == "HOSE"))
    account.settle_down()
    put_hose(account, name="Hose, 10 m")
    account.settle_down()
    account.poll(kind="full")
    assert "HOSE" not in holds(account)


def test_what_was_deleted_in_the_shop_is_not_made_when_it_is_published_later(database: Database) -> None:
    account = account_of(database)
    put_hose(account, published=False)
    account.settle_down()
    web = account.worlds["web"]
    web.put("by-hand", 7, sku="HOSE")
    account.settle_down()
    web.delete("by-hand")
    account.settle_down()
    put_hose(account, published=True)
    account.settle_down()
    assert not web.made


@pytest.mark.parametrize(("price", "shown"), [("9.90", True), ("0.00", False)])
def test_what_has_no_price_is_a_draft_always(database: Database, price: str, shown: bool) -> None:
    account = account_of(database)
    account.workers["web"].side.publish = True
    put_hose(account, fields={NAME: "Hose", PRICE: price})
    account.settle_down()
    (made,) = [each.listing for each in account.worlds["web"].things.values() if each.listing.sku == "HOSE"]
    assert made.published is shown


def test_a_code_that_the_shop_has_already_is_not_made_again(database: Database) -> None:
    """Two of its products share it, so neither is linked by itself."""
    account = account_of(database)
    web = account.worlds["web"]
    web.put("one", 1, sku="HOSE")
    web.put("two", 1, sku="HOSE")
    put_hose(account)
    account.settle_down()
    assert not web.made


def test_what_a_person_links_right_before_it_is_made_is_not_made(database: Database) -> None:
    account = account_of(database)
    web = account.worlds["web"]
    web.put("by-hand", 7, sku="OTHER")
    put_hose(account)
    account.poll("till")
    side = account.workers["web"].side
    till = account.workers["till"].side.adapter
    read = till.read_product

    def read_late(product_id: str) -> object:
        till.read_product = read  # type: ignore[method-assign]  # as before
        link_by_hand(side, account.workers["till"].side, "OTHER", "HOSE")
        return read(product_id)

    till.read_product = read_late  # type: ignore[method-assign, assignment]  # it returns what the other returns
    account.settle_down()
    assert not web.made
    assert account.listing("web", "by-hand").link_rule == "manual"


def test_what_a_person_links_while_a_product_is_in_doubt_stays_linked(database: Database) -> None:
    account = account_of(database)
    web = account.worlds["web"]
    web.put("by-hand", 7, sku="OTHER")
    account.poll()
    put_hose(account)
    web.creation_faults = ["lost_after"]
    account.poll()
    link_by_hand(account.workers["web"].side, account.workers["till"].side, "OTHER", "HOSE")
    account.settle_down(3)
    assert len(web.made) == 1
    assert account.listing("web", "by-hand").link_rule == "manual"
    assert [each.kind for each in account.findings()] == ["unlinked"], "there are two now, and one is nobody's"


def test_nothing_is_made_in_a_shop_that_lists_nothing_any_more(database: Database) -> None:
    account = account_of(database)
    web = account.worlds["web"]
    web.things.clear()
    account.poll("web", kind="full")
    put_hose(account)
    account.poll()
    assert not web.made


def test_many_new_products_wait_for_a_person(database: Database) -> None:
    account = account_of(database, limits=SafetyLimits(max_created=Limit(2, Quantity(10))))
    for number in range(4):
        account.worlds["till"].put(f"t{number}", 1, sku=f"N{number}", published=True)
    account.settle_down()
    (finding,) = account.findings()
    assert finding.kind == "safety_stop"
    assert "4 products would be made" in finding.message
    assert len(holds(account)) == 1
    with account.db.write() as session:
        row = session.get_one(type(finding), finding.id)
        row.closed_at, row.closed_by = account.clock(), "approval"
    account.settle_down()
    assert len(holds(account)) == 5
    assert not account.findings()


def test_while_a_product_is_in_doubt_its_stock_and_others_go_on(database: Database) -> None:
    account = account_of(database)
    put_hose(account)
    account.worlds["web"].creation_faults = ["lost_after"]
    account.poll()
    account.worlds["till"].sell("kept", 1)
    account.poll()
    assert holds(account)["kept"] == (3, None)
    (finding,) = account.findings()
    assert finding.kind == "products_not_made"
    account.settle_down(2)
    assert not account.findings()


def test_a_policy_that_changes_considers_every_product_anew(database: Database) -> None:
    account = account_of(database, creation="never")
    put_hose(account)
    account.settle_down()
    assert "HOSE" not in holds(account)
    account.add_side("web", creation="all", owners=OWNERS)
    account.settle_down()
    assert holds(account)["HOSE"] == (7, None)


def test_listings_made_are_rows_like_others(database: Database) -> None:
    account = account_of(database)
    put_shirt(account, "M")
    account.settle_down()
    with account.db.read() as session:
        query = select(Listing.stock_mode).join(Side).where(Side.name == "web", Listing.name.like("Shirt%"))
        assert sorted(session.scalars(query)) == ["group", "own"]
