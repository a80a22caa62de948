"""Settlement of operations whose outcome is unknown, also of those that a stopped process left behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from loguru import logger
from sqlalchemy import func, select

from syncd.core.model import ZERO, GoneListing, ListingRef, Proof, Quantity, RemoteListing
from syncd.core.settle import (
    MOST_UNSURE,
    Doubt,
    Evidence,
    Park,
    Settlement,
    Wait,
    WasApplied,
    WasNotApplied,
    settle,
    subset_sums,
    two_ways,
)
from syncd.service.evidence import store_events
from syncd.service.findings import Found, open_finding
from syncd.service.gone import mark_gone
from syncd.service.ledger import lock_items
from syncd.service.outcome import confirm, count_reading, give_back, not_applied, put_in_doubt, refuse
from syncd.state.models import Item, Listing, Movement, Operation, Run, is_open

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.core.model import StockEvent
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

_FETCH_CHUNK = 50

_LOOK_BACK = timedelta(minutes=15)
"""How far back documents and movements are compared."""

_CLOSE = timedelta(seconds=3)
"""Moments this close cannot be told apart: clocks of two systems, one of them in whole seconds."""

_RETRY_PARKED = timedelta(minutes=2)
"""What a look at the side could not settle is looked at again this often: each look costs requests."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One unresolved operation, as read before the side is asked."""

    operation_id: int
    listing_id: int
    item_id: int
    uid: str
    ref: ListingRef
    shadow_at: datetime
    first_run: int
    run_id: int
    intended_at: datetime
    sent_at: datetime
    looked_at: datetime | None
    held: bool
    doubt: Doubt


def settle_open(side: SideContext, run: RunLog) -> None:
    """Settle what can be settled now; what cannot stays in doubt and blocks only its own listing."""
    cases = [case for case in _take_up(side) if _worth_a_look(side, case)]
    for start in range(0, len(cases), _FETCH_CHUNK):
        chunk = cases[start : start + _FETCH_CHUNK]
        read_at = side.now()
        fetched = side.adapter.fetch([case.ref for case in chunk])
        documents = _read_documents(side, chunk, run)
        remotes = {remote.ref.external_id: remote for remote in fetched.listings}
        proofs = {entry.ref.external_id: entry.proof for entry in fetched.gone}
        for case in _unmoved(side, chunk, remotes):
            with side.db.write() as session:
                _settle_case(session, side, run, case, remotes, proofs, documents[case.operation_id], read_at)


def _unmoved(side: SideContext, cases: Sequence[_Case], before: dict[str, RemoteListing]) -> Sequence[_Case]:
    """Leave for the next run what was sold while documents were read: it would be in one of the two looks only."""
    capabilities = side.adapter.capabilities
    if capabilities.marker or not capabilities.events:
        return cases
    after = {remote.ref.external_id: remote for remote in side.adapter.fetch([case.ref for case in cases]).listings}

    def same(case: _Case) -> bool:
        first, second = before.get(case.ref.external_id), after.get(case.ref.external_id)
        return first is None or (second is not None and first.quantity == second.quantity)

    return [case for case in cases if same(case)]


def _worth_a_look(side: SideContext, case: _Case) -> bool:
    """Whether asking the side could settle it now: a marker shows at once, numbers only when the request is over."""
    if side.adapter.capabilities.marker:
        return True
    over = case.doubt.since + side.in_doubt
    looked = case.looked_at
    return side.now() >= over and (looked is None or side.now() >= looked + _RETRY_PARKED or side.now() < looked)


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
            doubt = doubt_of(operation)
            ref = ListingRef(row.external_id, row.parent_external_id)
            shadow_at = row.shadow_at or operation.intended_at
            first_run = _first_run(session, row)
            cases.append(
                _Case(
                    operation.id, row.id, operation.item_id, operation.uid, ref, shadow_at, first_run,
                    operation.run_id, operation.intended_at, operation.sent_at or operation.intended_at,
                    operation.looked_at, row.recheck_at is not None, doubt,
                )
            )  # fmt: skip
    return cases


def doubt_of(operation: Operation) -> Doubt:
    """An unresolved operation as the rules of settlement see it."""
    since = operation.doubted_at or operation.sent_at or operation.intended_at
    return Doubt(operation.expected_before, operation.difference, since)


