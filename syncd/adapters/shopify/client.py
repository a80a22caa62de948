"""Calls to the Admin API of one Shopify shop, and what its refusals mean.

Three levels, all of which must be fine: the HTTP status, ``errors`` beside ``data``, and ``userErrors`` inside it
(those are the caller's). Source: shopify-api.md sections 1 and 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from loguru import logger

from syncd.adapters.answers import Malformed, Row, flag_of, mapping_of, row_of, rows_of
from syncd.adapters.connection import open_session
from syncd.adapters.shopify.auth import TOKEN_PATH, TokenSource
from syncd.adapters.shopify.throttle import Throttle
from syncd.errors import (
    AuthRejected,
    InvalidResponse,
    OutcomeUnknown,
    PermissionMissing,
    RateLimited,
    Rejected,
    SideError,
    Transient,
)
from syncd.http import HttpSession, RateBudget, redact

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from syncd.adapters.base import AdapterContext
    from syncd.adapters.shopify.operation import Operation
    from syncd.adapters.shopify.settings import ShopifySettings
    from syncd.http import Reply

_THROTTLED = "THROTTLED"
_DENIED = "ACCESS_DENIED"
_PASSING = {"INTERNAL_SERVER_ERROR", "SHOP_INACTIVE", "TIMEOUT", "SERVICE_UNAVAILABLE"}
_THROTTLED_TRIES = 5
_LONGEST_DOWNLOAD_S = 600.0
_CLOSED = {402: "the shop is frozen", 423: "the shop is locked", 430: "the shop's protection refused us"}


@dataclass(frozen=True, slots=True)
class Answer:
    """Data of an answer, the errors beside it (of writes alone), and the server's clock."""

    data: Row
    errors: tuple[Row, ...] = ()
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a connection; ``total`` if it was asked for, ``date`` is the server's clock."""

    rows: tuple[Row, ...]
    after: str | None
    total: int | None
    date: datetime | None


