"""Memory of a process that runs for years."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_ARENA_MAX = -8
_ARENAS = 2


def keep_few_arenas() -> bool:
    """Ask glibc to share its pools of memory between threads; to be called before threads are started.

    Each of many threads that come and go leaves a pool of its own behind, in which freed memory stays: measured under
    steady traffic, 10 MiB more in five minutes while no more was in use (mallopt(3), ``M_ARENA_MAX``).

    Returns:
        False where the C library has no such wish to be told (musl, macOS); nothing is lost but a few MiB.
    """
    with suppress(OSError, AttributeError, TypeError):
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS))
    return False
