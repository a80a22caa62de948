"""A throw-away copy of what planning needs, so that a dry run can work as usual and write nothing that lasts."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, CompoundSelect, Select, Table, insert, or_, select, union

from syncd.state.engine import Database, sqlite_engine
from syncd.state.metadata import METADATA
from syncd.state.models import (
    CursorRow,
    Finding,
    Item,
    Listing,
    Operation,
    Run,
    Side,
    StockEventRow,
    Tombstone,
    is_open,
)
from syncd.state.product_models import FieldPair
from syncd.state.views import create_views

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import DeclarativeBase, Session

_CHUNK = 5_000


def scratch_copy(database: Database) -> Database:
    """Copy sides, items, listings, agreed fields, cursors, evidence, tombstones and whatever is open, as of one moment.

    The ledger, settled operations, closed findings, tokens and leases stay behind. The copy is a SQLite file in a
    folder for this user alone; ``dispose`` removes it.

    Args:
        database: SQLite or PostgreSQL; only read.
    """
    folder = Path(tempfile.mkdtemp(prefix="syncd-dry-run-"))
    engine = sqlite_engine(URL.create("sqlite", database=str(folder / "scratch.db")), durable=False)
    scratch = Database(engine, on_dispose=lambda: shutil.rmtree(folder, ignore_errors=True))
    try:
        with database.read() as source, engine.begin() as target:
            METADATA.create_all(target)
            create_views(target)
            for table, query in _needed():
                for rows in _chunks(source, query):
                    target.execute(insert(table), rows)
    except BaseException:
        scratch.dispose()
        raise
    return scratch


def _needed() -> Iterator[tuple[Table, Select[Any]]]:
    """Yield what to copy, referenced rows before those that refer to them."""
    open_findings = Finding.closed_at.is_(None)
    named = select(Finding.operation_id).where(open_findings, Finding.operation_id.is_not(None))
    operations = or_(is_open(), Operation.id.in_(named))
    runs: CompoundSelect[int | None] = union(
        select(CursorRow.run_id),
        select(Operation.run_id).where(operations),
        select(StockEventRow.run_id).where(StockEventRow.run_id.is_not(None)),
        select(Tombstone.run_id).where(Tombstone.run_id.is_not(None)),
    )
    conditions: tuple[tuple[type[DeclarativeBase], Any], ...] = (
        (Side, None),
        (Item, None),
        (Listing, None),
        (FieldPair, None),
        (Run, Run.id.in_(runs)),
        (Operation, operations),
        (CursorRow, None),
        (Finding, open_findings),
        (Tombstone, None),
        (StockEventRow, None),
    )
    for model, condition in conditions:
        table = METADATA.tables[model.__tablename__]
        query = select(table)
        yield table, query if condition is None else query.where(condition)


def _chunks(source: Session, query: Select[Any]) -> Iterator[list[dict[str, Any]]]:
    # Streamed, so that memory does not grow with the catalogue.
    result = source.execute(query.execution_options(yield_per=_CHUNK))
    for rows in result.mappings().partitions():
        yield [dict(row) for row in rows]
