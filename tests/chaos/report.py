"""What a run found, in one line for scripts and in files for people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select

from syncd.state.models import Finding, Listing, Movement, Operation, Side

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from sqlalchemy.orm import Session

    from tests.chaos.stage import ChaosStage

_ZERO = Decimal(0)

TRUE_FINDINGS = ("oversell", "parked")
"""Findings that may be open at the end, because they are true of the account."""


@dataclass(slots=True)
class Ledger:
    """Counts from the daemon's database at the end."""

    writes: int = 0
    settled: Counter[str] = field(default_factory=Counter)
    never_sent: int = 0
    parked: int = 0
    ever_parked: int = 0
    parked_unsaid: int = 0
    movements: int = 0
    findings: list[str] = field(default_factory=list)

    @property
    def unknown(self) -> int:
        """Writes whose outcome was unknown for some time."""
        return sum(self.settled.values()) + self.parked


def count(stage: ChaosStage) -> Ledger:
    """Read the database."""
    result = Ledger()
    with stage.state() as session:
        states = select(Operation.state, Operation.settled_by, func.count())
        for state, by, number in session.execute(states.group_by(Operation.state, Operation.settled_by)):
            result.writes += number if by != "never_sent" else 0
            if by == "never_sent":
                result.never_sent += number
            elif state == "parked":
                result.parked += number
            elif state == "unknown":
                result.settled["open"] += number
            elif by not in (None, "answer"):
                result.settled[f"{'applied' if state == 'confirmed' else 'not applied'} by {by}"] += number
        result.movements = session.scalar(select(func.count(Movement.id))) or 0
        result.ever_parked = session.scalar(select(func.count(Finding.id)).where(Finding.kind == "parked")) or 0
        result.parked_unsaid = _parked_unsaid(session)
        others = select(Finding.kind, Finding.message).where(
            Finding.closed_at.is_(None), Finding.kind.not_in(TRUE_FINDINGS)
        )
        result.findings = [f"{kind}: {message}" for kind, message in session.execute(others)]
    return result


def _parked_unsaid(session: Session) -> int:
    """Parked writes of which no open finding tells."""
    told = select(Finding.operation_id).where(Finding.kind == "parked", Finding.closed_at.is_(None))
    query = select(func.count(Operation.id)).where(Operation.state == "parked", Operation.id.not_in(told))
    return session.scalar(query) or 0


def oversold_unsaid(stage: ChaosStage, expected: dict[str, Decimal]) -> list[str]:
    """Items below zero of which no open finding tells."""
    with stage.state() as session:
        query = (
            select(Listing.sku)
            .join(Side, Side.id == Listing.side_id)
            .join(Finding, Finding.item_id == Listing.item_id)
            .where(Side.role == "hub", Finding.kind == "oversell", Finding.closed_at.is_(None))
        )
        told = set(session.scalars(query))
    return [sku for sku, units in expected.items() if units < 0 and sku not in told]


def misjudged(stage: ChaosStage) -> list[str]:
    """Bookings at the till whose outcome was settled wrongly, by the till's own book."""
    booked = Counter(row["note"].rpartition(" ")[2] for row in stage.till.adjustments())
    query = (
        select(Operation, Listing.sku)
        .join(Listing, Listing.id == Operation.listing_id)
        .join(Side, Side.id == Operation.side_id)
        .where(Side.role == "hub", Operation.state.in_(("confirmed", "cancelled", "rejected")))
        .order_by(Operation.id)
    )
    with stage.state() as session:
        rows = session.execute(query).all()
    return [
        f"{sku}: operation {row.id} ({row.difference:+f}) was booked {booked[row.uid]} times, but is {row.state} by "
        f"{row.settled_by}"
        for row, sku in rows
        if booked[row.uid] != (1 if row.state == "confirmed" else 0)
    ]


