"""A small HTTP/1.1 server for simulators: routing is the simulator's, sockets and faults are here.

Faults are needed at the level of the socket (an answer cut in the middle, a connection closed after the effect), which
is why this stands on the standard library's server and not on a web framework.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Protocol, Self
from urllib.parse import parse_qsl, urlsplit

CONTROL_PREFIX = "/_control/"


@dataclass(frozen=True, slots=True)
class SimRequest:
    """A request as the simulator's logic sees it.

    Attributes:
        method: Upper case.
        path: Decoded path without query.
        query: Name and value pairs in order, decoded.
        headers: Lower-case names.
        body: Raw bytes.
        url: Scheme, host and path without query (OAuth signs it).
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    url: str

    def param(self, name: str, default: str = "") -> str:
        """Last value of a query parameter."""
        return next((value for key, value in reversed(self.query) if key == name), default)

    def params(self, name: str) -> list[str]:
        """All values of a query parameter, in order."""
        return [value for key, value in self.query if key == name]


@dataclass(frozen=True, slots=True)
class SimResponse:
    """An answer: ``body`` is JSON data unless it is ``bytes``; ``None`` is an empty body."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Fault:
    """A fault to inject into requests that match.

    Attributes:
        kind: ``lost_before`` (close without effect), ``lost_after`` (effect, then close), ``error_500_html`` (no
            effect), ``error_500_after`` (effect, then 500 HTML), ``too_many`` (429), ``slow`` (answer late),
            ``truncated`` (effect, then half a body), ``reset`` (the same, but the connection is reset and not closed),
            ``html_200`` (no effect, 200 with HTML), ``stale`` (answer GETs from the last answer given to the same URL,
            as a page cache would).
        method: Regular expression for the method.
        path: Regular expression searched in path and query.
        times: How many matching requests are hit; -1 for all.
        after: How many matching requests pass first.
        seconds: Delay of ``slow``, ``Retry-After`` of ``too_many`` (negative: no header), age limit of ``stale``.
    """

    kind: str
    method: str = ".*"
    path: str = ""
    times: int = 1
    after: int = 0
    seconds: float = 1.0

    def take(self, method: str, target: str) -> bool:
        """Whether this fault hits the request; counts down. Call under the server's lock."""
        if self.times == 0 or not re.fullmatch(self.method, method) or not re.search(self.path, target):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1 if self.times > 0 else 0
        return True


class Simulator(Protocol):
    """Logic of a simulated vendor. Called from many threads; guards its own state."""

    def handle(self, request: SimRequest) -> SimResponse:
        """Answer one vendor request."""

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Carry out one action of the control interface (cashier, customer, settings); returns JSON data."""


@dataclass(slots=True)
class RequestRecord:
    """One line of the server's request log."""

    at: float
    method: str
    target: str
    status: int
    fault: str = ""


