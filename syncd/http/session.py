"""HTTP towards one side, with the rules that protect stock.

Reads are retried with back-off. Writes are sent once: what is certain not to have been sent is ``Transient``, what may
have been is ``OutcomeUnknown``. Redirects are never followed: a write that is redirected turns into a read on the way
(woocommerce-rest-api-js-lib#95), and a redirected read means that the base address is wrong.
"""

from __future__ import annotations

import base64
import binascii
import io
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import IO, TYPE_CHECKING, Any

import httpx
import tenacity

from syncd import __version__
from syncd.errors import InvalidResponse, OutcomeUnknown, RateLimited, SideError, Stopped, Transient, Untrusted
from syncd.http.body import ACCEPTED, pieces
from syncd.http.clock import ServerClock
from syncd.http.deadline import ends_after, limit_waits
from syncd.http.edge import Edge
from syncd.http.redact import note_credentials, redact, shorten
from syncd.http.reply import Reply
from syncd.http.trust import distrust, trust

if TYPE_CHECKING:
    import ssl

from syncd.http.budget import RateBudget

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
QUESTION = "QUERY"
"""What a POST that only asks is called where requests are counted, after the HTTP method that is made for it."""

_MAX_BODY_BYTES = 64 * 1024 * 1024
_MAX_FILE_BYTES = 4 * 1024 * 1024 * 1024


class _TooLarge(httpx.ReadError):
    """The answer goes on and on; asked again it would not be shorter."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How reads are retried.

    Attributes:
        attempts: Tries in all.
        first_wait_s: Wait before the second try; doubles with jitter.
        longest_wait_s: Longest wait between tries; a longer ``Retry-After`` ends the call and is reported instead.
    """

    attempts: int = 4
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0


