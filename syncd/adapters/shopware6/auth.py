"""Access tokens of an integration: asked for with its secret, kept in memory, renewed before they end.

There is no refresh token for this grant (shopware6-api.md section 1), so nothing is lost when the process ends. The
route is throttled by address after a few wrong secrets: a secret that was refused is not shown again for a while.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.errors import AuthRejected, InvalidResponse, OutcomeUnknown, Transient

if TYPE_CHECKING:
    from syncd.adapters.shopware6.settings import Shopware6Settings
    from syncd.http import HttpSession, Reply

_PATH = "oauth/token"
_EARLY_S = 60
_LONGEST_LIFE_S = 86_400
_REFUSED_FOR = timedelta(seconds=30)
_ADVICE = (
    "Check client_id and client_secret in Shopware's administration, Settings > System > Integrations. The secret is "
    "shown once; a new one can be made there."
)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    due_at: datetime


class Tokens:
    """The token in use. Safe to use from several threads.

    Args:
        session: Sends.
        settings: The integration's credentials.
        now: Our clock.
    """

    def __init__(self, session: HttpSession, settings: Shopware6Settings, now: Callable[[], datetime]) -> None:
        self._session = session
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._refused_until: datetime | None = None

    def current(self, stale: str | None = None) -> str:
        """A token that is good for a while; another one than ``stale``.

        Raises:
            AuthRejected: The credentials are refused.
            SideError: The shop cannot be asked now.
        """
        with self._lock:
            token = self._token
            if token is None or token.text == stale or self._now() >= token.due_at:
                self._token = None
                self._token = token = self._ask()
            return token.text

    def _ask(self) -> _Token:
        refused_until = self._refused_until
        if refused_until is not None and refused_until - _REFUSED_FOR <= self._now() < refused_until:
            raise AuthRejected(self._session.side, f"POST {_PATH}", f"refused a moment ago. {_ADVICE}")
        body = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret.get_secret_value(),
        }
        try:
            # Changes no goods, so a process that may not write any more may ask as well.
            reply = self._session.write("POST", _PATH, json=body, guarded=False)
        except OutcomeUnknown as error:
            raise Transient(error.side, error.request, f"no token came: {error.detail}") from error
        answer = _object(reply)
        if reply.status in {400, 401} and isinstance(answer.get("errors"), list):
            self._refused_until = self._now() + _REFUSED_FOR
            raise AuthRejected(
                reply.side, reply.request, f"the shop refuses the integration ({reply.status}). {_ADVICE}"
            )
        if reply.status != 200:
            detail = f"status {reply.status} instead of a token: the address may be wrong"
            raise InvalidResponse(reply.side, reply.request, detail)
        return self._read(reply, answer)

    def _read(self, reply: Reply, answer: Mapping[str, object]) -> _Token:
        text, life_s = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(text, str) or not re.fullmatch(r"[!-~]{1,8000}", text):
            raise InvalidResponse(reply.side, reply.request, "the answer holds no access token")
        if isinstance(life_s, bool) or not isinstance(life_s, int) or life_s <= 0:
            raise InvalidResponse(reply.side, reply.request, "the answer does not say how long the token lives")
        life_s = min(life_s, _LONGEST_LIFE_S)
        self._refused_until = None
        return _Token(text, self._now() + timedelta(seconds=max(life_s - _EARLY_S, life_s / 2)))


def _object(reply: Reply) -> Mapping[str, object]:
    """The answer without keeping a sample of it: it may hold the token."""
    try:
        body = reply.json()
    except InvalidResponse as error:
        raise InvalidResponse(error.side, error.request, f"no token came: {error.detail}") from None
    if not isinstance(body, Mapping):
        raise InvalidResponse(reply.side, reply.request, "no token came: the answer is no object")
    return body
