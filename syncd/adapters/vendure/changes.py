"""What changed in a shop since a cursor: orders first, products and variants after them.

An order moves stock and neither its variants' dates nor their products' (``stock-level.service.ts`` of Vendure 3.7.3),
so the variants of its lines are read by id. Whatever is edited in the administration gets a new date. What a database
or a plugin changes past the services leaves none: sweeps find it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from syncd.adapters.answers import Malformed, row_of
from syncd.adapters.vendure.evidence import order_events, part_of, taken_back
from syncd.adapters.vendure.mapping import unit_of
from syncd.adapters.vendure.operations import ORDERS, ORDERS_PER_PAGE, UNITS_PER_PAGE
from syncd.adapters.vendure.paging import Walk, changed_since
from syncd.adapters.vendure.wire import api_time
from syncd.core.model import ChangePage, EventKind, ListingRef, StockEvent

if TYPE_CHECKING:
    from syncd.adapters.answers import Row
    from syncd.adapters.vendure.catalogue import Catalogue
    from syncd.adapters.vendure.client import VendureClient
    from syncd.adapters.vendure.facts import ShopFacts
    from syncd.core.model import Cursor, RemoteListing

FEED = "changes"
_REMEMBERED = 5_000
_CUT = timedelta(seconds=1)
"""Some databases keep times in whole seconds."""


@dataclass
class _Pass:
    """One read: when it began by the shop's clock, and what was read already."""

    since: datetime
    began: datetime | None = None
    listings: set[str] = field(default_factory=set)

    def take(self, found: list[RemoteListing]) -> tuple[RemoteListing, ...]:
        self.listings |= {listing.ref.external_id for listing in found}
        return tuple(found)


class ChangeReader:
    """Reads all feeds of one shop; remembers of which lines of orders a part came back."""

    def __init__(self, client: VendureClient, catalogue: Catalogue, facts: ShopFacts, overlap: timedelta) -> None:
        self._client = client
        self._catalogue = catalogue
        self._facts = facts
        self._overlap = overlap
        self._parts: OrderedDict[str, None] = OrderedDict()

    def read(self, cursor: Cursor) -> Iterator[ChangePage]:
        """Read everything since a cursor; the new one is the shop's clock at the first answer.

        Raises:
            Malformed: The cursor or an answer is not what it must be.
        """
        done = _Pass(_moment(cursor) - self._overlap - _CUT)
        moved: set[str] = set()
        for events in self._documents(done):
            moved |= {event.ref.external_id for event in events}
            if events and self._facts.now().alone:
                yield ChangePage(events=tuple(events))
        changed = changed_since(done.since, api_time)
        for page in self._catalogue.everything(self._catalogue.walk(), changed):
            yield ChangePage(listings=done.take(list(page.listings)))
        facts = self._facts.now()
        for rows in Walk(self._client, self._catalogue.operations.units, UNITS_PER_PAGE).pages(changed):
            units = [unit_of(row, row_of(row, "product"), facts).listing for row in rows]
            fresh = [unit for unit in units if unit.ref.external_id not in done.listings]
            yield ChangePage(listings=done.take(fresh))
        late = sorted(moved - done.listings)
        if late:
            result = self._catalogue.fetch([ListingRef(one) for one in late])
            yield ChangePage(listings=result.listings, gone=result.gone)
        if done.began is None:
            raise Malformed("no answer told the time")
        yield ChangePage(cursor=position(done.began))

    def events_since(self, moment: datetime) -> list[StockEvent]:
        """Evidence of orders that changed since a moment of the shop's clock; none if their stock may lie elsewhere."""
        if not self._facts.now().alone:
            return []
        found = [event for events in self._documents(_Pass(moment - _CUT)) for event in events]
        return [event for event in found if event.occurred_at >= moment - _CUT]

    def _documents(self, done: _Pass) -> Iterator[list[StockEvent]]:
        """Evidence, page by page. Should the shop's clock have been set back, what it stamped since is read too."""
        walk = Walk(self._client, ORDERS, ORDERS_PER_PAGE)
        pages = walk.pages(self._placed(done.since))
        first = next(pages)
        done.began = walk.opened_at
        if done.began is not None and done.began < done.since:
            done.since = done.began - self._overlap - _CUT
            pages = walk.pages(self._placed(done.since))
            first = next(pages)
        yield self._events(first)
        for rows in pages:
            yield self._events(rows)

    def _events(self, rows: Sequence[Row]) -> list[StockEvent]:
        """Evidence of orders; zeros for parts of lines that came back and are now of lines that came back whole."""
        found = [event for row in rows for event in order_events(row)]
        for event in list(found):
            if event.kind is EventKind.RETURN:
                self._parts[event.key] = None
            elif not event.quantity and part_of(event.key) in self._parts:
                found.append(taken_back(event))
        while len(self._parts) > _REMEMBERED:
            self._parts.popitem(last=False)
        return found

    @staticmethod
    def _placed(since: datetime) -> dict[str, object]:
        return {**changed_since(since, api_time), "orderPlacedAt": {"isNull": False}}


def position(moment: datetime) -> dict[str, str]:
    """A cursor."""
    return {FEED: moment.astimezone(UTC).isoformat()}


def _moment(cursor: Cursor) -> datetime:
    text = cursor.get(FEED, "")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed(f"{text!r} is no position") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
