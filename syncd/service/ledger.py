"""The ledger: the only place that changes an item's canonical quantity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.service.findings import Found, close_finding, open_finding
from syncd.state.models import Item, Listing, Movement

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.core.model import Quantity
    from syncd.service.runs import RunLog


def lock_items(session: Session, item_ids: Iterable[int]) -> dict[int, Item]:
    """Load items and lock their rows, in one order everywhere, so that two sides never deadlock."""
    ids = sorted(set(item_ids))
    if not ids:
        return {}
    query = select(Item).where(Item.id.in_(ids)).order_by(Item.id).with_for_update()
    return {item.id: item for item in session.scalars(query.execution_options(populate_existing=True))}


def move(
    session: Session,
    item: Item,
    quantity: Quantity,
    *,
    cause: str,
    evidence: str,
    listing: Listing | None,
    run: RunLog,
    now: datetime,
    operation_id: int | None = None,
) -> Movement:
    """Append a movement, add it to the item's quantity, and have every listing of the item planned again.

    The caller holds the item's lock (``lock_items``). The movement has its id after the next flush.
    """
    before = item.on_hand
    item.on_hand = before + quantity
    movement = Movement(
        item_id=item.id,
        side_id=listing.side_id if listing else None,
        listing_id=listing.id if listing else None,
        run_id=run.id,
        operation_id=operation_id,
        quantity=quantity,
        on_hand_after=item.on_hand,
        cause=cause,
        evidence=evidence,
        recorded_at=now,
    )
    session.add(movement)
    run.counts.movements += 1
    # Row by row: an UPDATE would have every object of the session looked through, once for each movement.
    for row in session.scalars(select(Listing).where(Listing.item_id == item.id)):
        row.pending = True
    _watch_oversell(session, item, before, listing, now)
    return movement


def _watch_oversell(session: Session, item: Item, before: Quantity, listing: Listing | None, now: datetime) -> None:
    if item.on_hand < 0:
        if listing is None:  # a person's word happens on no side
            query = select(Listing).where(Listing.item_id == item.id).order_by(Listing.side_id, Listing.id)
            listing = session.scalars(query.limit(1)).one_or_none()
        label = f"{listing.name} ({listing.sku or listing.external_id})" if listing else f"item {item.id}"
        open_finding(
            session,
            Found(
                kind="oversell",
                subject=f"item {item.id}",
                severity="error",
                item_id=item.id,
                message=f"{label} is oversold: {item.on_hand:f} on hand",
                advice="Find the missing units or tell the customer; `syncd explain SKU` shows who sold what. "
                "Shops are told 0 until the quantity is positive again.",
            ),
            now,
        )
    elif before < 0:
        close_finding(session, "oversell", f"item {item.id}", now)
