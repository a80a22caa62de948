"""What changed since a moment of the shop's clock: orders, products, stock by location, deletions.

Source: shopify-api.md sections 3 and 4. Searches run on an index that lags by seconds and sometimes minutes, so each
read goes back further than the engine asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from syncd.adapters.answers import Malformed, Row, row_of, text_of
from syncd.adapters.shopify.evidence import OrderReader
from syncd.adapters.shopify.mapping import Unit
from syncd.adapters.shopify.operations import (
    CHANGED_LEVELS,
    CHANGED_PRODUCTS,
    DESTROYED,
    EVENTS_PER_PAGE,
    FIRST_PAGE,
    LEVELS_PER_PAGE,
    PRODUCTS_PER_PAGE,
)
from syncd.adapters.shopify.wire import api_time, gid_of, is_gid, nodes_of, time_or_none
from syncd.core.model import ChangePage, GoneListing, ListingRef, Proof, RemoteListing

if TYPE_CHECKING:
    from syncd.adapters.shopify.catalogue import Catalogue
    from syncd.adapters.shopify.client import Page, ShopifyClient
    from syncd.adapters.shopify.facts import ShopFacts
    from syncd.core.model import Cursor, StockEvent

FEED = "changes"
INDEX_LAG = timedelta(minutes=2)
_SAME_SECOND = timedelta(seconds=3)


@dataclass
class _Pass:
    """One read: the shop's clock at its first answer, and what was read already."""

    began: datetime | None = None
    listings: set[str] = field(default_factory=set)
    variants: set[str] = field(default_factory=set)
    known: Mapping[str, datetime] = field(default_factory=dict)
    versions: dict[str, datetime] = field(default_factory=dict)

    def is_news(self, row: Row) -> bool:
        """Whether a row has another time of change than when it was read last."""
        gid, changed = text_of(row, "id"), time_or_none(row, "updatedAt")
        if changed is not None:
            self.versions[gid] = changed
        return changed is None or self.known.get(gid) != changed

    def settled(self) -> dict[str, datetime]:
        """Versions that nothing can have changed unseen: they were old when this read began."""
        began = self.began
        return {gid: at for gid, at in self.versions.items() if began is not None and at + _SAME_SECOND < began}

    def note(self, date: datetime | None) -> None:
        if date is None:
            raise Malformed("an answer without a Date header")
        self.began = self.began or date

    def take(self, found: Sequence[Unit | RemoteListing]) -> tuple[RemoteListing, ...]:
        listings: dict[str, RemoteListing] = {}
        for one in found:
            listing = one.listing if isinstance(one, Unit) else one
            if isinstance(one, Unit):
                self.variants.add(one.variant)
            listings[listing.ref.external_id] = listing
        self.listings |= listings.keys()
        return tuple(listings.values())


@dataclass
class _Known:
    """What the last read has brought already, by id with its time of change; it counts for the read that follows on.

    Each read goes back over minutes that the one before has read, and would read all of it by id again. What has the
    same time of change is the same, unless it changed twice within the second that such times are told in.
    """

    cursor: str = ""
    versions: dict[str, datetime] = field(default_factory=dict)

    def follow(self, cursor: Cursor) -> dict[str, datetime]:
        """Versions that a read from this cursor may leave out: it is asked for when all of the last was committed."""
        return self.versions if cursor.get(FEED) == self.cursor else {}


