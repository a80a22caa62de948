"""The day: customers at the till and in the shop, answers that get lost, a daemon that is killed, and the verdict."""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from syncd.demo.process import wait_until
from syncd.simulators.server import Fault, SimRequest
from tests.conformance.drivers_vendure import READ, WRITE
from tests.support.vendure import Refusal

if TYPE_CHECKING:
    from tests.vendure.stage import Stage

_SETTLED_WITHIN_S = 45.0
_APART_S = 8.0
"""Time runs some twenty times faster here than in a shop: a write is in doubt for three seconds, not for sixty."""
_MOMENT_S = 3.0
_LOST = ("lost_after", "lost_before", "error_500_after", "truncated")


@dataclass
class Books:
    """What really happened: opening quantities plus signed events.

    Attributes:
        opening: Units of each SKU in the morning.
        events: Kind, SKU and units of each.
        labels: Names and prices that the till gave, by SKU.
    """

    opening: dict[str, Decimal]
    events: list[tuple[str, str, Decimal]] = field(default_factory=list)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, kind: str, sku: str, units: int | Decimal) -> None:
        """Write down one event."""
        self.events.append((kind, sku, Decimal(units)))

    def expected(self) -> dict[str, Decimal]:
        """Units of each SKU that must be left."""
        left = dict(self.opening)
        for _, sku, units in self.events:
            left[sku] += units
        return left


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the day ended.

    Attributes:
        differing: Items that do not show what their events add up to, in words.
        lost: Units of events that are missing somewhere.
        doubled: Units that are too much, or of which no event tells.
        labels: Names and prices that were compared.
        unsettled: Writes whose outcome is still not known.
    """

    items: int
    labels: int
    events: int
    kinds: dict[str, int]
    differing: list[str]
    lost: Decimal
    doubled: Decimal
    unsettled: dict[str, str]
    kills: int
    troubles: int
    stopped_with: int

    @property
    def ok(self) -> bool:
        """Whether the promise held."""
        return not self.differing and not self.unsettled and self.stopped_with == 0


class Day:
    """One busy day.

    Args:
        stage: Where.
        seed: Makes choices repeatable; what overlaps in time still differs.
        tell: Told what happens.
    """

    def __init__(self, stage: Stage, seed: int, tell: Callable[[str], None]) -> None:
        self._stage = stage
        self._random = random.Random(seed)  # noqa: S311 - a script, not a secret
        self._tell = tell
        self.books = Books(stage.till_stock())
        self._skus = sorted(self.books.opening)
        self._till_orders: list[tuple[int, str, int]] = []
        self._placed: list[tuple[str, dict[str, int]]] = []
        self._sent: list[tuple[str, dict[str, int]]] = []
        self._troubles = self._made = 0
        self._inside_at = 0.0
        self._due: deque[tuple[str, dict[str, int], list[bytes]]] = deque()
        stage.shop_server.hooks.append(self._at_request)
        self._touched: dict[str, float] = {}
        self._received: dict[str, float] = {}
        self._actions: list[tuple[int, Callable[[], None]]] = [
            (30, self._till_sale),
            (8, self._till_return),
            (4, self._receipt),
            (30, self._order),
            (14, self._fulfil),
            (5, self._fulfil_inside_a_write),
            (7, self._cancel),
            (5, self._cancel_part),
            (4, self._send_back),
            (6, self._label),
            (2, self._new_goods),
        ]

    def play(self, events: int, kills: int) -> Verdict:
        """Everything, from the first sync to the verdict."""
        self._stage.daemon.start()
        self._settle("first sync")
        weights = [weight for weight, _ in self._actions]
        done = 0
        for part in range(kills + 1):
            while len(self.books.events) < events * (part + 1) // (kills + 1):
                self._random.choices(self._actions, weights)[0][1]()
                done += 1
                if done % 20 == 0:
                    self._lose_an_answer()
            if part < kills:
                self._power_cut()
        while self._due:
            order, lines, _ = self._due.popleft()
            self._send(order, lines)
        self._settle("closing time")
        return self.verdict()

    def verdict(self) -> Verdict:
        """Stop the daemon, and compare every item in four places: events, till, shop, ledger."""
        stopped_with, _ = self._stage.daemon.stop()
        expected = self.books.expected()
        till, shop, ledger = self._stage.till_stock(), self._stage.shop_stock(), self._stage.ledger()
        differing, lost, doubled = [], Decimal(0), Decimal(0)
        for sku, units in expected.items():
            shown = [till.get(sku), shop.get(sku), ledger.get(sku)]
            if shown == [units] * 3:
                continue
            worst = max((one - units if one is not None else -units for one in shown), key=abs)
            mine = [moved for _, what, moved in self.books.events if what == sku]
            if -worst in mine:
                lost += abs(worst)
            else:
                doubled += abs(worst)
            names = ", ".join(f"{name} {one}" for name, one in zip(("till", "shop", "ledger"), shown, strict=True))
            differing.append(f"{sku}: events add up to {units}, {names}")
        differing += self._wrong_labels()
        return Verdict(
            labels=sum(map(len, self.books.labels.values())),
            items=len(expected),
            events=len(self.books.events),
            kinds=dict(Counter(kind for kind, _, _ in self.books.events)),
            differing=differing,
            lost=lost,
            doubled=doubled,
            unsettled=self._stage.open_writes(),
            kills=self._stage.daemon.kills,
            troubles=self._troubles,
            stopped_with=stopped_with,
        )

    def _settle(self, what: str) -> None:
        self._stage.shop_server.clear_faults()
        began = time.monotonic()
        agreed = wait_until(self._agrees, _SETTLED_WITHIN_S)
        self._tell(f"{what}: {'settled' if agreed else 'not settled'} after {time.monotonic() - began:.1f} s")

    def _agrees(self) -> bool:
        expected = self.books.expected()
        if not self._stage.till_stock() == self._stage.shop_stock() == expected or self._wrong_labels():
            return False
        try:
            return self._stage.ledger() == expected and not self._stage.open_writes()
        except SQLAlchemyError:
            return False  # the daemon is about to make the database

    def _wrong_labels(self) -> list[str]:
        """Names and prices of the till that the shop does not show."""
        shown = self._stage.shop_labels()
        return [
            f"{sku}: {name} is {shown.get(sku, {}).get(name)!r} in the shop, {value!r} at the till"
            for sku, labels in self.books.labels.items()
            for name, value in labels.items()
            if shown.get(sku, {}).get(name) != value
        ]

    # -- what goes wrong

    def _lose_an_answer(self) -> None:
        kind = self._random.choice(_LOST)
        path = WRITE if self._random.random() < 0.7 else READ
        self._stage.shop_server.add_fault(Fault(kind, path=path))
        self._troubles += 1

    def _power_cut(self) -> None:
        """Kill the daemon where it stands, sell on without it, start it again."""
        while self._due:  # a kill in that very moment is a named limit (docs/vendure.md)
            order, lines, _ = self._due.popleft()
            self._send(order, lines)
        wait_until(lambda: time.monotonic() - self._inside_at > _MOMENT_S, 2 * _MOMENT_S)
        pid = self._stage.daemon.kill()
        self._till_sale()
        self._order()
        self._stage.daemon.start()
        self._tell(f"{len(self.books.events)} events: daemon {pid} killed, started again")

    # -- at the till

    def _sku(self) -> str:
        """Mostly any item, often one of a few, so that events meet; none that goods were received of just now."""
        now = time.monotonic()
        skus = [sku for sku in self._skus if now - self._received.get(sku, now - _APART_S) >= _APART_S]
        few = skus[: len(skus) // 4]
        sku = self._random.choice(few if self._random.random() < 0.3 else skus)
        self._touched[sku] = now
        return sku

    def _till_sale(self) -> None:
        sku, units = self._sku(), self._random.randint(1, 2)
        order = self._stage.till.sale(sku, units)["order"]
        self._till_orders.append((order, sku, units))
        self.books.add("till sale", sku, -units)

    def _till_return(self) -> None:
        if self._till_orders:
            order, sku, units = self._till_orders.pop(self._random.randrange(len(self._till_orders)))
            self._stage.till.return_items(order, sku, units)
            self.books.add("till return", sku, units)

    def _receipt(self) -> None:
        """Of an item that nothing else happens to: the till keeps no document of it (``docs/guarantees.md``)."""
        now = time.monotonic()
        quiet = [sku for sku in self._skus if now - self._touched.get(sku, now - _APART_S) >= _APART_S]
        if not quiet:
            return
        sku, units = self._random.choice(quiet), self._random.randint(6, 24)
        self._received[sku] = now
        self._stage.till.receive(sku, units)
        self.books.add("goods receipt", sku, units)

    def _label(self) -> None:
        """Another price, or another name for a product without variations."""
        sku, number = self._sku(), self._random.randint(1, 99_999)
        if sku.startswith("S-") and self._random.random() < 0.5:
            change = {"name": f"Käse & “Brie” {number}"}
            self._stage.till.set_name(sku, change["name"])
        else:
            change = {"price": f"{number / 100:.2f}"}
            self._stage.till.set_price(sku, change["price"])
        self.books.labels.setdefault(sku, {}).update(change)
        self.books.add("new label", sku, 0)

    def _new_goods(self) -> None:
        """A new product at the till, every second one with variations; syncd makes it in the shop."""
        self._made += 1
        parent, name, units = f"NEW-{self._made}", f"New thing {self._made}", self._random.randint(1, 20)
        sizes = {f"{parent}-{size}": size for size in ("S", "M")} if self._made % 2 == 0 else {}
        variations = [
            {"sku": sku, "quantity": units, "attributes": {"size": size, "color": "navy"}}
            for sku, size in sizes.items()
        ]
        self._stage.till.create_product(
            parent, name, 0 if sizes else units, "12.50", variations=variations, in_shop=True
        )
        for sku in sizes or (parent,):
            self.books.opening[sku] = Decimal(units)
            self.books.labels[sku] = {"name": name, "price": "12.50"}
            self.books.add("new goods", sku, 0)

    # -- in the shop

    def _order(self) -> None:
        skus = {self._sku() for _ in range(self._random.choice((1, 1, 2, 3)))}
        lines = {sku: self._random.randint(1, 2) for sku in sorted(skus)}
        try:
            order = self._stage.shop.order(lines)
        except Refusal:
            return  # not enough there just now: the customer leaves
        self._placed.append((order, lines))
        for sku, units in lines.items():
            self.books.add("web order line", sku, -units)

    def _fulfil(self) -> None:
        """Send an order: units that were allocated are sold, and what can be sold stays the same."""
        if self._placed:
            order, lines = self._placed.pop(self._random.randrange(len(self._placed)))
            self._send(order, lines)

    def _send(self, order: str, lines: dict[str, int]) -> None:
        self._stage.shop.fulfil(order)
        self._sent.append((order, lines))
        for sku in lines:
            self.books.add("fulfilment", sku, 0)

    def _fulfil_inside_a_write(self) -> None:
        """Have an order sent between the daemon's look at one of its items and its write there; make it write."""
        if self._placed:
            order, lines = self._placed.pop(self._random.randrange(len(self._placed)))
            ids = [f'"id":"{self._stage.shop.variant(sku)}"'.encode() for sku in lines]
            self._due.append((order, lines, ids))
            sku = self._random.choice(sorted(lines))
            self._stage.till.sale(sku, 1)
            self.books.add("till sale", sku, -1)

    def _at_request(self, request: SimRequest) -> None:
        if b"mutation SetStock" not in request.body:
            return
        for due in list(self._due):
            order, lines, ids = due
            if any(one in request.body for one in ids):
                self._due.remove(due)
                self._inside_at = time.monotonic()
                self._send(order, lines)

    def _cancel(self) -> None:
        if self._placed:
            order, lines = self._placed.pop(self._random.randrange(len(self._placed)))
            self._stage.shop.cancel(order)
            for sku, units in lines.items():
                self.books.add("cancellation", sku, units)

    def _cancel_part(self) -> None:
        """Cancel one unit of an order that is not sent yet; it is not touched again."""
        if self._placed:
            order, lines = self._placed.pop(self._random.randrange(len(self._placed)))
            sku = self._random.choice(sorted(lines))
            self._stage.shop.cancel(order, {sku: 1})
            self.books.add("cancellation in part", sku, 1)

    def _send_back(self) -> None:
        """Cancel an order that was sent: its units are on hand again."""
        if self._sent:
            order, lines = self._sent.pop(self._random.randrange(len(self._sent)))
            self._stage.shop.cancel(order)
            for sku, units in lines.items():
                self.books.add("cancellation after fulfilment", sku, units)
