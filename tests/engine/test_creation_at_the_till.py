"""Products of a shop that the till lacks are made there, once, and what the shop holds of them counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.core.fields import BRAND, CATEGORIES, DESCRIPTION, NAME, PRICE, Owner
from syncd.core.guard import Limit, SafetyLimits
from syncd.core.model import Quantity, StockMode, Unknown
from syncd.service.by_hand import link_by_hand
from syncd.service.creation_plan import try_refused_again
from syncd.service.till_plan import offer_at_start
from syncd.state.product_models import Creation, FieldPair
from tests.support.engine import Account

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.core.products import Made, MakeResult, NewProduct
    from syncd.state.engine import Database

BOTH_DATABASES = (
    "made_once_with_the_stock_of_the_shop",
    "makes_no_second_product",
    "made_under_one_product",
    "waits_for_a_person",
    "deletes_at_the_till",
)
"""Tests with queries of their own kind run on PostgreSQL, too; the others differ in what happens on the sides."""

OWNERS = {NAME: Owner.HUB, DESCRIPTION: Owner.HUB, PRICE: Owner.HUB}
TEXT = "<p>Soft</p>"


@pytest.fixture(autouse=True)
def _not_everything_twice(request: pytest.FixtureRequest) -> None:
    if "postgresql" in request.node.callspec.id and not any(name in request.node.name for name in BOTH_DATABASES):
        pytest.skip("runs on SQLite alone, for time")


def account_of(database: Database, **options: object) -> Account:
    """A till and a shop that share one product, ``kept``."""
    account = Account(database)
    account.add_side("till", "hub").put("kept", 4)
    start(account, "web", **options)
    account.worlds["web"].put("kept", 4)
    account.poll()
    account.settle_down()
    return account


def start(account: Account, name: str = "web", **options: object) -> None:
    """The daemon starts (again)."""
    given = {"offers": True, "owners": OWNERS, **options}
    account.add_side(name, **given)  # type: ignore[arg-type]
    shop, hub = account.workers[name].side, account.workers["till"].side
    with account.db.write() as session:
        try_refused_again(session, hub.id)
        if shop.offers:
            offer_at_start(session, hub.id, shop)


def put_mug(account: Account, quantity: int = 7, shop: str = "web", **fields: object) -> None:
    shown = {NAME: "Mug", DESCRIPTION: TEXT, PRICE: "9.90"}
    given = {"name": "Mug", "sku": "MUG", "fields": shown, **fields}
    account.worlds[shop].put("w-mug", quantity, **given)


def put_shirt(account: Account, *sizes: str, published: bool = True) -> None:
    web = account.worlds["web"]
    words = {NAME: "Shirt", DESCRIPTION: TEXT}
    web.put("w-shirt", None, name="Shirt", sku=None, stock_mode=StockMode.GROUP, published=published, fields=words)
    for size in sizes:
        web.put(f"w-{size}", 3, name=f"Shirt {size}", sku=f"S-{size}", parent="w-shirt", fields={PRICE: "20.00"})


def holds(account: Account, side: str = "till") -> dict[str | None, tuple[object, str | None]]:
    """What a side really has: quantity and parent, by SKU or name."""
    things = account.worlds[side].things.values()
    return {
        each.listing.sku or each.listing.name: (each.listing.quantity, each.listing.ref.parent_external_id)
        for each in things
    }


def made_id(account: Account, name: str = "MUG", side: str = "till") -> str:
    (found,) = [
        key for key, each in account.worlds[side].things.items() if name in (each.listing.sku, each.listing.name)
    ]
    return found


def states(account: Account) -> list[str]:
    with account.db.read() as session:
        return list(session.scalars(select(Creation.state).order_by(Creation.side_id, Creation.listing_id)))


def test_a_published_product_is_made_once_with_the_stock_of_the_shop(database: Database) -> None:
    account = account_of(database)
    put_mug(account)
    account.settle_down()
    till, web = account.worlds["till"], account.worlds["web"]
    made = till.things[made_id(account)].listing
    assert (made.quantity, made.published, made.fields[PRICE]) == (Quantity(7), True, "9.90")
    assert account.on_hand("mug") == web.quantity("w-mug") == 7
    web.sell("w-mug", 2, reference="1")
    till.sell(made.ref.external_id, 1)
    account.settle_down()
    assert account.on_hand("mug") == web.quantity("w-mug") == till.quantity(made.ref.external_id) == 4
    account.poll(kind="full")
    assert len(till.made) == 1
    assert not [*till.field_writes, *web.field_writes]
    assert account.listing("web", "w-mug").link_rule == "made"
    assert not account.findings()


def test_brand_and_categories_come_after_the_product_whoever_owns_them_then(database: Database) -> None:
    account = account_of(database, owners={**OWNERS, BRAND: Owner.HUB, CATEGORIES: Owner.HUB})
    more = {BRAND: "Acme", CATEGORIES: "Cups"}
    put_mug(account, fields={NAME: "Mug", PRICE: "9.90", **more})
    put_shirt(account, "M")
    till, web = account.worlds["till"], account.worlds["web"]
    web.edit("w-shirt", **more)
    till.put("bare", 1, fields={BRAND: ""})
    web.put("bare", 1, fields={BRAND: "Own"})
    account.settle_down(3)
    for name in ("MUG", "Shirt"):
        made = till.things[made_id(account, name)].listing
        assert {field: made.fields[field] for field in more} == more
    # A brand that only the shop has of what was at the till before stays where it is.
    assert till.things["bare"].listing.fields[BRAND] == ""
    assert not web.field_writes
    till.edit(made_id(account), **{BRAND: ""})
    account.settle_down()
    assert web.things["w-mug"].listing.fields[BRAND] == "", "from then on the owner's word counts"
    assert not account.findings()


def test_what_a_shop_does_not_offer_is_not_made(database: Database) -> None:
    account = account_of(database, offers=False)
    put_mug(account)
    account.settle_down()
    assert not account.worlds["till"].made
    assert [each.kind for each in account.findings()] == ["unlinked"]
    start(account)  # with another configuration
    account.settle_down()
    assert account.on_hand("mug") == 7
    assert not account.findings()


def test_a_draft_waits_until_customers_see_it(database: Database) -> None:
    account = account_of(database)
    put_mug(account, published=False)
    put_shirt(account, "M", published=False)
    account.settle_down()
    assert not account.worlds["till"].made
    put_mug(account)
    put_shirt(account, "M")
    account.settle_down()
    assert holds(account)["MUG"] == (7, None)
    assert holds(account)["S-M"][0] == 3


def test_a_variation_that_is_switched_off_is_not_made_with_its_product(database: Database) -> None:
    """As a draft is not; one that customers see later joins its product, if the till can take it."""
    account = account_of(database)
    put_shirt(account, "M", "L")
    web = account.worlds["web"]
    web.put("w-L", 3, name="Shirt L", sku="S-L", parent="w-shirt", fields={PRICE: "20.00"}, published=False)
    account.settle_down()
    assert "S-M" in holds(account)
    assert "S-L" not in holds(account)
    assert [each.kind for each in account.findings()] == ["unlinked"], "as a draft is told of"
    web.put("w-M", 3, name="Shirt M", sku="S-M", parent="w-shirt", fields={PRICE: "20.00"}, published=False)
    account.settle_down()
    assert holds(account)["S-M"][0] == 3, "one that is switched off later stays"
    web.put("w-L", 3, name="Shirt L", sku="S-L", parent="w-shirt", fields={PRICE: "20.00"})
    account.settle_down()
    assert holds(account)["S-L"] == (3, holds(account)["S-M"][1])


def test_a_product_whose_variations_are_all_switched_off_is_not_made(database: Database) -> None:
    account = account_of(database)
    put_shirt(account)
    account.worlds["web"].put("w-M", 3, name="Shirt M", sku="S-M", parent="w-shirt", published=False)
    account.settle_down()
    assert not account.worlds["till"].made
    account.worlds["web"].put("w-M", 3, name="Shirt M", sku="S-M", parent="w-shirt")
    account.settle_down()
    assert holds(account)["S-M"][0] == 3


@pytest.mark.parametrize("mode", [StockMode.UNMANAGED, StockMode.PARENT])
def test_what_the_shop_does_not_count_waits_until_it_does(database: Database, mode: StockMode) -> None:
    account = account_of(database)
    account.worlds["web"].put("w-mug", None, name="Mug", sku="MUG", stock_mode=mode)
    account.settle_down()
    assert not account.worlds["till"].made
    put_mug(account)
    account.settle_down()
    assert account.on_hand("mug") == 7


@pytest.mark.parametrize(
    ("fault", "initial_stock", "code"),
    [
        *((fault, "hub", "MUG") for fault in ("lost_after", "lost_before", "late", "dies", "refused_connection")),
        *(("lost_after", policy, "MUG") for policy in ("shop", "equal_only")),
        *((fault, "hub", None) for fault in ("lost_after", "lost_before")),
    ],
)
def test_a_lost_answer_makes_no_second_product_and_each_unit_counts_once(
    database: Database, fault: str, initial_stock: str, code: str | None
) -> None:
    options = {"initial_stock": initial_stock, "creation": "all"}
    account = account_of(database, **options)
    put_mug(account, sku=code)
    account.worlds["till"].creation_faults = [fault]
    if fault == "dies":
        account.poll("web")
        with pytest.raises(KeyError):
            account.poll("till")
        account.restart()
        start(account, **options)
    account.poll()
    account.poll(kind="full")  # both sides read what was made before anybody looks for it
    account.worlds["web"].sell("w-mug", 1, reference="1")
    account.poll()
    if fault in ("lost_after", "dies"):
        account.worlds["till"].sell(made_id(account, code or "Mug"), 1)
    account.settle_down(4)
    sold = 2 if fault in ("lost_after", "dies") else 1
    till, web = account.worlds["till"], account.worlds["web"]
    assert len(till.made) == 1
    assert not web.made
    assert till.quantity(made_id(account, code or "Mug")) == web.quantity("w-mug") == 7 - sold
    assert not account.findings()


def test_what_the_till_refuses_is_told_and_tried_again_when_it_changes(database: Database) -> None:
    account = account_of(database)
    account.worlds["till"].refuses = ("Mug",)
    put_mug(account)
    account.settle_down()
    (finding,) = account.findings()
    assert finding.kind == "not_made"
    assert finding.message == "till does not take the new product MUG of web: not_taken: a value cannot be stored"
    put_mug(account, name="Cup", fields={NAME: "Cup", PRICE: "9.90"})
    account.settle_down()
    assert account.on_hand("mug") == 7
    assert not account.findings()


@pytest.mark.parametrize("how", ["made_by_hand", "gone"])
def test_what_was_refused_is_forgotten_once_it_is_there_or_gone(database: Database, how: str) -> None:
    account = account_of(database)
    account.worlds["till"].refuses = ("Mug",)
    put_mug(account)
    account.settle_down()
    if how == "gone":
        account.worlds["web"].delete("w-mug")
    else:
        account.worlds["till"].put("by-hand", 7, sku="MUG")
    account.settle_down()
    assert not account.findings()
    assert len(account.worlds["till"].made) == 0


def test_variations_are_made_under_one_product_and_their_words_are_agreed(database: Database) -> None:
    account = account_of(database)
    put_shirt(account, "M", "L")
    account.worlds["till"].spell = lambda value: value.replace("<p>", "").replace("</p>", "")
    account.settle_down()
    quantity, parent = holds(account)["S-M"]
    assert quantity == 3
    assert parent is not None
    assert holds(account)["S-L"] == (3, parent)
    account.settle_down()
    assert account.worlds["web"].things["w-shirt"].listing.fields[DESCRIPTION] == TEXT
    assert not [*account.worlds["till"].field_writes, *account.worlds["web"].field_writes]
    with account.db.read() as session:
        pairs = {(row.field, row.agreed_hub, row.agreed_shop) for row in session.scalars(select(FieldPair))}
    assert (DESCRIPTION, "Soft", TEXT) in pairs


@pytest.mark.parametrize("fault", ["half", "lost_after"])
def test_variations_whose_answer_was_lost_are_made_once(database: Database, fault: str) -> None:
    account = account_of(database)
    account.worlds["till"].creation_faults = [fault]
    put_shirt(account, "M", "L", "XL")
    account.settle_down(5)
    assert len(account.worlds["till"].made) == 4
    assert [account.on_hand(f"s-{size}") for size in ("m", "l", "xl")] == [3, 3, 3]
    assert not account.findings()


def test_a_product_whose_variations_are_not_all_ready_waits_whole(database: Database) -> None:
    """What is made without one of them could not be completed."""
    account = account_of(database)
    account.worlds["web"].put("other", 1, sku="S-L")
    put_shirt(account, "M", "L")
    account.settle_down()
    assert not account.worlds["till"].made
    account.worlds["web"].delete("other")
    account.settle_down(3)
    assert {"S-M", "S-L"} <= holds(account).keys()


@pytest.mark.parametrize("code", ["MUG", None])
def test_what_a_person_deletes_at_the_till_is_not_made_again(database: Database, code: str | None) -> None:
    account = account_of(database)
    put_mug(account, sku=code)
    account.settle_down()
    account.worlds["till"].delete(made_id(account, code or "Mug"))
    account.settle_down()
    put_mug(account, sku=code, name="Cup", fields={NAME: "Cup", PRICE: "9.90"})
    account.settle_down()
    account.poll(kind="full")
    start(account)
    account.settle_down()
    assert len(account.worlds["till"].made) == 1


def test_what_the_till_had_and_deleted_before_is_not_made(database: Database) -> None:
    account = account_of(database)
    account.worlds["till"].put("t-mug", 7, sku="MUG")
    account.worlds["till"].put("t-s", 7, sku="S-M")
    put_mug(account)
    account.settle_down()
    account.worlds["till"].delete("t-mug")
    account.worlds["till"].delete("t-s")
    account.settle_down()
    start(account)
    put_shirt(account, "M", "L")
    account.settle_down()
    assert not account.worlds["till"].made


@pytest.mark.parametrize("where", ["till", "web"])
def test_a_code_that_several_have_is_not_made(database: Database, where: str) -> None:
    account = account_of(database)
    put_mug(account)
    account.worlds[where].put("one", 1, sku="MUG")
    account.worlds[where].put("two", 1, sku="MUG")
    account.settle_down()
    assert not account.worlds["till"].made
    assert [each.kind for each in account.findings()] == ["unlinked"]


def test_what_a_person_parted_is_not_made(database: Database) -> None:
    account = account_of(database)
    put_mug(account)
    account.worlds["till"].put("t-mug", 7, sku="OTHER")
    account.poll("till")
    account.poll("web")
    link_by_hand(account.workers["web"].side, account.workers["till"].side, "MUG", "OTHER")
    account.settle_down()
    assert not account.worlds["till"].made
    assert account.listing("web", "w-mug").link_rule == "manual"


def test_many_new_products_wait_for_a_person(database: Database) -> None:
    account = account_of(database, limits=SafetyLimits(max_created=Limit(2, Quantity(10))))
    for number in range(4):
        account.worlds["web"].put(f"w{number}", 1, sku=f"N{number}")
    account.settle_down()
    (finding,) = account.findings()
    assert finding.kind == "safety_stop"
    assert "web: 4 products would be made at the till beside 1 linked ones" in finding.message
    assert f"syncd approve {finding.id}" in finding.advice
    assert len(holds(account)) == 1
    with account.db.write() as session:
        row = session.get_one(type(finding), finding.id)
        row.closed_at, row.closed_by = account.clock(), "approval"
    account.settle_down()
    assert len(holds(account)) == 5
    assert not account.findings()


def test_a_stop_closes_when_nothing_is_offered_any_more(database: Database) -> None:
    account = account_of(database, limits=SafetyLimits(max_created=Limit(0, Quantity(0))))
    put_mug(account)
    account.settle_down()
    assert [each.kind for each in account.findings()] == ["safety_stop"]
    start(account, offers=False)
    account.settle_down()
    assert not [each for each in account.findings() if each.kind == "safety_stop"]


def test_a_crash_right_before_the_call_loses_nothing(database: Database) -> None:
    account = account_of(database)
    put_mug(account)
    account.poll("web")
    adapter = account.workers["till"].side.adapter
    create = adapter.create_product

    def die(new: NewProduct) -> MakeResult:
        raise KeyError(new.mark)

    adapter.create_product = die  # type: ignore[method-assign]
    with pytest.raises(KeyError):
        account.poll("till")
    adapter.create_product = create  # type: ignore[method-assign]
    account.restart()
    start(account)
    account.poll()
    assert not account.worlds["till"].made, "it may be under way"
    account.settle_down()
    assert len(account.worlds["till"].made) == 1
    assert account.on_hand("mug") == 7


def test_what_was_made_without_an_answer_is_found_under_the_name_it_was_sent_with(database: Database) -> None:
    account = account_of(database)
    put_mug(account, sku=None)
    account.worlds["till"].creation_faults = ["lost_after"]
    account.poll("web")
    account.poll("till")
    put_mug(account, sku=None, name="Cup", fields={NAME: "Cup", DESCRIPTION: TEXT, PRICE: "9.90"})
    account.poll("web")
    looked_for: list[NewProduct] = []
    adapter = account.workers["till"].side.adapter
    find = adapter.find_product

    def look(new: NewProduct, since: datetime) -> Made | Unknown | None:
        looked_for.append(new)
        return find(new, since)

    adapter.find_product = look  # type: ignore[method-assign]
    account.settle_down(3)
    (new,) = looked_for
    assert (new.product.name, new.product.units[0].price) == ("Mug", "9.90")
    assert "kept" in new.known
    assert account.on_hand("kept") == 4


def test_what_one_shop_brings_to_the_till_another_one_gets(database: Database) -> None:
    account = account_of(database)
    start(account, "second", creation="published")
    account.worlds["second"].put("kept", 4)
    account.poll()
    put_mug(account)
    account.settle_down(4)
    assert holds(account, "second")["MUG"] == (7, None)
    assert len(account.worlds["till"].made) == len(account.worlds["second"].made) == 1
    account.worlds["second"].sell(made_id(account, side="second"), 3, reference="1")
    account.settle_down()
    assert account.worlds["web"].quantity("w-mug") == account.on_hand("mug") == 4
    assert not account.findings()


def test_the_same_product_of_two_shops_is_made_once(database: Database) -> None:
    account = account_of(database)
    start(account, "second", initial_stock="shop")
    account.worlds["second"].put("kept", 4)
    account.poll()
    put_mug(account)
    put_mug(account, 5, shop="second")
    account.settle_down(4)
    assert len(account.worlds["till"].made) == 1
    quantities = {account.worlds[shop].quantity("w-mug") for shop in ("web", "second")}
    assert quantities == {account.on_hand("mug")}
    assert not account.findings()


def test_what_cannot_be_told_from_what_others_made_waits_for_a_person(database: Database) -> None:
    account = account_of(database)
    put_mug(account, sku=None)
    till = account.worlds["till"]
    till.creation_faults = ["lost_after"]
    adapter = account.workers["till"].side.adapter
    find = adapter.find_product

    def look(new: NewProduct, since: datetime) -> Made | Unknown | None:
        return Unknown("two are there that look like it") if new.product.name == "Mug" else find(new, since)

    adapter.find_product = look  # type: ignore[method-assign]
    account.settle_down(3)
    (finding,) = [each for each in account.findings() if each.kind == "not_made"]
    assert "it is not known whether till has made Mug of web: two are there that look like it" in finding.message
    account.worlds["web"].put("w-rake", 2, sku="RAKE")
    account.settle_down(3)
    assert holds(account)["RAKE"] == (2, None)
    assert len(till.made) == 2
    link_by_hand(account.workers["web"].side, account.workers["till"].side, "w-mug", made_id(account, "Mug"))
    account.settle_down(2)
    assert not [each for each in account.findings() if each.kind == "not_made"]
    assert len(till.made) == 2


def test_what_a_shop_was_given_without_an_answer_is_not_brought_back(database: Database) -> None:
    account = account_of(database, creation="all")
    account.workers["web"].side.publish = True
    account.worlds["till"].put("t-hose", 7, name="Hose", sku=None, fields={NAME: "Hose", PRICE: "9.90"})
    account.worlds["web"].creation_faults = ["lost_after"]
    account.poll()
    account.poll(kind="full")
    account.settle_down(3)
    assert len(account.worlds["web"].made) == 1
    assert not account.worlds["till"].made
    assert not account.findings()
