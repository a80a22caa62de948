"""What changed in a shop since a cursor: five feeds, one request each when nothing did.

Order matters. Refunds and orders are read first and the products of their lines last, so that a product read in this
cycle is always younger than every order of this cycle: shops whose orders do not touch the product's modification date
are right all the same (woocommerce-api.md section 2, older shops).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from syncd.adapters.answers import Row
from syncd.adapters.woocommerce import evidence, mapping
from syncd.adapters.woocommerce.catalogue import Catalogue, chunks
from syncd.adapters.woocommerce.client import NO_ROUTE, ListRequest, WooClient
from syncd.adapters.woocommerce.feeds import Query, modified_since, row_time, whole_list
from syncd.adapters.woocommerce.positions import FeedPosition, Tally, api_time
from syncd.core.model import ZERO, ChangePage, EventKind, GoneListing, ListingRef, Proof, StockEvent
from syncd.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from syncd.core.model import Cursor

FEEDS = ("products", "variations", "orders", "refunds", "trash")
"""Names of the positions in a cursor; see ``FeedPosition`` for their text."""

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_REMEMBERED_ORDERS = 5_000
_SETTLED = timedelta(seconds=2)


@dataclass(slots=True)
class _Cycle:
    """State of one read of changes; becomes the reader's memory only when the engine has taken every page."""

    cursor: Cursor
    positions: dict[str, str] = field(default_factory=dict)
    clocks: dict[str, datetime] = field(default_factory=dict)
    orders: dict[int, evidence.OrderChange] = field(default_factory=dict)
    refunds: set[int] = field(default_factory=set)
    refunded_at: dict[int, datetime] = field(default_factory=dict)
    rows: set[tuple[str, int, datetime]] = field(default_factory=set)
    lines: dict[int, dict[str, StockEvent]] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    parents: list[int] = field(default_factory=list)
    trashed_parents: list[int] = field(default_factory=list)

    def keep(self, feed: str, position: FeedPosition) -> None:
        """Note where the feed continues."""
        self.positions[feed] = position.text()

    def note_refund(self, order: int, moment: datetime | None) -> None:
        """Remember when an order was refunded last."""
        if moment is not None:
            self.refunded_at[order] = max(moment, self.refunded_at.get(order, moment))


