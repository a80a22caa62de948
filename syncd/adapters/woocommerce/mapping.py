"""WooCommerce wire data to words of the core and back. Pure.

Source: woocommerce-api.md sections 2 to 7; recordings 01 to 06 and 10. WooCommerce 10.5.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from syncd.adapters.woocommerce.feeds import Malformed, Row, is_id, row_time
from syncd.core.fields import NAME, PRICE
from syncd.core.model import (
    ZERO,
    Applied,
    EventKind,
    FieldsWrite,
    ListingRef,
    Quantity,
    Refused,
    RemoteListing,
    StockEvent,
    StockMode,
    StockWrite,
    Unknown,
    WriteResult,
)
from syncd.core.quantity import is_usable
from syncd.http import shorten

_LONGEST_CODE = 255
"""Of a SKU or barcode in characters; WooCommerce's own columns take 100."""
_LONGEST_READ = 4000
"""More of a text is not even looked at."""

MARKER_KEY = "_syncd_op"
"""Metadata key that carries the id of our last stock write."""

VARIATION_FIELDS = (
    "id,type,status,name,sku,global_unique_id,regular_price,manage_stock,stock_quantity,date_modified_gmt,parent_id,"
    "meta_data"
)
PRODUCT_FIELDS = f"{VARIATION_FIELDS},variations"
ORDER_FIELDS = "id,number,status,date_created_gmt,date_modified_gmt,line_items,refunds"
REFUND_FIELDS = "id,parent_id,date_created_gmt"
TRASH_FIELDS = "id,type,status,parent_id,date_modified_gmt"

_NO_FIELDS: Mapping[str, str] = {}
_UNCOUNTED_TYPES = frozenset({"grouped", "external"})
_NO_SUCH_ID = frozenset({"woocommerce_rest_product_invalid_id", "woocommerce_rest_product_variation_invalid_id"})


@dataclass(frozen=True, slots=True)
class Parent:
    """What matters of a parent for its variations: what they show when they have none of their own.

    Attributes:
        name: Name of the parent; a variation's name is only its attributes.
        sku: As shown.
        gtin: As shown.
        keeps_pool: Whether the parent counts stock for variations that do not.
    """

    name: str
    sku: str | None
    gtin: str | None
    keeps_pool: bool


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One product line of an order, with what it did to the shop's stock.

    Attributes:
        line_id: Id of the line.
        product_id: Product, or parent of the variation.
        variation_id: Variation, or ``None``.
        reduced: Units taken from stock and not returned (metadata ``_reduced_stock``).
        restocked: Units returned by refunds, already subtracted from ``reduced`` (``_restock_refunded_items``).
    """

    line_id: int
    product_id: int
    variation_id: int | None
    reduced: Quantity
    restocked: Quantity


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order as far as stock is concerned. Equal values mean: nothing happened to stock.

    ``refunded_at`` is the date of its latest refund, if known: a refund need not change the order's own date.
    """

    order_id: int
    number: str
    modified_at: datetime
    created_at: datetime | None
    lines: tuple[OrderLine, ...]
    refund_ids: tuple[int, ...]
    refunded_at: datetime | None = None


def parent_of(row: Row) -> Parent:
    """What variations may take over from this product."""
    return Parent(
        name=_name(row),
        sku=_text(row, "sku"),
        gtin=_text(row, "global_unique_id"),
        keeps_pool=_managed(row) is True,
    )


def is_group(row: Row) -> bool:
    """Whether the product has variations (``variable``, ``variable-subscription``).

    Raises:
        Malformed: The row does not say what kind of product it is; nothing may be guessed from that.
    """
    return _kind(row).startswith("variable")


def is_variation(row: Row) -> bool:
    """Whether a row of ``/products`` is a variation (reads by id and by SKU return them there).

    Raises:
        Malformed: As for ``is_group``.
    """
    return _kind(row).endswith("variation")


def product_listing(row: Row, fields: Mapping[str, str] = _NO_FIELDS) -> RemoteListing:
    """Read a product that is not a variation; ``fields`` are those that need more than the row.

    Raises:
        Malformed: A value needed for stock is missing or of a wrong kind.
    """
    managed = _managed(row)
    if _kind(row) in _UNCOUNTED_TYPES:
        mode = StockMode.GROUP
    elif managed is True:
        # A variable product that manages stock keeps one pool for all its variations.
        mode = StockMode.OWN
    else:
        mode = StockMode.GROUP if is_group(row) else StockMode.UNMANAGED
    children = variation_ids(row) if is_group(row) else None
    return RemoteListing(
        ref=ListingRef(str(row_id(row))),
        name=_name(row),
        sku=_text(row, "sku"),
        gtin=_text(row, "global_unique_id"),
        stock_mode=mode,
        quantity=stock_quantity(row) if mode is StockMode.OWN else None,
        published=row.get("status", "publish") == "publish",
        marker=marker_of(row),
        children=None if children is None else tuple(map(str, sorted(children))),
        fields={} if mode is StockMode.GROUP or is_group(row) else {**name_of(row), **fields},
    )


