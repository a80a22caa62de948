"""Planning: what a side should be told now. Reads the database, writes nothing, decides nothing by vendor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sqlalchemy import exists, select

from syncd.core.guard import Change, Stop, check_plan
from syncd.core.model import ZERO, ListingRef, Quantity, StockMode
from syncd.core.stock import project
from syncd.state.models import Item, Listing, Operation, is_open
from syncd.state.projections import PLAN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from syncd.service.side import SideContext
    from syncd.state.projections import Stocked


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """One stock write that would be made now.

    Attributes:
        holds: Units the side holds by our shadow.
        wants: Units it should hold.
        reason: The rule in words.
    """

    listing_id: int
    item_id: int
    ref: ListingRef
    sku: str | None
    name: str
    holds: Quantity
    wants: Quantity
    start_managing: bool
    reason: str

    @property
    def difference(self) -> Quantity:
        """Signed units to add."""
        return self.wants - self.holds


@dataclass(frozen=True, slots=True)
class Due:
    """What is kept of a planned write until its turn, when it is planned anew: a first sync has one for each item.

    Attributes:
        wants: Units that the safety limits have seen.
        ref: Where it would be written, for sides that are read just before; ``None`` for all others.
    """

    listing_id: int
    wants: Quantity
    ref: ListingRef | None


def plan_listing(side: SideContext, row: Stocked, on_hand: Quantity) -> PlannedWrite | None:
    """Return the write that brings one linked listing to what it should hold, or ``None`` if nothing is to be done."""
    if not side.writable(row) or row.item_id is None:
        return None
    wants = project(on_hand, side.policy, row.sku_key)
    start_managing = row.stock_mode == StockMode.UNMANAGED
    holds = ZERO if start_managing or row.shadow is None else row.shadow
    if wants == holds and not start_managing:
        return None
    return PlannedWrite(
        listing_id=row.id,
        item_id=row.item_id,
        ref=ListingRef(row.external_id, row.parent_external_id),
        sku=row.sku,
        name=row.name,
        holds=holds,
        wants=wants,
        start_managing=start_managing,
        reason=_reason(side, row, on_hand, wants),
    )


def _reason(side: SideContext, row: Stocked, on_hand: Quantity, wants: Quantity) -> str:
    held_back = side.policy.buffers.get(row.sku_key or "", side.policy.buffer)
    buffer = f", {held_back:f} held back" if held_back and not side.policy.hub else ""
    return f"{on_hand:f} on hand{buffer}: {side.name} should hold {wants:f}"


def can_be_planned() -> ColumnElement[bool]:
    """Condition "this listing waits to be planned, and neither an operation on it nor a person's word is awaited"."""
    return Listing.pending & Listing.held_at.is_(None) & ~exists().where(Operation.listing_id == Listing.id, is_open())


def pending_rows(session: Session, side: SideContext) -> Iterable[tuple[Stocked, Quantity]]:
    """Listings to be planned, with their item's quantity; those with an unresolved operation wait."""
    query = (
        select(*PLAN, Item.on_hand)
        .join(Item, Item.id == Listing.item_id)
        .where(Listing.side_id == side.id, can_be_planned())
        .order_by(Listing.id)
    )
    for found in session.execute(query.execution_options(yield_per=1000)):
        yield cast("Stocked", found), found.on_hand


def plan_side(session: Session, side: SideContext) -> tuple[list[PlannedWrite], list[int]]:
    """Plan everything pending on a side.

    Returns:
        The writes, and the ids of pending listings for which nothing is to be done.
    """
    writes: list[PlannedWrite] = []
    settled: list[int] = []
    for listing_id, planned in _plan_each(session, side):
        if planned is None:
            settled.append(listing_id)
        else:
            writes.append(planned)
    return writes, settled


def plan_due(session: Session, side: SideContext) -> tuple[list[Due], list[int], Stop | None]:
    """The same for a side that is about to be written to, with what the guard says of the whole plan.

    Returns:
        What is due, the ids of pending listings for which nothing is to be done, and why the plan must wait if it must.
    """
    due: list[Due] = []
    settled: list[int] = []
    changes: list[Change] = []
    same: dict[Quantity, Quantity] = {}
    by_id = not side.adapter.capabilities.relative
    for listing_id, planned in _plan_each(session, side):
        if planned is None:
            settled.append(listing_id)
            continue
        wants, holds = (same.setdefault(each, each) for each in (planned.wants, planned.holds))
        due.append(Due(listing_id, wants, planned.ref if by_id else None))
        if not side.is_hub:
            changes.append(Change(planned.sku or planned.name, holds, wants))
    return due, settled, _check(session, side, changes)


def _plan_each(session: Session, side: SideContext) -> Iterator[tuple[int, PlannedWrite | None]]:
    for row, on_hand in pending_rows(session, side):
        yield row.id, plan_listing(side, row, on_hand)


def check_safety(session: Session, side: SideContext, writes: Sequence[PlannedWrite]) -> Stop | None:
    """Ask the guard about a whole plan; the hub is never guarded, because its changes are people's own."""
    return _check(session, side, [Change(write.sku or write.name, write.holds, write.wants) for write in writes])


def _check(session: Session, side: SideContext, changes: Sequence[Change]) -> Stop | None:
    if side.is_hub or not changes:
        return None
    return check_plan(changes, side.linked_count(session), side.limits)
