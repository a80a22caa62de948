"""A till and two shops in step, and a network that can be put between them and us."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from syncd.config import load_config
from syncd.demo.process import wait_until
from syncd.service.account import exit_code, open_account, sync_once
from syncd.service.freshness import read_health
from syncd.simulators.server import Fault, SimRequest, SimResponse, SimServer
from syncd.state.models import Finding, Movement
from tests.chaos.stage import TILL, ChaosStage
from tests.chaos.truth import compare, open_books

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from syncd.service.freshness import Health
    from syncd.service.worker import RunOutcome
    from syncd.simulators.server import Simulator

PATIENCE_S = 20.0
UNITS = 30
SHOPS = ("main", "outlet")

Answer = Callable[[SimRequest], SimResponse]


def html(status: int, text: str, **headers: str) -> Answer:
    """Something between us and the side answers with a page of its own."""
    page = f"<!DOCTYPE html><html><body><h1>{text}</h1></body></html>".encode()
    return lambda _request: SimResponse(status, page, {"Content-Type": "text/html; charset=utf-8", **headers})


def too_many(retry_after: Callable[[], str] | None) -> Answer:
    """429; with the header in the form that is given."""

    def answer(_request: SimRequest) -> SimResponse:
        headers = {"Retry-After": retry_after()} if retry_after else {}
        return SimResponse(429, {"code": "too_many", "message": "slow down"}, headers)

    return answer


def in_an_hour() -> str:
    """As an HTTP date."""
    return format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)


class Between:
    """Stands in front of a simulated side and answers in its place, while it has something to say."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.says: Answer | None = None

    def handle(self, request: SimRequest) -> SimResponse:
        says = self.says
        return says(request) if says is not None else self.simulator.handle(request)

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        return self.simulator.control(action, arguments)


class NetworkStage(ChaosStage):
    """Four products everywhere, 30 units of each. ``sync`` is one pass of a new process's worth of connections."""

    def __init__(self, folder: Path, database: str) -> None:
        super().__init__(folder, database, shops=SHOPS, products=4)
        self.between = {side: Between(server.simulator) for side, server in self.servers.items()}
        for side, server in self.servers.items():
            server.simulator = self.between[side]
        self.failures: dict[str, int] = {}

    def open(self) -> None:
        """Start everything and bring it into step."""
        super().open()
        config = self.folder / "config.toml"
        text = config.read_text(encoding="utf-8")
        for name, seconds in {"settle": 0, "in_doubt": 0.2, "overlap": 30}.items():
            text = "\n".join(
                f"{name}_seconds = {seconds}" if line.startswith(f"{name}_seconds") else line
                for line in text.splitlines()
            )
        config.write_text(text, encoding="utf-8")
        for sku in self.till_stock():
            self.till.count(sku, UNITS)
        assert [outcome.error for outcome in self.sync()[0] if outcome.error] == []
        self.opening = open_books(self)

    def sync(self) -> tuple[list[RunOutcome], int]:
        """One pass with new connections; returns outcomes and the exit code of ``syncd sync``."""
        with self.connected() as database:
            account = open_account(load_config(self.folder / "config.toml"), database)
            for name, worker in account.workers.items():
                worker.reachability.failures = self.failures.get(name, 0)
            try:
                outcomes = sync_once(account, full=False, cause="test")
                self.failures = {name: worker.reachability.failures for name, worker in account.workers.items()}
                return outcomes, exit_code(account, outcomes)
            finally:
                account.close()

    def health(self, *, later_s: float = 0.0) -> Health:
        """The verdict, as if so many seconds had passed."""
        with self.connected() as database, database.read() as session:
            now = database.now() + timedelta(seconds=later_s)
            return read_health(session, load_config(self.folder / "config.toml"), now)

    def findings(self, *, still_open: bool = True) -> list[tuple[str, str]]:
        """Kinds and messages."""
        query = select(Finding.kind, Finding.message).order_by(Finding.id)
        if still_open:
            query = query.where(Finding.closed_at.is_(None))
        with self.state() as session:
            return [(kind, message) for kind, message in session.execute(query)]

    def counted(self, since: int) -> list[int]:
        """Movements after a row id, in units."""
        with self.state() as session:
            return [int(each) for each in session.scalars(select(Movement.quantity).where(Movement.id > since))]

    def newest_movement(self) -> int:
        """Row id."""
        with self.state() as session:
            return session.scalar(select(Movement.id).order_by(Movement.id.desc()).limit(1)) or 0

    def until_in_step(self) -> None:
        """Sync until every unit is counted once everywhere."""

        def quiet() -> bool:
            self.sync()
            return compare(self, self.opening).quiet

        done = wait_until(quiet, PATIENCE_S, every_s=0.1)
        assert done, [str(each) for each in compare(self, self.opening).mismatches]

    @contextmanager
    def refusing(self, side: str) -> Iterator[None]:
        """Nobody listens."""
        old = self.servers[side]
        port = int(old.url.rpartition(":")[2])
        old.stop()
        yield
        new = SimServer(self.between[side], port=port)
        self.servers[side] = new.start()
        if side != TILL:
            self.shops[side].server = new

    @contextmanager
    def answering(self, side: str, answer: Answer) -> Iterator[None]:
        """Something else answers."""
        self.between[side].says = answer
        yield
        self.between[side].says = None

    @contextmanager
    def faulty(self, side: str, kind: str) -> Iterator[None]:
        """Every answer meets a fault."""
        self.servers[side].add_fault(Fault(kind, times=-1))
        yield
        self.servers[side].clear_faults()


class Resolver:
    """The machine's resolver: names of sides, and whether it can be asked."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.asked = 0
        self._usual = socket.getaddrinfo

    def __call__(self, host: Any, *rest: Any, **more: Any) -> Any:
        if isinstance(host, str) and host.endswith(".example"):
            self.asked += 1
            if host not in self.known:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            host = self.known[host]
        return self._usual(host, *rest, **more)
