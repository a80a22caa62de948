"""What a planner that never counted the rows has to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import InstrumentedAttribute


def no_index(column: InstrumentedAttribute[int]) -> ColumnElement[int]:
    """Compare this column without looking it up in an index.

    For conditions on the side beside better ones: an account has a handful of sides, so their index leads to half of
    the table, and SQLite, which has no statistics here, takes it before the ids or codes that were asked for. At 72,000
    products a query for 400 listings then takes seconds instead of a millisecond.
    """
    return column + 0
