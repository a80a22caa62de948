"""Promises about writing stock, and about evidence: relative, once, in order, and honest about what is not known."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from syncd.core.model import ZERO, Applied, EventKind, Refused, StockEvent, Unknown
from syncd.testing.goods import GOODS, SIMPLE, VARIATION, VARIED
from syncd.testing.lacking import lacking
from syncd.testing.reading import check_event, portions, read_everything, send, write
from syncd.testing.side import Exchange, SideDriver, Trouble

OTHER = GOODS[2].sku
UNITS = [GOODS[3].sku, VARIATION, SIMPLE, GOODS[-2].variations[1].sku, VARIED.variations[1].sku, OTHER]
"""Products and variations of two parents, mixed."""

SECOND = timedelta(seconds=1)


class WritingPromises:
    """Part of ``SideAdapterSuite``."""

    @pytest.fixture(autouse=True)
    def _relative(self, side: SideDriver, request: pytest.FixtureRequest) -> None:
        # Fixtures of one part of the suite are used by the tests of all others, too.
        ours = request.function.__qualname__.startswith("WritingPromises.")
        if ours and not side.adapter.capabilities.relative:
            lacking(side, "relative", "no relative writes on this side: AbsolutePromises count")

    @pytest.mark.parametrize("difference", [1, -4, 250, -25])
    @pytest.mark.parametrize("sku", [SIMPLE, VARIATION])
    def test_a_write_adds_its_difference(self, side: SideDriver, sku: str, difference: int) -> None:
        """The side holds the difference more, below zero too, and the answer says how many that is."""
        before = side.stock()
        (result,) = side.adapter.write_stock([write(side.ref(sku), difference)])
        assert side.stock() == before | {sku: before[sku] + difference}
        assert isinstance(result, Applied)
        assert result.quantity == (side.stock()[sku] if side.adapter.capabilities.reports_quantity else None)

    def test_a_write_does_not_depend_on_what_we_believed(self, side: SideDriver) -> None:
        """``expected_before`` may be stale: the difference is added to what is there."""
        before = side.stock()
        stale = [write(side.ref(SIMPLE), 5, before=900), write(side.ref(VARIATION), -1, key="op-2", before=-3)]
        send(side.adapter, stale)
        assert side.stock() == before | {SIMPLE: before[SIMPLE] + 5, VARIATION: before[VARIATION] - 1}

    def test_results_come_in_the_order_of_the_writes(self, side: SideDriver) -> None:
        """Products and variations of several parents, mixed: the n-th result is about the n-th write."""
        before = side.stock()
        results = send(side.adapter, [write(side.ref(sku), 100 * n, key=f"op-{n}") for n, sku in enumerate(UNITS, 1)])
        after = before | {sku: before[sku] + 100 * n for n, sku in enumerate(UNITS, 1)}
        assert side.stock() == after
        reports = side.adapter.capabilities.reports_quantity
        assert results == [Applied(after[sku] if reports else None) for sku in UNITS]

    def test_nothing_to_write_sends_nothing(self, side: SideDriver) -> None:
        """An empty call has an empty answer and costs no request."""
        before = len(side.exchanges())
        assert side.adapter.write_stock([]) == []
        assert len(side.exchanges()) == before

    def test_a_write_is_one_request_per_call(self, side: SideDriver) -> None:
        """Writes of products in one call are sent together, not one by one, and each of them once."""
        if not side.traits.wire:
            pytest.skip("no wire on this side")
        writes = [write(side.ref(product.sku), 1, key=product.sku) for product in GOODS[:5]]
        send(side.adapter, writes)
        sent = [exchange for exchange in side.exchanges() if exchange.write]
        assert len(sent) == len(list(portions(side.adapter, writes)))

    def test_a_sale_just_before_the_effect_is_kept(self, side: SideDriver) -> None:
        """A sale while the write is on its way counts, and the answer reports the quantity after both."""
        before = side.stock()[SIMPLE]
        till = Once(side, SIMPLE)
        side.at_each_request(till)
        (result,) = side.adapter.write_stock([write(side.ref(SIMPLE), 10)])
        assert till.sold
        assert side.stock()[SIMPLE] == before + 9
        assert result == Applied(before + 9 if side.adapter.capabilities.reports_quantity else None)

    def test_sales_at_the_same_time_are_kept(self, side: SideDriver) -> None:
        """Where the side promises ``atomic``: sales beside our writes all count, each once."""
        if not side.adapter.capabilities.atomic:
            lacking(side, "atomic", "this side does not promise atomic writes")
        before = side.stock()[SIMPLE]
        till = threading.Thread(target=lambda: [side.sell(SIMPLE, Decimal(1)) for _ in range(30)])
        till.start()
        for number in range(10):
            side.adapter.write_stock([write(side.ref(SIMPLE), 3, key=f"op-{number}")])
        till.join()
        assert side.stock()[SIMPLE] == before

    def test_writes_may_run_beside_each_other(self, side: SideDriver) -> None:
        """``parallel_writes`` calls at once, for different listings, do not disturb each other."""
        skus = UNITS[: side.adapter.capabilities.parallel_writes]
        before, refs = side.stock(), [side.ref(sku) for sku in skus]
        calls = [
            threading.Thread(target=side.adapter.write_stock, args=([write(ref, n + 1, key=f"op-{n}")],))
            for n, ref in enumerate(refs)
        ]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        assert side.stock() == before | {sku: before[sku] + n + 1 for n, sku in enumerate(skus)}

    def test_the_same_write_again_is_applied_once(self, side: SideDriver) -> None:
        """Where the side keeps keys: a write sent again is answered as before, together with others or alone."""
        _needs_keys(side)
        before, skus = side.stock(), [SIMPLE, VARIATION, OTHER]
        writes = [write(side.ref(sku), -2, key=f"op-{sku}", before=before[sku]) for sku in skus]
        for attempt in (writes, writes[1:], writes[:1], list(reversed(writes))):
            assert {type(result) for result in send(side.adapter, attempt)} == {Applied}
            assert side.stock() == before | {sku: before[sku] - 2 for sku in skus}
            side.reopen()
            side.pass_time(side.adapter.capabilities.key_life_s / 4 - 1)

    @pytest.mark.parametrize("trouble", [Trouble.LOST_BEFORE, Trouble.LOST_AFTER, Trouble.ERROR_AFTER])
    def test_a_write_without_an_answer_is_sent_again_under_its_key(self, side: SideDriver, trouble: Trouble) -> None:
        """Where the side keeps keys: applied once in all, whether the first one arrived or not."""
        _needs_keys(side)
        if not side.traits.wire:
            pytest.skip("no wire on this side")
        before, again = side.stock(), [write(side.ref(SIMPLE), 5, before=side.stock()[SIMPLE])]
        side.trouble(trouble, write=True)
        assert {type(result) for result in send(side.adapter, again)} == {Unknown}
        side.calm()
        side.sell(SIMPLE, Decimal(1))
        assert {type(result) for result in send(side.adapter, again)} == {Applied}
        assert side.stock() == before | {SIMPLE: before[SIMPLE] + 4}

    def test_the_marker_can_be_read_afterwards(self, side: SideDriver) -> None:
        """Where the side carries a marker, the operation's id is read back with the listing, until the next write."""
        if not side.adapter.capabilities.marker:
            lacking(side, "marker", "no marker on this side")
        for key in ("op-1", "op-2"):
            send(side.adapter, [write(side.ref(sku), 1, key=f"{key}-{sku}") for sku in (SIMPLE, VARIATION)])
            found = side.adapter.fetch([side.ref(SIMPLE), side.ref(VARIATION)]).listings
            assert {listing.sku: listing.marker for listing in found} == {
                SIMPLE: f"{key}-{SIMPLE}",
                VARIATION: f"{key}-{VARIATION}",
            }

    def test_the_marker_is_in_reads_of_changes_too(self, side: SideDriver) -> None:
        """A change of our own making is recognised in the feed by its marker."""
        if not side.adapter.capabilities.marker:
            lacking(side, "marker", "no marker on this side")
        cursor = read_everything(side).cursor
        send(side.adapter, [write(side.ref(SIMPLE), 1, key="ours")])
        found = [one for page in side.adapter.read_changes(cursor) for one in page.listings if one.sku == SIMPLE]
        assert {listing.marker for listing in found} <= {"ours"}

    def test_a_missing_listing_is_refused_as_gone(self, side: SideDriver) -> None:
        """A write to a deleted or unknown listing is ``Refused`` with ``gone``, product or variation."""
        refs = [side.ref(SIMPLE), side.ref(VARIATION), side.unknown_ref()]
        side.delete(SIMPLE)
        side.delete(VARIATION)
        before = side.stock()
        for result in send(side.adapter, [write(ref, 1, key=ref.external_id) for ref in refs]):
            assert isinstance(result, Refused)
            assert result.gone
            assert result.code
            assert result.message
        assert side.stock() == before

    def test_one_bad_write_does_not_hide_the_others(self, side: SideDriver) -> None:
        """Among others, a write that is refused has its own result, and the rest is applied."""
        bad = side.ref(OTHER)
        side.delete(OTHER)
        before, good = side.stock(), [sku for sku in UNITS if sku != OTHER]
        writes = [write(side.ref(sku), 2, key=sku) for sku in good]
        writes.insert(2, write(bad, 2, key="bad"))
        results = send(side.adapter, writes)
        refused = results.pop(2)
        assert isinstance(refused, Refused)
        assert refused.gone
        assert [type(result) for result in results] == [Applied] * len(good)
        assert side.stock() == before | {sku: before[sku] + 2 for sku in good}

    def test_fractions_are_written_exactly_or_refused(self, side: SideDriver) -> None:
        """A fraction is added exactly; a side that cannot refuses it before anything of it is sent."""
        before = side.stock()
        result, other = send(side.adapter, [write(side.ref(SIMPLE), "1.5"), write(side.ref(OTHER), 1, key="other")])
        assert isinstance(other, Applied)
        if side.adapter.capabilities.fractions:
            assert isinstance(result, Applied)
            assert side.stock() == before | {SIMPLE: before[SIMPLE] + Decimal("1.5"), OTHER: before[OTHER] + 1}
            return
        assert isinstance(result, Refused)
        assert not result.gone
        assert side.stock() == before | {OTHER: before[OTHER] + 1}
        sent = len([exchange for exchange in side.exchanges() if exchange.write])
        send(side.adapter, [write(side.ref(SIMPLE), "-0.25")])
        assert len([exchange for exchange in side.exchanges() if exchange.write]) == sent

    @pytest.mark.parametrize("difference", ["0.001", "-2.0004", "1E-9"])
    def test_nothing_is_rounded_in_silence(self, side: SideDriver, difference: str) -> None:
        """A difference finer than the side counts is refused, or added to the last digit."""
        before = side.stock()[SIMPLE]
        (result,) = send(side.adapter, [write(side.ref(SIMPLE), difference)])
        applied = isinstance(result, Applied)
        assert applied or isinstance(result, Refused)
        assert side.stock()[SIMPLE] == before + (Decimal(difference) if applied else ZERO)

    def test_a_listing_that_is_not_counted(self, side: SideDriver) -> None:
        """A write is refused, not swallowed; with ``start_managing`` it is counted from zero."""
        if not side.traits.uncounted:
            lacking(side, "uncounted", "everything is counted on this side")
        side.stop_counting(SIMPLE)
        plain = write(side.ref(SIMPLE), 6)
        (result,) = side.adapter.write_stock([plain])
        assert isinstance(result, Refused)
        assert not result.gone
        assert SIMPLE not in side.stock()
        (result,) = side.adapter.write_stock([replace(plain, operation_id="op-2", start_managing=True)])
        assert isinstance(result, Applied)
        assert side.stock()[SIMPLE] == 6


