"""How things stand: sides, freshness, last runs, open findings."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from syncd.service.freshness import Freshness, read_health
from syncd.state.models import Finding, Listing, Operation, Run, Side, is_open

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from syncd.config import Config
    from syncd.state.engine import Database


@dataclass(frozen=True, slots=True)
class SideStatus:
    """One side: how fresh, what waits, what went wrong.

    Attributes:
        age_s: Seconds since its last complete read.
        unsent_s: Seconds for which a change has waited to be written to it, at the most; 0: none waits.
        stale: Its changes, or what it should be told, come too late or not at all (``service/freshness.py``).
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
    unsent_s: float | None = 0.0
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
    problems: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def read_status(db: Database, config: Config, now: datetime, *, runs: int = 8) -> Status:
    """Collect the status; exit code 5 for re-authorisation, 3 for what needs a person, 1 for a side that is stale.

    Args:
        db: The database.
        config: Names the sides.
        now: Present time.
        runs: How many of the last runs.
    """
    with db.read() as session:
        health = read_health(session, config, now)
        rows = {row.name: row for row in session.scalars(select(Side))}
        kinds = {side.name: side.kind for side in config.sides}
        sides = [side_status(session, rows.get(fresh.side), fresh, kinds[fresh.side]) for fresh in health.sides]
        query = select(Finding).where(Finding.closed_at.is_(None)).order_by(Finding.severity, Finding.id)
        findings = [
            FindingStatus(row.id, row.kind, row.severity, row.message, row.advice, row.opened_at)
            for row in session.scalars(query)
        ]
        latest = select(Run, Side.name).join(Side).order_by(Run.id.desc()).limit(runs)
        last_runs = [run_facts(row, name) for row, name in session.execute(latest)]
    return Status(sides, findings, last_runs, health.code, health.problems)


def side_status(
    session: Session, row: Side | None, fresh: Freshness, adapter: str, *, linked: int | None = None
) -> SideStatus:
    """Say how one side stands.

    Args:
        session: A reading transaction.
        row: The side; ``None`` if it was never opened.
        fresh: Its freshness.
        adapter: Its kind.
        linked: How many of its listings are linked, if that is known; counting looks at each of them.
    """
    if row is None:
        return SideStatus(fresh.side, adapter, 0, None, None, None, None, 0, 0, None, stale=True)
    if linked is None:
        of_items = (Listing.item_id.is_not(None), Listing.gone_at.is_(None))
        linked = session.scalar(select(func.count()).where(Listing.side_id == row.id, *of_items))
    since = func.coalesce(Operation.doubted_at, Operation.sent_at, Operation.intended_at)
    unsettled = select(Operation.state, since).where(Operation.side_id == row.id, is_open())
    doubts = session.execute(unsettled).all()
    return SideStatus(
        side=fresh.side,
        adapter=adapter,
        linked=linked or 0,
        last_read_at=row.last_read_at,
        age_s=fresh.read_age_s,
        last_full_read_at=row.last_full_read_at,
        last_write_at=row.last_write_at,
        pending=fresh.pending,
        in_doubt=len(doubts),
        last_error=row.last_error,
        stale=fresh.read_stale or fresh.write_stale,
        unsent_s=fresh.unsent_s,
        parked=sum(1 for state, _ in doubts if state == "parked"),
        doubt_since=min((at for _, at in doubts), default=None),
    )


def run_facts(row: Run, side: str) -> dict[str, Any]:
    """What is told of a run."""
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
