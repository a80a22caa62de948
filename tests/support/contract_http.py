"""What the contract servers share: threads, a log of requests, answers that can be held back, a clock.

The contract servers were written from the vendors' contracts alone and know nothing of syncd or of its simulators, so
that a mistake of one is not repeated by the other.
"""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Call:
    """One request as it arrived."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), default)

    def json(self) -> Any:
        """The body; ``{}`` if there is none or it is not JSON."""
        try:
            return json.loads(self.body or b"{}")
        except ValueError:
            return {}


@dataclass(frozen=True)
class Answer:
    """What is sent back: bytes go out as they are, anything else as JSON."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Hold:
    """The next matching request waits: before it has an effect, or after it.

    Attributes:
        reached: Set when the request is there.
        release: Set it to let the request go on.
    """

    method: str
    part: str
    seconds: float
    after_effect: bool
    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        self.reached.set()
        self.release.wait(self.seconds)


class ContractServer(ABC):
    """A server on loopback; subclasses answer. State is only touched under ``lock``."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.ahead_s = 0.0
        self.log: list[tuple[Call, int]] = []
        self.calm()
        self._holds: list[Hold] = []
        self._httpd = _Httpd(("127.0.0.1", 0), _Handler)
        self._httpd.contract = self
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def calm(self) -> None:
        """Nothing happens before a request, and nothing goes wrong."""
        self.before: Callable[[Call], object] = lambda _call: None
        self.fault: Callable[[Call], str] = lambda _call: ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._httpd.server_port}"

    def now(self) -> float:
        """Seconds since the epoch by this server's own clock."""
        return time.time() + self.ahead_s

    @abstractmethod
    def answer(self, call: Call) -> Answer:
        """Answer a request; called under ``lock``."""

    def hold(self, method: str, part: str, *, seconds: float = 30.0, after_effect: bool = False) -> Hold:
        """Hold back the next request of this method whose path contains ``part``."""
        hold = Hold(method, part, seconds, after_effect)
        with self.lock:
            self._holds.append(hold)
        return hold

    def calls(self, method: str = "", part: str = "") -> list[Call]:
        """Requests so far, filtered."""
        with self.lock:
            return [call for call, _ in self.log if method in ("", call.method) and part in call.path]

    def writes(self) -> list[Call]:
        """Requests so far that could change products or orders."""
        with self.lock:
            return [call for call, _ in self.log if call.method != "GET" and "token" not in call.path]

    def forget_calls(self) -> None:
        """Empty the log."""
        with self.lock:
            self.log.clear()

    def serve(self, call: Call) -> Answer | None:
        """Answer a request, with holds, faults and log.

        ``fault`` names what goes wrong: ``lost request`` and ``lost answer`` close the connection, before or after the
        effect; ``busy`` is a page of HTML with status 503 and without effect; ``cut`` loses half of the answer.
        """
        self.before(call)
        fault = self.fault(call)
        if fault == "busy":
            return Answer(b"<html>Down for maintenance</html>", 503, {"Content-Type": "text/html"})
        if fault == "lost request":
            return None
        hold = self._take_hold(call)
        if hold is not None and not hold.after_effect:
            hold.wait()
        with self.lock:
            answer = self.answer(call)
            self.log.append((call, answer.status))
        if hold is not None and hold.after_effect:
            hold.wait()
        if fault == "cut":
            text = json.dumps(answer.body).encode()
            return Answer(text[: len(text) // 2], answer.status, answer.headers)
        return None if fault == "lost answer" else answer

    def _take_hold(self, call: Call) -> Hold | None:
        with self.lock:
            for hold in self._holds:
                if hold.method == call.method and hold.part in call.path:
                    self._holds.remove(hold)
                    return hold
        return None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hold in self._holds:
            hold.release.set()
        self._httpd.shutdown()
        self._httpd.server_close()


class _Httpd(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    contract: ContractServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "contract"
    sys_version = ""
    wbufsize = -1
    server: _Httpd

    def log_message(self, *args: Any) -> None:
        """Keep quiet: the log is a list."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(self.server.contract.now() if timestamp is None else timestamp)

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        call = Call(
            self.command,
            parts.path,
            parse_qsl(parts.query, keep_blank_values=True),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        answer = self.server.contract.serve(call)
        if answer is None:
            self.close_connection = True
            return
        raw = isinstance(answer.body, bytes)
        body = answer.body if raw else json.dumps(answer.body).encode()
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if not raw:
                self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        except ConnectionError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815 - names that http.server looks for
