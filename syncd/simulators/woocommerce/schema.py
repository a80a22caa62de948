"""Validation of parameters on the single routes; batch items are not checked (seen, 04-batch)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from syncd.simulators.woocommerce.php import string_to_bool
from syncd.simulators.woocommerce.problems import ApiError, invalid_param, not_in_enum, wrong_type

Kind = str | list[str]
"""A JSON type name, or the values of an enumeration."""

STOCK_STATUS = ["instock", "outofstock", "onbackorder"]
PRODUCT_STATUS = ["any", "future", "trash", "draft", "pending", "private", "publish"]
PRODUCT_TYPES = ["simple", "grouped", "external", "variable"]

_COMMON: dict[str, Kind] = {
    "description": "string",
    "sku": "string",
    "global_unique_id": "string",
    "regular_price": "string",
    "sale_price": "string",
    "virtual": "boolean",
    "downloadable": "boolean",
    "downloads": "array",
    "download_limit": "integer",
    "download_expiry": "integer",
    "tax_status": ["taxable", "shipping", "none"],
    "tax_class": "string",
    "stock_quantity": "integer",
    "stock_status": STOCK_STATUS,
    "backorders": ["no", "notify", "yes"],
    "low_stock_amount": "integer",
    "weight": "string",
    "dimensions": "object",
    "shipping_class": "string",
    "attributes": "array",
    "menu_order": "integer",
    "meta_data": "array",
}

PRODUCT_BODY: dict[str, Kind] = {
    **_COMMON,
    "name": "string",
    "slug": "string",
    "type": PRODUCT_TYPES,
    "status": ["draft", "pending", "private", "publish", "future", "auto-draft", "trash"],
    "featured": "boolean",
    "catalog_visibility": ["visible", "catalog", "search", "hidden"],
    "short_description": "string",
    "external_url": "string",
    "button_text": "string",
    "manage_stock": "boolean",
    "sold_individually": "boolean",
    "reviews_allowed": "boolean",
    "post_password": "string",
    "upsell_ids": "array",
    "cross_sell_ids": "array",
    "purchase_note": "string",
    "categories": "array",
    "brands": "array",
    "tags": "array",
    "images": "array",
    "default_attributes": "array",
}

VARIATION_BODY: dict[str, Kind] = {
    **_COMMON,
    "status": ["draft", "pending", "private", "publish"],
    "image": "object",
}

ORDER_STATUS = ["pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "checkout-draft"]

ORDER_BODY: dict[str, Kind] = {
    "status": ["auto-draft", *ORDER_STATUS],
    "customer_note": "string",
    "billing": "object",
    "shipping": "object",
    "payment_method": "string",
    "payment_method_title": "string",
    "transaction_id": "string",
    "meta_data": "array",
    "line_items": "array",
    "set_paid": "boolean",
}

REFUND_BODY: dict[str, Kind] = {
    "amount": "string",
    "reason": "string",
    "meta_data": "array",
    "api_refund": "boolean",
    "api_restock": "boolean",
}

_EMPTY: dict[str, Any] = {"string": "", "boolean": False, "integer": 0, "array": [], "object": {}}


def check(values: Mapping[str, Any], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Validate and convert known names; unknown ones pass as they are.

    ``null`` is not refused but becomes the type's empty value: ``stock_quantity: null`` writes 0 (seen, 02b).

    Raises:
        ApiError: 400 ``rest_invalid_param`` for the first value that does not fit.
    """
    return {name: _convert(name, value, kinds[name]) if name in kinds else value for name, value in values.items()}


def _convert(name: str, value: Any, kind: Kind) -> Any:
    if isinstance(kind, list):
        if value is not None and value not in kind:
            raise not_in_enum(name, kind)
        return "" if value is None else value
    if value is None:
        return None if name == "low_stock_amount" else _EMPTY[kind]
    match kind:
        case "integer":
            return integer(name, value)
        case "boolean":
            return boolean(name, value)
        case "string" if not isinstance(value, str):
            raise wrong_type(name, "string")
        case "array" if not isinstance(value, list | dict):
            raise wrong_type(name, "array")
        case "object" if not isinstance(value, dict) and value != []:
            raise wrong_type(name, "object")
    return value


def integer(name: str, value: Any) -> int:
    """An integer, given as a number without fraction or as such text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d+(\.0+)?\s*", value):
        return int(float(value))
    raise wrong_type(name, "integer")


def boolean(name: str, value: Any) -> bool:
    """A truth value in the spellings that WordPress accepts."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in {0, 1}:
        return bool(value)
    if isinstance(value, str) and value.lower() in {"true", "false", "0", "1"}:
        return string_to_bool(value)
    raise wrong_type(name, "boolean")


def bounded(name: str, value: Any, low: int, high: int | None = None) -> int:
    """An integer of at least ``low`` and, if given, at most ``high``."""
    number = integer(name, value)
    if high is not None and not low <= number <= high:
        raise _out_of_bounds(name, f"between {low} (inclusive) and {high} (inclusive)")
    if number < low:
        raise _out_of_bounds(name, f"greater than or equal to {low}")
    return number


def _out_of_bounds(name: str, wanted: str) -> ApiError:
    return invalid_param(name, f"{name} must be {wanted}", "rest_out_of_bounds")


def choice(name: str, value: Any, allowed: list[str]) -> str:
    """One of the allowed values."""
    if value not in allowed:
        raise not_in_enum(name, allowed)
    return str(value)