def mistaken(stage: ChaosStage, doubtful: Container[str]) -> list[str]:
    """Items of which the ledger found other units lost inside our writes than their shops really overwrote.

    What was overwritten may be an edit by hand, which leaves no document to be found by (docs/guarantees.md).
    """
    query = (
        select(Side.name, Listing.sku, func.sum(Movement.quantity))
        .join(Listing, Listing.id == Movement.listing_id)
        .join(Side, Side.id == Movement.side_id)
        .where(Movement.cause == "lost_update")
        .group_by(Side.name, Listing.sku)
    )
    with stage.state() as session:
        found = {(side, str(sku)): units for side, sku, units in session.execute(query)}
    told = []
    for name, shop in stage.shops.items():
        if (overwritten := shop.overwritten()) is None:
            continue
        for sku in sorted({*(each.sku for each in overwritten), *(sku for side, sku in found if side == name)}):
            really = [each.units for each in overwritten if each.sku == sku]
            known = found.get((name, sku), _ZERO)
            if sum(really, _ZERO) != known and sku not in doubtful:
                units = ", ".join(f"{each:+f}" for each in really) or "nothing"
                told.append(f"{sku}: {name} overwrote {units} inside our writes, found was {known:+f}")
    return told


def parked_skus(stage: ChaosStage) -> list[str]:
    """Items that are or were parked."""
    with stage.state() as session:
        query = (
            select(Listing.sku)
            .join(Operation, Operation.listing_id == Listing.id)
            .join(Finding, Finding.operation_id == Operation.id)
            .where(Finding.kind == "parked")
        )
        return sorted({str(sku) for sku in session.scalars(query)})


def write_timelines(stage: ChaosStage, skus: Iterable[str]) -> None:
    """One file per item: what happened, what syncd read, moved and wrote, in order of time (UTC, our clock)."""
    for sku in skus:
        lines = sorted(_timeline(stage, sku), key=lambda line: line[0])
        text = "".join(f"{at:%H:%M:%S.%f}  {what}\n" for at, what in lines)
        (stage.folder / f"timeline-{sku}.txt").write_text(text, encoding="utf-8")


def _timeline(stage: ChaosStage, sku: str) -> list[tuple[datetime, str]]:
    lines = [(note.at, f"          {note.text}") for note in stage.diary.of(sku)]
    lines += [
        (datetime.fromisoformat(row["at"]), f"till      {row['kind']} {row['quantity']} {row['reference']}")
        for row in stage.till.history(sku)
    ]
    for name, shop in stage.shops.items():
        lines += [
            (event.at, f"{name:9} {event.kind} {event.units:+f} {event.reference}")
            for event in shop.events()
            if event.sku == sku
        ]
        lines += [
            (event.at, f"{name:9} overwrote {event.units:+f} in our write")
            for event in shop.overwritten() or ()
            if event.sku == sku
        ]
    with stage.state() as session:
        lines += _movements(session, sku)
        lines += _operations(session, sku)
    uids = {what.split()[2] for _, what in lines if what.startswith("operation ")}
    for daemon in stage.daemons:
        for line in daemon.log.read_text(encoding="utf-8", errors="replace").splitlines():
            if sku in line or any(uid in line for uid in uids):
                moment, _, rest = line.partition(" ")
                lines.append((datetime.fromisoformat(moment), f"log       {rest}"))
    return lines


def _movements(session: Session, sku: str) -> list[tuple[datetime, str]]:
    item = select(Listing.item_id).where(Listing.sku == sku).scalar_subquery()
    query = select(Movement, Side.name).join(Side, Side.id == Movement.side_id, isouter=True)
    return [
        (
            row.recorded_at,
            f"movement  {row.quantity:+f} on {side}: N {row.on_hand_after:f}; {row.cause}; {row.evidence}",
        )
        for row, side in session.execute(query.where(Movement.item_id.in_(item)).order_by(Movement.id))
    ]


def _operations(session: Session, sku: str) -> list[tuple[datetime, str]]:
    query = (
        select(Operation, Side.name)
        .join(Side, Side.id == Operation.side_id)
        .join(Listing, Listing.id == Operation.listing_id)
        .where(or_(Listing.sku == sku))
    )
    lines = []
    for row, side in session.execute(query):
        what = f"operation {row.id} {row.uid} on {side}: {row.expected_before:f} {row.difference:+f}"
        lines.append((row.intended_at, f"{what} intended ({row.reason})"))
        if row.sent_at is not None:
            lines.append((row.sent_at, f"{what} sent"))
        if row.settled_at is not None:
            end = f"{row.state} by {row.settled_by}, reported {row.reported}; {row.error}"
            lines.append((row.settled_at, f"{what} {end}"))
        elif row.state != "intended":
            lines.append((row.sent_at or row.intended_at, f"{what} still {row.state}: {row.error}"))
    return lines
