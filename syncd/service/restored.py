"""A database that was put back from a backup: what is written down at once, and a person's word on what is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from syncd.core.model import Quantity
from syncd.errors import NotCompared
from syncd.service.findings import APPROVED, PUT_BACK, Found, close_finding, open_finding
from syncd.service.ledger import lock_items, move
from syncd.service.resolve import NotResolvable
from syncd.service.runs import RunLog
from syncd.state.models import Finding, Listing, Movement, Operation, Restore, Run, Side, StockEventRow, is_open

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.state.engine import Database

_SUBJECT = "database"
_LOST = "the database was put back from a backup before its outcome was known; all sides were compared instead"


def held_subject(item_id: int) -> str:
    """Subject of the finding about an item of which nobody but a person knows how many there are."""
    return f"item {item_id}"


def open_restore(session: Session) -> Restore | None:
    """The restore after which the sides were not compared yet."""
    return session.scalars(select(Restore).where(Restore.compared_at.is_(None)).order_by(Restore.id.desc())).first()


def refuse_uncompared(db: Database) -> None:
    """Make sure that nothing is planned from numbers of a backup.

    Raises:
        NotCompared: The sides were not compared since.
    """
    with db.read() as session:
        if open_restore(session) is not None:
            raise NotCompared(
                "this database was put back from a backup, and the sides were not compared with it yet: start the "
                "service, or run `syncd sync`"
            )


def mark_restored(session: Session, source: str, now: datetime) -> Restore:
    """Write down that the database is an old one; from here on nothing is counted or written before a comparison.

    What was open when the backup was made is over: it was settled since, and nobody knows how. What a person had
    approved and was not carried out yet was for a plan of then.
    """
    newest = (
        select(func.max(Run.started_at)),
        select(func.max(Run.finished_at)),
        select(func.max(Movement.recorded_at)),
    )
    moments = [at for query in newest if (at := session.scalar(query)) is not None]
    session.execute(update(Restore).where(Restore.compared_at.is_(None)).values(compared_at=now))
    restore = Restore(restored_at=now, source=source, backup_at=max(moments, default=None))
    session.add(restore)
    for operation in session.scalars(select(Operation).where(is_open())).all():
        operation.state, operation.settled_by, operation.settled_at, operation.error = "cancelled", None, now, _LOST
    parked = select(Finding).where(Finding.kind == "parked", Finding.closed_at.is_(None))
    for finding in session.scalars(parked).all():
        close_finding(session, finding.kind, finding.subject, now, by="syncd db restore")
    for word in (APPROVED, PUT_BACK):
        session.execute(update(Finding).where(Finding.closed_by == word).values(closed_by=f"{word}, not needed"))
    of = f"{restore.backup_at:%Y-%m-%d %H:%M} UTC" if restore.backup_at else "before the first pass"
    open_finding(
        session,
        Found(
            kind="restored",
            subject=_SUBJECT,
            message=f"the database was put back as it was at {of}; nothing is counted or written before all sides were "
            "read and compared",
            advice="Start the service, or run `syncd sync`: it compares first. A side that does not answer is waited "
            "for. What cannot be told afterwards is held, each item with a finding of its own.",
        ),
        now,
    )
    return restore


def finish_restore(session: Session, restore_id: int, held: int, now: datetime) -> None:
    """The sides were compared. Each is read whole once more by its next pass, with what is new there."""
    restore = session.get_one(Restore, restore_id)
    restore.compared_at, restore.held = now, held
    session.execute(update(Side).values(last_full_read_at=None))
    close_finding(session, "restored", _SUBJECT, now)


def hold(
    session: Session, item_id: int, rows: Sequence[Listing], reason: str, on_hand: Quantity, now: datetime
) -> None:
    """Leave an item alone on all sides until a person says how many there are."""
    names = {row.id: row.name for row in session.scalars(select(Side))}
    shows = ", ".join(f"{names[row.side_id]} shows {row.shadow:f}" for row in rows if row.shadow is not None)
    for row in rows:
        row.held_at, row.pending = now, True
    first = rows[0]
    open_finding(
        session,
        Found(
            kind="held_after_restore",
            subject=held_subject(item_id),
            severity="error",
            item_id=item_id,
            message=f"{first.name} ({first.sku or first.external_id}): {shows}; {on_hand:f} by the backup. {reason}",
            advice="Find out how many there were when this was found, by the orders of both sides or by counting, and "
            "say it: `syncd findings resolve {id} --count NUMBER`. What was sold since is added by itself. Until then "
            "nothing of it is counted or written.",
        ),
        now,
    )


def say_count(db: Database, finding_id: int, count: Quantity, *, now: datetime) -> str:
    """Take a person's word on how many there were of an item when it was held; returns its name.

    What changed on a side since then is read as ever, and counted on top.

    Raises:
        NotResolvable: The finding is not open, or is about something else.
    """
    with db.write(fenced=False) as session:
        finding = session.get(Finding, finding_id)
        if finding is None or finding.closed_at is not None or finding.kind != "held_after_restore":
            raise NotResolvable(f"finding {finding_id} is no open one of kind held_after_restore; see `syncd findings`")
        item_id = finding.item_id or 0
        rows = session.scalars(select(Listing).where(Listing.item_id == item_id).order_by(Listing.side_id)).all()
        _count(session, item_id, rows, count, now)
        close_finding(session, finding.kind, finding.subject, now, by="syncd findings resolve --count")
        return rows[0].name if rows else finding.subject


def _count(session: Session, item_id: int, rows: Sequence[Listing], count: Quantity, now: datetime) -> None:
    item = lock_items(session, [item_id])[item_id]
    side_id = rows[0].side_id if rows else (session.scalar(select(func.min(Side.id))) or 0)
    run = Run(
        side_id=side_id, kind="sync", cause="syncd findings resolve --count", result="ok", started_at=now,
        finished_at=now, movements=1,
    )  # fmt: skip
    session.add(run)
    session.flush()
    if count != item.on_hand:
        log = RunLog(run.id, "", run.kind, run.cause)
        evidence = f"after a restore: a person says that there were {count:f}"
        move(session, item, count - item.on_hand, cause="manual", evidence=evidence, listing=None, run=log, now=now)
    for row in rows:
        if row.held_at is not None:
            explain_documents(session, row, row.held_at)
        row.held_at, row.pending, row.recheck_at = None, True, now


def explain_documents(session: Session, row: Listing, until: datetime) -> None:
    """What a listing's documents moved up to a moment is in the numbers that were taken over."""
    session.execute(
        update(StockEventRow)
        .where(StockEventRow.side_id == row.side_id, StockEventRow.external_id == row.external_id)
        .where(StockEventRow.began_at <= until)
        .values(explained=StockEventRow.quantity),
        execution_options={"synchronize_session": False},
    )
