"""A simulated till and shop in step with each other, and the real program beside them as processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from syncd.config import load_config
from syncd.demo.process import wait_until
from syncd.service.account import open_account, sync_once
from syncd.state.metadata import METADATA
from syncd.state.models import Finding, Operation
from tests.chaos.faults import Trap
from tests.chaos.stage import ChaosStage
from tests.chaos.truth import Opening, compare, open_books

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.simulators.server import SimRequest

CHILD = Path(__file__).with_name("child.py")
PATIENCE_S = 40.0
UNITS = 20
IN_DOUBT_S = 0.6
TILL, SHOP = "inventorum", "main"
OTHER = {TILL: SHOP, SHOP: TILL}


@dataclass
class Program:
    """One process of ours; ``point`` is where it is to be hit (see ``child.py``)."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self) -> int:
        """Wait for its end and return the exit code (negative: the signal)."""
        return self.process.wait(PATIENCE_S)

    def wait_halted(self) -> None:
        """Wait until it is stopped by SIGSTOP."""
        found = wait_until(lambda: self.halted, PATIENCE_S, every_s=0.02)
        assert found, f"it did not come to the point:\n{self.said}"

    @property
    def halted(self) -> bool:
        """Whether it is stopped by SIGSTOP."""
        state = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        return state == "T"

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def close(self) -> None:
        """End it if it still lives, halted or not."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class CrashStage(ChaosStage):
    """Six products and one with variations, 20 units of each everywhere; doubts are short, nothing is cached."""

    def __init__(self, folder: Path, database: str) -> None:
        super().__init__(folder, database, products=7)
        self.programs: list[Program] = []
        self._traps: list[Trap] = []
        self.opening = Opening({}, 0, {})

    def open(self) -> None:
        """Start the servers, and bring both sides into step."""
        super().open()
        config = self.folder / "config.toml"
        text = config.read_text(encoding="utf-8")
        for name, seconds in {"settle": 0, "in_doubt": IN_DOUBT_S, "overlap": 30, "poll": 0.4}.items():
            text = "\n".join(
                f"{name}_seconds = {seconds}" if line.startswith(f"{name}_seconds") else line
                for line in text.splitlines()
            )
        config.write_text(text, encoding="utf-8")
        for sku in self.till_stock():
            self.till.count(sku, UNITS)
        self.sync()
        self.opening = open_books(self)
        for side, server in self.servers.items():
            server.hooks.append(lambda request, side=side: self._arrived(side, request))  # type: ignore[misc]

    def close(self) -> None:
        """Stop whatever still runs."""
        for program in self.programs:
            program.close()
        super().close()

    def sync(self) -> None:
        """One pass in this process."""
        with self.connected() as database:
            account = open_account(load_config(self.folder / "config.toml"), database)
            try:
                outcomes = sync_once(account, full=False, cause="test")
            finally:
                account.close()
        assert [outcome.error for outcome in outcomes if outcome.error] == []

    def start(self, *argv: str, point: str = "", by: Sequence[str] = (), **environment: str) -> Program:
        """Start the program (``run`` if nothing else is said), to be hit at a point; ``by`` another one."""
        log = self.folder / f"program-{len(self.programs)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*by, sys.executable, str(CHILD), point, "--config", "config.toml", *(argv or ("run",))],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.folder,
                env=os.environ | environment,
            )
        self.programs.append(Program(process, log))
        return self.programs[-1]

    def trap(self, side: str, matches: Callable[[SimRequest], bool], act: Callable[[SimRequest], None]) -> Trap:
        """Do something once, when such a request arrives and before it has any effect."""
        self._traps.append(Trap(side, matches, act))
        return self._traps[-1]

    def _arrived(self, side: str, request: SimRequest) -> None:
        for trap in self._traps:
            trap.try_spring(side, request)

    # What people do

    def skus(self) -> list[str]:
        """All SKUs."""
        return sorted(self.till_stock())

    def sell(self, side: str, sku: str, units: int) -> None:
        """A sale at the till, or a web order."""
        if side == TILL:
            self.till.sale(sku, units)
        else:
            self.shops[side].order([(sku, units)])

    # What can be seen

    def in_step(self) -> bool:
        """Whether every unit is counted once, everywhere, and nothing is open."""
        found = compare(self, self.opening)
        return not found.mismatches and not found.doubtful

    def until_in_step(self, what: str) -> None:
        """Wait for that."""
        done = wait_until(self.in_step, PATIENCE_S)
        assert done, f"{what}: {[str(each) for each in compare(self, self.opening).mismatches]}\n{self._logs()}"

    def until(self, true: Callable[[], object], what: str) -> None:
        """Wait for something that a process does."""
        assert wait_until(lambda: bool(true()), PATIENCE_S, every_s=0.05), f"{what}\n{self._logs()}"

    def _logs(self) -> str:
        return "\n".join(f"{program.log.name}:\n{program.said[-3000:]}" for program in self.programs)

    def operations(self) -> Sequence[Operation]:
        """All writes, in order."""
        with self.state() as session:
            return session.scalars(select(Operation).order_by(Operation.id)).all()

    def findings(self, kind: str) -> Sequence[Finding]:
        """Findings of a kind, closed ones too."""
        with self.state() as session:
            return session.scalars(select(Finding).where(Finding.kind == kind).order_by(Finding.id)).all()

    def everything(self) -> dict[str, list[Any]]:
        """All rows of all tables."""
        with self.state() as session:
            tables = METADATA.sorted_tables
            return {table.name: sorted(map(repr, session.execute(select(table)))) for table in tables}

    def writes(self, side: str) -> int:
        """How many stock writes have arrived at a side."""
        return len([r for r in self.servers[side].requests() if is_stock_write(r.method, r.target)])

    def on_hand(self, sku: str) -> Decimal:
        """Units at the till."""
        return self.till_stock()[sku]


def is_stock_write(method: str, target: str) -> bool:
    """Whether a request changes stock."""
    return method in {"PUT", "POST"} and ("adjust_inventory" in target or "/products/" in target)


def stock_write(request: SimRequest) -> bool:
    """For traps: whether a request changes stock."""
    return is_stock_write(request.method, request.path)