class HttpSession:
    """Connections, budget and rules towards one side. Safe to use from several threads.

    Args:
        side: Name of the side, for errors and counters.
        base_url: Address that every path is appended to, ending in ``/``.
        budget: Rate budget of the side.
        stop: Ends waits early.
        headers: Sent with every request.
        timeout_s: For connecting, each read and each write.
        deadline_s: For a whole exchange, however slowly the other end sends or reads.
        retry: Policy for reads.
        on_request: Told about each exchange: method (``QUESTION`` for a POST that only asks), path, status (0 without
            answer), milliseconds.
        now: Our clock, aware UTC; the server's is compared with it.
        verify: TLS trust; ``False`` is not possible on purpose.
        redact_path: Applied to paths before they are shown.
        may_write: Asked right before the bytes of a write leave; if it says no, they do not (``Stopped``). A ``Fence``
            is also told when they begin to leave and when they have left.
        max_body_bytes: An answer that is longer is broken off: ``InvalidResponse``, of a write ``OutcomeUnknown``.
        sign: Given method and complete address of each exchange (every retry anew, so that a nonce is used once);
            returns the address to use instead and headers to add.
    """

    def __init__(
        self,
        *,
        side: str,
        base_url: str,
        budget: RateBudget,
        stop: threading.Event,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        deadline_s: float = 120.0,
        retry: RetryPolicy | None = None,
        on_request: Callable[[str, str, int, float], None] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        verify: ssl.SSLContext | None = None,
        max_connections: int = 8,
        sign: Callable[[str, str], tuple[str, Mapping[str, str]]] | None = None,
        may_write: Callable[[], bool] = lambda: True,
        max_body_bytes: int = _MAX_BODY_BYTES,
    ) -> None:
        self._max_body_bytes = max_body_bytes
        self.side = side
        self._budget = budget
        self._stop = stop
        self._deadline_s = deadline_s
        self._retry = retry or RetryPolicy()
        self._on_request = on_request or (lambda method, path, status, ms: None)
        self._sign = sign
        self._may_write = may_write
        self._timeout_s = timeout_s
        self._now = now
        self._clock = ServerClock()
        self._client = httpx.Client(
            base_url=base_url,
            headers={
                "User-Agent": f"syncd/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": ACCEPTED,
                **(headers or {}),
            },
            timeout=timeout_s,
            follow_redirects=False,
            # A session cookie would be a second, hidden credential (INVENTORUM hands one out): none is kept.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            verify=verify if verify is not None else trust(),
            limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
        )
        limit_waits(self._client)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def read(
        self,
        path: str,
        *,
        params: Any = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        into: IO[bytes] | None = None,
    ) -> Reply:
        """GET ``path``, retried while the failure is temporary; with ``json``, POST what is a question all the same.

        ``into`` a file goes the body of an answer with a status below 300, from its beginning with each try.

        Returns:
            An answer with a status below 500 that is neither 3xx nor 429. 4xx is for the caller to judge.

        Raises:
            Transient: All tries failed. RateLimited: the side wants a longer pause than we wait here.
            InvalidResponse: The side redirects: its base address is wrong. Stopped: a stop was requested.
        """
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._retry.attempts),
            wait=self._wait,
            retry=tenacity.retry_if_exception(self._may_retry),
            sleep=self._sleep,
            reraise=True,
        )
        method, body = ("GET", None) if json is None else ("POST", {"json": json})
        return retrying(self._exchange, method, path, params=params, headers=headers, write=False, body=body, into=into)

    def write(
        self,
        method: str,
        path: str,
        *,
        params: Any = None,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        content: bytes | None = None,
        files: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        auth: tuple[str, str] | None = None,
        guarded: bool = True,
    ) -> Reply:
        """Send a write exactly once.

        Args:
            method: HTTP method.
            path: Below the base address.
            params: Query.
            json: Body as JSON.
            data: Body as a form.
            content: Body as it is.
            files: Body in parts.
            headers: Further headers.
            timeout_s: Instead of the session's.
            auth: User and password.
            guarded: Ask ``may_write`` first; ``False`` for what changes no goods, as a token request.

        Returns:
            An answer with a status below 500 that is neither 3xx nor 429.

        Raises:
            Transient: It was certainly not sent. RateLimited: refused with 429, nothing applied.
            OutcomeUnknown: It may have been applied (time-out, lost connection, 5xx).
            InvalidResponse: Redirected: nothing applied, the base address is wrong.
            Stopped: A stop was requested, or this process may not write any more: nothing applied.
        """
        return self._exchange(
            method,
            path,
            params=params,
            headers=headers,
            write=True,
            body={"json": json, "data": data, "content": content, "files": files},
            timeout_s=timeout_s,
            auth=auth,
            guarded=guarded,
        )

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        params: Any,
        headers: Mapping[str, str] | None,
        write: bool,
        body: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        auth: tuple[str, str] | None = None,
        guarded: bool = False,
        into: IO[bytes] | None = None,
    ) -> Reply:
        label = f"{method} {redact(path)}"
        self._budget.acquire(self._stop)
        if self._stop.is_set():
            raise Stopped(f"stopped before {label}")
        edge = Edge(label, self._timeout_s, self._may_write if guarded else None)
        edge.require_leave()
        request = self._client.build_request(
            method,
            path,
            params=params,
            headers=dict(headers or {}),
            timeout=timeout_s if timeout_s is not None else httpx.USE_CLIENT_DEFAULT,
            extensions={"trace": edge},
            **{name: value for name, value in (body or {}).items() if value is not None},
        )
        if self._sign:
            address, added = self._sign(method, str(request.url))
            request.url = httpx.URL(address)
            request.headers.update(added)
        secrets = _secrets_of(request, body or {}, auth)
        if not _signed(request):  # a signature is another one each time
            note_credentials(*secrets)
        started = time.monotonic()
        status = 0
        try:
            reply = self._send(request, label, started, auth, secrets, into)
            status = reply.status
        except _NOT_SENT as error:
            if why := distrust(error):
                raise Untrusted(self.side, label, f"TLS certificate wrong: {why}") from error
            reason = shorten(redact(str(error), secrets)) or type(error).__name__
            raise Transient(self.side, label, f"no connection: {reason}") from error
        except _TooLarge as error:
            raise (OutcomeUnknown if write else InvalidResponse)(self.side, label, str(error)) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            # Such an error may quote what the server sent, and a server may repeat what it was sent.
            took_s = time.monotonic() - started
            over = isinstance(error, httpx.TimeoutException) and took_s >= self._deadline_s
            reason = "answer not complete, it took too long" if over else shorten(redact(_words(error), secrets))
            detail = f"{type(error).__name__} after {took_s:.1f} s: {reason}"
            raise (OutcomeUnknown if write else Transient)(self.side, label, detail) from error
        finally:
            edge.close()
            told = method if write or method == "GET" else QUESTION
            self._on_request(told, redact(path), status, (time.monotonic() - started) * 1000)
        return self._judge(reply, write=write)

    def _send(
        self,
        request: httpx.Request,
        label: str,
        started: float,
        auth: tuple[str, str] | None,
        secrets: tuple[str, ...],
        into: IO[bytes] | None = None,
    ) -> Reply:
        with ends_after(self._deadline_s):
            response = self._client.send(request, stream=True, auth=auth or httpx.USE_CLIENT_DEFAULT)
            try:
                body = into if into is not None and response.status_code < 300 else io.BytesIO()
                most = self._max_body_bytes if body is not into else _MAX_FILE_BYTES
                body.seek(0)
                body.truncate()
                for piece in pieces(response):
                    body.write(piece)
                    if body.tell() > most:
                        raise _TooLarge(f"answer larger than {most} bytes")
                    if time.monotonic() - started > self._deadline_s:
                        raise httpx.ReadTimeout("too slow")
            finally:
                response.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        elapsed_ms = (time.monotonic() - started) * 1000
        content = body.getvalue() if isinstance(body, io.BytesIO) else b""
        reply = Reply(self.side, label, response.status_code, headers, content, elapsed_ms, secrets)
        self._note_clock(reply)
        return reply

    @property
    def clock_offset(self) -> timedelta:
        """The server's clock minus ours by its last answers; zero while it may be none."""
        return self._clock.offset

    def _note_clock(self, reply: Reply) -> None:
        if reply.date is not None:
            self._clock.note(reply.date, self._now(), timedelta(milliseconds=reply.elapsed_ms))

    def _judge(self, reply: Reply, *, write: bool) -> Reply:
        if 300 <= reply.status < 400:
            location = reply.shown(reply.headers.get("location", "nowhere"))
            raise InvalidResponse(
                self.side, reply.request, f"redirected to {location}: the configured address is not the real one"
            )
        if reply.status == 429:
            wait_s = reply.retry_after_s
            self._budget.pause(min(wait_s if wait_s is not None else 1.0, self._retry.longest_wait_s))
            raise RateLimited(self.side, reply.request, "too many requests (429)", retry_after_s=wait_s)
        if not 200 <= reply.status < 500:
            detail = f"server error {reply.status}"
            if write:
                raise OutcomeUnknown(self.side, reply.request, detail)
            raise Transient(self.side, reply.request, detail, retry_after_s=reply.retry_after_s)
        return reply

    def _may_retry(self, error: BaseException) -> bool:
        if not isinstance(error, Transient) or isinstance(error, Untrusted):
            return False
        return error.retry_after_s is None or error.retry_after_s <= self._retry.longest_wait_s

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.retry_after_s if isinstance(error, Transient) and error.retry_after_s is not None else 0.0
        backoff = tenacity.wait_exponential(multiplier=self._retry.first_wait_s, max=self._retry.longest_wait_s)
        jitter = tenacity.wait_random(0, self._retry.first_wait_s)
        return max(asked_s, backoff(state) + jitter(state))

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped("stopped while waiting to try again")


