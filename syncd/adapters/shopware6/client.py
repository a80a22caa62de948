"""Calls to the Admin API of one Shopware 6 shop, and what its refusals mean.

Source: shopware6-api.md sections 1, 2, 5 and 9.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.adapters.shopware6.auth import Tokens
from syncd.adapters.shopware6.wire import Row, is_id
from syncd.errors import (
    AuthRejected,
    InvalidResponse,
    NotFound,
    OutcomeUnknown,
    PermissionMissing,
    Rejected,
    Transient,
)
from syncd.http import HttpSession, RateBudget

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from syncd.adapters.base import AdapterContext
    from syncd.adapters.shopware6.settings import Shopware6Settings
    from syncd.http import Reply

Headers = Mapping[str, str]

OLDEST = (6, 6)
"""Before 6.6 ``stock`` is not what can be sold (section 4)."""

NOT_FOUND = "FRAMEWORK__RESOURCE_NOT_FOUND"
LIMIT_EXCEEDED = "FRAMEWORK__QUERY_LIMIT_EXCEEDED"
_NO_RIGHT = "FRAMEWORK__MISSING_PRIVILEGE_ERROR"
_NO_HEADERS: Headers = {}
_SHORT_ANSWER_TRIES = 3
_MOST_ERRORS = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a search.

    Attributes:
        rows: Objects with ids.
        total: How many rows match in all if they were counted, else how many the answer has.
        date: The server's clock.
    """

    rows: list[Row]
    total: int
    date: datetime


@dataclass(frozen=True, slots=True)
class ShopError:
    """One entry of the shop's ``errors``."""

    code: str
    detail: str
    pointer: str


