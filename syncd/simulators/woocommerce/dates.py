"""Site time and GMT, read and written as WordPress does.

Instants are whole seconds since the epoch; WordPress stores no fractions.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from syncd.simulators.woocommerce.problems import invalid_param

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.\d+)?([zZ]|[+-]\d\d(?::?\d\d)?)?")


def render(second: int | None, offset_s: int = 0) -> str | None:
    """``2026-11-23T12:45:56`` without suffix; with ``offset_s`` in site time, without it in GMT."""
    if second is None:
        return None
    return datetime.fromtimestamp(second + offset_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def parse_bound(name: str, text: str, *, dates_are_gmt: bool, offset_s: int) -> int:
    """Read a date limit of a list request as seconds to compare with the stored GMT second.

    A naive text is site time, or GMT with ``dates_are_gmt``. A text with ``Z`` or an offset is converted to *site
    time* and then compared with the column asked for: together with ``dates_are_gmt`` it is off by the site's
    offset (seen, 01-listing 28 and 30).

    Raises:
        ApiError: 400 ``rest_invalid_param`` for anything but date and time.
    """
    found = _DATE.fullmatch(text)
    if not found:
        raise invalid_param(name, "Invalid date.", "rest_invalid_date")
    try:
        moment = datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC)
    except ValueError:
        raise invalid_param(name, "Invalid date.", "rest_invalid_date") from None
    column = int(moment.timestamp())
    if found[3]:
        column += offset_s - _zone_seconds(found[3])
    return column if dates_are_gmt else column - offset_s


def _zone_seconds(zone: str) -> int:
    if zone in {"z", "Z"}:
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds
