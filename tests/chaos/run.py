"""One run of chaos: first sync, traffic and kills, quiet, verdict."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.demo.process import wait_until
from syncd.errors import DatabaseUnavailable
from syncd.state.models import Finding
from tests.chaos.faults import Trouble
from tests.chaos.killer import Ends, Killer
from tests.chaos.report import Ledger, count, misjudged, mistaken, oversold_unsaid, parked_skus, write_timelines
from tests.chaos.stage import TILL
from tests.chaos.traffic import Traffic
from tests.chaos.truth import Comparison, Opening, compare, events, open_books

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.stage import ChaosStage

QUIET_WITHIN_S = 60.0
_FIRST_SYNC_S = 60.0
_PER_KILL_S = 15.0
_STOP_SHARE = 0.06
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Plan:
    """How wild it gets. ``restart`` restarts the database's server, where that is possible."""

    kills: int
    seed: int
    per_second: float = 4.0
    rough: bool = False
    on_write: float = 0.2
    on_read: float = 0.02
    restart: Callable[[], None] | None = None
    restarts: int = 0


@dataclass(slots=True)
class Result:
    """What came of it."""

    comparison: Comparison
    ledger: Ledger
    ends: Ends
    happened: int
    faults: int
    restarts: int
    authorised: int
    seconds: float
    violations: list[str] = field(default_factory=list)

    @property
    def lost(self) -> Decimal:
        """Units that were not counted everywhere."""
        return sum((each.lost for each in self.comparison.mismatches), _ZERO)

    @property
    def doubled(self) -> Decimal:
        """Units that were counted more than once."""
        return sum((each.doubled for each in self.comparison.mismatches), _ZERO)

    def line(self) -> str:
        """The summary."""
        ledger, ends = self.ledger, self.ends
        how = ", ".join(f"{number} {by}" for by, number in sorted(ledger.settled.items())) or "none"
        share = 100 * ledger.ever_parked / ledger.unknown if ledger.unknown else 0.0
        return (
            f"chaos: kills={sum(ends.kills.values())} stops={ends.stops} restarts={self.restarts} "
            f"authorised={self.authorised} faults={self.faults} items={self.comparison.items} events={self.happened} "
            f"movements={ledger.movements} writes={ledger.writes} unknown={ledger.unknown} ({how}) "
            f"parked={ledger.ever_parked} ({share:.1f} %, open {ledger.parked}) lost={self.lost:f} "
            f"doubled={self.doubled:f} violations={len(self.violations)} seconds={self.seconds:.0f}"
        )


