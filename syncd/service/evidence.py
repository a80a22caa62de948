"""Evidence: orders and refunds of a side name the cause of a movement; they never move stock themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.model import ZERO, EventKind, Quantity
from syncd.state.models import Listing, Run, StockEventRow, has_open_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from syncd.core.model import StockEvent
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

_LATE = timedelta(minutes=1)
"""How late a document may appear in its feed."""


def store_events(session: Session, side: SideContext, events: Sequence[StockEvent], run: RunLog) -> None:
    """Remember documents that moved stock on the side; the same key again replaces the quantity."""
    keys = [event.key for event in events]
    query = select(StockEventRow).where(StockEventRow.side_id == side.id, StockEventRow.key.in_(keys))
    known = {row.key: row for row in session.scalars(query)}
    last_look = look_before(session, side, run.id)
    for event in events:
        row = known.get(event.key)
        if row is None:
            row = StockEventRow(side_id=side.id, key=event.key, explained=ZERO)
            if event.began_at is not None and event.began_at < last_look - _LATE:
                # It was there before and yet is new to us: when it moved stock cannot be told, so it proves nothing.
                row.explained = event.quantity
            session.add(row)
            known[event.key] = row
        elif row.quantity == event.quantity:
            continue
        row.external_id, row.kind, row.reference = event.ref.external_id, str(event.kind), event.reference
        row.quantity, row.occurred_at, row.recorded_at = event.quantity, event.occurred_at, side.now()
        row.began_at = min(event.occurred_at, max(event.began_at or last_look, last_look))
        row.run_id = run.id


def look_before(session: Session, side: SideContext, run_id: int) -> datetime:
    """When the last complete read before a run began (our clock): what it did not show happened after it."""
    query = (
        select(Run.started_at)
        .where(Run.side_id == side.id, Run.id < run_id, Run.kind.in_(("poll", "full")), Run.result == "ok")
        .order_by(Run.started_at.desc())
        .limit(1)
    )
    return session.scalar(query) or datetime.min.replace(tzinfo=UTC)


def name_cause(
    session: Session, side: SideContext, listing: Listing, difference: Quantity, run: RunLog
) -> tuple[str, str]:
    """Name the cause and the evidence of a movement seen on ``listing``.

    Returns:
        A cause of the ledger, and words for a person. Where documents that came with this run explain the difference
        exactly they are named; otherwise the reading itself is the evidence.
    """
    capabilities = side.adapter.capabilities
    plain = "change", f"{side.name} reported {_amount(difference)}"
    if not capabilities.events:
        return plain
    query = select(StockEventRow).where(
        StockEventRow.side_id == side.id,
        StockEventRow.external_id == listing.external_id,
        StockEventRow.run_id == run.id,
        has_open_part(),
    )
    rows = session.scalars(query.order_by(StockEventRow.occurred_at)).all()
    if not rows or sum((row.quantity - row.explained for row in rows), ZERO) != difference:
        return plain
    words = ", ".join(f"{row.reference} ({_amount(row.quantity - row.explained)})" for row in rows)
    sold = difference < 0 and all(row.kind == EventKind.ORDER for row in rows)
    if capabilities.atomic:
        for row in rows:
            row.explained = row.quantity
    return ("sale" if sold else "return" if difference > 0 else "change"), f"{side.name} {words}"


def _amount(quantity: Quantity) -> str:
    return f"{quantity:+f}"
