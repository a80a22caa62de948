"""Lost updates: orders that a side swallowed in one of our own writes are found by their documents and counted once."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from loguru import logger
from sqlalchemy import func, select

from syncd.core.evidence import CLOSE, Explained, OpenDocument, Window, weigh
from syncd.core.model import ZERO
from syncd.service.evidence import LATE, look_before, store_events
from syncd.service.ledger import lock_items, move
from syncd.state.models import Listing, Movement, Operation, StockEventRow, has_open_part, is_open

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from syncd.core.model import Quantity
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext
    from syncd.state.models import Item

GIVE_UP = timedelta(minutes=15)
"""After so long a document that the readings do not confirm is taken as balanced by an edit in the same moments."""


def read_evidence(side: SideContext, run: RunLog) -> None:
    """Read the documents since the last complete read: a sweep reads quantities alone, and begins the feeds anew."""
    if not _can_swallow(side):
        return
    with side.db.read() as session:
        since = max(look_before(session, side, run.id), side.row(session).created_at) - LATE
    events = side.adapter.read_events(since)
    if events:
        with side.db.write() as session:
            store_events(session, side, events, run)


def weigh_evidence(side: SideContext, run: RunLog) -> None:
    """Hold new documents against what was read; called after a complete read, which began after they were known."""
    if not _can_swallow(side):
        return
    query = select(StockEventRow.external_id).where(StockEventRow.side_id == side.id, has_open_part())
    with side.db.read() as session:
        external_ids = sorted(set(session.scalars(query)))
    for external_id in external_ids:
        with side.db.write() as session:
            _weigh_listing(session, side, run, external_id)


def _can_swallow(side: SideContext) -> bool:
    capabilities = side.adapter.capabilities
    return capabilities.events and not capabilities.atomic


def _weigh_listing(session: Session, side: SideContext, run: RunLog, external_id: str) -> None:
    row = session.scalars(
        select(Listing).where(Listing.side_id == side.id, Listing.external_id == external_id)
    ).one_or_none()
    events = session.scalars(
        select(StockEventRow)
        .where(StockEventRow.side_id == side.id, StockEventRow.external_id == external_id, has_open_part())
        .order_by(StockEventRow.occurred_at)
    ).all()
    if row is None or row.item_id is None or row.linked_at is None:
        _close(events, 0)
        return
    older = [event for event in events if event.began_at < row.linked_at - CLOSE]
    # What moved stock before the first link is part of the quantity that both sides started from.
    _close(older, 0)
    item = lock_items(session, [row.item_id])[row.item_id]
    fresh = [event for event in events if event not in older]
    if fresh and _is_calm(session, row, run, fresh):
        _decide(session, side, run, row, item, fresh)


def _is_calm(session: Session, row: Listing, run: RunLog, events: Sequence[StockEventRow]) -> bool:
    """Whether documents and readings of the listing are complete and of one moment.

    Documents are read before quantities, so a quantity may show a sale whose document comes with the next pass. A pass
    that brought neither a movement nor a document for this listing shows that nothing of the kind is under way.
    """
    if row.recheck_at is not None or row.shadow is None:
        return False
    if any((event.run_id or 0) >= run.id for event in events):
        return False
    # Also what another run counted meanwhile: its documents may be younger than the ones that this pass read.
    moved = select(Movement.id).where(Movement.run_id >= run.id, Movement.listing_id == row.id)
    doubt = select(Operation.id).where(Operation.listing_id == row.id, is_open())
    return session.scalar(moved.limit(1)) is None and session.scalar(doubt.limit(1)) is None


def _decide(
    session: Session, side: SideContext, run: RunLog, row: Listing, item: Item, events: Sequence[StockEventRow]
) -> None:
    documents = {event.key: event for event in events}
    # Movements are dated by our clock, documents by the side's: if that is ahead, they are older than their documents.
    looked_at = look_before(session, side, min(event.run_id or 0 for event in events))
    movements = _movements(session, row, min(looked_at, *(event.began_at for event in events)))
    verdict = weigh(
        _open_documents(events, movements),
        [movement.quantity for movement in movements],
        _windows(session, row, min(event.began_at for event in events)),
    )
    latest = max((movement.id for movement in movements), default=0)
    if isinstance(verdict, Explained):
        for document in verdict.swallowed:
            event = documents[document.key]
            _count(session, side, run, row, item, event)
        _close(events, latest)
        return
    log = logger.bind(side=side.name, sku=row.sku, missing=f"{verdict.missing:+f}")
    late = [event for event in events if event.recorded_at < side.now() - GIVE_UP]
    if late:
        log.bind(documents=", ".join(event.reference for event in late)).warning("evidence.given_up")
        # Which movements were theirs is not known: none of them is taken away from the documents that stay.
        _close(late, 0)
    else:
        log.debug("evidence.unclear")


def _open_documents(events: Sequence[StockEventRow], movements: Sequence[Movement]) -> list[OpenDocument]:
    documented: dict[int | None, Quantity] = defaultdict(lambda: ZERO)
    recorded: dict[int | None, Quantity] = defaultdict(lambda: ZERO)
    for event in events:
        documented[event.run_id] += event.quantity - event.explained
    for movement in movements:
        recorded[movement.run_id] += movement.quantity
    return [
        OpenDocument(
            key=event.key,
            quantity=event.quantity - event.explained,
            from_at=event.began_at,
            to_at=event.occurred_at,
            named=documented[event.run_id] == recorded[event.run_id],
        )
        for event in events
    ]


def _count(session: Session, side: SideContext, run: RunLog, row: Listing, item: Item, event: StockEventRow) -> None:
    """Count what the side swallowed: the ledger learns of it, and the next push tells the side, once."""
    quantity = event.quantity - event.explained
    move(
        session, item, quantity, cause="lost_update",
        evidence=f"{side.name} {event.reference} ({quantity:+f}) was lost there inside our own write",
        listing=row, run=run, now=side.now(),
    )  # fmt: skip
    logger.bind(side=side.name, sku=row.sku, document=event.reference, quantity=f"{quantity:+f}").warning(
        "stock.lost_update"
    )


def _movements(session: Session, row: Listing, since: object) -> list[Movement]:
    """Movements seen on this listing that no document names and that no earlier decision used."""
    used = session.scalar(
        select(func.max(StockEventRow.movement_id)).where(
            StockEventRow.side_id == row.side_id, StockEventRow.external_id == row.external_id
        )
    )
    query = select(Movement).where(
        Movement.item_id == row.item_id,
        Movement.listing_id == row.id,
        Movement.cause.in_(("change", "sale", "return")),
        Movement.recorded_at >= since,
        Movement.id > (used or 0),
    )
    return list(session.scalars(query.order_by(Movement.id)))


def _windows(session: Session, row: Listing, since: object) -> list[Window]:
    query = select(Operation.sent_at, Operation.settled_at).where(
        Operation.listing_id == row.id,
        Operation.state == "confirmed",
        Operation.settled_at >= since,
    )
    return [
        Window(sent, settled) for sent, settled in session.execute(query) if sent is not None and settled is not None
    ]


def _close(events: Sequence[StockEventRow], movement_id: int) -> None:
    for event in events:
        event.explained = event.quantity
        event.movement_id = movement_id or event.movement_id
