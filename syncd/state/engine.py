"""One way into the database: short transactions that behave the same on SQLite and PostgreSQL.

Writers take turns. SQLite does so by nature (``BEGIN IMMEDIATE``); on PostgreSQL every writing transaction begins by
taking one advisory lock per schema, so that "read, compute, write" inside a transaction is safe on both. Readers see
one consistent moment and never wait for writers. No transaction may be open during a call to a side.
"""

from __future__ import annotations

import importlib.util
import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, select, text, update
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from syncd.core.incarnation import Seen
from syncd.errors import DatabaseExchanged, DatabaseNotReady, DatabaseUnavailable, LeaseLost, StateError
from syncd.state.clock import DatabaseClock
from syncd.state.models import Lease
from syncd.state.place import identity, prepare_file
from syncd.state.server_turn import take_turn
from syncd.state.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

LOCK_WAIT_S: float = 30
"""How long a writer waits for its turn before it gives up with ``DatabaseUnavailable``."""

IDLE_IN_TRANSACTION_S: float = 10
"""PostgreSQL ends the session of a process that stopped (SIGSTOP) inside a transaction, so that others can go on; where
it does not, because half of a message has come, whoever waits for the turn does (``state/server_turn.py``).

Less than a lease: it is the shorter part of what a standby waits for.
"""

KEPT_CONNECTIONS = 2
"""Connections to PostgreSQL that stay open while nothing is done; many accounts may share one server, and each session
costs it memory. What several sides need at one moment is opened beside them and closed again.
"""

_READING = "syncd_reading"

_UNAVAILABLE_SQLITE = (
    "BUSY", "LOCKED", "FULL", "IOERR", "READONLY", "CANTOPEN", "PERM", "CORRUPT", "NOTADB", "NOMEM", "INTERRUPT",
)  # fmt: skip

_ONLY_READS = "25006"
"""PostgreSQL's code for a write in a transaction that may only read. In a reading one it is a mistake of ours."""

