"""The page over a real socket, on both databases, beside an account whose history tests write."""

from __future__ import annotations

import http.client
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from syncd.page.app import StatusPage
from syncd.service.metrics import SyncdCollector, registry
from syncd.service.web import Pages, WebServer
from syncd.state.engine import Database
from syncd.state.looking import open_for_looking
from tests.conftest import BOTH
from tests.engine.conftest import _empty, kept_postgresql, kept_sqlite
from tests.support.engine import Account, Clock, two_sides

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["kept_postgresql", "kept_sqlite"]


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: str


class Served:
    """A server with the page on.

    Attributes:
        leads: What the process says of itself.
    """

    def __init__(self, db: Database, url: str, clock: Clock, *, remote: tuple[str, ...] = (), host: str = "127.0.0.1"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.leads = True
        self.clock = clock
        config: Any = SimpleNamespace(
            sides=[SimpleNamespace(name=name, kind="memory", poll_seconds=15) for name in ("till", "web")],
            syncd=SimpleNamespace(metrics_remote=remote),
        )
        collector = SyncdCollector(db, config, clock, leading=lambda: self.leads, requests=dict)
        self.looking = open_for_looking(url, patience_s=0.3)
        page = StatusPage(self.looking, config, clock, leading=lambda: self.leads)
        self.server = WebServer((host, self.port), Pages(db, config, registry(collector), clock, page))
        self.server.start()
        assert self.server.listening.wait(10)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, named, answer.read().decode())
        finally:
            connection.close()

    def page(self, path: str) -> str:
        """The body of a page that must be there."""
        reply = self.ask(path)
        assert reply.status == 200, reply.body
        return reply.body

    def close(self) -> None:
        self.server.close()


@contextmanager
def serving(db: Database, url: str, clock: Clock | None = None, **options: Any) -> Iterator[Served]:
    served = Served(db, url, clock or Clock(), **options)
    try:
        yield served
    finally:
        served.close()


@pytest.fixture(autouse=True)
def _quick_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.service.web._TURN_S", 0.02)


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """One of each kind for all tests of a process, emptied after each: making them takes longer than most tests."""
    kept: Database = request.getfixturevalue(f"kept_{request.param}")
    yield Database(kept.engine)
    _empty(kept)


@pytest.fixture
def database_url(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


@pytest.fixture
def account(database: Database) -> Account:
    """A till and a shop with three products in step."""
    return two_sides(database, {"A": 20, "B": 5, "C": 7}, {"A": 15, "B": 5, "C": 7})


@pytest.fixture
def served(account: Account, database: Database, database_url: str) -> Iterator[Served]:
    with serving(database, database_url, account.clock) as made:
        yield made
