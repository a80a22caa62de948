"""Credentials of the simulated shop: a permanent token, and tokens for client credentials.

Source: shopify-api.md section 1.
"""

from __future__ import annotations

import secrets
from urllib.parse import parse_qsl

from syncd.simulators.server import SimRequest, SimResponse
from syncd.simulators.shopify.settings import ShopifySettings

TOKEN_PATH = "/admin/oauth/access_token"  # noqa: S105 - an address


class Authenticator:
    """Hands out tokens and knows them again."""

    def __init__(self, settings: ShopifySettings) -> None:
        self._settings = settings
        self.issued: dict[str, float] = {}

    def accepts(self, request: SimRequest) -> bool:
        """Whether a request shows a token that counts."""
        token = request.headers.get("x-shopify-access-token", "")
        if token and token == self._settings.token:
            return True
        return self.issued.get(token, 0.0) > self._settings.clock()

    def exchange(self, request: SimRequest) -> SimResponse:
        """``POST /admin/oauth/access_token``."""
        if request.method != "POST":
            return SimResponse(404, {"errors": "Not Found"})
        form = dict(parse_qsl(request.body.decode()))
        if form.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type", "The grant type is not supported")
        known = form.get("client_id") == self._settings.client_id
        if not known or not form.get("client_secret") or form["client_secret"] != self._settings.client_secret:
            return _refused("invalid_client", "Client authentication failed")
        token = f"shpat_{secrets.token_hex(16)}"
        self.issued[token] = self._settings.clock() + self._settings.token_seconds
        scope, expires_in = self._settings.scopes, self._settings.token_seconds
        return SimResponse(200, {"access_token": token, "scope": scope, "expires_in": expires_in})


def _refused(code: str, words: str) -> SimResponse:
    return SimResponse(400, {"error": code, "error_description": words})
