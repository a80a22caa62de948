"""Turns within one process: first come, first served."""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """A lock whose waiters get it in the order in which they came.

    An ordinary lock goes to whoever is awake when it is released: a thread that writes all the time would keep others
    from their turn, the renewal of the lease among them.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def take(self, patience_s: float) -> bool:
        """Wait for the turn; returns whether it came in time."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        try:
            if gate.acquire(timeout=patience_s):
                return True
        except BaseException:  # interrupted: nobody is there any more to pass on a turn that would still come
            self._leave(gate)
            raise
        with self._guard:
            if gate in self._waiting:
                self._waiting.remove(gate)
                return False
        return True  # it came at the last moment

    def _leave(self, gate: threading.Lock) -> None:
        with self._guard:
            if gate in self._waiting:
                self._waiting.remove(gate)
                return
        self.give()  # it had come

    def give(self) -> None:
        """Pass it on."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
