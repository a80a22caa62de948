"""What a process used: CPU seconds, peak memory, statements. Counted by the kernel and by SQLAlchemy, not by clocks."""

from __future__ import annotations

import resource
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine


@dataclass(slots=True)
class Usage:
    """What a piece of work took.

    Attributes:
        wall_s: By the clock.
        cpu_s: User and system time of this process and its children.
        statements: Statements sent to the database (one with many rows counts once), without BEGIN, COMMIT and PRAGMA.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    statements: int = 0


def cpu_seconds() -> float:
    """User and system time of this process and of its children that ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def peak_mb(pid: int | str = "self") -> float:
    """Largest resident size that a process ever had (``VmHWM``) in MB of 10^6 bytes; 0 without /proc."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


@contextmanager
def measured(engine: Engine | None = None) -> Iterator[Usage]:
    """Measure what is done inside; the figures are there when the block has ended."""
    found = Usage()

    def count(*_: Any) -> None:
        found.statements += 1

    if engine is not None:
        event.listen(engine, "before_cursor_execute", count)
    wall, cpu = time.monotonic(), cpu_seconds()
    try:
        yield found
    finally:
        found.wall_s, found.cpu_s = time.monotonic() - wall, cpu_seconds() - cpu
        if engine is not None:
            event.remove(engine, "before_cursor_execute", count)
