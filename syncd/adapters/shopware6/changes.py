"""What changed in a shop since a cursor: orders first, products last.

A product read in this cycle is always younger than every order of this cycle. Before 6.7.4 an order moves the stock of
its products and not their date (shopware6-api.md section 2), so the products of each order's lines are read by id, on
every version: a document comes with what it moved.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from syncd.adapters.answers import Malformed
from syncd.adapters.shopware6 import evidence
from syncd.adapters.shopware6.catalogue import Catalogue, groups
from syncd.adapters.shopware6.paging import Walk, by_ids, changed_since, equals, small_list
from syncd.adapters.shopware6.wire import api_time, row_id
from syncd.core.model import ChangePage, RemoteListing, StockEvent

if TYPE_CHECKING:
    from syncd.adapters.answers import Row
    from syncd.adapters.shopware6.client import ShopClient
    from syncd.core.model import Cursor

PRODUCTS, ORDERS = "products", "orders"
"""Names of the positions in a cursor: the server's clock when the feed was read, in UTC."""

ORDERS_TOUCH_PRODUCTS = (6, 7, 4)
"""From this version on a changed line of an order shows in its product's date."""

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_REMEMBERED_ORDERS = 5_000
_SETTLED = timedelta(seconds=2)


@dataclass(slots=True)
class _Cycle:
    """State of one read of changes."""

    cursor: Cursor
    positions: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    lines: dict[str, dict[str, StockEvent]] = field(default_factory=dict)


class ChangeReader:
    """Reads changes. Remembers lines of orders, so that one that was taken out of its order is noticed."""

    def __init__(self, client: ShopClient, catalogue: Catalogue, overlap: timedelta) -> None:
        self._client = client
        self._catalogue = catalogue
        self._overlap = overlap
        self._lines: OrderedDict[str, dict[str, StockEvent]] = OrderedDict()

    def read(self, cursor: Cursor) -> Iterator[ChangePage]:
        """Yield pages; the last carries the new cursor."""
        cycle = _Cycle(cursor)
        events = self._events(cycle, self._orders(cycle))
        if events:
            yield ChangePage(events=tuple(events))
        for rows in self._feed(cycle, PRODUCTS, self._catalogue.walk()):
            yield from self._families(cycle, rows)
        moved = {event.ref.external_id: event.ref for event in events}
        rest = [ref for ref in moved.values() if ref.external_id not in cycle.read]
        if rest:
            result = self._catalogue.fetch(rest)
            yield ChangePage(listings=result.listings, gone=result.gone)
        yield ChangePage(cursor={**cursor, **cycle.positions})
        self._remember(cycle)  # reached only after the engine has committed the last page

    def events_since(self, since: datetime) -> list[StockEvent]:
        """Evidence of every order that changed since an instant; leaves no trace here."""
        # The walk begins one overlap earlier than its position.
        cycle = _Cycle({ORDERS: api_time(since + self._overlap)})
        return [event for event in self._events(cycle, self._orders(cycle)) if event.occurred_at >= since - _SETTLED]

    # -- orders

    def _orders(self, cycle: _Cycle) -> list[Row]:
        """Orders that changed, or whose lines did."""
        began = self._position(cycle, ORDERS)
        walk = Walk(self._client, "order", evidence.ORDERS)
        rows = {row_id(row): row for page in self._feed(cycle, ORDERS, walk) for row in page}
        if self._client.version() < ORDERS_TOUCH_PRODUCTS and began is not None:
            filters = [changed_since(began - self._overlap), equals("type", "product")]
            lines = small_list(self._client, "order_line_item", evidence.LINES, filters)
            strangers = {row_id(line, "orderId") for line in lines} - rows.keys()
            rows |= by_ids(self._client, "order", sorted(strangers), evidence.ORDERS)
        return list(rows.values())

    def _events(self, cycle: _Cycle, orders: Sequence[Row]) -> list[StockEvent]:
        """Events of orders, and zeros for lines that an edit has taken out of them."""
        found: list[StockEvent] = []
        for order in orders:
            order_id, events = row_id(order), evidence.order_events(order)
            before = self._lines.get(order_id, {})
            lost = [old for key, old in before.items() if key not in events and old.quantity]
            found += [*events.values(), *(evidence.taken_out(old, evidence.changed_at(order)) for old in lost)]
            cycle.lines[order_id] = events
        return found

    def _remember(self, cycle: _Cycle) -> None:
        for order, events in cycle.lines.items():
            self._lines[order] = events
            self._lines.move_to_end(order)
        while len(self._lines) > _REMEMBERED_ORDERS:
            self._lines.popitem(last=False)

    # -- products

    def _families(self, cycle: _Cycle, rows: Sequence[Row]) -> Iterator[ChangePage]:
        """Rows of one page, and all variants of the products among them: they show what their product shows."""
        yield self._page(cycle, rows)
        for variants in self._catalogue.variants_of(groups(rows)):
            news = [row for row in variants if row_id(row) not in cycle.read]
            if news:
                yield self._page(cycle, news)

    def _page(self, cycle: _Cycle, rows: Sequence[Row]) -> ChangePage:
        listings: list[RemoteListing] = self._catalogue.listings(rows)
        cycle.read.update(listing.ref.external_id for listing in listings)
        return ChangePage(listings=tuple(listings))

    # -- feeds

    def _feed(self, cycle: _Cycle, name: str, walk: Walk) -> Iterator[list[Row]]:
        """Rows since a feed's position; the next position is the server's clock at the first answer.

        If that lies before the old position the server's clock was set back, and what it stamped since would be
        missed: the feed is asked again from there.
        """
        position = self._position(cycle, name)
        if position is None:
            # Evidence from before the first read explains nothing: start from the server's now.
            found = self._client.search("order", {"limit": 1, "includes": {"order": ["id"]}})
            cycle.positions[name] = api_time(found.date)
            return
        pages = walk.pages([changed_since(position - self._overlap)])
        first = next(pages)
        opened_at = walk.opened_at or position
        cycle.positions[name] = api_time(opened_at)
        if opened_at < position - _SETTLED:
            pages = walk.pages([changed_since(opened_at - self._overlap)])
            first = next(pages)
        if first:
            yield first
        yield from (page for page in pages if page)

    def _position(self, cycle: _Cycle, name: str) -> datetime | None:
        text = cycle.cursor.get(name)
        if text is None:
            return None if name == ORDERS else _BEGINNING + self._overlap
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise Malformed(f"{text!r} is no position of {name}") from None
        return found if found.tzinfo else found.replace(tzinfo=UTC)
