"""Calls to the Admin API of one Vendure shop, and what its refusals mean.

An answer to a question counts whole or not at all. A mutation runs in a transaction: an error that names the mutation
itself, with a code that a service gives, says that nothing of it stayed. Errors without such a code, and those below
the mutation, say nothing. Source: ``api/middleware/transaction-interceptor.ts``, ``common/error/errors.ts`` of Vendure
3.7.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.adapters.connection import open_session
from syncd.adapters.vendure.auth import Credentials
from syncd.adapters.vendure.operations import KNOWN
from syncd.errors import (
    AuthRejected,
    InvalidResponse,
    OutcomeUnknown,
    PermissionMissing,
    Rejected,
    SideError,
    Transient,
)
from syncd.http import redact

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from syncd.adapters.answers import Row
    from syncd.adapters.base import AdapterContext
    from syncd.adapters.vendure.operations import Operation
    from syncd.adapters.vendure.settings import VendureSettings
    from syncd.http import Reply

NOT_FOUND = "ENTITY_NOT_FOUND"
_FORBIDDEN = "FORBIDDEN"
_NOTHING_DONE = frozenset({
    _FORBIDDEN, NOT_FOUND, "USER_INPUT_ERROR", "ILLEGAL_OPERATION", "UNAUTHORIZED", "CHANNEL_NOT_FOUND",
    "BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "MIMETYPE_ERROR",
})  # fmt: skip
"""Codes after which nothing of a mutation stays."""


_TOO_MUCH = "too complex"
"""What a shop says that limits the size of questions; it gives no code for it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Data of an answer, and the server's clock."""

    data: Row
    date: datetime | None


