"""The daemon as a process of its own, started, stopped and killed from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class DaemonProcess:
    """`syncd run` with one configuration. It does not outlive the thread that started it.

    Args:
        config: Configuration file; the process runs in its folder.
        log: File that everything it says is appended to.
    """

    def __init__(self, config: Path, log: Path) -> None:
        self.config = config
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.kills = 0

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> int:
        """Start it; returns the process id."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "syncd.demo.leash", str(os.getpid()), "--config", str(self.config), "run"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.config.parent,
            )
        return self.process.pid

    def kill(self) -> int:
        """SIGKILL, as a power cut would; returns the process id."""
        process = self.running()
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.kills += 1
        return process.pid

    def stop(self, within_s: float = 10.0) -> tuple[int, float]:
        """SIGTERM; returns exit code and seconds until it ended."""
        process = self.running()
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(within_s + 5)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        return code, time.monotonic() - started

    def running(self) -> subprocess.Popen[bytes]:
        """The process.

        Raises:
            RuntimeError: It does not run; the message has the end of its log.
        """
        if self.process is None or self.process.poll() is not None:
            tail = "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
            raise RuntimeError(f"the daemon is not running; the end of its log:\n{tail}")
        return self.process

    def close(self) -> None:
        """End it if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def wait_until(true: Callable[[], bool], within_s: float, *, every_s: float = 0.1) -> bool:
    """Poll a condition of the outside world; returns whether it came true in time."""
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
