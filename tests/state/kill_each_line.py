"""``python kill_each_line.py URL FILE``: a leader comes and goes, killed one line of the witness later each time.

Prints how many kills it took until one got through.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import event

from syncd.state import lease, witness
from syncd.state.engine import Database, open_database
from syncd.state.lease import LeaseKeeper
from syncd.state.witness import Witness
from tests.conftest import wait_for_no_disk

WATCHED = {"keep", "_write", "_alone", "_replace"}


def opened(url: str) -> Database:
    """The power does not go here: no disk is waited for."""
    database = open_database(url)
    database.engine.dispose()
    event.listen(database.engine, "connect", wait_for_no_disk)
    return database


def killed_at(line: int, url: str, file: Path) -> bool:
    """Whether it was killed before it got through."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    left = [line]

    def trace(frame: FrameType, what: str, _argument: object) -> Any:
        if frame.f_code.co_filename != witness.__file__ or frame.f_code.co_name not in WATCHED:
            return None
        if what == "line":
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    keeper = LeaseKeeper(opened(url), 60, witness=Witness(file))
    taken = keeper.acquire()
    sys.settrace(trace)
    keeper.renew()
    keeper.left_to_write_s()
    keeper.look_at_witness()
    keeper.release()
    sys.settrace(None)
    os._exit(0 if taken else 1)


def main() -> None:
    """Kill until one gets through."""
    url, file = sys.argv[1], Path(sys.argv[2])
    line = 1
    while killed_at(line, url, file):
        # The next process finds a sound database, whatever the last one left; and the file is one that can be read.
        seen = Witness(file)
        seen.recall()
        database = opened(url)
        shown = lease.seen_now(database)
        database.dispose()
        if shown is not None:
            seen.refuse(shown)
        line += 2
    sys.stdout.write(f"{line // 2}\n")


if __name__ == "__main__":
    main()
