"""What adapters over HTTP have in common: the address, the pace, and a session that knows the engine's wishes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Protocol
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

from syncd.http import HttpSession, RateBudget

if TYPE_CHECKING:
    from syncd.adapters.base import AdapterContext


def web_address(value: str, *, plain: str = "must not contain ? or #") -> str:
    """Check the address of a shop; returns it without a slash at its end.

    Args:
        value: What was typed.
        plain: What to say of one with a query.

    Raises:
        ValueError: It is none.
    """
    parts = urlsplit(value.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address that starts with https:// or http://")
    if parts.username or parts.password:
        raise ValueError("must not contain a user or password")
    if parts.query or parts.fragment:
        raise ValueError(plain)
    return value.strip().rstrip("/")


def _without_blanks(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if not text:
        raise ValueError("must not be empty")
    return SecretStr(text)


def _rates(value: dict[str, str]) -> dict[str, str]:
    for rate in value:
        if not re.fullmatch(r"\d{1,2}(\.\d{1,4})?", rate):
            raise ValueError(f'{rate!r} is no rate in per cent, like "19" or "5.5"')
    return value


Secret = Annotated[SecretStr, AfterValidator(_without_blanks)]
"""A key as it was pasted: blanks around it do not count."""

ByRate = Annotated[dict[str, str], AfterValidator(_rates)]
"""Names by rate of tax in per cent, as typed."""


def by_rate(given: dict[str, str]) -> dict[Decimal, str]:
    """Names by rate as a number."""
    return {Decimal(rate): name for rate, name in given.items()}


class ConnectionSettings(BaseModel):
    """Keys of ``[shops.NAME]`` that every shop with an HTTP API has; an adapter adds its credentials."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="Address of the shop, for example https://shop.example.")
    requests_per_second: float = Field(default=8, gt=0, le=1000, description="Most requests per second to this shop.")
    request_timeout_seconds: float = Field(
        default=60, gt=0, le=600, description="Longest silence of the shop during one request, in seconds."
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return web_address(value)


class Paced(Protocol):
    """Settings that say how fast a side may be asked."""

    @property
    def requests_per_second(self) -> float:
        """Most requests per second."""

    @property
    def request_timeout_seconds(self) -> float:
        """Longest silence during one request, in seconds."""


def open_session(
    context: AdapterContext,
    base_url: str,
    *,
    headers: Mapping[str, str] | None = None,
    sign: Callable[[str, str], tuple[str, Mapping[str, str]]] | None = None,
    budget: RateBudget | None = None,
    deadline_s: float | None = None,
) -> HttpSession:
    """Connect as the engine wants it: it can stop every wait, counts requests, and is asked before a write leaves.

    Args:
        context: What the adapter is built from; its settings say the pace (``Paced``).
        base_url: Address that every path is appended to, ending in ``/``.
        headers: Sent with every request, such as a token that does not change.
        sign: Signs each exchange (see ``HttpSession``), for credentials that do.
        budget: Shared with other sessions to the same side.
        deadline_s: Longest time for one request with its answer, seconds; twice the longest silence if not given.
    """
    settings: Paced = context.settings
    return HttpSession(
        side=context.side,
        base_url=base_url,
        budget=budget or RateBudget(settings.requests_per_second),
        stop=context.stop,
        headers=headers,
        timeout_s=settings.request_timeout_seconds,
        deadline_s=deadline_s or 2 * settings.request_timeout_seconds,
        on_request=context.on_request,
        now=context.now,
        sign=sign,
        may_write=context.may_write,
        verify=context.trust,
    )
