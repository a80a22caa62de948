"""Single values of a shop's rows: what is not of its kind is never guessed. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from syncd.adapters.answers import LONGEST_CODE, Malformed, Row, moment_of
from syncd.core.model import Quantity
from syncd.core.quantity import is_usable

LONGEST_READ = 4000
"""More of a name or code is not even looked at."""

_ID = re.compile(r"[0-9a-f]{32}")


def is_id(value: object) -> bool:
    """Whether it is an id: 32 hex digits."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def row_id(row: Row, field: str = "id") -> str:
    """An id.

    Raises:
        Malformed: There is none.
    """
    value = row.get(field)
    if not isinstance(value, str) or not is_id(value):
        raise Malformed(f"{field} is {type(value).__name__} instead of an id")
    return value


def optional_id(row: Row, field: str) -> str | None:
    """An id, or none.

    Raises:
        Malformed: It is missing or something else: "none" would make a variant a product.
    """
    if field not in row:
        raise Malformed(f"no {field} of {row.get('id')}")
    return None if row[field] is None else row_id(row, field)


def whole(row: Row, field: str) -> int:
    """A whole number.

    Raises:
        Malformed: It is none.
    """
    value = row.get(field)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Malformed(f"{field} of {row.get('id')} is {type(value).__name__} instead of a whole number")
    return value


def quantity(row: Row, field: str) -> Quantity:
    """Units.

    Raises:
        Malformed: They are no number, or none that can be a quantity.
    """
    found = Decimal(whole(row, field))
    if not is_usable(found):
        raise Malformed(f"{field} of {row.get('id')} cannot be a quantity")
    return found


def text_of(row: Row, field: str) -> str | None:
    """A code; one that is too long to be one counts as missing, never as its beginning."""
    value = row.get(field)
    if not isinstance(value, str):
        return None
    code = value[:LONGEST_READ].strip()
    return code if 0 < len(code) <= LONGEST_CODE else None


def instant(row: Row, field: str) -> datetime | None:
    """An instant in UTC, or none.

    Raises:
        Malformed: It is something else.
    """
    value = row.get(field)
    if value is None:
        return None
    found = moment_of(value)
    if found is None:
        raise Malformed(f"{field} of {row.get('id')} is no instant")
    return found


def api_time(moment: datetime) -> str:
    """An instant as filters take it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def rows_of(row: Row, field: str) -> Sequence[Row] | None:
    """Rows that belong to a row; ``None`` if it does not say them."""
    value = row.get(field)
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        return None
    return value


def row_of(row: Row, field: str) -> Row | None:
    """The row that a row belongs to; ``None`` if it does not say it."""
    value = row.get(field)
    return value if isinstance(value, Mapping) else None


def plain(value: object) -> str:
    """A name in one line."""
    return " ".join(value[:LONGEST_READ].split()) if isinstance(value, str) else ""
