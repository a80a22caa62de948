"""Retention: history that is old enough goes, bit by bit, and every sum stays what it is.

Movements of one item on one side give way to a checkpoint: one movement with their sum, in the place of the last of
them. Nothing that a decision may still look at is touched: see ``_Needed``. Keys of documents are kept for ever, so
that one which a side delivers years later is known; only the steps of one document become one row.

Each batch is one short transaction, and what to do next is found in the tables. So a stop or a crash between any two
statements leaves right sums, and the next look goes on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, or_, select, update

from syncd.core.model import ZERO
from syncd.service.findings import APPROVED, PUT_BACK
from syncd.service.ledger import lock_items
from syncd.service.unneeded_runs import remove_runs
from syncd.state.models import Finding, Listing, Movement, Operation, Run, Side, StockEventRow, has_open_part, is_open

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.orm import Session

    from syncd.config.schema import RetentionConfig
    from syncd.state.engine import Database

MARGIN = timedelta(days=1)
"""Beside what may still be looked at, so much more is kept: rules look back by minutes."""

_ITEMS = 50
_ROWS = 500


@dataclass(slots=True)
class Pruned:
    """What was removed, or would be.

    Attributes:
        movements: Movements that gave way to a checkpoint.
        checkpoints: Checkpoints that were made for them.
        operations: Writes.
        documents: Steps of documents that became one row.
        findings: Closed findings.
        runs: Passes.
    """

    movements: int = 0
    checkpoints: int = 0
    operations: int = 0
    documents: int = 0
    findings: int = 0
    runs: int = 0

    def add(self, other: Pruned) -> None:
        """Count more."""
        for each in fields(Pruned):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    @property
    def total(self) -> int:
        """All rows that went."""
        return self.movements - self.checkpoints + self.operations + self.documents + self.findings + self.runs

    def as_dict(self) -> dict[str, int]:
        """For ``--json`` and the log."""
        return asdict(self)


@dataclass(slots=True)
class _Needed:
    """Since when history of each side is needed, and which items are left alone.

    A decision looks back to the last complete read of its side, and from whatever is open there: a document without its
    movement, a write without its outcome. An item with such a thing, or with an open finding, keeps all that it has.
    """

    sides: dict[int, datetime]
    items: set[int]

    @classmethod
    def read(cls, session: Session, now: datetime, item_ids: Sequence[int] = ()) -> _Needed:
        """Look it up, for these items; by index, for it is done in each transaction anew."""
        sides = {side_id: _last_look(session, side_id, now) for side_id in session.scalars(select(Side.id))}
        open_things = (
            select(StockEventRow.side_id, func.min(StockEventRow.began_at)).where(has_open_part()),
            select(Operation.side_id, func.min(Operation.intended_at)).where(is_open()),
        )
        for query in open_things:
            for side_id, at in session.execute(query.group_by(query.selected_columns[0])):
                sides[side_id] = min(sides[side_id], at)
        return cls({side_id: at - MARGIN for side_id, at in sides.items()}, _busy_items(session, item_ids))

    def since(self, side_ids: Iterable[int | None], cutoff: datetime) -> datetime:
        """Since when history of something on these sides is kept."""
        return min([cutoff, *(self.sides[each] for each in side_ids if each is not None and each in self.sides)])


def _last_look(session: Session, side_id: int, now: datetime) -> datetime:
    """When a side was last read completely, or else when it was first tried."""
    mine = select(Run.started_at).where(Run.side_id == side_id)
    complete = mine.where(Run.kind.in_(("poll", "full")), Run.result == "ok")
    last = session.scalar(complete.order_by(Run.started_at.desc()).limit(1))
    return last or session.scalar(mine.order_by(Run.started_at).limit(1)) or now


def _busy_items(session: Session, item_ids: Sequence[int]) -> set[int]:
    documents = (
        select(Listing.item_id)
        .join(
            StockEventRow,
            (StockEventRow.side_id == Listing.side_id) & (StockEventRow.external_id == Listing.external_id),
        )
        .where(has_open_part(), Listing.item_id.in_(item_ids))
    )
    queries = (
        select(Operation.item_id).where(is_open(), Operation.item_id.in_(item_ids)),
        select(Finding.item_id).where(Finding.closed_at.is_(None), Finding.item_id.in_(item_ids)),
        select(Listing.item_id).where(Listing.held_at.is_not(None), Listing.item_id.in_(item_ids)),
        documents,
    )
    return {item_id for query in queries for item_id in session.scalars(query) if item_id is not None}


@dataclass(slots=True)
class Pruner:
    """Removes what the policy no longer keeps, a batch for each call of ``step``.

    Args:
        db: The database; its writes are fenced as ever.
        policy: How long history is kept.
        now: Present time; one for the whole pass.
        dry_run: Count alone.
    """

    db: Database
    policy: RetentionConfig
    now: datetime
    dry_run: bool = False
    _batches: Iterator[Pruned] | None = field(default=None, repr=False)

    def step(self) -> Pruned | None:
        """Do one batch, in one transaction; ``None`` if nothing is left to do."""
        if self._batches is None:
            self._batches = self._all()
        return next(self._batches, None)

    def run(self) -> Pruned:
        """Do all of it."""
        done = Pruned()
        while (batch := self.step()) is not None:
            done.add(batch)
        return done

    def _all(self) -> Iterator[Pruned]:
        if self.policy.movements.keep is not None:
            cutoff = self.now - self.policy.movements.keep
            yield from self._findings(cutoff)
            yield from self._items(cutoff)
            yield from self._documents(cutoff)
        if self.policy.runs.keep is not None:
            yield from self._runs(self.now - self.policy.runs.keep)

    def _transaction(self) -> Any:
        return self.db.read() if self.dry_run else self.db.write()

    def _findings(self, cutoff: datetime) -> Iterator[Pruned]:
        """Closed findings; not the newest of all: how far people were told is known by the number."""
        newest = select(func.max(Finding.id)).scalar_subquery()
        used = Finding.closed_by.is_(None) | Finding.closed_by.not_in((APPROVED, PUT_BACK))
        old = select(Finding.id).where(Finding.closed_at < cutoff, used, Finding.id < newest).order_by(Finding.id)
        last = 0
        while True:
            with self._transaction() as session:
                ids = list(session.scalars(old.where(Finding.id > last).limit(_ROWS)))
                if ids and not self.dry_run:
                    session.execute(delete(Finding).where(Finding.id.in_(ids)))
            if not ids:
                return
            last = ids[-1]
            yield Pruned(findings=len(ids))

    def _items(self, cutoff: datetime) -> Iterator[Pruned]:
        """Movements that can be summed up, and writes, item by item."""
        with self.db.read() as session:
            several = (
                select(Movement.item_id)
                .where(Movement.recorded_at < cutoff)
                .group_by(Movement.item_id, Movement.side_id, Movement.listing_id)
                .having(func.count() > 1)
            )
            written = select(Operation.item_id).where(Operation.intended_at < cutoff)
            written = written.group_by(Operation.item_id, Operation.listing_id).having(func.count() > 1)
            ids = sorted({*session.scalars(several), *session.scalars(written)})
        for start in range(0, len(ids), _ITEMS):
            with self._transaction() as session:
                done = _prune_items(session, ids[start : start + _ITEMS], cutoff, self.now, dry_run=self.dry_run)
            yield done

    def _documents(self, cutoff: datetime) -> Iterator[Pruned]:
        last: tuple[int, str] = (0, "")
        while True:
            with self._transaction() as session:
                last, done = _join_documents(session, last, cutoff, self.now, dry_run=self.dry_run)
            if not last[0]:
                return
            yield done

    def _runs(self, cutoff: datetime) -> Iterator[Pruned]:
        with self.db.read() as session:
            needed = _Needed.read(session, self.now)
        for side_id in sorted(needed.sides):
            before = needed.since([side_id], cutoff)
            last: int | None = 0
            while last is not None:
                with self._transaction() as session:
                    last, count = remove_runs(session, side_id, before, last, dry_run=self.dry_run)
                if last is not None:
                    yield Pruned(runs=count)


def _prune_items(
    session: Session, item_ids: Sequence[int], cutoff: datetime, now: datetime, *, dry_run: bool
) -> Pruned:
    # Looked up in the transaction that removes: what opens later is younger than all that goes.
    needed = _Needed.read(session, now, item_ids)
    ids = [each for each in item_ids if each not in needed.items]
    if not dry_run:
        lock_items(session, ids)
    sides: dict[int, set[int]] = defaultdict(set)
    for item_id, side_id in session.execute(select(Listing.item_id, Listing.side_id).where(Listing.item_id.in_(ids))):
        sides[item_id or 0].add(side_id)
    done = Pruned()
    for item_id in ids:
        before = needed.since(sides[item_id], cutoff)
        done.add(_sum_up(session, item_id, before, dry_run=dry_run))
        # After the movements that name them.
        done.operations += _remove_writes(session, item_id, before, dry_run=dry_run)
    return done


def _sum_up(session: Session, item_id: int, before: datetime, *, dry_run: bool) -> Pruned:
    """Replace an item's movements before a moment by one for each side and listing.

    In order of their numbers, so that what is left goes on from the last sum. A movement that stands alone stays: its
    sum says no more than itself.
    """
    first_kept = select(func.min(Movement.id)).where(Movement.item_id == item_id, Movement.recorded_at >= before)
    query = select(Movement).where(Movement.item_id == item_id, Movement.recorded_at < before).order_by(Movement.id)
    end = session.scalar(first_kept)
    rows = session.scalars(query if end is None else query.where(Movement.id < end)).all()
    groups: dict[tuple[int | None, int | None], list[Movement]] = defaultdict(list)
    for row in rows:
        groups[row.side_id, row.listing_id].append(row)
    done = Pruned()
    for group in groups.values():
        if len(group) < 2:
            continue
        done.movements += len(group)
        done.checkpoints += 1
        if not dry_run:
            values = _checkpoint(group)
            session.execute(delete(Movement).where(Movement.id.in_([row.id for row in group])))
            session.execute(insert(Movement), [values])
    if done.movements and not dry_run:
        session.expunge_all()
    return done


def _checkpoint(group: Sequence[Movement]) -> dict[str, Any]:
    last = group[-1]
    total = sum((row.quantity for row in group), ZERO)
    count = sum(row.stands_for or 1 for row in group)
    return {
        "id": last.id,
        "item_id": last.item_id,
        "side_id": last.side_id,
        "listing_id": last.listing_id,
        "quantity": total,
        "on_hand_after": last.on_hand_after,
        "cause": "checkpoint",
        "evidence": f"up to {last.recorded_at:%Y-%m-%d}: sum {total:+f} of {count} movements",
        "recorded_at": last.recorded_at,
        "stands_for": count,
    }


def _remove_writes(session: Session, item_id: int, before: datetime, *, dry_run: bool) -> int:
    """Remove settled writes before a moment.

    Of each listing the last ones stay: by them a shop that shows an older mark than the last one is known to be put
    back, for every backup that is younger than the policy, and it is known that the item was here before.
    """
    old = Operation.item_id == item_id, Operation.intended_at < before, ~is_open()
    lasting = select(func.max(Operation.id)).where(*old).group_by(Operation.listing_id)
    confirmed = lasting.where(Operation.state == "confirmed")
    naming = Movement.operation_id == Operation.id
    named = (
        select(Movement.id).where(naming, Movement.recorded_at >= before)
        if dry_run
        else select(Movement.id).where(naming),
        select(Finding.id).where(Finding.operation_id == Operation.id),
        select(Listing.id).where(Listing.id == Operation.listing_id, Listing.marker == Operation.uid),
    )
    query = select(Operation.id).where(
        *old,
        or_(Operation.settled_at.is_(None), Operation.settled_at < before),
        Operation.id.not_in(lasting),
        Operation.id.not_in(confirmed),
        *(~each.exists() for each in named),
    )
    ids = list(session.scalars(query))
    if ids and not dry_run:
        session.execute(delete(Operation).where(Operation.id.in_(ids)))
    return len(ids)


def _join_documents(
    session: Session, after: tuple[int, str], cutoff: datetime, now: datetime, *, dry_run: bool
) -> tuple[tuple[int, str], Pruned]:
    """Make one row of the steps of each old document; its key and what it moved in all are kept.

    Returns:
        Side and document where the next batch begins, (0, "") at the end; and what was done.
    """
    needed = _Needed.read(session, now)
    side_id, document = after
    beyond = (StockEventRow.side_id > side_id) | (
        (StockEventRow.side_id == side_id) & (StockEventRow.document > document)
    )
    several = (
        select(StockEventRow.side_id, StockEventRow.document)
        .where(beyond)
        .group_by(StockEventRow.side_id, StockEventRow.document)
        .having(func.count() > 1, func.max(StockEventRow.recorded_at) < cutoff)
        .order_by(StockEventRow.side_id, StockEventRow.document)
        .limit(_ROWS)
    )
    found = session.execute(several).all()
    done = Pruned()
    for side, name in found:
        mine = StockEventRow.side_id == side, StockEventRow.document == name
        rows = session.scalars(select(StockEventRow).where(*mine)).all()
        before = needed.since([side], cutoff)
        if any(row.quantity != row.explained or row.recorded_at >= before for row in rows):
            continue
        done.documents += len(rows) - 1
        if not dry_run:
            total = sum((row.quantity for row in rows), ZERO)
            session.execute(delete(StockEventRow).where(*mine, StockEventRow.key != name))
            joined = update(StockEventRow).where(*mine, StockEventRow.key == name)
            session.execute(joined.values(quantity=total, explained=total, movement_id=None))
    return ((found[-1].side_id, found[-1].document) if found else (0, "")), done
