"""How things stand: sides, freshness, last runs, open findings."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from syncd.state.models import Finding, Listing, Operation, Run, Side, is_open

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from syncd.config import Config
    from syncd.state.engine import Database

_STALE_POLLS = 10
_NEEDS_PERSON = ("parked", "safety_stop", "side_empty")
_NEEDS_TOKEN = ("reauthorisation", "permission_missing")


@dataclass(frozen=True, slots=True)
class SideStatus:
    """One side: how fresh, what waits, what went wrong.

    Attributes:
        in_doubt: Writes that are not settled; ``parked`` of them wait for a person, the oldest since ``doubt_since``.
    """

    side: str
    adapter: str
    linked: int
    last_read_at: datetime | None
    age_s: float | None
    last_full_read_at: datetime | None
    last_write_at: datetime | None
    pending: int
    in_doubt: int
    last_error: str | None
    stale: bool
    parked: int = 0
    doubt_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class FindingStatus:
    """An open finding."""

    id: int
    kind: str
    severity: str
    message: str
    advice: str
    opened_at: datetime


@dataclass(slots=True)
class Status:
    """Everything ``syncd status`` shows. ``code`` is its exit code."""

    sides: list[SideStatus]
    findings: list[FindingStatus]
    runs: list[dict[str, Any]] = field(default_factory=list)
    code: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def read_status(db: Database, config: Config, now: datetime, *, runs: int = 8) -> Status:
    """Collect the status; exit code 5 for re-authorisation, 3 for what needs a person, 1 for a side that is stale."""
    with db.read() as session:
        rows = {row.name: row for row in session.scalars(select(Side))}
        sides = [_side(session, rows.get(s.name), s.name, s.kind, s.poll_seconds, now) for s in config.sides]
        query = select(Finding).where(Finding.closed_at.is_(None)).order_by(Finding.severity, Finding.id)
        findings = [
            FindingStatus(row.id, row.kind, row.severity, row.message, row.advice, row.opened_at)
            for row in session.scalars(query)
        ]
        latest = select(Run, Side.name).join(Side).order_by(Run.id.desc()).limit(runs)
        last_runs = [_run(row, name) for row, name in session.execute(latest)]
    kinds = {finding.kind for finding in findings}
    code = 0
    if kinds & set(_NEEDS_TOKEN):
        code = 5
    elif kinds & set(_NEEDS_PERSON):
        code = 3
    elif any(side.stale for side in sides):
        code = 1
    return Status(sides, findings, last_runs, code)


def _side(
    session: Session, row: Side | None, name: str, adapter: str, poll_seconds: float, now: datetime
) -> SideStatus:
    if row is None:
        return SideStatus(name, adapter, 0, None, None, None, None, 0, 0, None, stale=True)
    linked = session.scalar(
        select(func.count()).where(Listing.side_id == row.id, Listing.item_id.is_not(None), Listing.gone_at.is_(None))
    )
    pending = session.scalar(select(func.count()).where(Listing.side_id == row.id, Listing.pending))
    since = func.coalesce(Operation.doubted_at, Operation.sent_at, Operation.intended_at)
    unsettled = select(Operation.state, since).where(Operation.side_id == row.id, is_open())
    doubts = session.execute(unsettled).all()
    age_s = (now - row.last_read_at).total_seconds() if row.last_read_at else None
    return SideStatus(
        side=name,
        adapter=adapter,
        linked=linked or 0,
        last_read_at=row.last_read_at,
        age_s=age_s,
        last_full_read_at=row.last_full_read_at,
        last_write_at=row.last_write_at,
        pending=pending or 0,
        in_doubt=len(doubts),
        last_error=row.last_error,
        stale=age_s is None or age_s > max(_STALE_POLLS * poll_seconds, timedelta(minutes=2).total_seconds()),
        parked=sum(1 for state, _ in doubts if state == "parked"),
        doubt_since=min((at for _, at in doubts), default=None),
    )


def _run(row: Run, side: str) -> dict[str, Any]:
    return {
        "run": row.id,
        "side": side,
        "kind": row.kind,
        "cause": row.cause,
        "result": row.result,
        "started_at": row.started_at,
        "seconds": (row.finished_at - row.started_at).total_seconds() if row.finished_at else None,
        "listings_read": row.listings_read,
        "movements": row.movements,
        "writes": row.writes,
        "error": row.error,
    }