def variation_listing(
    row: Row, parent_id: int, parent: Parent | None, fields: Mapping[str, str] = _NO_FIELDS
) -> RemoteListing:
    """Read a variation; ``fields`` are those that need more than the row.

    A variation without SKU or GTIN shows its parent's (recording 05): such a value is not its own and is dropped.

    Raises:
        Malformed: As for products.
    """
    managed = _managed(row)
    mode = StockMode.PARENT if managed == "parent" else StockMode.OWN if managed else StockMode.UNMANAGED
    sku, gtin, name = _text(row, "sku"), _text(row, "global_unique_id"), _name(row)
    if parent is not None:
        sku = None if sku == parent.sku else sku
        gtin = None if gtin == parent.gtin else gtin
        name = name if not parent.name or name.startswith(parent.name) else f"{parent.name} – {name}".rstrip(" –")
    return RemoteListing(
        ref=ListingRef(str(row_id(row)), str(parent_id)),
        name=name,
        sku=sku,
        gtin=gtin,
        stock_mode=mode,
        quantity=stock_quantity(row) if mode is StockMode.OWN else None,
        published=row.get("status", "publish") == "publish",
        marker=marker_of(row),
        fields=fields,
    )


def row_id(row: Row) -> int:
    """The row's id.

    Raises:
        Malformed: There is none.
    """
    return _whole(row, "id")


def parent_id_of(row: Row) -> int | None:
    """Id of the parent product, or ``None``."""
    value = row.get("parent_id")
    return value if isinstance(value, int) and is_id(value) else None


def variation_ids(row: Row) -> frozenset[int] | None:
    """Ids of the variations that a product row lists; ``None`` if it does not say."""
    value = row.get("variations")
    return frozenset(v for v in value if is_id(v)) if isinstance(value, list) else None


def stock_quantity(row: Row) -> Quantity:
    """Units of a row that manages stock; no number yet counts as zero (recording 02b: it sells as out of stock).

    Raises:
        Malformed: Missing, or not a number.
    """
    if "stock_quantity" not in row:
        raise Malformed(f"no stock_quantity of {row.get('id')}")
    value = row["stock_quantity"]
    return ZERO if value is None else _number(value, f"stock_quantity of {row.get('id')}")


def marker_of(row: Row) -> str | None:
    """Operation id saved with our last write.

    Raises:
        Malformed: The metadata cannot be read. "No marker" would mean "the write was not applied", so it must be seen.
    """
    for entry in _entries(row):
        if entry["key"] == MARKER_KEY:
            value = entry.get("value")
            if not isinstance(value, str) or len(value) > _LONGEST_CODE:
                raise Malformed(f"the marker of {row.get('id')} is not a text of ours")
            return value or None
    return None


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
        number=_text(row, "number") or str(row_id(row)),
        modified_at=modified_at,
        created_at=row_time({"date_created_gmt": row.get("date_created_gmt")}),
        lines=tuple(_order_line(line) for line in lines),
        refund_ids=tuple(row_id(refund) for refund in refunds),
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
        ref, number, at = ref_of(line), change.number, change.modified_at
        sold = ZERO - line.reduced - line.restocked
        events.append(StockEvent(ref, key, EventKind.ORDER, f"order {number}", sold, at, change.created_at))
        if line.restocked:
            reference = f"refund of order {number}"
            refunded_at = max(at, change.refunded_at or at)
            events.append(StockEvent(ref, f"{key}:restock", EventKind.REFUND, reference, line.restocked, refunded_at))
    return events


def write_item(write: StockWrite) -> dict[str, Any]:
    """Write a relative stock change; the marker is saved by the shop in the same step.

    Source: woocommerce-api.md section 4, recording 03-inventory-delta. ``stock_quantity`` is never sent.

    Raises:
        ValueError: The difference is not whole; the shop would cut it without a word.
    """
    if write.difference != write.difference.to_integral_value():
        raise ValueError(f"WooCommerce counts whole units; {write.difference} would be cut")
    item: dict[str, Any] = {
        "id": int(write.ref.external_id),
        "inventory_delta": int(write.difference),
        "meta_data": [{"key": MARKER_KEY, "value": write.operation_id}],
    }
    if write.start_managing:
        item["manage_stock"] = True
    return item


def write_result(item: object, write: StockWrite) -> WriteResult:
    """Read the shop's answer to one write.

    A product that does not count its stock answers 200 and ignores the change (recording 03): that is a refusal.
    """
    item = answered(item, write.ref)
    if not isinstance(item, Mapping):
        return item
    managed, value = item.get("manage_stock"), item.get("stock_quantity")
    if managed is False or managed == "parent":
        who = "the parent product counts it" if managed == "parent" else "stock management is off for it"
        return Refused("stock_not_managed", f"the shop ignored the change: {who}")
    try:
        marker = marker_of(item) if "meta_data" in item else None  # batches of some versions leave it out
        if marker is not None and marker != write.operation_id:
            return Unknown("the answer carries the marker of another write")
        return Applied(_number(value, "stock_quantity"))
    except Malformed as error:
        return Unknown(f"the answer does not tell the quantity: {error}")


