"""Single values of the API's answers: what is not of its kind is never guessed. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]

_GID = re.compile(r"gid://shopify/([A-Za-z]+)/(\d{1,20})")
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_LARGEST_QUANTITY = 10**10
LONGEST_CODE = 255


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


def rows_of(value: object, what: str) -> Sequence[Row]:
    """A list of objects.

    Raises:
        Malformed: It is something else.
    """
    if not isinstance(value, list):
        raise Malformed(f"{what} is {type(value).__name__} instead of a list")
    return [mapping_of(row, f"an entry of {what}") for row in value]


def nodes_of(row: Row, field: str) -> Sequence[Row]:
    """The objects of a connection.

    Raises:
        Malformed: It is no connection.
    """
    return rows_of(mapping_of(row.get(field), field).get("nodes"), field)


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


def gid_of(row: Row, kind: str, field: str = "id") -> str:
    """A global id of a kind.

    Raises:
        Malformed: It is none.
    """
    value = row.get(field)
    match = _GID.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[1] != kind:
        raise Malformed(f"{field} is no id of a {kind}")
    return match[0]


def is_gid(value: str, kind: str) -> bool:
    """Whether a text is a global id of a kind."""
    match = _GID.fullmatch(value)
    return match is not None and match[1] == kind


def number_in(gid: str) -> int:
    """The number at the end of a global id."""
    return int(gid.rpartition("/")[2])


def whole_of(row: Row, field: str) -> Decimal:
    """A number of pieces.

    Raises:
        Malformed: It is none.
    """
    value = row.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST_QUANTITY:
        raise Malformed(f"{field} is no number of pieces")
    return Decimal(value)


def time_of(row: Row, field: str) -> datetime | None:
    """A moment, aware UTC; ``None`` if it is null.

    Raises:
        Malformed: It is something else.
    """
    value = row.get(field)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise Malformed(f"{field} is no time") from None
    if moment.tzinfo is None or not _FIRST_YEAR < moment.year < _LAST_YEAR:
        raise Malformed(f"{field} is no time of this age")
    return moment.astimezone(UTC)


def api_time(moment: datetime) -> str:
    """A moment for a search; other offsets than ``Z`` are ignored there (section 3)."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
