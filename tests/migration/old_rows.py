"""Rows for every table of a schema of any time, from what the database itself says of its columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, CheckConstraint, DateTime, Integer, MetaData, Numeric, Table, select

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection

ROWS = 12
"""In each table: more than any column has words."""
AT = "2026-03-01T09:30:00+00:00"
_WORDS = re.compile(r"'([^']+)'")
RENAMED = {("creations", "hub_listing_id"): "listing_id"}
"""Columns that got another name since."""


@dataclass
class OldRows:
    """What was put into each table, and what is found there later."""

    connection: Connection
    tables: list[Table] = field(default_factory=list)

    def __post_init__(self) -> None:
        metadata = MetaData()
        metadata.reflect(self.connection, views=False)
        self.tables = [table for table in metadata.sorted_tables if table.name != "alembic_version"]

    def insert(self) -> None:
        """A few rows of each kind, with every column set, and every word that a column may hold."""
        for table in self.tables:
            words = _words(table)
            for number in range(1, ROWS + 1):
                values = {column.name: self._value(table, column, number, words) for column in table.columns}
                self.connection.execute(table.insert().values(values))

    def _value(self, table: Table, column: Column[Any], number: int, words: dict[str, list[str]]) -> Any:
        if column.foreign_keys:
            return number if number <= 12 else 1
        if column.name in words:
            found = words[column.name]
            return found[(number - 1) % len(found)]
        kind = column.type
        if isinstance(kind, Boolean):
            return number % 2 == 0
        if isinstance(kind, Integer) or column.name == "id":
            return number
        if isinstance(kind, DateTime):
            at = datetime.fromisoformat(AT).replace(day=1 + number)
            return at.replace(tzinfo=None) if self.connection.dialect.name == "sqlite" else at
        if isinstance(kind, Numeric):
            # As each database stores it: SQLite a whole number, or a double.
            return number if number % 2 else Decimal(number) + Decimal("0.25")
        return f"{table.name} {column.name} ü {number}"


def _words(table: Table) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            said = str(constraint.sqltext)
            name = next((each.name for each in table.columns if re.search(rf"\b{each.name}\b", said)), None)
            if name is not None:
                found[name] = _WORDS.findall(said)
    return found


def shown(connection: Connection, tables: list[Table]) -> dict[str, list[tuple[str, ...]]]:
    """What columns of these tables hold now, as text: the same on both databases, whatever their types are."""
    now = MetaData()
    now.reflect(connection, views=False)
    result: dict[str, list[tuple[str, ...]]] = {}
    for table in tables:
        here = now.tables[table.name]
        columns = [
            here.c[column.name if column.name in here.c else RENAMED[table.name, column.name]]
            for column in table.columns
        ]
        rows = connection.execute(select(*columns)).all()
        result[table.name] = sorted(tuple(map(_text, row)) for row in rows)
    return result


def _text(value: Any) -> str:
    if isinstance(value, Decimal | float | int) and not isinstance(value, bool):
        return f"{Decimal(str(value)).normalize():f}"
    return str(value)


__all__ = ["AT", "OldRows", "shown"]
