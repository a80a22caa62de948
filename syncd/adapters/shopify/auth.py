"""Tokens of a Shopify shop: a permanent one, or one for client credentials that is renewed before it ends.

Source: shopify-api.md section 1.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.errors import AuthRejected, InvalidResponse, OutcomeUnknown, Transient

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.adapters.shopify.settings import ShopifySettings
    from syncd.http import HttpSession, Reply

TOKEN_PATH = "admin/oauth/access_token"  # noqa: S105 - an address
HEADER = "X-Shopify-Access-Token"
_EARLY = timedelta(minutes=5)
_LONGEST_LIFE_S = 10 * 86_400
"""Whatever the shop says: a token is renewed after so long."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when it is to be renewed, our clock; ``None``: never."""

    value: str = field(repr=False)
    renew_at: datetime | None = None


class TokenSource:
    """The token to show. One that was fetched lives in memory alone: another process fetches its own.

    Args:
        side: Name of the side, for errors.
        settings: Which kind of credentials there are.
        now: Our clock.
    """

    def __init__(self, side: str, settings: ShopifySettings, now: Callable[[], datetime]) -> None:
        self._side = side
        self._now = now
        self._lock = threading.Lock()
        self._client_id = settings.client_id
        self._client_secret = settings.client_secret
        fixed = settings.access_token
        self._token = Token(fixed.get_secret_value()) if fixed is not None else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown, as it is now."""
        secret = self._client_secret.get_secret_value() if self._client_secret else ""
        token = self._token
        return tuple(one for one in (secret, token.value if token else "") if one)

    def header(self) -> Mapping[str, str]:
        """What a request carries."""
        token = self._token
        return {HEADER: token.value} if token else {}

    def ready(self, session: HttpSession) -> Token:
        """The token to use, fetched if there is none that still counts."""
        token = self._token
        if token is not None and (token.renew_at is None or self._now() < token.renew_at):
            return token
        return self._renew(session, token)

    def after_refusal(self, session: HttpSession, refused: Token) -> bool:
        """Fetch another token, unless that cannot be done; whether there is one now."""
        if self._client_secret is None:
            return False
        self._renew(session, refused)
        return True

    def _renew(self, session: HttpSession, stale: Token | None) -> Token:
        with self._lock:
            if self._token is not None and self._token is not stale:
                return self._token  # another thread was faster
            self._token = self._fetch(session)
            return self._token

    def _fetch(self, session: HttpSession) -> Token:
        if self._client_secret is None or self._client_id is None:
            raise AuthRejected(self._side, f"POST {TOKEN_PATH}", "no client credentials are configured")
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret.get_secret_value(),
        }
        began = self._now()
        try:
            reply = session.write("POST", TOKEN_PATH, data=form, guarded=False)
        except OutcomeUnknown as error:
            # A token that nobody has seen is lost, and no harm: the next attempt makes another.
            raise Transient(self._side, error.request, error.detail) from None
        return self._read(reply, began)

    def _read(self, reply: Reply, began: datetime) -> Token:
        if reply.status in {400, 401, 403}:
            raise AuthRejected(
                self._side,
                reply.request,
                f"the shop refused client_id and client_secret ({reply.status}): is the app installed in this shop?",
            )
        if not 200 <= reply.status < 300:
            raise InvalidResponse(self._side, reply.request, f"status {reply.status} instead of a token")
        body = reply.json()
        value = body.get("access_token") if isinstance(body, Mapping) else None
        seconds = body.get("expires_in") if isinstance(body, Mapping) else None
        if not isinstance(value, str) or not value:
            raise InvalidResponse(self._side, reply.request, "the answer has no access_token")
        if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0:
            raise InvalidResponse(self._side, reply.request, "the answer has no usable expires_in")
        life = timedelta(seconds=min(seconds, _LONGEST_LIFE_S))
        return Token(value, began + max(life - _EARLY, life / 2))
