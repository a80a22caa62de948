"""A till and a Shopify shop through the whole engine: each unit is counted once, and products cross whole."""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncd.config import load_config
from syncd.core.fields import says_the_same
from syncd.errors import ConfigError
from syncd.service.account import open_account
from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.pictures import drawn
from syncd.simulators.server import Fault
from syncd.state.models import Operation
from tests.conformance.drivers_shopify import WRITE
from tests.crossing.goods import GOODS, Good
from tests.crossing.pair_shopify import PairShopify, open_pair_shopify

if TYPE_CHECKING:
    from syncd.state.engine import Database

CATALOGUE = make_catalogue(6, 2, seed=3)
UNIT, OTHER, VARIANT = CATALOGUE[0].sku, CATALOGUE[1].sku, CATALOGUE[-1].variations[0].sku
ALL = """
[shops.main.products]
create_in_shop = "all"
"""


def _opening(pair: PairShopify) -> dict[str, int]:
    pair.sync()
    till, shop = pair.stock()
    assert till == shop
    return till


def _is_quiet(pair: PairShopify) -> bool:
    """Whether two more passes write nothing."""
    began = len(pair.shop_server.log)
    pair.sync(2)
    return pair.shop_writes(began) == []


def test_sales_on_both_sides_are_counted_once(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair_shopify(sqlite_database, tmp_path, catalogue=CATALOGUE) as pair:
        before = _opening(pair)
        pair.till.sale(UNIT, Decimal(1))
        pair.till.sale(VARIANT, Decimal(1))
        pair.shop.people.order([{"sku": UNIT, "quantity": 2}, {"sku": OTHER, "quantity": 1}])
        cancelled = pair.shop.people.order([{"sku": VARIANT, "quantity": 1}])["order"]
        pair.sync(1)
        pair.shop.people.cancel_order(cancelled)
        pair.sync()
        after = before | {UNIT: before[UNIT] - 3, OTHER: before[OTHER] - 1, VARIANT: before[VARIANT] - 1}
        assert pair.stock() == (after, after)
        assert pair.findings() == []
        assert _is_quiet(pair)


@pytest.mark.parametrize("quantity", ["available", "on_hand"])
def test_refunds_count_by_what_they_put_back(sqlite_database: Database, tmp_path: Path, quantity: str) -> None:
    """Restocked or not, before the goods left (they were committed) and afterwards."""
    with open_pair_shopify(sqlite_database, tmp_path, catalogue=CATALOGUE, keys=f'quantity = "{quantity}"') as pair:
        before, people = _opening(pair), pair.shop.people
        sent = people.order([{"sku": UNIT, "quantity": 3}, {"sku": OTHER, "quantity": 3}])["order"]
        people.fulfil(sent)
        kept = people.order([{"sku": VARIANT, "quantity": 2}])["order"]
        pair.sync(1)
        people.refund(sent, UNIT, 2)
        people.refund(sent, OTHER, 2, restock=False)
        people.refund(kept, VARIANT, 1)
        people.fulfil(kept)
        pair.sync()
        after = before | {UNIT: before[UNIT] - 1, OTHER: before[OTHER] - 3, VARIANT: before[VARIANT] - 1}
        assert pair.stock()[0] == after
        assert people.stock(quantity) == after | (
            {VARIANT: people.stock(quantity)[VARIANT]} if quantity == "on_hand" else {}
        )
        assert pair.findings() == []
        assert _is_quiet(pair)


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", "truncated", "error_500_after"])
def test_a_lost_answer_is_settled_and_never_doubled(sqlite_database: Database, tmp_path: Path, fault: str) -> None:
    with open_pair_shopify(sqlite_database, tmp_path, catalogue=CATALOGUE) as pair:
        before = _opening(pair)
        pair.till.sale(UNIT, Decimal(4))
        pair.shop_server.add_fault(Fault(fault, path=WRITE))
        pair.clock.seconds += 61
        pair.poll()
        pair.shop.people.order([{"sku": UNIT, "quantity": 1}])
        for _ in range(3):
            pair.clock.seconds += 61
            pair.poll()
        after = before | {UNIT: before[UNIT] - 5}
        assert pair.stock() == (after, after)
        assert pair.findings() == []


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
def test_an_order_that_lies_there_still_explains_nothing(sqlite_database: Database, tmp_path: Path, fault: str) -> None:
    """What is on hand goes down when the goods leave, not with the order; the key may be forgotten by then."""
    with open_pair_shopify(sqlite_database, tmp_path, catalogue=CATALOGUE, keys='quantity = "on_hand"') as pair:
        before = _opening(pair)
        pair.till.sale(UNIT, Decimal(2))
        pair.shop_server.add_fault(Fault(fault, path=WRITE))
        pair.clock.seconds += 61
        pair.poll()
        order = pair.shop.people.order([{"sku": UNIT, "quantity": 2}])["order"]
        pair.clock.seconds += 4000
        for _ in range(4):
            pair.poll()
            pair.clock.seconds += 61
        assert pair.shop.people.stock("on_hand")[UNIT] == before[UNIT] - 2
        pair.shop.people.fulfil(order)
        pair.sync()
        assert pair.shop.people.stock("on_hand")[UNIT] == pair.stock()[0][UNIT] == before[UNIT] - 4
        assert pair.findings() == []


@pytest.mark.parametrize("arrived", [True, False])
def test_a_second_try_with_other_parameters_proves_nothing_and_doubles_nothing(
    sqlite_database: Database, tmp_path: Path, arrived: bool
) -> None:
    """The variant has another inventory item by then: the shop knows the key, or adds the difference now."""
    with open_pair_shopify(sqlite_database, tmp_path, catalogue=CATALOGUE) as pair:
        before = _opening(pair)
        pair.till.sale(UNIT, Decimal(4))
        pair.shop_server.add_fault(Fault("lost_after" if arrived else "lost_before", path=WRITE))
        pair.clock.seconds += 61
        pair.poll()
        pair.shop.shop.with_sku(UNIT).item_id = pair.shop.shop.take_id()
        for _ in range(8):
            pair.clock.seconds += 61
            pair.poll()
        after = before | {UNIT: before[UNIT] - 4}
        assert pair.stock() == (after, after)
        assert pair.findings() == []
        with pair.account.db.read() as session:
            lost = session.query(Operation).filter(Operation.settled_by.is_not(None)).one()
            assert (lost.state, lost.settled_by) == ("confirmed", "read_back" if arrived else "marker")


def test_deletions_are_known_by_the_shops_history(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair_shopify(sqlite_database, tmp_path, catalogue=CATALOGUE) as pair:
        _opening(pair)
        pair.shop.people.delete(UNIT)
        pair.shop.people.delete(VARIANT)
        pair.sync(1)
        told = [message for _, message in pair.findings()]
        assert len([message for message in told if UNIT in message or VARIANT in message]) == 2
        pair.till.sale(UNIT, Decimal(1))
        pair.sync(2)


def test_stock_of_several_locations_is_added_and_one_is_written(sqlite_database: Database, tmp_path: Path) -> None:
    """What is elsewhere and does not count moves nothing."""
    with open_pair_shopify(
        sqlite_database, tmp_path, keys='location = "Shop location"\nalso_count = ["Store"]'
    ) as pair:
        people = pair.shop.people
        store, far = people.add_location("Store")["location"], people.add_location("Far")["location"]
        main = pair.shop.shop.main.id
        for number, sku in enumerate((UNIT, OTHER)):
            pair.till.create_product(sku, f"Mug {number}", 10, "9.90")
            people.create_product(sku, f"Mug {number}", 6, "9.90")
            people.set_stock(sku, 4, location=store)
            people.set_stock(sku, 50, location=far)
        pair.sync()
        assert pair.stock()[0] == {UNIT: 10, OTHER: 10}
        pair.till.sale(UNIT, Decimal(3))
        people.set_stock(OTHER, 1, location=store)
        people.set_stock(OTHER, 70, location=far)
        pair.sync()
        assert pair.stock()[0] == {UNIT: 7, OTHER: 7}
        assert [people.stock(locations=[at])[UNIT] for at in (main, store, far)] == [3, 4, 50]
        assert [people.stock(locations=[at])[OTHER] for at in (main, store, far)] == [6, 1, 70]
        pair.till.receive(OTHER, Decimal(5))
        pair.sync()
        assert [people.stock(locations=[at])[OTHER] for at in (main, store, far)] == [11, 1, 70]
        assert pair.findings() == []
        assert _is_quiet(pair)


MANAGE = """
[shops.main.stock]
manage_unmanaged = true
"""


@pytest.mark.parametrize("quantity", ["available", "on_hand"])
@pytest.mark.parametrize("tracked", [True, False])
def test_an_item_that_is_not_stocked_at_the_location_is_activated(
    sqlite_database: Database, tmp_path: Path, tracked: bool, quantity: str
) -> None:
    """Only where syncd may begin to count; its quantity is the till's, at the location that is written."""
    keys = f'location = "Shop location"\nquantity = "{quantity}"'
    with open_pair_shopify(sqlite_database, tmp_path, catalogue=CATALOGUE, keys=keys) as pair:
        people, main = pair.shop.people, pair.shop.shop.main.id
        elsewhere = people.add_location("Elsewhere")["location"]
        people.set_stock(UNIT, 1, location=elsewhere)
        people.unstock(UNIT)
        people.set_tracked(UNIT, tracked)
        units = int(Decimal(pair.till.stock()[UNIT]))
        pair.sync()
        pair.till.sale(UNIT, Decimal(1))
        pair.sync()
        assert main not in pair.shop.shop.with_sku(UNIT).levels
        pair.reopen(MANAGE, keys)
        pair.clock.seconds += 61
        pair.poll(full=True)
        pair.sync()
        levels = pair.shop.shop.with_sku(UNIT).levels
        assert (levels[main].quantity(quantity), levels[elsewhere].available) == (units - 1, 1)
        pair.shop.people.order([{"sku": UNIT, "quantity": 1}])
        pair.sync()
        assert pair.stock()[0][UNIT] == units - (2 if quantity == "available" else 1)
        assert _is_quiet(pair)


def test_a_shop_that_throttles_is_synced_all_the_same(sqlite_database: Database, tmp_path: Path) -> None:
    """The bucket holds one query: each waits until it can be paid for; what is refused even so is sent later."""
    with open_pair_shopify(
        sqlite_database, tmp_path, catalogue=CATALOGUE, settings={"points": 1000.0, "points_per_second": 2000.0}
    ) as pair:
        before = _opening(pair)
        for sku in before:
            pair.till.sale(sku, Decimal(1))
        for _ in range(4):
            pair.clock.seconds += 61
            pair.poll()
        after = {sku: units - 1 for sku, units in before.items()}
        assert pair.stock() == (after, after)


# -- Products


def _put_at_the_till(pair: PairShopify, good: Good) -> None:
    variations = [{"sku": sku, "quantity": 3, "attributes": attributes} for sku, attributes in good.variations.items()]
    pair.till.create_product(
        good.sku, good.name, 5, good.price or "0", good.gtin or None, variations=variations, in_shop=True,
        description=good.text,
    )  # fmt: skip
    if good.brand:
        pair.till.set_brand(good.sku, good.brand)


def _same(field: str, one: str, other: str) -> bool:
    """As people read it: blanks in names do not count, nor does how a text is marked up."""
    if field == "description":
        return says_the_same(field, one, other)
    return " ".join(one.split()) == " ".join(other.split())


def _differences(pair: PairShopify) -> list[tuple[str, str, str, str]]:
    """SKU, field and both values of everything that both sides have and show differently."""
    till, shop = pair.till.fields(), pair.shop.people.fields()
    return [
        (sku, field, value, shop[sku][field])
        for sku, fields in till.items()
        if sku in shop
        for field, value in fields.items()
        if field in shop[sku] and not _same(field, value, shop[sku][field])
    ]


def test_products_cross_to_the_shop_whole_or_are_told_of(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair_shopify(sqlite_database, tmp_path, ALL) as pair:
        for good in GOODS:
            _put_at_the_till(pair, good)
        pair.sync(4)
        assert _differences(pair) == []
        told = " ".join(message for _, message in pair.findings())
        missing = pair.till.fields().keys() - pair.shop.people.fields().keys()
        assert [sku for sku in missing if sku not in told] == []
        assert missing == {"S-LONG"}  # its name has more than 255 characters
        stock = pair.shop.people.stock()
        assert stock == {sku: units for sku, units in pair.stock()[0].items() if sku not in missing}
        products = len(pair.shop.shop.products)
        assert _is_quiet(pair)
        assert len(pair.shop.shop.products) == products


SHOP_OWNS = """
[shops.main.products.owner]
name = "shop"
description = "shop"
price = "shop"
sku = "shop"
gtin = "shop"
brand = "shop"
"""


def test_what_the_shop_owns_crosses_to_the_till(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair_shopify(sqlite_database, tmp_path, SHOP_OWNS) as pair:
        for good in GOODS:
            if good.variations:
                continue
            pair.till.create_product(good.sku, "x", 5, "1.00", in_shop=True)
            pair.shop.people.create_product(
                good.sku, good.name, 5, good.price or "0", gtin=good.gtin, text=good.text, brand=good.brand
            )
        pair.sync(2)
        pair.approve()
        pair.sync(4)
        assert [each for each in _differences(pair) if each[3]] == []
        assert {kind for kind, _ in pair.findings()} == {"field_altered"}  # blanks within names
        assert _is_quiet(pair)


OFFERS = """
[shops.main.products]
create_in_inventorum = true
"""


def _put_in_the_shop(pair: PairShopify, good: Good) -> None:
    pair.shop.people.create_product(
        good.sku,
        good.name,
        5,
        good.price or "0",
        gtin=good.gtin,
        text=good.text,
        brand=good.brand,
        variations=good.variations,
    )


def test_what_only_the_shop_has_is_made_at_the_till(sqlite_database: Database, tmp_path: Path) -> None:
    """With the tax rates that were configured."""
    with open_pair_shopify(sqlite_database, tmp_path, OFFERS, keys="tax_rate = 19\ntax_rates = { Books = 7 }") as pair:
        pair.till.create_product("OLD", "Old", 1)
        pair.shop.people.create_product("OLD", "Old", 1)
        for good in GOODS:
            _put_in_the_shop(pair, good)
        pair.shop.people.product("WOL-0001").product_type = "Books"
        pair.sync(4)
        pair.approve()
        pair.sync(3)
        assert _differences(pair) == []
        told = [message for kind, message in pair.findings() if kind == "not_made"]
        lacking = pair.shop.people.fields().keys() - pair.till.fields().keys()
        assert lacking == {message.partition("new product ")[2].partition(" of main:")[0] for message in told}
        assert lacking == {"S-BARE", "S-FREE"}  # without a price
        assert pair.stock()[0] == {sku: units for sku, units in pair.stock()[1].items() if sku not in lacking}
        rates = {pair.till.state.sku(one): pair.till.state.rate(one) for one in pair.till.state.products.values()}
        assert (rates["WOL-0001"], rates["TEST-A"]) == (Decimal(7), Decimal(19))
        assert _is_quiet(pair)


def test_without_a_rate_nothing_is_made_at_the_till(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair_shopify(sqlite_database, tmp_path, OFFERS) as pair:
        pair.till.create_product("OLD", "Old", 1)
        pair.shop.people.create_product("OLD", "Old", 1)
        _put_in_the_shop(pair, Good("NEW", "New"))
        pair.sync(4)
        assert "NEW" not in pair.till.fields()
        assert [kind for kind, message in pair.findings() if "NEW" in message] == ["not_made"]


def test_images_of_the_till_reach_the_shop_once(sqlite_database: Database, tmp_path: Path) -> None:
    with open_pair_shopify(sqlite_database, tmp_path, ALL) as pair:
        for number, sku in enumerate(("A", "B")):
            pair.till.create_product(sku, f"Mug {number}", 5, "9.90", in_shop=True)
            pair.till.set_images(sku, [b64encode(drawn(picture)).decode() for picture in (1, 2 + number)])
        pair.sync(4)
        assert _differences(pair) == []
        assert len(pair.shop.shop.files) == 3
        pair.till.set_images("A", [b64encode(drawn(3)).decode(), b64encode(drawn(1)).decode()])
        pair.sync(3)
        assert _differences(pair) == []
        assert len(pair.shop.shop.files) == 3
        assert pair.findings() == []
        assert _is_quiet(pair)


def test_another_kind_of_shop_does_not_take_over_the_name_of_one(sqlite_database: Database, tmp_path: Path) -> None:
    """What is known under the name are ids of the former: the new shop would have lost all of its products."""
    with open_pair_shopify(sqlite_database, tmp_path, catalogue=CATALOGUE) as pair:
        _opening(pair)
        path = tmp_path / "config.toml"
        text = path.read_text("utf-8")
        first, _, last = text.partition('adapter = "shopify"')
        other = (
            'adapter = "woocommerce"\nurl = "https://shop.example"\nconsumer_key = "ck_1234"\nconsumer_secret = "cs_1"'
        )
        path.write_text(first + other + last[last.index("[shops.main.safety]") - 1 :], "utf-8")
        pair.account.close()
        with pytest.raises(ConfigError, match=r"shops\.main\.adapter: \"main\" was a shop of shopify .* another name"):
            open_account(load_config(path, {}), sqlite_database, now=pair.clock.now)
        pair.reopen()
        pair.sync(1)
        assert pair.findings() == []


def test_what_counts_is_changed_under_another_name(sqlite_database: Database, tmp_path: Path) -> None:
    """As docs/shopify.md says: linked anew, so that the stock of a location counted from now on is no delivery."""
    with open_pair_shopify(sqlite_database, tmp_path, catalogue=CATALOGUE, keys='location = "Shop location"') as pair:
        before = _opening(pair)
        place = pair.shop.people.add_location("Warehouse")["location"]
        pair.shop.people.set_stock(UNIT, 50, location=place)
        path = pair._config("", 'location = "Shop location"\nalso_count = ["Warehouse"]')
        path.write_text(path.read_text("utf-8").replace("[shops.main", "[shops.anew"), "utf-8")
        pair.account.close()
        pair.account = open_account(load_config(path, {}), sqlite_database, now=pair.clock.now)
        pair.sync()
        assert pair.stock() == (before, before)
        assert pair.findings() == []
        pair.shop.people.order([{"sku": UNIT, "quantity": 1}])
        pair.sync()
        after = before | {UNIT: before[UNIT] - 1}
        assert pair.stock() == (after, after)
