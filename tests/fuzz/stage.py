"""The whole engine over both simulators: a spoiled answer in the middle of real work, and what is left of it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import func, select

from syncd.core.stock import StockPolicy
from syncd.service.runs import RequestCounter
from syncd.service.side import SideContext
from syncd.service.worker import RunOutcome, SideWorker
from syncd.state.engine import Database, open_database
from syncd.state.models import Finding, Item, Listing, Movement, Operation, Run, Side, is_open
from tests.fuzz.endpoints import FAMILIES, SIMPLE, Scene
from tests.fuzz.scenes import Hub, Shop, hub_scene, shop_scene
from tests.support.engine import Clock

UNITS = (*SIMPLE, *(sku for family in FAMILIES for sku in family))
_FULL = 40
_LOW = 12
_QUIET_S = 61.0

Change = tuple[str, Decimal]
"""A unit's SKU and what it changed by."""


@dataclass
class Marks:
    """Where everything stood when a step began."""

    movements: int
    findings: int
    runs: int
    bookings: int
    shop_changes: int


@dataclass
class Stage:
    """Account, shop, their workers and the truth.

    Attributes:
        hub: The till.
        shop: The shop.
        truth: On-hand by SKU, from what was done here.
        sold: What happened since ``begin``, by side.
    """

    hub: Hub
    shop: Shop
    db: Database
    clock: Clock
    workers: dict[str, SideWorker] = field(default_factory=dict)
    truth: dict[str, Decimal] = field(default_factory=dict)
    sold: dict[str, list[Change]] = field(default_factory=lambda: {"till": [], "web": []})
    marks: Marks | None = None
    serial: int = 0

    def scene(self, side: str) -> Scene:
        """The simulator of a side, with what stands before it."""
        return self.hub if side == "till" else self.shop

    def run(self, side: str, kind: str = "poll") -> RunOutcome:
        """One pass over one side."""
        return self.workers[side].run(kind, "test")

    def sell(self, side: str, *skus: str) -> None:
        """One unit of each is sold on a side."""
        for sku in skus:
            if side == "till":
                self.hub.sim.sale(sku, 1)
            else:
                self.shop.sim.people.order([{"sku": sku, "quantity": 1}])
            self.truth[sku] -= 1
            self.sold[side].append((sku, Decimal(-1)))

    def throw_away(self, side: str) -> None:
        """A product is made, seen and deleted (in the shop: put into the trash)."""
        self.serial += 1
        sku = f"T-{self.serial}"
        if side == "till":
            self.hub.sim.create_product(sku, "Short-lived", 3)
        else:
            self.shop.sim.people.create_product(sku, "Short-lived", 3)
        self.clock.advance(5)
        self.run(side)
        if side == "till":
            self.hub.sim.delete_product(sku)
        else:
            self.shop.sim.people.trash(sku)

    def begin(self) -> None:
        """Fill up what ran low, and note where everything stands."""
        low = [sku for sku in UNITS if self.truth[sku] < _LOW]
        for sku in low:
            self.hub.sim.receive(sku, _FULL)
            self.truth[sku] += _FULL
        if low:
            self.quieten()
        self.sold = {"till": [], "web": []}
        self.marks = self._marks()

    def _marks(self) -> Marks:
        with self.db.read() as session:
            movement, finding, run = (
                session.scalar(select(func.max(column))) or 0 for column in (Movement.id, Finding.id, Run.id)
            )
        return Marks(movement, finding, run, len(self.hub.sim.state.adjustments), len(self.shop.sim.shop.history))

    def quieten(self, *kinds: str) -> None:
        """Let both sides be read and written beyond every window: a pass each, a sweep each, or as asked."""
        for kind in kinds or ("poll", "full"):
            self.clock.advance(_QUIET_S)
            for side in ("till", "web"):
                self.run(side, kind)

    # -- what is left

    def problems(self) -> list[str]:
        """Everything that differs from what happened; empty if all is well."""
        return [*self._quantities(), *self._ledger(), *self._written(), *self._gone(), *self._open()]

    def _quantities(self) -> Iterator[str]:
        with self.db.read() as session:
            query = (
                select(Listing.sku, Item.on_hand)
                .join(Item, Item.id == Listing.item_id)
                .join(Side, Side.id == Listing.side_id)
                .where(Side.role == "hub", Listing.sku.in_(UNITS), Listing.gone_at.is_(None))
            )
            on_hand = {sku: quantity for sku, quantity in session.execute(query) if sku}
        for sku in UNITS:
            want = self.truth[sku]
            found = {"syncd": on_hand.get(sku), "till": self.hub.stock(sku), "web": self.shop.stock(sku)}
            wrong = {name: str(value) for name, value in found.items() if value != want}
            if wrong:
                yield f"{sku} should be {want}, but {wrong}"

    def _ledger(self) -> Iterator[str]:
        assert self.marks is not None
        with self.db.read() as session:
            query = (
                select(Listing.sku, Movement.quantity)
                .join(Listing, Listing.item_id == Movement.item_id)
                .join(Side, Side.id == Listing.side_id)
                .where(Side.role == "hub", Movement.id > self.marks.movements, Listing.sku.in_(UNITS))
            )
            moved = Counter((str(sku), quantity) for sku, quantity in session.execute(query))
        happened = Counter(self.sold["till"] + self.sold["web"])
        if moved != happened:
            yield f"the ledger has {_told(moved - happened)} too much and {_told(happened - moved)} too little"

    def _written(self) -> Iterator[str]:
        assert self.marks is not None
        booked = Counter(
            (one.sku, one.quantity) for one in self.hub.sim.state.adjustments[self.marks.bookings :] if one.sku in UNITS
        )
        wanted = Counter(self.sold["web"])
        if booked != wanted:
            yield f"till: wrote {_told(booked - wanted)} too much and {_told(wanted - booked)} too little"
        written = Counter(
            (one.sku, Decimal(one.quantity))
            for one in self.shop.sim.shop.history[self.marks.shop_changes :]
            if one.kind.startswith("rest") and one.sku in UNITS
        )
        wanted = Counter(self.sold["till"])
        if written != wanted:
            yield f"web: wrote {_told(written - wanted)} too much and {_told(wanted - written)} too little"

    def _gone(self) -> Iterator[str]:
        with self.db.read() as session:
            query = select(Side.name, Listing.external_id, Listing.gone_at).join(Side, Side.id == Listing.side_id)
            rows = session.execute(query).all()
        for name, external_id, gone_at in rows:
            living = self.scene("till" if name == self.hub.adapter.name else "web").living()
            if (gone_at is not None) == (external_id in living):
                yield f"{name} {external_id} is {'called gone' if gone_at else 'kept though it does not exist'}"

    def _open(self) -> Iterator[str]:
        with self.db.read() as session:
            unsettled = session.scalars(select(Operation).where(is_open())).all()
            findings = session.scalars(select(Finding).where(Finding.closed_at.is_(None))).all()
        for operation in unsettled:
            yield f"operation {operation.id} is {operation.state}: {operation.error}"
        for finding in findings:
            if finding.kind not in _HARMLESS:
                yield f"finding {finding.kind}: {finding.message:.300}"

    def shown(self) -> list[str]:
        """Every text that this step left for people."""
        assert self.marks is not None
        with self.db.read() as session:
            findings = session.scalars(select(Finding).where(Finding.id > self.marks.findings)).all()
            runs = session.scalars(select(Run).where(Run.id > self.marks.runs)).all()
            operations = session.scalars(select(Operation).order_by(Operation.id.desc()).limit(20)).all()
        texts = [f"{finding.message} {finding.advice}" for finding in findings]
        return [*texts, *(run.error or "" for run in runs), *(one.error or "" for one in operations)]

    def reauthorise(self) -> None:
        """A person makes a new token, and the daemon starts again with it."""
        self.hub.reauthorise()
        self.workers["till"].side.adapter = self.hub.adapter


