"""Calls to the REST API of one WooCommerce shop, and what its refusals mean.

Source: woocommerce-api.md sections 1, 2 and 9; recording 07-authentication.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from syncd.adapters.woocommerce.auth import KeyAuth
from syncd.adapters.woocommerce.feeds import PER_PAGE, Batch, Query, Row, is_id
from syncd.adapters.woocommerce.positions import Tally, api_time
from syncd.errors import (
    AuthRejected,
    InvalidResponse,
    NotFound,
    OutcomeUnknown,
    PermissionMissing,
    Rejected,
    Transient,
)
from syncd.http import HttpSession, RateBudget, redact

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from syncd.adapters.base import AdapterContext
    from syncd.adapters.woocommerce.settings import WooCommerceSettings
    from syncd.http import Reply

NO_ROUTE = "rest_no_route"
_NO_PARAMS: Mapping[str, str] = {}
_WRONG_SECRET = "woocommerce_rest_authentication_error"  # noqa: S105 - an error code
_SHORT_ANSWER_TRIES = 3
_LONGEST_COUNT = 12
"""Digits of ``X-WP-Total``."""


class WooClient:
    """Wire calls with credentials, strict reading and classified refusals."""

    def __init__(self, context: AdapterContext) -> None:
        settings: WooCommerceSettings = context.settings
        self.side = context.side
        self._secrets = (settings.consumer_key.get_secret_value(), settings.consumer_secret.get_secret_value())
        self.auth = KeyAuth(
            *self._secrets,
            settings.auth,
            secure=settings.secure,
            now=context.now,
        )
        self._session = HttpSession(
            side=context.side,
            base_url=settings.api_url,
            budget=RateBudget(settings.requests_per_second),
            stop=context.stop,
            timeout_s=settings.request_timeout_seconds,
            deadline_s=2 * settings.request_timeout_seconds,
            on_request=context.on_request,
            now=context.now,
            sign=self.auth.sign,
            may_write=context.may_write,
            verify=context.trust,
        )
        self._reads_accepted = False
        self._busters = itertools.count(time.time_ns())

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    @property
    def clock_offset(self) -> timedelta:
        """The shop's clock minus ours; zero unless it is clearly another time."""
        return self._session.clock_offset

    def page(self, route: str, params: Mapping[str, str], *, page: int = 1, per_page: int = PER_PAGE) -> Batch:
        """Read one page of a list.

        A page with fewer rows than the shop's own count promises is asked for again, past caches.

        Raises:
            NotFound: The route does not exist (key ``rest_no_route``).
            InvalidResponse: Not a list of objects with ids, or still too short.
        """
        query = {**params, "per_page": str(per_page), "page": str(page)}
        request, found, promised = route, 0, 0
        for attempt in range(_SHORT_ANSWER_TRIES):
            reply = self.get(route, self._fresh(query) if attempt else query)
            batch = Batch(_rows(reply), _total(reply), reply.date)
            if batch.total is None:
                return batch
            request, found = reply.request, len(batch.rows)
            promised = min(per_page, max(0, batch.total - (page - 1) * per_page))
            if found >= promised:
                return batch
        raise InvalidResponse(self.side, request, f"{found} rows where the shop's own count promises {promised}")

    def clock(self, route: str) -> datetime:
        """The server's time, by the smallest request there is.

        Raises:
            InvalidResponse: It does not tell.
        """
        batch = self.page(route, {"_fields": "id"}, per_page=1)
        if batch.date is None:
            raise InvalidResponse(self.side, f"GET {route}", "the answer has no Date header")
        return batch.date

    def item(self, route: str, fields: str, params: Mapping[str, str] = _NO_PARAMS) -> Row:
        """Read one object, past caches.

        Raises:
            NotFound: It does not exist; ``key`` is the shop's code.
        """
        reply = self.get(route, self._fresh({"_fields": fields, **params}))
        return _object(reply, reply.json(lenient=True))

    def included(self, route: str, ids: list[int], params: Mapping[str, str]) -> Batch:
        """Read up to 100 rows of a list by id, past caches. Ids that the list does not hold are left out."""
        query = {**params, "include": ",".join(map(str, ids))}
        batch = self.page(route, self._fresh(query))
        asked = set(ids)
        return Batch([row for row in batch.rows if row["id"] in asked], batch.total, batch.date)

    def get(self, route: str, params: Mapping[str, str] | None = None) -> Reply:
        """GET, answered with 2xx.

        Raises:
            AuthRejected, PermissionMissing: The key is wrong or lacks a right.
            NotFound, Rejected: The shop refused. Transient: The host refused before WooCommerce.
            InvalidResponse: No WooCommerce there.
        """
        reply = self._authorised(lambda: self._session.read(route, params=params))
        self._judge(reply, write=False)
        self._reads_accepted = self._reads_accepted or bool(route)  # the route index needs no key
        return reply

    def post(self, route: str, body: object, params: Mapping[str, str] | None = None) -> Any:
        """POST a write once; items are updated by POST too, because some hosts block PUT.

        A 401 means that nothing was applied, so the second way of sending the key may be tried.

        Raises:
            OutcomeUnknown: It may have been applied: no answer, a broken one, or one that WooCommerce did not write.
            Others: as for ``get``, nothing was applied.
        """
        return self._write(lambda: self._session.write("POST", route, params=params, json=body))

    def delete(self, route: str, params: Mapping[str, str] | None = None) -> Any:
        """DELETE once; without ``force`` into the trash.

        Raises:
            As ``post``.
        """
        return self._write(lambda: self._session.write("DELETE", route, params=params))

    def _write(self, send: Callable[[], Reply]) -> Any:
        reply = self._authorised(send)
        if reply.status == 401:
            # Tells a key that is wrong, or was revoked since (raises here), from one that may only read.
            self.get("products", {"per_page": "1", "_fields": "id"})
        self._judge(reply, write=True)
        try:
            return reply.json(lenient=True)
        except InvalidResponse as error:
            raise OutcomeUnknown(self.side, reply.request, f"answered, but with {error.detail}") from error

    def _authorised(self, send: Callable[[], Reply]) -> Reply:
        """Send, and after a 401 once more if there is another way to show the key."""
        first = send()
        if first.status != 401:
            return first
        code, _ = _error_of(first)
        if self.auth.adopt_clock(first.date):
            return send()
        if code in {"", _WRONG_SECRET} or not self.auth.switch_to_query():
            return first
        second = send()
        if second.status == 401 and _error_of(second)[0] != _WRONG_SECRET:
            # The query string told the shop no more than the header did.
            self.auth.switch_back()
            return first
        return second

    def _judge(self, reply: Reply, *, write: bool) -> None:
        if 200 <= reply.status < 300:
            return
        code, message = _error_of(reply)
        message = redact(message, self._secrets)  # a shop may repeat what it was sent
        sample = redact(reply.sample, self._secrets)
        detail = f"{message} ({code}, {reply.status})" if code else f"{reply.status}: {sample!r}"
        if reply.status == 401:
            raise self._refused_key(reply, code, detail, write=write)
        if not code and reply.status == 404:
            raise InvalidResponse(
                self.side,
                reply.request,
                "404 without WooCommerce's error format: wrong address, or permalinks are set to plain",
                sample=sample,
            )
        if not code:
            # Some firewalls judge what comes out of the shop: by then a write has had its effect.
            kind = OutcomeUnknown if write else Transient
            raise kind(self.side, reply.request, f"refused by the host, not by WooCommerce: {detail}")
        if reply.status == 403:
            raise PermissionMissing(self.side, reply.request, f"the key's user lacks a right: {detail}")
        refusal = NotFound if reply.status == 404 else Rejected
        raise refusal(self.side, reply.request, message, status=reply.status, key=code)

    def _refused_key(self, reply: Reply, code: str, detail: str, *, write: bool) -> AuthRejected | PermissionMissing:
        if write and self._reads_accepted:
            advice = "the key may only read: give it the permission Read/Write"
            return PermissionMissing(self.side, reply.request, f"{advice}; {detail}")
        if not code:
            advice = "the web server itself asks for a password, before WooCommerce"
        elif code == _WRONG_SECRET:
            advice = "the consumer secret is wrong, or the key has no permission to read"
        elif self.auth.mode == "oauth":
            advice = "the shop does not know the consumer key, or the signature was lost on the way"
        else:
            advice = (
                "the shop does not know the consumer key, or does not notice that the connection is secure "
                "(behind a proxy WordPress needs HTTPS switched on in wp-config.php)"
            )
        return AuthRejected(self.side, reply.request, f"{advice}; {detail}")

    def _fresh(self, params: Mapping[str, str]) -> dict[str, str]:
        """Add a parameter that no page cache has seen; it is signed with the others."""
        return {**params, "_syncd": f"{next(self._busters):x}"}


