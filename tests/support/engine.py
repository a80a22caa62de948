"""A whole account over in-memory sides, for tests of the engine."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.adapters.base import Capabilities
from syncd.adapters.memory import MemorySide, MemoryWorld
from syncd.adapters.memory.adapter import WRITABLE
from syncd.core.guard import SafetyLimits
from syncd.core.model import Quantity
from syncd.core.stock import StockPolicy
from syncd.service.runs import RequestCounter
from syncd.service.side import SideContext
from syncd.service.worker import RunOutcome, SideWorker
from syncd.state.models import Finding, Item, Listing, Movement, Operation, Side

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.core.fields import Owner
    from syncd.state.engine import Database

HUB = Capabilities(
    relative=True,
    fractions=True,
    batch_size=1,
    parallel_writes=1,
    events=True,
    fields=WRITABLE,
    describes=True,
    creates=True,
)
SHOP = Capabilities(
    relative=True, marker=True, atomic=False, batch_size=20, events=True, fields=WRITABLE, describes=True, creates=True,
    image_content=True,
)  # fmt: skip


class Clock:
    """A clock that tests own."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Account:
    """Hub and shops in memory with their workers over one real database."""

    db: Database
    clock: Clock = field(default_factory=Clock)
    worlds: dict[str, MemoryWorld] = field(default_factory=dict)
    workers: dict[str, SideWorker] = field(default_factory=dict)

    def add_side(
        self,
        name: str,
        role: str = "shop",
        *,
        capabilities: Capabilities | None = None,
        policy: StockPolicy | None = None,
        limits: SafetyLimits | None = None,
        initial_stock: str = "hub",
        manage_unmanaged: bool = False,
        owners: Mapping[str, Owner] | None = None,
        creation: str = "never",
        deletion: str = "ignore",
        offers: bool = False,
    ) -> MemoryWorld:
        hub = role == "hub"
        world = self.worlds.setdefault(name, MemoryWorld(name, now=self.clock))
        with self.db.write() as session:
            row = session.scalars(select(Side).where(Side.name == name)).one_or_none()
            if row is None:
                row = Side(name=name, role=role, adapter="memory", created_at=self.clock())
                session.add(row)
                session.flush()
        side = SideContext(
            id=row.id,
            name=name,
            role=role,
            adapter=MemorySide(world, capabilities or (HUB if hub else SHOP)),
            db=self.db,
            policy=policy or StockPolicy(hub=hub, fractions=hub),
            limits=limits or SafetyLimits(),
            initial_stock=initial_stock,
            manage_unmanaged=manage_unmanaged,
            shop_owners={row.id: owners} if owners else {},
            creation=creation,
            deletion=deletion,
            offers=offers,
            publish=hub,
            settle=timedelta(seconds=10),
            in_doubt=timedelta(seconds=60),
            now=self.clock,
        )
        hub_id = row.id if hub else next(w.side.id for w in self.workers.values() if w.side.is_hub)
        self.workers[name] = SideWorker(side, hub_id, RequestCounter(), threading.Event())
        till = next(worker.side for worker in self.workers.values() if worker.side.is_hub)
        till.shop_owners = {**till.shop_owners, **side.shop_owners}
        till.shop_limits = {**till.shop_limits, side.id: side.limits}
        till.sources = tuple(worker.side for worker in self.workers.values() if not worker.side.is_hub)
        for shop in till.sources:
            shop.sources = (till,)
        return world

    def restart(self, *names: str) -> None:
        """What a new process knows: nothing but the database."""
        for name in names or self.workers:
            worker = self.workers[name]
            self.workers[name] = SideWorker(worker.side, worker.hub_id, RequestCounter(), threading.Event())

    def poll(self, *names: str, kind: str = "poll") -> list[RunOutcome]:
        return [self.workers[name].run(kind, "test") for name in names or self.workers]

    def settle_down(self, passes: int = 2) -> None:
        """Advance beyond every window and let all sides pass."""
        for _ in range(passes):
            self.clock.advance(61)
            self.poll()

    def on_hand(self, sku: str) -> Quantity:
        with self.db.read() as session:
            query = (
                select(Item.on_hand)
                .join(Listing, Listing.item_id == Item.id)
                .join(Side, Side.id == Listing.side_id)
                .where(Listing.sku_key == sku.lower(), Side.role == "hub")
            )
            return session.scalars(query).one()

    def movements(self, *causes: str) -> list[Movement]:
        with self.db.read() as session:
            query = select(Movement).order_by(Movement.id)
            return list(session.scalars(query.where(Movement.cause.in_(causes)) if causes else query))

    def operations(self, state: str | None = None) -> list[Operation]:
        with self.db.read() as session:
            query = select(Operation).order_by(Operation.id)
            return list(session.scalars(query.where(Operation.state == state) if state else query))

    def findings(self, *, closed: bool = False) -> list[Finding]:
        with self.db.read() as session:
            query = select(Finding).order_by(Finding.id)
            return list(session.scalars(query if closed else query.where(Finding.closed_at.is_(None))))

    def listing(self, side: str, external_id: str) -> Listing:
        with self.db.read() as session:
            query = select(Listing).join(Side).where(Side.name == side, Listing.external_id == external_id)
            return session.scalars(query).one()


def two_sides(db: Database, hub: dict[str, int], shop: dict[str, int], **options: object) -> Account:
    """A till and a shop with these quantities by SKU, linked and aligned."""
    account = Account(db)
    till, web = account.add_side("till", "hub"), account.add_side("web", **options)  # type: ignore[arg-type]
    for sku, quantity in hub.items():
        till.put(f"t-{sku}", quantity, sku=sku)
    for sku, quantity in shop.items():
        web.put(f"w-{sku}", quantity, sku=sku)
    account.poll()
    account.poll()
    return account
