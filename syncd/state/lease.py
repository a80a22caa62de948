"""Leases: time-limited claims that keep two processes from doing the same work, with numbers that fence off the loser.

A lease alone cannot stop a process that slept through its end. So every holder gets a number that grows with each
change of owner, and ``Database.write`` verifies it in the same transaction as the write (``Database.set_fence``).

The database cannot keep a process that slept from sending to a side what it had decided before. So a holder also knows,
by its own clocks, until when nobody can have taken its lease (``LeaseKeeper.holds``), and asks that right before the
bytes of a write leave (``syncd/http/session.py``).

Time is never compared between machines: on PostgreSQL it is the server's, on SQLite all processes share one machine.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.errors import DatabaseUnavailable, LeaseLost
from syncd.state.clock import uptime_s
from syncd.state.models import Lease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.state.engine import Database

LEADER = "leader"
"""Lease of the process that may move stock."""


def _both_clocks() -> tuple[float, ...]:
    """Seconds by two clocks of this machine, of which the one that went on further is believed.

    The first goes on while the machine is suspended, and is never set. The second shows a pause that the machine does
    not know of (a virtual one that was halted), as soon as somebody has set it right.
    """
    return uptime_s(), time.time()


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


def acquire(
    database: Database, name: str, owner: str, ttl_s: float, now: Callable[[], datetime] | None = None
) -> int | None:
    """Take a lease if it is free, over, our own, or its owner certainly died.

    All holders of one lease use the same ``ttl_s``.

    Returns:
        The fencing number, or ``None`` if another one holds it.
    """
    with database.write(fenced=False) as session:
        moment = _moment(database, session, now)
        row = session.get(Lease, name)
        if row is None:
            row = Lease(name=name, owner="", fence=0, acquired_at=moment, expires_at=moment)
            session.add(row)
        if row.owner != owner:
            if not _is_free(row, moment, ttl_s):
                return None
            row.owner = owner
            row.fence += 1
            row.acquired_at = moment
        row.expires_at = moment + timedelta(seconds=ttl_s)
        return row.fence


def renew(database: Database, name: str, fence: int, ttl_s: float, now: Callable[[], datetime] | None = None) -> bool:
    """Prolong a lease, also one that is over but that nobody took; ``False`` if another one has it."""
    with database.write(fenced=False) as session:
        row = session.get(Lease, name)
        if row is None or row.fence != fence:
            return False
        row.expires_at = _moment(database, session, now) + timedelta(seconds=ttl_s)
        return True


def release(database: Database, name: str, fence: int) -> None:
    """Give a lease back; nothing happens if another one has it. A late write under the old number is refused."""
    with database.write(fenced=False) as session:
        row = session.get(Lease, name)
        if row is not None and row.fence == fence:
            row.owner = ""
            row.fence += 1


@dataclass(frozen=True, slots=True)
class Held:
    """A lease as the database has it.

    Attributes:
        owner: Who took it.
        process: The same, if it can be read.
        over_s: Seconds since it ended without being renewed; 0 or less while it lasts.
    """

    owner: str
    process: Process | None
    over_s: float

    @property
    def is_alive(self) -> bool:
        """Whether its owner seems to be at work."""
        return self.over_s <= 0 and self.process is not None and not self.process.is_dead()


def look(database: Database, name: str) -> Held | None:
    """Look at a lease; ``None`` if it was given back or never taken."""
    with database.read() as session:
        row = session.get(Lease, name)
        if row is None or not row.owner:
            return None
        over_s = (database.now() - row.expires_at).total_seconds()
        return Held(row.owner, Process.parse(row.owner), over_s)


def holder(database: Database, name: str) -> str | None:
    """Who holds a lease, for messages; ``None`` if it was given back or never taken."""
    with database.read() as session:
        return session.scalar(select(Lease.owner).where(Lease.name == name)) or None


class LeaseKeeper:
    """Holds one lease for this process and fences its writes with it.

    Args:
        database: Where the lease is; its writes are fenced while the lease is held.
        ttl_s: How long the lease outlives its last renewal, in seconds; also how soon another machine takes over.
        name: Name of the lease.
        now: Clock, used on SQLite only.
        on_lost: Called once, from the renewing thread, when another process has the lease; it is told which.
        on_renewed: Called after each renewal, from the thread that renewed.
        clocks: Seconds by clocks of this machine that go on while this process does not.

    Attributes:
        fence: The number of this holder; ``None``: never held.
        trouble: Why the database could not be written to when the lease was last asked for or renewed; ``None`` if it
            could. A database on a full disk, or locked, can be read all the while, and looks well to whoever reads.
    """

    def __init__(
        self,
        database: Database,
        ttl_s: float,
        *,
        name: str = LEADER,
        now: Callable[[], datetime] | None = None,
        on_lost: Callable[[LeaseLost], None] = lambda _: None,
        on_renewed: Callable[[], None] = lambda: None,
        clocks: Callable[[], tuple[float, ...]] = _both_clocks,
    ) -> None:
        self._database = database
        self._name = name
        self._ttl_s = ttl_s
        self._now = now
        self._on_lost = on_lost
        self.on_renewed = on_renewed
        self._clocks = clocks
        self._renewed: tuple[float, ...] | None = None
        self._asked: tuple[float, ...] | None = None
        self._owner = str(Process.this())
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.fence: int | None = None
        self.trouble: str | None = None

    def acquire(self) -> bool:
        """Try to take the lease once; from then on all fenced writes of the database verify it."""
        asked = self._clocks()
        with self._noted():
            fence = acquire(self._database, self._name, self._owner, self._ttl_s, self._now)
        if fence is not None:
            self.fence, self._renewed = fence, asked
            self._database.set_fence(self._name, fence)
        return fence is not None

    def renew(self) -> None:
        """Prolong the lease.

        Raises:
            LeaseLost: another process has it, or it was never taken.
        """
        asked = self._asked = self._clocks()
        try:
            with self._noted():
                renewed = self.fence is not None and renew(
                    self._database, self._name, self.fence, self._ttl_s, self._now
                )
        finally:
            self._asked = None
        if not renewed:
            self._renewed = None
            by = holder(self._database, self._name) or "nobody"
            raise LeaseLost(f"lease {self._name!r} is held by {by} now; this process writes nothing more")
        self._renewed = asked
        self.on_renewed()

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except DatabaseUnavailable as error:
            self.trouble = str(error)
            raise
        self.trouble = None

    def holds(self) -> bool:
        """Whether nobody can have taken the lease yet; asks this machine's clocks alone, and no database.

        ``False`` also if the lease is over and still free: the next renewal prolongs it.
        """
        return self.left_s() > 0

    def left_s(self) -> float:
        """For how many seconds surely nobody else can take the lease; 0 or less if somebody may have. As ``holds``."""
        renewed = self._renewed
        if renewed is None:
            return 0.0
        return min(self._ttl_s - (now - then) for now, then in zip(self._clocks(), renewed, strict=True))

    def asking_s(self) -> float:
        """For how long the renewal under way has waited for the database, seconds; 0 if none is."""
        asked = self._asked
        return 0.0 if asked is None else self._clocks()[0] - asked[0]

    def writes(self) -> bool:
        """Whether the database could be written to when the lease was last asked for or renewed."""
        return self.trouble is None

    def holder(self) -> str | None:
        """Who has the lease, for messages."""
        return holder(self._database, self._name)

    def start(self) -> None:
        """Renew in a thread of its own, three times per ``ttl_s``, until ``release`` or loss."""
        self._thread = threading.Thread(target=self._keep, name=f"lease-{self._name}", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Stop renewing and give the lease back, so that the next process need not wait for its end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._renewed = None
        if self.fence is not None:
            # If the database is away, the lease ends by itself.
            with suppress(DatabaseUnavailable):
                release(self._database, self._name, self.fence)

    def _keep(self) -> None:
        while not self._stop.wait(self._ttl_s / 3):
            try:
                self.renew()
            except LeaseLost as error:
                self._on_lost(error)
                return
            except DatabaseUnavailable:
                # Tried again; what this process writes meanwhile is fenced anyway.
                continue


def _is_free(row: Lease, moment: datetime, ttl_s: float) -> bool:
    if not row.owner or row.expires_at <= moment:
        return True
    # No lease ends so late: the clock was set back since. Taking it is safe, the former owner is fenced off.
    if row.expires_at > moment + 2 * timedelta(seconds=ttl_s):
        return True
    process = Process.parse(row.owner)
    return process is not None and process.is_dead()


def _moment(database: Database, session: Session, now: Callable[[], datetime] | None) -> datetime:
    moment = database.ask_time(session)
    return moment if now is None or database.dialect == "postgresql" else now()


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
