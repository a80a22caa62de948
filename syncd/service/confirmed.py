"""Confirmations of many writes at once: what a side carried out as expected needs no object for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.model import Applied, StockMode
from syncd.service.outcome import findings_about, told_of
from syncd.state.bulk import update_rows
from syncd.state.models import Item, Listing, Operation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.orm import Session

    from syncd.core.model import Quantity, WriteResult
    from syncd.service.side import SideContext
    from syncd.state.models import Side


@dataclass(frozen=True, slots=True)
class Sent:
    """An operation that was sent, with what is known of its listing."""

    id: int
    uid: str
    run_id: int
    listing_id: int
    difference: Quantity
    expected_before: Quantity
    start_managing: bool
    sku: str | None
    external_id: str

    @property
    def expected(self) -> Quantity:
        """What the side should hold after it."""
        return self.expected_before + self.difference


def sent_rows(session: Session, operation_ids: Sequence[int]) -> list[Sent]:
    """Operations by id; their items are locked, in the one order."""
    query = (
        select(
            Operation.id,
            Operation.uid,
            Operation.run_id,
            Operation.listing_id,
            Operation.difference,
            Operation.expected_before,
            Operation.start_managing,
            Listing.sku,
            Listing.external_id,
        )
        .join(Operation, Operation.listing_id == Listing.id)
        .join(Item, Item.id == Operation.item_id)
        .where(Operation.id.in_(operation_ids))
        .order_by(Item.id)
        .with_for_update(of=Item)
    )
    return [Sent(*row) for row in session.execute(query)]


def as_expected(
    session: Session, side: SideContext, rows: Sequence[Sent], results: Mapping[int, WriteResult]
) -> dict[int, Quantity | None]:
    """Operations that were carried out, of which nothing else is to be told; with what the side reported.

    Args:
        session: A writing session.
        side: The side.
        rows: As ``sent_rows`` gave them.
        results: The answer, by id of the operation.
    """
    told = findings_about(session, side, [(row.external_id, row.id) for row in rows])
    found: dict[int, Quantity | None] = {}
    for row in rows:
        result = results[row.id]
        if isinstance(result, Applied) and _is_plain(side, row, result.quantity, told):
            found[row.id] = result.quantity
    return found


def _is_plain(side: SideContext, row: Sent, reported: Quantity | None, told: Collection[tuple[str, str]]) -> bool:
    return (reported is None or reported == row.expected) and not any(
        each in told for each in told_of(side, row.external_id, row.id)
    )


def confirm_all(
    session: Session,
    side: SideContext,
    side_row: Side,
    rows: Sequence[Sent],
    reported: Mapping[int, Quantity | None],
) -> None:
    """Record what ``as_expected`` found: the same as ``outcome.confirm``, for all of them in two statements.

    Args:
        session: A writing session that holds the locks (``sent_rows``).
        side: The side.
        side_row: Its row, with the number of this answer.
        rows: Rows of these operations.
        reported: What the side reported, by id of the operation.
    """
    if not rows:
        return
    now, marks = side.now(), side.adapter.capabilities.marker
    side_row.last_write_at = now
    outcome = {"state": "confirmed", "settled_by": "answer", "settled_at": now, "error": None}
    update_rows(session, Operation, [{"id": row.id, "reported": reported[row.id], **outcome} for row in rows])
    for starts in (False, True):
        update_rows(
            session,
            Listing,
            [
                {
                    "id": row.listing_id,
                    "shadow": row.expected,
                    "shadow_at": now,
                    "write_seq": side_row.write_seq,
                    **({"marker": row.uid} if marks else {}),
                    **({"stock_mode": str(StockMode.OWN)} if starts else {}),
                }
                for row in rows
                if row.start_managing == starts
            ],
        )
