"""What each side held over time: rebuilt from the ledger and from the writes, as no table keeps it.

A reading that differs moves a side's quantity by its movement, a write by its difference. Writes also say what a side
held before them, so they pin the line down where a quantity changed without a movement (a first reading, a shop put
back from a backup). The end is what the side is known to hold now.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.model import Quantity
from syncd.state.models import Listing, Movement, Operation, Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

_SEEN = ("sale", "return", "change", "correction")
"""Causes of movements that a side showed. Others change the ledger alone; the side is told of them by a write."""

_LONG_DOUBTS = 50


@dataclass(frozen=True, slots=True)
class Event:
    """Something that changed a side's quantity, or says what it was.

    Attributes:
        order: Place among events of the same moment.
        change: Signed units that it moved.
        holds: Units that the side held after it, if that is known; else ``None``.
        begins: Nothing was known before it.
    """

    at: datetime
    order: tuple[int, int]
    change: Quantity | None = None
    holds: Quantity | None = None
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """From this moment on a side held so much."""

    at: datetime
    holds: Quantity


@dataclass(frozen=True, slots=True)
class Line:
    """The quantity of one side over time: it holds from each step to the next, the last one to ``until``."""

    side: str
    steps: tuple[Step, ...]
    until: datetime

    @property
    def changes(self) -> int:
        """How often the quantity changed."""
        return len(self.steps) - 1


def trace(events: Iterable[Event], end: Quantity | None, end_at: datetime, start_at: datetime | None) -> list[Step]:
    """Follow one side through its events.

    Args:
        events: In any order.
        end: What it holds at the end; ``None`` if that is not known.
        end_at: Since when, at the latest; earlier than the last event counts as right after it.
        start_at: Since when what it held before the first event is known; ``None``: since the first event.

    Returns:
        The first step says what it held at the beginning, each other one that this changed; empty if nothing is known.
    """
    ordered = sorted(events, key=lambda event: (event.at, event.order))
    if end is not None:
        last = ordered[-1].at if ordered else end_at
        ordered.append(Event(max(end_at, last), (0, 0), holds=end))
    if not any(event.holds is not None for event in ordered):
        return []
    holds = None if ordered[0].begins else _before(ordered)
    steps: list[Step] = []
    if holds is not None:
        steps.append(Step(min(start_at or ordered[0].at, ordered[0].at), holds))
    for event in ordered:
        now = event.holds
        if now is None:
            now = (holds or Quantity(0)) + (event.change or Quantity(0))
        if now != holds:
            steps.append(Step(event.at, now))
        holds = now
    return steps


def _before(ordered: Sequence[Event]) -> Quantity:
    """What was held before the first event: from the first one that says how much was held, backwards."""
    moved = Quantity(0)
    for event in ordered:
        moved += event.change or Quantity(0)
        if event.holds is not None:
            return event.holds - moved
    raise AssertionError("the caller looked")  # pragma: no cover


def read_lines(session: Session, item_id: int, *, limit: int, now: datetime) -> list[Line]:
    """Rebuild the lines of an item's sides from its newest movements and writes, in the order of the sides.

    Args:
        session: A reading transaction.
        item_id: The item.
        limit: Most movements, and most writes.
        now: Present time.
    """
    moved = select(Movement).where(Movement.item_id == item_id).order_by(Movement.id.desc()).limit(limit)
    movements = session.scalars(moved).all()
    wrote = select(Operation).where(Operation.item_id == item_id).order_by(Operation.id.desc()).limit(limit)
    operations = list(session.scalars(wrote))
    # Beyond the oldest of what was left out nothing is known.
    left_out = [rows[-1] for rows in (_times(movements), _times(operations)) if len(rows) == limit]
    # What was summed up is left out, too, and the writes of that time with it.
    left_out += [row.recorded_at for row in movements if row.cause == "checkpoint"]
    cut = max(left_out, default=None)
    if len(operations) == limit and cut is not None:
        operations += _settled_later(session, item_id, operations[-1].id, cut)
    listings = {row.side_id: row for row in session.scalars(select(Listing).where(Listing.item_id == item_id))}
    lines = []
    for side in session.scalars(select(Side).order_by(Side.id)):
        mine = [each for each in _events(movements, operations, side.id) if cut is None or each.at >= cut]
        listing = listings.get(side.id)
        if listing is None and not mine:
            continue
        end, end_at = (listing.shadow, listing.shadow_at or now) if listing else (None, now)
        since = listing.linked_at or listing.first_seen_at if listing else None
        start_at = cut if cut is not None and (since is None or since < cut) else since
        steps = trace(mine, end, end_at, start_at)
        if steps:
            gone = listing is None or listing.gone_at is not None
            lines.append(Line(side.name, tuple(steps), steps[-1].at if gone else max(now, steps[-1].at)))
    return lines


def _settled_later(session: Session, item_id: int, before: int, cut: datetime) -> list[Operation]:
    """Older writes that were in doubt for long: they took effect within the window all the same."""
    query = select(Operation).where(Operation.item_id == item_id, Operation.id < before, Operation.settled_at >= cut)
    return list(session.scalars(query.order_by(Operation.id.desc()).limit(_LONG_DOUBTS)))


def _times(rows: Sequence[Movement] | Sequence[Operation]) -> list[datetime]:
    return [row.recorded_at if isinstance(row, Movement) else row.intended_at for row in rows]


def _events(movements: Iterable[Movement], operations: Iterable[Operation], side_id: int) -> Iterable[Event]:
    for row in movements:
        if row.side_id != side_id:
            continue
        if row.cause == "opening":
            yield Event(row.recorded_at, (-1, row.id), holds=row.quantity, begins=True)
        elif row.cause in _SEEN:
            # What an answer reported beyond its write comes right after it; other readings before writes they cause.
            yield Event(
                row.recorded_at, (row.operation_id or -1, 2 if row.operation_id else row.id), change=row.quantity
            )
    for write in operations:
        if write.side_id != side_id:
            continue
        yield Event(write.intended_at, (write.id, 0), holds=write.expected_before)
        if write.state == "confirmed" and write.settled_at is not None:
            after = write.expected_before + write.difference
            yield Event(write.settled_at, (write.id, 1), change=write.difference, holds=after)
