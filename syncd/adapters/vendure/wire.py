"""Single values of the API's answers: what is not of its kind is never guessed. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]

LONGEST_CODE = 255
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_FIRST_YEAR, _LAST_YEAR = 1970, 2200


class Malformed(ValueError):
    """An answer is not what the contract says."""


def mapping_of(value: object, what: str) -> Row:
    """An object.

    Raises:
        Malformed: It is something else.
    """
    if not isinstance(value, Mapping):
        raise Malformed(f"{what} is {type(value).__name__} instead of an object")
    return value


def rows_of(row: Row, field: str) -> Sequence[Row]:
    """A list of objects.

    Raises:
        Malformed: It is something else.
    """
    value = row.get(field)
    if not isinstance(value, list):
        raise Malformed(f"{field} is {type(value).__name__} instead of a list")
    return [mapping_of(each, f"an entry of {field}") for each in value]


def row_of(row: Row, field: str) -> Row:
    """An object of an object.

    Raises:
        Malformed: It is something else.
    """
    return mapping_of(row.get(field), field)


def id_of(row: Row, field: str = "id") -> str:
    """An id: a number or a UUID as text, by the strategy of the shop.

    Raises:
        Malformed: There is none.
    """
    value = row.get(field)
    if not isinstance(value, str) or not is_id(value):
        raise Malformed(f"{field} is no id")
    return value


def is_id(value: str) -> bool:
    """Whether a text can be an id of the shop."""
    return _ID.fullmatch(value) is not None


def text_of(row: Row, field: str) -> str:
    """A text, empty if it is null.

    Raises:
        Malformed: It is something else, or missing.
    """
    value = row.get(field, 0)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(f"{field} is {type(value).__name__} instead of a text")
    return value


def code_of(row: Row, field: str) -> str | None:
    """A merchant's code; one that is too long to be one counts as missing, never as its beginning."""
    code = text_of(row, field).strip()
    return code if 0 < len(code) <= LONGEST_CODE else None


def flag_of(row: Row, field: str) -> bool:
    """A yes or no.

    Raises:
        Malformed: It is neither.
    """
    value = row.get(field)
    if not isinstance(value, bool):
        raise Malformed(f"{field} is {type(value).__name__} instead of a yes or no")
    return value


def whole_of(row: Row, field: str) -> Decimal:
    """A whole number: units, or an amount in hundredths.

    Raises:
        Malformed: It is none.
    """
    value = row.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 10**12:
        raise Malformed(f"{field} is no whole number")
    return Decimal(value)


def number_of(row: Row, field: str) -> Decimal:
    """A number.

    Raises:
        Malformed: It is none.
    """
    value = row.get(field)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Malformed(f"{field} is no number")
    number = Decimal(value)
    if not number.is_finite() or abs(number) >= 10**12:
        raise Malformed(f"{field} is no usable number")
    return number


def time_of(row: Row, field: str) -> datetime:
    """A moment, aware UTC.

    Raises:
        Malformed: There is none.
    """
    value = row.get(field)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not _FIRST_YEAR < moment.year < _LAST_YEAR:
        raise Malformed(f"{field} is no time")
    return moment.astimezone(UTC)


def api_time(moment: datetime) -> str:
    """A moment as filters take it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