_POSTGRESQL_CONNECT: dict[str, Any] = {
    "application_name": "syncd",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


@dataclass(frozen=True, slots=True)
class _Fence:
    """What a writing transaction verifies; see ``Database.set_fence``."""

    name: str
    number: int
    guard: Callable[[Seen], None]
    saw: Callable[[Seen], None]


class Database:
    """An open database. Safe to share between threads; each ``with`` block is one transaction of its own.

    Attributes:
        engine: The writing engine, for migrations and tests.
        dialect: ``"sqlite"`` or ``"postgresql"``.
        url_safe: The address without password.
        now: Present time, aware UTC: on PostgreSQL the server's, which all its machines share.
    """

    def __init__(self, engine: Engine, *, on_dispose: Callable[[], None] = lambda: None) -> None:
        self.engine = engine
        self.dialect = engine.dialect.name
        self.url_safe = mask(engine.url)
        self.now = DatabaseClock()
        self._on_dispose = on_dispose
        self._fence: _Fence | None = None
        self._file = identity(engine.url)
        self._turns = Turns()
        self._thread = threading.local()
        options: dict[str, Any] = {_READING: True}
        if self.dialect == "postgresql":
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._writer = sessionmaker(engine, expire_on_commit=False)
        self._reader = sessionmaker(engine.execution_options(**options), expire_on_commit=False)

    @contextmanager
    def write(self, *, fenced: bool = True, sends: bool = False) -> Iterator[Session]:
        """Open one writing transaction; it commits at the end of the block and rolls back on any exception.

        Args:
            fenced: Verify first, in the same transaction, that this process still holds the lease given to
                ``set_fence``. ``False`` only for what any process may write: tokens, a person's word, leases.
            sends: What is committed is the last word before something is written to a side: that it was is counted (a
                beat), so that a database that loses this commit is known by it.

        Raises:
            LeaseLost: another process took the lease; nothing was written.
            DatabaseUnavailable: locked for too long, disk full, connection lost; nothing was written (if the
                connection was lost while committing, it may have been).
            StateError: this thread is inside ``write()`` already; it would wait for itself.
        """
        if getattr(self._thread, "writing", False):
            raise StateError("a writing transaction was opened inside another one")
        # One at a time also in here: of a process that stops, no second session waits at the server for its turn, to
        # get it when the first one is ended and to keep everybody waiting once more.
        if not self._turns.take(LOCK_WAIT_S):
            raise DatabaseUnavailable(f"{self.url_safe}: no turn to write within {LOCK_WAIT_S:.0f} s")
        self._thread.writing = True
        fence, beat = self._fence if fenced else None, None
        try:
            with self.translated(), self._writer.begin() as session:
                session.connection()  # take the turn now, not at the first statement
                if fence is not None:
                    shown = self._verify(fence, session)
                    beat = self._beat(fence, session, shown) if sends else None
                yield session
            if fence is not None and beat is not None:
                fence.saw(beat)
        finally:
            self._thread.writing = False
            self._turns.give()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open one reading transaction: one consistent moment, and the database refuses to write in it.

        Raises:
            DatabaseUnavailable: connection lost, file gone.
        """
        with self.translated(reading=True), self._reader.begin() as session:
            yield session

    def ask_time(self, session: Session | Connection) -> datetime:
        """Look at the clock that counts: the server's, or this machine's if there is no server."""
        if self.dialect != "postgresql":
            return self.now()
        asked = self.now.ticks()
        # Not now(): that is when the transaction began, before it waited for its turn.
        moment: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        self.now.note(moment, asked, self.now.ticks())
        return moment

    def set_fence(
        self,
        name: str,
        number: int,
        guard: Callable[[Seen], None] = lambda _: None,
        saw: Callable[[Seen], None] = lambda _: None,
    ) -> None:
        """From now on, writes are refused unless lease ``name`` still has this fencing number.

        Args:
            name: The lease.
            number: Its number.
            guard: Told how far the database has come, in the same transaction; raises if it is not the one of before.
            saw: Told of each beat that was committed with a transaction.
        """
        self._fence = _Fence(name, number, guard, saw)

    def clear_fence(self) -> None:
        """Stop verifying a lease."""
        self._fence = None

    def require_same_file(self) -> None:
        """Make sure that the file of a SQLite database was not moved away under this process, or another put there.

        Raises:
            DatabaseExchanged: It was: what is written now would be written to a file that nobody finds again.
        """
        if self._file is not None and identity(self.engine.url) != self._file:
            raise DatabaseExchanged(f"{self.engine.url.database} is another file now than this process works with")

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        self._on_dispose()

    def _verify(self, fence: _Fence, session: Session) -> Seen:
        self.require_same_file()
        # The lease itself only changes in a writing transaction, and those take turns: what is read here holds
        # until this transaction ends.
        columns = (Lease.fence, Lease.owner, Lease.incarnation, Lease.beat, Lease.beat_at)
        row = session.execute(select(*columns).where(Lease.name == fence.name)).one_or_none()
        if row is not None:
            fence.guard(shown := Seen(row.incarnation, row.beat, row.beat_at))
            if row.fence == fence.number:
                return shown
        holder = f" ({row.owner})" if row is not None and row.owner else ""
        raise LeaseLost(f"another process{holder} has taken over lease {fence.name!r}; this one writes nothing more")

    def _beat(self, fence: _Fence, session: Session, shown: Seen) -> Seen:
        beat = Seen(shown.incarnation, shown.beat + 1, self.now())
        session.execute(
            update(Lease).where(Lease.name == fence.name).values(beat=beat.beat, beat_at=beat.at),
            execution_options={"synchronize_session": False},
        )
        return beat

    @contextmanager
    def translated(self, *, reading: bool = False) -> Iterator[None]:
        """Turn "the database cannot be used now" into ``DatabaseUnavailable``; ``write`` and ``read`` do so already."""
        try:
            yield
        except DBAPIError as error:
            if not _is_unavailable(error, reading=reading):
                raise
            raise DatabaseUnavailable(f"{self.url_safe}: {_first_line(error)}") from error


def open_database(url: str, *, create: bool = False) -> Database:
    """Open the database and make sure that it answers. The schema is not looked at (``schema.require_current``).

    Args:
        url: ``sqlite:////absolute/path``, ``sqlite:///relative/path`` or ``postgresql[+psycopg]://user@host/name``.
        create: Make a missing SQLite file (mode 0600; 0660 in a folder shared with a group). PostgreSQL databases
            are made by their administrator.

    Raises:
        DatabaseNotReady: wrong address, missing file or folder, not a database, no permission, driver missing.
        DatabaseUnavailable: the server does not answer now.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = Path(parsed.database or "")
        prepare_file(path, create=create)
        engine = sqlite_engine(parsed)
    else:
        engine = _postgresql_engine(parsed)
    database = Database(engine)
    try:
        with engine.connect() as connection:
            database.ask_time(connection.execution_options(**{_READING: True}))  # and waits for no writer
    except OperationalError as error:
        engine.dispose()
        if database.dialect == "sqlite" and not _sqlite_code(error).startswith(("BUSY", "LOCKED")):
            raise DatabaseNotReady(f"{parsed.database}: {_first_line(error)}; check the file and its owner") from error
        raise DatabaseUnavailable(f"{database.url_safe}: {_first_line(error)}") from error
    except DatabaseError as error:
        engine.dispose()
        raise DatabaseNotReady(
            f"{parsed.database}: {_first_line(error)}; restore a backup or name another file in `syncd.database`"
        ) from error
    except DatabaseNotReady:
        engine.dispose()
        raise
    return database


def parse_url(url: str) -> URL:
    """Read an address and choose the driver.

    Raises:
        DatabaseNotReady: not an address of a database that syncd can use, or its driver is not installed.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise DatabaseNotReady(
            "the database address cannot be read; it looks like sqlite:////var/lib/syncd/syncd.db "
            "or postgresql+psycopg://user@host/name"
        ) from error
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if parsed.database in (None, "", ":memory:"):
            raise DatabaseNotReady("a database in memory would forget everything: name a file, sqlite:////path/file.db")
        return parsed
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        if importlib.util.find_spec("psycopg") is None:
            raise DatabaseNotReady("PostgreSQL needs its driver: pip install 'syncd[postgresql]'")
        return parsed.set(drivername="postgresql+psycopg")
    raise DatabaseNotReady(f"{parsed.drivername}: syncd keeps its state in sqlite or postgresql+psycopg")


def mask(url: URL) -> str:
    """Show an address without password, wherever the password was written."""
    if "password" in url.query:
        url = url.update_query_dict({"password": "***"})
    return url.render_as_string(hide_password=True)


def sqlite_engine(url: URL, *, durable: bool = True) -> Engine:
    """Build an engine whose connections keep the rules for SQLite.

    Args:
        url: Address of a file.
        durable: ``False`` for a copy that is thrown away: no waiting for the disk.
    """
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": LOCK_WAIT_S}, pool_size=8, max_overflow=24
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # Without this the sqlite3 module begins transactions by itself, late and deferred.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {_ms(LOCK_WAIT_S)}")
        _use_wal(connection, str(url.database))
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A plain BEGIN that writes after reading fails at once when another writer was faster; IMMEDIATE waits.
        reading = connection.get_execution_options().get(_READING, False)
        connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if reading else 'OFF'}")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def leave_no_trace(session: Session) -> None:
    """What this transaction replaces is overwritten: SQLite would leave it in free space, and in each backup of it."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA secure_delete = ON"))


