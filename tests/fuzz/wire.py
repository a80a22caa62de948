"""An HTTP answer as bytes, and the server between an adapter and a simulator that spoils exactly one of them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from syncd.simulators.server import SimRequest, SimResponse, Simulator

REQUESTS_AT_MOST = 400
"""More requests than any honest reading of the small catalogues needs: the adapter was sent into an endless walk."""


@dataclass(frozen=True)
class Answer:
    """A complete answer before framing."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Value of a header, empty if it is not there."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def without(self, *names: str) -> tuple[tuple[str, str], ...]:
        """The headers but for some."""
        dropped = {name.lower() for name in names}
        return tuple((key, value) for key, value in self.headers if key.lower() not in dropped)


@dataclass(frozen=True)
class Spoiled:
    """What is sent instead of an answer.

    Attributes:
        kind: Family of the mutation, for counting.
        detail: What was done, to reproduce and to judge.
        raw: Every byte, head included.
        close: Whether the connection ends after it.
    """

    kind: str
    detail: str
    raw: bytes
    close: bool


@dataclass
class Plan:
    """Spoil the ``skip``-th matching answer (counting from 0).

    Attributes:
        match: Whether a request belongs to the endpoint.
        spoil: Makes the bytes from the valid answer.
        effect: Whether a write reaches the simulator.
        skip: Matching answers that pass first.
        hit: What was sent, once it was.
    """

    match: Callable[[SimRequest], bool]
    spoil: Callable[[Answer, SimRequest], Spoiled]
    effect: bool = True
    skip: int = 0
    hit: Spoiled | None = None


@dataclass
class Traffic:
    """What went through since the last ``arm``."""

    requests: int = 0
    endless: bool = False
    log: list[SimRequest] = field(default_factory=list)


class Between:
    """A raw server in front of a simulator. One thread per connection; closing it ends them all."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.traffic = Traffic()
        self.plan: Plan | None = None
        self.failures: list[str] = []
        self.rewrite: Callable[[SimRequest, Answer], Answer] = lambda _request, answer: answer
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        """Base address without trailing slash."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            open_now = list(self._connections)
        for connection in open_now:
            _hang_up(connection)
        self._thread.join(5)

    def arm(self, plan: Plan | None) -> None:
        """Spoil one answer by ``plan`` (none: pass everything), and count traffic anew."""
        with self._lock:
            self.plan, self.traffic = plan, Traffic()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                while (request := read_request(stream)) is not None:
                    raw, close = self._reply(request)
                    connection.sendall(raw)
                    if close:
                        return
        except OSError:
            return  # the client hung up, as it does after broken answers
        except Exception as error:
            self.failures.append(f"{type(error).__name__}: {error}")
            raise
        finally:
            with self._lock:
                self._connections.discard(connection)

    def _reply(self, request: SimRequest) -> tuple[bytes, bool]:
        plan = self._take(request)
        if self.traffic.endless:
            return b"", True
        if plan is not None and not plan.effect:
            answer = Answer(200, (("Content-Type", "application/json"),), b"{}")
        else:
            answer = self.rewrite(request, as_answer(self.simulator.handle(request)))
        if plan is None:
            return render(answer), False
        plan.hit = plan.spoil(answer, request)
        return plan.hit.raw, plan.hit.close

    def _take(self, request: SimRequest) -> Plan | None:
        with self._lock:
            self.traffic.requests += 1
            self.traffic.log.append(request)
            if self.plan is not None and self.traffic.requests > REQUESTS_AT_MOST:
                self.traffic.endless = True
            plan = self.plan
            if plan is None or plan.hit is not None or not plan.match(request):
                return None
            if plan.skip:
                plan.skip -= 1
                return None
            plan.hit = _UNDER_WAY
            return plan


_UNDER_WAY = Spoiled("", "", b"", close=True)


def read_request(stream: BinaryIO) -> SimRequest | None:
    """Read one request, ``None`` at the end of the connection."""
    line = stream.readline().decode("latin-1").split()
    if len(line) != 3:
        return None
    headers: dict[str, str] = {}
    while (field_line := stream.readline().decode("latin-1").strip()) != "":
        name, _, value = field_line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length") or 0))
    method, target, _ = line
    parts = urlsplit(target)
    return SimRequest(
        method=method,
        path=unquote(parts.path),
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers=headers,
        body=body,
        url=f"http://{headers.get('host', '')}{parts.path}",
    )


def as_answer(response: SimResponse) -> Answer:
    """The simulator's answer as bytes, as its own server would send it."""
    body = b""
    if isinstance(response.body, bytes):
        body = response.body
    elif response.body is not None:
        body = json.dumps(response.body, separators=(",", ":")).encode()
    headers = tuple(response.headers.items())
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (("Content-Type", "application/json"), *headers)
    return Answer(response.status, headers, body)


def render(answer: Answer, *, length: str | None = "") -> bytes:
    """Frame an answer; ``length`` replaces the true ``Content-Length``, ``None`` leaves it out."""
    lines = [f"HTTP/1.1 {answer.status} Answer", *(f"{name}: {value}" for name, value in answer.headers)]
    if length is not None:
        lines.append(f"Content-Length: {length or len(answer.body)}")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + answer.body


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is gone already
