"""A way into the database for those who only look, beside the daemon's own: it cannot write, and it waits for nothing.

A person who looks must neither hold up the sync nor wait for it for half a minute. So connections are opened for one
look and closed after it, cannot make or change anything, and each statement has a limit.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event

from syncd.state.engine import Database, parse_url

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection

LOOK_S = 3.0
"""How long one look may wait for the database, and work in it. A scan of 72,000 items on two sides takes 0.2 s."""

_STEPS = 20_000
"""Steps of SQLite's machine between two looks at the clock."""


def open_for_looking(url: str, *, patience_s: float = LOOK_S) -> Database:
    """Open the database for reading alone; nothing is connected before the first ``read``.

    Args:
        url: As for ``open_database``.
        patience_s: After so long a look ends with ``DatabaseUnavailable``.

    Raises:
        DatabaseNotReady: Wrong address, or its driver is missing.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Database(_sqlite(parsed, patience_s))
    return Database(_postgresql(parsed, patience_s))


def _sqlite(url: URL, patience_s: float) -> Engine:
    # mode=ro: a file that is not there is not made.
    address = f"file:{quote(str(Path(url.database or '').absolute()))}?mode=ro"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            address, uri=True, timeout=patience_s, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA query_only = ON")
        until = time.monotonic() + patience_s
        connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        return connection

    engine = create_engine(url, creator=connect, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _postgresql(url: URL, patience_s: float) -> Engine:
    patience_ms = round(patience_s * 1000)
    defaults: dict[str, Any] = {"application_name": "syncd page", "connect_timeout": max(2, round(patience_s))}
    given = {key: value for key, value in defaults.items() if key not in url.query}
    engine = create_engine(url, connect_args=given, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _configure(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(
            f"SET default_transaction_read_only = on; SET statement_timeout = {patience_ms};"
            f"SET lock_timeout = {patience_ms}; SET idle_in_transaction_session_timeout = {10 * patience_ms};"
            "SET timezone = 'UTC'"
        )
        cursor.close()
        connection.commit()

    return engine
