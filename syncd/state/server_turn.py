"""The turn of a writing transaction at a PostgreSQL server: one advisory lock for each schema.

Whoever has it and says nothing would hold up all others. The server ends a session that is *idle* in a transaction
(``idle_in_transaction_session_timeout``). But one whose client was halted while it sent several statements together
(psycopg sends many rows as a pipeline) is *active* there: the server waits for the rest, without any limit of time.
Such a session is ended by who waits for the turn, after the same time. Measured on PostgreSQL 18 with psycopg 3.3;
``transaction_timeout``, which would end it, too, came with PostgreSQL 17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loguru import logger
from sqlalchemy.exc import OperationalError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LOCK_CLASS = int.from_bytes(b"sync")
_KEY = f"{_LOCK_CLASS}, hashtext(coalesce(current_schema(), ''))"
_TRY = f"SELECT pg_try_advisory_xact_lock({_KEY})"
_WAIT = f"SELECT pg_advisory_xact_lock({_KEY})"
_NO_LOCK_IN_TIME = "55P03"

# ``state_change`` moves with each message that comes. Keys of locks are shown as unsigned numbers.
_END_SILENT = """
SELECT a.application_name, a.pid, round(extract(epoch FROM clock_timestamp() - a.state_change)) AS silent_s,
       pg_terminate_backend(a.pid)
FROM pg_locks l JOIN pg_stat_activity a USING (pid) JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND a.usename = current_user
  AND l.classid = {lock_class} AND l.objid::bigint = hashtext(coalesce(current_schema(), '')) & 4294967295
  AND a.pid <> pg_backend_pid() AND a.wait_event = 'ClientRead'
  AND clock_timestamp() - a.state_change >= {silent_ms} * interval '1 ms'
"""


def take_turn(connection: Connection, *, patience_s: float, silent_s: float) -> None:
    """Take the turn at the beginning of a transaction; it is given back with its end.

    Args:
        connection: A connection whose transaction just begins.
        patience_s: How long to wait for it.
        silent_s: After how long a session that has the turn, and whose client says nothing, is ended.

    Raises:
        OperationalError: It did not come in time.
    """
    if connection.exec_driver_sql(_TRY).scalar_one():
        return
    first_s = min(silent_s, patience_s)
    try:
        _wait(connection, first_s)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _NO_LOCK_IN_TIME or first_s >= patience_s:
            raise
        connection.connection.rollback()  # what failed ended the transaction; nothing was done in it yet
        _end_silent(connection, silent_s)
        _wait(connection, patience_s - first_s)
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_ms(patience_s)}")


def _wait(connection: Connection, seconds: float) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_ms(seconds)}")
    connection.exec_driver_sql(_WAIT)


def _end_silent(connection: Connection, silent_s: float) -> None:
    found = connection.exec_driver_sql(_END_SILENT.format(lock_class=_LOCK_CLASS, silent_ms=_ms(silent_s)))
    for name, pid, seconds, _ in found.all():
        logger.bind(session=pid, program=name, seconds=int(seconds)).warning("database.silent_session")


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