def forget_journal(database: Database) -> None:
    """Empty SQLite's journal, where pages stand as they were; if somebody reads just now, the next one does it."""
    if database.dialect == "sqlite":
        with database.engine.connect() as connection:
            driver = connection.connection.driver_connection
            if isinstance(driver, sqlite3.Connection):
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _use_wal(connection: sqlite3.Connection, file: str) -> None:
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            # SQLite does not wait its busy_timeout for this switch: two processes that make the file at once meet here.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise DatabaseNotReady(f"{file}: SQLite cannot use WAL there; put the file on a local disk")
        return


def _postgresql_engine(url: URL) -> Engine:
    defaults = {key: value for key, value in _POSTGRESQL_CONNECT.items() if key not in url.query}
    engine = create_engine(
        url,
        hide_parameters=True,
        connect_args=defaults,
        pool_pre_ping=True,
        pool_size=KEPT_CONNECTIONS,
        max_overflow=24,
        pool_use_lifo=True,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SET idle_in_transaction_session_timeout = {_ms(IDLE_IN_TRANSACTION_S)};"
                f"SET lock_timeout = {_ms(LOCK_WAIT_S)};"
                # A client that is cut off while it is sent an answer is given up as soon.
                f"SET tcp_user_timeout = {_ms(IDLE_IN_TRANSACTION_S)};"
                "SET timezone = 'UTC';"
                # An intent that a crash of the server takes back, after the write has left, would be counted twice.
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') = 'off'"
            )
        connection.commit()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if not connection.get_execution_options().get(_READING, False):
            take_turn(connection, patience_s=LOCK_WAIT_S, silent_s=IDLE_IN_TRANSACTION_S)

    return engine


def _is_unavailable(error: DBAPIError, *, reading: bool) -> bool:
    """Tell "the database cannot be used now" from a mistake of ours."""
    if isinstance(error.orig, sqlite3.Error):
        name = _sqlite_code(error)
        # In a reading transaction READONLY means that we tried to write there.
        return name.startswith(_UNAVAILABLE_SQLITE) and not (reading and name.startswith("READONLY"))
    if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
        return True
    # The server takes no writes (it became a standby, or was told so), or its files are damaged.
    state = str(getattr(error.orig, "sqlstate", None) or "")
    return state.startswith("XX") or (state == _ONLY_READS and not reading)


def _sqlite_code(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlite_errorname", "")).removeprefix("SQLITE_")


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _first_line(error: DBAPIError) -> str:
    """The driver's message alone: no statement, no parameters, no row values."""
    return (str(error.orig).strip().splitlines() or ["no details"])[0]
