"""Rate budget: how many requests per second a side gets from us, shared by all its threads."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from syncd.errors import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

_WIDER = 1.05
_CLOSER = 0.9998


class RateBudget:
    """Spaces requests evenly and stands still when the side asks for it.

    Even spacing (no bursts) stays below a limit of N per second however the server cuts its seconds. If that limit is
    our own, the network makes two of our seconds one of the server's now and then: after each time that it asks for a
    pause requests are spaced a little wider, and from then on a little closer again with each.

    Args:
        per_second: Requests per second; ``None`` for no limit.
        clock: Monotonic seconds.
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._least_s = self._interval_s = 0.0 if not per_second else 1.0 / per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._next_at = 0.0

    def acquire(self, stop: threading.Event) -> None:
        """Wait for this request's turn.

        Raises:
            Stopped: ``stop`` was set while waiting.
        """
        with self._lock:
            now = self._clock()
            turn = max(now, self._next_at)
            self._next_at = turn + self._interval_s
            self._interval_s = max(self._least_s, self._interval_s * _CLOSER)
        if stop.wait(max(0.0, turn - now)):
            raise Stopped("stopped while waiting for the rate budget")

    def pause(self, seconds: float) -> None:
        """Let nobody start for ``seconds`` from now (after a 429)."""
        with self._lock:
            self._next_at = max(self._next_at, self._clock() + seconds)
            self._interval_s = min(2 * self._least_s, self._interval_s * _WIDER)
