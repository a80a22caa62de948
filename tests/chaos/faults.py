"""Random faults, decided for each request as it arrives, and traps that spring when a certain request arrives."""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from typing import TYPE_CHECKING

from syncd.simulators.server import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.simulators.server import SimRequest
    from tests.chaos.stage import ChaosStage

WRITE_FAULTS = (
    "lost_before",
    "lost_after",
    "error_500_html",
    "error_500_after",
    "too_many",
    "slow",
    "truncated",
    "html_200",
)
READ_FAULTS = (*WRITE_FAULTS, "stale", "stale")
_SECONDS = {"too_many": 0.3, "slow": 1.0, "stale": 1.5}
"""Longest delay, pause and age. What is late or stale is so for less than ``in_doubt_seconds`` in all."""


class Trap:
    """Springs once, when a request that matches arrives, in the thread that serves it and before it has any effect."""

    def __init__(self, side: str, matches: Callable[[SimRequest], bool], act: Callable[[SimRequest], None]) -> None:
        self.side = side
        self.sprung = threading.Event()
        self._matches = matches
        self._act = act
        self._lock = threading.Lock()

    def try_spring(self, side: str, request: SimRequest) -> None:
        """Spring if it is time."""
        with self._lock:
            if self.sprung.is_set() or (self.side and side != self.side) or not self._matches(request):
                return
            self._act(request)
            self.sprung.set()


class Trouble:
    """Hooks into every server of a stage.

    Args:
        stage: Where.
        seed: Makes choices repeatable.
        on_write: Share of the writes that meet a fault.
        on_read: Share of the reads.
    """

    def __init__(self, stage: ChaosStage, seed: int, *, on_write: float, on_read: float) -> None:
        self._stage = stage
        self._random = random.Random(seed)  # noqa: S311 - faults, not a secret
        self._shares = {True: on_write, False: on_read}
        self._on = True
        self._traps: list[Trap] = []
        self.faults: Counter[str] = Counter()
        for side, server in stage.servers.items():
            server.hooks.append(lambda request, side=side: self._arrived(side, request))  # type: ignore[misc]

    def set_trap(self, trap: Trap | None) -> None:
        """Arm a trap, or none; the one before is taken away."""
        self._traps = [trap] if trap is not None else []

    def end(self) -> None:
        """No more faults and traps, also none that wait."""
        self._on = False
        self._traps = []
        for server in self._stage.servers.values():
            server.clear_faults()

    def hit(self, side: str, request: SimRequest, kind: str) -> None:
        """Have a fault hit this request, or one to the same path that is faster."""
        limit = _SECONDS.get(kind, 1.0)
        target = self._stage.shops[side].target(request) if side in self._stage.shops else "^" + re.escape(request.path)
        seconds = limit if kind == "stale" else self._random.uniform(0.05, limit)
        fault = Fault(kind, request.method, target, seconds=round(seconds, 2))
        self._stage.servers[side].add_fault(fault)
        self.faults[kind] += 1
        if self._stage.can_change(side, request):
            self._stage.diary.note(f"fault {kind} ({fault.seconds} s) at {side}: {request.method} {request.path}")

    def _arrived(self, side: str, request: SimRequest) -> None:
        for trap in self._traps:
            trap.try_spring(side, request)
        # A token request whose answer is lost ends in a new authorisation by a person: that is tried, but not all day.
        write = self._stage.can_change(side, request)
        kinds = READ_FAULTS if request.method == "GET" else WRITE_FAULTS  # no cache keeps answers to a POST
        if self._on and self._random.random() < self._shares[write]:
            self.hit(side, request, self._random.choice(kinds))
