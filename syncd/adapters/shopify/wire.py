"""Single values of the API's answers: what is not of its kind is never guessed. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from syncd.adapters.answers import Malformed, Row, row_of, rows_of, time_of, whole_of

_GID = re.compile(r"gid://shopify/([A-Za-z]+)/(\d{1,20})")
_LARGEST_QUANTITY = 10**10


def nodes_of(row: Row, field: str) -> Sequence[Row]:
    """The objects of a connection.

    Raises:
        Malformed: It is no connection.
    """
    return rows_of(row_of(row, field), "nodes")


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


def pieces_of(row: Row, field: str) -> Decimal:
    """A number of pieces.

    Raises:
        Malformed: It is none.
    """
    return whole_of(row, field, most=_LARGEST_QUANTITY)


def time_or_none(row: Row, field: str) -> datetime | None:
    """A moment, aware UTC; ``None`` if it is null.

    Raises:
        Malformed: It is something else.
    """
    return None if row.get(field) is None else time_of(row, field)


def api_time(moment: datetime) -> str:
    """A moment for a search; other offsets than ``Z`` are ignored there (section 3)."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
