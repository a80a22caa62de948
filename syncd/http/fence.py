"""Permission to write that outlasts no lease: the kernel ends a process that sleeps in the middle of sending a write.

Asking the clock right before the bytes leave is not enough: the process may be stopped between the answer and the
system call (SIGSTOP, a swap storm, a suspended machine), and go on when another one has settled the write and made it
again. So a timer of the kernel runs from before the question until the last byte was handed over, and ends with the
lease. If it runs out, the process is killed; SIGKILL also ends one that is stopped. Its successor finds the write as
that of any process that was killed: unknown.

Source: timer_create(2), signal(7).
"""

from __future__ import annotations

import ctypes
import signal
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SPARE_S = 0.25
"""A lease that ends so soon is not begun to write under: the timer would end a process that only was a little late."""


class _SigEvent(ctypes.Structure):
    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("pad", ctypes.c_int * 12),
    )


class _Spec(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


class DeadlyTimer:
    """Kills this process when it runs out. Its clock goes on while the machine is suspended.

    Raises:
        OSError: The system has no such timer.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._id = ctypes.c_void_p()
        event = _SigEvent(signo=signal.SIGKILL, notify=0)
        self._check(self._libc.timer_create(time.CLOCK_BOOTTIME, ctypes.byref(event), ctypes.byref(self._id)))

    def set(self, seconds: float) -> None:
        """Start it anew; 0 stops it."""
        whole, rest = divmod(seconds, 1)
        spec = _Spec(0, 0, int(whole), int(rest * 1e9))
        self._check(self._libc.timer_settime(self._id, 0, ctypes.byref(spec), None))

    def _check(self, result: int) -> None:
        if result != 0:
            raise OSError(ctypes.get_errno(), "the kernel's timer cannot be used")


class Fence:
    """A ``may_write`` for sessions that also guards each write while it is sent. Safe to use from several threads.

    Args:
        left_s: Seconds until another process may have the lease; 0 or less if it may already. Asked for writes alone.
        timer: Kills this process; replaced by tests.
    """

    def __init__(self, left_s: Callable[[], float], timer: DeadlyTimer | None = None) -> None:
        self._left_s = left_s
        self._timer = timer or DeadlyTimer()
        self._lock = threading.Lock()
        self._under_way = 0

    def __call__(self) -> bool:
        """Whether a write may begin."""
        return self._left_s() > SPARE_S

    def begin(self) -> bool:
        """Before a write is sent: whether it may be. From then on, until ``end``, this process dies with the lease."""
        with self._lock:
            left_s = self._left_s()
            if left_s <= SPARE_S:
                return False
            self._under_way += 1
            self._timer.set(left_s)
            return True

    def end(self) -> None:
        """It was handed over, or given up."""
        with self._lock:
            self._under_way -= 1
            if not self._under_way:
                self._timer.set(0)

    def renewed(self) -> None:
        """The lease was prolonged: what is under way may go on for as long."""
        with self._lock:
            if self._under_way and (left_s := self._left_s()) > 0:
                self._timer.set(left_s)
