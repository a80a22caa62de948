"""What the page reads from the database. Every list has a limit, and every query an index or one scan of listings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, func, or_, select

from syncd.page.words import MEANINGS, Daemon
from syncd.service.explain import SideNow, side_now
from syncd.service.finding_story import FindingStory, tell
from syncd.service.freshness import ago, read_health
from syncd.service.status import SideStatus, run_facts, side_status
from syncd.state.lease import LEADER
from syncd.state.models import Finding, Item, Lease, Listing, Operation, Run, Side, is_open
from syncd.state.process import Process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from syncd.config import Config
    from syncd.core.model import Quantity
    from syncd.service.freshness import Freshness, Health

_LATE_S = 5.0
"""A lease that is over for so long is not being renewed: its holder hangs, or another one is about to take over."""

RUNS_SEARCHED = 5_000
"""How many runs are looked through for those that did something: most find nothing new."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand: what the overview begins with.

    Attributes:
        differing: Listings that are not at rest, by side.
    """

    health: Health
    sides: tuple[tuple[SideStatus, Freshness], ...]
    differing: Mapping[str, int]
    items: int


@dataclass(frozen=True, slots=True)
class Difference:
    """One listing that is not at rest."""

    listing: int
    item: int
    on_hand: Quantity
    now: SideNow
    since: datetime | None

    @property
    def units(self) -> Quantity | None:
        """Units that the side lacks; ``None`` if that is not known."""
        if self.now.wanted is None or self.now.holds is None:
            return None
        return self.now.wanted - self.now.holds

    @property
    def state(self) -> str:
        """The state in words; what is to be looked at again has no difference yet."""
        if self.now.state == "to be written" and not self.units:
            return "to be planned"
        return self.now.state


@dataclass(frozen=True, slots=True)
class FoundFinding:
    """An open finding with what it means and what solves it."""

    story: FindingStory
    means: str
    item: int | None


def read_standing(session: Session, config: Config, now: datetime) -> Standing:
    """How things stand. Listings are counted in one scan."""
    health = read_health(session, config, now)
    rows = {row.name: row for row in session.scalars(select(Side))}
    counts = _count(session)
    kinds = {side.name: side.kind for side in config.sides}
    sides = []
    for fresh in health.sides:
        row = rows.get(fresh.side)
        linked = counts.get(row.id, (0, 0))[0] if row else 0
        sides.append((side_status(session, row, fresh, kinds[fresh.side], linked=linked), fresh))
    differing = {name: counts[row.id][1] for name, row in rows.items() if row.id in counts}
    items = session.scalar(select(func.count()).select_from(Item)) or 0
    return Standing(health, tuple(sides), differing, items)


def _count(session: Session) -> dict[int, tuple[int, int]]:
    """By side: how many listings are linked, and how many of them are not at rest."""
    unsettled = Listing.id.in_(select(Operation.listing_id).where(is_open()))
    query = (
        select(Listing.side_id, func.count(), func.sum(case((or_(_is_restless(), unsettled), 1), else_=0)))
        .where(Listing.item_id.is_not(None), Listing.gone_at.is_(None))
        .group_by(Listing.side_id)
    )
    return {side_id: (linked, restless) for side_id, linked, restless in session.execute(query).all()}


def _is_restless() -> ColumnElement[bool]:
    """That a listing's quantity is not what it should be, or not known to be; open writes are counted beside it."""
    counted = or_(Listing.stock_mode == "own", and_(Listing.stock_mode == "unmanaged", Listing.pending))
    return and_(
        counted, or_(Listing.pending, Listing.recheck_at.is_not(None), Listing.wanted.is_distinct_from(Listing.shadow))
    )


def read_differences(session: Session, *, after: int, limit: int) -> list[Difference]:
    """Listings that are not at rest, in the order of their numbers, beginning behind ``after``."""
    unsettled = Listing.id.in_(select(Operation.listing_id).where(is_open()))
    query = (
        select(Listing, Item.on_hand, Side.name)
        .join(Item, Item.id == Listing.item_id)
        .join(Side, Side.id == Listing.side_id)
        .where(Listing.gone_at.is_(None), Listing.id > after, or_(_is_restless(), unsettled))
        .order_by(Listing.id)
        .limit(limit)
    )
    return [
        Difference(row.id, row.item_id or 0, on_hand, side_now(session, row, side), row.shadow_at)
        for row, on_hand, side in session.execute(query)
    ]