@dataclass(frozen=True, slots=True)
class _Documents:
    """What a side's orders and returns say about one listing that its shadow does not say yet."""

    moved: Quantity | None = None
    unsure: tuple[Quantity, ...] = ()


def _read_documents(side: SideContext, cases: Sequence[_Case], run: RunLog) -> dict[int, _Documents]:
    """Documents per operation, on sides that have them and that carry no markers."""
    capabilities = side.adapter.capabilities
    if capabilities.marker or not capabilities.events:
        return {case.operation_id: _Documents() for case in cases}
    events = side.adapter.read_events(min(case.sent_at for case in cases) - _LOOK_BACK)
    if events:
        with side.db.write() as session:
            store_events(session, side, events, run)
    return {case.operation_id: _weigh(side, case, events) for case in cases}


@dataclass(frozen=True, slots=True)
class _Effect:
    """Units that a document moved, at some moment between two; the same moment twice if the side says when."""

    units: Quantity
    earliest: datetime
    latest: datetime
    key: str

    @property
    def is_dated(self) -> bool:
        """Whether the side said when."""
        return self.earliest == self.latest


def _effects(event: StockEvent) -> list[_Effect]:
    """What a document moved: nothing, one thing, or, if it was undone, first this and then the opposite."""
    began = event.began_at or event.occurred_at
    if event.undone:
        there, back = -event.undone, event.undone
        return [_Effect(there, began, began, event.key), _Effect(back, began, event.occurred_at, event.key)]
    return [_Effect(event.quantity, began, event.occurred_at, event.key)] if event.quantity else []


def _weigh(side: SideContext, case: _Case, events: Sequence[StockEvent]) -> _Documents:
    """Count the documents that the shadow does not contain.

    Those of before the side was seen to hold it are in it, those of after are not, those close to it may be. Where they
    may be, a calm pass can tell: from a pass that read the side while nothing happened to this listing, documents and
    movements run side by side, and what the documents moved since then, less what the ledger recorded since then, is
    what the shadow lacks. But the ledger also records what has no document (receipts, stock-takes), so its word counts
    only where it is one of the possible ones.
    """
    mine = [effect for event in events if event.ref.external_id == case.ref.external_id for effect in _effects(event)]
    with side.db.read() as session:
        read_from, read_until = _known_as_of(session, side, case)
    beside = _beside_shadow(side, read_from - _CLOSE, read_until + _CLOSE, mine)
    if not beside.unsure or not all(effect.is_dated for effect in mine):
        return beside
    with side.db.read() as session:
        counted = _count_from_calm(session, side, case, mine)
    moved = beside.moved or ZERO
    possible = {moved + extra for extra in subset_sums(beside.unsure[:MOST_UNSURE])}
    return _Documents(counted) if counted in possible else beside


def _known_as_of(session: Session, side: SideContext, case: _Case) -> tuple[datetime, datetime]:
    """Between which moments the side was last seen to hold the shadow.

    That is when it was set, or a later complete pass that had nothing to say against it; the pass that sent the write
    had read the side before.
    """
    # A run that only wrote down a person's word (kind "sync") read nothing.
    passes = Run.side_id == side.id, Run.kind != "sync"
    set_by = select(func.max(Run.started_at)).where(*passes, Run.started_at <= case.shadow_at)
    looks = [(session.scalar(set_by) or case.shadow_at, case.shadow_at)]
    if case.held:
        return looks[0]  # a later reading said something else and did not count
    reading = select(Run).where(Run.side_id == side.id, Run.kind.in_(("poll", "full")))
    ended = reading.where(Run.result == "ok", Run.started_at >= case.shadow_at, Run.finished_at <= case.intended_at)
    last = session.scalars(ended.order_by(Run.started_at.desc()).limit(1)).one_or_none()
    if last is not None:
        looks.append((last.started_at, last.finished_at or case.intended_at))
    sender = session.scalars(reading.where(Run.id == case.run_id)).one_or_none()
    if sender is not None:
        looks.append((sender.started_at, case.intended_at))
    return max(looks)


