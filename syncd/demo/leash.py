"""``python -m syncd.demo.leash PID …``: ``syncd …``, which ends with the process PID that started it.

A demo that is killed (SIGKILL) can end nothing any more; without this its daemon would go on for ever, with sides that
are not there. Not in the child between fork and exec: the parent has threads.

Source: prctl(2), PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from syncd.cli import main

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Have the kernel kill this process as soon as its parent is gone; if that was a moment ago, at once."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    die_with(int(sys.argv.pop(1)))
    sys.argv[0] = "syncd"
    sys.exit(main())
