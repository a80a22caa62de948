"""A till and a shop, one PostgreSQL database, and two machines, each with lines of its own to all of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from syncd.demo.process import wait_until
from syncd.errors import DatabaseUnavailable
from syncd.simulators.server import SimServer
from syncd.state.models import Lease
from tests.chaos.stage import TILL, ChaosStage
from tests.failover.referee import PREFIX
from tests.failover.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

MACHINE = Path(__file__).with_name("machine.py")
NAMES = ("alpha", "beta")
PATIENCE_S = 60.0
_SESSIONS = """
SELECT a.application_name, a.pid, a.state, a.wait_event_type, a.wait_event, round(extract(epoch FROM clock_timestamp()
       - a.state_change)) AS for_s, (SELECT string_agg(l.mode || ' ' || l.granted, ', ') FROM pg_locks l
       WHERE l.pid = a.pid AND l.locktype = 'advisory') AS turn, left(regexp_replace(a.query, '\\s+', ' ', 'g'), 200)
FROM pg_stat_activity a WHERE a.datname = current_database()
"""

QUICK = {"ttl_s": 3.0, "idle_s": 2.0}
"""Times of a lease and of a silent transaction, to be quicker than in life."""


@dataclass
class Machine:
    """One of the two. ``requests`` reach till and shop by servers of its own, so that it is known who sent what."""

    name: str
    folder: Path
    wire: Wire
    servers: dict[str, SimServer]
    times: dict[str, float]
    process: subprocess.Popen[bytes] | None = None
    number: int = 0
    led: list[datetime] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self.folder / f"{self.name}.toml"

    @property
    def log(self) -> Path:
        """What its present process says."""
        return self.folder / f"{self.name}-{self.number}.log"

    @property
    def halt(self) -> Path:
        """Make this file, and it stops itself in its next booking at the till."""
        return self.folder / f"{self.name}.halt"

    @property
    def said(self) -> str:
        """Its log."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    @property
    def alive(self) -> bool:
        """Whether its process has not ended."""
        return self.process is not None and self.process.poll() is None

    def start(self, *, clock_s: float = 0.0, immortal: bool = False) -> None:
        """Start the daemon."""
        self.number += 1
        options = {"name": self.name, "halt": str(self.halt), "clock_s": clock_s, "immortal": immortal, **self.times}
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(MACHINE), json.dumps(options), "--config", str(self.config), "run"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(MACHINE.parents[2])},
            )

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end; returns the exit code (negative: the signal)."""
        assert self.process is not None
        return self.process.wait(PATIENCE_S)

    @property
    def halted(self) -> bool:
        """Whether it is stopped by SIGSTOP."""
        assert self.process is not None
        state = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        return state == "T"

    def close_process(self) -> None:
        """End its process if it still lives."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        """End it and its line."""
        self.close_process()
        self.wire.close()


class FailoverStage(ChaosStage):
    """The stage of chaos with two machines.

    Args:
        folder: For configuration and logs.
        database: Address of an empty PostgreSQL database.
        products: How many.
        times: ``ttl_s`` and ``idle_s`` of ``machine.py``, to be quicker than in life.
        race_s: How long the shop waits between reading and writing a quantity, as of ``ChaosStage``.
    """

    def __init__(
        self,
        folder: Path,
        database: str,
        *,
        products: int,
        times: dict[str, float] | None = None,
        race_s: float = 0.0,
    ) -> None:
        super().__init__(folder, database, products=products, race_s=race_s, daemons=0)
        second = {TILL: SimServer(self.till), "main": SimServer(self.shops["main"].server.simulator)}
        self.machines = [
            Machine(name, folder, Wire(database), servers, times or {})
            for name, servers in zip(NAMES, (dict(self.servers), second), strict=True)
        ]

    def open(self) -> None:
        """Start all servers and write both configurations."""
        super().open()
        for server in self.machines[1].servers.values():
            server.start()
        written = (self.folder / "config.toml").read_text(encoding="utf-8")
        for machine in self.machines:
            own = written.replace(f'"{self.database}"', f'"{machine.wire.url(PREFIX + machine.name)}"')
            for side, server in machine.servers.items():
                own = own.replace(self.servers[side].url, server.url)
            machine.config.write_text(own, encoding="utf-8")
            machine.config.chmod(0o600)

    def close(self) -> None:
        """Stop everything."""
        for machine in self.machines:
            machine.close()
        for server in self.machines[1].servers.values():
            server.stop()
        super().close()

    def other(self, machine: Machine) -> Machine:
        """The other one."""
        return self.machines[1 - self.machines.index(machine)]

    def lease(self) -> tuple[str, datetime] | None:
        """Name of the machine that has the lease, and since when."""
        with self.state() as session:
            row = session.scalar(select(Lease).where(Lease.name == "leader"))
        return (row.owner.partition(" ")[0], row.acquired_at) if row is not None and row.owner else None

    def until_leads(self, machine: Machine) -> float:
        """Wait until a machine works as leader; returns seconds."""
        began = time.monotonic()
        self.until(lambda: "daemon.started" in machine.said, f"{machine.name} leads")
        took = time.monotonic() - began
        held = self.lease()
        assert held is not None
        assert held[0] == machine.name, f"{held} instead of {machine.name}"
        machine.led.append(held[1])
        return took

    def until_standby(self, machine: Machine) -> None:
        """Wait until it stands by."""
        self.until(lambda: "daemon.standby" in machine.said, f"{machine.name} stands by")

    def until(self, true: Callable[[], object], what: str) -> None:
        """Wait for something that a process does."""
        if not wait_until(lambda: bool(true()), PATIENCE_S, every_s=0.05):
            logs = "\n".join(f"{each.name}:\n{each.said[-3000:]}" for each in self.machines)
            raise AssertionError(f"{what}: not within {PATIENCE_S:.0f} s\n{self._sessions()}\n{logs}")

    def _sessions(self) -> str:
        """What the server's sessions do, and for how long."""
        try:
            with self.state() as session:
                rows = session.execute(text(_SESSIONS)).all()
        except DatabaseUnavailable as error:
            return str(error)
        return "\n".join(" ".join(str(each) for each in row) for row in rows)

    def writes_of(self, machine: Machine, side: str, since: float) -> int:
        """Stock writes that reached a side from a machine after a moment (monotonic seconds)."""
        return sum(
            1
            for record in machine.servers[side].requests()
            if record.at > since and is_stock_write(record.method, record.target)
        )

    def late_writes(self) -> list[str]:
        """Stock writes that reached a side from a machine while the other one led."""
        now, tick = datetime.now(UTC), time.monotonic()
        changes = sorted((at, machine.name) for machine in self.machines for at in machine.led)
        found = []
        for machine in self.machines:
            for server in machine.servers.values():
                for record in server.requests():
                    at = datetime.fromtimestamp(now.timestamp() - (tick - record.at), UTC)
                    leader = next((name for since, name in reversed(changes) if since <= at), machine.name)
                    if leader != machine.name and is_stock_write(record.method, record.target):
                        found.append(f"{at:%H:%M:%S.%f} {machine.name} {record.method} {record.target} ({leader} led)")
        return found


def is_stock_write(method: str, target: str) -> bool:
    """Whether a request changes stock or a product."""
    return method in {"PUT", "POST", "PATCH", "DELETE"} and "token" not in target
