"""WooCommerce wire data to words of the core and back. Pure.

Source: woocommerce-api.md sections 2 to 7; recordings 01 to 06 and 10. WooCommerce 10.5.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncd.adapters import texts
from syncd.adapters.answers import LONGEST_CODE, Malformed, Row
from syncd.adapters.woocommerce.attributes import attributes_field
from syncd.adapters.woocommerce.feeds import is_id
from syncd.adapters.woocommerce.image_note import images_field
from syncd.adapters.woocommerce.wire import LONGEST_READ, entries, number, stored_name, stored_text, text_of, whole
from syncd.core.fields import DESCRIPTION, EMPTY, GTIN, NAME, NO, PUBLISHED, SKU, YES
from syncd.core.model import (
    ZERO,
    Applied,
    FieldsWrite,
    ListingRef,
    Quantity,
    Refused,
    RemoteListing,
    StockMode,
    StockWrite,
    Unknown,
    WriteResult,
)
from syncd.http import shorten

MARKER_KEY = "_syncd_op"
"""Metadata key that carries the id of our last stock write."""

VARIATION_FIELDS = (
    "id,type,status,name,sku,global_unique_id,regular_price,tax_status,tax_class,manage_stock,stock_quantity,"
    "date_modified_gmt,parent_id,image,meta_data,attributes"
)
PRODUCT_FIELDS = f"{VARIATION_FIELDS},description,categories,brands,images,variations"
AS_STORED = {"context": "edit"}
"""Products are read as they are stored: as customers see them the shop formats texts and carries out shortcodes."""
TRASH_FIELDS = "id,type,status,parent_id,date_modified_gmt"

_KEYS = {NAME: "name", SKU: "sku", GTIN: "global_unique_id"}
_SEEN = ("publish", "future")
"""Statuses of what customers see, or will see by itself at a time that is set."""
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
        tax_class: As shown; ``None`` if the row does not say.
        tax_status: The same of whether it is taxed; variations cannot differ in that.
    """

    name: str
    sku: str | None
    gtin: str | None
    keeps_pool: bool
    tax_class: str | None = None
    tax_status: str | None = None


