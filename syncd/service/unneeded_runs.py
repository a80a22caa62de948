"""Passes that nothing refers to any more."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from syncd.state.models import CursorRow, Listing, Movement, Operation, Run, StockEventRow, Tombstone
from syncd.state.product_models import Creation, FieldWrite, Withdrawal

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

_ROWS = 500
_REFERRING = (CursorRow, Movement, Operation, StockEventRow, Tombstone, Creation, FieldWrite, Withdrawal)


def remove_runs(
    session: Session, side_id: int, before: datetime, after: int, *, dry_run: bool
) -> tuple[int | None, int]:
    """Remove one batch of a side's passes that ended before a moment, and of which nothing is left.

    Kept are those that any row refers to, the newest of all (its number must not be given again), and each that last
    set what a listing is known to hold: what a write in doubt is weighed against begins there.

    Args:
        session: A writing session, or a reading one for a dry run.
        side_id: The side.
        before: Since when passes of the side are needed.
        after: Number of the last pass of the batch before.
        dry_run: Count alone.

    Returns:
        Number of the last pass that was looked at, ``None`` if there was none left; and how many went.
    """
    newest = session.scalar(select(func.max(Run.id))) or 0
    query = (
        select(Run.id, Run.started_at, Run.kind)
        .where(Run.side_id == side_id, Run.id > after, Run.id < newest, Run.started_at < before)
        .where(Run.result != "running")
        .order_by(Run.id)
        .limit(_ROWS)
    )
    rows = [(number, at, kind) for number, at, kind in session.execute(query)]
    if not rows:
        return None, 0
    referred = {number for model in _REFERRING for number in _named(session, model, rows[0][0], rows[-1][0])}
    # A pass of kind "sync" is a person's word, and read nothing.
    referred |= _that_set_shadows(session, side_id, [(number, at) for number, at, kind in rows if kind != "sync"])
    ids = [number for number, _, _ in rows if number not in referred]
    if ids and not dry_run:
        session.execute(delete(Run).where(Run.id.in_(ids)))
    return rows[-1][0], len(ids)


def _named(session: Session, model: type, first: int, last: int) -> Collection[int]:
    column = model.run_id  # type: ignore[attr-defined]  # each of these has it
    return session.scalars(select(column).where(column.between(first, last)).distinct()).all()


def _that_set_shadows(session: Session, side_id: int, rows: Sequence[tuple[int, datetime]]) -> set[int]:
    """Passes during which a quantity was last read or confirmed that is still what we know."""
    if not rows:
        return set()
    by_start = sorted((at, number) for number, at in rows)
    starts = [at for at, _ in by_start]
    following = select(func.min(Run.started_at)).where(Run.side_id == side_id, Run.started_at > starts[-1])
    following = following.where(Run.kind != "sync")
    until = session.scalar(following)
    query = select(Listing.shadow_at).where(Listing.side_id == side_id, Listing.shadow_at >= starts[0]).distinct()
    moments = session.scalars(query if until is None else query.where(Listing.shadow_at < until))
    found: set[int] = set()
    for moment in moments:
        at = None if moment is None else bisect_right(starts, moment) - 1
        if at is not None and at >= 0:
            found.add(by_start[at][1])
    return found
