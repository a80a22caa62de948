"""Many rows at once, with few statements and without an object for each, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, bindparam, func, insert, select, update
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from syncd.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Dialect
    from sqlalchemy.orm import Session

    from syncd.state.models import Base

UNSEEN = {"synchronize_session": False}
"""Options of a statement that changes rows of which no object of the session is looked at any more.

Without them SQLAlchemy looks through all objects of the session for each such statement, which takes minutes in a first
sync.
"""


def next_ids(session: Session, model: type[Base], count: int) -> list[int]:
    """Take the next ids of a table, in order, for rows that are about to be inserted.

    SQLite gives a row the number after the largest, and so does this: writers take turns, so nobody else counts
    meanwhile. PostgreSQL has a sequence.

    Args:
        session: A writing session.
        model: The table; its key is ``id``.
        count: How many.
    """
    if not count:
        return []
    table = _table(model)
    if session.get_bind().dialect.name == "sqlite":
        session.flush()  # what waits to be inserted has its ids before these
        largest = session.scalar(select(func.max(table.c.id))) or 0
        return list(range(largest + 1, largest + 1 + count))
    taken = select(func.nextval(func.pg_get_serial_sequence(table.name, "id")))
    return list(session.scalars(taken.select_from(func.generate_series(1, count))))


def insert_rows(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows given by column name, all with the same columns; what is left out has its default.

    The session learns nothing of them: they are objects only once they are queried.
    """
    if not rows:
        return
    session.flush()  # they may refer to what waits to be inserted
    table, connection = _table(model), session.connection()
    if unknown := rows[0].keys() - table.columns.keys():  # SQLAlchemy leaves it out without a word
        raise StateError(f"{table.name} has no column {', '.join(sorted(unknown))}")
    if connection.dialect.name != "sqlite":
        session.execute(insert(table), [dict(row) for row in rows])
        return
    columns, values = _by_column(table, rows, connection.dialect)
    statement = insert(table).compile(dialect=connection.dialect, column_keys=columns)
    order = statement.positiontup
    assert order is not None  # noqa: S101 - parameters have positions on SQLite
    connection.exec_driver_sql(str(statement), list(zip(*(values[name] for name in order), strict=True)))


def _by_column(
    table: Table, rows: Sequence[Mapping[str, Any]], dialect: Dialect
) -> tuple[list[str], dict[str, Sequence[Any]]]:
    """Values as the driver takes them, a column at a time: a first sync inserts a dozen rows for each product.

    SQLAlchemy goes through them row by row, which takes three times as long as SQLite needs to insert them.
    """
    found: dict[str, Sequence[Any]] = {}
    for column in table.columns:
        if column.name in rows[0]:
            given = [row[column.name] for row in rows]
        elif isinstance(column.default, ScalarElementColumnDefault):
            given = [column.default.arg] * len(rows)
        elif column.default is not None:
            raise StateError(f"{table.name}.{column.name} has a default that is made row by row: give it")
        else:
            continue
        process = column.type.dialect_impl(dialect).bind_processor(dialect)
        if process is not None:  # each value once: moments are the same in all rows, quantities in many
            done = {value: process(value) for value in set(given)}
            given = [done[value] for value in given]
        found[column.name] = given
    return list(found), found


def update_rows(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Set columns of rows, each given by its ``id`` and the new values, all with the same columns.

    The session learns nothing of it: for rows that are no objects of it.
    """
    if not rows:
        return
    table = _table(model)
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in rows[0] if name != "id"}
    session.execute(
        update(table).where(table.c.id == bindparam("row_id")).values(values),
        [{"row_id" if name == "id" else f"new_{name}": value for name, value in row.items()} for row in rows],
    )


def _table(model: type[Base]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - no model of ours is mapped to anything else
    return table
