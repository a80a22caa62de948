"""Runs: one row and one log line per pass over a side."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from loguru import logger

from syncd.service.freshness import waits
from syncd.state.models import Run

if TYPE_CHECKING:
    from syncd.service.side import SideContext


@dataclass(slots=True)
class Counts:
    """What a run did; the columns of ``runs`` with the same names."""

    read_requests: int = 0
    write_requests: int = 0
    listings_read: int = 0
    movements: int = 0
    writes: int = 0
    confirmed: int = 0
    rejected: int = 0
    unknown: int = 0
    drift: int = 0
    fields_written: int = 0
    made: int = 0
    withdrawn: int = 0


@dataclass(slots=True)
class RequestCounter:
    """Counts HTTP requests of one side from any thread; a run takes what happened during it.

    A request that only obtains tokens is not a write to the side: it counts as read.
    """

    reads: int = 0
    writes: int = 0
    _outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, method: str, path: str, status: int, ms: float) -> None:
        """Take note of one exchange; given to the adapter as ``on_request``."""
        is_read = method in {"GET", "QUERY"} or "token" in path
        with self._lock:
            self._outcomes["read" if is_read else "write", _outcome(status)] += 1
            if is_read:
                self.reads += 1
            else:
                self.writes += 1
        logger.bind(method=method, path=path, status=status, ms=round(ms)).debug("http.exchange")

    def outcomes(self) -> dict[tuple[str, str], int]:
        """Exchanges since the process started, by (``read`` or ``write``, outcome)."""
        with self._lock:
            return dict(self._outcomes)

    def take(self) -> tuple[int, int]:
        """Return and reset (reads, writes)."""
        with self._lock:
            taken = self.reads, self.writes
            self.reads = self.writes = 0
        return taken


def _outcome(status: int) -> str:
    match status:
        case 0:
            return "no_answer"
        case 429:
            return "rate_limited"
        case _ if status < 300:
            return "ok"
        case _ if status < 400:
            return "redirected"
        case _:
            return "refused" if status < 500 else "server_error"


@dataclass(slots=True)
class RunLog:
    """A run under way. ``modes_changed``: a linked listing began or stopped being counted on its side."""

    id: int
    side: str
    kind: str
    cause: str
    counts: Counts = field(default_factory=Counts)
    started: float = field(default_factory=time.monotonic)
    modes_changed: bool = False


def start_run(side: SideContext, kind: str, cause: str, *, crashed: int | None = None) -> RunLog:
    """Record that a run began, and that run ``crashed`` never ended (the database was away, say)."""
    with side.db.write() as session:
        if crashed is not None:
            former = session.get_one(Run, crashed)
            former.result, former.finished_at = "crashed", side.now()
        row = Run(side_id=side.id, kind=kind, cause=cause, result="running", started_at=side.now())
        session.add(row)
        session.flush()
        return RunLog(row.id, side.name, kind, cause)


def finish_run(side: SideContext, run: RunLog, requests: RequestCounter, *, error: str | None, result: str) -> None:
    """Record how a run ended, on its row, on its side and as one log line."""
    reads, writes = requests.take()
    run.counts.read_requests += reads
    run.counts.write_requests += writes
    counts = asdict(run.counts)
    with side.db.write() as session:
        row = session.get_one(Run, run.id)
        for name, value in counts.items():
            setattr(row, name, value)
        row.result, row.error, row.finished_at = result, error, side.now()
        side_row = side.row(session)
        if not waits(session, side.id):
            side_row.nothing_waited_at = side.now()
        elif side_row.nothing_waited_at is not None and side_row.nothing_waited_at > side.now():
            side_row.nothing_waited_at = side.now()  # the clock was set back: what waits is as old as that
        if result != "stopped":
            side_row.last_error = error
            side_row.last_error_at = side.now() if error else None
    log = logger.bind(
        side=side.name, run=run.id, kind=run.kind, cause=run.cause, seconds=round(time.monotonic() - run.started, 2),
        result=result, **counts,
    )  # fmt: skip
    if error:
        log.bind(error=error).warning("run.finished")
    else:
        log.info("run.finished")
