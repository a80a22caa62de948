"""The real program as if on a machine of its own: ``python machine.py OPTIONS --config FILE run``.

OPTIONS is JSON:
    name      the machine's name; others cannot see whether its processes live
    clock_s   how far its clock is ahead, seconds
    ttl_s     how long a lease lasts, instead of the usual time
    idle_s    after how long the server ends a transaction of a silent process, instead of the usual time
    halt      a file: once it is there, the process stops itself (SIGSTOP) in the next booking at the till, when it has
              looked at its lease for the last time and no byte of the body has left; the file is removed
    immortal  the kernel does not kill it when it sleeps there: as on a virtual machine that is halted with its clocks
"""

from __future__ import annotations

import importlib
import json
import signal
import socket
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine


def _be_another_machine(name: str) -> None:
    process: Any = importlib.import_module("syncd.state.process")
    scope = process._scope
    process._scope = lambda: f"{scope()}.{name}"
    socket.gethostname = lambda: name


def _change_times(ttl_s: float | None, idle_s: float | None) -> None:
    if ttl_s is not None:
        for module in ("syncd.cli.opening", "syncd.cli.run"):
            importlib.import_module(module).LEASE_TTL_S = ttl_s  # type: ignore[attr-defined]
    if idle_s is not None:
        importlib.import_module("syncd.state.engine").IDLE_IN_TRANSACTION_S = idle_s  # type: ignore[attr-defined]


def _halt_in_a_booking(file: Path) -> None:
    edge = importlib.import_module("syncd.http.edge").Edge
    usual = edge.__call__

    def call(self: Any, event: str, info: Any) -> None:
        usual(self, event, info)
        if event.endswith(".send_request_body.started") and "adjust_inventory" in self._label and file.exists():
            file.unlink()
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # before this thread goes on, not some other

    edge.__call__ = call


def _be_immortal() -> None:
    importlib.import_module("syncd.http.fence").DeadlyTimer.set = lambda *_: None


def main() -> None:
    """Change what is to be another way, and run."""
    options = json.loads(sys.argv[1])
    if options.get("clock_s"):
        there = datetime.now(UTC) + timedelta(seconds=options["clock_s"])
        time_machine.travel(there, tick=True).start()
    _be_another_machine(options["name"])
    _change_times(options.get("ttl_s"), options.get("idle_s"))
    if options.get("halt"):
        _halt_in_a_booking(Path(options["halt"]))
    if options.get("immortal"):
        _be_immortal()
    program = importlib.import_module("syncd.cli").main
    sys.argv = ["syncd", *sys.argv[2:]]
    sys.exit(program())


if __name__ == "__main__":
    main()
