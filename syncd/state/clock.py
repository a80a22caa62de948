"""Present time as the database has it: machines that share a PostgreSQL server share its clock, too.

What one machine wrote down (since when a write is in doubt, when a side was last read) is judged by the next one after
it has taken over. Their own clocks may be minutes apart; the server's is one.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_TOO_LONG_S = 1.0
"""An answer that took longer says too little about the moment at which the server looked at its clock."""

_ALIKE_S = 0.05
"""A difference that is no more than this (or than the answer took) is the network's: time is not moved for it."""


def uptime_s() -> float:
    """Seconds by the clock of this machine that nobody sets and that goes on while it is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class DatabaseClock:
    """Present time by the server's clock, kept going by this machine's uptime between two looks at it.

    Before the first look, and for SQLite always, it is this machine's own clock.

    Args:
        ticks: Seconds by a clock that is never set.
        local: This machine's clock, aware UTC.
    """

    def __init__(
        self, *, ticks: Callable[[], float] = uptime_s, local: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._ticks = ticks
        self._local = local
        self._lock = threading.Lock()
        self._anchor: tuple[datetime, float] | None = None

    def __call__(self) -> datetime:
        """Present time, aware UTC."""
        anchor = self._anchor
        if anchor is None:
            return self._local()
        moment, at = anchor
        return moment + timedelta(seconds=self._ticks() - at)

    def ticks(self) -> float:
        """For ``note``: to be read right before and right after the server is asked."""
        return self._ticks()

    def note(self, moment: datetime, asked: float, answered: float) -> None:
        """Take over what the server's clock showed between two readings of ``ticks``."""
        took = answered - asked
        with self._lock:
            if self._anchor is not None:
                off = (self() - timedelta(seconds=self._ticks() - (asked + took / 2)) - moment).total_seconds()
                if took > _TOO_LONG_S or abs(off) <= max(_ALIKE_S, took):
                    return
            self._anchor = moment, asked + took / 2
