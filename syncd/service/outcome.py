"""Outcomes of operations: what each means for listing, item and ledger. The caller holds the item's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.core.model import Quantity, StockMode
from syncd.service.evidence import name_cause
from syncd.service.findings import Found, close_finding, open_among, open_finding
from syncd.service.ledger import move

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext
    from syncd.state.models import Item, Listing, Operation, Side


_KINDS = ("write_rejected", "parked")


def confirm(
    session: Session,
    side: SideContext,
    run: RunLog,
    row: Listing,
    item: Item,
    operation: Operation,
    side_row: Side,
    reported: Quantity | None,
    *,
    by: str = "answer",
    told: Collection[tuple[str, str]] | None = None,
) -> None:
    """The write took effect: the shadow moves by exactly the difference; what the side reports beyond it was a sale.

    ``told`` are the open findings about it (``findings_about``), if they were asked for already.
    """
    now = side.now()
    expected = operation.expected_before + operation.difference
    take_effect(row, operation, side_row, now, by=by)
    operation.reported = reported
    if side.adapter.capabilities.marker:
        row.marker = operation.uid
    row.shadow_at = side_row.last_write_at = now
    if told is None:
        told = findings_about(session, side, [(row.external_id, operation.id)])
    _close_findings(session, side, row, operation, told)
    if operation.start_managing and reported is not None and reported > expected:
        # It counted already and the write came on top: a first reading, which moves nothing, and is corrected.
        row.shadow, row.pending = reported, row.item_id is not None
    elif reported is not None and reported != expected:
        how = "answer to" if by == "answer" else "settlement of"
        count_reading(session, side, run, row, item, reported, f"{how} write {operation.uid[:8]}", operation.id)


def take_effect(row: Listing, operation: Operation, side_row: Side, now: datetime, *, by: str) -> None:
    """Move the shadow by exactly the difference; a reading that began before this moment says nothing any more."""
    operation.state, operation.settled_by, operation.settled_at, operation.error = "confirmed", by, now, None
    row.shadow, row.write_seq = operation.expected_before + operation.difference, side_row.write_seq
    if operation.start_managing:
        row.stock_mode = str(StockMode.OWN)


def count_reading(
    session: Session,
    side: SideContext,
    run: RunLog,
    row: Listing,
    item: Item,
    reported: Quantity,
    how: str,
    operation_id: int | None = None,
) -> None:
    """Take a quantity that came with an answer or a settlement as a reading: the difference moved on the side."""
    difference = reported - (row.shadow if row.shadow is not None else reported)
    row.shadow, row.shadow_at = reported, side.now()
    if difference and row.item_id == item.id:
        cause, evidence = name_cause(session, side, row, difference, run, how)
        move(
            session, item, difference, cause=cause, evidence=evidence, listing=row, run=run, now=side.now(),
            operation_id=operation_id,
        )  # fmt: skip


def refuse(
    session: Session, side: SideContext, row: Listing, operation: Operation, error: str, *, gone: bool = False
) -> None:
    """The side refused the write: nothing was applied. It is tried again when the item or the listing changes."""
    now = side.now()
    operation.state, operation.settled_by, operation.settled_at, operation.error = "rejected", "answer", now, error
    close_finding(session, "parked", f"operation {operation.id}", now)
    if gone:
        row.recheck_at = now
        return
    open_finding(
        session,
        Found(
            kind="write_rejected",
            subject=f"{side.name} {row.external_id}",
            severity="error",
            side_id=side.id,
            item_id=operation.item_id,
            operation_id=operation.id,
            message=f"{side.name} refused {operation.difference:+f} for {row.name} ({row.sku or row.external_id}): "
            f"{error}",
            advice="Correct the product there. The write is tried again when its quantity or the product changes, and "
            "after every sweep.",
        ),
        now,
    )


def put_in_doubt(side: SideContext, row: Listing, operation: Operation, error: str) -> None:
    """The answer was lost: the listing's readings move nothing until the operation is settled."""
    operation.state, operation.doubted_at, operation.error = "unknown", side.now(), error
    row.pending = True


def give_back(side: SideContext, row: Listing, operation: Operation, reason: str) -> None:
    """The write never left us: it is planned again."""
    operation.state, operation.settled_by, operation.settled_at = "cancelled", "never_sent", side.now()
    operation.error = reason
    row.pending = row.item_id is not None


def not_applied(session: Session, side: SideContext, row: Listing, operation: Operation, by: str) -> None:
    """Settled: the write had no effect. It is planned again from what the side holds."""
    take_no_effect(row, operation, side.now(), by=by)
    told = findings_about(session, side, [(row.external_id, operation.id)])
    _close_findings(session, side, row, operation, told)


def take_no_effect(row: Listing, operation: Operation, now: datetime, *, by: str) -> None:
    """Leave the shadow, and have the write planned again."""
    operation.state, operation.settled_by, operation.settled_at = "cancelled", by, now
    row.pending = row.item_id is not None


def findings_about(session: Session, side: SideContext, writes: Sequence[tuple[str, int]]) -> set[tuple[str, str]]:
    """Kinds and subjects of what is open about some operations: for many of them nearly always nothing.

    Args:
        session: Any session.
        side: The side.
        writes: External id of the listing and id of the operation, of each.
    """
    return open_among(session, _KINDS, [subject for each in writes for _, subject in told_of(side, *each)])


def told_of(side: SideContext, external_id: str, operation_id: int) -> tuple[tuple[str, str], ...]:
    """Kinds and subjects of the findings that may be open about an operation."""
    return ("write_rejected", f"{side.name} {external_id}"), ("parked", f"operation {operation_id}")


def _close_findings(
    session: Session, side: SideContext, row: Listing, operation: Operation, told: Collection[tuple[str, str]]
) -> None:
    for kind, subject in told_of(side, row.external_id, operation.id):
        if (kind, subject) in told:
            close_finding(session, kind, subject, side.now())
