"""Putting the pages of a read together, checking on the way what every read promises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from syncd.adapters.base import SideAdapter
from syncd.core.model import (
    ChangePage,
    GoneListing,
    ListingRef,
    NotSent,
    RemoteListing,
    StockEvent,
    StockMode,
    StockWrite,
    Unknown,
    WriteResult,
)
from syncd.errors import OutcomeUnknown, Stopped, Transient
from syncd.testing.side import SideDriver


@dataclass
class Found:
    """What reads have brought so far: the latest reading of each listing, as the engine would keep it.

    Attributes:
        listings: By id.
        gone: By id; a later reading takes an entry out again.
        events: By key.
        times: How often each id came.
        cursor: Of the last read.
    """

    listings: dict[str, RemoteListing] = field(default_factory=dict)
    gone: dict[str, GoneListing] = field(default_factory=dict)
    events: dict[str, StockEvent] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    cursor: dict[str, str] = field(default_factory=dict)

    def add(self, page: ChangePage) -> None:
        """Take in a page."""
        ids = [listing.ref.external_id for listing in page.listings]
        assert len(ids) == len(set(ids)), "a listing comes twice in one page"
        for listing in page.listings:
            check_listing(listing)
            external_id = listing.ref.external_id
            self.listings[external_id] = listing
            self.gone.pop(external_id, None)
            self.times[external_id] = self.times.get(external_id, 0) + 1
        for one in page.gone:
            self.gone[one.ref.external_id] = one
            self.listings.pop(one.ref.external_id, None)
        for event in page.events:
            check_event(event)
            self.events[event.key] = event

    def stock(self) -> dict[str, Decimal]:
        """Quantities of what is counted, by SKU."""
        return {
            listing.sku: listing.quantity
            for listing in self.listings.values()
            if listing.sku and listing.quantity is not None
        }

    def sku(self, sku: str) -> RemoteListing:
        """The reading of what can be sold under this SKU."""
        (found,) = [
            listing
            for listing in self.listings.values()
            if listing.sku == sku and listing.stock_mode is not StockMode.GROUP
        ]
        return found


def check_listing(listing: RemoteListing) -> None:
    """Check the types and the one rule between mode and quantity."""
    assert listing.ref.external_id
    assert listing.sku != ""
    assert listing.gtin != ""
    assert listing.quantity is None or listing.stock_mode is StockMode.OWN
    assert isinstance(listing.quantity, Decimal | None)
    assert listing.quantity is None or listing.quantity.is_finite()


def check_event(event: StockEvent) -> None:
    """Check that an event has all that evidence needs."""
    assert isinstance(event.quantity, Decimal)
    assert event.occurred_at.utcoffset() == timedelta(0)
    assert event.key
    assert event.reference


def read(pages: Iterable[ChangePage], into: Found | None = None) -> Found:
    """Read to the end: the cursor, of texts, is on the last page and only there."""
    found = into if into is not None else Found()
    cursors: list[Mapping[str, str] | None] = []
    for page in pages:
        assert not any(cursors), "a page follows the one with the cursor"
        cursors.append(page.cursor)
        found.add(page)
    assert cursors, "no page at all"
    assert cursors[-1], "the last page has no cursor"
    found.cursor = dict(cursors[-1])
    assert all(isinstance(text, str) for item in found.cursor.items() for text in item)
    return found


def read_everything(side: SideDriver) -> Found:
    """Read all, then let the overlap pass, so that only what happens from now on is a change."""
    found = read(side.adapter.read_all())
    for _ in range(2):
        side.pass_time(200)
        read(side.adapter.read_changes(found.cursor), found)
    side.pass_time(200)
    return found


def changes(side: SideDriver, cursor: dict[str, str]) -> Found:
    """Read what changed since ``cursor``."""
    return read(side.adapter.read_changes(cursor))


def assert_all_of(side: SideDriver, found: Found, whole: Found) -> None:
    """Nothing of ``whole`` is missing. A feed may bring more: a new process looks where the old one knew better."""
    assert found.listings.keys() >= whole.listings.keys()
    assert found.gone == whole.gone
    assert found.stock().items() >= whole.stock().items()
    assert_true(side, found)


def assert_true(side: SideDriver, found: Found) -> None:
    """Every reading is what the side really holds, every listing that is gone is not there."""
    really = side.stock()
    assert {sku: really.get(sku) for sku in found.stock()} == found.stock()
    living = {side.ref(sku).external_id for sku in really}
    assert not living & found.gone.keys()


def write(
    ref: ListingRef, difference: Decimal | int | str, *, key: str = "op-1", before: Decimal | int = 0
) -> StockWrite:
    """Intend a write."""
    return StockWrite(ref, key, Decimal(difference), Decimal(before))


def portions(adapter: SideAdapter, writes: list[StockWrite]) -> Iterator[list[StockWrite]]:
    """Cut writes into calls of the size that the adapter takes."""
    size = adapter.capabilities.batch_size
    for start in range(0, len(writes), size):
        yield writes[start : start + size]


def send(adapter: SideAdapter, writes: list[StockWrite]) -> list[WriteResult]:
    """Write, in as many calls as it takes; what an error says of a whole call is said of each of its writes."""
    results: list[WriteResult] = []
    for portion in portions(adapter, writes):
        try:
            found = adapter.write_stock(portion)
        except OutcomeUnknown as error:
            found = [Unknown(error.detail) for _ in portion]
        except (Transient, Stopped) as error:
            found = [NotSent(str(error)) for _ in portion]
        assert len(found) == len(portion)
        results += found
    return results