class ShopClient:
    """Wire calls with credentials, strict reading and classified refusals."""

    def __init__(self, context: AdapterContext) -> None:
        settings: Shopware6Settings = context.settings
        self.side = context.side
        self._session = HttpSession(
            side=context.side,
            base_url=settings.api_url,
            budget=RateBudget(settings.requests_per_second),
            stop=context.stop,
            timeout_s=settings.request_timeout_seconds,
            deadline_s=2 * settings.request_timeout_seconds,
            on_request=context.on_request,
            now=context.now,
            may_write=context.may_write,
            verify=context.trust,
        )
        self._tokens = Tokens(self._session, settings, context.now)
        self._lock = threading.Lock()
        self._version: tuple[int, ...] | None = None

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    @property
    def clock_offset(self) -> timedelta:
        """The shop's clock minus ours; zero unless it is clearly another time."""
        return self._session.clock_offset

    def version(self) -> tuple[int, ...]:
        """The shop's version, asked for once: it decides what may be believed of dates and stock.

        Raises:
            InvalidResponse: It is too old, or says nothing that is a version.
        """
        with self._lock:
            if self._version is None:
                reply = self._read(lambda headers: self._session.read("_info/version", headers=headers))
                body = reply.json()
                text = body.get("version") if isinstance(body, Mapping) else None
                found = _version(text) if isinstance(text, str) else ()
                if len(found) < 2:
                    raise InvalidResponse(self.side, reply.request, "the answer tells no version", sample=reply.sample)
                if found < OLDEST:
                    detail = f"Shopware {reply.shown(str(text))} counts stock in another way: 6.6 or later is needed"
                    raise InvalidResponse(self.side, reply.request, detail)
                self._version = found
            return self._version

    def search(self, entity: str, criteria: Mapping[str, Any]) -> Answer:
        """Read one page of a search.

        An answer with fewer rows than its own count promises is asked for again: rows are counted and read one after
        the other, and an answer may have lost its rows on the way.

        Raises:
            Rejected: The shop does not take the criteria. InvalidResponse: No rows with ids, or still too few.
        """
        self.version()
        path, most, page = f"search/{entity.replace('_', '-')}", criteria.get("limit"), criteria.get("page", 1)
        request, told = "", ""
        for _ in range(_SHORT_ANSWER_TRIES):
            reply = self._read(lambda headers: self._session.read(path, json=criteria, headers=headers))
            found = self._found(reply)
            promised = found.total if most is None else min(most, max(0, found.total - most * (page - 1)))
            if len(found.rows) >= promised:
                return found
            request, told = reply.request, f"{len(found.rows)} rows where the shop's own count promises {promised}"
        raise InvalidResponse(self.side, request, told)

    def item(self, entity: str, row_id: str) -> Row:
        """Read one row.

        Raises:
            NotFound: The shop says that it does not exist.
        """
        path = f"{entity.replace('_', '-')}/{row_id}"
        reply = self._read(lambda headers: self._session.read(path, headers=headers))
        body = reply.json()
        row = body.get("data") if isinstance(body, Mapping) else None
        if not isinstance(row, Mapping) or row.get("id") != row_id:
            raise InvalidResponse(self.side, reply.request, "the answer is not the row", sample=reply.sample)
        return row

    def sync(self, operations: Sequence[Mapping[str, Any]], headers: Headers = _NO_HEADERS) -> Mapping[str, Any]:
        """Send bulk writes once: all of them are applied, or none (section 5).

        Raises:
            Rejected: None was applied; ``errors_of`` has the reasons.
            OutcomeUnknown: They may have been applied.
        """
        reply = self._write(lambda more: self._session.write(
            "POST", "_action/sync", json=operations, headers={**headers, **more}
        ))  # fmt: skip
        try:
            body = reply.json()
        except InvalidResponse as error:
            raise OutcomeUnknown(self.side, reply.request, f"answered, but with {error.detail}") from error
        if not isinstance(body, Mapping) or not isinstance(body.get("data"), Mapping | list):
            raise OutcomeUnknown(self.side, reply.request, "the answer does not tell what was written")
        return body

    def delete(self, entity: str, row_id: str) -> None:
        """Delete one row for good.

        Raises:
            NotFound: It does not exist. OutcomeUnknown: It may be deleted.
        """
        path = f"{entity.replace('_', '-')}/{row_id}"
        reply = self._write(lambda headers: self._session.write("DELETE", path, headers=headers))
        if reply.status != 204:
            raise OutcomeUnknown(self.side, reply.request, f"status {reply.status} instead of 204")

    def reserve_number(self, channel: str | None) -> str:
        """The next product number of the shop's own range; it is used up, also if nothing comes of it.

        Raises:
            InvalidResponse: The answer is no number.
        """
        path = f"_action/number-range/reserve/product{f'/{channel}' if channel else ''}"
        reply = self._read(lambda headers: self._session.read(path, headers=headers))
        body = reply.json()
        number = body.get("number") if isinstance(body, Mapping) else None
        if not isinstance(number, str) or not number.strip():
            raise InvalidResponse(self.side, reply.request, "the answer is no number", sample=reply.sample)
        return number

    def upload(self, media_id: str, name: str, ending: str, mime: str, content: bytes) -> None:
        """Give a media row its file.

        Raises:
            Rejected: The shop does not take it. OutcomeUnknown: It may be there.
        """
        path, params = f"_action/media/{media_id}/upload", {"extension": ending, "fileName": name}
        reply = self._write(lambda headers: self._session.write(
            "POST", path, params=params, content=content, headers={**headers, "Content-Type": mime}
        ))  # fmt: skip
        if reply.status != 204:
            raise OutcomeUnknown(self.side, reply.request, f"status {reply.status} instead of 204")

    def _read(self, send: Callable[[Headers], Reply]) -> Reply:
        reply = self._authorised(send)
        self._judge(reply, write=False)
        return reply

    def _write(self, send: Callable[[Headers], Reply]) -> Reply:
        reply = self._authorised(send)
        self._judge(reply, write=True)
        return reply

    def _authorised(self, send: Callable[[Headers], Reply]) -> Reply:
        """Send, and once more with a new token if the first was refused, which applies nothing."""
        token = self._tokens.current()
        reply = send(_bearer(token))
        if reply.status != 401:
            return reply
        reply = send(_bearer(self._tokens.current(stale=token)))
        if reply.status == 401:
            raise AuthRejected(
                self.side, reply.request,
                "the access token was refused right after it was given: does the web server drop the header "
                "Authorization, or ask for a password of its own?",
            )  # fmt: skip
        return reply

    def _judge(self, reply: Reply, *, write: bool) -> None:
        if 200 <= reply.status < 300:
            return
        errors = _errors(reply)
        if not errors:
            if reply.status == 404:
                detail = "404 without Shopware's error format: is url the address of the shop?"
                raise InvalidResponse(self.side, reply.request, detail, sample=reply.sample)
            # Some firewalls judge what comes out of the shop: by then a write has had its effect.
            kind = OutcomeUnknown if write else Transient
            raise kind(
                self.side, reply.request, f"refused by the host, not by Shopware: {reply.status}: {reply.sample!r}"
            )
        first = errors[0]
        detail = "; ".join(dict.fromkeys(error.detail for error in errors[:3]))
        if first.code == _NO_RIGHT:
            raise PermissionMissing(self.side, reply.request, f"the integration lacks rights: {_lacking(first.detail)}")
        if reply.status == 404 and first.code != NOT_FOUND:
            raise InvalidResponse(self.side, reply.request, f"the shop does not know this route: {detail}")
        refusal = NotFound if reply.status == 404 else Rejected
        raise refusal(self.side, reply.request, detail, status=reply.status, key=first.code, fields={"errors": errors})

    def _found(self, reply: Reply) -> Answer:
        body = reply.json()
        rows = body.get("data") if isinstance(body, Mapping) else None
        total = body.get("total") if isinstance(body, Mapping) else None
        if not isinstance(rows, list) or isinstance(total, bool) or not isinstance(total, int) or total < 0:
            raise InvalidResponse(self.side, reply.request, "no list of rows with their count", sample=reply.sample)
        if not all(isinstance(row, Mapping) and is_id(row.get("id")) for row in rows):
            raise InvalidResponse(self.side, reply.request, "a row without an id", sample=reply.sample)
        if reply.date is None:
            raise InvalidResponse(self.side, reply.request, "the answer has no Date header")
        return Answer(rows, total, reply.date)


