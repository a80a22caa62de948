"""The real program, ending or halting itself at one chosen commit.

``python child.py POINT [ARGUMENT …]``: the arguments are those of ``syncd``. POINT is words separated by blanks: a
signal (``SIGKILL``, ``SIGSTOP``), ``before`` or ``after`` (the commit), then the beginning of a statement with
blanks as ``_``, and perhaps a value that the statement must carry. The signal is sent once, at the first
transaction with such a statement: ``SIGKILL before UPDATE_operations confirmed``. An empty POINT does nothing.
SYNCD_TEST_LOCK_WAIT_S in the environment: for how long a writer waits for its turn, instead of the usual time.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session
from sqlalchemy.pool import Pool

LEASE_TTL_S = 1.5


class Point:
    """Where it happens."""

    def __init__(self, text: str) -> None:
        name, self.when, beginning, *value = text.split()
        self.signal = signal.Signals[name]
        self.beginning = beginning.replace("_", " ")
        self.value = value[0] if value else None
        self._met = threading.local()
        self._done = False
        self._in_use: set[object] = set()
        self._free = threading.Condition()

    def look(self, statement: str, parameters: Any) -> None:
        rows = parameters if isinstance(parameters, list) else [parameters]
        values = [value for row in rows for value in (row.values() if isinstance(row, dict) else row)]
        if statement.startswith(self.beginning) and (self.value is None or self.value in values):
            self._met.here = True

    def reached(self, when: str) -> None:
        if when == self.when and getattr(self._met, "here", False) and not self._done:
            self._done = True
            if self.signal == signal.SIGKILL:
                os.kill(os.getpid(), self.signal)
            self._halt()

    def take(self, connection: object) -> None:
        """A connection to the database is put to use; not while this process halts."""
        with self._free:
            self._in_use.add(connection)

    def give_back(self, connection: object) -> None:
        with self._free:
            self._in_use.discard(connection)
            self._free.notify_all()

    def _halt(self) -> None:
        """Halt in this thread, at a moment when no other one is inside a transaction: locks would be held for ever."""
        with self._free:
            self._free.wait_for(lambda: len(self._in_use) <= 1)
            signal.pthread_kill(threading.get_ident(), self.signal)


def install(point: Point) -> None:
    """Watch every statement and every commit of this process."""

    @event.listens_for(Engine, "before_cursor_execute")
    def statement(_c: object, _cursor: object, text: str, parameters: object, *_more: object) -> None:
        point.look(text, parameters)

    @event.listens_for(Engine, "commit")
    def committing(_connection: object) -> None:
        point.reached("before")

    @event.listens_for(Pool, "checkout")
    def taken(connection: object, _record: object, _proxy: object) -> None:
        point.take(connection)

    @event.listens_for(Pool, "checkin")
    def given_back(connection: object, _record: object) -> None:
        point.give_back(connection)

    @event.listens_for(Session, "after_commit")
    def committed(_session: object) -> None:
        point.reached("after")


def main() -> None:
    """Run ``syncd``, with leases that end soon."""
    if sys.argv[1]:
        install(Point(sys.argv[1]))
    if wait_s := os.environ.get("SYNCD_TEST_LOCK_WAIT_S"):
        importlib.import_module("syncd.state.engine").LOCK_WAIT_S = float(wait_s)  # type: ignore[attr-defined]
    for name in ("syncd.cli.opening", "syncd.cli.run"):
        importlib.import_module(name).LEASE_TTL_S = LEASE_TTL_S  # type: ignore[attr-defined]
    program = importlib.import_module("syncd.cli").main
    sys.argv = ["syncd", *sys.argv[2:]]
    sys.exit(program())


if __name__ == "__main__":
    main()