def _beside_shadow(
    side: SideContext, read_from: datetime, read_until: datetime, effects: Sequence[_Effect]
) -> _Documents:
    """Sort documents by the moment of the shadow's reading; where a document has no moment, the side's filter tells."""
    vague = [effect for effect in effects if effect.earliest < read_from and effect.latest >= read_from]
    vague += [effect for effect in effects if read_from <= effect.earliest <= read_until < effect.latest]
    listed_from: set[str] = set()
    listed_after: set[str] = set()
    if vague:
        listed_from = {event.key for event in side.adapter.read_events(read_from)}
        listed_after = {event.key for event in side.adapter.read_events(read_until)}
    after, unsure = ZERO, []
    for effect in effects:
        if effect in vague:
            is_after, is_before = effect.key in listed_after, effect.key not in listed_from
        else:
            is_after, is_before = effect.earliest > read_until, effect.latest < read_from
        if is_after:
            after += effect.units
        elif not is_before:
            unsure.append(effect.units)
    return _Documents(after, tuple(unsure))


def _count_from_calm(session: Session, side: SideContext, case: _Case, effects: Sequence[_Effect]) -> Quantity | None:
    query = select(Movement.run_id, Movement.quantity).where(
        Movement.item_id == case.item_id,
        Movement.listing_id == case.listing_id,
        Movement.recorded_at >= case.sent_at - _LOOK_BACK,
    )
    movements = [(run_id or 0, quantity) for run_id, quantity in session.execute(query)]
    calm = _calm_run(session, side, case, effects, {run_id for run_id, _ in movements})
    if calm is None:
        return None
    documented = sum((effect.units for effect in effects if effect.earliest > calm.started_at), ZERO)
    recorded = sum((quantity for run_id, quantity in movements if run_id > calm.id), ZERO)
    return documented - recorded


def _calm_run(
    session: Session, side: SideContext, case: _Case, effects: Sequence[_Effect], moving: set[int]
) -> Run | None:
    """The latest complete pass before the doubt that moved nothing of this listing, with no document close to it."""
    query = (
        select(Run)
        .where(
            Run.side_id == side.id,
            Run.started_at.between(case.sent_at - _LOOK_BACK + _CLOSE, case.sent_at),
            Run.kind.in_(("poll", "full")),
            Run.result == "ok",
        )
        .order_by(Run.started_at.desc())
    )
    for run in session.scalars(query):
        until = (run.finished_at or run.started_at) + _CLOSE
        close = any(run.started_at - _CLOSE <= effect.earliest <= until for effect in effects)
        if not close and run.id not in moving and run.id >= case.first_run:
            return run
    return None


def _first_run(session: Session, row: Listing) -> int:
    """The first run that could see a change of this listing: the one after it was first read."""
    query = select(func.min(Run.id)).where(Run.side_id == row.side_id, Run.started_at > row.first_seen_at)
    return session.scalar(query) or 0


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
    operation, row = session.get_one(Operation, case.operation_id), session.get_one(Listing, case.listing_id)
    item_id = row.item_id or case.item_id  # it may have been linked anew since: what happens there counts for that item
    item = lock_items(session, [item_id])[item_id]
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
                count_reading(
                    session, side, run, row, item, quantity, f"settlement of write {operation.uid[:8]}", operation.id
                )
        case Wait(reason=reason):
            operation.error = reason
        case Park(reason=reason):
            _park(session, side, row, operation, reason, quantity)
    logger.bind(
        side=side.name, sku=row.sku, operation=operation.uid, state=operation.state, by=operation.settled_by,
        detail=operation.error,
    ).info("operation.settled" if operation.settled_at else "operation.in_doubt")  # fmt: skip


def _park(
    session: Session, side: SideContext, row: Listing, operation: Operation, reason: str, quantity: Quantity | None
) -> None:
    operation.state, operation.error, operation.looked_at = "parked", reason, side.now()
    operation.reported = quantity
    ways = two_ways(side.name, doubt_of(operation), quantity)
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
            advice="Look into the side's own history of the product, or count it. If it was applied "
            f"(`syncd findings resolve {{id}} --applied`), {ways.applied}. If not "
            f"(`syncd findings resolve {{id}} --not-applied`), {ways.not_applied}. Until then nothing is written to "
            "this listing; it settles by itself as soon as the numbers agree.",
        ),
        side.now(),
    )
