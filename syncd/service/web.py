"""``/healthz`` and ``/metrics`` over HTTP, for monitors on this machine, and the status page beside them: to be read.

The server is waitress: a fixed number of threads, limits on connections, headers and slow clients. The standard
library's has none of them, and starts a thread for whoever connects. A browser on this machine could be led here by a
page whose name was turned to this address after it was loaded (DNS rebinding): so requests for other hosts than ours
are refused.
"""

from __future__ import annotations

import errno
import json
import socket
import threading
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from loguru import logger
from prometheus_client.exposition import choose_encoder
from waitress import wasyncore
from waitress.server import create_server

from syncd.errors import DatabaseUnavailable
from syncd.hosts import is_loopback
from syncd.service.freshness import read_health

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, MutableMapping
    from datetime import datetime
    from wsgiref.types import StartResponse, WSGIEnvironment

    from prometheus_client import CollectorRegistry

    from syncd.config import Config
    from syncd.state.engine import Database

_RETRY_S = 30.0
_TURN_S = 0.5
"""How long the server sleeps when nobody asks; a stop takes as long."""

_REQUEST_S = 20.0
"""How long a client may take to send one request; that it sends a letter now and then keeps no place for it."""

_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""A name may stand for an address that this machine has not: ::1 where IPv6 is switched off."""

_LIMITS: dict[str, Any] = {
    "threads": 2,
    "connection_limit": 20,
    "channel_timeout": 20,
    "cleanup_interval": 10,
    "max_request_header_size": 16_384,
    "max_request_body_size": 1_024,
    "ident": "syncd",
    "clear_untrusted_proxy_headers": True,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back: status line, media type, body, and headers beside those of every answer."""

    status: str
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Part(Protocol):
    """Answers for every address that is not a monitor's."""

    def __call__(self, environ: WSGIEnvironment) -> Answer:
        """Answer a GET or HEAD."""

    def refuse_method(self) -> Answer:
        """Answer any other method."""


class Pages:
    """The pages, as a WSGI application.

    Args:
        db: The database.
        config: Names the sides, and the hosts that may be asked for.
        registry: What ``/metrics`` shows.
        now: Clock.
        people: The status page, if it is on.
        writable: Whether the database could be written to lately: what a full disk holds can be read, and looks well.
    """

    def __init__(
        self,
        db: Database,
        config: Config,
        registry: CollectorRegistry,
        now: Callable[[], datetime],
        people: Part | None = None,
        *,
        writable: Callable[[], bool] = lambda: True,
    ) -> None:
        self._db = db
        self._config = config
        self._registry = registry
        self._now = now
        self._people = people
        self._writable = writable

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        answer = self._answer(environ)
        own = dict(answer.headers)
        headers = [
            ("Content-Type", answer.kind),
            ("Content-Length", str(len(answer.body))),
            ("Cache-Control", own.pop("Cache-Control", "no-store")),
            ("X-Content-Type-Options", "nosniff"),
            *own.items(),
        ]
        if answer.status.startswith("405"):
            headers.append(("Allow", "GET, HEAD"))
        start_response(answer.status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: WSGIEnvironment) -> Answer:
        if not is_ours(environ.get("HTTP_HOST", ""), self._config.syncd.metrics_remote):
            return _text("421 Misdirected Request", "this host name is not served here; see metrics_remote")
        path = environ.get("PATH_INFO", "")
        people = self._people if path not in {"/healthz", "/metrics"} else None
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return people.refuse_method() if people else _text("405 Method Not Allowed", "only GET and HEAD")
        if people:
            return people(environ)
        match path:
            case "/healthz":
                return self._health()
            case "/metrics":
                encode, kind = choose_encoder(environ.get("HTTP_ACCEPT", ""))
                return Answer("200 OK", kind, encode(self._registry))
            case _:
                return _text("404 Not Found", "there are /healthz and /metrics")

    def _health(self) -> Answer:
        try:
            with self._db.read() as session:
                health = read_health(session, self._config, self._now())
        except DatabaseUnavailable:
            return _database_away()
        if not self._writable():
            return _database_away()
        by_kind: dict[str, int] = {}
        for (kind, _), number in health.findings.items():
            by_kind[kind] = by_kind.get(kind, 0) + number
        document = {
            "healthy": health.code == 0,
            "code": health.code,
            "problems": list(health.problems),
            "sides": [
                {
                    "side": side.side,
                    "read_age_s": side.read_age_s,
                    "unsent_s": side.unsent_s,
                    "pending": side.pending,
                    "read_stale": side.read_stale,
                    "write_stale": side.write_stale,
                }
                for side in health.sides
            ],
            "findings": by_kind,
        }
        status = "200 OK" if health.code == 0 else "503 Service Unavailable"
        return Answer(status, "application/json", json.dumps(document).encode())


