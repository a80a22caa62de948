"""Orders and refunds of a shop as evidence of what moved its stock. Pure.

Source: woocommerce-api.md section 7; recording 10-orders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from syncd.adapters.answers import Malformed, Row
from syncd.adapters.woocommerce.feeds import row_time
from syncd.adapters.woocommerce.mapping import row_id
from syncd.adapters.woocommerce.wire import entries, number, text_of, whole
from syncd.core.model import ZERO, EventKind, ListingRef, Quantity, StockEvent

ORDER_FIELDS = "id,number,status,date_created_gmt,date_modified_gmt,line_items,refunds"
REFUND_FIELDS = "id,parent_id,date_created_gmt"

_CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One product line of an order, with what it did to the shop's stock.

    Attributes:
        line_id: Id of the line.
        product_id: Product, or parent of the variation.
        variation_id: Variation, or ``None``.
        reduced: Units taken from stock and not returned (metadata ``_reduced_stock``).
        restocked: Units returned by refunds, already subtracted from ``reduced`` (``_restock_refunded_items``).
        ordered: Units that the customer wanted, whatever became of them.
    """

    line_id: int
    product_id: int
    variation_id: int | None
    reduced: Quantity
    restocked: Quantity
    ordered: Quantity


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order as far as stock is concerned. Equal values mean: nothing happened to stock.

    ``refunded_at`` is the date of its latest refund, if known: a refund need not change the order's own date.
    ``cancelled``: what it had taken, if it had, was given back.
    """

    order_id: int
    number: str
    modified_at: datetime
    created_at: datetime | None
    lines: tuple[OrderLine, ...]
    refund_ids: tuple[int, ...]
    cancelled: bool = False
    refunded_at: datetime | None = None


def order_change(row: Row) -> OrderChange:
    """Read the part of an order that matters for stock.

    Raises:
        Malformed: A line has no id or no usable number.
    """
    lines, refunds = row.get("line_items"), row.get("refunds", [])
    if not isinstance(lines, list) or not isinstance(refunds, list):
        raise Malformed("line_items or refunds of an order is not a list")
    if not all(isinstance(refund, Mapping) for refund in refunds):
        raise Malformed("a refund of an order is not an object")
    modified_at = row_time(row)
    if modified_at is None:
        raise Malformed("an order without date_modified_gmt")
    return OrderChange(
        order_id=row_id(row),
        number=text_of(row, "number") or str(row_id(row)),
        modified_at=modified_at,
        created_at=row_time({"date_created_gmt": row.get("date_created_gmt")}),
        lines=tuple(_order_line(line) for line in lines),
        refund_ids=tuple(row_id(refund) for refund in refunds),
        cancelled=row.get("status") == _CANCELLED,
    )


def order_events(change: OrderChange, ref_of: Callable[[OrderLine], ListingRef]) -> list[StockEvent]:
    """Evidence of one order: what its lines took, and what refunds put back.

    WooCommerce subtracts restocked units from ``_reduced_stock``; taking both apart keeps the sale visible and their
    sum right (recording 10-orders: 1 sold and restocked reads ``_reduced_stock`` 0, ``_restock_refunded_items`` 1).

    Args:
        change: The order.
        ref_of: Which listing a line moved (a variation, or the parent that keeps the pool).
    """
    events = []
    for line in change.lines:
        if not line.product_id:
            continue  # the product was deleted: nothing to explain any more
        key = f"order:{change.order_id}:line:{line.line_id}"
        ref, at = ref_of(line), change.modified_at
        sold = ZERO - line.reduced - line.restocked
        # Of a cancelled order nothing says any more that it had taken units: the mark goes when they come back.
        undone = line.ordered if change.cancelled and not sold else ZERO
        reference = f"order {change.number}"
        events.append(StockEvent(ref, key, EventKind.ORDER, reference, sold, at, change.created_at, undone))
        if line.restocked:
            reference = f"refund of order {change.number}"
            refunded_at = max(at, change.refunded_at or at)
            events.append(StockEvent(ref, f"{key}:restock", EventKind.REFUND, reference, line.restocked, refunded_at))
    return events


def _order_line(line: object) -> OrderLine:
    if not isinstance(line, Mapping):
        raise Malformed("an order line is not an object")
    meta = {entry["key"]: entry.get("value") for entry in entries(line)}
    variation = whole(line, "variation_id") if "variation_id" in line else 0
    return OrderLine(
        line_id=row_id(line),
        product_id=whole(line, "product_id"),
        variation_id=variation or None,
        reduced=number(meta.get("_reduced_stock", 0), "_reduced_stock"),
        restocked=number(meta.get("_restock_refunded_items", 0), "_restock_refunded_items"),
        ordered=_ordered(line),
    )


def _ordered(line: Mapping[str, object]) -> Quantity:
    """It only explains what cancelled orders did: where it is unusable nothing is explained, and all else is read."""
    try:
        return max(ZERO, number(line.get("quantity"), "quantity"))
    except Malformed:
        return ZERO
