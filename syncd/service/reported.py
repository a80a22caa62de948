"""What a side reports is put before the safety limits as a whole before any of it counts (design 6)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.guard import Reported, check_reported
from syncd.core.model import ZERO, Quantity
from syncd.errors import SafetyStop
from syncd.service.approval import open_stop, take_approval
from syncd.service.findings import PUT_BACK, Found, close_finding, gone_subject, open_finding, reported_subject
from syncd.state.models import Finding, Listing, Operation, StockEventRow, has_open_part

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.core.guard import Stop
    from syncd.core.model import RemoteListing
    from syncd.service.side import SideContext

_CHUNK = 500


def is_guarded(side: SideContext) -> bool:
    """Whether what a side reports waits until the whole read is known: shops, not the hub, whose word counts."""
    return not side.is_hub and (side.limits.max_unexplained is not None or side.adapter.capabilities.marker)


def put_back_ids(session: Session, pairs: Iterable[tuple[Listing, RemoteListing]]) -> set[int]:
    """Listings that carry the mark of an older write than the one they were last seen with: row ids."""
    marks = {
        row.id: (row.marker, remote.marker)
        for row, remote in pairs
        if row.marker and remote.marker and row.marker != remote.marker
    }
    uids = sorted({uid for pair in marks.values() for uid in pair})
    numbers: dict[tuple[int, str], int] = {}
    for start in range(0, len(uids), _CHUNK):
        query = select(Operation.listing_id, Operation.uid, Operation.id).where(
            Operation.uid.in_(uids[start : start + _CHUNK])
        )
        numbers |= {(listing_id, uid): number for listing_id, uid, number in session.execute(query)}
    return {
        row_id
        for row_id, (known, shown) in marks.items()
        if numbers.get((row_id, shown), 0) and numbers[row_id, shown] < numbers.get((row_id, known), 0)
    }


def judge_reported(side: SideContext, changes: Sequence[tuple[str, Quantity, bool]]) -> bool:
    """Decide whether what one read found may count.

    Args:
        side: The side that was read.
        changes: External id, signed units, and whether the listing was put back, for each change of a linked listing.

    Returns:
        Whether it counts; ``False`` if a person said that it is not true, and the side is to be set right.

    Raises:
        SafetyStop: It waits for a person.
    """
    subject = reported_subject(side.name)
    if not changes and not _is_stopped(side, subject):
        return True
    with side.db.read() as session:
        explained = _with_documents(session, side, [external_id for external_id, _, _ in changes])
        reported = [Reported(units, external_id in explained, put_back) for external_id, units, put_back in changes]
        refusal = check_reported(reported, side.linked_count(session), side.limits)
        stopped = open_stop(session, subject)
    if refusal is None and not stopped:
        return True
    with side.db.write() as session:
        if take_approval(session, subject, refusal, PUT_BACK):
            return False
        if take_approval(session, subject, refusal):
            return True
        if refusal is None:
            close_finding(session, "safety_stop", subject, side.now())
            return True
        open_finding(session, _found(side, refusal), side.now())
    raise SafetyStop(side.name, refusal.reason, refusal.counts)


def _is_stopped(side: SideContext, subject: str) -> bool:
    with side.db.read() as session:
        return open_stop(session, subject)


class Waiting(Enum):
    """How things stand with a person's word on what a side reports."""

    NO = "no"
    ASKED = "asked"
    ANSWERED = "answered"


def waits(side: SideContext) -> Waiting:
    """Whether what a side reports waits for a person's word."""
    subjects = reported_subject(side.name), gone_subject(side.name)
    with side.db.read() as session:
        if not any(open_stop(session, subject) for subject in subjects):
            return Waiting.NO
        asked = select(Finding.id).where(
            Finding.kind == "safety_stop", Finding.subject.in_(subjects), Finding.closed_at.is_(None)
        )
        return Waiting.ASKED if session.scalar(asked.limit(1)) is not None else Waiting.ANSWERED


def documented_since(session: Session, side: SideContext, external_id: str, moment: datetime) -> Quantity:
    """Take the documents of a listing that came after a moment as counted; returns their units."""
    query = select(StockEventRow).where(
        StockEventRow.side_id == side.id,
        StockEventRow.external_id == external_id,
        StockEventRow.recorded_at > moment,
        has_open_part(),
    )
    total = ZERO
    for event in session.scalars(query).all():
        total += event.quantity - event.explained
        event.explained = event.quantity
    return total


def _with_documents(session: Session, side: SideContext, external_ids: Sequence[str]) -> Collection[str]:
    found: set[str] = set()
    for start in range(0, len(external_ids), _CHUNK):
        query = select(StockEventRow.external_id).where(
            StockEventRow.side_id == side.id,
            StockEventRow.external_id.in_(external_ids[start : start + _CHUNK]),
            has_open_part(),
        )
        found.update(session.scalars(query))
    return found


def _found(side: SideContext, refusal: Stop) -> Found:
    return Found(
        kind="safety_stop",
        subject=reported_subject(side.name),
        severity="error",
        side_id=side.id,
        counts=refusal.counts,
        message=f"{side.name}: {refusal.reason}; nothing of it is counted and nothing is written there until a person "
        "decides",
        advice=f"`syncd audit --shop {side.name}` lists what it shows. Was the shop restored from a backup, or does it "
        "show old pages? `syncd approve {id} --put-back` sets it to what syncd knows. Did somebody change the stock "
        "there? `syncd approve {id}` counts it. If the numbers come back by themselves, the next sweep goes on.",
    )
