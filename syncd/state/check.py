"""Whether a database is sound: its pages, its references, its sums."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import column, func, select, text
from sqlalchemy import table as lightweight
from sqlalchemy.exc import DatabaseError, DBAPIError

from syncd.errors import DatabaseUnavailable
from syncd.state.metadata import METADATA
from syncd.state.models import Item, Movement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from syncd.state.engine import Database

_MOST = 5
"""So many examples of each kind are named."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that is not as it must be; ``kind`` is ``pages``, ``references``, ``sums`` or ``numbers``."""

    kind: str
    text: str


def check_database(database: Database, *, quick: bool = False) -> list[Flaw]:
    """Look for damage; reads alone, in one transaction, beside whatever else works on the database.

    Args:
        database: SQLite or PostgreSQL, with this version's schema.
        quick: On SQLite do not compare indexes with their tables, which takes several times as long.

    Returns:
        What is wrong; empty if nothing is.

    Raises:
        DatabaseUnavailable: It cannot be read now, for another reason than damage.
    """
    try:
        with database.read() as session:
            pages = list(_pages(session, quick=quick))
            if pages:
                return pages  # whatever else is read from it means nothing
            return [*_references(session), *_sums(session), *_numbers(session)]
    except DatabaseUnavailable as error:
        if not _is_damage(error.__cause__):
            raise
        return [Flaw("pages", str(error))]
    except DatabaseError as error:
        if not _is_damage(error):
            raise
        return [Flaw("pages", str(error.orig))]


def _is_damage(error: BaseException | None) -> bool:
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return str(getattr(error.orig, "sqlite_errorname", "")).startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
    # Class XX of PostgreSQL: data corrupted, index corrupted.
    return str(getattr(error.orig, "sqlstate", None) or "").startswith("XX")


def _pages(session: Session, *, quick: bool) -> Iterator[Flaw]:
    if session.get_bind().dialect.name == "sqlite":
        for (said,) in session.execute(text(f"PRAGMA {'quick_check' if quick else 'integrity_check'}({_MOST})")):
            if said != "ok":
                yield Flaw("pages", str(said))
        return
    # Its checksums are verified whenever a page is read from disk; the server counts those that failed.
    query = text("SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()")
    failures = session.scalar(query) or 0
    if failures:
        yield Flaw("pages", f"the server found {failures} damaged pages in this database")


def _references(session: Session) -> Iterator[Flaw]:
    """PostgreSQL keeps these itself; SQLite does for those who switch it on, which other programs may not."""
    if session.get_bind().dialect.name != "sqlite":
        return
    lost: dict[tuple[str, str], int] = {}
    for row in session.execute(text("PRAGMA foreign_key_check")):
        lost[row[0], row[2]] = lost.get((row[0], row[2]), 0) + 1
    for (table, target), count in sorted(lost.items()):
        yield Flaw("references", f"{count} rows of {table} refer to rows of {target} that do not exist")


def _sums(session: Session) -> Iterator[Flaw]:
    """The quantity of each item is the sum of its movements, and what the last of them says was there after it."""
    total = func.coalesce(func.sum(Movement.quantity), 0)
    sums = select(Movement.item_id, total.label("total"), func.max(Movement.id).label("last")).group_by(
        Movement.item_id
    )
    of = sums.subquery()
    here = func.round(Item.on_hand, 4)
    query = (
        select(Item.id, Item.on_hand, func.coalesce(of.c.total, 0), Movement.on_hand_after)
        .outerjoin(of, of.c.item_id == Item.id)
        .outerjoin(Movement, Movement.id == of.c.last)
        .where((func.round(func.coalesce(of.c.total, 0), 4) != here) | (func.round(Movement.on_hand_after, 4) != here))
        .order_by(Item.id)
    )
    wrong = session.execute(query).all()
    for item_id, on_hand, found, after in wrong[:_MOST]:
        words = f"its movements come to {found:g}" if found != on_hand else f"its last movement says {after:g}"
        yield Flaw("sums", f"item {item_id} has {on_hand:g} on hand, and {words}")
    if len(wrong) > _MOST:
        yield Flaw("sums", f"and {len(wrong) - _MOST} more items like these")


def _numbers(session: Session) -> Iterator[Flaw]:
    """PostgreSQL: the next number of each table is free. After a restore of the rows alone it may not be."""
    if session.get_bind().dialect.name != "postgresql":
        return
    for name, table in sorted(METADATA.tables.items()):
        numbered = list(table.primary_key.columns)
        if [column.name for column in numbered] != ["id"]:
            continue
        top = session.scalar(select(func.max(numbered[0]))) or 0
        sequence = lightweight(f"{name}_id_seq", column("last_value"), column("is_called"))
        row = session.execute(select(sequence)).one()
        last = row.last_value if row.is_called else row.last_value - 1
        if last < top:
            yield Flaw("numbers", f"the next number of {name} is taken: its sequence is at {last}, its rows at {top}")
