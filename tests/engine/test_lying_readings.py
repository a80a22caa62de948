"""Readings that lie: old, torn, repeated, of another moment or of another shop. Units are counted once all the same."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from syncd.adapters.memory import MemorySide
from syncd.core.model import ChangePage, FetchResult, RemoteListing
from syncd.service.runs import start_run
from syncd.state.models import Listing
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syncd.core.model import Cursor, ListingRef
    from syncd.state.engine import Database

Shown = list[tuple[str, int]]


class LyingSide(MemorySide):
    """Tells what a test says, once; afterwards the truth.

    Attributes:
        told: Pages of the next read, each with ids and quantities; the cursor that follows is honest.
        fetched: What the next calls of ``fetch`` say, one after the other, of the ids they name.
    """

    told: Sequence[Shown] = ()
    fetched: Sequence[dict[str, int]] = ()

    def read_all(self) -> Iterator[ChangePage]:
        return self._lie() or super().read_all()

    def read_changes(self, cursor: Cursor) -> Iterator[ChangePage]:
        return self._lie() or super().read_changes(cursor)

    def fetch(self, refs: Sequence[ListingRef]) -> FetchResult:
        found = super().fetch(refs)
        if not self.fetched:
            return found
        said, *self.fetched = self.fetched
        listings = (self._as(one, said.get(one.ref.external_id)) for one in found.listings)
        return FetchResult(tuple(listings), found.gone)

    def _lie(self) -> Iterator[ChangePage] | None:
        if not self.told:
            return None
        told, self.told = self.told, ()
        pages = [
            ChangePage(tuple(self._as(self.world.things[key].listing, units) for key, units in page)) for page in told
        ]
        return iter([*pages, ChangePage(cursor={"changes": str(self.world.tick)})])

    @staticmethod
    def _as(listing: RemoteListing, units: int | None) -> RemoteListing:
        return listing if units is None else replace(listing, quantity=Decimal(units))


def lying(account: Account, side: str) -> LyingSide:
    """Put a liar in place of a side's adapter; its world stays."""
    context = account.workers[side].side
    context.adapter = LyingSide(account.worlds[side], context.adapter.capabilities)
    return context.adapter


@pytest.fixture
def account(database: Database) -> Account:
    """Ten units everywhere, and every window over."""
    made = two_sides(database, {"A": 10, "B": 10}, {"A": 10, "B": 10})
    made.settle_down()
    return made


def all_hold(account: Account, units: int, sku: str = "A") -> bool:
    """Whether both sides and the ledger say so, and nothing is left to do or to tell."""
    held = account.worlds["till"].quantity(f"t-{sku}"), account.worlds["web"].quantity(f"w-{sku}")
    assert {*held, account.on_hand(sku)} == {units}
    assert sum(movement.quantity for movement in account.movements()) == account.on_hand("A") + account.on_hand("B")
    return account.findings() == [] and not any(worker.has_pending() for worker in account.workers.values())


# From before our write


