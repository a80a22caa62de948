"""Waiting before a query costs more than the shop's bucket holds.

Source: shopify-api.md section 9: the bucket's state comes with each answer, costs are known from the last time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from syncd.errors import Stopped

_LONGEST_WAIT_S = 30.0


class Throttle:
    """What is left in the bucket, by the last answer and the time since.

    Args:
        stop: Ends waits early.
        clock: Monotonic seconds.
    """

    def __init__(self, stop: threading.Event, clock: Callable[[], float] = time.monotonic) -> None:
        self._stop = stop
        self._clock = clock
        self._lock = threading.Lock()
        self._costs: dict[tuple[str, int], float] = {}
        self._left: float | None = None
        self._most = 0.0
        self._rate = 0.0
        self._at = 0.0

    def wait(self, operation: str, rows: int = 0, guess: float = 0.0) -> None:
        """Wait until an operation can be paid for; what it costs depends on how many ``rows`` are asked for.

        Raises:
            Stopped: A stop was requested.
        """
        seconds = self.missing_s(operation, rows, guess)
        if seconds > 0 and self._stop.wait(seconds):
            raise Stopped("stopped while waiting for the shop's query budget")

    def missing_s(self, operation: str, rows: int = 0, guess: float = 0.0) -> float:
        """Seconds until the bucket holds what an operation costs; with as many rows if known, or ``guess`` at least."""
        with self._lock:
            if self._left is None or self._rate <= 0:
                return 0.0
            left = min(self._most, self._left + (self._clock() - self._at) * self._rate)
            known = self._costs.get((operation, rows))
            needed = min(guess if known is None else known, self._most)
            return min(_LONGEST_WAIT_S, max(0.0, (needed - left) / self._rate))

    def note(self, operation: str, extensions: object, rows: int = 0) -> None:
        """Learn from an answer; one that says nothing of costs is fine."""
        cost = extensions.get("cost") if isinstance(extensions, Mapping) else None
        if not isinstance(cost, Mapping):
            return
        status = cost.get("throttleStatus")
        with self._lock:
            asked = _number(cost.get("requestedQueryCost"))
            if asked is not None:
                self._costs[operation, rows] = asked
            if not isinstance(status, Mapping):
                return
            left, rate = _number(status.get("currentlyAvailable")), _number(status.get("restoreRate"))
            most = _number(status.get("maximumAvailable"))
            if left is not None and rate is not None and most is not None:
                self._left, self._rate, self._most, self._at = left, rate, most, self._clock()


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if 0 <= found < 1e9 else None