class SimServer:
    """Serves a simulator on a loopback port, with faults and a request log.

    ``POST /_control/ACTION`` with a JSON object reaches ``Simulator.control``; the server itself answers the actions
    ``fault`` (fields of ``Fault``), ``clear_faults``, and ``requests`` (the log since ``since``).
    """

    def __init__(self, simulator: Simulator, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.simulator = simulator
        self.faults: list[Fault] = []
        self.log: list[RequestRecord] = []
        self.hooks: list[Callable[[SimRequest], None]] = []
        """Called before each vendor request is handled: "a sale between any two requests"."""
        self._lock = threading.Lock()
        self._cache: dict[str, tuple[float, SimResponse]] = {}
        self._server = _Server((host, port), _make_handler(self))
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Base address without trailing slash."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> Self:
        """Serve in a background thread."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and close all connections."""
        self._server.shutdown()
        self._server.close_all()
        self._server.server_close()
        if self._thread:
            self._thread.join(5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def add_fault(self, fault: Fault) -> None:
        """Inject ``fault`` from now on."""
        with self._lock:
            self.faults.append(fault)

    def clear_faults(self) -> None:
        """Remove all faults."""
        with self._lock:
            self.faults.clear()

    def requests(self, *, method: str = ".*", path: str = "", since: int = 0) -> list[RequestRecord]:
        """Records from position ``since`` on whose method and target match."""
        with self._lock:
            log = self.log[since:]
        return [r for r in log if re.fullmatch(method, r.method) and re.search(path, r.target)]

    def dispatch(self, request: SimRequest, target: str) -> tuple[SimResponse | None, Fault | None]:
        """Answer a request, with faults applied; ``None`` closes the connection without an answer."""
        if request.path.startswith(CONTROL_PREFIX):
            return self._control(request), None
        for hook in list(self.hooks):
            hook(request)
        with self._lock:
            fault = next((f for f in self.faults if f.take(request.method, target)), None)
        response = self._answer(request, target, fault)
        with self._lock:
            self.log.append(
                RequestRecord(
                    time.monotonic(),
                    request.method,
                    target,
                    response.status if response else 0,
                    fault.kind if fault else "",
                )
            )
        return response, fault

    def _answer(self, request: SimRequest, target: str, fault: Fault | None) -> SimResponse | None:
        html = {"Content-Type": "text/html; charset=utf-8"}
        match fault.kind if fault else "":
            case "lost_before":
                return None
            case "lost_after":
                self.simulator.handle(request)
                return None
            case "error_500_html":
                return SimResponse(500, b"<html><body><h1>500 Internal Server Error</h1></body></html>", html)
            case "error_500_after":
                self.simulator.handle(request)
                return SimResponse(500, b"<html><body><h1>500 Internal Server Error</h1></body></html>", html)
            case "html_200":
                return SimResponse(200, b"<html><body>Just a moment...</body></html>", html)
            case "too_many":
                assert fault is not None  # noqa: S101 - narrowed by the match
                headers = {} if fault.seconds < 0 else {"Retry-After": f"{fault.seconds:g}"}
                return SimResponse(429, {"detail": "Request was throttled."}, headers)
            case "stale":
                with self._lock:
                    cached = self._cache.get(target)
                if cached and fault and time.monotonic() - cached[0] <= fault.seconds:
                    return cached[1]
            case "slow":
                assert fault is not None  # noqa: S101 - narrowed by the match
                time.sleep(fault.seconds)
        response = self.simulator.handle(request)
        if request.method == "GET":
            with self._lock:
                if len(self._cache) > 2000:
                    self._cache.clear()
                self._cache[target] = (time.monotonic(), response)
        return response

    def _control(self, request: SimRequest) -> SimResponse:
        action = request.path.removeprefix(CONTROL_PREFIX)
        arguments: dict[str, Any] = json.loads(request.body or b"{}")
        if action == "fault":
            self.add_fault(Fault(**arguments))
            return SimResponse(200, {"ok": True})
        if action == "clear_faults":
            self.clear_faults()
            return SimResponse(200, {"ok": True})
        if action == "requests":
            since = int(arguments.get("since", 0))
            records = self.requests(since=since)
            return SimResponse(200, [[r.method, r.target, r.status, r.fault] for r in records])
        try:
            return SimResponse(200, self.simulator.control(action, arguments))
        except (KeyError, TypeError, ValueError) as error:
            return SimResponse(400, {"error": f"{type(error).__name__}: {error}"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_all(self) -> None:
        """Close kept-alive connections, so that handler threads end."""
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the peer closed it first

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is normal here; anything else must be seen."""
        import sys  # noqa: PLC0415 - only on this rare path

        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    length = int(handler.headers.get("Content-Length") or 0)
    body = handler.rfile.read(length)
    if len(body) < length:
        raise ConnectionAbortedError("the client went away: there is no request to carry out")
    return body


def _make_handler(owner: SimServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version: ClassVar[str] = "HTTP/1.1"  # type: ignore[misc]  # the base declares an instance variable
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base names it so
            """The request log of the server takes its place."""

        def _serve(self) -> None:
            body = _body(self)
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = SimRequest(
                method=self.command,
                path=parts.path,
                query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
                headers=headers,
                body=body,
                url=f"http://{headers.get('host', '')}{parts.path}",
            )
            response, fault = owner.dispatch(request, self.path)
            if response is None:
                self.close_connection = True
                return
            self._reply(response, truncate=bool(fault and fault.kind in {"truncated", "reset"}))
            if fault and fault.kind == "reset":
                # Closed with nothing left to wait for, a connection is reset (socket(7), SO_LINGER).
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

        def _reply(self, response: SimResponse, *, truncate: bool) -> None:
            payload = b""
            if isinstance(response.body, bytes):
                payload = response.body
            elif response.body is not None:
                payload = json.dumps(response.body, separators=(",", ":")).encode()
            self.send_response_only(response.status)
            sent = {name.lower() for name in response.headers}
            if "date" not in sent:
                self.send_header("Date", self.date_time_string())
            if payload and "content-type" not in sent:
                self.send_header("Content-Type", "application/json")
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload[: len(payload) // 2] if truncate else payload)
            if truncate:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve  # noqa: N815 - the base's names

    return Handler
