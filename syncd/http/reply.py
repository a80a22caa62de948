"""An answer as the rest of syncd sees it: no client library type leaves this package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from syncd.errors import InvalidResponse
from syncd.http.redact import redact

_SAMPLE_LENGTH = 200


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
    """

    side: str
    request: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    elapsed_ms: float

    @property
    def date(self) -> datetime | None:
        """The server's clock from the ``Date`` header, aware UTC, or ``None``."""
        return _http_date(self.headers.get("date", ""))

    @property
    def retry_after_s(self) -> float | None:
        """Seconds to wait from ``Retry-After`` in either form (seconds or HTTP date), never negative."""
        value = self.headers.get("retry-after", "").strip()
        if not value:
            return None
        try:
            return max(0.0, float(value))
        except ValueError:
            pass
        until = _http_date(value)
        return max(0.0, (until - (self.date or datetime.now(UTC))).total_seconds()) if until else None

    @property
    def sample(self) -> str:
        """The first characters of the body, secrets removed, for a log."""
        return redact(self.body[:_SAMPLE_LENGTH].decode("utf-8", "replace"))

    def json(self, *, lenient: bool = False) -> Any:
        """Parse the body; numbers with a point become ``Decimal``.

        Args:
            lenient: Try once more from the first bracket, for servers that print notices or a BOM before the JSON.

        Raises:
            InvalidResponse: The body is not complete JSON.
        """
        text = self.body.decode("utf-8", "replace")
        try:
            return _loads(text)
        except ValueError:
            starts = [at for at in (text.find("["), text.find("{")) if at > 0]
            if lenient and starts:
                try:
                    return _loads(text[min(starts) :])
                except ValueError:
                    pass
        kind = "an HTML page" if text.lstrip()[:1] == "<" else "no complete JSON" if text else "an empty body"
        raise InvalidResponse(
            self.side, self.request, f"status {self.status} with {kind} instead of JSON", sample=self.sample
        )


def _loads(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ArithmeticError, RecursionError) as error:  # an exponent or a nesting that no honest body has
        raise ValueError(f"not usable JSON: {type(error).__name__}") from error


def _http_date(value: str) -> datetime | None:
    """Read an HTTP date; one without a zone (``-0000``) is UTC as well."""
    try:
        parsed = parsedate_to_datetime(value)
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
