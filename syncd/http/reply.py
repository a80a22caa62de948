"""An answer as the rest of syncd sees it: no client library type leaves this package."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from syncd.errors import InvalidResponse
from syncd.http.redact import redact, shorten

_SAMPLE_LENGTH = 200
_READ_FOR_SAMPLE = 4000
_LONGEST_PAUSE_S = 86_400.0
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
"""No server runs outside of these; arithmetic on such a clock would leave the calendar."""

_UNFIT_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_UNFIT = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP answer.

    Attributes:
        side: Side that answered.
        request: Method and path without query.
        status: HTTP status.
        headers: Lower-case names.
        body: Decoded bytes, complete.
        elapsed_ms: From sending to the last byte.
        secrets: What the request carried that must not be shown, should the answer repeat it.
    """

    side: str
    request: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    elapsed_ms: float
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def date(self) -> datetime | None:
        """The server's clock from the ``Date`` header, aware UTC, or ``None``."""
        return _http_date(self.headers.get("date", ""))

    @property
    def retry_after_s(self) -> float | None:
        """Seconds to wait from ``Retry-After`` in either form (seconds or HTTP date), from none to a day."""
        value = self.headers.get("retry-after", "").strip()
        if not value:
            return None
        try:
            wait_s = float(value)
        except ValueError:
            until = _http_date(value)
            if until is None:
                return None
            wait_s = (until - (self.date or datetime.now(UTC))).total_seconds()
        return min(max(0.0, wait_s), _LONGEST_PAUSE_S) if math.isfinite(wait_s) else None

    @property
    def sample(self) -> str:
        """The first characters of the body, secrets removed, for a log."""
        return self.shown(self.body[:_READ_FOR_SAMPLE].decode("utf-8", "replace"))[:_SAMPLE_LENGTH]

    def shown(self, text: str) -> str:
        """Return words of the answer as people may see them: short, and without what the request carried."""
        return shorten(redact(text[:_READ_FOR_SAMPLE], self.secrets))

    def json(self, *, lenient: bool = False) -> Any:
        """Parse the body; numbers with a point become ``Decimal``.

        Args:
            lenient: Try once more from the first bracket, for servers that print notices or a BOM before the JSON.

        Raises:
            InvalidResponse: The body is not complete JSON.
        """
        try:
            return _loads(self.body)
        except ValueError:
            starts = [at for at in (self.body.find(b"["), self.body.find(b"{")) if at > 0]
            if lenient and starts:
                try:
                    return _loads(self.body[min(starts) :])
                except ValueError:
                    pass
        blank = self.body.lstrip()
        kind = "an HTML page" if blank[:1] == b"<" else "no complete JSON" if self.body else "an empty body"
        raise InvalidResponse(
            self.side, self.request, f"status {self.status} with {kind} instead of JSON", sample=self.sample
        )


def _loads(body: bytes) -> Any:
    """Parse JSON that is UTF-8, as JSON must be: a guess at another encoding would change names and codes."""
    text = body.decode("utf-8")
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ArithmeticError, RecursionError) as error:  # an exponent or a nesting that no honest body has
        raise ValueError(f"not usable JSON: {type(error).__name__}") from error
    return _storable(value) if _UNFIT_ESCAPE.search(text) else value


def _storable(body: Any) -> Any:
    """Replace what JSON can spell and no database takes: NUL, and halves of character pairs (half an emoji)."""
    root = [body]
    left: list[Any] = [root]
    while left:
        holder = left.pop()
        for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            if isinstance(holder, dict) and _UNFIT.search(key):
                del holder[key]
                key = _UNFIT.sub("\ufffd", key)  # noqa: PLW2901 - the same entry under a storable name
            holder[key] = _UNFIT.sub("\ufffd", value) if isinstance(value, str) else value
            if isinstance(value, dict | list):
                left.append(value)
    return root[0]


def _http_date(value: str) -> datetime | None:
    """Read an HTTP date; one without a zone (``-0000``) is UTC as well."""
    try:
        parsed = parsedate_to_datetime(value)
        if not _FIRST_YEAR <= parsed.year <= _LAST_YEAR:
            return None
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
