"""A write that a side answered after another process had settled it as not applied: the proof that it was made twice.

Nothing from here can prevent it (docs/high-availability.md); a person can be told. The process that holds the answer
may not write any more what its lease protects, so this finding is all that it leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loguru import logger
from sqlalchemy import select

from syncd.service.findings import Found, open_finding
from syncd.state.models import Listing, Operation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.service.side import SideContext

_NOT_APPLIED = ("cancelled", "rejected")


def tell_late(side: SideContext, operation_ids: Iterable[int]) -> None:
    """Tell of writes that the side says it has made, and that the process which leads now has settled otherwise.

    Args:
        side: The side.
        operation_ids: Writes with an answer that says yes.
    """
    with side.db.write(fenced=False) as session:
        query = select(Operation, Listing).join(Listing, Listing.id == Operation.listing_id)
        late = query.where(Operation.id.in_(list(operation_ids)), Operation.state.in_(_NOT_APPLIED))
        for operation, row in session.execute(late):
            found = Found(
                kind="late_write",
                subject=f"operation {operation.id}",
                severity="error",
                side_id=side.id,
                item_id=operation.item_id,
                operation_id=operation.id,
                message=f"{side.name}: {operation.difference:+f} for {row.name} ({row.sku or row.external_id}) arrived "
                "after another process had taken over and made it again; it was counted as a change of that side",
                advice=f"Count the product. If it was made twice, correct {side.name} by {-operation.difference:+f}. "
                "Then `syncd findings resolve {id}`. The machine was halted while it sent: docs/high-availability.md.",
            )
            open_finding(session, found, side.now())
            logger.bind(side=side.name, sku=row.sku, operation=operation.uid).error("stock.late_write")