class Run:
    """Carries out a plan on an open stage."""

    def __init__(self, stage: ChaosStage, plan: Plan, tell: Callable[[str], None]) -> None:
        self._stage = stage
        self._plan = plan
        self._tell = tell
        self._random = random.Random(plan.seed)  # noqa: S311 - choices, not a secret
        self._trouble = Trouble(stage, plan.seed + 1, on_write=plan.on_write, on_read=plan.on_read)
        self._killer = Killer(stage, self._trouble, plan.seed + 2)
        self._restarts = 0
        self._authorised = 0
        self._refusals_known = 0
        self._violations: list[str] = []

    def carry_out(self) -> Result:
        """Everything, in bounded time."""
        began = time.monotonic()
        opening = self._first_sync()
        self._stage.begin_races()
        traffic = Traffic(self._stage, self._plan.seed + 3, per_second=self._plan.per_second, rough=self._plan.rough)
        traffic.start()
        try:
            self._kill_around()
        finally:
            self._trouble.end()
            traffic.stop()
        self._tell("traffic and faults ended")
        comparison = self._wait_until_quiet(opening)
        self._stop_well()
        return self._judge(opening, comparison, time.monotonic() - began)

    def _first_sync(self) -> Opening:
        """Also a first sync may be killed; nobody buys anything meanwhile, because no quantity counts yet."""
        self._killer.start()
        for _ in range(min(4, self._plan.kills // 10)):
            self._killer.kill_once()
        opening = open_books(self._stage)
        made = wait_until(self._stage.has_tables, _FIRST_SYNC_S)
        if not made or not wait_until(lambda: self._settled(opening), _FIRST_SYNC_S):
            self._violations.append(f"not equal {_FIRST_SYNC_S:.0f} s after the first sync began")
        self._tell("first sync done")
        return opening

    def _settled(self, opening: Opening) -> bool:
        self._killer.keep_running()
        try:
            return compare(self._stage, opening).quiet
        except DatabaseUnavailable:
            return False

    def _kill_around(self) -> None:
        deadline = time.monotonic() + self._plan.kills * _PER_KILL_S + 30
        restart_at = {
            self._plan.kills * (number + 1) // (self._plan.restarts + 1) for number in range(self._plan.restarts)
        }
        ends = self._killer.ends
        while (done := sum(ends.kills.values())) < self._plan.kills:
            if time.monotonic() > deadline:
                self._violations.append(f"only {done} kills in time")
                return
            if done in restart_at and self._plan.restart is not None:
                restart_at.discard(done)
                self._restart(self._plan.restart)
            if self._random.random() < _STOP_SHARE:
                self._killer.stop_once()
            else:
                self._killer.kill_once()
            self._authorise_again()
            if (done + 1) % 10 == 0:
                self._tell(f"{done + 1} kills, {sum(self._trouble.faults.values())} faults")

    def _restart(self, restart: Callable[[], None]) -> None:
        self._killer.excused_until = time.monotonic() + 20
        self._stage.diary.note("the database's server is restarted")
        restart()
        self._stage.diary.note("the database's server is there again")
        self._killer.excused_until = time.monotonic() + 10
        self._restarts += 1
        # Not killed at once: it has to live through this.
        wait_until(lambda: not self._stage.daemon.alive, 5)
        self._killer.keep_running()

    def _authorise_again(self) -> None:
        """A refresh whose answer was lost with the process leaves no valid token: the merchant makes a new one."""
        if self._needs_authorisation():
            self._stage.authorise(self._stage.till.issue_refresh_token()["refresh_token"])
            self._stage.diary.note("a new refresh token was put into the configuration")
            self._authorised += 1
            self._killer.stop_once()
            self._refusals_known = len(self._stage.servers[TILL].log)

    def _needs_authorisation(self) -> bool:
        """Whether a token was refused since the last new one, and a finding tells of it.

        The finding alone says too little: it stays until the till was read whole, which may fail for other reasons.
        """
        asked = self._stage.servers[TILL].requests(path=r"/auth/token/", since=self._refusals_known)
        if not any(record.status in {400, 401} for record in asked):
            return False
        query = select(Finding.id).where(Finding.kind == "reauthorisation", Finding.closed_at.is_(None))
        try:
            with self._stage.state() as session:
                return session.scalar(query.limit(1)) is not None
        except DatabaseUnavailable:
            return False

    def _wait_until_quiet(self, opening: Opening) -> Comparison:
        def settled() -> bool:
            self._authorise_again()
            return self._settled(opening)

        if wait_until(settled, QUIET_WITHIN_S, every_s=0.5):
            time.sleep(2.5)  # two more polls: what is equal must stay so
        return compare(self._stage, opening)

    def _stop_well(self) -> None:
        self._killer.keep_running()
        self._killer.stop()

    def _judge(self, opening: Opening, comparison: Comparison, seconds: float) -> Result:
        ledger, ends = count(self._stage), self._killer.ends
        happened = events(self._stage, opening)
        expected = {
            sku: start + sum(happened.get(sku, ()), _ZERO)
            for sku, start in (opening.till | self._stage.new_goods).items()
        }
        told_nothing = oversold_unsaid(self._stage, {k: v for k, v in expected.items() if k not in comparison.doubtful})
        in_doubt = [sku for sku, state in comparison.doubtful.items() if state != "parked"]
        self._violations += [
            *(str(each) for each in comparison.mismatches),
            *comparison.labels,
            *misjudged(self._stage),
            *mistaken(self._stage, comparison.doubtful),
            *self._stage.made_twice(),
            *(f"{sku}: still in doubt" for sku in in_doubt),
            *(["a parked write without a finding"] * ledger.parked_unsaid),
            *(f"{sku}: oversold without a finding" for sku in told_nothing),
            *(f"left open: {finding}" for finding in ledger.findings),
            *ends.bad,
            *self._broken_daemons(),
        ]
        write_timelines(self._stage, {*(each.sku for each in comparison.mismatches), *in_doubt})
        write_timelines(self._stage, parked_skus(self._stage))
        number = sum(len(each) for each in happened.values())
        faults = sum(self._trouble.faults.values())
        return Result(
            comparison, ledger, ends, number, faults, self._restarts, self._authorised, seconds, self._violations
        )

    def _broken_daemons(self) -> list[str]:
        text = self._stage.daemon.log.read_text(encoding="utf-8", errors="replace")
        return ["a part of the daemon broke"] * text.count(" daemon.broken")
