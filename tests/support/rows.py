"""Rows for tests of the database: short to write, complete enough for every constraint."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from syncd.state import models

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
"""A fixed moment."""

_numbers = itertools.count(1)
_Row = TypeVar("_Row", bound=models.Base)


def add(session: Session, row: _Row) -> _Row:
    """Store a row now, so that its id is known."""
    session.add(row)
    session.flush()
    return row


def side(session: Session, name: str, role: str = "shop", **fields: Any) -> models.Side:
    return add(session, models.Side(name=name, role=role, adapter="memory", created_at=AT, **fields))


def item(session: Session, on_hand: str | int = 0) -> models.Item:
    return add(session, models.Item(on_hand=Decimal(on_hand), created_at=AT))


def listing(session: Session, on: models.Side, of: models.Item | None, **fields: Any) -> models.Listing:
    number = next(_numbers)
    values: dict[str, Any] = {
        "external_id": f"x{number}",
        "sku": f"SKU-{number}",
        "name": f"Product {number}",
        "stock_mode": "own",
        "published": True,
        "first_seen_at": AT,
    }
    row = models.Listing(side_id=on.id, item_id=of.id if of else None, **(values | fields))
    return add(session, row)


def run(session: Session, on: models.Side, **fields: Any) -> models.Run:
    values: dict[str, Any] = {"kind": "poll", "cause": "schedule", "result": "ok", "started_at": AT}
    return add(session, models.Run(side_id=on.id, **(values | fields)))


def operation(session: Session, to: models.Listing, by: models.Run, **fields: Any) -> models.Operation:
    values: dict[str, Any] = {
        "uid": f"op-{next(_numbers)}",
        "difference": Decimal(1),
        "expected_before": Decimal(2),
        "state": "intended",
        "reason": "test",
        "intended_at": AT,
    }
    keys = {"side_id": to.side_id, "listing_id": to.id, "item_id": to.item_id, "run_id": by.id}
    return add(session, models.Operation(**(keys | values | fields)))


def movement(session: Session, of: models.Item, quantity: str | int, **fields: Any) -> models.Movement:
    values: dict[str, Any] = {
        "quantity": Decimal(quantity),
        "on_hand_after": of.on_hand,
        "cause": "change",
        "evidence": "reading",
        "recorded_at": AT,
    }
    return add(session, models.Movement(item_id=of.id, **(values | fields)))


def finding(session: Session, **fields: Any) -> models.Finding:
    values: dict[str, Any] = {
        "kind": "oversell",
        "severity": "warning",
        "subject": f"subject {next(_numbers)}",
        "message": "what is wrong",
        "advice": "what to do",
        "opened_at": AT,
        "changed_at": AT,
    }
    return add(session, models.Finding(**(values | fields)))


def event(session: Session, on: models.Side, key: str, external_id: str, **fields: Any) -> models.StockEventRow:
    values: dict[str, Any] = {
        "kind": "order",
        "reference": "order 7",
        "quantity": Decimal(-2),
        "explained": Decimal(0),
        "began_at": AT,
        "occurred_at": AT,
        "recorded_at": AT,
    }
    return add(
        session,
        models.StockEventRow(side_id=on.id, key=key, document=key, external_id=external_id, **(values | fields)),
    )
