"""Hostile values, and which of them would be plain lies: those are left out, because no reader can see through them."""

from __future__ import annotations

import random
from decimal import Decimal, InvalidOperation
from typing import Any

from syncd.core.quantity import is_usable


class Raw:
    """A token written into the JSON text as it is, valid or not.

    Args:
        text: The token.
        note: Short form for messages.
    """

    def __init__(self, text: str, note: str = "") -> None:
        self.text = text
        self.note = note or text

    def __repr__(self) -> str:
        return f"Raw({self.note})"


def numbers(seed: str) -> random.Random:
    """Random numbers that follow from a seed, so that every mutation can be made again."""
    return random.Random(seed)  # noqa: S311 - no secrets are made with them


def nested(depth: int) -> Raw:
    """Brackets in brackets."""
    return Raw("[" * depth + "]" * depth, f"{depth} brackets")


TOKENS = (
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1E+999999999", "1E-999999999", "1E+99999999999999999999",
    "1e19", "-1e19", "123456789012345678901234567890", "-99999999999999999999", "0.00001", "3.3333333333", "-0.0",
    "1.", "01", "+1", "0x10", "1_0", "tru", "undefined",
)  # fmt: skip

PLAIN: tuple[Any, ...] = (
    None, True, False, 0, -1, -5, "", " ", "x", "null", "true", "NaN", "Infinity", "1E+400", "1e-400", "1,5", "٣", "²",
    "-", "--1", "1 000", "0x10", [], {}, [[]], [None], {"": None}, {"a": 1}, [1, 2, 3], [{}], ["x"],
    "\u0000", "a\u0000b", "\ud800", "x\udfff", "\U0001f9f6", "\u202e", "<b>bold</b>", "'; --", "%s%n", "../..",
    "0001-01-01T00:00:00", "9999-12-31T23:59:59", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
    "2026-13-45T99:99:99", "2026-11-23", "T", "0", "-7", "00", "7" * 30,
)  # fmt: skip

_QUANTITIES = frozenset({"quantity", "stock_quantity", "original_quantity"})
_FLAGS = frozenset({"is_giftcard", "manage_stock"})
_COUNTS = frozenset({"variation_count", "state", "total", "_reduced_stock"})


def hostile(rng: random.Random) -> Any:
    """Any value that has no business in an answer."""
    choice = rng.random()
    if choice < 0.62:
        return rng.choice(PLAIN)
    if choice < 0.86:
        return Raw(rng.choice(TOKENS))
    if choice < 0.91:
        return Raw(rng.choice(("1", "-1")) + "0" * rng.choice((18, 30, 400, 4000, 5000)), "a gigantic integer")
    if choice < 0.95:
        return rng.choice(("A", "ü", "<", "7")) * rng.choice((300, 3000, 70_000))
    return nested(rng.choice((20, 400, 900, 2000, 50_000)))


def is_lie(path: tuple[str | int, ...], value: Any) -> bool:
    """Whether a value in this place would be a perfectly valid answer, only not the truth.

    Quantities that can be read, flags that are flags, ids that could be ids, and the loss of our marker: who believes
    the vendor must believe these.
    """
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    if key in {"line_items", "items"}:
        return bool(value == [])
    if "meta_data" in path:
        return value == [] or (key in {"key", "value"} and isinstance(value, str)) or _is_number(value)
    if key in _QUANTITIES:
        return _is_quantity(value) or (key == "stock_quantity" and value is None)
    if key in _FLAGS:
        return isinstance(value, bool) or value in ("parent", "true", "0", 0, 1)
    if key in _COUNTS:
        return _is_number(value)
    if key in {"id", "product_id", "variation_id", "product", "parent", "parent_id", "basket_item", "order"}:
        return _is_small_id(value) or (key.startswith("parent") and value is None)
    return False


def _is_small_id(value: Any) -> bool:
    number = _number(value)
    return number is not None and 0 < number < 10**15 and number == number.to_integral_value()


def _is_quantity(value: Any) -> bool:
    number = _number(value)
    return number is not None and is_usable(number)


def _is_number(value: Any) -> bool:
    return _number(value) is not None


def _number(value: Any) -> Decimal | None:
    """The number that a lenient reader could see."""
    if isinstance(value, Raw):
        value = value.text
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        number = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
