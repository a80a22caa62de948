"""Brings a database to the schema of this version, all or nothing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

from syncd.errors import StateError, SyncdError
from syncd.state import schema
from syncd.state.engine import open_database, parse_url
from syncd.state.views import create_views, drop_views

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection


def upgrade(url: str) -> tuple[str | None, str]:
    """Make the database if need be (SQLite) and bring its schema up to date in one transaction.

    Two processes may do so at once: the second waits, then finds nothing to do. Killed halfway, the old state remains.

    Returns:
        The revision before and after; equal if there was nothing to do.

    Raises:
        DatabaseNotReady: see ``open_database``; or the database was written by a newer syncd.
        DatabaseUnavailable: the server does not answer, or another process kept the database locked.
        StateError: a migration would break references between rows; nothing was changed.
    """
    database = open_database(url, create=True)
    try:
        with (
            database.translated(),
            database.engine.connect() as connection,
            _references_unchecked(connection),
            connection.begin(),
        ):
            return _upgrade_inside(connection)
    finally:
        database.dispose()


class BackupExists(SyncdError):
    """A backup is not written over a file."""

    exit_code = 2


def backup(url: str, file: Path) -> None:
    """Copy a SQLite database while others use it. The copy holds tokens: its mode is 0600.

    Raises:
        SyncdError: not SQLite (the message names the tool to use), or the file cannot be written.
        BackupExists: It is there already.
        DatabaseNotReady: see ``open_database``.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise SyncdError("PostgreSQL has its own tool for backups: pg_dump --format=custom --file=FILE DATABASE")
    open_database(url).dispose()
    part = file.with_name(f"{file.name}.part")
    try:
        if file.exists():
            raise BackupExists(f"{file} exists already; name a new file")
        if not file.absolute().parent.is_dir():
            raise SyncdError(f"{file}: the backup failed: the folder {file.absolute().parent} does not exist")
        os.close(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        _copy(str(parsed.database), part)
        part.replace(file)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise SyncdError(f"{file}: the backup failed: {error}") from error


def _copy(source: str, part: Path) -> None:
    with closing(sqlite3.connect(source, timeout=30)) as origin, closing(sqlite3.connect(part)) as copy:
        origin.backup(copy)
        # A single file, readable anywhere: no -wal beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
        (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged: {verdict}")


def _upgrade_inside(connection: Connection) -> tuple[str | None, str]:
    """Upgrade inside the caller's transaction, which already keeps every other writer out."""
    before = schema.revision_of(connection)
    if before == schema.head():
        return before, before
    if before is not None:
        schema.refuse_newer(str(connection.engine.url), before)
    # Views stand in the way of changing tables, and hold no data.
    drop_views(connection)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    create_views(connection)
    _check_references(connection)
    return before, schema.head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(schema.migrations_folder()).replace("%", "%%"))
    return config


@contextmanager
def _references_unchecked(connection: Connection) -> Iterator[None]:
    """Switch foreign keys off on SQLite: changing a table there means dropping and recreating it.

    Inside a transaction SQLite ignores this switch, so it is set on the driver's connection before one begins.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise StateError("the SQLite driver is not the one of Python's library")
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def _check_references(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        tables = ", ".join(sorted({str(row[0]) for row in broken}))
        raise StateError(f"the migration would leave {len(broken)} rows without their partner (in {tables})")
