"""Leases: time-limited claims that keep two processes from doing the same work, with numbers that fence off the loser.

A lease alone cannot stop a process that slept through its end. So every holder gets a number that grows with each
change of owner, and ``Database.write`` verifies it in the same transaction as the write (``Database.set_fence``).

The database cannot keep a process that slept from sending to a side what it had decided before. So a holder also knows,
by its own clocks, until when nobody can have taken its lease (``LeaseKeeper.holds``), and asks that right before the
bytes of a write leave (``syncd/http/session.py``).

Time is never compared between machines: on PostgreSQL it is the server's, on SQLite all processes share one machine.

A lease also counts how often it was taken, renewed or given back, and what its holder is about to write to sides; that
of the leader names the incarnation of the database. By both an old copy is known before anything is done with it (see
``state/witness.py``).
"""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.incarnation import Seen
from syncd.errors import DatabaseExchanged, DatabaseOutdated, DatabaseUnavailable, LeaseLost, SyncdError
from syncd.state.clock import uptime_s
from syncd.state.models import Lease
from syncd.state.process import Process
from syncd.state.witness import SPARED_BEATS, Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.state.engine import Database

LEADER = "leader"
"""Lease of the process that may move stock."""

_CLERK_S = 2.0
"""How long a stop waits for a disk that is slow to take what the witness keeps."""


def _both_clocks() -> tuple[float, ...]:
    """Seconds by two clocks of this machine, of which the one that went on further is believed.

    The first goes on while the machine is suspended, and is never set. The second shows a pause that the machine does
    not know of (a virtual one that was halted), as soon as somebody has set it right.
    """
    return uptime_s(), time.time()


def new_incarnation() -> str:
    """An id for another life of the database."""
    return uuid.uuid4().hex


def acquire(
    database: Database, name: str, owner: str, ttl_s: float, now: Callable[[], datetime] | None = None
) -> int | None:
    """Take a lease if it is free, over, our own, or its owner certainly died.

    All holders of one lease use the same ``ttl_s``.

    Returns:
        The fencing number, or ``None`` if another one holds it.
    """
    return take(database, name, owner, ttl_s, now)[0]


def take(
    database: Database,
    name: str,
    owner: str,
    ttl_s: float,
    now: Callable[[], datetime] | None = None,
    guard: Callable[[Seen], None] = lambda _: None,
) -> tuple[int | None, Seen]:
    """As ``acquire``; also returns how far the database has come.

    Args:
        database: Where the lease is.
        name: Its name.
        owner: Who wants it.
        ttl_s: How long it lasts.
        now: Clock, used on SQLite only.
        guard: Told how far the database has come before anything is changed; raises if it is an old copy.
    """
    with database.write(fenced=False) as session:
        moment = _moment(database, session, now)
        row = session.get(Lease, name)
        if row is None:
            row = Lease(name=name, owner="", fence=0, acquired_at=moment, expires_at=moment, incarnation="", beat=0)
            session.add(row)
        if name == LEADER and not row.incarnation:
            row.incarnation = new_incarnation()
        guard(_seen(row))
        if row.owner != owner:
            if not _is_free(row, moment, ttl_s):
                return None, _seen(row)
            row.owner = owner
            row.fence += 1
            row.acquired_at = moment
        row.expires_at = moment + timedelta(seconds=ttl_s)
        return row.fence, _beat(row, moment)


def renew(
    database: Database,
    name: str,
    fence: int,
    ttl_s: float,
    now: Callable[[], datetime] | None = None,
    guard: Callable[[Seen], None] = lambda _: None,
) -> Seen | None:
    """Prolong a lease, also one that is over but that nobody took; ``None`` if another one has it. As ``take``."""
    with database.write(fenced=False) as session:
        row = session.get(Lease, name)
        if row is not None:
            guard(_seen(row))
        if row is None or row.fence != fence:
            return None
        moment = _moment(database, session, now)
        row.expires_at = moment + timedelta(seconds=ttl_s)
        return _beat(row, moment)


def release(database: Database, name: str, fence: int, guard: Callable[[Seen], None] = lambda _: None) -> Seen | None:
    """Give a lease back; nothing happens if another one has it. A late write under the old number is refused."""
    with database.write(fenced=False) as session:
        row = session.get(Lease, name)
        if row is not None:
            guard(_seen(row))
        if row is None or row.fence != fence:
            return None
        row.owner = ""
        row.fence += 1
        return _beat(row, database.ask_time(session))


def _seen(row: Lease) -> Seen:
    return Seen(row.incarnation, row.beat, row.beat_at)


def _beat(row: Lease, moment: datetime) -> Seen:
    row.beat += 1
    row.beat_at = moment
    return _seen(row)


