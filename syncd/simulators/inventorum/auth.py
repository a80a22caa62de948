"""Tokens, scopes and the rate limit of the simulated INVENTORUM."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from syncd.simulators.inventorum.settings import InventorumSettings
from syncd.simulators.server import SimRequest, SimResponse


@dataclass(slots=True)
class _Access:
    expires_at: datetime
    scope: str


@dataclass(slots=True)
class _Refresh:
    used_at: datetime | None = None


class Auth:
    """One app with rotating refresh tokens."""

    def __init__(self, settings: InventorumSettings, now: Callable[[], datetime]) -> None:
        self.settings = settings
        self._now = now
        self._access: dict[str, _Access] = {}
        self._refresh: dict[str, _Refresh] = {settings.refresh_token: _Refresh()}

    def scope_of(self, request: SimRequest) -> str | None:
        """Scope of the request's bearer token; ``None`` if it has no valid one."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        found = self._access.get(token.strip())
        if kind.lower() != "bearer" or found is None or found.expires_at <= self._now():
            return None
        return found.scope

    def token(self, request: SimRequest) -> SimResponse:
        """Answer ``POST /auth/token/``.

        Source: contract 2.1; error bodies as in RFC 6749 section 5.2.
        """
        if not self._is_client(request):
            return SimResponse(401, {"error": "invalid_client"}, {"WWW-Authenticate": "Basic"})
        form = {name: values[-1] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "refresh_token":
            return SimResponse(400, {"error": "unsupported_grant_type"})
        if not form.get("refresh_token"):
            return SimResponse(400, {"error": "invalid_request"})
        if not self._use(form["refresh_token"]):
            return SimResponse(self.settings.refresh_refused_status, {"error": "invalid_grant"})
        return SimResponse(200, self._new_pair())

    def _is_client(self, request: SimRequest) -> bool:
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return False
        try:
            sent = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return False
        return sent == f"{self.settings.client_id}:{self.settings.client_secret}"

    def _use(self, token: str) -> bool:
        found = self._refresh.get(token)
        if found is None:
            return False
        if found.used_at is None:
            found.used_at = self._now()
            return True
        # A used token lives for the grace period: the vendor's rule is unknown (contract 2.1).
        return self._now() - found.used_at < timedelta(seconds=self.settings.refresh_grace_seconds)

    def _new_pair(self) -> dict[str, Any]:
        if self.settings.access_dies_on_refresh:
            self._access.clear()
        access, refresh = secrets.token_hex(20), secrets.token_hex(20)
        expires_at = self._now() + timedelta(seconds=self.settings.expires_in)
        self._access[access] = _Access(expires_at, self.settings.scope)
        self._refresh[refresh] = _Refresh()
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.settings.expires_in,
            "refresh_token": refresh,
            "scope": self.settings.scope,
        }

    def expire_access(self) -> None:
        """End all access tokens."""
        self._access.clear()

    def revoke_refresh(self) -> None:
        """End all refresh tokens, as when the merchant deletes the app's token."""
        self._refresh.clear()

    def issue_refresh(self) -> str:
        """A fresh refresh token, as when the merchant makes a new one."""
        token = f"sim-refresh-{secrets.token_hex(8)}"
        self._refresh[token] = _Refresh()
        return token


def has_scope(granted: str, needed: str) -> bool:
    """Whether the granted entries cover ``resource:action``; a bare resource covers all its actions."""
    entries = granted.split()
    return needed in entries or needed.partition(":")[0] in entries


class RateLimit:
    """At most so many requests in any second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._recent: deque[float] = deque()

    def allows(self, per_second: int) -> bool:
        """Count one request; ``False`` if it is one too many. A ``per_second`` of 0 allows all."""
        if per_second == 0:
            return True
        now = self._clock()
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        if len(self._recent) >= per_second:
            return False
        self._recent.append(now)
        return True