class VendureClient:
    """Wire calls with credentials, strict reading and classified refusals."""

    def __init__(self, context: AdapterContext) -> None:
        settings: VendureSettings = context.settings
        self.side = context.side
        self.request = f"POST {settings.path}"
        self._path = settings.path
        self._params = {"languageCode": settings.language} if settings.language else None
        self._channel = {"vendure-token": settings.channel} if settings.channel else {}
        self._session = open_session(context, settings.base_url)
        self._credentials = Credentials(self._session, settings, context.now)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    @property
    def clock_offset(self) -> timedelta:
        """The shop's clock minus ours; zero unless it is clearly another time."""
        return self._session.clock_offset

    def query(self, operation: Operation, variables: Mapping[str, Any] | None = None) -> Answer:
        """Ask.

        Raises:
            AuthRejected, PermissionMissing: The credentials are wrong or lack a right. Transient, RateLimited: Later.
            Rejected: The shop does not take the question.
            InvalidResponse: The answer is broken, or in part: nothing of it is used.
        """
        body = _body(operation, variables)

        def send(headers: Mapping[str, str]) -> Reply:
            return self._session.read(self._path, json=body, headers=headers, params=self._params)

        reply, answer, errors = self._authorised(send, operation)
        if errors:
            raise self._error(reply, operation, errors)
        return answer

    def mutate(self, operation: Operation, variables: Mapping[str, Any]) -> Answer:
        """Send a write once. What was forbidden did nothing, so it may go out again with a new session.

        Raises:
            OutcomeUnknown: It may have been applied: no answer, or a broken one.
            Others: As ``query``; nothing was applied.
        """
        body = _body(operation, variables)

        def send(headers: Mapping[str, str]) -> Reply:
            return self._session.write("POST", self._path, json=body, headers=headers, params=self._params)

        try:
            reply, answer, errors = self._authorised(send, operation)
        except InvalidResponse as error:
            if error.request != self.request or error.detail.startswith(("redirected", "no session")):
                raise
            raise OutcomeUnknown(self.side, self.request, f"answered, but with {error.detail}") from error
        if not errors:
            return answer
        refused = self._error(reply, operation, errors)
        if all(_code(one) in _NOTHING_DONE and _is_of_all(one, operation.first) for one in errors):
            raise refused
        raise OutcomeUnknown(self.side, self.request, refused.detail) from refused

    def _authorised(
        self, send: Callable[[Mapping[str, str]], Reply], operation: Operation
    ) -> tuple[Reply, Answer, list[Row]]:
        """Send, and if that was forbidden once more with a new session, if one can be opened."""
        shown = self._credentials.headers()
        reply = send({**self._channel, **shown})
        answer, errors = self._parse(reply, operation)
        if not _is_forbidden(reply, errors):
            return reply, answer, errors
        if self._credentials.renewable and not self._is_known(shown):
            reply = send({**self._channel, **self._credentials.headers(stale=shown)})
            answer, errors = self._parse(reply, operation)
            if not _is_forbidden(reply, errors):
                return reply, answer, errors
        elif not self._credentials.renewable and not self._is_known(shown):
            raise AuthRejected(
                self.side, self.request, "the shop does not take the API key: was it deleted or rotated, and does "
                "authOptions.tokenMethod include api-key?"
            )  # fmt: skip
        raise PermissionMissing(
            self.side,
            self.request,
            f"the administrator may not do {operation.name}: see docs/vendure.md for the rights",
        )

    def _is_known(self, shown: Mapping[str, str]) -> bool:
        """Whether the shop knows who shows these credentials; what it forbids is the same word for both."""
        reply = self._session.read(self._path, json=_body(KNOWN, None), headers={**self._channel, **shown})
        answer, errors = self._parse(reply, KNOWN)
        return not errors and answer.data.get("activeChannel") is not None

    def _parse(self, reply: Reply, operation: Operation) -> tuple[Answer, list[Row]]:
        if reply.status == 404:
            raise InvalidResponse(self.side, reply.request, "no Admin API at this address (404): is url right?")
        if reply.status == 401:
            detail = "refused by the host, not by Vendure (401): does the web server ask for a password of its own?"
            raise AuthRejected(self.side, reply.request, detail)
        if reply.status == 403:
            # Some firewalls judge what comes out of the shop: by then a write has had its effect.
            kind = OutcomeUnknown if operation.write else Transient
            raise kind(self.side, reply.request, f"refused by the host, not by Vendure (403): {reply.sample!r}")
        body = reply.json()
        if not isinstance(body, Mapping):
            raise InvalidResponse(self.side, reply.request, f"{operation.name}: no object", sample=reply.sample)
        listed, data = body.get("errors"), body.get("data")
        errors = [one if isinstance(one, Mapping) else {"message": str(one)} for one in listed or ()]
        if not errors and (not isinstance(data, Mapping) or reply.status != 200):
            raise InvalidResponse(
                self.side, reply.request, f"{operation.name}: status {reply.status} without data", sample=reply.sample
            )
        return Answer(data if isinstance(data, Mapping) else {}, reply.date), errors

    def _error(self, reply: Reply, operation: Operation, errors: list[Row]) -> SideError:
        codes = [_code(one) for one in errors]
        words = reply.shown("; ".join(str(one.get("message")) for one in errors[:3]))
        detail = f"{operation.name}: {words} ({', '.join(filter(None, codes)) or 'no code'})"
        if codes[0] in _NOTHING_DONE:
            return Rejected(self.side, reply.request, detail, status=reply.status, key=codes[0])
        if _TOO_MUCH in words:
            detail += ": HardenPlugin of the shop allows too little, see docs/vendure.md"
        return Transient(self.side, reply.request, detail)


def _body(operation: Operation, variables: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"query": operation.text, "variables": dict(variables or {}), "operationName": operation.name}


def _code(error: Row) -> str:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, Mapping) else None
    return redact(code)[:100] if isinstance(code, str) else ""


def _is_of_all(error: Row, first: str) -> bool:
    """Whether an error is one of the whole operation: before it began, or in the first of its parts, and not below."""
    path = error.get("path")
    if not isinstance(path, list):
        return True
    return len(path) <= 1 and (not first or path == [first])


def _is_forbidden(reply: Reply, errors: list[Row]) -> bool:
    return reply.status == 200 and bool(errors) and all(_code(one) == _FORBIDDEN for one in errors)
