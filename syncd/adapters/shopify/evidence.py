"""Orders and refunds of a shop as evidence of what moved its stock.

Source: shopify-api.md section 7. Stock is committed when an order is made; it comes back by lines of refunds that
restock, also by the refund that a cancellation makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.adapters.answers import Malformed, Row, flag_of, mapping_of, row_of, rows_of, text_of
from syncd.adapters.shopify.catalogue import chunks
from syncd.adapters.shopify.client import page_of
from syncd.adapters.shopify.mapping import is_plain
from syncd.adapters.shopify.operations import ORDER_LINES, ORDERS, ORDERS_PER_PAGE, REFUND_LINES, REFUNDS_PER_REQUEST
from syncd.adapters.shopify.wire import api_time, gid_of, number_in, pieces_of, time_or_none
from syncd.core.model import ZERO, EventKind, ListingRef, StockEvent

if TYPE_CHECKING:
    from syncd.adapters.shopify.client import ShopifyClient

_RESTOCKED = frozenset({"RETURN", "CANCEL", "LEGACY_RESTOCK"})
_WITH_CANCELLATION = timedelta(minutes=2)
"""A refund that cancels lines is the cancellation's if it was made with it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an order; ``ref`` is ``None`` if its product was deleted."""

    gid: str
    ref: ListingRef | None
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Return:
    """Units of a line that a refund put back into a location that counts."""

    refund: str
    line: str
    quantity: Decimal
    at: datetime
    cancels: bool


@dataclass(frozen=True, slots=True)
class Order:
    """An order as far as stock is concerned."""

    gid: str
    name: str
    created_at: datetime
    updated_at: datetime
    cancelled_at: datetime | None
    lines: Sequence[Line]
    returns: Sequence[Return]


class OrderReader:
    """Reads orders that changed since a moment of the shop's clock.

    Args:
        client: Calls.
        locations: Global ids of the locations that count.
    """

    def __init__(self, client: ShopifyClient, locations: Callable[[], Sequence[str]]) -> None:
        self._client = client
        self._locations = locations

    def since(
        self, moment: datetime, is_news: Callable[[Row], bool] = lambda row: True
    ) -> Iterator[tuple[list[StockEvent], datetime | None]]:
        """Evidence, page by page, with the shop's clock; of orders that are no news nothing."""
        variables = {"first": ORDERS_PER_PAGE, "query": f"updated_at:>='{api_time(moment)}'"}
        for page in self._client.pages(ORDERS, variables):
            rows = [row for row in page.rows if is_news(row)]
            refunds = [refund for row in rows for refund in rows_of(row, "refunds")]
            returned = self._refund_lines([gid_of(refund, "Refund") for refund in refunds])
            yield [event for row in rows for event in order_events(self._order(row, returned))], page.date

    def _order(self, row: Row, returned: Mapping[str, Sequence[Row]]) -> Order:
        created_at, updated_at = time_or_none(row, "createdAt"), time_or_none(row, "updatedAt")
        if created_at is None or updated_at is None:
            raise Malformed("an order without its times")
        counted = frozenset(self._locations())
        returns = [
            one
            for refund in rows_of(row, "refunds")
            for one in _returns(refund, returned[gid_of(refund, "Refund")], counted)
        ]
        gid = gid_of(row, "Order")
        lines, after = page_of(row_of(row, "lineItems"))
        while after is not None:
            data = self._client.query(ORDER_LINES, {"id": gid, "after": after}).data
            more, after = page_of(row_of(row_of(data, "order"), "lineItems"))
            lines += more
        return Order(
            gid, text_of(row, "name"), created_at, updated_at, time_or_none(row, "cancelledAt"),
            [_line(line) for line in lines], returns,
        )  # fmt: skip

    def _refund_lines(self, refunds: Sequence[str]) -> dict[str, Sequence[Row]]:
        found: dict[str, Sequence[Row]] = {}
        for chunk in chunks(refunds, REFUNDS_PER_REQUEST):
            for gid, (lines, after) in self._refund_page(chunk, None).items():
                found[gid] = [*lines, *self._further_lines(gid, after)]
        missing = set(refunds) - found.keys()
        if missing:
            raise Malformed(f"the shop does not show refund {min(missing)}")
        return found

    def _further_lines(self, refund: str, after: str | None) -> Iterator[Row]:
        while after is not None:
            page = self._refund_page([refund], after)
            if refund not in page:
                raise Malformed(f"the shop shows only some lines of refund {refund}")
            lines, after = page[refund]
            yield from lines

    def _refund_page(self, refunds: Sequence[str], after: str | None) -> dict[str, tuple[list[Row], str | None]]:
        """Lines of refunds by id, each with where its next page begins."""
        listed = self._client.query(REFUND_LINES, {"ids": list(refunds), "after": after}).data
        return {gid_of(row, "Refund"): page_of(row_of(row, "refundLineItems")) for row in rows_of(listed, "nodes")}


def order_events(order: Order) -> list[StockEvent]:
    """Evidence of one order: what each line took, and what came back as a document of its own.

    What a cancellation puts back is no document: the line counts as undone.
    """
    events = []
    for line in order.lines:
        if line.ref is None:
            continue  # the product was deleted: nothing to explain any more
        mine = [one for one in order.returns if one.line == line.gid]
        undone = sum((one.quantity for one in mine if _cancels(order, one)), ZERO)
        key = f"order:{number_in(order.gid)}:line:{number_in(line.gid)}"
        left = undone - line.quantity
        events.append(
            StockEvent(
                ref=line.ref,
                key=key,
                kind=EventKind.ORDER,
                reference=f"order {order.name}",
                quantity=left,
                occurred_at=order.updated_at,
                began_at=order.created_at,
                undone=undone if not left else ZERO,
            )
        )
        for one in mine:
            if not _cancels(order, one):
                key = f"refund:{number_in(one.refund)}:line:{number_in(line.gid)}"
                words = f"refund of order {order.name}"
                events.append(StockEvent(line.ref, key, EventKind.REFUND, words, one.quantity, one.at, one.at))
    return events


def _cancels(order: Order, one: Return) -> bool:
    return one.cancels and order.cancelled_at is not None and one.at >= order.cancelled_at - _WITH_CANCELLATION


def _line(row: Row) -> Line:
    gid, quantity = gid_of(row, "LineItem"), pieces_of(row, "quantity")
    if row.get("variant") is None:
        return Line(gid, None, quantity)
    variant = row_of(row, "variant")
    head = row_of(variant, "product")
    product = gid_of(head, "Product")
    ref = ListingRef(product) if is_plain(head) else ListingRef(gid_of(variant, "ProductVariant"), product)
    return Line(gid, ref, quantity)


def _returns(refund: Row, lines: Sequence[Row], counted: frozenset[str]) -> Iterator[Return]:
    made_at = time_or_none(refund, "createdAt")
    if made_at is None:
        return  # not carried out yet
    for row in lines:
        kind, location = text_of(row, "restockType"), row.get("location")
        if kind not in _RESTOCKED or not flag_of(row, "restocked"):
            continue
        if location is not None and gid_of(mapping_of(location, "location"), "Location") not in counted:
            continue
        line = gid_of(row_of(row, "lineItem"), "LineItem")
        yield Return(gid_of(refund, "Refund"), line, pieces_of(row, "quantity"), made_at, kind == "CANCEL")
