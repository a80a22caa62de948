"""Which schema a database has, and which one this version works with. Without Alembic: every command asks this."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, String, Table, inspect, select

import syncd
from syncd.errors import DatabaseNotReady, StateError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from syncd.state.engine import Database

_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32)))
"""Where Alembic keeps the revision of a database."""
_LINE = re.compile(r'^(revision|down_revision) = (?:"(\w+)"|None)$', re.MULTILINE)


def migrations_folder() -> Path:
    """Where the migrations are: inside an installed package, or at the top of a checkout."""
    package = Path(syncd.__file__).parent
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


@cache
def revisions() -> tuple[str, ...]:
    """All revisions that this version knows, the newest last.

    Raises:
        StateError: There are none, or they do not follow each other.
    """
    after: dict[str, str] = {}
    for file in migrations_folder().glob("versions/*.py"):
        names = dict(_LINE.findall(file.read_text(encoding="utf-8")))
        after[names.get("down_revision", "")] = names.get("revision", "")
    found, last = [], ""
    while last in after:
        last = after.pop(last)
        found.append(last)
    if not found or after:
        raise StateError("the migrations of this installation are damaged; install syncd again")
    return tuple(found)


def head() -> str:
    """Return the revision that this version of syncd works with."""
    return revisions()[-1]


def current(database: Database) -> str | None:
    """Return the revision of the database's schema, ``None`` if it has none."""
    with database.read() as session:
        return revision_of(session.connection())


def revision_of(connection: Connection) -> str | None:
    """As ``current``, inside a transaction."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.scalar(select(_VERSION.c.version_num))


def require_current(database: Database) -> None:
    """Make sure that the schema is the one this version works with.

    Raises:
        DatabaseNotReady: it is missing, older or newer; the message says what to do.
    """
    found = current(database)
    if found == head():
        return
    if found is None:
        raise DatabaseNotReady(f"{database.url_safe}: no tables yet; run `syncd db upgrade`")
    refuse_newer(database.url_safe, found)
    raise DatabaseNotReady(f"{database.url_safe}: schema {found} is older than {head()}; run `syncd db upgrade`")


def refuse_newer(url: str, found: str) -> None:
    """Refuse a schema that this version does not know.

    Raises:
        DatabaseNotReady: It is such a one.
    """
    if found not in revisions():
        raise DatabaseNotReady(
            f"{url}: schema {found} was made by a newer syncd; install that version, or restore a backup"
        )
