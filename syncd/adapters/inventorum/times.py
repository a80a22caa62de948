"""Instants on the wire: always with ``Z`` when we send, any offset when we read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from syncd.errors import StateError

BEFORE_EVERYTHING = "2000-01-01T00:00:00.000Z"
"""Older than every account: a delta from here lists every living product."""


_FIRST_YEAR, _LAST_YEAR = 1970, 2200
"""Beyond these, sums with an overlap would leave the calendar; nothing happened there."""


def to_wire(instant: datetime) -> str:
    """Render ``YYYY-MM-DDTHH:mm:ss.sssZ``. How the server reads a time without zone is unknown, so none is sent.

    Source: section 7.3 [docs:orders v12].
    """
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def parse_time(text: str | None) -> datetime | None:
    """Read an ISO 8601 time with offset; ``None`` if there is none or its zone is not known."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
        return parsed.astimezone(UTC) if parsed.tzinfo and _FIRST_YEAR <= parsed.year <= _LAST_YEAR else None
    except (ValueError, OverflowError):
        return None


def start_of(position: str, overlap_s: float) -> str:
    """Return the start of the next read: the stored position minus the overlap.

    Raises:
        StateError: The position is not one that we stored.
    """
    instant = parse_time(position)
    if instant is None:
        raise StateError(f"the stored cursor {position!r} of INVENTORUM is not a time")
    return to_wire(instant - timedelta(seconds=overlap_s))
