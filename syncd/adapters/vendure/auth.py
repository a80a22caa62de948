"""What a request shows of itself: an API key, or the token of a session that was opened with name and password.

Source: ``api/common/extract-session-token.ts`` and ``auth.api.graphql`` of Vendure 3.7.3. A session's token comes in a
header of the answer to ``login``; the shop ends it after a time of its own, and says of a request with an ended one
only that it is not allowed.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from syncd.adapters.vendure.operations import LOGIN
from syncd.errors import AuthRejected, InvalidResponse, OutcomeUnknown, Transient

if TYPE_CHECKING:
    from syncd.adapters.vendure.settings import VendureSettings
    from syncd.http import HttpSession

API_KEY = "vendure-api-key"
TOKEN = "vendure-auth-token"  # noqa: S105 - the name of a header
_REFUSED_FOR = timedelta(seconds=30)
_ADVICE = "check username and password of the administrator in the shop's table"


class Credentials:
    """Headers that a request carries. Safe to use from several threads.

    Args:
        session: Sends.
        settings: Which kind of credentials there are.
        now: Our clock.
    """

    def __init__(self, session: HttpSession, settings: VendureSettings, now: Callable[[], datetime]) -> None:
        self._session = session
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._token: str | None = None
        self._refused_until: datetime | None = None

    @property
    def renewable(self) -> bool:
        """Whether a new session can be opened without a person."""
        return self._settings.api_key is None

    def headers(self, stale: Mapping[str, str] | None = None) -> Mapping[str, str]:
        """Headers to show; others than ``stale`` if that can be.

        Raises:
            AuthRejected: Name or password are refused. SideError: The shop cannot be asked now.
        """
        key = self._settings.api_key
        if key is not None:
            return {API_KEY: key.get_secret_value()}
        with self._lock:
            if self._token is None or (stale is not None and stale == _bearer(self._token)):
                self._token = None
                self._token = self._log_in()
            return _bearer(self._token)

    def _log_in(self) -> str:
        path, password = self._settings.path, self._settings.password
        until = self._refused_until
        if until is not None and until - _REFUSED_FOR <= self._now() < until:
            raise AuthRejected(self._session.side, f"POST {path}", f"refused a moment ago: {_ADVICE}")
        given = {"username": self._settings.username, "password": password.get_secret_value() if password else ""}
        body = {"query": LOGIN.text, "variables": given, "operationName": LOGIN.name}
        try:
            # Changes no goods, so a process that may not write any more may ask as well.
            reply = self._session.write("POST", path, json=body, guarded=False)
        except OutcomeUnknown as error:
            raise Transient(error.side, error.request, f"no session: {error.detail}") from None
        answer = _answer(reply.body, reply.json, reply.side, reply.request)
        if answer.get("__typename") != "CurrentUser":
            self._refused_until = self._now() + _REFUSED_FOR
            raise AuthRejected(reply.side, reply.request, f"the shop refuses the login: {_ADVICE}")
        token = reply.headers.get(TOKEN, "")
        if not re.fullmatch(r"[!-~]{1,500}", token):
            raise InvalidResponse(
                reply.side, reply.request,
                "the shop opened a session and gave no token; its authOptions.tokenMethod must include bearer "
                "(or use an API key)",
            )  # fmt: skip
        self._refused_until = None
        return token


def _bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _answer(body: bytes, parse: Callable[[], Any], side: str, request: str) -> Mapping[str, Any]:
    """What came of the login, without keeping a sample of it: it may repeat the password."""
    try:
        found = parse()
    except InvalidResponse as error:
        raise InvalidResponse(side, request, f"no session: {error.detail}") from None
    data = found.get("data") if isinstance(found, Mapping) else None
    login = data.get("login") if isinstance(data, Mapping) else None
    if not isinstance(login, Mapping):
        raise InvalidResponse(side, request, f"no session: {len(body)} bytes that say nothing of the login")
    return login