_HARMLESS = frozenset({"unlinked", "deleted_on_side", "duplicate_sku"})
"""They speak of the throw-away products and of rows that were never real."""


@contextmanager
def open_stage(template: Path, folder: Path) -> Iterator[Stage]:
    """A linked, quiet account over a copy of a migrated database."""
    path = folder / f"{threading.get_native_id()}-{len(list(folder.iterdir()))}.db"
    path.write_bytes(template.read_bytes())
    clock = Clock()
    with ExitStack() as stack:
        hub = stack.enter_context(hub_scene(clock))
        shop = stack.enter_context(shop_scene(clock))
        db = open_database(f"sqlite:///{path}")
        stack.callback(db.dispose)
        stage = Stage(hub, shop, db, clock)
        for name, scene in (("till", hub), ("web", shop)):
            stage.workers[name] = _worker(stage, scene)
        for sku in UNITS:
            hub.sim.count(sku, _FULL)
            stage.truth[sku] = Decimal(_FULL)
        stage.quieten()
        yield stage


def _worker(stage: Stage, scene: Scene) -> SideWorker:
    hub = isinstance(scene, Hub)
    name = scene.adapter.name
    with stage.db.write() as session:
        row = Side(name=name, role="hub" if hub else "shop", adapter=name, created_at=stage.clock())
        session.add(row)
        session.flush()
    side = SideContext(
        id=row.id,
        name=name,
        role=row.role,
        adapter=scene.adapter,
        db=stage.db,
        policy=StockPolicy(hub=hub, fractions=hub),
        settle=timedelta(seconds=10),
        in_doubt=timedelta(seconds=60),
        now=stage.clock,
    )
    hub_id = row.id if hub else stage.workers["till"].side.id
    return SideWorker(side, hub_id, RequestCounter(), threading.Event())


def _told(changes: Counter[Change]) -> str:
    return ", ".join(f"{quantity:+f} {sku} ×{count}" for (sku, quantity), count in changes.items()) or "nothing"
