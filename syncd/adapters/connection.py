"""What adapters over HTTP have in common: the address, the pace, and a session that knows the engine's wishes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from syncd.http import HttpSession, RateBudget

if TYPE_CHECKING:
    from syncd.adapters.base import AdapterContext


class ConnectionSettings(BaseModel):
    """Keys of ``[shops.NAME]`` that every shop with an HTTP API has; an adapter adds its credentials."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="Address of the shop, for example https://shop.example.")
    requests_per_second: float = Field(default=5, gt=0, le=1000, description="Most requests per second to this shop.")
    request_timeout_seconds: float = Field(
        default=30, gt=0, le=600, description="Longest silence of the shop during one request, in seconds."
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        parts = urlsplit(value.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address that starts with https:// or http://")
        if parts.username or parts.password:
            raise ValueError("must not contain a user or password")
        if parts.query or parts.fragment:
            raise ValueError("must not contain ? or #")
        return value.strip().rstrip("/")


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
) -> HttpSession:
    """Connect as the engine wants it: it can stop every wait, counts requests, and is asked before a write leaves.

    Args:
        context: What the adapter is built from; its settings say the pace (``Paced``).
        base_url: Address that every path is appended to, ending in ``/``.
        headers: Sent with every request, such as a token that does not change.
        sign: Signs each exchange (see ``HttpSession``), for credentials that do.
    """
    settings: Paced = context.settings
    return HttpSession(
        side=context.side,
        base_url=base_url,
        budget=RateBudget(settings.requests_per_second),
        stop=context.stop,
        headers=headers,
        timeout_s=settings.request_timeout_seconds,
        deadline_s=2 * settings.request_timeout_seconds,
        on_request=context.on_request,
        now=context.now,
        sign=sign,
        may_write=context.may_write,
        verify=context.trust,
    )
