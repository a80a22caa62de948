"""Lost updates: orders that a side swallowed in one of our own writes are found by their documents and counted once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from loguru import logger
from sqlalchemy import select

from syncd.core.evidence import CLOCKS, CUT, Document, Explained, Seen, Window, weigh
from syncd.core.model import ZERO, EventKind
from syncd.service.evidence import LATE, look_before, store_events
from syncd.service.ledger import lock_items, move
from syncd.state.models import Listing, Movement, Operation, Run, StockEventRow, has_open_part, is_open

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext
    from syncd.state.models import Item

GIVE_UP = timedelta(minutes=15)
"""After so long a document that the readings do not confirm is taken as balanced by an edit in the same moments."""

_CLOSE = CLOCKS + CUT

_AGAIN = timedelta(minutes=5)
"""Documents that were explained so recently are held against the readings again beside a new one: it may be late, and
the change that explained them its own."""


def read_evidence(side: SideContext, run: RunLog) -> None:
    """Read the documents since the last complete read: a sweep reads quantities alone, and begins the feeds anew."""
    if not side.can_swallow:
        return
    with side.db.read() as session:
        since = max(look_before(session, side, run.id), side.row(session).created_at) - LATE
    events = side.adapter.read_events(since)
    if events:
        with side.db.write() as session:
            store_events(session, side, events, run)


def weigh_evidence(side: SideContext, run: RunLog) -> None:
    """Hold new documents against what was read; called after a complete read, which began after they were known."""
    if not side.can_swallow:
        return
    query = select(StockEventRow.external_id).where(StockEventRow.side_id == side.id, has_open_part())
    with side.db.read() as session:
        external_ids = sorted(set(session.scalars(query)))
    for external_id in external_ids:
        with side.db.write() as session:
            _weigh_listing(session, side, run, external_id)


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
        _forget(events)
        return
    older = [event for event in events if event.began_at < row.linked_at - _CLOSE]
    # What moved stock before the first link is part of the quantity that both sides started from.
    _forget(older)
    item = lock_items(session, [row.item_id])[row.item_id]
    fresh = [event for event in events if event not in older]
    if fresh and _is_calm(session, row, run, fresh):
        _decide(session, side, run, row, item, fresh)


def _is_calm(session: Session, row: Listing, run: RunLog, events: Sequence[StockEventRow]) -> bool:
    """Whether documents and readings of the listing are complete and of one moment.

    Documents are read before quantities, so a quantity may show a sale whose document comes with the next pass. A pass
    that brought neither a movement nor a document for this listing shows that nothing of the kind is under way.
    """
    if row.recheck_at is not None or row.shadow is None or row.held_at is not None:
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
    seen_since = min(
        look_before(session, side, min(event.run_id or 0 for event in events)),
        _before(min(event.began_at for event in events)),
    )
    explained = _explained_lately(session, side, row, events, seen_since)
    rows = {event.key: event for event in [*explained, *events]}
    since = min(event.began_at for event in rows.values())
    # Movements are dated by our clock, documents by the side's: if that is ahead, they are older than their documents.
    looked_at = look_before(session, side, min(event.run_id or 0 for event in rows.values()))
    movements = _movements(session, side, row, min(looked_at, _before(since)))
    seen = [change for _, change in movements] + _looks(session, side, row, _before(since))
    opening: Seen | None = None
    if row.linked_at is not None and row.linked_at >= _before(since):
        opening = _opening(session, side, row.linked_at)
        seen = [opening, *(change for change in seen if change.read_until >= row.linked_at)]
    verdict = weigh(
        [_document(event, opening, side.settle) for event in rows.values()],
        sorted(seen, key=lambda change: change.read_until),
        _windows(session, side, row, _before(since)),
    )
    latest = max((number for number, _ in movements), default=0)
    if isinstance(verdict, Explained):
        for document in verdict.swallowed:
            _count(session, side, run, row, item, rows[document.key])
        _close([event for event in events if not _is_closed(event)], latest)
        return
    log = logger.bind(side=side.name, sku=row.sku, detail=verdict.reason)
    late = [event for event in events if event.recorded_at < side.now() - GIVE_UP]
    if late:
        log.bind(documents=", ".join(event.reference for event in late)).warning("evidence.given_up")
        # Which movements were theirs is not known: none of them is taken away from the documents that stay.
        _close(late, 0)
    else:
        log.debug("evidence.unclear")


def _opening(session: Session, side: SideContext, linked_at: datetime) -> Seen:
    """The reading that the books of a listing began with: the last one before it was linked, maybe some time before."""
    query = (
        select(Run.started_at, Run.finished_at)
        .where(Run.side_id == side.id, Run.kind.in_(("poll", "full")), Run.started_at <= linked_at)
        .order_by(Run.started_at.desc())
        .limit(1)
    )
    began, ended = session.execute(query).one_or_none() or (linked_at, None)
    return Seen(None, began - side.settle, min(linked_at, ended or linked_at))


def _document(event: StockEventRow, opening: Seen | None, settle: timedelta) -> Document:
    """A stored document. What a known one changed since the books began is not in the reading that they began with."""
    from_at = event.began_at
    was_undone = event.kind == EventKind.UNDONE
    is_change = event.key != event.document and not was_undone
    if opening is not None and is_change and from_at >= opening.read_from + settle:
        from_at = max(from_at, min(event.occurred_at, opening.read_until + 2 * CLOCKS))
    # Unchanged at our last look: that moment is of our own clock, unless the side names an earlier one.
    is_ours = is_change and from_at < event.occurred_at
    return Document(event.key, event.quantity, from_at, event.occurred_at, is_ours=is_ours, may_be_lost=not was_undone)


def _before(moment: datetime) -> datetime:
    """A little earlier; the first document of all may come with no earlier look, which is as early as times go."""
    return max(moment, datetime.min.replace(tzinfo=UTC) + _CLOSE) - _CLOSE


def _is_closed(event: StockEventRow) -> bool:
    return event.explained == event.quantity


def _explained_lately(
    session: Session, side: SideContext, row: Listing, events: Sequence[StockEventRow], seen_since: datetime
) -> Sequence[StockEventRow]:
    """Documents that were explained by what was seen, not counted as swallowed, shortly before these came.

    Also those that changes are of which these may be held in: a change that has its document is no place for another.
    And those of the same moments as one of them, which may have balanced it before anybody read.
    """
    known_since = max(seen_since, datetime.min.replace(tzinfo=UTC) + LATE) - LATE
    recorded_since = min(min(event.recorded_at for event in events) - _AGAIN, known_since)
    swallowed = select(Movement.id).where(Movement.id == StockEventRow.movement_id, Movement.cause == "lost_update")
    query = select(StockEventRow).where(
        StockEventRow.side_id == row.side_id,
        StockEventRow.external_id == row.external_id,
        StockEventRow.quantity == StockEventRow.explained,
        StockEventRow.movement_id.is_not(None),
        ~swallowed.exists(),
    )
    lately = session.scalars(query.where(StockEventRow.recorded_at >= recorded_since)).all()
    if not lately:
        return []
    step = _step_of(session, side, min(event.began_at for event in lately))
    query = query.where((StockEventRow.recorded_at >= recorded_since) | (StockEventRow.occurred_at >= step))
    return session.scalars(query.order_by(StockEventRow.occurred_at)).all()


def _step_of(session: Session, side: SideContext, moment: datetime) -> datetime:
    """Since when what happened may have been read together with what happened at ``moment``."""
    query = (
        select(Run.started_at)
        .where(Run.side_id == side.id, Run.kind.in_(("poll", "full")), Run.result == "ok")
        .where(Run.finished_at < _before(moment))
        .order_by(Run.started_at.desc())
        .limit(1)
    )
    began = session.scalar(query)
    return began - side.settle if began is not None else _before(moment)


def _count(session: Session, side: SideContext, run: RunLog, row: Listing, item: Item, event: StockEventRow) -> None:
    """Count what the side swallowed: the ledger learns of it, and the next push tells the side, once."""
    movement = move(
        session, item, event.quantity, cause="lost_update",
        evidence=f"{side.name} {event.reference} ({event.quantity:+f}) was lost there inside our own write",
        listing=row, run=run, now=side.now(),
    )  # fmt: skip
    session.flush()
    _close([event], movement.id)
    logger.bind(side=side.name, sku=row.sku, document=event.reference, quantity=f"{event.quantity:+f}").warning(
        "stock.lost_update"
    )


def _movements(session: Session, side: SideContext, row: Listing, since: datetime) -> list[tuple[int, Seen]]:
    """Changes seen on this listing, with the ids of their movements. A reading may show a cache of ``settle`` ago."""
    query = (
        select(Movement.id, Movement.quantity, Run.started_at, Movement.recorded_at)
        .join(Run, Run.id == Movement.run_id)
        .where(
            Movement.item_id == row.item_id,
            Movement.listing_id == row.id,
            Movement.cause.in_(("change", "sale", "return")),
            Movement.recorded_at >= since,
        )
        .order_by(Movement.id)
    )
    return [(number, Seen(units, began - side.settle, at)) for number, units, began, at in session.execute(query)]


def _looks(session: Session, side: SideContext, row: Listing, since: datetime) -> list[Seen]:
    """Complete reads and answers that saw no change of this listing: what happened before was balanced, or swallowed.

    Reads beside one of our own writes may not have counted what they saw, so they are left out.
    """
    moved = select(Movement.run_id).where(Movement.listing_id == row.id, Movement.recorded_at >= since)
    query = select(Run.started_at, Run.finished_at).where(
        Run.side_id == side.id,
        Run.kind.in_(("poll", "full")),
        Run.result == "ok",
        Run.started_at >= since,
        Run.id.not_in(moved),
    )
    written = select(Operation).where(Operation.listing_id == row.id, Operation.settled_at >= since)
    operations = session.scalars(written).all()
    writes = [(each.intended_at, each.settled_at) for each in operations if each.settled_at is not None]
    answers = [
        Seen(ZERO, each.sent_at, each.settled_at)
        for each in operations
        if each.settled_by == "answer" and each.reported == each.expected_before + each.difference
        if each.sent_at is not None and each.settled_at is not None
    ]
    return answers + [
        Seen(ZERO, began - side.settle, ended)
        for began, ended in session.execute(query)
        if ended is not None and not any(begun <= ended and settled + side.settle >= began for begun, settled in writes)
    ]


def _windows(session: Session, side: SideContext, row: Listing, since: datetime) -> list[Window]:
    """When the side may have been at work on our writes, and, if they were absolute, when we looked before them."""
    began = Operation.sent_at if side.adapter.capabilities.relative else Operation.intended_at
    query = select(began, Operation.settled_at).where(
        Operation.listing_id == row.id,
        Operation.state == "confirmed",
        Operation.sent_at.is_not(None),
        Operation.settled_at >= since,
    )
    return [
        Window(begun, settled) for begun, settled in session.execute(query) if begun is not None and settled is not None
    ]


def _forget(events: Sequence[StockEventRow]) -> None:
    """What moved stock before the listing was linked proves nothing about it."""
    for event in events:
        event.explained = event.quantity


def _close(events: Sequence[StockEventRow], movement_id: int) -> None:
    for event in events:
        event.explained = event.quantity
        event.movement_id = movement_id
