"""/healthz and /metrics over real sockets: to whom they answer, what, and what holds up nobody."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger

from syncd.demo.process import wait_until
from syncd.service.metrics import SyncdCollector, registry
from syncd.service.web import Pages, WebServer, is_ours, listen
from syncd.state.models import Finding, Side
from tests.support import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.state.engine import Database

SECRET = "ck_not_for_you"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    def __init__(self, db: Database, remote: list[str] | None = None, host: str = "127.0.0.1") -> None:
        self.port = free_port()
        self.now = datetime.now(UTC)
        config: Any = SimpleNamespace(
            sides=[SimpleNamespace(name="web", kind="memory", poll_seconds=15)],
            syncd=SimpleNamespace(metrics_remote=remote or []),
        )
        collector = SyncdCollector(db, config, lambda: self.now, leading=lambda: True, requests=dict)
        self.server = WebServer((host, self.port), Pages(db, config, registry(collector), lambda: self.now))
        self.server.start()
        assert self.server.listening.wait(10)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()


@pytest.fixture
def served(sqlite_database: Database) -> Iterator[Served]:
    made = Served(sqlite_database)
    with sqlite_database.write() as session:
        session.add(
            Side(
                name="web", role="shop", adapter="memory", created_at=made.now, last_read_at=made.now,
                nothing_waited_at=made.now, last_error=f"refused {SECRET}",
            )
        )  # fmt: skip
    yield made
    made.server.close()


def test_health_is_200_while_all_is_well_and_503_when_it_is_not(served: Served) -> None:
    status, headers, body = served.ask("/healthz")
    assert (status, headers["content-type"], headers["cache-control"]) == (200, "application/json", "no-store")
    fine = json.loads(body)
    assert (fine["healthy"], fine["code"], fine["problems"]) == (True, 0, [])
    served.now += timedelta(minutes=10)
    status, _, body = served.ask("/healthz")
    bad = json.loads(body)
    assert (status, bad["healthy"], bad["code"]) == (503, False, 1)
    assert bad["problems"] == ["web was not read for 10 min"]
    assert bad["sides"][0]["read_stale"]


def test_nothing_is_told_that_is_nobodys_business(served: Served, sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        rows.add(
            session,
            Finding(
                kind="parked", severity="error", subject="operation 1", message=f"Anna's order, {SECRET}", advice="-",
                opened_at=served.now, changed_at=served.now,
            ),
        )  # fmt: skip
    for path in ("/healthz", "/metrics"):
        _, _, body = served.ask(path)
        assert "parked" in body
        assert SECRET not in body
        assert "Anna" not in body


def test_metrics_are_there_in_both_formats(served: Served) -> None:
    status, headers, body = served.ask("/metrics")
    assert (status, headers["content-type"][:10]) == (200, "text/plain")
    assert "syncd_healthy 1.0" in body
    _, headers, body = served.ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert headers["content-type"].startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_it_can_only_be_read(served: Served, method: str) -> None:
    status, headers, _ = served.ask("/healthz", method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_head_is_get_without_a_body(served: Served) -> None:
    status, headers, body = served.ask("/healthz", "HEAD")
    assert (status, body) == (200, "")
    assert int(headers["content-length"]) > 50


def test_other_paths_are_not_found(served: Served) -> None:
    assert served.ask("/")[0] == served.ask("/healthz/")[0] == served.ask("/../etc/passwd")[0] == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9464", "localhost.evil.example", "127.0.0.1.evil.example"]
)
def test_a_page_whose_name_was_turned_to_this_machine_gets_nothing(served: Served, host: str) -> None:
    status, _, body = served.ask("/healthz", Host=host)
    assert status == 421
    assert "healthy" not in body


@pytest.mark.parametrize(
    ("host", "remote", "ours"),
    [
        ("localhost", [], True),
        ("LOCALHOST:9464", [], True),
        ("127.0.0.1:9464", [], True),
        ("127.8.8.8", [], True),
        ("[::1]:9464", [], True),
        ("[::1]", [], True),
        ("", [], False),
        ("192.0.2.10:9464", [], False),
        ("192.0.2.10:9464", ["192.0.2.10"], True),
        ("Till.LAN:9464", ["till.lan"], True),
        ("[2001:db8::1]:9464", ["2001:db8::1"], True),
        ("other.lan", ["till.lan"], False),
        ("[evil]:1", [], False),
    ],
)
def test_whose_name_is_ours(host: str, remote: list[str], ours: bool) -> None:
    assert is_ours(host, remote) is ours


def test_a_database_that_is_away_is_unhealthy(served: Served, sqlite_database: Database) -> None:
    sqlite_database.engine.dispose()
    folder = Path(str(sqlite_database.engine.url.database)).parent
    folder.rename(folder.with_name(f"{folder.name}-away"))
    status, _, body = served.ask("/healthz")
    assert (status, json.loads(body)["problems"]) == (503, ["the database cannot be used"])
    assert str(folder) not in body
    assert "syncd_healthy 0.0" in served.ask("/metrics")[2]


def test_a_name_is_served_at_all_its_addresses(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """``localhost`` is two addresses on most machines, and a browser takes the one that we did not."""
    usual = socket.getaddrinfo

    def resolver(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host != "both.example":
            return usual(host, port, *rest, **more)
        return [row for each in ("127.0.0.1", "127.0.0.2", "127.0.0.1") for row in usual(each, port, *rest, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    served = Served(sqlite_database, host="both.example")
    try:
        for each in ("127.0.0.1", "127.0.0.2"):
            connection = http.client.HTTPConnection(each, served.port, timeout=10)
            connection.request("GET", "/metrics")
            assert connection.getresponse().status == 200
            connection.close()
    finally:
        served.server.close()


def test_an_address_that_this_machine_has_not_keeps_nobody_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    stream = (socket.SOCK_STREAM, 6, "")
    here, there = ("127.0.0.1", port), ("192.0.2.1", port)  # an address of documentation (RFC 5737): nobody has it
    rows: list[Any] = [(socket.AF_INET, *stream, there), (socket.AF_INET, *stream, here)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    (only,) = listen(("some.example", port))
    assert only.getsockname() == here
    with pytest.raises(OSError, match="in use"):
        listen(("some.example", port))
    only.close()
    del rows[1]
    with pytest.raises(OSError, match="assign"):
        listen(("some.example", port))


def test_clients_that_say_nothing_hold_up_nobody(served: Served) -> None:
    silent = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(10)]
    for each in silent:
        each.sendall(b"GET /healthz HTTP/1.1\r\nHost: localh")
    assert served.ask("/healthz")[0] == 200
    assert threading.active_count() < 10 + 8
    for each in silent:
        each.close()


def test_clients_that_say_a_letter_now_and_then_hold_up_nobody(monkeypatch: pytest.MonkeyPatch, served: Served) -> None:
    """As many as there may be connections, each of them never silent for long."""
    monkeypatch.setattr("syncd.service.web._REQUEST_S", 0.5)
    over = threading.Event()

    def drip(each: socket.socket) -> None:
        with suppress(OSError):
            each.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ")
            while not over.wait(0.1):
                each.sendall(b"x")

    slow = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(20)]
    threads = [threading.Thread(target=drip, args=[each]) for each in slow]
    for thread in threads:
        thread.start()
    try:
        assert served.ask("/healthz")[0] == 200
    finally:
        over.set()
        for thread, each in zip(threads, slow, strict=True):
            thread.join()
            each.close()


def test_a_head_without_end_is_refused(served: Served) -> None:
    assert served.ask("/healthz", X="x" * 20_000)[0] == 431


def test_a_host_that_cannot_be_one_is_told_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.service.web._RETRY_S", 0.01)
    said: list[str] = []
    number = logger.add(lambda message: said.append(message.record["message"]))
    pages: Any = None
    server = WebServer(("till..lan", 1), pages)
    server.start()
    try:
        assert wait_until(lambda: "web.unavailable" in said, 10)
    finally:
        server.close()
        logger.remove(number)


def test_a_port_that_is_taken_is_told_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.service.web._RETRY_S", 0.01)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        pages: Any = lambda environ, start: [start("200 OK", []), b""][1:]  # noqa: E731
        server = WebServer(taken.getsockname(), pages)
        server.start()
        assert not server.listening.wait(0.2)
        port = taken.getsockname()[1]
    assert server.listening.wait(10)
    socket.create_connection(("127.0.0.1", port)).close()
    server.close()