def _database_away() -> Answer:
    """Why exactly names the file or the server, which is nobody's business here; the log has it."""
    document: dict[str, Any] = {"healthy": False, "code": 1, "problems": ["the database cannot be used"]}
    return Answer("503 Service Unavailable", "application/json", json.dumps(document).encode())


class WebServer:
    """Serves the pages from threads of its own, which end with the process.

    A port that is taken (by a daemon that stands by, or has not quite ended) does not keep the sync from running: it is
    logged once and tried again.
    """

    def __init__(self, address: tuple[str, int], pages: Pages) -> None:
        self._address = address
        self._pages = pages
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self.listening = threading.Event()

    def start(self) -> None:
        """Begin to serve; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening, and close what is open."""
        self._stop.set()
        self._thread.join(timeout=2 * _TURN_S + 1)

    def _run(self) -> None:
        told = False
        while not self._stop.is_set():
            try:
                listeners = listen(self._address)
            except (OSError, UnicodeError) as error:  # UnicodeError: a host name that cannot be one
                if not told:
                    told = True
                    logger.bind(address=self._address[0], port=self._address[1], detail=str(error)).error(
                        "web.unavailable"
                    )
                self._stop.wait(_RETRY_S)
                continue
            logger.bind(address=self._address[0], port=self._address[1]).info("web.listening")
            self._serve(listeners)

    def _serve(self, listeners: Iterable[socket.socket]) -> None:
        channels: dict[int, Any] = {}
        begun: MutableMapping[Any, float] = weakref.WeakKeyDictionary()
        servers: list[Any] = [create_server(self._pages, map=channels, sockets=[each], **_LIMITS) for each in listeners]
        self.listening.set()
        while not self._stop.is_set():
            wasyncore.loop(timeout=_TURN_S, use_poll=True, map=channels, count=1)
            busy = [channel for server in servers for channel in server.active_channels.values()]
            _close_slow(busy, begun, time.monotonic())
        for server in servers:
            server.task_dispatcher.shutdown()
        wasyncore.close_all(channels, ignore_all=True)


def _close_slow(channels: Iterable[Any], begun: MutableMapping[Any, float], now: float) -> None:
    """Close connections whose present request takes too long to arrive; ``begun`` keeps when each was first seen.

    The server's own limit is for clients that are silent.
    """
    for channel in channels:
        request = channel.request
        if request is not None and now - begun.setdefault(request, now) > _REQUEST_S:
            channel.will_close = True


def listen(address: tuple[str, int]) -> list[socket.socket]:
    """Take the port at every address that the host name stands for: ``localhost`` is 127.0.0.1 and ::1.

    Raises:
        OSError: Another one has it, or this machine has none of the addresses.
    """
    found = dict.fromkeys((row[0], row[4]) for row in socket.getaddrinfo(*address, type=socket.SOCK_STREAM))
    listeners: list[socket.socket] = []
    missing: OSError | None = None
    port = address[1]
    for family, place in found:
        try:
            listeners.append(socket.create_server((place[0], port, *place[2:]), family=family))
        except OSError as error:
            if error.errno not in _NO_SUCH_ADDRESS:
                for listener in listeners:
                    listener.close()
                raise
            missing = error
    if missing is not None and not listeners:
        raise missing
    return listeners


def is_ours(host: str, named: Collection[str]) -> bool:
    """Whether a ``Host`` header names this machine as itself, or as the configuration says that others may call it."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return is_loopback(name) or name.lower() in {each.lower() for each in named}


def _text(status: str, said: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{said}\n".encode())