class ListRequest:
    """One list of the shop as the walks in ``feeds`` see it.

    Args:
        client: Sends.
        route: Below the API's base address.
        fields: Fields of a row.
        tally: Counts the rows that pass.
        params: Further filters.

    Attributes:
        opened_at: The server's clock at the first answer.
        total: Rows that matched at the last answer.
    """

    def __init__(
        self, client: WooClient, route: str, fields: str, *, tally: Tally | None = None, **params: str
    ) -> None:
        self._client = client
        self._route = route
        self._params = {"_fields": fields, **params}
        self._tally = tally
        self.opened_at: datetime | None = None
        self.total: int | None = None

    def __call__(self, query: Query) -> Batch:
        """Send one request.

        Times go as naive GMT with ``dates_are_gmt``: with a zone suffix the shop would shift them (recording 01).

        Raises:
            InvalidResponse: The server does not tell its time.
        """
        params = {**self._params, "orderby": query.orderby, "order": "desc" if query.descending else "asc"}
        if query.after is not None:
            params |= {"modified_after": api_time(query.after), "dates_are_gmt": "true"}
        if query.before is not None:
            params |= {"modified_before": api_time(query.before), "dates_are_gmt": "true"}
        batch = self._client.page(self._route, params, page=query.page)
        if batch.date is None:
            raise InvalidResponse(self._client.side, f"GET {self._route}", "the answer has no Date header")
        self.opened_at = self.opened_at or batch.date
        self.total = batch.total
        if self._tally is not None:
            self._tally.add(batch.rows, batch.date)
        return batch


def _error_of(reply: Reply) -> tuple[str, str]:
    """Code and message of WordPress's error format; empty strings if it is something else."""
    try:
        body = reply.json(lenient=True)
    except InvalidResponse:
        return "", ""
    if not isinstance(body, Mapping) or not isinstance(body.get("code"), str):
        return "", ""
    return reply.shown(body["code"]), reply.shown(str(body.get("message") or ""))


def _rows(reply: Reply) -> list[Row]:
    body = reply.json(lenient=True)
    if not isinstance(body, list):
        raise InvalidResponse(reply.side, reply.request, "an object where a list belongs", sample=reply.sample)
    return [_object(reply, row) for row in body]


def _object(reply: Reply, value: object) -> Row:
    if not isinstance(value, Mapping) or not is_id(value.get("id")):
        raise InvalidResponse(reply.side, reply.request, "an entry without an id", sample=reply.sample)
    return value


def _total(reply: Reply) -> int | None:
    text = reply.headers.get("x-wp-total", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_COUNT):
        raise InvalidResponse(reply.side, reply.request, f"the count of rows is {reply.shown(text)!r}")
    return int(text)
