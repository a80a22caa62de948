"""A tax rate changes at the till: the shop follows, and what customers pay stays; with net prices in the shop, too."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.core.fields import DESCRIPTION, GTIN, NAME, PRICE, SKU, TAX_RATE, Owner
from syncd.core.prices import gross_of
from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation
from syncd.simulators.server import SimServer
from syncd.simulators.woocommerce import WooCommerceSettings, WooCommerceSim
from syncd.state.product_models import FieldWrite
from tests.support.engine import Account
from tests.support.woocommerce import build

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.state.engine import Database

_RATES = {"": Decimal(19), "reduced-rate": Decimal(7), "zero-rate": Decimal(0)}
_GOODS = [
    CatalogueProduct("MUG", "4006381333931", "Mug", Decimal("9.97"), Decimal(19), 5),
    CatalogueProduct(
        "SOCK", "", "Sock", Decimal("4.99"), Decimal(7), 0,
        (CatalogueVariation("SOCK-S", "", {"size": "S"}, 3), CatalogueVariation("SOCK-M", "", {"size": "M"}, 4)),
    ),
]  # fmt: skip


def settle(account: Account, passes: int = 4) -> None:
    for _ in range(passes):
        account.clock.advance(61)
        account.poll()


def notes(account: Account) -> list[tuple[str, str, str, str]]:
    with account.db.read() as session:
        rows = session.scalars(select(FieldWrite).order_by(FieldWrite.id))
        return [(row.field, row.before, row.value, row.state) for row in rows]


@pytest.mark.parametrize("owner", [Owner.HUB, Owner.BOTH])
def test_a_rate_that_changes_at_the_till_is_written_once(database: Database, owner: Owner) -> None:
    account = _in_memory(database, owner)
    account.worlds["till"].edit("till-1", tax_rate="7")
    settle(account)
    assert account.worlds["web"].things["web-1"].listing.fields == {PRICE: "9.97", TAX_RATE: "7"}
    assert [dict(write.values) for write in account.worlds["web"].field_writes] == [{TAX_RATE: "7"}]
    assert notes(account) == [(TAX_RATE, "19", "7", "confirmed")]
    assert account.findings() == []


def test_rate_and_price_that_change_together_travel_together(database: Database) -> None:
    account = _in_memory(database, Owner.HUB)
    account.worlds["till"].edit("till-1", tax_rate="7", price="8.99")
    settle(account)
    assert [dict(write.values) for write in account.worlds["web"].field_writes] == [{PRICE: "8.99", TAX_RATE: "7"}]


def test_a_rate_that_the_shop_owns_reaches_the_till(database: Database) -> None:
    account = _in_memory(database, Owner.SHOP)
    account.worlds["web"].edit("web-1", tax_rate="10.5")
    settle(account)
    assert account.worlds["till"].things["till-1"].listing.fields[TAX_RATE] == "10.5"
    assert account.worlds["web"].field_writes == []


def test_a_rate_that_one_side_does_not_say_is_left_alone(database: Database) -> None:
    account = _in_memory(database, Owner.HUB, shop={PRICE: "9.97"})
    account.worlds["till"].edit("till-1", tax_rate="7")
    settle(account)
    assert account.worlds["web"].field_writes == []
    assert account.findings() == []


def test_a_rate_without_a_class_keeps_no_other_field_back(database: Database) -> None:
    account = _in_memory(database, Owner.HUB)
    account.worlds["web"].refuses = ("13",)
    account.worlds["till"].edit("till-1", tax_rate="13", price="8.99")
    settle(account)
    assert account.worlds["web"].things["web-1"].listing.fields == {PRICE: "8.99", TAX_RATE: "19"}
    (finding,) = account.findings()
    assert (finding.kind, "tax_rate “13”" in finding.message) == ("field_refused", True)
    account.worlds["till"].edit("till-1", tax_rate="7")
    settle(account)
    assert account.worlds["web"].things["web-1"].listing.fields[TAX_RATE] == "7"
    assert account.findings() == []


def _in_memory(database: Database, owner: Owner, shop: dict[str, str] | None = None) -> Account:
    account = Account(database)
    account.add_side("till", "hub")
    account.add_side("web", owners=dict.fromkeys((PRICE, TAX_RATE), owner))
    here = {PRICE: "9.97", TAX_RATE: "19"}
    for side, fields in (("till", here), ("web", here if shop is None else shop)):
        account.worlds[side].put(f"{side}-1", 5, sku="MUG", name="Mug", fields=fields)
    account.poll()
    settle(account)
    return account


@contextmanager
def net_shop(database: Database, owner: Owner = Owner.HUB) -> Iterator[tuple[Account, WooCommerceSim]]:
    """A till in memory and a shop on the wire whose prices are net; linked, nothing to do."""
    account = Account(database)
    till = account.add_side("till", "hub")
    for item in _GOODS:
        for unit in item.variations or (item,):
            codes = {SKU: unit.sku, GTIN: unit.gtin}
            money = {PRICE: f"{item.price:.2f}", TAX_RATE: f"{item.tax_rate:f}"}
            words = {} if item.variations else {NAME: item.name, DESCRIPTION: ""}
            till.put(f"t-{unit.sku}", unit.quantity, sku=unit.sku, name=item.name, fields={**words, **codes, **money})
    account.add_side("web", owners=dict.fromkeys((NAME, SKU, GTIN, PRICE, TAX_RATE), owner))
    sim = WooCommerceSim(WooCommerceSettings(clock=lambda: account.clock().timestamp(), prices_include_tax=False))
    sim.seed(_GOODS)
    with SimServer(sim) as server:
        adapter = build(server.url, now=account.clock)
        account.workers["web"].side.adapter = adapter
        try:
            account.poll(kind="full")
            settle(account)
            assert notes(account) == []
            yield account, sim
        finally:
            adapter.close()


def pays(sim: WooCommerceSim, sku: str) -> tuple[str, int]:
    """What a customer of the shop pays for a piece, and at which rate, without asking the adapter."""
    row = sim.shop.with_sku(sku)[0]
    parent = sim.shop.parent(row)
    rate = _RATES[parent.tax_class if parent is not None and row.tax_class == "parent" else row.tax_class]
    return f"{gross_of(Decimal(row.regular_price), rate):.2f}", int(rate)


def test_in_a_shop_with_net_prices_a_rate_changes_and_the_price_stays(database: Database) -> None:
    with net_shop(database) as (account, sim):
        account.worlds["till"].edit("t-MUG", tax_rate="7")
        account.worlds["till"].edit("t-SOCK-S", tax_rate="19")
        settle(account)
        assert [pays(sim, sku) for sku in ("MUG", "SOCK-S", "SOCK-M")] == [("9.97", 7), ("4.99", 19), ("4.99", 7)]
        assert sorted(notes(account)) == [(TAX_RATE, "19", "7", "confirmed"), (TAX_RATE, "7", "19", "confirmed")]
        account.worlds["till"].edit("t-SOCK-S", price="5.49", tax_rate="0")
        settle(account)
        assert pays(sim, "SOCK-S") == ("5.49", 0)
        written = len(notes(account))
        settle(account)
        account.poll(kind="full")
        assert (len(notes(account)), account.findings()) == (written, [])


def test_in_a_shop_with_net_prices_a_price_crosses_to_the_cent(database: Database) -> None:
    with net_shop(database) as (account, sim):
        for price in ("0.01", "9.99", "1234.56"):
            account.worlds["till"].edit("t-MUG", price=price)
            account.worlds["till"].edit("t-SOCK-M", price=price)
            settle(account)
            assert [pays(sim, sku)[0] for sku in ("MUG", "SOCK-M")] == [price, price]
        assert account.findings() == []


def test_a_net_price_that_a_person_enters_reaches_the_till_as_gross(database: Database) -> None:
    with net_shop(database, Owner.SHOP) as (account, sim):
        shop = sim.shop.with_sku("MUG")[0]
        with sim.shop.lock:
            shop.regular_price = "10"
            sim.shop.touch(shop)
        settle(account)
        assert account.worlds["till"].things["t-MUG"].listing.fields[PRICE] == "11.90"
        assert shop.regular_price == "10"


def test_a_class_that_a_person_chooses_in_a_net_shop_is_put_back_and_no_price_moves(database: Database) -> None:
    """With another class the same net is another gross: both are edits there, and both are overwritten."""
    with net_shop(database) as (account, sim):
        shop = sim.shop.with_sku("MUG")[0]
        with sim.shop.lock:
            shop.tax_class = "reduced-rate"
            sim.shop.touch(shop)
        settle(account)
        assert pays(sim, "MUG") == ("9.97", 19)
        assert {field for field, *_ in notes(account)} == {PRICE, TAX_RATE}
