"""Settlement of operations whose outcome is unknown, also of those that a stopped process left behind."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from loguru import logger

from syncd.core.model import Proof, Quantity, RemoteListing
from syncd.core.settle import Evidence, Park, Settlement, Step, Wait, WasApplied, WasNotApplied, settle, two_ways
from syncd.service.documents import Documents, read_documents
from syncd.service.doubt import FETCH_CHUNK, Case, doubt_of, keep_looks, take_looks, take_up
from syncd.service.findings import Found, open_finding
from syncd.service.ledger import lock_items
from syncd.service.outcome import confirm, count_reading, not_applied, refuse
from syncd.service.resend import can_be_resent, settle_by_key
from syncd.state.models import Item, Listing, Operation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

_RETRY_PARKED = timedelta(minutes=2)
"""What a look at the side could not settle is looked at again this often: each look costs requests."""


def settle_open(side: SideContext, run: RunLog) -> None:
    """Settle what can be settled now; what cannot stays in doubt and blocks only its own listing."""
    open_cases = take_up(side)
    resent = settle_by_key(side, run, [case for case in open_cases if can_be_resent(side, case)])
    open_cases = [case for case in open_cases if case.operation_id not in resent]
    cases = [case for case in open_cases if _worth_a_look(side, case)]
    take_looks(side, [case for case in open_cases if not _is_over(side, case)])
    for start in range(0, len(cases), FETCH_CHUNK):
        chunk = cases[start : start + FETCH_CHUNK]
        read_at = side.now()
        fetched = side.adapter.fetch([case.ref for case in chunk])
        keep_looks(side, chunk, read_at, fetched.listings)
        documents = read_documents(side, chunk, run)
        remotes = {remote.ref.external_id: remote for remote in fetched.listings}
        proofs = {entry.ref.external_id: entry.proof for entry in fetched.gone}
        for case in _unmoved(side, chunk, remotes):
            with side.db.write() as session:
                _settle_case(session, side, run, case, remotes, proofs, documents[case.operation_id], read_at)


def _unmoved(side: SideContext, cases: Sequence[Case], before: dict[str, RemoteListing]) -> Sequence[Case]:
    """Leave for the next run what was sold while documents were read: it would be in one of the two looks only."""
    capabilities = side.adapter.capabilities
    if capabilities.marker or not capabilities.events:
        return cases
    after = {remote.ref.external_id: remote for remote in side.adapter.fetch([case.ref for case in cases]).listings}

    def same(case: Case) -> bool:
        first, second = before.get(case.ref.external_id), after.get(case.ref.external_id)
        return first is None or (second is not None and first.quantity == second.quantity)

    return [case for case in cases if same(case)]


def _worth_a_look(side: SideContext, case: Case) -> bool:
    """Whether asking the side could settle it now: a marker shows at once, numbers only when the request is over."""
    if side.adapter.capabilities.marker:
        return True
    looked = case.looked_at
    return _is_over(side, case) and (looked is None or side.now() >= looked + _RETRY_PARKED or side.now() < looked)


def _is_over(side: SideContext, case: Case) -> bool:
    """Whether the request can no longer be running."""
    return side.now() >= case.doubt.since + side.in_doubt


def _settle_case(
    session: Session,
    side: SideContext,
    run: RunLog,
    case: Case,
    remotes: dict[str, RemoteListing],
    proofs: dict[str, Proof],
    documents: Documents,
    read_at: datetime,
) -> None:
    operation, row = session.get_one(Operation, case.operation_id), session.get_one(Listing, case.listing_id)
    item_id = row.item_id or case.item_id  # it may have been linked anew since: what happens there counts for that item
    item = lock_items(session, [item_id])[item_id]
    if operation.state not in ("unknown", "parked"):
        return
    proof = proofs.get(case.ref.external_id)
    if proof is not None and proof is not Proof.TRASHED:
        if row.gone_at is None:
            row.recheck_at = side.now()  # a wrong key shows the same: this pass's reading judges all that is gone
        else:
            refuse(session, side, row, operation, "the listing does not exist any more", gone=True)
        return
    remote = remotes.get(case.ref.external_id)
    if remote is None:
        return
    marker = (remote.marker == case.uid) if side.adapter.capabilities.marker else None
    evidence = Evidence(
        remote.quantity, marker, read_at, documents.moved, documents.unsure, _steps(case, documents, remote.quantity),
        documents.swallowable,
    )  # fmt: skip
    verdict = settle(case.doubt, evidence, in_doubt=side.in_doubt)
    _carry_out(session, side, run, row, item, operation, verdict, remote.quantity)


def _steps(case: Case, documents: Documents, quantity: Quantity | None) -> tuple[Step, ...]:
    """What changed from look to look, with what documents say of the same time."""
    if not documents.looks or quantity is None:
        return ()
    held = [case.doubt.before, *(look.quantity for look in documents.looks), quantity][: len(documents.between) + 1]
    return tuple(
        Step(later - earlier, moved, unsure)
        for (earlier, later), (moved, unsure) in zip(pairwise(held), documents.between, strict=True)
    )


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
        side=side.name, sku=row.sku, run=run.id, operation=operation.uid, state=operation.state,
        by=operation.settled_by, detail=operation.error,
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