class ShopifyClient:
    """Wire calls with credentials, strict reading and classified refusals."""

    def __init__(self, context: AdapterContext) -> None:
        settings: ShopifySettings = context.settings
        self.side = context.side
        self._version = settings.api_version
        self._path = f"admin/api/{settings.api_version}/graphql.json"
        self._tokens = TokenSource(context.side, settings, context.now)
        self._throttle = Throttle(context.stop)
        self._served: str | None = None
        self._budget = RateBudget(settings.requests_per_second)
        self._context = context
        self._session = self._session_for(self._sign)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    @property
    def clock_offset(self) -> timedelta:
        """The shop's clock minus ours; zero unless it is clearly another time."""
        return self._session.clock_offset

    @property
    def served_version(self) -> str | None:
        """Version of the API that answered last, if it said so."""
        return self._served

    def query(self, operation: Operation, variables: Mapping[str, Any] | None = None) -> Answer:
        """Ask; while the shop's budget is used up, wait and ask again.

        Raises:
            AuthRejected, PermissionMissing: The token is wrong or lacks a right.
            Transient, RateLimited: Later.
            InvalidResponse: The answer is broken, or in part: nothing of it is used.
        """
        body = _body(operation, variables)
        for attempt in range(_THROTTLED_TRIES):
            self._throttle.wait(operation.name, _rows(variables), operation.points)
            reply = self._authorised(lambda: self._session.read(self._path, json=body))
            self._judge_status(reply)
            answer = self._parse(reply, operation, variables)
            if not answer.errors:
                return answer
            error = self._error(reply, operation, answer.errors, variables)
            if not isinstance(error, RateLimited) or attempt == _THROTTLED_TRIES - 1:
                raise error
        raise AssertionError("unreachable")

    def mutate(self, operation: Operation, variables: Mapping[str, Any]) -> Answer:
        """Send a write once. A 401 means that nothing was applied, so it may go out again with a new token.

        Returns:
            Data, perhaps with errors of single fields beside it.

        Raises:
            OutcomeUnknown: It may have been applied: no answer, or a broken one.
            Others: as ``query``, nothing was applied.
        """
        self._throttle.wait(operation.name, _rows(variables), operation.points)
        body = _body(operation, variables)
        reply = self._authorised(lambda: self._session.write("POST", self._path, json=body))
        self._judge_status(reply)
        try:
            answer = self._parse(reply, operation, variables)
        except InvalidResponse as error:
            raise OutcomeUnknown(self.side, reply.request, f"answered, but with {error.detail}") from error
        if answer.errors and not answer.data:
            refused = self._error(reply, operation, answer.errors, variables)
            if isinstance(refused, RateLimited | PermissionMissing | Rejected):
                raise refused
            raise OutcomeUnknown(self.side, reply.request, refused.detail) from refused
        return answer

    def upload(self, address: str, form: Mapping[str, str], file: tuple[str, bytes, str]) -> None:
        """Put a file into the place that the shop has named for it; our token does not go there.

        Raises:
            Rejected: It was not taken. OutcomeUnknown, Transient: Nobody knows; the place is used once, so no harm.
        """
        session = self._session_for(lambda _, __: (address, {}))
        try:
            reply = session.write("POST", "staged-upload", data=form, files={"file": file})
        finally:
            session.close()
        if not 200 <= reply.status < 300:
            # What such a server says may repeat the signature that it was shown.
            raise Rejected(self.side, reply.request, f"the upload was refused ({reply.status})", status=reply.status)

    def download(self, address: str, file: IO[bytes]) -> None:
        """Fetch a file that the shop has written; our token does not go there.

        Raises:
            Transient: It cannot be had now. Rejected: It is not there.
        """
        session = self._session_for(lambda _, __: (address, {}), deadline_s=_LONGEST_DOWNLOAD_S)
        try:
            reply = session.read("export", into=file)
        finally:
            session.close()
        if not 200 <= reply.status < 300:
            raise Rejected(self.side, reply.request, f"no file ({reply.status})", status=reply.status)

    def pages(self, operation: Operation, variables: Mapping[str, Any], *path: str, begin: int = 0) -> Iterator[Page]:
        """Walk a connection named ``page`` below ``path`` to its end.

        A page without rows that has an end, or that is followed by others, is a damaged one. With ``begin`` the
        first page is of that size.

        Raises:
            Malformed: An answer is not what the contract says.
        """
        after: str | None = None
        while True:
            size = {"first": begin} if begin and after is None else {}
            answer = self.query(operation, {**variables, **size, "after": after})
            found: Row = answer.data
            for name in path:
                found = mapping_of(found.get(name), name)
            rows, after = page_of(row_of(found, "page"))
            total = _total(answer.data)
            yield Page(tuple(rows), after, total, answer.date)
            if after is None:
                return

    def _session_for(
        self, sign: Callable[[str, str], tuple[str, Mapping[str, str]]], deadline_s: float | None = None
    ) -> HttpSession:
        address = f"{self._context.settings.url}/"
        return open_session(self._context, address, sign=sign, budget=self._budget, deadline_s=deadline_s)

    def failure(self, operation: Operation, detail: str) -> InvalidResponse:
        """An error for what the contract does not allow."""
        return InvalidResponse(self.side, f"POST {self._path}", f"{operation.name}: {detail}")

    def _sign(self, _: str, url: str) -> tuple[str, Mapping[str, str]]:
        return url, {} if url.endswith(TOKEN_PATH) else self._tokens.header()

    def _authorised(self, send: Callable[[], Reply]) -> Reply:
        """Send, and after a 401 once more with a new token, if one can be had."""
        token = self._tokens.ready(self._session)
        reply = send()
        if reply.status == 401 and self._tokens.after_refusal(self._session, token):
            return send()
        return reply

    def _judge_status(self, reply: Reply) -> None:
        self._note_version(reply)
        if 200 <= reply.status < 300:
            return
        detail = f"{reply.status}: {reply.sample!r}"
        if reply.status == 401:
            raise AuthRejected(self.side, reply.request, f"the shop refused the token ({reply.status})")
        if reply.status == 403:
            raise PermissionMissing(self.side, reply.request, detail)
        if reply.status in _CLOSED:
            raise Transient(self.side, reply.request, f"{_CLOSED[reply.status]} ({reply.status})")
        if reply.status == 404:
            words = f"no Admin API at this address (404): is {self._path} of the right shop?"
            raise InvalidResponse(self.side, reply.request, words)
        raise Rejected(self.side, reply.request, detail, status=reply.status)

    def _note_version(self, reply: Reply) -> None:
        served = reply.headers.get("x-shopify-api-version")
        if served and served not in {self._served, self._version}:
            logger.bind(side=self.side, served=served[:20], asked=self._version).warning("shopify.other_version")
        self._served = served or self._served

    def _parse(self, reply: Reply, operation: Operation, variables: Mapping[str, Any] | None) -> Answer:
        body = reply.json()
        if not isinstance(body, Mapping):
            raise InvalidResponse(self.side, reply.request, f"{operation.name}: no object", sample=reply.sample)
        self._throttle.note(operation.name, body.get("extensions"), _rows(variables))
        errors = body.get("errors")
        if errors:
            listed = errors if isinstance(errors, list) else [{"message": str(errors)}]
            data = body.get("data")
            return Answer(
                data if isinstance(data, Mapping) else {},
                tuple(one if isinstance(one, Mapping) else {"message": str(one)} for one in listed),
                reply.date,
            )
        data = body.get("data")
        if not isinstance(data, Mapping):
            raise InvalidResponse(self.side, reply.request, f"{operation.name}: no data", sample=reply.sample)
        return Answer(data, (), reply.date)

    def _error(
        self, reply: Reply, operation: Operation, errors: tuple[Row, ...], variables: Mapping[str, Any] | None
    ) -> SideError:
        """What errors beside the data mean for the whole call."""
        codes = [code_of_error(one) for one in errors]
        words = reply.shown("; ".join(str(one.get("message")) for one in errors))
        detail = f"{operation.name}: {words} ({', '.join(filter(None, codes)) or 'no code'})"
        if _THROTTLED in codes:
            wait_s = max(self._throttle.missing_s(operation.name, _rows(variables), operation.points), 0.1)
            return RateLimited(self.side, reply.request, detail, retry_after_s=wait_s)
        if _DENIED in codes:
            return PermissionMissing(self.side, reply.request, detail)
        if _PASSING & set(codes):
            return Transient(self.side, reply.request, detail)
        if operation.write and not any("path" in one for one in errors):
            return Rejected(self.side, reply.request, detail, status=reply.status, key=codes[0] or "refused")
        return InvalidResponse(self.side, reply.request, detail, sample=reply.sample)