class ChangeReader:
    """Reads all feeds of one shop."""

    def __init__(self, client: ShopifyClient, catalogue: Catalogue, facts: ShopFacts, overlap: timedelta) -> None:
        self._client = client
        self._catalogue = catalogue
        self._facts = facts
        self._overlap = max(overlap, INDEX_LAG)
        self._known = _Known()
        self._orders = OrderReader(client, lambda: facts.counted().gids)

    def read(self, cursor: Cursor) -> Iterator[ChangePage]:
        """Read everything since a cursor; the new one is the shop's clock at the first answer.

        Raises:
            Malformed: The cursor or an answer is not what it must be.
        """
        since = _moment(cursor) - self._overlap
        done = _Pass(known=self._known.follow(cursor))
        self._known = _Known()
        moved: set[str] = set()
        for events in self._documents(since, done):
            moved |= {event.ref.external_id for event in events}
            yield ChangePage(events=tuple(events))
        for found in self._products(since, done):
            yield ChangePage(listings=done.take(found))
        for found in self._stock(since, done):
            yield ChangePage(listings=done.take(found))
        late = [ListingRef(gid) for gid in sorted(moved - done.listings)]
        if late:
            listings = self._catalogue.fetch(late).listings
            yield ChangePage(listings=done.take(listings))
        gone = self._deletions(since, done)
        if gone:
            yield ChangePage(gone=gone)
        if done.began is None:
            raise Malformed("no answer told the time")
        self._known = _Known(position(done.began)[FEED], done.settled())
        yield ChangePage(cursor=position(done.began))

    def events_since(self, moment: datetime) -> list[StockEvent]:
        """Orders that changed since a moment of the shop's clock; none if they are no evidence."""
        if not self._facts.counted().evidence:
            return []
        return [event for events, _ in self._orders.since(moment) for event in events]

    def _documents(self, since: datetime, done: _Pass) -> Iterator[list[StockEvent]]:
        if not self._facts.counted().evidence:
            return
        for events, date in self._orders.since(since, done.is_news):
            done.note(date)
            if events:
                yield events

    def _products(self, since: datetime, done: _Pass) -> Iterator[Sequence[Unit | RemoteListing]]:
        variables = {"first": PRODUCTS_PER_PAGE, "query": f"updated_at:>='{api_time(since)}'"}
        for page in self._noted(self._client.pages(CHANGED_PRODUCTS, variables, begin=FIRST_PAGE), done):
            fresh = {gid_of(row, "Product"): row for row in page.rows if done.is_news(row)}
            yield from self._catalogue.of_products(list(fresh.values()))

    def _stock(self, since: datetime, done: _Pass) -> Iterator[Sequence[Unit | RemoteListing]]:
        """Variants whose stock changed at a location that counts, read by id."""
        for location in self._facts.counted().gids:
            variables = {
                "location": location,
                "first": LEVELS_PER_PAGE,
                "query": f"updated_at:>='{api_time(since)}'",
            }
            for page in self._noted(self._client.pages(CHANGED_LEVELS, variables, "location", begin=FIRST_PAGE), done):
                ids = [
                    gid_of(variant, "ProductVariant")
                    for row in page.rows
                    if done.is_news(row)
                    for variant in nodes_of(row_of(row, "item"), "variants")
                ]
                yield from self._catalogue.units([gid for gid in dict.fromkeys(ids) if gid not in done.variants])

    def _deletions(self, since: datetime, done: _Pass) -> tuple[GoneListing, ...]:
        """What the shop's history names as deleted, and cannot be read any more."""
        named: list[str] = []
        for kind in ("PRODUCT", "PRODUCT_VARIANT"):
            query = f"action:destroy subject_type:{kind} created_at:>='{api_time(since)}'"
            variables = {"first": EVENTS_PER_PAGE, "query": query}
            for page in self._noted(self._client.pages(DESTROYED, variables, begin=FIRST_PAGE), done):
                named += [text_of(row, "subjectId") for row in page.rows if text_of(row, "action") == "destroy"]
        candidates = [gid for gid in named if is_gid(gid, "Product") or is_gid(gid, "ProductVariant")]
        parents = {gid: parent for parent in candidates for gid in self._catalogue.known_children(parent)}
        wanted = list(dict.fromkeys([*candidates, *parents]))
        there = self._catalogue.exists(wanted) if wanted else set()
        return tuple(
            GoneListing(ListingRef(gid, parents.get(gid)), Proof.DELETED_FEED) for gid in wanted if gid not in there
        )

    @staticmethod
    def _noted(pages: Iterator[Page], done: _Pass) -> Iterator[Page]:
        for page in pages:
            done.note(page.date)
            yield page


def position(moment: datetime) -> dict[str, str]:
    """A cursor."""
    return {FEED: api_time(moment)}


def _moment(cursor: Cursor) -> datetime:
    try:
        return datetime.fromisoformat(cursor[FEED]).astimezone(UTC)
    except (KeyError, ValueError):
        raise Malformed("the cursor is not one of this adapter's") from None
