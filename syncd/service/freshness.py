"""Whether all is well, from the database alone: how fresh each side is in both directions, and what waits for a person.

One verdict for everybody who asks (``syncd status``, ``/healthz``, the metrics, the line in ``systemctl status``), so
that no two can differ. A daemon that is dead, hangs, or has lost its database moves none of these times: none of them
can make it look well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from syncd.service.planning import can_be_planned
from syncd.state.models import Finding, Listing, Operation, Side, is_open

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.config import Config

STALE_POLLS = 10
STALE_READ_S = 120.0
"""A side is stale if no read of it was complete for so many polls, and for so long at least."""

STALE_WRITE_S = 600.0
"""A side is stale, too, if something has waited to be written to it for longer: that was tried many times by then."""

NEEDS_PERSON = ("parked", "safety_stop", "side_empty", "counts_otherwise", "held_after_restore", "database_damaged")
NEEDS_TOKEN = ("reauthorisation", "permission_missing")

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh one side is.

    Attributes:
        read_age_s: Seconds since the last complete read of it; ``None``: never.
        unsent_s: Seconds for which a change has waited to be written to it, at the most; 0 if none waits, ``None``: not
            known. What a person must decide first (a parked write) does not count, and what a side refused neither:
            there are findings for that.
        pending: Listings that wait to be planned and written.
        read_stale: Its changes come too late, or not at all.
        write_stale: What it should be told comes too late, or not at all.
    """

    side: str
    read_age_s: float | None
    unsent_s: float | None
    pending: int
    read_stale: bool
    write_stale: bool

    @property
    def words(self) -> str:
        """Both directions in a few words."""
        waits = f", changes wait for {ago(self.unsent_s)}" if self.unsent_s else ""
        return f"read {ago(self.read_age_s)} ago{waits}" if self.read_age_s is not None else f"never read{waits}"

    @property
    def problems(self) -> list[str]:
        """What is wrong, in words; empty if nothing is."""
        found = []
        if self.read_stale:
            match self.read_age_s:
                case None:
                    how = "never read"
                case 0:
                    how = "not read since the clock was set back"
                case age:
                    how = f"not read for {ago(age)}"
            found.append(f"{self.side} was {how}")
        if self.write_stale:
            found.append(f"changes have waited for {self.side} for {ago(self.unsent_s or 0)}")
        return found


@dataclass(frozen=True, slots=True)
class Health:
    """The verdict.

    Attributes:
        sides: In the order of the configuration.
        findings: How many are open, by kind and severity.
        code: Exit code of ``syncd status``: 5 re-authorisation, 3 a person must decide, 1 a side is stale, 0 fine.
        problems: Why it is not 0, in words without names of goods, people or secrets.
    """

    sides: tuple[Freshness, ...]
    findings: Mapping[tuple[str, str], int]
    code: int
    problems: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """All of it in one line: what is wrong first, else how fresh each side is."""
        if self.problems:
            return "; ".join(self.problems)
        return "; ".join(f"{side.side} {side.words}" for side in self.sides)


def read_health(session: Session, config: Config, now: datetime) -> Health:
    """Collect the verdict; a handful of queries by index, however large the catalogue is."""
    rows = {row.name: row for row in session.scalars(select(Side))}
    sides = tuple(_freshness(session, rows.get(side.name), side.name, side.poll_seconds, now) for side in config.sides)
    count = select(Finding.kind, Finding.severity, func.count()).where(Finding.closed_at.is_(None))
    found = session.execute(count.group_by(Finding.kind, Finding.severity)).all()
    findings = {(kind, severity): number for kind, severity, number in found}
    return Health(sides, findings, *judge(sides, findings))


def judge(sides: Sequence[Freshness], findings: Mapping[tuple[str, str], int]) -> tuple[int, tuple[str, ...]]:
    """Decide the exit code, and say why it is not 0."""
    by_kind: dict[str, int] = {}
    for (kind, _), number in sorted(findings.items()):
        by_kind[kind] = by_kind.get(kind, 0) + number
    asked = [kind for kind in (*NEEDS_TOKEN, *NEEDS_PERSON) if kind in by_kind]
    problems = [f"{by_kind[kind]} × {kind}" for kind in asked] + [text for side in sides for text in side.problems]
    if any(kind in NEEDS_TOKEN for kind in asked):
        return 5, tuple(problems)
    if asked:
        return 3, tuple(problems)
    return (1 if problems else 0), tuple(problems)


def waits(session: Session, side_id: int) -> bool:
    """Whether a change of stock waits to be written to a side, or a write to it is neither settled nor a person's."""
    pending = select(Listing.id).where(Listing.side_id == side_id, Listing.item_id.is_not(None), can_be_planned())
    under_way = select(Operation.id).where(Operation.side_id == side_id, is_open(), Operation.state != "parked")
    return any(session.scalar(query.limit(1)) is not None for query in (pending, under_way))


def ago(seconds: float) -> str:
    """A duration for people."""
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.0f} h" if seconds < 2 * _DAY_S else f"{seconds / _DAY_S:.0f} days"


def _freshness(session: Session, row: Side | None, name: str, poll_seconds: float, now: datetime) -> Freshness:
    if row is None:
        return Freshness(name, None, 0.0, 0, read_stale=True, write_stale=False)
    pending = session.scalar(select(func.count()).where(Listing.side_id == row.id, Listing.pending)) or 0
    read_age_s = _seconds(row.last_read_at, now)
    # A read in times to come was before the clock was set back: nobody knows how long ago that is.
    to_come = row.last_read_at is not None and (row.last_read_at - now).total_seconds() > STALE_READ_S
    unsent_s = _seconds(row.nothing_waited_at, now) if waits(session, row.id) else 0.0
    return Freshness(
        side=name,
        read_age_s=read_age_s,
        unsent_s=unsent_s,
        pending=pending,
        read_stale=read_age_s is None or to_come or read_age_s > max(STALE_POLLS * poll_seconds, STALE_READ_S),
        write_stale=unsent_s is not None and unsent_s > max(2 * STALE_POLLS * poll_seconds, STALE_WRITE_S),
    )


def _seconds(at: datetime | None, now: datetime) -> float | None:
    """Seconds since; not below zero, as clocks are set back."""
    return None if at is None else max(0.0, (now - at).total_seconds())
