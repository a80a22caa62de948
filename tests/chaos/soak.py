"""``python -m tests.chaos.soak``: two daemons on one database, two shops, people all the time; nothing may grow.

The second daemon stands by and takes over at the end.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click
from sqlalchemy import select

from syncd.demo.process import wait_until
from syncd.state.models import Finding
from tests.chaos.place import folder_for, place, tidy_up_on_sigterm
from tests.chaos.report import count, misjudged, write_timelines
from tests.chaos.stage import ChaosStage
from tests.chaos.traffic import Traffic
from tests.chaos.truth import compare, events, open_books

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.truth import Opening

SHOPS = ("main", "outlet")
MOST_LAG_S = 15.0
MOST_GROWTH = 1.10
TAKE_OVER_S = 40.0
_SETTLED_S = 60.0
_WARM_S = 60.0


def resident_kib(pid: int) -> int:
    """Memory of a process in KiB; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


class Probe:
    """Sells pieces and puts some back, and measures how long it takes until everybody knows. In a thread of its own."""

    def __init__(self, stage: ChaosStage, skus: tuple[str, ...]) -> None:
        self._stage = stage
        self._skus = skus
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probe", daemon=True)
        self.lags: list[float] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the piece that is under way."""
        self._stop.set()
        self._thread.join(2 * MOST_LAG_S)

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(1.0):
            number += 1
            self.lags.append(self.measure(self._skus[number % len(self._skus)], in_shop=number // 2 % 2 == 1))

    def measure(self, sku: str, *, in_shop: bool) -> float:
        """Sell one in a shop, or take two in at the till; returns seconds until till and shops show it."""
        stock = self._stage.till_stock()[sku]
        if in_shop:
            self._stage.shops[SHOPS[0]].order([(sku, 1)])
            want = stock - 1
        else:
            self._stage.till.receive(sku, 2)
            want = stock + 2
        began = time.monotonic()
        wait_until(lambda: self._all_show(sku, want), MOST_LAG_S, every_s=0.05)
        return time.monotonic() - began

    def _all_show(self, sku: str, want: object) -> bool:
        return self._stage.till_stock()[sku] == want and all(
            self._stage.shop_stock(name)[sku] == want for name in SHOPS
        )


@dataclass(slots=True)
class Soak:
    """One soak on an open stage."""

    stage: ChaosStage
    minutes: float
    seed: int
    tell: Callable[[str], None]
    violations: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)

    def carry_out(self) -> str:
        """Everything, in bounded time; returns the summary."""
        began = time.monotonic()
        opening = self._first_sync()
        probe_skus = tuple(sorted(opening.till)[-2:])
        traffic = Traffic(self.stage, self.seed, per_second=4.0, spared=probe_skus)
        probe = Probe(self.stage, probe_skus)
        traffic.start()
        probe.start()
        try:
            self._watch()
        finally:
            traffic.stop()
            probe.stop()
        self._refill()
        if not wait_until(lambda: compare(self.stage, opening).quiet, _SETTLED_S, every_s=0.5):
            self.violations += [str(each) for each in compare(self.stage, opening).mismatches] or ["not settled"]
        self._judge_findings()
        took_over = self._hand_over(probe_skus[0])
        happened = sum(len(each) for each in events(self.stage, opening).values())
        return self._line(happened, probe.lags, took_over, time.monotonic() - began)

    def _first_sync(self) -> Opening:
        leader, follower = self.stage.daemons
        opening = open_books(self.stage)
        leader.start()
        if not wait_until(self.stage.has_tables, _SETTLED_S):
            self.violations.append("no tables")
        if not wait_until(lambda: compare(self.stage, opening).quiet, _SETTLED_S):
            self.violations.append("no first sync")
        follower.start()
        if not wait_until(lambda: "daemon.standby" in follower.log.read_text(errors="replace"), 20):
            self.violations.append("the second daemon does not stand by")
        self.tell("first sync done, second daemon stands by")
        return opening

    def _watch(self) -> None:
        process = self.stage.daemons[0].running()
        began = time.monotonic()
        while (passed := time.monotonic() - began) < self.minutes * 60:
            if not self.stage.daemons[0].alive or not self.stage.daemons[1].alive:
                self.violations.append("a daemon ended by itself")
                return
            self.memory.append((passed, resident_kib(process.pid)))
            if len(self.memory) % 60 == 0:
                self.tell(f"{passed:.0f} s, {self.memory[-1][1] // 1024} MiB")
            time.sleep(1.0)

    def _refill(self) -> None:
        """The owner orders what was oversold."""
        for sku, units in self.stage.till_stock().items():
            if units < 3:
                self.stage.till.receive(sku, 10 - int(units))

    def _judge_findings(self) -> None:
        def left() -> list[str]:
            query = select(Finding.kind, Finding.message).where(Finding.closed_at.is_(None))
            with self.stage.state() as session:
                return [f"{kind}: {message}" for kind, message in session.execute(query)]

        if not wait_until(lambda: not left(), 15):
            self.violations += [f"left open: {finding}" for finding in left()]
        self.violations += misjudged(self.stage)

    def _hand_over(self, sku: str) -> float:
        """The leader stops; the other one must do its work. Returns seconds until it did."""
        leader, follower = self.stage.daemons
        code, seconds = leader.stop()
        if code != 0 or seconds > 10:
            self.violations.append(f"SIGTERM: exit code {code} after {seconds:.1f} s")
        began = time.monotonic()
        want = self.stage.till_stock()[sku] + 1
        self.stage.till.receive(sku, 1)
        if not wait_until(lambda: all(self.stage.shop_stock(name)[sku] == want for name in SHOPS), TAKE_OVER_S):
            self.violations.append("the second daemon did not take over")
        took = time.monotonic() - began
        code, seconds = follower.stop()
        if code != 0 or seconds > 10:
            self.violations.append(f"SIGTERM: exit code {code} after {seconds:.1f} s")
        return took

    def _growth(self) -> float:
        """Memory at the end against that after the first minute (of a short soak: after half of it)."""
        warm = min(_WARM_S, self.minutes * 30)
        after = [kib for at, kib in self.memory if warm <= at < warm + 10]
        end = [kib for _, kib in self.memory[-10:]]
        return statistics.median(end) / statistics.median(after) if after and min(after) > 0 else 1.0

    def _line(self, happened: int, lags: list[float], took_over: float, seconds: float) -> str:
        growth = self._growth()
        if growth > MOST_GROWTH:
            self.violations.append(f"memory grew to {growth:.2f} of what it was after the first minute")
        if not lags or max(lags) >= MOST_LAG_S:
            self.violations.append(f"a change took {max(lags, default=0):.1f} s")
        ledger = count(self.stage)
        write_timelines(self.stage, {each.partition(":")[0] for each in self.violations} & set(self.stage.till_stock()))
        return (
            f"soak: minutes={self.minutes:g} events={happened} movements={ledger.movements} writes={ledger.writes} "
            f"unknown={ledger.unknown} memory={max((kib for _, kib in self.memory), default=0) // 1024} MiB "
            f"growth={growth:.3f} lag={statistics.median(lags or [0]):.1f} s lag_max={max(lags, default=0):.1f} s "
            f"probes={len(lags)} take_over={took_over:.1f} s findings={len(ledger.findings)} "
            f"violations={len(self.violations)} seconds={seconds:.0f}"
        )


@click.command()
@click.option("--minutes", default=10.0, show_default=True, type=click.FloatRange(0.2, 24 * 60))
@click.option("--seed", default=1, show_default=True)
@click.option("--database", default="sqlite", show_default=True, type=click.Choice(["sqlite", "postgresql"]))
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Put database, config and logs there.")
def main(minutes: float, seed: int, database: str, keep: Path | None) -> None:
    """Run for a while under steady traffic; memory stays flat, changes arrive in time, nothing is left open."""
    tidy_up_on_sigterm()
    folder = folder_for(keep)
    began = time.monotonic()

    def tell(text: str) -> None:
        click.echo(f"{time.monotonic() - began:6.1f} s  {text}", err=True)

    tell(f"everything is kept in {folder}")
    with place(database, folder) as (url, _):
        stage = ChaosStage(folder, url, shops=SHOPS, seed=seed, daemons=2)
        soak = Soak(stage, minutes, seed, tell)
        try:
            stage.open()
            line = soak.carry_out()
        finally:
            stage.close()
    for violation in soak.violations:
        click.echo(f"violation: {violation}", err=True)
    click.echo(f"{line} database={database} seed={seed}")
    sys.exit(1 if soak.violations else 0)


if __name__ == "__main__":
    main()
