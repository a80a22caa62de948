"""The ledger: the only place that changes an item's canonical quantity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.model import ZERO
from syncd.service.findings import Found, close_finding, open_finding
from syncd.state.bulk import insert_rows, next_ids
from syncd.state.models import Item, Listing, Movement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
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


def make_items(session: Session, quantities: Sequence[Quantity], now: datetime) -> list[int]:
    """Make new items with these quantities and return their ids; ``note_openings`` is owed for each."""
    ids = next_ids(session, Item, len(quantities))
    rows = [
        {"id": item_id, "on_hand": quantity, "created_at": now}
        for item_id, quantity in zip(ids, quantities, strict=True)
    ]
    insert_rows(session, Item, rows)
    return ids


def note_openings(
    session: Session,
    openings: Sequence[tuple[int, int, Quantity]],
    *,
    side_id: int,
    evidence: str,
    run: RunLog,
    now: datetime,
) -> None:
    """Append the first movement of items that were just made (``make_items``), each from nothing to what it holds.

    The same as ``move``: nobody else knows these items yet, so nothing is locked, and no listing but the one that they
    were made for could be planned again.

    Args:
        session: A writing session.
        openings: Ids of item and listing, and the quantity.
        side_id: The hub.
        evidence: How we know.
        run: The pass.
        now: Our clock.
    """
    same = {"side_id": side_id, "run_id": run.id, "cause": "opening", "evidence": evidence, "recorded_at": now}
    rows = [
        {**same, "id": number, "item_id": item, "listing_id": listing, "quantity": units, "on_hand_after": units}
        for number, (item, listing, units) in zip(next_ids(session, Movement, len(openings)), openings, strict=True)
    ]
    insert_rows(session, Movement, rows)
    run.counts.movements += len(rows)
    for item_id, listing_id, units in openings:
        if units < 0:
            _watch_oversell(session, session.get_one(Item, item_id), ZERO, session.get_one(Listing, listing_id), now)


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
                message=f"{label} is oversold: {item.on_hand.normalize():f} on hand",
                advice="Find the missing units or tell the customer; `syncd explain SKU` shows who sold what. "
                "Shops are told 0 until the quantity is positive again.",
            ),
            now,
        )
    elif before < 0:
        close_finding(session, "oversell", f"item {item.id}", now)
