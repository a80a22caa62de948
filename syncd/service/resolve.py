"""A person's word on a write of which nobody else can say whether it took effect.

It is written down beside a daemon at work, or without one: writers take turns, and whoever settles the operation first
(settlement, or the person) finds it open; the other one sees that it is not any more, and leaves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.core.settle import TwoWays, two_ways
from syncd.errors import SyncdError
from syncd.service.doubt import doubt_of
from syncd.service.findings import close_finding
from syncd.service.ledger import lock_items
from syncd.service.outcome import take_effect, take_no_effect
from syncd.state.models import Finding, Listing, Operation, Side

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.state.engine import Database

SETTLED_BY = "person"
READ_BY_A_PERSON = frozenset({"field_conflict", "images_left_out", "late_write"})
"""Kinds of findings that nothing but a person's word closes while their product is there."""

_UNSETTLED = ("unknown", "parked")


class NotResolvable(SyncdError):
    """The finding does not wait for a person's word; the message says why, and what to do."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Resolved:
    """What was written down.

    Attributes:
        meaning: What follows from it, in words.
    """

    finding: int
    operation: int
    side: str
    name: str
    applied: bool
    meaning: str


def resolve(db: Database, finding_id: int, *, applied: bool, now: datetime) -> Resolved:
    """Settle a parked write by a person's word.

    Applied: the shadow moves by exactly the difference that was sent. Not applied: the write is planned again. Either
    way the listing is read again, and what else differs there counts as a change like any other.

    Args:
        db: The database; no lease is needed.
        finding_id: Number of the open finding of kind ``parked``.
        applied: Whether the side carried the write out.
        now: Present time.

    Raises:
        NotResolvable: There is no such finding, it is closed, or it is of another kind.
    """
    with db.write(fenced=False) as session:
        finding, operation = _parked(session, finding_id)
        row = session.get_one(Listing, operation.listing_id)
        lock_items(session, {operation.item_id, row.item_id or operation.item_id})
        side_row = session.get_one(Side, operation.side_id)
        ways = two_ways(side_row.name, doubt_of(operation), operation.reported)
        operation.reported = None  # what the side said while this was open is no answer to the write
        if applied:
            side_row.write_seq += 1
            # The shadow is as old as it was: what happened there since is not in it, and is read now.
            take_effect(row, operation, side_row, now, by=SETTLED_BY)
            close_finding(session, "write_rejected", f"{side_row.name} {row.external_id}", now)
        else:
            take_no_effect(row, operation, now, by=SETTLED_BY)
        row.recheck_at = now
        word = "--applied" if applied else "--not-applied"
        close_finding(session, finding.kind, finding.subject, now, by=f"syncd findings resolve {word}")
        meaning = ways.applied if applied else ways.not_applied
        return Resolved(finding.id, operation.id, side_row.name, row.name, applied, meaning)


def close_read(db: Database, finding_id: int, *, now: datetime) -> bool:
    """Close a finding that was read and needs nothing more (``READ_BY_A_PERSON``). Returns whether it is one."""
    with db.write(fenced=False) as session:
        finding = session.get(Finding, finding_id)
        if finding is None or finding.kind not in READ_BY_A_PERSON or finding.closed_at is not None:
            return False
        return close_finding(session, finding.kind, finding.subject, now, by="syncd findings resolve")


def ways_of(db: Database, finding_id: int) -> TwoWays:
    """Word what each of the two answers would mean.

    Raises:
        NotResolvable: as ``resolve``.
    """
    with db.read() as session:
        _, operation = _parked(session, finding_id)
        side = session.get_one(Side, operation.side_id)
        return two_ways(side.name, doubt_of(operation), operation.reported)


def _parked(session: Session, finding_id: int) -> tuple[Finding, Operation]:
    finding = session.get(Finding, finding_id)
    if finding is None:
        raise NotResolvable(f"there is no finding {finding_id}; `syncd findings` lists what is open")
    if finding.closed_at is not None:
        raise NotResolvable(
            f"finding {finding_id} is closed already ({finding.closed_at:%Y-%m-%d %H:%M} UTC, by {finding.closed_by}); "
            f"`syncd findings show {finding_id}` says what came of it"
        )
    if finding.kind != "parked" or finding.operation_id is None:
        raise NotResolvable(
            f"finding {finding_id} is no write in doubt ({finding.kind}); `syncd findings show {finding_id}` says what "
            "to do about it"
        )
    operation = session.get_one(Operation, finding.operation_id)
    if operation.state not in _UNSETTLED:
        raise NotResolvable(
            f"the write behind finding {finding_id} is settled already ({operation.state}, by {operation.settled_by}); "
            "nothing is left to decide"
        )
    return finding, operation