class EvidencePromises:
    """Part of ``SideAdapterSuite``."""

    def test_a_sale_is_evidence(self, side: SideDriver) -> None:
        """``read_events`` reports a sale with its listing, a negative quantity and a key that stays."""
        self._needs_events(side)
        since = side.now() - SECOND
        side.sell(SIMPLE, Decimal(2))
        side.sell(VARIATION, Decimal(3))
        side.receive(OTHER, Decimal(5))
        first, second = events(side, since), events(side, since)
        assert first.keys() == second.keys()
        found = {(event.ref, event.quantity, event.kind) for event in first.values()}
        sold = {
            (side.ref(SIMPLE), Decimal(-2), EventKind.ORDER),
            (side.ref(VARIATION), Decimal(-3), EventKind.ORDER),
        }
        assert found == sold

    def test_a_cancelled_sale_moves_nothing(self, side: SideDriver) -> None:
        """After a cancellation the same key reports zero."""
        self._needs_events(side)
        since = side.now() - SECOND
        document = side.sell(VARIATION, Decimal(3))
        (before,) = events(side, since).values()
        side.pass_time(2)
        side.cancel(document)
        assert {key: event.quantity for key, event in events(side, since).items()} == {before.key: ZERO}

    def test_evidence_is_read_again_after_changes_were(self, side: SideDriver) -> None:
        """``read_events`` tells of what a read of changes has dealt with, too; it settles writes of long ago."""
        self._needs_events(side)
        found = read_everything(side)
        since = side.now() - SECOND
        side.sell(SIMPLE, Decimal(2))
        side.pass_time(1)
        list(side.adapter.read_changes(found.cursor))
        side.pass_time(3000)
        assert sum(event.quantity for event in events(side, since).values()) == -2

    @pytest.mark.parametrize("ahead_s", [-7200, 5400])
    def test_times_of_evidence_are_by_our_clock(self, side: SideDriver, ahead_s: float) -> None:
        """``since`` and ``occurred_at`` count by our clock, however wrong the side's is; in reads of changes too."""
        self._needs_events(side)
        if not side.traits.wire:
            pytest.skip("no clock of its own on this side")
        side.set_clock_ahead(ahead_s)
        cursor = read_everything(side).cursor
        side.sell(OTHER, Decimal(1))
        side.pass_time(1000)
        sold_at = side.now()
        side.sell(SIMPLE, Decimal(2))
        asked = list(events(side, sold_at - SECOND).values())
        paged = [event for page in side.adapter.read_changes(cursor) for event in page.events]
        assert [(event.ref, event.quantity) for event in asked] == [(side.ref(SIMPLE), Decimal(-2))]
        for event in [*asked, *paged]:
            if event.ref == side.ref(SIMPLE):
                assert abs(event.occurred_at - sold_at) <= 3 * SECOND
                assert event.began_at is None or abs(event.began_at - sold_at) <= 3 * SECOND

    def test_old_sales_are_no_evidence(self, side: SideDriver) -> None:
        """Documents that last changed long before ``since`` are left out."""
        self._needs_events(side)
        side.sell(SIMPLE, Decimal(2))
        side.pass_time(3600)
        assert events(side, side.now() - SECOND) == {}

    @staticmethod
    def _needs_events(side: SideDriver) -> None:
        if not side.adapter.capabilities.events:
            lacking(side, "events", "no evidence on this side")


def _needs_keys(side: SideDriver) -> None:
    if not side.adapter.capabilities.key_life_s:
        lacking(side, "key_life_s", "no keys of writes on this side")


def events(side: SideDriver, since: datetime) -> dict[str, StockEvent]:
    """Evidence since a moment, by key."""
    found = side.adapter.read_events(since)
    for event in found:
        check_event(event)
    return {event.key: event for event in found}


class Once:
    """Somebody who buys one unit while our write is on its way."""

    def __init__(self, side: SideDriver, sku: str) -> None:
        self._side = side
        self._sku = sku
        self.sold = False

    def __call__(self, exchange: Exchange) -> None:
        if exchange.write and not self.sold:
            self.sold = True
            self._side.sell(self._sku, Decimal(1))