def seen_now(database: Database) -> Seen | None:
    """How far the database has come; ``None`` if nobody ever led."""
    with database.read() as session:
        row = session.get(Lease, LEADER)
        return None if row is None or not row.incarnation else _seen(row)


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
        on_lost: Called once, from the renewing thread, when another process has the lease, or the database is another
            one than before; it is told why.
        witness: What this machine knows of the database.
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
        on_lost: Callable[[SyncdError], None] = lambda _: None,
        witness: Witness | None = None,
        on_renewed: Callable[[], None] = lambda: None,
        clocks: Callable[[], tuple[float, ...]] = _both_clocks,
    ) -> None:
        self._database = database
        self._name = name
        self._ttl_s = ttl_s
        self._now = now
        self._on_lost = on_lost
        self._witness = witness or Witness()
        self._incarnation = ""
        self._wrote = False
        self._due = threading.Event()
        self.on_renewed = on_renewed
        self._clocks = clocks
        self._renewed: tuple[float, ...] | None = None
        self._asked: tuple[float, ...] | None = None
        self._owner = str(Process.this())
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._clerk: threading.Thread | None = None
        self.fence: int | None = None
        self.trouble: str | None = None

    def acquire(self) -> bool:
        """Try to take the lease once; from then on all fenced writes of the database verify it.

        Raises:
            DatabaseOutdated: The database is an old copy; nothing was changed.
        """
        self._database.require_same_file()
        asked = self._clocks()
        self._witness.recall()
        with self._noted():
            fence, seen = take(self._database, self._name, self._owner, self._ttl_s, self._now, self._witness.refuse)
        self._witness.saw(seen)
        if fence is not None:
            self.fence, self._renewed, self._incarnation = fence, asked, seen.incarnation
            self._database.set_fence(self._name, fence, self._guard, self._witness.saw)
        self._testify(1 if fence is not None else SPARED_BEATS)
        return fence is not None

    def renew(self) -> None:
        """Prolong the lease.

        Raises:
            LeaseLost: another process has it, or it was never taken.
            DatabaseOutdated: An old copy was put in the place of the database.
        """
        asked = self._asked = self._clocks()
        try:
            with self._noted():
                seen = self._renew()
        except (LeaseLost, DatabaseOutdated):
            self._renewed = None
            raise
        finally:
            self._asked = None
        if seen is None:
            self._renewed = None
            by = holder(self._database, self._name) or "nobody"
            raise LeaseLost(f"lease {self._name!r} is held by {by} now; this process writes nothing more")
        self._witness.saw(seen)
        self._renewed = asked
        self.on_renewed()

    def _renew(self) -> Seen | None:
        self._database.require_same_file()
        if self.fence is None:
            return None
        return renew(self._database, self._name, self.fence, self._ttl_s, self._now, self._guard)

    def _guard(self, shown: Seen) -> None:
        """Refuse what is not the database that this process began to work with, as it was or as it went on since."""
        self._witness.refuse(shown)
        if shown.incarnation != self._incarnation:
            raise DatabaseExchanged("the database was put back from a backup under this process")

    def may_write(self) -> bool:
        """As ``holds``; to be asked before something is written to a side."""
        return self.left_to_write_s() > 0

    def left_to_write_s(self) -> float:
        """As ``left_s``; to be asked before something is written to a side: the witness must soon know of it."""
        self._wrote = True
        return self.left_s()

    def look_at_witness(self) -> None:
        """After a renewal: have the witness keep it if something was written to a side meanwhile, else now and then."""
        wrote, self._wrote = self._wrote, False
        self._testify(1 if wrote else SPARED_BEATS)
        self._wrote = self._wrote or (wrote and self._witness.is_behind(1))

    def _testify(self, beats: int) -> None:
        """Have the witness keep what it saw, if its file lacks so many beats."""
        if self._witness.is_behind(beats):
            self._witness.keep(lambda: seen_now(self._database))

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
        # Its disk may be slow, or stand still: the lease must not wait for it.
        self._clerk = threading.Thread(target=self._keep_witness, name="witness", daemon=True)
        self._clerk.start()

    def release(self) -> None:
        """Stop renewing and give the lease back, so that the next process need not wait for its end."""
        self._stop.set()
        self._due.set()
        if self._thread is not None:
            self._thread.join()
        if self._clerk is not None:
            self._clerk.join(_CLERK_S)
        self._renewed = None
        if self.fence is not None:
            # If the database is away, the lease ends by itself; if it is another one, there is nothing to give back.
            with suppress(DatabaseUnavailable, DatabaseOutdated, LeaseLost):
                self._database.require_same_file()
                seen = release(self._database, self._name, self.fence, self._guard)
                if seen is not None:
                    self._witness.saw(seen)
        self._testify(1)

    def _keep(self) -> None:
        while not self._stop.wait(self._ttl_s / 3):
            try:
                self.renew()
            except (LeaseLost, DatabaseOutdated) as error:
                self._on_lost(error)
                return
            except DatabaseUnavailable:
                # Tried again; what this process writes meanwhile is fenced anyway.
                continue
            self._due.set()

    def _keep_witness(self) -> None:
        while self._due.wait() and not self._stop.is_set():
            self._due.clear()
            self.look_at_witness()


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
