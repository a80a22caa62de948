"""What a planner that never counted the rows has to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import InstrumentedAttribute


Number = TypeVar("Number", int, int | None)


def no_index(column: InstrumentedAttribute[Number]) -> ColumnElement[Number]:
    """Compare this column without looking it up in an index.

    For conditions beside better ones, on the side or on what has no item: an account has a handful of sides, and before
    a shop is linked all of its listings have no item, so their index leads to half of the table. SQLite, which has no
    statistics here, takes it before the ids or codes that were asked for. At 72,000 products a query for 400 listings
    then takes seconds instead of a millisecond.
    """
    return column + 0
