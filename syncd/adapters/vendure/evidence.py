"""Orders of a shop as evidence of what moved its stock. Pure.

Source: ``default-order-process.ts``, ``stock-movement.service.ts``, ``order-modifier.ts`` of Vendure 3.7.3. Placing an
order allocates its lines' units; what is cancelled of a line gives them back and lowers its quantity. A fulfilment
changes nothing that can be sold.
"""

from __future__ import annotations

from dataclasses import replace

from syncd.adapters.answers import Row, row_of, rows_of, text_of, time_of, whole_of
from syncd.adapters.vendure.wire import id_of
from syncd.core.model import ZERO, EventKind, ListingRef, StockEvent


def order_events(row: Row) -> list[StockEvent]:
    """Evidence of one placed order: what each line took, and what came back of it as a document of its own.

    Raises:
        Malformed: The order is not what the contract says.
    """
    reference = f"order {text_of(row, 'code') or id_of(row)}"
    placed_at = time_of(row, "orderPlacedAt")
    events: list[StockEvent] = []
    for line in rows_of(row, "lines"):
        ref = ListingRef(id_of(row_of(line, "productVariant")))
        key = f"order:{id_of(row)}:line:{id_of(line)}"
        left, at_first = whole_of(line, "quantity"), whole_of(line, "orderPlacedQuantity")
        began, changed = placed_at, time_of(line, "updatedAt")
        if not at_first:  # a line that was added to a placed order
            at_first, began = left, time_of(line, "createdAt")
        if not left:
            undone = StockEvent(ref, key, EventKind.ORDER, reference, ZERO, max(changed, began), began, undone=at_first)
            events.append(undone)
        else:
            events.append(StockEvent(ref, key, EventKind.ORDER, reference, -at_first, began, began))
        if 0 < left != at_first:
            words = f"cancelled of {reference}"
            back = at_first - left
            events.append(StockEvent(ref, part_of(key), EventKind.RETURN, words, back, max(changed, began), began))
    return events


def part_of(key: str) -> str:
    """Key of the document of what came back of a line."""
    return f"{key}:back"


def taken_back(event: StockEvent) -> StockEvent:
    """A line that is cancelled whole has no part that came back any more."""
    return replace(event, key=part_of(event.key), kind=EventKind.RETURN, quantity=ZERO, undone=ZERO)
