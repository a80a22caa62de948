"""Writes in doubt that are sent once more under their own key, which their side applies once (design 3, rules 2 and 4).

What the repeated answer says of the quantity may be as old as the first one, so the listing is read afterwards. Only a
yes settles anything: a no may be about the second try alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.core.model import Applied, StockWrite
from syncd.errors import InvalidResponse, OutcomeUnknown
from syncd.service.ledger import lock_items
from syncd.service.outcome import confirm
from syncd.state.models import Listing, Operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.core.model import RemoteListing, WriteResult
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
        Operations that are settled now.

    Raises:
        SideError: The side could not be asked; what it confirmed before is settled.
    """
    settled: set[int] = set()
    size = max(1, side.adapter.capabilities.batch_size)
    for start in range(0, len(cases), size):
        chunk = cases[start : start + size]
        applied = [case for case, result in zip(chunk, _send(side, chunk), strict=True) if isinstance(result, Applied)]
        if not applied:
            continue
        shown = {one.ref.external_id: one for one in side.adapter.fetch([case.ref for case in applied]).listings}
        _confirm(side, run, applied, shown)
        settled |= {case.operation_id for case in applied}
    return settled


def _send(side: SideContext, cases: Sequence[Case]) -> Sequence[WriteResult | None]:
    writes = [StockWrite(case.ref, case.uid, case.doubt.difference, case.doubt.before) for case in cases]
    try:
        return side.adapter.write_stock(writes)
    except (OutcomeUnknown, InvalidResponse):
        return [None] * len(cases)  # as much in doubt as before


def _confirm(side: SideContext, run: RunLog, cases: Sequence[Case], shown: Mapping[str, RemoteListing]) -> None:
    with side.db.write() as session:
        side_row = side.row(session)
        side_row.write_seq += 1
        for case in cases:
            operation, row = session.get_one(Operation, case.operation_id), session.get_one(Listing, case.listing_id)
            item_id = row.item_id or case.item_id
            item = lock_items(session, [item_id])[item_id]
            if operation.state not in ("unknown", "parked"):
                continue
            remote = shown.get(case.ref.external_id)
            quantity = remote.quantity if remote is not None else None
            confirm(session, side, run, row, item, operation, side_row, quantity, by="marker")
            run.counts.confirmed += 1
