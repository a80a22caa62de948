"""Single values of the API's answers: what is not of its kind is never guessed. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

from syncd.adapters.answers import Malformed, Row

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


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


def api_time(moment: datetime) -> str:
    """A moment as filters take it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