class ChangeReader:
    """Reads changes, and remembers which rows of the overlap were dealt with (so that a quiet cycle stays quiet)."""

    def __init__(self, client: WooClient, catalogue: Catalogue, overlap: timedelta) -> None:
        self._client = client
        self._catalogue = catalogue
        self._overlap = overlap
        self._has_refunds = True
        self._done_orders: dict[int, evidence.OrderChange] = {}
        self._done_refunds: set[int] = set()
        self._done_rows: set[tuple[str, int, datetime]] = set()
        self._done_for: dict[str, str] = {}
        self._lines: OrderedDict[int, dict[str, StockEvent]] = OrderedDict()

    def read(self, cursor: Cursor) -> Iterator[ChangePage]:
        """Yield pages; the last carries the new cursor."""
        if cursor != self._done_for:
            # Only the read that continues where the last one ended may leave out what that one dealt with.
            self._done_orders, self._done_refunds, self._done_rows = {}, set(), set()
        cycle = _Cycle(cursor)
        changes = self._order_changes(cycle)
        if changes:
            yield self._evidence(cycle, changes)
        yield from self._product_pages(cycle)
        yield from self._variation_pages(cycle)
        yield from self._trash_pages(cycle)
        suspects = self._catalogue.suspects()
        rest = {ref.external_id: ref for ref in [*self._lines_of(changes), *suspects]}
        for ids in _portions([ref for ref in rest.values() if ref.external_id not in cycle.read]):
            result = self._catalogue.fetch(ids)
            yield ChangePage(listings=result.listings, gone=result.gone)
        position = {**cursor, **cycle.positions}
        yield ChangePage(cursor=dict(position))
        # Reached only after the engine has committed the last page.
        self._done_orders, self._done_refunds, self._done_rows = cycle.orders, cycle.refunds, cycle.rows
        self._done_for = position
        self._remember_lines(cycle)
        self._catalogue.clear_suspects(suspects)

    def events_since(self, since: datetime) -> list[StockEvent]:
        """Evidence of every order and refund since an instant, remembered ones too; leaves no trace here."""
        cycle = _Cycle(dict.fromkeys(("orders", "refunds"), api_time(since)))
        return list(self._evidence(cycle, self._order_changes(cycle, again=True)).events)

    # -- orders and refunds

    def _order_changes(self, cycle: _Cycle, *, again: bool = False) -> list[evidence.OrderChange]:
        """Orders whose effect on stock differs from what was last seen (``again``: all of them)."""
        refunded = self._refunded_orders(cycle, again=again)
        changes = []
        for rows in self._feed(cycle, "orders", "orders", evidence.ORDER_FIELDS):
            for row in rows:
                change = evidence.order_change(row)
                refunded.discard(change.order_id)
                cycle.orders[change.order_id] = change
                done = self._done_orders.get(change.order_id)
                if again or done is None or (done.lines, done.refund_ids) != (change.lines, change.refund_ids):
                    changes.append(change)
        # A refund does not always touch its order's date (recording 10 and the older post storage differ).
        for ids in chunks(sorted(refunded)):
            batch = self._client.included("orders", ids, {"_fields": evidence.ORDER_FIELDS})
            changes += [evidence.order_change(row) for row in batch.rows]
        return [
            replace(change, refunded_at=cycle.refunded_at.get(order))
            for order, change in {change.order_id: change for change in changes}.items()
        ]

    def _refunded_orders(self, cycle: _Cycle, *, again: bool) -> set[int]:
        """Orders with refunds that were not dealt with yet (``again``: with any)."""
        orders: set[int] = set()
        if not self._has_refunds:
            return orders
        try:
            for rows in self._feed(cycle, "refunds", "refunds", evidence.REFUND_FIELDS):
                for row in rows:
                    refund, order = mapping.row_id(row), mapping.parent_id_of(row)
                    cycle.refunds.add(refund)
                    if order is not None:
                        cycle.note_refund(order, row_time(row))
                    if (again or refund not in self._done_refunds) and order is not None:
                        orders.add(order)
        except NotFound as error:
            if error.key != NO_ROUTE:
                raise
            # Before WooCommerce 9.0. A restocking refund still moves its products' dates, and the order's own lines
            # tell what came back as soon as the order is listed again.
            self._has_refunds = False
        return orders

    def _evidence(self, cycle: _Cycle, changes: list[evidence.OrderChange]) -> ChangePage:
        """Events of the orders; variations never met are read first to learn whose stock they move."""
        strangers = {
            ref.external_id: ref
            for change in changes
            for line in change.lines
            if line.variation_id and self._catalogue.keeps_pool(line.variation_id) is None
            for ref in [_line_ref(line)]
        }
        met = self._catalogue.fetch(strangers.values())
        cycle.read.update(listing.ref.external_id for listing in met.listings)
        cycle.read.update(gone.ref.external_id for gone in met.gone)
        events = [event for change in changes for event in self._events(cycle, change)]
        return ChangePage(listings=met.listings, gone=met.gone, events=tuple(events))

    def _events(self, cycle: _Cycle, change: evidence.OrderChange) -> list[StockEvent]:
        """Events of one order, and zeros for lines that an edit has taken out of it."""
        events = {event.key: event for event in evidence.order_events(change, self._moved)}
        before = self._lines.get(change.order_id, {})
        undone = [
            StockEvent(old.ref, old.key, EventKind(old.kind), old.reference, ZERO, change.modified_at)
            for key, old in before.items()
            if key not in events
        ]
        cycle.lines[change.order_id] = events
        return [*events.values(), *undone]

    def _remember_lines(self, cycle: _Cycle) -> None:
        for order, events in cycle.lines.items():
            self._lines[order] = events
            self._lines.move_to_end(order)
        while len(self._lines) > _REMEMBERED_ORDERS:
            self._lines.popitem(last=False)

    def _moved(self, line: evidence.OrderLine) -> ListingRef:
        """Which listing a line moved: a pool belongs to the parent."""
        if line.variation_id and self._catalogue.keeps_pool(line.variation_id):
            return ListingRef(str(line.product_id))
        return _line_ref(line)

    def _lines_of(self, changes: Iterable[evidence.OrderChange]) -> list[ListingRef]:
        return [self._moved(line) for change in changes for line in change.lines if line.product_id]

    # -- products, variations, trash

    def _product_pages(self, cycle: _Cycle) -> Iterator[ChangePage]:
        for listed in self._feed(cycle, "products", "products", mapping.PRODUCT_FIELDS, **mapping.AS_STORED):
            rows = _latest(listed)
            listings = self._catalogue.changed_products(rows)
            cycle.read.update(listing.ref.external_id for listing in listings)
            cycle.parents += [
                mapping.row_id(row) for row in rows if mapping.is_group(row) and self._is_news(cycle, "products", row)
            ]
            yield ChangePage(listings=tuple(listings))

    def _variation_pages(self, cycle: _Cycle) -> Iterator[ChangePage]:
        if self._catalogue.global_route is not False:
            try:
                for rows in self._feed(cycle, "variations", "variations", mapping.VARIATION_FIELDS):
                    listings = self._catalogue.variations(_latest(rows))
                    cycle.read.update(listing.ref.external_id for listing in listings)
                    yield ChangePage(listings=tuple(listings))
            except NotFound as error:
                self._catalogue.note_no_global_route(error)
            else:
                self._catalogue.global_route = True
                return
        # Before WooCommerce 10.3: a change of a variation moves its parent's date, so the parents' lists are read.
        cycle.keep("variations", FeedPosition(cycle.clocks["products"]))
        for page in self._catalogue.variations_of(dict.fromkeys(cycle.parents)):
            cycle.read.update(listing.ref.external_id for listing in page)
            yield ChangePage(listings=tuple(page))

    def _trash_pages(self, cycle: _Cycle) -> Iterator[ChangePage]:
        for rows in self._feed(cycle, "trash", "products", mapping.TRASH_FIELDS, status="trash"):
            # A shop that does not know a filter ignores it: the value in the row is the proof.
            trashed = [row for row in _latest(rows) if row.get("status") == "trash"]
            gone = [GoneListing(ListingRef(str(mapping.row_id(row))), Proof.TRASHED) for row in trashed]
            cycle.read.update(one.ref.external_id for one in gone)
            if gone:
                yield ChangePage(gone=tuple(gone))
            cycle.trashed_parents += [
                mapping.row_id(row) for row in trashed if mapping.is_group(row) and self._is_news(cycle, "trash", row)
            ]
        for parent in cycle.trashed_parents:
            yield from self._trashed_children(cycle, parent)

    def _trashed_children(self, cycle: _Cycle, parent: int) -> Iterator[ChangePage]:
        """Trashing a parent trashes its variations, which no other feed shows (recording 06)."""
        request = ListRequest(self._client, f"products/{parent}/variations", "id,status", status="trash")
        listed = [
            GoneListing(ListingRef(str(row["id"]), str(parent)), Proof.TRASHED)
            for rows in whole_list(request, Query())
            for row in rows
            if row.get("status") == "trash"
        ]
        proved = {one.ref.external_id for one in listed}
        if listed:
            yield ChangePage(gone=tuple(listed))
        others = [ref for ref in self._catalogue.known_children(parent) if ref.external_id not in proved]
        cycle.read.update(proved)
        for portion in _portions(others):
            result = self._catalogue.fetch(portion)
            cycle.read.update(ref.external_id for ref in portion)
            yield ChangePage(listings=result.listings, gone=result.gone)

    # -- feeds

    def _feed(self, cycle: _Cycle, name: str, route: str, fields: str, **params: str) -> Iterator[list[Row]]:
        """Rows of a feed since its position, and the position for the next read.

        The new position is the server's clock at the first answer. If that lies before the old position the server's
        clock was set back, and what it stamped since would be missed: the feed is asked again from there.
        """
        tally = Tally(self._overlap)
        request = ListRequest(self._client, route, fields, tally=tally, **params)
        position = self._position(cycle, name)
        if position is None:
            # Evidence from before the first read explains nothing: start from the server's now.
            tally.add((), self._client.clock(route))
            cycle.keep(name, tally.position())
            return
        since = position.since(self._overlap)
        newest = request(Query("modified", after=since, descending=True))
        clock = tally.position().clock
        cycle.clocks[name] = clock
        if clock < position.clock - _SETTLED:
            since = clock - self._overlap
            newest = request(Query("modified", after=since, descending=True))
        kept: FeedPosition | None = None
        pages: Iterable[list[Row]]
        if len(newest.rows) >= newest.total if newest.total is not None else not newest.rows:
            pages = [list(newest.rows)]
        elif judged := position.judge(newest, clock - self._overlap):
            rows, kept = judged
            pages = [list(rows)]
        else:
            pages = modified_since(request, since)
        yield from (page for page in pages if page)
        cycle.keep(name, kept or tally.position())

    def _position(self, cycle: _Cycle, name: str) -> FeedPosition | None:
        text = cycle.cursor.get(name)
        if text is not None:
            return FeedPosition.parse(text)
        return None if name in {"orders", "refunds", "trash"} else FeedPosition(_BEGINNING + self._overlap)

    def _is_news(self, cycle: _Cycle, feed: str, row: Row) -> bool:
        """Whether a row that costs further requests was not dealt with in the cycle before.

        A row is remembered only when its second has passed: within it, it may change again unseen.
        """
        at = row_time(row)
        if at is None:
            return True
        key = (feed, mapping.row_id(row), at)
        if cycle.clocks[feed] >= at + _SETTLED:
            cycle.rows.add(key)
        return key not in self._done_rows


def _line_ref(line: evidence.OrderLine) -> ListingRef:
    if line.variation_id:
        return ListingRef(str(line.variation_id), str(line.product_id))
    return ListingRef(str(line.product_id))


def _latest(rows: list[Row]) -> list[Row]:
    """Each id once, in its latest form."""
    return list({mapping.row_id(row): row for row in rows}.values())


def _portions(refs: list[ListingRef], size: int = 100) -> Iterator[list[ListingRef]]:
    for start in range(0, len(refs), size):
        yield refs[start : start + size]
