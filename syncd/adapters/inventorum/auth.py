"""Access to the API with tokens that rotate.

Every refresh gives a new refresh token and makes the old one useless, so a new pair is durable before it is used
(``TokenStore.refresh``), and a lost answer to a refresh is a state of its own. Nothing here logs a token.

Source: inventorum-api.md section 2.1 [docs:authentication v12].
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from syncd.adapters.base import TokenPair
from syncd.adapters.inventorum.mapping import error_facts
from syncd.adapters.inventorum.wire import Fields, Where
from syncd.errors import AuthRejected, InvalidResponse, OutcomeUnknown, Transient
from syncd.http import note_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from syncd.adapters.base import TokenStore
    from syncd.adapters.inventorum.settings import InventorumSettings
    from syncd.http import HttpSession, Reply

TOKEN_PATH = "auth/token/"  # noqa: S105 - an address, not a secret
TOKEN_VERSION = 12
"""The version of the vendor's authentication page; the endpoint is documented alike for all."""

_EARLIEST_REFRESH_S = 300.0
_EARLY_PART = 0.1
_LONGEST_TOKEN = 8000
_LONGEST_SCOPE = 2000
_LIFE_IF_UNSAID_S = 3600
"""Shorter than the 10 and the 24 hours that the documentation names: too early a refresh harms nobody."""

RENEW_ADVICE = (
    'Create a new token for this app in the Shore manager (https://manager.shore.com/api-apps, "API & Apps") and put '
    "its refresh token into refresh_token or refresh_token_file."
)

NEEDED_RIGHTS = {
    "products:read": "read products and stock",
    "products:update": "book stock",
    "orders:read": "read sales as evidence",
}
RIGHTS_TO_MAKE = ("products:create", "images:create", "tax_types:read")
"""Needed besides to make products at the till."""


def missing_rights(scope: str, needed: Iterable[str] = tuple(NEEDED_RIGHTS)) -> list[str]:
    """Name the needed rights that ``scope`` does not grant; the old notation grants a whole resource by its name."""
    granted = set(scope.split())
    return [right for right in needed if right not in granted and right.partition(":")[0] not in granted]


@dataclass(slots=True)
class _Held:
    """The pair in use, and when it is due: by its life as first seen here, since a stored pair has no issue date."""

    pair: TokenPair
    due_at: datetime


