"""Writes in doubt: which there are, and what their side showed while the doubt lasted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from loguru import logger
from sqlalchemy import func, select

from syncd.core.model import ListingRef, Quantity, RemoteListing
from syncd.core.settle import Doubt
from syncd.errors import SideError, Stopped
from syncd.service.outcome import give_back, put_in_doubt
from syncd.state.models import Listing, Operation, Run, is_open

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from syncd.service.side import SideContext

FETCH_CHUNK = 50
"""Most listings that are asked for at once."""

_MOST_LOOKS = 12
_LOOKS_PER_DOUBT = 8
"""While a request may still be running the side is looked at this often, unless its passes are fewer."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a side showed of a listing: when the look began and ended, our clock, and the quantity."""

    began: datetime
    ended: datetime
    quantity: Quantity


@dataclass(frozen=True, slots=True)
class Case:
    """One unresolved operation, as read before the side is asked.

    Attributes:
        held: A later reading than that of the shadow said something else and did not count.
        looks: What the side showed while the doubt lasted, oldest first.
    """

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
    start_managing: bool
    doubt: Doubt
    looks: tuple[Look, ...]


def take_up(side: SideContext) -> list[Case]:
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
    cases: list[Case] = []
    with side.db.write() as session:
        for operation, row in session.execute(query).all():
            if operation.state == "intended":
                give_back(side, row, operation, "the process stopped before it was sent")
                continue
            if operation.state == "sent":
                put_in_doubt(side, row, operation, "the process stopped before the answer was recorded")
            _follow_a_clock_set_back(operation, side.now())
            doubt = doubt_of(operation)
            ref = ListingRef(row.external_id, row.parent_external_id)
            shadow_at = row.shadow_at or operation.intended_at
            first_run = _first_run(session, row)
            cases.append(
                Case(
                    operation.id, row.id, operation.item_id, operation.uid, ref, shadow_at, first_run,
                    operation.run_id, operation.intended_at, operation.sent_at or operation.intended_at,
                    operation.looked_at, row.recheck_at is not None, operation.start_managing, doubt,
                    looks_of(operation),
                )
            )  # fmt: skip
    return cases


def _follow_a_clock_set_back(operation: Operation, now: datetime) -> None:
    """A doubt that begins in times to come lasts anew from now: it would last until the clock is there again."""
    if doubt_of(operation).since <= now:
        return
    # When it was sent stays: how long a side knows its key cannot be told any more, so it is not sent again.
    operation.doubted_at, operation.looks = now, None


def doubt_of(operation: Operation) -> Doubt:
    """An unresolved operation as the rules of settlement see it."""
    since = operation.doubted_at or operation.sent_at or operation.intended_at
    return Doubt(operation.expected_before, operation.difference, since)


def _first_run(session: Session, row: Listing) -> int:
    """The first run that could see a change of this listing: the one after it was first read."""
    query = select(func.min(Run.id)).where(Run.side_id == row.side_id, Run.started_at > row.first_seen_at)
    return session.scalar(query) or 0


def looks_of(operation: Operation) -> tuple[Look, ...]:
    """The looks that were kept with an operation."""
    rows = json.loads(operation.looks) if operation.looks else []
    return tuple(
        Look(datetime.fromisoformat(began), datetime.fromisoformat(ended), Decimal(quantity))
        for began, ended, quantity in rows
    )


def take_looks(side: SideContext, cases: Sequence[Case]) -> None:
    """Look at listings whose write may still be running, and keep what is seen.

    What a person books by hand a minute later makes the numbers ambiguous; a look from before it does not. Nothing is
    decided here: documents may be late.
    """
    due = [case for case in cases if _is_due(side, case)]
    for start in range(0, len(due), FETCH_CHUNK):
        chunk = due[start : start + FETCH_CHUNK]
        began = side.now()
        fetched = side.adapter.fetch([case.ref for case in chunk])
        keep_looks(side, chunk, began, fetched.listings)


def keep_looks(side: SideContext, cases: Sequence[Case], began: datetime, shown: Sequence[RemoteListing]) -> None:
    """Keep what a read by id showed of listings in doubt; it began at ``began`` and has just ended."""
    if not _keeps_looks(side):
        return
    quantities = {remote.ref.external_id: remote.quantity for remote in shown}
    with side.db.write() as session:
        for case in cases:
            quantity = quantities.get(case.ref.external_id)
            if quantity is not None and len(case.looks) < _MOST_LOOKS:
                _keep(session, case, Look(began, side.now(), quantity))


def _keeps_looks(side: SideContext) -> bool:
    """Marks tell more; and where a write can swallow what happens beside it, a step shows less than all of it."""
    return side.adapter.capabilities.atomic and not side.adapter.capabilities.marker


def look_at_once(side: SideContext) -> None:
    """Take the first look right after an answer was lost; a side that cannot be read now is read by the next run."""
    if not _keeps_looks(side):
        return
    try:
        take_looks(side, [case for case in take_up(side) if not case.looks])
    except (SideError, Stopped) as error:
        logger.bind(side=side.name, detail=str(error)).debug("doubt.not_looked_at")


def _is_due(side: SideContext, case: Case) -> bool:
    if not _keeps_looks(side) or len(case.looks) >= _MOST_LOOKS:
        return False
    return not case.looks or side.now() >= case.looks[-1].began + side.in_doubt / _LOOKS_PER_DOUBT


def _keep(session: Session, case: Case, look: Look) -> None:
    operation = session.get_one(Operation, case.operation_id)
    if operation.state not in ("unknown", "parked"):
        return
    rows = [*looks_of(operation), look]
    operation.looks = json.dumps(
        [[each.began.isoformat(), each.ended.isoformat(), f"{each.quantity:f}"] for each in rows]
    )
