"""Orders and returns as evidence: they explain a reading or settle an unknown outcome, they never move stock.

They are not read in every cycle: a quiet cycle is two requests.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from loguru import logger

from syncd.adapters.inventorum.mapping import row_id
from syncd.adapters.inventorum.paging import read_growing
from syncd.adapters.inventorum.times import parse_time, to_wire
from syncd.core.model import ZERO, EventKind, ListingRef, StockEvent
from syncd.errors import NotFound, PermissionMissing, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from syncd.adapters.inventorum.client import InventorumClient
    from syncd.adapters.inventorum.wire import Fields

DEFAULT_CHANNELS = ("ipad", "shop", "ebay", "ece", "backoffice", "atalanda", "click_and_collect")
"""Source: section 9.1 [docs:orders v12]. Used where ``/info/`` does not name the account's channels."""

_MOST_CHANNELS = 50

DRAFT = 1
CANCELED = 4
_UNDONE_RETURN = frozenset({"deleted", "canceled", "cancelled"})


def channels_of(info: Fields | None) -> tuple[str, ...]:
    """Return the channels that ``/info/`` names, or the documented ones."""
    named: list[str] = []
    if info is not None and isinstance(info.raw.get("channels"), list):
        named = [name for channel in info.objects("channels") if (name := channel.code("name"))]
    return tuple(dict.fromkeys(named[:_MOST_CHANNELS])) or DEFAULT_CHANNELS


def read_events(
    client: InventorumClient, since: datetime, channels: Sequence[str], product_of_line: dict[str, str] | None = None
) -> list[StockEvent]:
    """Read orders and returns of all channels changed since ``since``.

    A channel that the account does not know is left out. A return whose order was not read is left out too: its lines
    name the order's line, not the product. When a return was made the list does not say, only that it was since then.

    Args:
        client: Wire calls.
        since: Asked for.
        channels: Names of the channels.
        product_of_line: Products of order lines read before; those read now are added.

    Raises:
        SideError: As the reads.
    """
    start = to_wire(since)
    events: list[StockEvent] = []
    product_of_line = {} if product_of_line is None else product_of_line
    for channel in channels:
        for row, date in _rows(client, "orders", channel, start):
            for event, line in order_events(row, date or since):
                events.append(event)
                product_of_line[line] = event.ref.external_id
    for channel in channels:
        for row, date in _rows(client, "returns", channel, start):
            returned = return_events(row, max(date or since, since), product_of_line)
            events.extend(replace(event, began_at=since) for event in returned)
    return events


def _rows(client: InventorumClient, kind: str, channel: str, start: str) -> Iterator[tuple[Fields, datetime | None]]:
    read = client.orders_delta if kind == "orders" else client.returns_delta
    where = client.where(f"{kind}/delta/")
    try:
        # Orders count pages from 0 by the documentation and from 1 in the vendor's own client: 0 suits both.
        for page in read_growing(partial(read, channel, start), row_id, where, first_page=0 if kind == "orders" else 1):
            for row in page.rows:
                yield row, page.date
    except PermissionMissing:
        if kind == "orders":
            raise
        logger.bind(side=client.side).debug("inventorum.returns_not_allowed")
    except NotFound:
        raise
    except Rejected as error:
        if error.status != 400:
            raise
        logger.bind(side=client.side, channel=channel, reason=error.detail).debug("inventorum.channel_refused")


def order_events(order: Fields, seen_at: datetime) -> Iterator[tuple[StockEvent, str]]:
    """Read an order: one event per line with a product, and the line's id.

    A line counts as it was sold (``original_quantity``): returns are documents of their own. Cancelled orders keep
    positive quantities on the wire and count zero here, and so do drafts. When an order was cancelled it does not say.

    Args:
        order: Row of the delta.
        seen_at: Used where the order does not say when it happened.
    """
    number = order.identifier("id")
    state = order.integer("state")
    changed_at = _time(order, "completed_at") or _time(order, "time_added") or seen_at
    for line in order.nested("basket").objects("items"):
        product = line.identifier_or_none("product")
        if product is None:
            continue
        sold = line.quantity("original_quantity" if "original_quantity" in line.raw else "quantity")
        line_id = line.identifier("id")
        cancelled = bool(state & CANCELED) and not state & DRAFT
        event = StockEvent(
            ref=ListingRef(product),
            key=f"order:{number}:line:{line_id}",
            kind=EventKind.ORDER,
            reference=f"order {number}",
            quantity=ZERO if state & (CANCELED | DRAFT) else -sold,
            occurred_at=max(changed_at, seen_at) if cancelled else changed_at,
            began_at=changed_at if cancelled else None,
            undone=sold if cancelled else ZERO,
        )
        yield event, line_id


def _time(order: Fields, name: str) -> datetime | None:
    """Read an optional time.

    Raises:
        InvalidResponse: Something else stands there; to guess when an order happened could settle a write wrongly.
    """
    if not order.has(name):
        return None
    at = parse_time(order.text(name))
    if at is None:
        raise order.invalid(name, "is not a time")
    return at


def return_events(row: Fields, seen_at: datetime, product_of_line: dict[str, str]) -> Iterator[StockEvent]:
    """Read a return: one event per line whose order line is known; returned units come back into stock.

    Whether the merchant chose to restock is not in the list, so an event of this kind is a possible explanation only.
    """
    number = row.identifier("id")
    order = row.identifier_or_none("order")
    undone = (row.text("delta_state") or "") in _UNDONE_RETURN
    for line in row.objects("items"):
        product = product_of_line.get(line.identifier("basket_item")) if line.has("basket_item") else None
        if product is None:
            continue
        yield StockEvent(
            ref=ListingRef(product),
            key=f"return:{number}:line:{line.identifier('id')}",
            kind=EventKind.RETURN,
            reference=f"return {number}" + (f" of order {order}" if order else ""),
            quantity=ZERO if undone else line.quantity("quantity"),
            occurred_at=seen_at,
        )
