"""One history of a till and two shops: what people do, what goes wrong, what syncd does, and the comparison."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from syncd.adapters.base import Capabilities
from syncd.core.model import Quantity
from syncd.core.stock import StockPolicy, project
from syncd.errors import DatabaseUnavailable, Transient
from syncd.service.resolve import resolve
from syncd.service.runs import RequestCounter, start_run
from syncd.service.worker import SideWorker
from syncd.state.models import Finding, Item, Listing, Movement, Operation, Run
from tests.support.engine import HUB, Account, Clock
from tests.support.tally import TALLY
from tests.support.trouble import Crash, Mischief, Trouble, TroubledSide
from tests.support.truth import Key, Row, Truth

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from syncd.core.model import StockWrite
    from tests.support.trouble import TroubledDatabase

TILL, MARKED, PLAIN = "till", "marked", "plain"
SIDES = (TILL, MARKED, PLAIN)
CAPABILITIES = {
    TILL: HUB,
    MARKED: Capabilities(relative=True, marker=True, batch_size=20, events=True),
    PLAIN: Capabilities(relative=True),
}
POLICIES = {
    TILL: StockPolicy(hub=True, fractions=True),
    MARKED: StockPolicy(),
    PLAIN: StockPolicy(buffer=Decimal(2), buffers={"b": Decimal(5)}),
}
_LOSING = frozenset({"lost_before", "lost_after", "late", "half"})
_MOST_ROUNDS = 6
_BEYOND_EVERY_WINDOW_S = 130


class TickingClock(Clock):
    """Time passes between any two looks at it, if only a little."""

    def __call__(self) -> datetime:
        self.advance(0.001)
        return self.at


@dataclass
class History:
    """The till (documents, no marker), a shop with markers, and one with buffers and neither."""

    db: TroubledDatabase
    account: Account = field(init=False)
    truth: Truth = field(init=False)
    trouble: Trouble = field(init=False)
    running: list[str] = field(default_factory=list)
    orders: list[tuple[str, str, str]] = field(default_factory=list)
    _numbers: int = 0

    def __post_init__(self) -> None:
        self.account = Account(self.db, TickingClock())
        self.trouble = Trouble(self._act)
        self.start()
        self.truth = Truth(
            self.db,
            self.clock,
            self.account.worlds,
            with_marker=frozenset(name for name in SIDES if CAPABILITIES[name].marker),
            with_documents=frozenset(name for name in SIDES if CAPABILITIES[name].events),
        )

    @property
    def clock(self) -> Clock:
        return self.account.clock

    def start(self) -> None:
        """Start the process, again if there was one."""
        self.running.clear()
        self.db.trouble = None
        for name in SIDES:
            world = self.account.add_side(
                name, "hub" if name == TILL else "shop", capabilities=CAPABILITIES[name], policy=POLICIES[name]
            )
            side = self.account.workers[name].side
            side.adapter = TroubledSide(world, CAPABILITIES[name], self.trouble, self._before_write)
        self.db.trouble = self.trouble

    # What people do

    def add(self, side: str, sku: str, units: int) -> bool:
        if self.there(side, sku):
            return False
        self._numbers += 1
        self.account.worlds[side].put(f"{side}-{sku}-{self._numbers}", units, sku=sku)
        return True

    def there(self, side: str, sku: str) -> str | None:
        """The id of a product that exists on a side."""
        things = self.account.worlds[side].things
        return next((key for key in things if key.split("-")[1] == sku), None)

    def change(self, side: str, sku: str, units: Quantity | int, *, document: bool) -> bool:
        """Something moves on a side, unless nobody could ever tell it from an unresolved write of ours."""
        external_id, units = self.there(side, sku), Quantity(units)
        if external_id is None or not units or not self._tellable(side, external_id, units, document=document):
            return False
        self._numbers += 1
        reference = str(self._numbers) if document and CAPABILITIES[side].events else None
        self.account.worlds[side].sell(external_id, -units, reference=reference)
        if reference:
            self.orders.append((side, external_id, reference))
        self.truth.happen((side, external_id), units, "order" if reference else "")
        return True

    def _tellable(self, side: str, external_id: str, units: Quantity, *, document: bool) -> bool:
        row = self.truth.look().get((side, external_id))
        if row is None or row.operation is None:
            return True
        if document and CAPABILITIES[side].events:
            return not self.truth.undocumented(row.key)
        return not self.truth.confusable(row, more=units)

    def cancel_order(self) -> bool:
        """The latest order is cancelled: its units come back, its document says zero."""
        while self.orders:
            side, external_id, reference = self.orders.pop()
            world = self.account.worlds[side]
            if external_id in world.things and self._tellable(side, external_id, Quantity(0), document=True):
                before = world.quantity(external_id)
                world.cancel(reference, external_id)
                self.truth.happen((side, external_id), world.quantity(external_id) - before, "undone")
                return True
        return False

    def delete(self, side: str, sku: str) -> bool:
        external_id = self.there(side, sku)
        if external_id is None:
            return False
        self.truth.vanish((side, external_id))
        self.account.worlds[side].delete(external_id)
        return True

    def rename(self, side: str, sku: str) -> bool:
        """Another name, and in a shop another SKU: once linked, ids count."""
        external_id = self.there(side, sku)
        if external_id is None:
            return False
        self._numbers += 1
        world = self.account.worlds[side]
        listing = world.things[external_id].listing
        code = listing.sku if side == TILL else f"other-{self._numbers}"
        world.put(external_id, listing.quantity, sku=code, name=f"{sku} {self._numbers}", marker=listing.marker)
        return True

    # What syncd does

    def run(self, side: str, kind: str) -> None:
        """One pass with everything that goes wrong in it; after a crash the process starts again."""
        try:
            self._pass(side, kind)
        except Crash:
            self.start()
        self.truth.look()

    def _pass(self, side: str, kind: str) -> None:
        self.running.append(side)
        try:
            self.account.workers[side].run(kind, "test")
        except DatabaseUnavailable:
            return
        finally:
            if side in self.running:
                self.running.remove(side)

    def sync(self, kind: str = "poll") -> None:
        """All sides read, then all write until nothing waits."""
        for side in SIDES:
            self.run(side, kind)
        for _ in range(_MOST_ROUNDS):
            waiting = [
                n for n, worker in self.account.workers.items() if worker.has_pending() or worker.has_link_work()
            ]
            if not waiting:
                return
            for side in waiting:
                self.run(side, "push")

    # What goes wrong

    def lose(self, side: str, fault: str) -> None:
        """The next write to a side fails like this."""
        self.account.worlds[side].faults.append(fault)

    def _act(self, mischief: Mischief, asked: str) -> None:
        match mischief.kind:
            case "crash" if self._may_stop():
                TALLY["fault:crash"] += 1
                raise Crash
            case "database_lost" if self._may_stop():
                TALLY["fault:database_lost"] += 1
                raise DatabaseUnavailable("the disk is full")
            case "unreachable":
                TALLY["fault:unreachable"] += 1
                raise Transient(asked, "GET", "no route to host")
            case "sale" | "sale_after_reading":
                TALLY["fault:sale_meanwhile"] += self.change(
                    mischief.side, mischief.sku, -mischief.units, document=True
                )
            case "slow":
                TALLY["fault:slow"] += 1
                self.clock.advance(8 * mischief.units)
            case "other_side" if mischief.side not in self.running:
                TALLY["fault:other_side_meanwhile"] += 1
                self._pass(mischief.side, "poll")
            case "second_process":
                TALLY["fault:second_process"] += 1
                self._push_beside(asked)

    def _may_stop(self) -> bool:
        """Not where a write that was sent could never be told from something else."""
        return not any(
            row.operation and row.operation.state == "sent" and self.truth.confusable(row) for row in self.truth.rows()
        )

    def _push_beside(self, side: str) -> None:
        """Somebody else writes to the side while this process is reading it."""
        first = self.account.workers[side]
        other = SideWorker(first.side, first.hub_id, RequestCounter(), threading.Event())
        try:
            other.push(start_run(other.side, "push", "beside"))
        except (DatabaseUnavailable, Transient):
            return

    def _before_write(self, side: str, writes: Sequence[StockWrite]) -> None:
        """Every write is what the books say; an answer is not lost where nobody could ever tell."""
        rows = self.truth.look()
        with self.db.read() as session:
            for write in writes:
                query = (
                    select(Item.on_hand, Listing)
                    .join(Listing, Listing.item_id == Item.id)
                    .join(Operation, Operation.listing_id == Listing.id)
                    .where(Operation.uid == write.operation_id)
                )
                on_hand, row = session.execute(query).one()
                wants = project(on_hand, POLICIES[side], row.sku_key)
                assert write.expected_after == wants, f"bounds: {side} is told {write.expected_after}, not {wants}"
                assert write.expected_before == row.shadow, "a difference from something else than the shadow"
        faults = self.account.worlds[side].faults
        mine = [rows[key] for write in writes if (key := (side, write.ref.external_id)) in rows]
        if faults and faults[0] in _LOSING and any(self.truth.confusable(row) for row in mine):
            faults[0] = ""
        if faults and faults[0]:
            TALLY[f"fault:{faults[0]}"] += 1

    # The comparison

    def compare(self) -> None:
        """Let everything come to rest, then compare all books (design 3, invariants)."""
        TALLY["quiet"] += 1
        self.trouble.plan.clear()
        for world in self.account.worlds.values():
            world.faults.clear()
            world.stale = False
        for kind in ("full", "poll"):
            self._rest(kind)
        if self._open():
            self._resolve_parked()
        self._check_rest()
        before = self._activity()
        self._rest("poll")
        assert self._activity() == before, "a further pass did something"

    def _rest(self, kind: str) -> None:
        self.clock.advance(_BEYOND_EVERY_WINDOW_S)
        self.sync(kind)

    def _resolve_parked(self) -> None:
        """What is in doubt after all windows is parked, for a reason; people then set it right."""
        for row in self._open():
            operation, reason = row.operation, self.truth.unclear(row)
            assert operation is not None
            assert operation.state == "parked", f"{row.key}: {operation.state} for ever: {operation.error}"
            assert reason, f"{row.key} is parked though its numbers are clear: {operation.error}"
            assert self._finding("parked", f"operation {operation.id}"), "parked without a finding"
            TALLY["fault:parked"] += 1
            if reason == "undocumented":
                units = -self.truth.undocumented(row.key)
                self.account.worlds[row.key[0]].sell(row.key[1], -units)
                self.truth.happen(row.key, units, "")
        self._rest("poll")
        for row in self._open():
            assert self.truth.unclear(row), f"{row.key} stays parked though its numbers are clear"
            self._person_decides(row)
        self._rest("poll")

    def _open(self) -> list[Row]:
        return [row for row in self.truth.look().values() if row.operation is not None]

    def _finding(self, kind: str, subject: str) -> bool:
        return any(finding.kind == kind and finding.subject == subject for finding in self.account.findings())

    def _person_decides(self, row: Row) -> None:
        """A person looked into the side's own history and says whether the write took effect."""
        assert row.operation is not None
        world, number = self.account.worlds[row.key[0]], row.operation.id
        applied = any(write.operation_id == row.operation.uid for write in world.writes)
        (finding,) = (each.id for each in self.account.findings() if each.operation_id == number)
        resolve(self.db, finding, applied=applied, now=self.clock())

    def _check_rest(self) -> None:
        rows = self.truth.look()
        for row in rows.values():
            if row.item is None:
                self._check_unlinked(row, rows)
                continue
            assert row.operation is None, f"{row.key} is still in doubt"
            assert not row.pending, f"{row.key} still waits to be written"
            self._check_holds(row)
        with self.db.read() as session:
            sums: Counter[int] = Counter()
            for movement in session.scalars(select(Movement)):
                sums[movement.item_id] += movement.quantity  # type: ignore[assignment]  # counts in Decimal
            for item in session.scalars(select(Item)):
                assert sums[item.id] == item.on_hand, f"the ledger of item {item.id} comes to {sums[item.id]}"
        for item_id, total in self.truth.totals.items():
            assert self._finding("oversell", f"item {item_id}") == (total < 0), f"item {item_id} has {total}"
        kinds = {finding.kind for finding in self.account.findings()}
        assert not kinds & {"parked", "write_rejected", "side_unreachable", "invalid_answer"}, kinds

    def _check_holds(self, row: Row) -> None:
        side, external_id = row.key
        total = self.truth.totals.get(row.item or 0)
        if total is None:
            return
        listing = self.account.listing(side, external_id)
        wants = project(total, POLICIES[side], listing.sku_key)
        holds = self.account.worlds[side].quantity(external_id)
        assert holds == wants, f"convergence: {row.key} holds {holds}, should {wants} of {total}"
        assert row.on_hand == total
        assert row.shadow == holds

    def _check_unlinked(self, row: Row, rows: dict[Key, Row]) -> None:
        """A product is linked if its code leads to one free product of the till."""
        side, external_id = row.key
        code = self.account.worlds[side].things[external_id].listing.sku
        partners = [
            other
            for other in rows.values()
            if other.key[0] == TILL and self.account.worlds[TILL].things[other.key[1]].listing.sku == code
        ]
        taken = {other.item for other in rows.values() if other.key[0] == side}
        assert len(partners) != 1 or partners[0].item in taken, f"{row.key} could be linked"

    def _activity(self) -> tuple[int, ...]:
        with self.db.read() as session:
            counts = [session.scalar(select(func.count()).select_from(table)) or 0 for table in (Operation, Movement)]
            drift = session.scalar(select(func.sum(Run.drift))) or 0
            findings = session.scalar(select(func.count()).where(Finding.closed_at.is_(None))) or 0
        return (*counts, drift, findings, sum(len(world.writes) for world in self.account.worlds.values()))
