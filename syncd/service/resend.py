"""Writes in doubt that are sent once more under their own key, which their side applies once (design 3, rules 2 and 4).

What the repeated answer says of the quantity may be as old as the first one, so the listing is to be read again; and
like every reading, that one is held against the write: right after it, a cache may show what was there before. Only a
yes settles anything: a no may be about the second try alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.model import Applied, StockWrite, Unknown
from syncd.errors import InvalidResponse, OutcomeUnknown
from syncd.service.ledger import lock_items
from syncd.service.outcome import confirm
from syncd.state.models import Listing, Operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.core.model import WriteResult
    from syncd.service.doubt import Case
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext


def can_be_resent(side: SideContext, case: Case) -> bool:
    """Whether the side still knows the key for certain, if it ever saw it."""
    life_s = side.adapter.capabilities.key_life_s
    return not case.start_managing and 0 <= (side.now() - case.sent_at).total_seconds() < life_s


def settle_by_key(side: SideContext, run: RunLog, cases: Sequence[Case]) -> set[int]:
    """Send writes again, and confirm those that the side says it has applied.

    Returns:
        Operations that nothing else may settle in this pass: they are settled now, or may just be under way again.

    Raises:
        SideError: The side could not be asked; what it confirmed before is settled.
    """
    done: set[int] = set()
    size = max(1, side.adapter.capabilities.batch_size)
    for start in range(0, len(cases), size):
        chunk = _begin(side, cases[start : start + size])
        results = dict(zip((case.operation_id for case in chunk), _send(side, chunk), strict=True))
        _end(side, chunk, results)
        applied = [case for case in chunk if isinstance(results[case.operation_id], Applied)]
        if applied:
            _confirm(side, run, applied)
        done |= {key for key, result in results.items() if isinstance(result, Applied | Unknown)}
    return done


def _begin(side: SideContext, cases: Sequence[Case]) -> list[Case]:
    """Note that these may be under way from now on, also if the process ends here: numbers say nothing of them yet.

    What a person settled meanwhile, or is asked to settle, is left out.
    """
    ids = [case.operation_id for case in cases]
    with side.db.write() as session:
        rows = list(session.scalars(select(Operation).where(Operation.id.in_(ids), Operation.state == "unknown")))
        for row in rows:
            row.doubted_at = side.now()
        still = {row.id for row in rows}
    return [case for case in cases if case.operation_id in still]


def _send(side: SideContext, cases: Sequence[Case]) -> Sequence[WriteResult]:
    writes = [StockWrite(case.ref, case.uid, case.doubt.difference, case.doubt.before) for case in cases]
    try:
        return side.adapter.write_stock(writes)
    except (OutcomeUnknown, InvalidResponse) as error:
        return [Unknown(f"{error.request}: {error.detail}")] * len(cases)


def _end(side: SideContext, cases: Sequence[Case], results: Mapping[int, WriteResult]) -> None:
    """The doubt goes on from when this answer was given up; after a clear one from when it began."""
    with side.db.write() as session:
        for case in cases:
            is_lost = isinstance(results[case.operation_id], Unknown)
            session.get_one(Operation, case.operation_id).doubted_at = side.now() if is_lost else case.doubt.since


def _confirm(side: SideContext, run: RunLog, cases: Sequence[Case]) -> None:
    with side.db.write() as session:
        side_row = side.row(session)
        side_row.write_seq += 1
        for case in cases:
            operation, row = session.get_one(Operation, case.operation_id), session.get_one(Listing, case.listing_id)
            item_id = row.item_id or case.item_id
            item = lock_items(session, [item_id])[item_id]
            if operation.state != "unknown":
                continue
            confirm(session, side, run, row, item, operation, side_row, None, by="marker")
            row.recheck_at = side.now()
            run.counts.confirmed += 1
