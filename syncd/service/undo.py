"""Undo: the inverse differences of a run's writes, through the ledger, so that every side follows.

A write made a side equal to the ledger. Taking it back is a change of the ledger: each item moves by the opposite of
what the run wrote for it, and the next pass tells all sides, within the safety stops as ever.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from loguru import logger
from sqlalchemy import func, select

from syncd.core.model import ZERO, Quantity
from syncd.errors import SyncdError
from syncd.service.ledger import lock_items, move
from syncd.service.restored import refuse_uncompared
from syncd.service.runs import RunLog
from syncd.state.models import Item, Listing, Movement, Operation, Run, Side, is_open

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from syncd.state.engine import Database


class UnknownRun(SyncdError):
    """There is no run with this number."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class WritingRun:
    """A run that wrote something: ``units`` is the sum of the sizes of its confirmed differences."""

    run: int
    side: str
    kind: str
    cause: str
    started_at: datetime
    confirmed: int
    units: Quantity


@dataclass(frozen=True, slots=True)
class UndoRow:
    """One item that is taken back.

    Attributes:
        wrote: Net units that the run wrote to its side.
        on_hand: Canonical quantity now.
        after: Canonical quantity once it is taken back; the sides follow.
        operations: Ids of the writes.
    """

    item: int
    sku: str
    name: str
    side: str
    wrote: Quantity
    on_hand: Quantity
    after: Quantity
    operations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A write of the run that is left as it is, and why."""

    sku: str
    name: str
    side: str
    wrote: Quantity
    reason: str


@dataclass(slots=True)
class Undo:
    """What taking a run back does. ``undo_run``: the run that did it; ``None`` while it is only a plan."""

    run: int
    side: str
    rows: list[UndoRow] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    undo_run: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def writing_runs(db: Database, *, limit: int = 20) -> list[WritingRun]:
    """List the latest runs that wrote something, newest first."""
    query = (
        select(Run, Side.name, func.count(), func.sum(func.abs(Operation.difference), type_=Operation.difference.type))
        .join(Operation, Operation.run_id == Run.id)
        .join(Side, Side.id == Run.side_id)
        .where(Operation.state == "confirmed")
        .group_by(Run.id, Side.name)
        .order_by(Run.id.desc())
        .limit(limit)
    )
    with db.read() as session:
        return [
            WritingRun(run.id, side, run.kind, run.cause, run.started_at, count, units)
            for run, side, count, units in session.execute(query)
        ]


def plan_undo(db: Database, run_id: int) -> Undo:
    """Say what taking a run back would do; writes nothing.

    Raises:
        UnknownRun: There is no such run.
    """
    refuse_uncompared(db)
    with db.read() as session:
        return _plan(session, run_id)


def carry_out_undo(db: Database, run_id: int, *, now: datetime) -> Undo:
    """Record the inverse of a run's writes in the ledger, in one transaction; the next pass writes to the sides.

    It needs no lease: writers take turns, and what is planned here is planned from what the turn finds.

    Raises:
        UnknownRun: There is no such run.
    """
    refuse_uncompared(db)
    with db.write(fenced=False) as session:
        undo = _plan(session, run_id)
        if not undo.rows:
            return undo
        former = session.get_one(Run, run_id)
        # The pass that it belongs to is over: the row is there so that each movement points to what made it.
        row = Run(
            side_id=former.side_id, kind="sync", cause=f"syncd undo {run_id}", result="ok", started_at=now,
            finished_at=now, movements=len(undo.rows),
        )  # fmt: skip
        session.add(row)
        session.flush()
        log = RunLog(row.id, undo.side, row.kind, row.cause)
        items = lock_items(session, [each.item for each in undo.rows])
        for each in undo.rows:
            # It happened on no side: what a side's documents are held against must not see it.
            move(
                session, items[each.item], -each.wrote, cause="undo", evidence=_evidence(undo, each), listing=None,
                run=log, now=now, operation_id=each.operations[-1],
            )  # fmt: skip
        undo.undo_run = row.id
    logger.bind(run=run_id, undo_run=undo.undo_run, items=len(undo.rows), skipped=len(undo.skipped)).info("run.undone")
    return undo


def _evidence(undo: Undo, row: UndoRow) -> str:
    writes = ", ".join(str(number) for number in row.operations)
    return f"undo of run {undo.run} ({undo.side} {row.wrote:+f}, write{'s' * (len(row.operations) > 1)} {writes})"


def _plan(session: Session, run_id: int) -> Undo:
    run = session.get(Run, run_id)
    if run is None:
        raise UnknownRun(f"there is no run {run_id}; `syncd undo` lists the latest that wrote something")
    undo = Undo(run_id, session.get_one(Side, run.side_id).name)
    query = (
        select(Operation, Listing)
        .join(Listing, Listing.id == Operation.listing_id)
        .where(Operation.run_id == run_id, (Operation.state == "confirmed") | is_open())
        .order_by(Operation.id)
    )
    confirmed: dict[int, list[tuple[Operation, Listing]]] = defaultdict(list)
    for operation, listing in session.execute(query):
        if operation.state == "confirmed":
            confirmed[operation.item_id].append((operation, listing))
        else:
            reason = f"in doubt ({operation.state}): it is not known whether it took effect"
            undo.skipped.append(_skipped(undo, listing, operation.difference, reason))
    undone = _undone_since(session, run_id, confirmed)
    summed_up = _summed_up_since(session, run.started_at, confirmed)
    for item_id, writes in confirmed.items():
        _plan_item(session, undo, item_id, writes, undone.get(item_id), summed_up.get(item_id))
    return undo


def _plan_item(
    session: Session,
    undo: Undo,
    item_id: int,
    writes: Sequence[tuple[Operation, Listing]],
    undone: Movement | None,
    summed_up: datetime | None,
) -> None:
    wrote = sum((operation.difference for operation, _ in writes), ZERO)
    listing = writes[-1][1]
    reason = ""
    if undone is not None:
        reason = f"taken back already by run {undone.run_id} ({undone.evidence})"
    elif summed_up is not None:
        reason = f"what was taken back up to {summed_up:%Y-%m-%d} is not known any more (`[retention] movements`)"
    elif listing.item_id != item_id or listing.gone_at is not None:
        reason = f"it is not linked on {undo.side} any more"
    elif any(operation.start_managing for operation, _ in writes):
        reason = f"{undo.side} began to count it: that was no change of its quantity"
    elif not wrote:
        reason = "its writes cancel each other out"
    if reason:
        undo.skipped.append(_skipped(undo, listing, wrote, reason))
        return
    on_hand = session.get_one(Item, item_id).on_hand
    operations = tuple(operation.id for operation, _ in writes)
    undo.rows.append(
        UndoRow(item_id, listing.sku or listing.external_id, listing.name, undo.side, wrote, on_hand, on_hand - wrote,
                operations)
    )  # fmt: skip


def _skipped(undo: Undo, listing: Listing, wrote: Quantity, reason: str) -> Skipped:
    return Skipped(listing.sku or listing.external_id, listing.name, undo.side, wrote, reason)


def _undone_since(session: Session, run_id: int, item_ids: Iterable[int]) -> dict[int, Movement]:
    """By item, the latest undo that was recorded after the run began.

    One change is written to several sides by several runs; whoever takes back two of them must not take it back twice.
    So after an undo nothing older is undone for that item. Numbers of runs grow, whatever the clock does.
    """
    ids = list(item_ids)
    found: dict[int, Movement] = {}
    for start in range(0, len(ids), 500):
        query = select(Movement).where(
            Movement.item_id.in_(ids[start : start + 500]), Movement.cause == "undo", Movement.run_id > run_id
        )
        found.update({movement.item_id: movement for movement in session.scalars(query.order_by(Movement.id))})
    return found


def _summed_up_since(session: Session, moment: datetime, item_ids: Iterable[int]) -> dict[int, datetime]:
    """By item, until when its movements are kept as a sum, if that is after a moment: an undo may be among them."""
    ids = list(item_ids)
    found: dict[int, datetime] = {}
    for start in range(0, len(ids), 500):
        query = select(Movement.item_id, func.max(Movement.recorded_at)).where(
            Movement.item_id.in_(ids[start : start + 500]),
            Movement.cause == "checkpoint",
            Movement.recorded_at >= moment,
        )
        found.update((row[0], row[1]) for row in session.execute(query.group_by(Movement.item_id)))
    return found