def test_a_read_that_began_before_a_confirmed_write_is_dropped(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows a moment between two sales, which is neither what we knew before our write nor after: no cache's value.

    Another process wrote while this one read, or a slow page came late.
    """
    till, web, worker = account.worlds["till"], account.worlds["web"], account.workers["web"]
    till.sell("t-A", 2)
    account.poll("till")
    read = worker.side.adapter.read_changes

    def slowly(cursor: Cursor) -> Iterator[ChangePage]:
        web.sell("w-A", 1)
        pages = list(read(cursor))
        web.sell("w-A", 1)
        worker.push(start_run(worker.side, "push", "beside"))
        account.clock.advance(60)
        yield from pages

    monkeypatch.setattr(worker.side.adapter, "read_changes", slowly)
    account.poll("web")
    assert web.quantity("w-A") == account.on_hand("A") == 6
    assert [movement.quantity for movement in account.movements("change")] == [-2, -2]
    monkeypatch.undo()
    account.settle_down()
    assert all_hold(account, 6)


def test_a_change_that_a_cached_page_hid_is_read_again_though_its_feed_is_silent(account: Account) -> None:
    web = account.worlds["web"]
    web.stale = True
    account.worlds["till"].sell("t-A", 1)
    account.poll("till")
    account.workers["web"].run("push", "test")
    web.sell("w-A", 2)
    web.sell("w-B", 1)  # the feed's position moves past the change of A
    account.poll("web")
    assert account.on_hand("A") == 9
    account.settle_down()
    assert all_hold(account, 7)


def test_an_old_value_beyond_the_window_is_counted_and_taken_back_when_it_ends(account: Account) -> None:
    """The documented limit: for as long as the cache lasts the numbers are wrong everywhere, and then right again."""
    till, web = account.worlds["till"], account.worlds["web"]
    web.stale, web.stale_s = True, 300
    till.sell("t-A", 2)
    account.poll("till", "web")
    account.clock.advance(2)
    account.poll("web", "till")
    assert account.on_hand("A") == till.quantity("t-A") == 8
    account.clock.advance(10)
    account.poll("web", "till")
    assert account.on_hand("A") == till.quantity("t-A") == 10
    account.clock.advance(300)
    account.settle_down()
    assert all_hold(account, 8)


# Replicas


def test_a_replica_that_lags_costs_movements_and_no_units(account: Account) -> None:
    """Lists are answered by one server, reads by id by another that is behind; the feed says nothing more of it."""
    till, side = account.worlds["till"], lying(account, "till")
    till.sell("t-A", 2)
    account.poll("till", "web")
    assert account.worlds["web"].quantity("w-A") == 8
    with account.db.write() as session:
        session.get_one(Listing, account.listing("till", "t-A").id).recheck_at = account.clock()
    till.miss("t-A")
    side.fetched = [{"t-A": 10}]
    account.poll()
    assert account.worlds["web"].quantity("w-A") == account.on_hand("A") == 10
    account.poll(kind="full")
    account.settle_down()
    assert all_hold(account, 8)
    assert [movement.quantity for movement in account.movements("change")] == [-2, 2, -2]


# Twice in one sweep


SHOWN_TWICE = {
    "A": [[10, 8], []],
    "B": [[8, 10], []],
    "C": [[9, 8], []],
    "D": [[8, 9], []],
    "E": [[8, 8], []],
    "F": [[10], [8]],
    "G": [[8], [10]],
    "H": [[9], [8]],
    "I": [[8], [9]],
    "J": [[8], [8]],
}
"""Of ten units two are sold while a read is under way: by SKU what its first and its second page show."""


@pytest.mark.parametrize("side", ["till", "web"])
@pytest.mark.parametrize("kind", ["full", "poll"])
def test_an_item_that_a_read_shows_twice_is_counted_once(database: Database, side: str, kind: str) -> None:
    """Rows move between pages while they are read, and a page may be older than the one before it.

    A read that contradicts itself is followed by a look by id, in the same pass.
    """
    stock = dict.fromkeys(SHOWN_TWICE, 10)
    account = two_sides(database, stock, stock)
    account.settle_down()
    ids = {sku: f"{side[0]}-{sku}" for sku in SHOWN_TWICE}
    for external_id in ids.values():
        account.worlds[side].sell(external_id, 2)
    lying(account, side).told = [
        [(ids[sku], units) for sku, pages in SHOWN_TWICE.items() for units in pages[page]] for page in (0, 1)
    ]
    account.poll(side, kind=kind)
    assert {sku: account.on_hand(sku) for sku in ids} == dict.fromkeys(ids, 8)
    account.settle_down()
    assert {sku: account.on_hand(sku) for sku in ids} == dict.fromkeys(ids, 8)
    for name in ("till", "web"):
        assert {account.worlds[name].quantity(f"{name[0]}-{sku}") for sku in ids} == {8}


@pytest.mark.parametrize("side", ["till", "web"])
@pytest.mark.parametrize("pages", [[[7, 7]], [[9, 7]], [[9], [7]]])
def test_a_new_item_that_a_read_shows_twice_is_made_once(account: Account, side: str, pages: list[list[int]]) -> None:
    for name in ("till", "web"):
        account.worlds[name].put(f"{name[0]}-C", 7, sku="C")
    lying(account, side).told = [[(f"{side[0]}-C", units) for units in page] for page in pages]
    account.poll(side)
    account.settle_down()
    assert account.on_hand("C") == 7
    assert account.worlds["web"].quantity("w-C") == account.worlds["till"].quantity("t-C") == 7


# Nothing at all


@pytest.mark.parametrize("side", ["till", "web"])
def test_a_side_that_lists_nothing_is_told_nothing_until_it_is_whole_again(account: Account, side: str) -> None:
    """Another database behind the same address has other goods under the same numbers, or refuses them all as gone."""
    world, other = account.worlds[side], {"till": "web", "web": "till"}[side]
    whole = dict(world.things)
    world.things.clear()
    account.poll(side)
    assert account.findings() == []
    account.worlds[other].sell(f"{other[0]}-A", 3)
    for kind in ("full", "poll", "poll", "push"):
        account.poll(other, side, kind=kind)
    assert [finding.kind for finding in account.findings()] == ["side_empty"]
    assert account.operations() == []
    assert account.listing(side, f"{side[0]}-A").gone_at is None
    world.things.update(whole)
    account.poll(side)
    assert all_hold(account, 7)


def test_a_replica_that_shows_what_was_before_several_changes_is_known_by_the_mark_it_lacks(database: Database) -> None:
    """Seen in a long property run: neither the value before our write nor a sale, but that of eight seconds ago."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    till, web = account.worlds["till"], account.worlds["web"]
    account.clock.advance(60)
    web.count("w-A", 14)
    account.poll("web", "till")
    account.clock.advance(1)
    till.sell("t-A", 1)
    account.poll("till")
    account.workers["web"].run("push", "test")
    web.lag_s = 8
    account.clock.advance(1)
    account.poll("web", kind="full")
    assert account.on_hand("A") == 13
    web.lag_s = 0
    web.sell("w-A", 2)
    account.settle_down(3)
    assert account.on_hand("A") == web.quantity("w-A") == till.quantity("t-A") == 11
