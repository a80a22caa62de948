"""Evidence: orders and refunds of a side name the cause of a movement; they never move stock themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.model import ZERO, EventKind, Quantity
from syncd.state.models import Listing, StockEventRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from syncd.core.model import StockEvent
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

_REMEMBER = timedelta(hours=6)


def store_events(session: Session, side: SideContext, events: Sequence[StockEvent], run: RunLog) -> None:
    """Remember documents that moved stock on the side; the same key again replaces the quantity."""
    keys = [event.key for event in events]
    query = select(StockEventRow).where(StockEventRow.side_id == side.id, StockEventRow.key.in_(keys))
    known = {row.key: row for row in session.scalars(query)}
    for event in events:
        row = known.get(event.key)
        if row is None:
            row = StockEventRow(side_id=side.id, key=event.key, explained=ZERO)
            session.add(row)
            known[event.key] = row
        elif row.quantity == event.quantity:
            continue
        row.external_id, row.kind, row.reference = event.ref.external_id, str(event.kind), event.reference
        row.quantity, row.occurred_at, row.recorded_at = event.quantity, event.occurred_at, side.now()
        row.run_id = run.id


def name_cause(session: Session, side: SideContext, listing: Listing, difference: Quantity) -> tuple[str, str]:
    """Name the cause and the evidence of a movement seen on ``listing``.

    Returns:
        A cause of the ledger, and words for a person. Where the side's documents explain the difference exactly they
        are named; otherwise the reading itself is the evidence.
    """
    plain = "change", f"{side.name} reported {_amount(difference)}"
    if not side.adapter.capabilities.events:
        return plain
    query = select(StockEventRow).where(
        StockEventRow.side_id == side.id,
        StockEventRow.external_id == listing.external_id,
        StockEventRow.quantity != StockEventRow.explained,
        StockEventRow.recorded_at >= side.now() - _REMEMBER,
    )
    rows = session.scalars(query.order_by(StockEventRow.occurred_at)).all()
    if not rows or sum((row.quantity - row.explained for row in rows), ZERO) != difference:
        return plain
    words = ", ".join(f"{row.reference} ({_amount(row.quantity - row.explained)})" for row in rows)
    for row in rows:
        row.explained = row.quantity
    sold = difference < 0 and all(row.kind == EventKind.ORDER for row in rows)
    return ("sale" if sold else "return" if difference > 0 else "change"), f"{side.name} {words}"


def _amount(quantity: Quantity) -> str:
    return f"{quantity:+f}"