def errors_of(error: Rejected) -> list[ShopError]:
    """All reasons of a refusal."""
    found = error.fields.get("errors")
    return [each for each in found if isinstance(each, ShopError)] if isinstance(found, list) else []


def _bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


def _errors(reply: Reply) -> list[ShopError]:
    """The shop's own words; nothing if somebody else answered."""
    try:
        body = reply.json()
    except InvalidResponse:
        return []
    entries = body.get("errors") if isinstance(body, Mapping) else None
    found = []
    for entry in entries[:_MOST_ERRORS] if isinstance(entries, list) else ():
        if not isinstance(entry, Mapping):
            continue
        source = entry.get("source")
        pointer = source.get("pointer") if isinstance(source, Mapping) else None
        code, detail = str(entry.get("code") or ""), str(entry.get("detail") or entry.get("title") or "")
        found.append(ShopError(reply.shown(code), reply.shown(detail or code), str(pointer or "")))
    return [each for each in found if each.code or each.detail]


def _lacking(detail: str) -> str:
    """The rights that are missing, out of the JSON in the error's text."""
    try:
        names = json.loads(detail)["missingPrivileges"]
        return ", ".join(sorted(str(name) for name in names))
    except (ValueError, LookupError, TypeError):
        return detail


def _version(text: str) -> tuple[int, ...]:
    numbers = []
    for part in text.split("."):
        if not (part.isascii() and part.isdigit()):
            break
        numbers.append(int(part))
    return tuple(numbers)
