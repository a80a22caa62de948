"""A till and a Shopify shop of which another location or quantity is to be counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.errors import CountsOtherwise
from syncd.service.account import exit_code, sync_once
from syncd.service.counting import accept_counting
from syncd.simulators.catalogue import make_catalogue
from syncd.state.models import Movement
from tests.crossing.pair_shopify import PairShopify, open_pair_shopify

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.state.engine import Database

CATALOGUE = make_catalogue(6, 2, seed=3)
UNIT, OTHER = CATALOGUE[0].sku, CATALOGUE[1].sku


def _movements(pair: PairShopify) -> list[int]:
    with pair.database.read() as session:
        return list(session.scalars(select(Movement.id)))


def _refused(pair: PairShopify) -> str:
    """Pass with what is configured now, which must be refused without a trace on either side."""
    began, moved, stock = pair.now(), _movements(pair), pair.stock()
    pair.clock.seconds += 61
    outcomes = sync_once(pair.account, full=True, cause="test")
    (error,) = [outcome.error for outcome in outcomes if outcome.error is not None]
    assert isinstance(error, CountsOtherwise)
    assert exit_code(pair.account, outcomes) == 78
    assert pair.shop_writes(began[1]) == []
    assert pair.writes(began)["till"] == []
    assert (_movements(pair), pair.stock()) == (moved, stock)
    return str(error)


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        ("", 'location = "Warehouse"', "what is available at Warehouse"),
        ("", 'location = "Shop location"\nalso_count = ["Warehouse"]', "available at Shop location and Warehouse"),
        ('location = "Shop location"', 'location = "Shop location"\nquantity = "on_hand"', "on hand at Shop location"),
    ],
)
def test_another_counting_is_refused_until_it_is_put_back(
    database: Database, tmp_path: Path, first: str, then: str, said: str
) -> None:
    with open_pair_shopify(database, tmp_path, catalogue=CATALOGUE, keys=first) as pair:
        pair.sync()
        before = pair.stock()[0]
        place = pair.shop.people.add_location("Warehouse")["location"]
        for each in (UNIT, OTHER):
            pair.shop.people.set_stock(each, 50, location=place)
        pair.reopen(keys=then)
        error = _refused(pair)
        assert "what is available at Shop location, and" in error
        assert said in error
        pair.reopen(keys='location = "shop location"')
        pair.shop.people.order([{"sku": UNIT, "quantity": 1}])
        pair.sync()
        after = before | {UNIT: before[UNIT] - 1}
        assert pair.stock()[0] == after
        assert pair.findings() == []


@pytest.mark.parametrize("name", ['"shop location "', '"gid"', '"number"'])
def test_the_same_location_by_another_name_is_the_same(sqlite_database: Database, tmp_path: Path, name: str) -> None:
    with open_pair_shopify(sqlite_database, tmp_path, catalogue=CATALOGUE) as pair:
        pair.sync()
        moved, number = _movements(pair), pair.shop.shop.main.id
        pair.shop.people.add_location("Warehouse")
        given = name.replace("gid", f"gid://shopify/Location/{number}").replace("number", str(number))
        pair.reopen(keys=f"location = {given}")
        pair.shop.shop.main.name = "Main street"
        pair.reopen(keys='location = "Main street"')
        pair.sync()
        assert pair.findings() == []
        assert _movements(pair) == moved


def test_the_only_location_is_another_one_while_syncd_runs(sqlite_database: Database, tmp_path: Path) -> None:
    """Nobody changed the configuration: the shop closed its location and opened another."""
    with open_pair_shopify(sqlite_database, tmp_path, catalogue=CATALOGUE) as pair:
        pair.sync()
        former = pair.shop.shop.main
        place = pair.shop.people.add_location("Warehouse")["location"]
        pair.shop.people.set_stock(UNIT, 50, location=place)
        former.active = False
        pair.clock.seconds += 61
        pair.poll(full=True)
        assert "at Warehouse" in _refused(pair)
        former.active, pair.shop.shop.locations[place].active = True, False
        pair.sync()
        assert pair.findings() == []


def test_accepted_it_is_aligned_with_the_till_and_nothing_is_booked(database: Database, tmp_path: Path) -> None:
    with open_pair_shopify(database, tmp_path, catalogue=CATALOGUE, keys='location = "Shop location"') as pair:
        pair.sync()
        before, moved = pair.stock()[0], _movements(pair)
        place = pair.shop.people.add_location("Warehouse")["location"]
        pair.shop.people.set_stock(UNIT, 50, location=place)
        pair.reopen(keys='location = "Shop location"\nalso_count = ["Warehouse"]')
        pair.clock.seconds += 61
        accept_counting(pair.account.workers["main"].side)
        pair.shop.people.order([{"sku": OTHER, "quantity": 1}])
        pair.sync()
        after = before | {OTHER: before[OTHER] - 1}
        # At the location that is written it goes below zero, so that both together are what the till has.
        assert pair.stock() == (after, after)
        assert len(_movements(pair)) == len(moved) + 1
        assert pair.findings() == []
