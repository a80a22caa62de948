"""Access tokens of the simulated shop (shopware6-api.md section 1)."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from syncd.simulators.server import SimResponse
from syncd.simulators.shopware6.problems import ApiError

if TYPE_CHECKING:
    from syncd.simulators.server import SimRequest
    from syncd.simulators.shopware6.state import Shop

_THROTTLE = ((20, 60.0), (15, 30.0), (10, 10.0))
"""Failures in all, and how long the next attempt has to wait then."""


class Authenticator:
    """Gives out tokens and knows them again.

    Attributes:
        active: Whether the integration exists; a person may delete it.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._tokens: dict[str, float] = {}
        self._failures = 0
        self._failed_at = 0.0
        self.active = True

    @property
    def tokens(self) -> list[str]:
        """All that were given out."""
        return list(self._tokens)

    def expire(self) -> None:
        """End all tokens."""
        self._tokens = dict.fromkeys(self._tokens, 0.0)

    def token(self, request: SimRequest) -> SimResponse:
        """Grant ``client_credentials``.

        Raises:
            ApiError: Refused, or throttled after too many refusals.
        """
        settings = self._shop.settings
        wait_s = next((seconds for most, seconds in _THROTTLE if self._failures >= most), 0.0)
        if settings.now() < self._failed_at + wait_s:
            raise ApiError(429, "FRAMEWORK__AUTH_THROTTLED", f"Auth throttled for {wait_s:.0f} seconds.")
        try:
            body = json.loads(request.body)
        except ValueError:
            body = {}
        if body.get("grant_type") != "client_credentials":
            raise ApiError(400, "2", "The authorization grant type is not supported by the authorization server.")
        known = (body.get("client_id"), body.get("client_secret")) == (settings.client_id, settings.client_secret)
        if not self.active or not known:
            self._failures, self._failed_at = self._failures + 1, settings.now()
            raise ApiError(401, "4", "Client authentication failed")
        self._failures = 0
        token = f"eyJ{secrets.token_hex(30)}.{secrets.token_hex(20)}"
        self._tokens[token] = settings.now() + settings.token_seconds
        return SimResponse(200, {"token_type": "Bearer", "expires_in": settings.token_seconds, "access_token": token})

    def require(self, request: SimRequest) -> None:
        """Let a request in.

        Raises:
            ApiError: 401.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self._shop.settings.now() >= self._tokens.get(token, 0.0) or not self.active:
            raise ApiError(401, "9", "The resource owner or authorization server denied the request.")

    def missing(self, needed: set[str]) -> set[str]:
        """Rights that the integration lacks."""
        granted = self._shop.settings.privileges
        return set() if granted is None else needed - set(granted)