def answered(item: object, ref: ListingRef) -> Mapping[str, Any] | Refused | Unknown:
    """The row that the shop answers to one write, unless it refused it or answers something else."""
    if not isinstance(item, Mapping):
        return Unknown("the answer has no entry for this write")
    if item.get("id") != int(ref.external_id):
        return Unknown("the answer is about another product")
    error = item.get("error")
    if isinstance(error, Mapping) and isinstance(error.get("code"), str) and error["code"]:
        return refusal(shorten(error["code"]), shorten(str(error.get("message") or "")))
    return item


def fields_item(write: FieldsWrite) -> dict[str, Any]:
    """Write fields of a product. Prices are texts with a dot: a number is refused, a comma lost (section 6)."""
    item: dict[str, Any] = {"id": int(write.ref.external_id)}
    if NAME in write.values:
        item["name"] = write.values[NAME]
    if PRICE in write.values:
        item["regular_price"] = write.values[PRICE]
    return item


def name_of(row: Row) -> dict[str, str]:
    """The field ``name`` of a product; nothing of an endless one. A variation's name is made of its parent's."""
    value = row.get("name")
    if not isinstance(value, str) or len(value) > _LONGEST_READ:
        return {}
    return {NAME: " ".join(html.unescape(value).split())}


def refusal(code: str, message: str) -> Refused:
    """A refusal with the shop's code; ``gone`` if the id does not exist (or not under that parent)."""
    return Refused(code, html.unescape(message), gone=code in _NO_SUCH_ID)


def says_no_such_id(code: str) -> bool:
    """Whether an error code proves that the id does not exist."""
    return code in _NO_SUCH_ID


def _order_line(line: object) -> OrderLine:
    if not isinstance(line, Mapping):
        raise Malformed("an order line is not an object")
    meta = {entry["key"]: entry.get("value") for entry in _entries(line)}
    variation = _whole(line, "variation_id") if "variation_id" in line else 0
    return OrderLine(
        line_id=row_id(line),
        product_id=_whole(line, "product_id"),
        variation_id=variation or None,
        reduced=_number(meta.get("_reduced_stock", 0), "_reduced_stock"),
        restocked=_number(meta.get("_restock_refunded_items", 0), "_restock_refunded_items"),
    )


def _entries(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Metadata of a row: a list of objects with a key.

    Raises:
        Malformed: It is missing or something else: what it says must not be taken for unsaid.
    """
    value = row.get("meta_data")
    if not isinstance(value, list):
        raise Malformed(f"meta_data of {row.get('id')} is {type(value).__name__} instead of a list")
    if not all(isinstance(entry, Mapping) and isinstance(entry.get("key"), str) for entry in value):
        raise Malformed(f"meta_data of {row.get('id')} has an entry without a key")
    return value


def _managed(row: Row) -> bool | str:
    """Who counts: the product, nobody, or (``"parent"``, variations only) the parent.

    Raises:
        Malformed: The row does not say. "Nobody counts" would forget what is known of the stock.
    """
    value = row.get("manage_stock")
    if isinstance(value, bool) or value == "parent":
        return "parent" if value == "parent" else bool(value)
    raise Malformed(f"manage_stock of {row.get('id')} is {type(value).__name__} instead of yes or no")


def _kind(row: Row) -> str:
    value = row.get("type")
    if not isinstance(value, str) or not value:
        raise Malformed(f"the type of {row.get('id')} is {type(value).__name__} instead of a word")
    return value


def _name(row: Row) -> str:
    return shorten(html.unescape(str(row.get("name") or "")[:_LONGEST_READ]))


def _text(row: Row, field: str) -> str | None:
    """A code; one that is too long to be one counts as missing, never as its beginning."""
    value = row.get(field)
    if value is None or isinstance(value, (dict, list, bool)):
        return None
    text = html.unescape(str(value)[:_LONGEST_READ]).strip()
    return text if 0 < len(text) <= _LONGEST_CODE else None


def _whole(row: Mapping[str, Any], field: str) -> int:
    value = row.get(field)
    if value == 0 and field != "id" and isinstance(value, int) and not isinstance(value, bool):
        return 0  # WordPress's way to say "none"
    if not isinstance(value, int) or not is_id(value):
        raise Malformed(f"{field} is {type(value).__name__} instead of an id")
    return value


def _number(value: object, field: str) -> Quantity:
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise Malformed(f"{field} is {type(value).__name__} instead of a number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise Malformed(f"{field} is not a number") from None
    if not is_usable(number):
        raise Malformed(f"{field} cannot be a quantity")
    return number
