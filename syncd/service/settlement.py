"""Settlement of operations whose outcome is unknown, also of those that a stopped process left behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from loguru import logger
from sqlalchemy import select

from syncd.core.model import ZERO, GoneListing, ListingRef, Proof, Quantity, RemoteListing
from syncd.core.settle import Doubt, Evidence, Park, Settlement, Wait, WasApplied, WasNotApplied, settle
from syncd.service.evidence import store_events
from syncd.service.findings import Found, open_finding
from syncd.service.gone import mark_gone
from syncd.service.ledger import lock_items
from syncd.service.outcome import confirm, count_reading, give_back, not_applied, put_in_doubt, refuse
from syncd.state.models import Item, Listing, Operation, is_open

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.core.model import StockEvent
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

_FETCH_CHUNK = 50

_UNSURE_BEFORE = timedelta(seconds=3)
_UNSURE_AFTER = timedelta(seconds=2)
"""A document this close to the reading of the shadow may or may not be in it: clocks of two systems, whole seconds."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One unresolved operation, as read before the side is asked."""

    operation_id: int
    listing_id: int
    item_id: int
    uid: str
    ref: ListingRef
    shadow_at: datetime
    doubt: Doubt


def settle_open(side: SideContext, run: RunLog) -> None:
    """Settle what can be settled now; what cannot stays in doubt and blocks only its own listing."""
    cases = _take_up(side)
    for start in range(0, len(cases), _FETCH_CHUNK):
        chunk = cases[start : start + _FETCH_CHUNK]
        read_at = side.now()
        fetched = side.adapter.fetch([case.ref for case in chunk])
        documents = _read_documents(side, chunk, run)
        remotes = {remote.ref.external_id: remote for remote in fetched.listings}
        proofs = {entry.ref.external_id: entry.proof for entry in fetched.gone}
        for case in chunk:
            with side.db.write() as session:
                _settle_case(session, side, run, case, remotes, proofs, documents[case.operation_id], read_at)


def _take_up(side: SideContext) -> list[_Case]:
    """Free what was never sent, doubt what was sent without a recorded answer, and list what is to be settled."""
    query = (
        select(Operation, Listing)
        .join(Listing, Listing.id == Operation.listing_id)
        .where(Operation.side_id == side.id, is_open())
        .order_by(Operation.id)
    )
    with side.db.read() as session:
        if not session.execute(query.limit(1)).all():
            return []
    cases: list[_Case] = []
    with side.db.write() as session:
        for operation, row in session.execute(query).all():
            if operation.state == "intended":
                give_back(side, row, operation, "the process stopped before it was sent")
                continue
            if operation.state == "sent":
                put_in_doubt(side, row, operation, "the process stopped before the answer was recorded")
            since = operation.doubted_at or operation.sent_at or operation.intended_at
            doubt = Doubt(operation.expected_before, operation.difference, since)
            ref = ListingRef(row.external_id, row.parent_external_id)
            shadow_at = row.shadow_at or operation.intended_at
            cases.append(_Case(operation.id, row.id, operation.item_id, operation.uid, ref, shadow_at, doubt))
    return cases


@dataclass(frozen=True, slots=True)
class _Documents:
    """What a side's orders and returns say about one listing since its shadow was read."""

    moved: Quantity | None = None
    unsure: tuple[Quantity, ...] = ()


def _read_documents(side: SideContext, cases: Sequence[_Case], run: RunLog) -> dict[int, _Documents]:
    """Documents per operation, on sides that have them and that carry no markers."""
    capabilities = side.adapter.capabilities
    if capabilities.marker or not capabilities.events:
        return {case.operation_id: _Documents() for case in cases}
    events = side.adapter.read_events(min(case.shadow_at for case in cases) - _UNSURE_BEFORE)
    if events:
        with side.db.write() as session:
            store_events(session, side, events, run)
    return {case.operation_id: _documents_of(case, events) for case in cases}


def _documents_of(case: _Case, events: Sequence[StockEvent]) -> _Documents:
    """A document close to the moment of the shadow's reading may or may not be included in the shadow."""
    mine = [event for event in events if event.ref.external_id == case.ref.external_id and event.quantity]
    after = [event for event in mine if event.occurred_at > case.shadow_at + _UNSURE_AFTER]
    near = [
        event
        for event in mine
        if case.shadow_at - _UNSURE_BEFORE <= event.occurred_at <= case.shadow_at + _UNSURE_AFTER
    ]
    return _Documents(sum((event.quantity for event in after), ZERO), tuple(event.quantity for event in near))


def _settle_case(
    session: Session,
    side: SideContext,
    run: RunLog,
    case: _Case,
    remotes: dict[str, RemoteListing],
    proofs: dict[str, Proof],
    documents: _Documents,
    read_at: datetime,
) -> None:
    item = lock_items(session, [case.item_id])[case.item_id]
    operation, row = session.get_one(Operation, case.operation_id), session.get_one(Listing, case.listing_id)
    if operation.state not in ("unknown", "parked"):
        return
    proof = proofs.get(case.ref.external_id)
    if proof is not None and proof is not Proof.TRASHED:
        refuse(session, side, row, operation, "the listing does not exist any more", gone=True)
        mark_gone(session, side, [GoneListing(case.ref, proof)], run)
        return
    remote = remotes.get(case.ref.external_id)
    if remote is None:
        return
    marker = (remote.marker == case.uid) if side.adapter.capabilities.marker else None
    evidence = Evidence(remote.quantity, marker, read_at, documents.moved, documents.unsure)
    verdict = settle(case.doubt, evidence, in_doubt=side.in_doubt)
    _carry_out(session, side, run, row, item, operation, verdict, remote.quantity)


def _carry_out(
    session: Session,
    side: SideContext,
    run: RunLog,
    row: Listing,
    item: Item,
    operation: Operation,
    verdict: Settlement,
    quantity: Quantity | None,
) -> None:
    match verdict:
        case WasApplied(by=by):
            side_row = side.row(session)
            side_row.write_seq += 1
            confirm(session, side, run, row, item, operation, side_row, quantity, by=str(by))
            run.counts.confirmed += 1
        case WasNotApplied(by=by):
            not_applied(session, side, row, operation, str(by))
            if quantity is not None:
                count_reading(session, side, run, row, item, quantity, "read back while settling", operation.id)
        case Wait(reason=reason):
            operation.error = reason
        case Park(reason=reason):
            _park(session, side, row, operation, reason)
    logger.bind(
        side=side.name, sku=row.sku, operation=operation.uid, state=operation.state, by=operation.settled_by,
        detail=operation.error,
    ).info("operation.settled" if operation.settled_at else "operation.in_doubt")  # fmt: skip


def _park(session: Session, side: SideContext, row: Listing, operation: Operation, reason: str) -> None:
    operation.state, operation.error = "parked", reason
    open_finding(
        session,
        Found(
            kind="parked",
            subject=f"operation {operation.id}",
            severity="error",
            side_id=side.id,
            item_id=operation.item_id,
            operation_id=operation.id,
            message=f"{side.name}: it is not known whether {operation.difference:+f} for {row.name} "
            f"({row.sku or row.external_id}) was applied: {reason}",
            advice="Count the item or look into the side's own history. It settles by itself as soon as the numbers "
            "agree; until then nothing is written to this listing.",
        ),
        side.now(),
    )