def code_of_error(error: Row) -> str:
    """The code of an error beside the data, empty if it has none."""
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, Mapping) else None
    return redact(code)[:100] if isinstance(code, str) else ""


def page_of(connection: Row) -> tuple[list[Row], str | None]:
    """Rows of a connection, and where the next page begins; ``None`` at the end.

    Raises:
        Malformed: It is no connection, or one whose rows were lost.
    """
    rows = list(rows_of(connection, "nodes"))
    info = row_of(connection, "pageInfo")
    more, end = flag_of(info, "hasNextPage"), info.get("endCursor")
    if not rows and (more or end is not None):
        raise Malformed("a page that has an end but no rows")
    if rows and not (isinstance(end, str) and end):
        raise Malformed("a page with rows but without an end")
    return rows, str(end) if more else None


def _rows(variables: Mapping[str, Any] | None) -> int:
    """How many rows are asked for, as far as the variables say."""
    given = variables or {}
    ids, first = given.get("ids"), given.get("first")
    return len(ids) if isinstance(ids, list) else first if isinstance(first, int) else len(given)


def _body(operation: Operation, variables: Mapping[str, Any] | None) -> dict[str, Any]:
    # Nulls stay: a comparison that is switched off must be said so (section 5).
    return {"query": operation.text, "variables": dict(variables or {}), "operationName": operation.name}


def _total(data: Row) -> int | None:
    if "total" not in data:
        return None
    count = row_of(data, "total").get("count")
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise Malformed("the count of rows is no number")
    return count
