"""Orders of a shop as evidence of what moved its stock. Pure.

Source: shopware6-api.md sections 4 and 7. An order takes its product lines' units when it is placed, whatever its state
is then, and gives them back when it is cancelled. Payments, deliveries, refunds and returns move no stock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from syncd.adapters.answers import Malformed, Row
from syncd.adapters.shopware6.wire import instant, is_id, quantity, row_id, row_of, rows_of
from syncd.core.model import ZERO, EventKind, ListingRef, StockEvent

if TYPE_CHECKING:
    from datetime import datetime

ORDERS: Mapping[str, Any] = {
    "associations": {"lineItems": {}, "stateMachineState": {}},
    "includes": {
        "order": ["id", "autoIncrement", "orderNumber", "createdAt", "updatedAt", "lineItems", "stateMachineState"],
        "order_line_item": ["id", "type", "productId", "quantity", "createdAt", "updatedAt"],
        "state_machine_state": ["id", "technicalName"],
    },
}
"""How orders are asked for."""

LINES: Mapping[str, Any] = {"includes": {"order_line_item": ["id", "orderId"]}}
"""How lines are asked for that may have changed without their order."""

_CANCELLED = "cancelled"
_PRODUCT = "product"


def order_events(row: Row) -> dict[str, StockEvent]:
    """Evidence of one order by key, a line each; lines of products that were deleted explain nothing any more.

    Raises:
        Malformed: The order does not tell its state or lines.
    """
    lines, state = rows_of(row, "lineItems"), row_of(row, "stateMachineState")
    name = state.get("technicalName") if state is not None else None
    if lines is None or not isinstance(name, str):
        raise Malformed(f"order {row.get('id')} does not tell its lines and state")
    order_id, number = row_id(row), row.get("orderNumber")
    reference = f"order {number if isinstance(number, str) and number else order_id}"
    events = {}
    for line in lines:
        if line.get("type") != _PRODUCT or not is_id(line.get("productId")):
            continue
        key = f"order:{order_id}:line:{row_id(line)}"
        units, cancelled = quantity(line, "quantity"), name == _CANCELLED
        events[key] = StockEvent(
            ListingRef(row_id(line, "productId")),
            key,
            EventKind.ORDER,
            reference,
            ZERO if cancelled else -units,
            max(changed_at(row), changed_at(line)),
            began_at=instant(line, "createdAt") or instant(row, "createdAt"),
            undone=units if cancelled else ZERO,
        )
    return events


def taken_out(event: StockEvent, at: datetime) -> StockEvent:
    """A line that is not in its order any more: its units came back."""
    return StockEvent(
        event.ref, event.key, event.kind, event.reference, ZERO, at, began_at=event.began_at, undone=-event.quantity
    )


def changed_at(row: Row) -> datetime:
    """When an order or line last changed.

    Raises:
        Malformed: It does not say.
    """
    found = instant(row, "updatedAt") or instant(row, "createdAt")
    if found is None:
        raise Malformed(f"{row.get('id')} does not say when it was made")
    return found