def read_findings(session: Session, *, skip: int, limit: int) -> list[FoundFinding]:
    """Open findings, the gravest and oldest first."""
    gravity = case((Finding.severity == "error", 0), (Finding.severity == "warning", 1), else_=2)
    query = select(Finding).where(Finding.closed_at.is_(None)).order_by(gravity, Finding.id).offset(skip).limit(limit)
    return [_found(session, row) for row in session.scalars(query)]


def read_finding(session: Session, number: int) -> FoundFinding | None:
    """One finding, open or closed."""
    row = session.get(Finding, number)
    return _found(session, row) if row is not None else None


def _found(session: Session, row: Finding) -> FoundFinding:
    return FoundFinding(tell(session, row), MEANINGS.get(row.kind, ""), row.item_id)


def read_runs(
    session: Session, *, before: int | None, limit: int, side: str = "", busy: bool = False
) -> tuple[list[dict[str, Any]], int | None]:
    """The newest runs with a number below ``before``.

    Args:
        session: A reading transaction.
        before: ``None``: the newest of all.
        limit: Most runs.
        side: Of this side alone, if one is named.
        busy: Only those that changed something, or did not end well. A part of all runs is looked through at a time.

    Returns:
        Runs, newest first, and the number to go on below; ``None`` if there are no older ones.
    """
    newest = session.scalar(select(func.max(Run.id)))
    if newest is None:
        return [], None
    top = newest + 1 if before is None else min(before, newest + 1)
    query = select(Run, Side.name).join(Side, Side.id == Run.side_id).where(Run.id < top)
    if side:
        query = query.where(Side.name == side)
    floor = 0
    if busy or side:
        floor = max(0, top - 1 - RUNS_SEARCHED)
        query = query.where(Run.id > floor)
    if busy:
        did = (Run.movements > 0, Run.writes > 0, Run.fields_written > 0, Run.made > 0, Run.withdrawn > 0)
        query = query.where(or_(*did, Run.result.not_in(("ok", "running"))))
    rows = session.execute(query.order_by(Run.id.desc()).limit(limit + 1)).all()
    runs = [run_facts(row, name) for row, name in rows[:limit]]
    if len(rows) > limit:
        return runs, runs[-1]["run"]
    return runs, floor + 1 if floor else None


def read_daemon(session: Session, now: datetime, *, leads: bool) -> Daemon:
    """Who is at work. A process that certainly ended is nobody; one that does not renew its lease may be."""
    lease = session.get(Lease, LEADER)
    process = Process.parse(lease.owner) if lease is not None else None
    if lease is None or process is None or process.is_dead():
        return Daemon(leads)
    if session.get_bind().dialect.name == "postgresql":
        now = session.scalars(select(func.now())).one()  # leases end by the server's clock
    late_s = (now - lease.expires_at).total_seconds()
    silent = f", but has not been heard of since its lease ended {ago(late_s)} ago" if late_s > _LATE_S else ""
    return Daemon(leads, f"process {process.pid} on {process.host}", silent)


@dataclass(frozen=True, slots=True)
class Hit:
    """A product that was searched for.

    Attributes:
        item: Its number, if it is linked; else ``listing`` is that of its listing.
    """

    item: int | None
    listing: int
    name: str
    sku: str
    gtin: str
    on_hand: Quantity | None
    holds: tuple[tuple[str, Quantity | None], ...]


def hit_of_item(session: Session, item_id: int) -> Hit | None:
    """An item with what each side holds; ``None`` if it is on no side any more."""
    query = select(Listing, Side.name).join(Side).where(Listing.item_id == item_id).order_by(Listing.side_id)
    rows = session.execute(query).all()
    if not rows:
        return None
    first = rows[0][0]
    return Hit(
        item_id, first.id, first.name, next((row.sku for row, _ in rows if row.sku), ""),
        next((row.gtin for row, _ in rows if row.gtin), ""), session.get_one(Item, item_id).on_hand,
        tuple((side, row.shadow) for row, side in rows),
    )  # fmt: skip


def hit_of_listing(session: Session, row: Listing) -> Hit:
    """A listing without an item."""
    side = session.get_one(Side, row.side_id).name
    return Hit(None, row.id, row.name, row.sku or "", row.gtin or "", None, ((side, row.shadow),))