def parent_of(row: Row) -> Parent:
    """What variations may take over from this product."""
    return Parent(
        name=_name(row),
        sku=text_of(row, "sku"),
        gtin=text_of(row, "global_unique_id"),
        keeps_pool=_managed(row) is True,
        tax_class=_word(row, "tax_class"),
        tax_status=_word(row, "tax_status"),
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


def product_listing(
    row: Row, fields: Mapping[str, str] = _NO_FIELDS, shared: Mapping[str, str] = _NO_FIELDS
) -> RemoteListing:
    """Read a product that is not a variation.

    Args:
        row: The product.
        fields: Fields of what can be sold that need more than the row.
        shared: The same of any product, also of one with variations.

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
        sku=text_of(row, "sku"),
        gtin=text_of(row, "global_unique_id"),
        stock_mode=mode,
        quantity=stock_quantity(row) if mode is StockMode.OWN else None,
        published=row.get("status", "publish") in _SEEN,
        marker=marker_of(row),
        children=None if children is None else tuple(map(str, sorted(children))),
        fields=_product_fields(row, mode, fields, shared),
    )


def _product_fields(row: Row, mode: StockMode, fields: Mapping[str, str], shared: Mapping[str, str]) -> dict[str, str]:
    """Words of a product with variations, everything of one without; nothing of bundles and links to other shops."""
    words = {**words_of(row), **shared, **images_field(row, variation=False)}
    if is_group(row):
        return words if mode is StockMode.GROUP else {}
    return {} if mode is StockMode.GROUP else {**words, **codes_of(row), **fields}


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
    codes, name = codes_of(row, parent), _name(row)
    if parent is not None:
        name = name if not parent.name or name.startswith(parent.name) else f"{parent.name} – {name}".rstrip(" –")
    return RemoteListing(
        ref=ListingRef(str(row_id(row)), str(parent_id)),
        name=name,
        sku=codes.get(SKU) or None,
        gtin=codes.get(GTIN) or None,
        stock_mode=mode,
        quantity=stock_quantity(row) if mode is StockMode.OWN else None,
        published=row.get("status", "publish") in _SEEN,
        marker=marker_of(row),
        fields={**codes, **fields, **images_field(row, variation=True), **attributes_field(row)},
    )


def row_id(row: Row) -> int:
    """The row's id.

    Raises:
        Malformed: There is none.
    """
    return whole(row, "id")


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
    return ZERO if value is None else number(value, f"stock_quantity of {row.get('id')}")


def marker_of(row: Row) -> str | None:
    """Operation id saved with our last write.

    Raises:
        Malformed: The metadata cannot be read. "No marker" would mean "the write was not applied", so it must be seen.
    """
    for entry in entries(row):
        if entry["key"] == MARKER_KEY:
            value = entry.get("value")
            if not isinstance(value, str) or len(value) > LONGEST_CODE:
                raise Malformed(f"the marker of {row.get('id')} is not a text of ours")
            return value or None
    return None


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
        return Applied(number(value, "stock_quantity"))
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
    """Write fields of a product, but for price and tax class: they depend on each other (``prices.ShopPrices``)."""
    item: dict[str, Any] = {"id": int(write.ref.external_id)}
    item |= {_KEYS[field]: value for field, value in write.values.items() if field in _KEYS}
    if NAME in write.values:
        item["name"] = stored_name(write.values[NAME])
    if DESCRIPTION in write.values:
        item["description"] = stored_text(texts.as_html(write.values[DESCRIPTION]))
    if PUBLISHED in write.values:
        item["status"] = "publish" if write.values[PUBLISHED] == YES else "draft"
    return item


def words_of(row: Row) -> dict[str, str]:
    """Name, description and state of a product; nothing of endless ones. A variation's name is made of its parent's.

    The description is what is stored only if it was read with ``context=edit``, as answers to writes are; otherwise
    the shop puts paragraphs around it and carries out its shortcodes.
    """
    name, text = row.get("name"), row.get("description")
    fields = {}
    if isinstance(name, str) and len(name) <= LONGEST_READ:
        fields[NAME] = " ".join(html.unescape(name).split())
    if isinstance(text, str) and len(text) <= texts.LONGEST:
        fields[DESCRIPTION] = texts.canonical(text)
    if isinstance(row.get("status"), str):
        fields[PUBLISHED] = YES if row["status"] in _SEEN else NO
    return fields


def codes_of(row: Row, parent: Parent | None = None) -> dict[str, str]:
    """SKU and GTIN of a product, or of a variation: what that takes over from its parent is not its own."""
    taken_over = {} if parent is None else {SKU: parent.sku, GTIN: parent.gtin}
    fields = {}
    for field in (SKU, GTIN):
        given, code = row.get(_KEYS[field]), text_of(row, _KEYS[field])
        if isinstance(given, str) and (code or not given.strip()):  # too long to be one is not taken for none
            fields[field] = EMPTY if code is None or code == taken_over.get(field) else code
    return fields


def is_storable_gtin(code: str) -> bool:
    """Whether the shop keeps a GTIN as it is; of others it would keep the digits, another code (section 6)."""
    return re.fullmatch(r"[\d-]*", code, re.ASCII) is not None


def is_storable_sku(code: str) -> bool:
    """Whether the shop keeps a SKU as it is: it cuts out what looks like a tag, and backslashes (recording 05b)."""
    return not any(sign in code for sign in "<\\") and code == code.strip()


def refusal(code: str, message: str) -> Refused:
    """A refusal with the shop's code; ``gone`` if the id does not exist (or not under that parent)."""
    return Refused(code, html.unescape(message), gone=code in _NO_SUCH_ID)


def says_no_such_id(code: str) -> bool:
    """Whether an error code proves that the id does not exist."""
    return code in _NO_SUCH_ID


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


def _word(row: Row, name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) and len(value) <= LONGEST_CODE else None


def _name(row: Row) -> str:
    return shorten(html.unescape(str(row.get("name") or "")[:LONGEST_READ]))
