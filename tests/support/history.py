"""One history of a till and two shops: what people do, what goes wrong, and what syncd does."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.model import Quantity
from syncd.core.stock import project
from syncd.errors import AuthRejected, DatabaseUnavailable, RateLimited, Transient
from syncd.service.runs import RequestCounter, start_run
from syncd.service.worker import SideWorker
from syncd.state.models import Item, Listing, Operation, Side, StockEventRow
from tests.support.comparison import Comparison
from tests.support.engine import Account, Clock
from tests.support.sides import KINDS, TILL
from tests.support.tally import TALLY
from tests.support.trouble import Crash, Mischief, Trouble, TroubledSide
from tests.support.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from syncd.core.model import StockEvent, StockWrite
    from tests.support.trouble import TroubledDatabase

_LOSING = frozenset({"lost_before", "lost_after", "late", "half"})
_MOST_ROUNDS = 6
_LAG_S = 8


class TickingClock(Clock):
    """Time passes between any two looks at it, if only a little."""

    def __call__(self) -> datetime:
        self.advance(0.001)
        return self.at


@dataclass
class History:
    """The till and some shops.

    Attributes:
        sides: Their names, the till first; kinds of ``tests.support.sides``.
        orders: Side, listing and reference of orders that can be cancelled or refunded.
        feeds_are_whole: No feed left anything out since everything was last at rest: a sweep must find nothing.
        swallowed_orders: Side and document of orders that were swallowed.
        forms: Opened forms of products: side, listing and the quantity that a person sees there.
        sent: First writes of stock, by operation.
    """

    db: TroubledDatabase
    sides: tuple[str, ...]
    account: Account = field(init=False)
    truth: Truth = field(init=False)
    trouble: Trouble = field(init=False)
    running: list[str] = field(default_factory=list)
    orders: list[tuple[str, str, str]] = field(default_factory=list)
    forms: list[tuple[str, str, Quantity]] = field(default_factory=list)
    swallowed_orders: list[tuple[str, str]] = field(default_factory=list)
    sent: dict[str, StockWrite] = field(default_factory=dict)
    feeds_are_whole: bool = True
    _numbers: int = 0

    def __post_init__(self) -> None:
        self.account = Account(self.db, TickingClock())
        self.trouble = Trouble(self._act)
        self.start()
        self.truth = Truth(self.db, self.clock, self.account.worlds, KINDS, TILL)

    @property
    def clock(self) -> Clock:
        return self.account.clock

    def start(self) -> None:
        """Start the process, again if there was one."""
        self.running.clear()
        self.db.trouble = None
        self.trouble.rows_twice.clear()
        for name in self.sides:
            kind = KINDS[name]
            world = self.account.add_side(
                name, "hub" if name == TILL else "shop", capabilities=kind.capabilities, policy=kind.policy
            )
            side = self.account.workers[name].side
            side.adapter = TroubledSide(world, kind.capabilities, self.trouble, self._before_write)
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
        """Something moves on a side, unless nobody could ever tell what it was."""
        external_id, units = self.there(side, sku), Quantity(units)
        if external_id is None or not units or not self._tellable(side, external_id, units, document=document):
            return False
        self._numbers += 1
        reference = str(self._numbers) if document and KINDS[side].capabilities.events else None
        self.account.worlds[side].sell(external_id, -units, reference=reference)
        if reference:
            self.orders.append((side, external_id, reference))
        self.truth.happen((side, external_id), units, "order" if reference else "")
        return True

    def take_stock(self, side: str, sku: str, quantity: Quantity | int) -> bool:
        """Somebody counts, and sets what is there."""
        external_id, world = self.there(side, sku), self.account.worlds[side]
        return external_id is not None and self.change(
            side, sku, quantity - world.quantity(external_id), document=False
        )

    def open_form(self, side: str, sku: str) -> None:
        """A person opens the product's form, and sees what is there now."""
        external_id = self.there(side, sku)
        if external_id is not None:
            self.forms.append((side, sku, self.account.worlds[side].quantity(external_id)))

    def save_form(self) -> bool:
        """The form that has been open longest is saved, whatever happened meanwhile: the old quantity is set again."""
        side, sku, quantity = self.forms.pop(0)
        return self.take_stock(side, sku, quantity)

    def _tellable(self, side: str, external_id: str, units: Quantity, *, document: bool) -> bool:
        """Whether what happens can be told from an unresolved write of ours, and from what the side swallowed."""
        key, documented = (side, external_id), document and KINDS[side].capabilities.events
        row = self.truth.look().get(key)
        if self.truth.blurs(key, documents=(units,) if documented else (), edits=() if documented else (units,)):
            return False
        if row is None or row.operation is None:
            return True
        if documented:
            return not self.truth.undocumented(row.key)
        return not self.truth.confusable(row, more=units)

    def cancel_order(self) -> bool:
        """The latest order is cancelled: its units come back, its document says zero."""
        while self.orders:
            side, external_id, reference = self.orders.pop()
            if self._can_give_back(side, external_id, reference):
                world = self.account.worlds[side]
                units = -world.document(reference, external_id).quantity
                world.cancel(reference, external_id)
                self.truth.happen((side, external_id), units, "undone")
                return True
        return False

    def refund_order(self, units: int) -> bool:
        """Part of the latest order comes back; the rest of it stays."""
        for side, external_id, reference in reversed(self.orders):
            if not self._can_give_back(side, external_id, reference, whole=False):
                continue
            world = self.account.worlds[side]
            if 0 < units < -world.document(reference, external_id).quantity:
                if KINDS[side].returns:
                    self._numbers += 1
                    world.sell(external_id, -units, reference=f"return {self._numbers}")
                    self.truth.happen((side, external_id), Quantity(units), "refund")
                else:
                    told = self._will_tell(side, external_id, reference)
                    world.refund(reference, external_id, units)
                    self.truth.happen((side, external_id), Quantity(units), "refund" if told else "")
                return True
        return False

    def _will_tell(self, side: str, external_id: str, reference: str) -> bool:
        """Whether an order that gives a part back tells both steps; if not, its first step loses its document.

        Where nobody has read it yet its document shows only what is left, which proves neither step.
        """
        event = self.account.worlds[side].document(reference, external_id)
        tells = self._tells(side, event)
        if not tells:
            self.truth.lose_document((side, external_id), event.quantity)
        return tells

    def _tells(self, side: str, event: StockEvent) -> bool:
        return not KINDS[side].swallows or self._is_read(side, event)

    def _can_give_back(
        self, side: str, external_id: str, reference: str, *, whole: bool = True, swallowed: bool = False
    ) -> bool:
        """Whether an order can be undone so that its document tells.

        One that syncd has not read yet shows only what is left of it: not if one of both steps was swallowed. If it was
        cancelled whole, it shows that, and what it had been.
        """
        if external_id not in self.account.worlds[side].things:
            return False
        event = self.account.worlds[side].document(reference, external_id)
        if (swallowed or (side, event.key) in self.swallowed_orders) and not self._is_read(side, event):
            return False
        if not self._tellable(side, external_id, -event.quantity, document=True):
            return False
        both = event.quantity, -event.quantity
        return whole or self._tells(side, event) or not self.truth.blurs((side, external_id), edits=both)

    def _is_read(self, side: str, event: StockEvent) -> bool:
        """Whether syncd knows a document as it is."""
        with self.db.read() as session:
            query = select(StockEventRow.quantity).join(Side, Side.id == StockEventRow.side_id)
            versions = session.scalars(query.where(Side.name == side, StockEventRow.document == event.key)).all()
        return bool(versions) and sum(versions) == event.quantity

    def swallow(self, write: StockWrite, side: str, units: int, *, cancel: bool) -> bool:
        """An order (or the cancellation of one) lands inside our write, and the side overwrites its effect."""
        world, key = self.account.worlds[side], (side, write.ref.external_id)
        mine = [order for order in self.orders if order[:2] == key]
        cancel = cancel and bool(mine) and self._can_give_back(*mine[-1], swallowed=True)
        quantity = -world.document(mine[-1][2], key[1]).quantity if cancel else Quantity(-units)
        self.truth.look()
        if not quantity or not self.truth.counts(key) or self.truth.blurs(key, documents=(quantity,), swallowed=True):
            return False
        if cancel:
            self.orders.remove(mine[-1])
            world.cancel(mine[-1][2], key[1], swallowed=True)
        else:
            self._numbers += 1
            world.swallow(key[1], units, reference=str(self._numbers))
            self.orders.append((*key, str(self._numbers)))
            self.swallowed_orders.append((side, world.document(str(self._numbers), key[1]).key))
        self.truth.swallow(key, quantity)
        return True

    @contextmanager
    def orders_inside_writes(self, side: str, units: int, *, cancel: bool) -> Iterator[None]:
        """One of the writes to the side that take effect meanwhile swallows an order."""
        world = self.account.worlds[side]

        def land(write: StockWrite) -> None:
            if self.swallow(write, side, units, cancel=cancel):
                TALLY["fault:swallowed"] += 1
                world.before_effect = None

        world.before_effect = land
        yield
        world.before_effect = None

    def lag(self, side: str, *, on: bool) -> bool:
        """Pages of the side come from a replica that is some seconds behind, or not any more."""
        on = on and KINDS[side].lags
        self.account.worlds[side].lag_s = _LAG_S if on else 0
        if on:
            self.truth.lagged.add(side)
        return on

    def delete(self, side: str, sku: str) -> bool:
        external_id = self.there(side, sku)
        if external_id is None or self._is_owed_an_order(side, external_id):
            return False
        self.truth.vanish((side, external_id))
        self.account.worlds[side].delete(external_id)
        return True

    def _is_owed_an_order(self, side: str, external_id: str) -> bool:
        """Whether a swallowed order would go with the product or with its partner at the till."""
        self.truth.look()
        item = self.truth.linked.get((side, external_id))
        partners = [key for key, its in self.truth.linked.items() if item is not None and its == item]
        return any(self.truth.swallowed.missing(key) for key in partners)

    def miss(self, side: str, external_id: str) -> None:
        """The side's feed says nothing of what happened to a listing so far."""
        TALLY["fault:missed_by_feed"] += 1
        self.feeds_are_whole = False
        self.account.worlds[side].miss(external_id)

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
        for side in self.sides:
            self.run(side, kind)
        for _ in range(_MOST_ROUNDS):
            waiting = self._waiting()
            if not waiting:
                return
            for side in waiting:
                self.run(side, "push")

    def _waiting(self) -> list[str]:
        with self.db.read() as session:
            unlinked = set(session.scalars(select(Listing.side_id).where(Listing.link_pending)))
        workers = self.account.workers.items()
        return [n for n, w in workers if w.has_pending() or (w.side.id in unlinked and w.has_link_work())]

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
            case "token_expired":
                TALLY["fault:token_expired"] += 1
                raise AuthRejected(asked, "GET", "the token has expired")
            case "rate_limited":
                TALLY["fault:rate_limited"] += 1
                raise RateLimited(asked, "GET", "too many requests", retry_after_s=1)
            case "rows_twice":
                TALLY["fault:rows_twice"] += 1
                self.trouble.rows_twice.add(asked)
                self.change(asked, mischief.sku, mischief.units - 2, document=True)
            case "sale" | "sale_after_reading" if mischief.side in self.sides:
                TALLY["fault:sale_meanwhile"] += self.change(
                    mischief.side, mischief.sku, -mischief.units, document=True
                )
            case "slow":
                TALLY["fault:slow"] += 1
                self.clock.advance(8 * mischief.units)
            case "other_side" if mischief.side in self.sides and mischief.side not in self.running:
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
        except (DatabaseUnavailable, Transient, AuthRejected):
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
                stored = session.execute(query).one_or_none()
                assert stored is not None, f"intent: {side} is written to before that is committed"
                on_hand, row = stored
                first = self.sent.setdefault(write.operation_id, write)
                if first is not write:
                    assert KINDS[side].capabilities.key_life_s, f"twice: {side} is told the same again without a key"
                    assert first == write, f"twice: {side} is told something else under the same key"
                    continue  # it is what the books said then
                wants = project(on_hand, KINDS[side].policy, row.sku_key)
                assert write.expected_after == wants, f"bounds: {side} is told {write.expected_after}, not {wants}"
                assert write.expected_before == row.shadow, "a difference from something else than the shadow"
        faults = self.account.worlds[side].faults
        mine = [rows[key] for write in writes if (key := (side, write.ref.external_id)) in rows]
        if faults and faults[0] in _LOSING and any(self.truth.confusable(row) for row in mine):
            faults[0] = ""
        if faults and faults[0]:
            TALLY[f"fault:{faults[0]}"] += 1

    def end_trouble(self) -> None:
        """From now on nothing goes wrong."""
        self.trouble.plan.clear()
        self.trouble.rows_twice.clear()
        for world in self.account.worlds.values():
            world.faults.clear()
            self.lag(world.name, on=False)
            world.stale, world.before_effect = False, None

    def compare(self) -> None:
        """Let everything come to rest, then compare all books."""
        Comparison(self).run()
