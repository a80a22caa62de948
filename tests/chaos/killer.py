"""Kills at random moments, and at moments that are chosen for being bad ones."""

from __future__ import annotations

import functools
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.chaos.faults import Trap
from tests.chaos.stage import TILL

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.simulators.server import SimRequest
    from tests.chaos.faults import Trouble
    from tests.chaos.stage import ChaosStage

STOP_WITHIN_S = 10.0
_PATIENCE_S = 5.0
_YOUNG_S = 3.0
_AT_WORK_WITHIN_S = 15.0


def _is_refresh(_: str, request: SimRequest) -> bool:
    return request.path.endswith("/auth/token/")


@dataclass(slots=True)
class Ends:
    """How the daemon ended, each time."""

    kills: Counter[str] = field(default_factory=Counter)
    stops: int = 0
    slowest_stop_s: float = 0.0
    exits: int = 0
    bad: list[str] = field(default_factory=list)


class Killer:
    """Ends the daemon of a stage in all ways and starts it again at once."""

    def __init__(self, stage: ChaosStage, trouble: Trouble, seed: int) -> None:
        self._stage = stage
        self._trouble = trouble
        self._random = random.Random(seed)  # noqa: S311 - moments, not a secret
        self._killed = threading.Event()
        self._started = 0.0
        self._log_size = 0
        self.ends = Ends()
        self.excused_until = 0.0
        """Until then (monotonic) the daemon may end by itself with a failure: its database was away."""
        self._ways: list[tuple[int, str, Callable[[], None]]] = [
            (30, "at any time", self._at_any_time),
            (8, "soon after the start", self._soon),
            (18, "write arrived, no effect", lambda: self._on_request(self._writes, "lost_before")),
            (22, "write arrived, effect", lambda: self._on_request(self._writes, "")),
            (14, "write answered", lambda: self._on_request(self._writes, "", self._random.uniform(0.001, 0.08))),
            (6, "read arrived", lambda: self._on_request(self._reads, "")),
            (4, "token refresh", self._in_refresh),
        ]

    def kill_once(self) -> None:
        """Kill in a random way, start again."""
        _, name, way = self._random.choices(self._ways, [weight for weight, _, _ in self._ways])[0]
        way()
        self._trouble.set_trap(None)
        if self._killed.is_set() or not self._gone_by_itself():
            self._stage.daemon.close()
            self._stage.diary.note(f"SIGKILL ({name})")
            self.ends.kills[name] += 1
        self.start()

    def stop_once(self) -> None:
        """SIGTERM at a random moment, start again."""
        self._wait(self._random.uniform(0.5, 3.0))
        if not self._gone_by_itself():
            self._stage.diary.note("SIGTERM")
            self.stop()
        self.start()

    def stop(self) -> None:
        """SIGTERM; it must end with 0 in time."""
        young = time.monotonic() < self._started + _YOUNG_S or not self._said_since_start()
        code, seconds = self._stage.daemon.stop(STOP_WITHIN_S)
        self.ends.stops += 1
        self.ends.slowest_stop_s = max(self.ends.slowest_stop_s, seconds)
        if young and code == -signal.SIGTERM:
            return  # it was not far enough to answer signals itself, and had done nothing yet
        if code != 0 or seconds > STOP_WITHIN_S:
            self.ends.bad.append(f"SIGTERM: exit code {code} after {seconds:.1f} s")

    def start(self) -> None:
        """Start the daemon."""
        self._killed.clear()
        self._started = time.monotonic()
        log = self._stage.daemon.log
        self._log_size = log.stat().st_size if log.exists() else 0
        self._stage.diary.note(f"daemon started, process {self._stage.daemon.start()}")

    def keep_running(self) -> None:
        """Start it again if it ended by itself, as a service manager does."""
        if self._gone_by_itself():
            self.start()

    def _gone_by_itself(self) -> bool:
        if self._stage.daemon.alive:
            return False
        process = self._stage.daemon.process
        code = process.returncode if process else None
        self.ends.exits += 1
        if time.monotonic() > self.excused_until:
            self.ends.bad.append(f"the daemon ended by itself with {code}")
        self._stage.diary.note(f"the daemon ended by itself with {code}")
        return True

    def _wait(self, seconds: float) -> None:
        """Wait, but not for a daemon that has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._stage.daemon.alive:
            time.sleep(min(0.05, max(0.0, deadline - time.monotonic())))

    def _until_at_work(self) -> None:
        """Wait until the daemon leads: a slow machine takes seconds for that, and a start alone proves little."""
        process = self._stage.daemon.process
        mark = f"pid={process.pid}" if process is not None else ""
        deadline = time.monotonic() + _AT_WORK_WITHIN_S
        while time.monotonic() < deadline and self._stage.daemon.alive:
            if mark.encode() in self._said_since_start():
                return
            time.sleep(0.05)

    def _said_since_start(self) -> bytes:
        with self._stage.daemon.log.open("rb") as log:
            log.seek(self._log_size)
            return log.read()

    def _at_any_time(self) -> None:
        self._until_at_work()
        self._wait(self._random.uniform(0.1, 4.0))

    def _soon(self) -> None:
        self._wait(self._random.uniform(0.3, 1.6))

    def _writes(self, side: str, request: SimRequest) -> bool:
        return self._stage.can_change(side, request)

    def _reads(self, side: str, request: SimRequest) -> bool:
        return not self._stage.can_change(side, request) and "token" not in request.path

    def _on_request(
        self, matches: Callable[[str, SimRequest], bool], fault: str, later_s: float = 0.0, side: str = ""
    ) -> None:
        """Kill when the next such request arrives: before any effect, before the answer, or shortly after it."""
        side = side or self._random.choice(list(self._stage.servers))
        due = threading.Event()

        def act(request: SimRequest) -> None:
            if fault:
                self._trouble.hit(side, request, fault)
            if not later_s and (process := self._stage.daemon.process) is not None:
                self._killed.set()
                process.kill()
            due.set()

        self._until_at_work()
        self._wait(self._random.uniform(0.0, 2.0))
        trap = Trap(side, functools.partial(matches, side), act)
        self._trouble.set_trap(trap)
        deadline = time.monotonic() + _PATIENCE_S
        while not due.wait(0.02) and time.monotonic() < deadline and self._stage.daemon.alive:
            continue
        if due.is_set() and later_s:
            time.sleep(later_s)

    def _in_refresh(self) -> None:
        self._until_at_work()
        self._wait(self._random.uniform(0.0, 1.0))
        self._stage.till.expire_access_tokens()
        self._stage.diary.note("access tokens expired")
        self._on_request(_is_refresh, "", side=TILL)
