"""Rounds of takeovers under traffic, and the verdict."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM
from statistics import median
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.demo.process import wait_until
from syncd.simulators.server import Fault
from syncd.state.models import Finding, Listing, Movement
from tests.chaos.report import misjudged, mistaken, write_timelines
from tests.chaos.stage import TILL
from tests.chaos.traffic import Traffic
from tests.chaos.truth import compare, open_books
from tests.failover.referee import accepted, appoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.truth import Comparison, Opening
    from tests.failover.stage import FailoverStage, Machine

MOST_S = 30.0
"""A standby works within this time."""

QUIET_S = 60.0
WRONG_CLOCK_S = 300.0
_SERVE_S = 1.5


@dataclass(slots=True)
class Takeovers:
    """What came of the rounds.

    Attributes:
        took_s: Seconds from the trouble until the other machine led, by kind of trouble.
        refused: Processes that had slept and found that another one leads.
        killed: Processes that the kernel killed because they slept while they sent.
    """

    took_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: int = 0
    killed: int = 0
    fenced_accepted: list[str] = field(default_factory=list)
    late_writes: list[str] = field(default_factory=list)
    comparison: Comparison | None = None
    violations: list[str] = field(default_factory=list)
    watched: int = 0

    @property
    def lost(self) -> Decimal:
        """Units that were not counted everywhere."""
        return sum((each.lost for each in self.comparison.mismatches), Decimal(0)) if self.comparison else Decimal(-1)

    @property
    def doubled(self) -> Decimal:
        """Units that were counted more than once."""
        return (
            sum((each.doubled for each in self.comparison.mismatches), Decimal(0)) if self.comparison else Decimal(-1)
        )

    def line(self, rounds: int, events: int, seconds: float) -> str:
        """The summary."""
        every = [each for found in self.took_s.values() for each in found]
        kinds = ", ".join(f"{kind} {median(found):.1f}/{max(found):.1f}" for kind, found in self.took_s.items())
        return (
            f"failover: rounds={rounds} takeovers={len(every)} takeover_p50={median(every):.1f} s "
            f"takeover_max={max(every):.1f} s (p50/max: {kinds}) events={events} refused={self.refused} "
            f"killed_asleep={self.killed} fenced_accepted={len(self.fenced_accepted)} "
            f"late_requests={len(self.late_writes)} lost={self.lost:f} doubled={self.doubled:f} "
            f"violations={len(self.violations)} seconds={seconds:.0f}"
        )


class Rounds:
    """Carries out rounds on an open stage."""

    def __init__(
        self,
        stage: FailoverStage,
        seed: int,
        tell: Callable[[str], None],
        restart: Callable[[], None] | None = None,
        *,
        per_second: float = 4.0,
        inside: float = 0.0,
    ) -> None:
        self._stage = stage
        self._tell = tell
        self._restart = restart
        self._seed = seed
        self._per_second = per_second
        self._inside = inside
        self._leader = stage.machines[0]
        self.found = Takeovers()
        self.events = 0

    def carry_out(self, rounds: int, *, only: tuple[str, ...] = ()) -> Takeovers:
        """Everything, in bounded time."""
        opening = self._first_sync()
        # Nobody reads while nobody leads, and a write under way then is in doubt until the successor has settled it.
        self._stage.begin_races()
        traffic = Traffic(
            self._stage, self._seed, per_second=self._per_second, close_s=4 * MOST_S, inside=self._inside, spaced=True
        )
        traffic.start()
        try:
            for number in range(rounds):
                for name, trouble in self._troubles().items():
                    if not only or name in only:
                        self._one(f"{number + 1}: {name}", name, trouble)
        finally:
            traffic.stop()
        self.events = sum(traffic.events.values())
        self._judge(opening)
        return self.found

    def _troubles(self) -> dict[str, Callable[[], float]]:
        troubles: dict[str, Callable[[], float]] = {
            "kill": self._kill,
            "halt": self._halt,
            "asleep_sending": self._halt_in_a_booking,
            "line_cut": self._cut,
            "clean_stop": self._stop,
            "clock_ahead": lambda: self._wrong_clock(WRONG_CLOCK_S),
            "clock_behind": lambda: self._wrong_clock(-WRONG_CLOCK_S),
        }
        if self._restart is not None:
            troubles["server_restart"] = self._restart_server
        return troubles

    def _first_sync(self) -> Opening:
        leader, other = self._leader, self._stage.other(self._leader)
        opening = open_books(self._stage)
        leader.start()
        self._stage.until(self._stage.has_tables, "tables")
        self._stage.until_leads(leader)
        self._stage.until(lambda: compare(self._stage, opening).quiet, "the first sync")
        with self._stage.connected() as database:
            self.found.watched = appoint(database)
        other.start()
        self._stage.until_standby(other)
        self._tell("first sync done, the other machine stands by")
        return opening

    def _one(self, label: str, name: str, trouble: Callable[[], float]) -> None:
        self._take_stock()
        took = trouble()
        self.found.took_s[name].append(took)
        self._tell(f"{label}: {self._leader.name} leads after {took:.1f} s")
        if took > MOST_S:
            self.found.violations.append(f"{label} took {took:.1f} s")

    def _take_stock(self) -> None:
        """See who leads: on a busy machine a short lease may have changed hands by itself."""
        held = self._stage.lease()
        assert held is not None
        if held[0] != self._leader.name:
            self._leader = self._stage.other(self._leader)
            self._leader.led.append(held[1])
        other = self._stage.other(self._leader)
        if not other.alive or "daemon.started" in other.said:
            other.close_process()
            self._stand_by(other)

    # Troubles: each leaves one machine leading and the other one standing by

    def _taken_over(self, began: float) -> float:
        """Wait for the other machine; returns seconds since the trouble."""
        successor = self._stage.other(self._leader)
        self._stage.until_leads(successor)
        self._leader = successor
        return time.monotonic() - began

    def _stand_by(self, machine: Machine, clock_s: float = 0.0) -> None:
        machine.start(clock_s=clock_s)
        self._stage.until_standby(machine)

    def _kill(self) -> float:
        old, began = self._leader, time.monotonic()
        old.send(SIGKILL)
        old.wait()
        took = self._taken_over(began)
        self._stand_by(old)
        return took

    def _halt(self) -> float:
        """Halted longer than its lease, at any moment; it wakes while its successor is at work."""
        old, began = self._leader, time.monotonic()
        old.send(SIGSTOP)
        took = self._taken_over(began)
        wait_until(lambda: not old.alive, _SERVE_S)
        if old.alive:
            old.send(SIGCONT)
        self._woken(old)
        self._stand_by(old)
        return took

    def _halt_in_a_booking(self) -> float:
        """Halted between the last look at its lease and the body of a booking."""
        old = self._leader
        old.halt.touch()
        sold = self._stage.shops["main"].order([(self._something(), 1)])
        self._stage.until(lambda: not old.halt.exists(), f"a booking at the till for order {sold}")
        began = time.monotonic()
        took = self._taken_over(began)
        wait_until(lambda: not old.alive, _SERVE_S)
        if old.alive:
            old.send(SIGCONT)
        self._woken(old)
        self._stand_by(old)
        return took

    def _something(self) -> str:
        stock = self._stage.shop_stock("main")
        return max(stock, key=lambda sku: stock[sku] or 0)

    def _woken(self, machine: Machine) -> None:
        code = machine.wait()
        if code == -SIGKILL:
            self.found.killed += 1
        elif code == 1 and "lease.lost" in machine.said:
            self.found.refused += 1
        else:
            self.found.violations.append(f"{machine.name} ended with {code} after it had slept")

    def _cut(self) -> float:
        """Nothing passes between leader and database, and nobody says so; then what was held back arrives."""
        old, began = self._leader, time.monotonic()
        old.wire.cut()
        took = self._taken_over(began)
        wait_until(lambda: not old.alive, _SERVE_S)
        old.wire.mend()
        self._woken(old)
        self._stand_by(old)
        return took

    def _stop(self) -> float:
        old, began = self._leader, time.monotonic()
        old.send(SIGTERM)
        took = self._taken_over(began)
        if (code := old.wait()) != 0:
            self.found.violations.append(f"SIGTERM: exit code {code}")
        self._stand_by(old)
        return took

    def _wrong_clock(self, seconds: float) -> float:
        """A machine with a wrong clock takes over what the other one left in doubt, and hands it back."""
        wrong = self._stage.other(self._leader)
        wrong.send(SIGTERM)
        wrong.wait()
        self._stand_by(wrong, clock_s=seconds)
        servers = self._leader.servers.values()
        for server in servers:
            server.add_fault(Fault("lost_after", "PUT|POST", "adjust_inventory|products", times=2))
        for _ in range(2):
            self._stage.shops["main"].order([(self._something(), 1)])
        wait_until(lambda: not any(fault.times for server in servers for fault in server.faults), 3)
        took = self._kill()
        for server in servers:
            server.clear_faults()
        return took

    def _restart_server(self) -> float:
        """The database's server ends without a word and is there again; who leads then is all the same."""
        assert self._restart is not None
        began = time.monotonic()
        self._restart()
        sku = self._something()
        order = self._stage.shops["main"].order([(sku, 1)])
        since = time.monotonic()
        self._stage.until(
            lambda: any(self._stage.writes_of(each, TILL, since) for each in self._stage.machines),
            f"a booking at the till after the restart, for order {order}",
        )
        took = time.monotonic() - began
        for machine in self._stage.machines:
            if not machine.alive:
                self.found.violations.append(f"{machine.name} did not outlive the restart")
        return took

    def what_is_left(self) -> str:
        """A leader that the kernel does not kill in its sleep, as on a virtual machine that is halted with its clocks.

        Its booking reaches the till after its successor has settled it and made it again. Nothing of this counts in the
        rounds: it shows what docs/high-availability.md says is left.
        """
        stage = self._stage
        self._take_stock()
        old, successor = stage.other(self._leader), self._leader
        old.send(SIGTERM)
        old.wait()
        old.start(immortal=True)
        stage.until_standby(old)
        self._stop()
        old.halt.touch()
        sku, since = self._something(), time.monotonic()
        before, number = stage.till_stock()[sku], stage.shops["main"].order([(sku, 1)])
        stage.until(lambda: not old.halt.exists(), f"a booking at the till for order {number}")
        stage.until_leads(successor)
        stage.until(lambda: stage.writes_of(successor, TILL, since), "the successor books it")
        late = stage.writes_of(old, TILL, since)
        old.send(SIGCONT)
        old.wait()
        self._leader = successor
        stage.until(lambda: stage.writes_of(old, TILL, since) > late, "the late booking")
        taken = before - stage.till_stock()[sku]
        stage.until(lambda: stage.shop_stock("main")[sku] == stage.till_stock()[sku], "both agree again")
        return (
            f"left: halted with its clocks in the moment of sending: late_bookings="
            f"{stage.writes_of(old, TILL, since) - late} sold=1 taken_at_the_till={taken:f}; {self._told_of(sku)}"
        )

    def _told_of(self, sku: str) -> str:
        """What the ledger says of an item's last movement."""
        query = select(Movement).join(Listing, Listing.item_id == Movement.item_id).where(Listing.sku == sku)
        with self._stage.state() as session:
            row = session.scalars(query.order_by(Movement.id.desc()).limit(1)).one()
            told = session.scalar(select(Finding.message).where(Finding.kind == "late_write"))
            return f"the ledger has it as {row.cause} of {row.quantity:+f} by {row.evidence}; finding: {told}"

    def _judge(self, opening: Opening) -> None:
        stage, found = self._stage, self.found
        wait_until(lambda: compare(stage, opening).quiet, QUIET_S * max(1.0, self._per_second / 4), every_s=0.5)
        found.comparison = compare(stage, opening)
        with stage.connected() as database:
            found.fenced_accepted = accepted(database)
        found.late_writes = stage.late_writes()
        mistook = mistaken(stage, found.comparison.doubtful)
        found.violations += [
            *(str(each) for each in found.comparison.mismatches),
            *(f"{sku}: still {state}" for sku, state in found.comparison.doubtful.items() if state != "parked"),
            *misjudged(stage),
            *mistook,
            *stage.made_twice(),
            *(f"accepted: {each}" for each in found.fenced_accepted),
            *(f"late: {each}" for each in found.late_writes),
        ]
        wrong = [*(each.sku for each in found.comparison.mismatches), *(line.split(":")[0] for line in mistook)]
        write_timelines(stage, dict.fromkeys(wrong))
        for machine in stage.machines:
            if "daemon.broken" in machine.said:
                found.violations.append(f"{machine.name}: a part of the daemon broke")
