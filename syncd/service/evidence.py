"""Evidence: orders and refunds of a side name the cause of a movement; they never move stock themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from syncd.core.model import ZERO, EventKind, Quantity
from syncd.state.models import Listing, Restore, Run, StockEventRow, has_open_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from syncd.core.model import StockEvent
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

LATE = timedelta(minutes=1)
"""How late a document may appear in its feed."""


def store_events(session: Session, side: SideContext, events: Sequence[StockEvent], run: RunLog) -> None:
    """Remember what documents of the side did to its stock: a row for each change of a document, never altered.

    An order that takes two units and gives them back when it is cancelled moved stock twice; only both steps together
    can be held against the readings.
    """
    known = _versions(session, side, [event.key for event in events])
    last_look = look_before(session, side, run.id)
    compared = compared_at(session)
    for event in events:
        versions = known.setdefault(event.key, [])
        change = event.quantity - sum(versions, ZERO)
        if versions and not change:
            continue
        # What was there before and yet is new to us moved stock at a time that cannot be told: it proves nothing.
        late = not versions and event.began_at is not None and event.began_at + LATE < last_look
        # What a comparison after a restore has found is counted already.
        late = late or (compared is not None and (event.occurred_at if versions else began(event)) <= compared)
        began_at = last_look if versions or event.began_at is None else max(event.began_at, last_look)
        # A date of before the last look that did not show it is another's: the order's, not that of its refund.
        undated = (versions or event.began_at is None) and event.occurred_at + LATE < last_look
        occurred_at = side.now() if undated else event.occurred_at
        steps = [(change, str(event.kind))]
        if not versions and not late and _undone_unseen(side, event):
            steps = [(-event.undone, str(EventKind.UNDONE)), (event.undone, str(EventKind.UNDONE))]
        for quantity, kind in steps:
            session.add(
                StockEventRow(
                    side_id=side.id,
                    key=f"{event.key}#{len(versions) + 1}" if versions else event.key,
                    document=event.key,
                    external_id=event.ref.external_id,
                    kind=kind,
                    reference=event.reference,
                    quantity=quantity,
                    explained=quantity if late else ZERO,
                    began_at=min(occurred_at, began_at),
                    occurred_at=occurred_at,
                    recorded_at=side.now(),
                    run_id=run.id,
                )
            )
            versions.append(quantity)


def _undone_unseen(side: SideContext, event: StockEvent) -> bool:
    """Whether a document that is new to us was undone already, and its steps tell something here.

    Both may have been read apart: the first one in the answer to a write, before the side was away or nobody led. Left
    out, the second one makes an order that came with it look as if nobody had seen it: as a swallowed one looks.
    """
    return bool(event.undone) and not event.quantity and event.began_at is not None and side.can_swallow


def began(event: StockEvent) -> datetime:
    """The earliest moment at which a document may have moved stock."""
    return event.began_at or event.occurred_at


def compared_at(session: Session) -> datetime | None:
    """When the sides were last compared after a restore; empty if that never was."""
    return session.scalar(select(func.max(Restore.compared_at)))


def _versions(session: Session, side: SideContext, keys: Sequence[str]) -> dict[str, list[Quantity]]:
    query = select(StockEventRow.document, StockEventRow.quantity).where(
        StockEventRow.side_id == side.id, StockEventRow.document.in_(keys)
    )
    known: dict[str, list[Quantity]] = {}
    for document, quantity in session.execute(query):
        known.setdefault(document, []).append(quantity)
    return known


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
    session: Session, side: SideContext, listing: Listing, difference: Quantity, run: RunLog, how: str
) -> tuple[str, str]:
    """Name the cause and the evidence of a movement seen on ``listing``.

    ``how`` says how it was read, for example ``delta reading``.

    Returns:
        A cause of the ledger, and words for a person. Where documents that came with this run explain the difference
        exactly they are named; otherwise the reading itself is the evidence, and how it was made.
    """
    capabilities = side.adapter.capabilities
    plain = "change", f"{side.name} reported {_amount(difference)} ({how})"
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
    sold = difference < 0 and all(row.kind in (EventKind.ORDER, EventKind.UNDONE) for row in rows)
    if capabilities.atomic:
        for row in rows:
            row.explained = row.quantity
    return ("sale" if sold else "return" if difference > 0 else "change"), f"{side.name} {words}"


def _amount(quantity: Quantity) -> str:
    return f"{quantity.normalize():+f}"