class BearerApi:
    """Sends requests with a valid access token and renews it when needed. Safe to use from several threads.

    Args:
        http: Session with the API.
        tokens: Durable storage of the pair.
        settings: Client id and secret.
        now: Clock.
    """

    def __init__(
        self, http: HttpSession, tokens: TokenStore, settings: InventorumSettings, now: Callable[[], datetime]
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._renewal_may_cure_400 = True

    @property
    def side(self) -> str:
        """Name of the side."""
        return self._http.side

    def scope(self) -> str:
        """Return the rights of the present token, as the server listed them (empty if it did not)."""
        return self._current().scope

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def read(self, path: str, *, version: int, params: Any = None, known_good: bool = True) -> Reply:
        """GET ``path``.

        Args:
            path: Relative to the base address, ending in ``/``.
            version: ``X-Api-Version``.
            params: Query.
            known_good: The request's form is known to be accepted, so that 400 may mean the token.

        Returns:
            An answer with a status below 500 that is not 3xx, 401 or 429.

        Raises:
            AuthRejected: The token is refused also after a renewal, or the renewal is.
            SideError: As ``HttpSession.read``.
        """

        def send(headers: Mapping[str, str]) -> Reply:
            return self._http.read(path, params=params, headers=headers)

        return self._authorised(send, version, doubt_400=known_good)

    def write(self, method: str, path: str, *, version: int, **body: Any) -> Reply:
        """Send a write once; and once more only if the first was refused for its token, which applies nothing.

        Args:
            method: HTTP method.
            path: Relative to the base address, ending in ``/``.
            version: ``X-Api-Version``.
            body: As ``HttpSession.write`` takes it: ``json``, or ``files`` with ``data``.

        Returns:
            As ``read``.

        Raises:
            AuthRejected: As ``read``.
            SideError: As ``HttpSession.write``; ``OutcomeUnknown`` is never answered with a repetition.
        """

        def send(headers: Mapping[str, str]) -> Reply:
            return self._http.write(method, path, headers=headers, **body)

        return self._authorised(send, version, doubt_400=False)

    def _authorised(self, send: Callable[[Mapping[str, str]], Reply], version: int, *, doubt_400: bool) -> Reply:
        pair = self._current()
        reply = send(_headers(pair, version))
        refused = _refuses_token(reply)
        if not refused and not (doubt_400 and self._doubtful(reply)):
            return reply
        again = send(_headers(self._renew(pair), version))
        if _refuses_token(again):
            raise AuthRejected(
                self.side, again.request, f"the access token was refused right after its renewal. {RENEW_ADVICE}"
            )
        if not refused and again.status == 400:
            self._renewal_may_cure_400 = False
        return again

    def _doubtful(self, reply: Reply) -> bool:
        """Whether a 400 may mean the token: once a renewal did not help, no other is spent on it.

        Source: section 2.1 [js client], unverified.
        """
        return reply.status == 400 and self._renewal_may_cure_400 and not error_facts(reply).fields

    def _current(self) -> TokenPair:
        with self._lock:
            if self._held is None:
                stored = self._tokens.load()
                self._held = self._hold(stored) if stored else None
            if self._held is None or self._now() >= self._held.due_at:
                self._held = self._hold(self._tokens.refresh(self._held.pair if self._held else None, self.exchange))
            return self._held.pair

    def _renew(self, stale: TokenPair) -> TokenPair:
        with self._lock:
            if self._held is None or self._held.pair == stale:
                self._held = self._hold(self._tokens.refresh(stale, self.exchange))
            return self._held.pair

    def _hold(self, pair: TokenPair) -> _Held:
        life_s = max(0.0, (pair.expires_at - self._now()).total_seconds())
        return _Held(pair, pair.expires_at - timedelta(seconds=min(_EARLIEST_REFRESH_S, life_s * _EARLY_PART)))

    def exchange(self, refresh_token: str) -> TokenPair:
        """Trade a refresh token for a new pair. Called by the store alone, one at a time.

        Raises:
            AuthRejected: The refresh token or the app's credentials are refused; names what to do.
            Transient: Nothing came of it; or the answer was lost, then the message names the danger.
            InvalidResponse: The answer is not a pair of tokens.
        """
        secret = self._settings.client_secret.get_secret_value()
        try:
            reply = self._http.write(
                "POST",
                TOKEN_PATH,
                data={"grant_type": "refresh_token", "refresh_token": refresh_token},
                auth=(self._settings.client_id, secret),
                headers={"X-Api-Version": str(TOKEN_VERSION)},
                guarded=False,  # a dry run refreshes too: tokens have a lease of their own
            )
        except OutcomeUnknown as error:
            raise Transient(
                error.side,
                error.request,
                f"the answer to the token refresh was lost ({error.detail}); if INVENTORUM had rotated the token "
                f"already, the next refresh is refused and a new token is needed",
            ) from error
        if reply.status in {400, 401, 403} and error_facts(reply).is_ours:
            raise AuthRejected(self.side, reply.request, _refusal(reply))
        if reply.status != 200:
            raise InvalidResponse(
                self.side, reply.request, f"status {reply.status}: the base address may be wrong", sample=""
            )
        return self._pair(reply, refresh_token)

    def _pair(self, reply: Reply, used: str) -> TokenPair:
        fields = Fields(_body(reply), Where(self.side, reply.request))
        access = _token(fields, "access_token")
        if access is None:
            raise fields.invalid("access_token", "is no token; the refresh token may be used up all the same")
        note_credentials(access, fields.text("refresh_token") or "")
        # From here on nothing may fail: the old refresh token is gone, and this answer holds the only new one.
        try:
            life_s = max(1, fields.integer("expires_in"))
        except InvalidResponse:
            life_s = _LIFE_IF_UNSAID_S
        return TokenPair(
            access_token=access,
            refresh_token=_token(fields, "refresh_token") or used,
            expires_at=self._now() + timedelta(seconds=min(life_s, 10 * 366 * 86400)),
            scope=_scope(fields),
        )


def _token(fields: Fields, name: str) -> str | None:
    """Read a token: visible ASCII without spaces, or it could not be sent in a header (RFC 6750 section 2.1)."""
    text = fields.text(name) or ""
    return text if len(text) <= _LONGEST_TOKEN and re.fullmatch(r"[!-~]+", text) else None


def _scope(fields: Fields) -> str:
    text = fields.text("scope") or ""
    return text if len(text) <= _LONGEST_SCOPE and text.isascii() and text.isprintable() else ""


def _headers(pair: TokenPair, version: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {pair.access_token}", "X-Api-Version": str(version)}


def _refuses_token(reply: Reply) -> bool:
    return reply.status == 401 or (reply.status == 400 and error_facts(reply).key.startswith("token."))


def _body(reply: Reply) -> Any:
    """Parse a token answer without keeping a sample of it: it holds the tokens."""
    try:
        return reply.json()
    except InvalidResponse as error:
        raise InvalidResponse(
            error.side, error.request, f"the answer with the tokens is damaged: {error.detail}"
        ) from None


def _refusal(reply: Reply) -> str:
    key = error_facts(reply).key
    if key == "invalid_client":
        return "INVENTORUM does not accept client_id and client_secret of this app (invalid_client); check both."
    return f"INVENTORUM refused the refresh token ({key or f'status {reply.status}'}). {RENEW_ADVICE}"