_SECRET_FIELDS = ("refresh_token", "client_secret", "consumer_secret", "oauth_signature", "password")


def _words(error: Exception) -> str:
    """What went wrong, without the bytes of the other end that the library quotes."""
    return str(error).partition(": bytearray(")[0].partition(": b'")[0]


def _signed(request: httpx.Request) -> bool:
    return "oauth_signature" in request.url.params or request.headers.get("authorization", "").startswith("OAuth ")


def _secrets_of(request: httpx.Request, body: Mapping[str, Any], auth: tuple[str, str] | None) -> tuple[str, ...]:
    """List what a request carries that no text may repeat: credentials in the head, the form and the query."""
    found = [auth[1], base64.b64encode(":".join(auth).encode()).decode("ascii")] if auth else []
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    found.append(credential)
    found += [value for name, value in request.headers.items() if name.endswith(("-token", "-key"))]
    if scheme.lower() == "basic":
        with suppress(binascii.Error, UnicodeDecodeError):  # not a pair: the credential itself is on the list
            found.append(base64.b64decode(credential, validate=True).decode().partition(":")[2])
    spoken = body.get("json")
    for fields in (body.get("data") or {}, spoken if isinstance(spoken, Mapping) else {}, request.url.params):
        found += [str(fields[name]) for name in _SECRET_FIELDS if name in fields]
    return tuple(sorted({each for each in found if each}, key=len, reverse=True))


def describe(error: SideError) -> str:
    """One line for logs and findings: what was asked and what happened, without secrets."""
    return redact(f"{error.request}: {error.detail}")
