"""Which process of which machine: named so that others on the same machine can see whether it still lives."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """Who holds a lease, in a form that lets others on the same machine see whether it still lives.

    Attributes:
        host: Machine's name, for people.
        pid: Process id.
        scope: Where that id means something: this boot of the kernel and this process namespace. Empty if unknown.
        started: When the kernel started the process, in its ticks; ids are used again, this is not.
        nonce: Tells two holders within one process apart.
    """

    host: str
    pid: int
    scope: str
    started: str
    nonce: str

    def __str__(self) -> str:
        return f"{self.host} pid {self.pid} [{self.scope}/{self.started}/{self.nonce}]"

    @classmethod
    def this(cls) -> Process:
        """Describe the calling process; each call gives another nonce."""
        pid = os.getpid()
        return cls(socket.gethostname(), pid, _scope(), _started(pid), uuid.uuid4().hex[:8])

    @classmethod
    def parse(cls, owner: str) -> Process | None:
        """Read what ``str`` wrote; ``None`` for anything else."""
        try:
            place, _, rest = owner.partition(" [")
            host, _, pid = place.rpartition(" pid ")
            scope, started, nonce = rest.removesuffix("]").split("/")
            return cls(host, int(pid), scope, started, nonce)
        except ValueError:
            return None

    def is_dead(self) -> bool:
        """Whether it certainly ended; ``False`` if this machine cannot tell."""
        if not self.scope or self.scope != _scope():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        started = _started(self.pid)
        return bool(started and self.started) and started != self.started


def _scope() -> str:
    """This boot and process namespace; empty where the system does not say (then nobody is declared dead)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot[:8]}-{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    try:
        # The name in parentheses may hold anything; the 20th field behind it is the start time.
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
