"""Rows inserted and changed together are what they would be as objects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from syncd.state.bulk import insert_rows, next_ids, update_rows
from syncd.state.models import Item, Listing, Side

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from syncd.state.engine import Database

NOON = datetime(2026, 11, 28, 12, 0, 0, 123456, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {"external_id": "1", "sku": "ß-1", "shadow": Decimal("2.5"), "published": True, "pending": True},
    {"external_id": "2", "sku": None, "shadow": Decimal(2), "published": False, "pending": False},
    {"external_id": "3", "sku": "ß-1", "shadow": None, "published": True, "pending": False},
]


def _side(session: Session) -> int:
    side = Side(name="web", role="shop", adapter="memory", created_at=NOON)
    session.add(side)
    session.flush()
    return side.id


def _whole(row: dict[str, Any], side: int) -> dict[str, Any]:
    return {"side_id": side, "name": row["external_id"], "stock_mode": "own", "first_seen_at": NOON, **row}


def _columns(row: Listing) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in Listing.__table__.columns if column.key != "id"}


def test_inserted_rows_are_as_objects_would_be(database: Database) -> None:
    with database.write(fenced=False) as session:
        side = _side(session)
        session.add_all(Listing(**{**_whole(row, side), "external_id": f"o{row['external_id']}"}) for row in ROWS)
        insert_rows(session, Listing, [_whole(row, side) for row in ROWS])
    with database.read() as session:
        rows = {row.external_id: _columns(row) for row in session.scalars(select(Listing))}
    for row in ROWS:
        number = row["external_id"]
        assert rows[number] == {**rows[f"o{number}"], "external_id": number}


def test_a_moment_of_another_zone_is_the_same_moment(database: Database) -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5)))
    with database.write(fenced=False) as session:
        (number,) = next_ids(session, Item, 1)
        insert_rows(session, Item, [{"id": number, "on_hand": Decimal("0.25"), "created_at": there}])
    with database.read() as session:
        item = session.get_one(Item, number)
        assert (item.on_hand, item.created_at) == (Decimal("0.25"), NOON)


def test_values_that_a_column_does_not_take_are_refused(database: Database) -> None:
    def insert(**values: Any) -> None:
        with database.write(fenced=False) as session:
            insert_rows(session, Item, [{"on_hand": Decimal(1), "created_at": NOON} | values])

    with pytest.raises(Exception, match="naive datetime"):
        insert(created_at=NOON.replace(tzinfo=None))
    with pytest.raises(Exception, match="decimal places"):
        insert(on_hand=Decimal("0.00001"))
    with pytest.raises(IntegrityError):
        insert(on_hand=None)
    with pytest.raises(Exception, match="on_hnd"):
        insert(on_hnd=Decimal(1))


def test_rows_are_changed_by_their_ids(database: Database) -> None:
    with database.write(fenced=False) as session:
        side = _side(session)
        ids = next_ids(session, Listing, len(ROWS))
        insert_rows(
            session, Listing, [{"id": number, **_whole(row, side)} for number, row in zip(ids, ROWS, strict=True)]
        )
        update_rows(
            session,
            Listing,
            [
                {"id": ids[0], "shadow": Decimal(7), "pending": False},
                {"id": ids[2], "shadow": Decimal("0.5"), "pending": True},
            ],
        )
        update_rows(session, Listing, [])
    with database.read() as session:
        rows = session.scalars(select(Listing).order_by(Listing.id)).all()
        assert [(row.shadow, row.pending) for row in rows] == [
            (Decimal(7), False), (Decimal(2), False), (Decimal("0.5"), True)
        ]  # fmt: skip
