"""Promises about reading changes: none is missed, none is invented, quiet is cheap, and nothing depends on luck."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from syncd.core.model import ChangePage, Proof, StockMode
from syncd.simulators.catalogue import CatalogueProduct, make_catalogue
from syncd.testing.goods import GOODS, MANY, SIMPLE, SIZE, SOLD, VARIATION, VARIED
from syncd.testing.lacking import lacking
from syncd.testing.reading import Found, assert_all_of, assert_true, changes, read, read_everything, send, write
from syncd.testing.side import Exchange, OpenSide, SideDriver

MOST_REQUESTS_WHEN_QUIET = 7
MOST_REQUESTS_PER_CHANGE = 4
MOST_LISTINGS_WHEN_QUIET = 2
OTHER = GOODS[2].sku


@dataclass(frozen=True)
class Act:
    """Something people do, and the listings whose reading it changes."""

    do: Callable[[SideDriver], object]
    changed: tuple[str, ...]


ACTS = {
    "sale": Act(lambda side: side.sell(SIMPLE, Decimal(2)), (SIMPLE,)),
    "sale of a variation": Act(lambda side: side.sell(VARIATION, Decimal(1)), (VARIATION,)),
    "cancellation": Act(lambda side: side.cancel(side.sell(VARIATION, Decimal(3))), (VARIATION,)),
    "receipt": Act(lambda side: side.receive(SIMPLE, Decimal(24)), (SIMPLE,)),
    "count": Act(lambda side: side.count(SIMPLE, Decimal(3)), (SIMPLE,)),
    "count of a variation": Act(lambda side: side.count(VARIATION, Decimal(0)), (VARIATION,)),
    "new name": Act(lambda side: side.rename(SIMPLE, "Renamed"), (SIMPLE,)),
    "new product": Act(lambda side: side.create(SOLD), (SOLD.sku,)),
    "new variation": Act(lambda side: side.add_variation(VARIED.sku, SIZE), (SIZE.sku,)),
}


class ChangePromises:
    """Part of ``SideAdapterSuite``."""

    @pytest.mark.parametrize("act", list(ACTS))
    def test_every_change_is_reported(self, side: SideDriver, act: str) -> None:
        """What people did since the cursor is read, as it is now, and with the present name."""
        if act == "new variation" and not side.traits.variations:
            lacking(side, "variations", "no variations on this side")
        before = read_everything(side)
        ACTS[act].do(side)
        found = changes(side, before.cursor)
        assert_true(side, found)
        for sku in ACTS[act].changed:
            listing = found.sku(sku)
            assert listing.quantity == side.stock()[sku]
            assert listing.ref == side.ref(sku)
        if act == "new name":
            assert found.sku(SIMPLE).name == "Renamed"

    @pytest.mark.parametrize("sku", [SIMPLE, VARIATION])
    def test_documents_are_followed_by_what_they_moved(self, side: SideDriver, sku: str) -> None:
        """A document whose effect is not in the same read would look like an order that our own write swallowed."""
        cursor = read_everything(side).cursor
        side.cancel(side.sell(sku, Decimal(2)))
        waiting: set[str] = set()
        for page in side.adapter.read_changes(cursor):
            waiting |= {event.ref.external_id for event in page.events}
            waiting -= {listing.ref.external_id for listing in page.listings}
        assert not waiting

    def test_our_own_write_may_show_but_as_it_is(self, side: SideDriver) -> None:
        """What we wrote is a change of that side like any other: if it shows, then with the quantity that is there."""
        before = read_everything(side)
        send(side.adapter, [write(side.ref(SIMPLE), -4), write(side.ref(VARIATION), 2)])
        assert_true(side, changes(side, before.cursor))

    def test_two_changes_in_a_row_are_both_seen(self, side: SideDriver) -> None:
        """A second change within the same second, after the first was read, is not lost."""
        cursor = read_everything(side).cursor
        for _ in range(4):
            side.sell(SIMPLE, Decimal(1))
            side.sell(VARIATION, Decimal(1))
            found = changes(side, cursor)
            assert {found.sku(sku).quantity for sku in (SIMPLE, VARIATION)} == {
                side.stock()[SIMPLE],
                side.stock()[VARIATION],
            }
            cursor = found.cursor

    @pytest.mark.parametrize("sku", [SIMPLE, VARIATION])
    def test_a_change_that_shows_late_is_not_missed(self, side: SideDriver, sku: str) -> None:
        """A change may be stamped before a read begins and show only after it: a slow transaction, a busy index."""
        cursor = read_everything(side).cursor
        side.pass_time(20)
        cursor = changes(side, cursor).cursor
        side.pass_time(-15)
        side.count(sku, Decimal(3))
        side.pass_time(15 + 30)
        found = changes(side, cursor)
        assert_true(side, found)
        assert side.ref(sku).external_id in found.listings
        assert found.sku(sku).quantity == 3

    def test_a_deletion_comes_with_proof(self, side: SideDriver) -> None:
        """A deleted product is reported gone, or at least proved to be gone when asked for; nothing else is."""
        before = read_everything(side)
        ref = side.ref(SIMPLE)
        side.delete(SIMPLE)
        found = changes(side, before.cursor)
        assert_true(side, found)
        assert ref.external_id not in found.listings
        if side.traits.deletions_in_changes:
            assert found.gone[ref.external_id].proof in {Proof.DELETED_FEED, Proof.NOT_FOUND}
        assert [one.ref for one in side.adapter.fetch([ref]).gone] == [ref]

    def test_a_lost_variation_can_be_noticed(self, side: SideDriver) -> None:
        """A deleted variation is gone with proof, or its parent comes without it among its children."""
        if not side.traits.variations:
            lacking(side, "variations", "no variations on this side")
        if not side.traits.lost_variations_in_changes:
            lacking(
                side,
                "lost_variations_in_changes",
                "a deleted variation leaves no trace on this side",
            )
        before = read_everything(side)
        ref, parent = side.ref(VARIATION), side.ref(VARIED.sku)
        side.delete(VARIATION)
        found = changes(side, before.cursor)
        assert_true(side, found)
        assert ref.external_id not in found.listings
        group = found.listings.get(parent.external_id)
        missing = group is not None and group.children is not None and ref.external_id not in group.children
        assert ref.external_id in found.gone or missing
        assert [one.ref for one in side.adapter.fetch([ref]).gone] == [ref]

    def test_the_trash_is_reported_both_ways(self, side: SideDriver) -> None:
        """What goes into the trash is gone with proof, its variations too; what comes back is read again."""
        if not side.traits.trash:
            lacking(side, "trash", "no trash on this side")
        cursor = read_everything(side).cursor
        lost = [SIMPLE, *(variation.sku for variation in VARIED.variations)]
        refs = {sku: side.ref(sku).external_id for sku in lost}
        side.trash(SIMPLE)
        side.trash(VARIED.sku)
        found = changes(side, cursor)
        assert {found.gone[external_id].proof for external_id in refs.values()} == {Proof.TRASHED}
        assert not set(refs.values()) & found.listings.keys()
        side.pass_time(300)
        cursor = changes(side, found.cursor).cursor
        side.restore(SIMPLE)
        side.restore(VARIED.sku)
        found = changes(side, cursor)
        assert_true(side, found)
        assert {sku: found.sku(sku).quantity for sku in lost} == {sku: side.stock()[sku] for sku in lost}

    def test_stock_that_is_no_longer_counted(self, side: SideDriver) -> None:
        """When people stop counting a listing, it is reported without a quantity."""
        if not side.traits.uncounted:
            lacking(side, "uncounted", "everything is counted on this side")
        before = read_everything(side)
        side.stop_counting(SIMPLE)
        listing = changes(side, before.cursor).sku(SIMPLE)
        assert (listing.stock_mode, listing.quantity) == (StockMode.UNMANAGED, None)

    def test_the_same_cursor_brings_the_same_again(self, side: SideDriver) -> None:
        """A cursor can be used again, before and after a restart: changes are repeated, and never invented."""
        before = read_everything(side)
        side.sell(SIMPLE, Decimal(2))
        side.sell(VARIATION, Decimal(1))
        for _ in range(2):
            for _ in range(2):
                found = changes(side, before.cursor)
                assert_true(side, found)
                assert {SIMPLE, VARIATION} <= found.stock().keys()
            side.reopen()

    def test_an_abandoned_read_has_no_effect(self, side: SideDriver) -> None:
        """However many pages were taken before a read was given up, the next one brings everything."""
        before = read_everything(side)
        side.sell(SIMPLE, Decimal(2))
        side.sell(VARIATION, Decimal(1))
        side.delete(OTHER)
        whole = changes(side, before.cursor)
        side.reopen()
        for taken in range(8):
            list(itertools.islice(side.adapter.read_changes(before.cursor), taken))
            found = changes(side, before.cursor)
            assert_all_of(side, found, whole)
            side.reopen()

    def test_an_abandoned_full_read_has_no_effect(self, side: SideDriver) -> None:
        """The same for ``read_all``."""
        for taken in range(4):
            list(itertools.islice(side.adapter.read_all(), taken))
        assert read(side.adapter.read_all()).stock() == side.stock()

    def test_a_quiet_side_costs_a_handful_of_requests(self, open_side: OpenSide) -> None:
        """When nothing happened next to nothing is read: few requests, as many for a large catalogue as for a small."""
        costs = []
        for catalogue in (GOODS, MANY):
            with open_side(catalogue) as side:
                known = read_everything(side)
                start = len(side.exchanges())
                found = changes(side, known.cursor)
                costs.append(len(side.exchanges()) - start)
                assert found.listings.items() <= known.listings.items()
                assert len(found.listings) <= MOST_LISTINGS_WHEN_QUIET
                assert (found.gone, found.events) == ({}, {})
        assert costs[0] == costs[1] <= MOST_REQUESTS_WHEN_QUIET

    def test_the_cost_grows_with_the_changes_only(self, open_side: OpenSide) -> None:
        """A few changes in a large catalogue cost a few requests."""
        sold = [MANY[at].sku for at in (0, 107, 200)] + [MANY[-1].variations[0].sku]
        with open_side(MANY) as side:
            cursor = read_everything(side).cursor
            start = len(side.exchanges())
            for sku in sold:
                side.sell(sku, Decimal(1))
            assert set(sold) <= changes(side, cursor).stock().keys()
            most = MOST_REQUESTS_WHEN_QUIET + MOST_REQUESTS_PER_CHANGE * len(sold)
            assert len(side.exchanges()) - start <= most

    def test_a_change_during_a_read_is_in_it_or_in_the_next(self, side: SideDriver) -> None:
        """Whichever request it happens before, a sale is not lost between two reads of changes."""
        found = read_everything(side)
        for moment in range(12):
            requests = itertools.count()

            def till(_: Exchange, moment: int = moment, requests: itertools.count[int] = requests) -> None:
                if next(requests) == moment:
                    side.sell(SIMPLE, Decimal(1))
                    side.sell(VARIATION, Decimal(1))

            side.sell(OTHER, Decimal(1))
            side.at_each_request(till)
            read(side.adapter.read_changes(found.cursor), found)
            side.calm()
            read(side.adapter.read_changes(found.cursor), found)
            assert found.stock() == side.stock()
            side.pass_time(7)

    @pytest.mark.parametrize("happening", ["sold", "deleted", "created"])
    def test_pages_are_complete_while_the_list_moves(self, open_side: OpenSide, happening: str) -> None:
        """Listings that people sell, delete or create between any two requests push no other one off its page."""
        with open_side(MANY) as side:
            found, touched = Found(), Moving(side, happening)
            read(touched.between(side.adapter.read_all()), found)
            touched.end()
            quiet = side.stock().keys() - touched.skus
            assert quiet <= found.stock().keys()
            read(side.adapter.read_changes(found.cursor), found)
            missing = side.stock().items() - found.stock().items()
            assert not missing

    @pytest.mark.parametrize("happening", ["sold", "deleted", "created"])
    def test_a_long_list_of_changes_is_complete_while_it_moves(self, open_side: OpenSide, happening: str) -> None:
        """The same for a read of changes with several pages."""
        with open_side(make_catalogue(215, 2, seed=9)) as side:
            found = read_everything(side)
            for sku in side.stock():
                side.receive(sku, Decimal(1))
            touched, news = Moving(side, happening), Found()
            read(touched.between(side.adapter.read_changes(found.cursor)), news)
            touched.end()
            assert side.stock().keys() - touched.skus <= news.stock().keys()
            read(side.adapter.read_changes(news.cursor), news)
            assert not side.stock().items() - news.stock().items()


class Moving:
    """People who do something before every request, and between every two pages.

    Attributes:
        skus: What they touched.
    """

    def __init__(self, side: SideDriver, happening: str) -> None:
        self._side = side
        self._happening = happening
        self._rest = iter([product for product in MANY if not product.variations])
        self._new = itertools.count(1)
        self.skus: set[str] = set()
        side.at_each_request(self._act)

    def between(self, pages: Iterator[ChangePage]) -> Iterator[ChangePage]:
        """Act between pages, too."""
        for page in pages:
            yield page
            self._act(Exchange(0.0, write=False))

    def end(self) -> None:
        """Let it be quiet."""
        self._side.calm()

    def _act(self, _: Exchange) -> None:
        self._side.pass_time(1)
        if self._happening == "created":
            sku = f"LATE-{next(self._new)}"
            self._side.create(CatalogueProduct(sku, "", f"Late {sku}", Decimal(1), Decimal(19), 3))
        else:
            sku = next(self._rest).sku
            if self._happening == "sold":
                self._side.sell(sku, Decimal(1))
            else:
                self._side.delete(sku)
        self.skus.add(sku)
