"""Single values of a shop's rows: what is not of its kind is never guessed. Pure."""

from __future__ import annotations

import html
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from syncd.adapters.answers import LONGEST_CODE, Malformed, Row
from syncd.adapters.woocommerce.feeds import is_id
from syncd.core.model import Quantity
from syncd.core.quantity import is_usable

LONGEST_READ = 4000
"""More of a name or code is not even looked at."""


def entries(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
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


def text_of(row: Row, field: str) -> str | None:
    """A code; one that is too long to be one counts as missing, never as its beginning."""
    value = row.get(field)
    if value is None or isinstance(value, (dict, list, bool)):
        return None
    code = html.unescape(str(value)[:LONGEST_READ]).strip()
    return code if 0 < len(code) <= LONGEST_CODE else None


def stored_name(name: str) -> str:
    """A plain text as a name that the shop stores whole: it cuts out tags and backslashes (recording 05b).

    >>> stored_name("Größe < 5 & C:\\\\x")
    'Größe &lt; 5 &amp; C:&#92;x'
    """
    return stored_text(html.escape(name, quote=False))


def stored_text(text: str) -> str:
    """HTML that the shop stores whole: it drops backslashes (recording 05b)."""
    return text.replace("\\", "&#92;")


def whole(row: Mapping[str, Any], field: str) -> int:
    """An id; zero, which is WordPress's way to say "none", only where the field is not the row's own id.

    Raises:
        Malformed: It is neither.
    """
    value = row.get(field)
    if value == 0 and field != "id" and isinstance(value, int) and not isinstance(value, bool):
        return 0
    if not isinstance(value, int) or not is_id(value):
        raise Malformed(f"{field} is {type(value).__name__} instead of an id")
    return value


def number(value: object, field: str) -> Quantity:
    """A quantity.

    Raises:
        Malformed: It is no number, or none that can be a quantity.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise Malformed(f"{field} is {type(value).__name__} instead of a number")
    try:
        found = Decimal(value)
    except InvalidOperation:
        raise Malformed(f"{field} is not a number") from None
    if not is_usable(found):
        raise Malformed(f"{field} cannot be a quantity")
    return found
