"""People at the till and in the shops: sales, returns, receipts, stock-takes, web orders, refunds, edits."""

from __future__ import annotations

import random
import threading
import time
from base64 import b64encode
from collections import Counter, deque
from typing import TYPE_CHECKING

from syncd.simulators.pictures import drawn
from tests.chaos.shops.base import SoldOut
from tests.chaos.stage import TILL

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from tests.chaos.shops.base import Lines
    from tests.chaos.stage import ChaosStage

_FORGET = 60
_CLOSE_S = 30.0
"""An edit by hand of just what orders so close to it moved the other way: nobody could tell it from a swallowed order
(docs/guarantees.md). Readings are a second apart here, but the daemon is killed again and again."""


class Traffic:
    """Random events in a thread of their own, until ``stop``.

    Args:
        stage: Where.
        seed: Makes choices repeatable; what overlaps in time still differs.
        per_second: Events a second on average, in bursts.
        spared: SKUs that nobody touches.
        rough: Half of everything happens to a quarter of the items, and there are many receipts and stock-takes, of
            which INVENTORUM keeps no documents. Time runs some twenty times faster here than in a shop (a write is in
            doubt for 3 seconds, not 60), so even without this an item is counted several times a day.
        close_s: Instead of ``_CLOSE_S``, where readings are farther apart.
        inside: In such a share of our writes an order lands between the shop's reading and its writing.
        spaced: What happens at the till without a document (a delivery, a stock-take) keeps clear of web traffic of
            its amount: beside a lost booking nobody could tell it from that (docs/guarantees.md), and bookings are in
            doubt for as long as ``close_s``.
    """

    def __init__(
        self,
        stage: ChaosStage,
        seed: int,
        *,
        per_second: float,
        spared: Container[str] = (),
        rough: bool = False,
        close_s: float = _CLOSE_S,
        inside: float = 0.0,
        spaced: bool = False,
    ) -> None:
        self._stage = stage
        self._random = random.Random(seed)  # noqa: S311 - traffic, not a secret
        self._pause_s = 1.0 / per_second
        self._close_s = close_s
        self._inside = inside
        self._spaced = spaced
        self._lock = threading.Lock()
        self._hot_share = 0.5 if rough else 0.1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self._skus = [sku for sku in sorted(stage.till_stock()) if sku not in spared]
        self._till_orders: list[tuple[int, str, int]] = []
        self._lately: deque[tuple[float, str, str, int, bool]] = deque()
        self._web_orders: list[tuple[str, str, Lines]] = []
        self._web_sent: set[tuple[str, str]] = set()
        self._not_sold_yet: list[str] = []
        self.broken: BaseException | None = None
        self.events: Counter[str] = Counter()
        self._actions: list[tuple[int, Callable[[], None]]] = [
            (30, self._till_sale),
            (6, self._till_return),
            (3, self._till_cancel),
            (8 if rough else 1, self._receipt),
            (5 if rough else 1, self._stock_take),
            (30, self._web_order),
            (6, self._web_cancel),
            (6, self._web_refund),
            (5, self._admin_edit),
            (5, self._till_label),
            (2, self._shop_price),
            (1, self._new_goods),
        ]
        if any(shop.sends_orders for shop in stage.shops.values()):
            self._actions.append((14, self._web_sending))

    def start(self) -> None:
        """Open the doors."""
        if self._inside:
            for name, shop in self._stage.shops.items():
                shop.land_inside(lambda sku, name=name: self._order_inside(name, sku))  # type: ignore[misc]
        self._thread.start()

    def stop(self) -> None:
        """Close them; returns when the last customer has gone."""
        self._stop.set()
        self._thread.join(30)
        if self.broken is not None:
            raise self.broken

    def _run(self) -> None:
        weights = [weight for weight, _ in self._actions]
        try:
            while not self._stop.wait(self._random.expovariate(1.0) * self._pause_s):
                with self._lock:
                    self._random.choices(self._actions, weights)[0][1]()
        except BaseException as error:  # noqa: BLE001 - raised by stop() in the thread that can tell about it
            self.broken = error

    def _count(self, kind: str, sku: str, text: str) -> None:
        self.events[kind] += 1
        self._stage.diary.note(f"{kind}: {text}", sku)

    def _sku(self) -> str:
        """Mostly some of the same items, so that events meet."""
        few = self._skus[: len(self._skus) // 4]
        return self._random.choice(few if self._random.random() < self._hot_share else self._skus)

    def _till_sale(self) -> None:
        sku, units = self._sku(), self._random.randint(1, 3)
        channel = self._random.choice(("ipad", "ipad", "ipad", "click_and_collect"))
        order = self._stage.till.sale(sku, units, channel)["order"]
        self._till_orders = [*self._till_orders[-_FORGET:], (order, sku, units)]
        self._count("till sale", sku, f"{-units:+} (order {order})")

    def _take_till_order(self) -> tuple[int, str, int] | None:
        if not self._till_orders:
            return None
        return self._till_orders.pop(self._random.randrange(len(self._till_orders)))

    def _till_return(self) -> None:
        if (taken := self._take_till_order()) is not None:
            order, sku, units = taken
            back = self._random.randint(1, units)
            number = self._stage.till.return_items(order, sku, back)["return"]
            self._count("till return", sku, f"{back:+} (return {number} of order {order})")

    def _till_cancel(self) -> None:
        if (taken := self._take_till_order()) is not None:
            order, sku, units = taken
            self._stage.till.cancel_order(order)
            self._count("till cancellation", sku, f"{units:+} (order {order})")

    def _receipt(self) -> None:
        """A delivery, preferably of what runs out."""
        stock = self._stage.till_stock()
        sku = min(self._random.sample(self._skus, 3), key=lambda each: stock[each])
        units = self._random.randint(6, 24) if stock[sku] > 0 else self._random.randint(20, 60)
        if not self._clear_of_web(sku, units):
            return
        self._stage.till.receive(sku, units)
        self._count("goods receipt", sku, f"{units:+}")

    def _stock_take(self) -> None:
        sku = self._sku()
        held = int(self._stage.till_stock()[sku])
        counted = max(0, held + self._random.randint(-4, 3))
        if not self._clear_of_web(sku, counted - held):
            return
        self._stage.till.count(sku, counted)
        self._count("stock-take", sku, f"counted {counted}")

    def _till_label(self) -> None:
        """Another price, name, brand, text or option, or other categories or images; the till owns all of them."""
        sku, number = self._sku(), self._random.randint(1, 99_999)
        shown = self._stage.till.fields()[sku]
        if "options" in shown and self._random.random() < 0.3:
            self._stage.till.set_option(sku, "color", f"Blau {number % 9} / hell")
        elif self._random.random() < 0.5 or "name" not in shown:
            self._stage.till.set_price(sku, f"{number / 100:.2f}")
        elif self._random.random() < 0.4:
            self._stage.till.set_name(sku, f"Käse & “Brie” {number}")
        elif self._random.random() < 0.4:
            self._stage.till.set_brand(sku, f"Brand {number % 7} & Söhne")
            self._stage.till.set_categories(sku, [f"Käse {number % 5}", f"Sale > {number % 3} %"][: number % 3])
        elif self._random.random() < 0.5:
            pictures = [drawn(number % 9), drawn(number % 10)][: 1 + number % 2]
            self._stage.till.set_images(sku, [b64encode(each).decode() for each in pictures])
        else:
            text = f"<p>Fresh, <b>{number} g</b></p>\n<ul><li>“Brie”</li></ul>"
            self._stage.till.set_description(sku, text)
        self._count("new label", sku, str(number))

    def _shop_price(self) -> None:
        shop, sku = self._shop(), self._sku()
        self._stage.shops[shop].type_price(sku, "0.99")
        self._count("price typed in a shop", sku, f"0.99 in {shop}")

    def _new_goods(self) -> None:
        """A new product; earlier ones are sold as soon as every shop has what the till has of them."""
        till = self._stage.till_stock()
        shown = [self._stage.shop_stock(shop) for shop in self._stage.shops]
        ready = [sku for sku in self._not_sold_yet if all(stock.get(sku) == till[sku] for stock in shown)]
        self._skus += ready
        made = self._stage.make_goods(self._random.randint(1, 20))
        self._not_sold_yet = [sku for sku in (*self._not_sold_yet, *made) if sku not in ready]
        self._count("new goods", made[0], f"made at the till: {', '.join(made)}")

    def _shop(self) -> str:
        return self._random.choice(list(self._stage.shops))

    def _tellable(self, shop: str, sku: str, units: int, *, by_hand: bool) -> bool:
        """Whether this can be told from what happened to the item close before; if so it is remembered."""
        now = self._forget_what_is_past()
        at_till = {abs(moved) for _, where, what, moved, _ in self._lately if (where, what) == (TILL, sku)}
        if at_till & {abs(each) for each in self._web_sums(sku, units)}:
            return False
        sums = {0}
        for _, where, what, moved, typed in self._lately:
            if (where, what) == (shop, sku) and typed != by_hand:
                sums |= {known + moved for known in sums}
        hands = {0}
        for _, where, what, moved, typed in self._lately:
            if (where, what) == (shop, sku) and typed == by_hand:
                hands |= {known + moved for known in hands}
        if any(units + more == -known for more in hands for known in sums if known):
            return False
        self._lately.append((now, shop, sku, units, by_hand))
        return True

    def _forget_what_is_past(self) -> float:
        now = time.monotonic()
        while self._lately and self._lately[0][0] < now - self._close_s:
            self._lately.popleft()
        return now

    def _web_sums(self, sku: str, *more: int) -> set[int]:
        """What some of what happened to an item in shops can come to: a booking at the till may be any of it."""
        sums = {0}
        for moved in (*more, *(moved for _, where, what, moved, _ in self._lately if what == sku and where != TILL)):
            sums |= {known + moved for known in sums}
        return sums

    def _clear_of_web(self, sku: str, units: int) -> bool:
        """Whether a change at the till without a document can be told from our bookings; if so it is remembered."""
        if not self._spaced:
            return True
        now = self._forget_what_is_past()
        if units and units in {sign * each for each in self._web_sums(sku) for sign in (1, -1)}:
            return False
        self._lately.append((now, TILL, sku, units, True))
        return True

    def _web_order(self) -> None:
        skus = {self._sku() for _ in range(self._random.choice((1, 1, 1, 2, 3)))}
        self._order(self._shop(), [(sku, self._random.randint(1, 2)) for sku in sorted(skus)])

    def _order_inside(self, shop: str, sku: str) -> None:
        """In a thread of the shop's server, in the midst of a write of ours."""
        with self._lock:
            if sku in self._skus and not self._stop.is_set() and self._random.random() < self._inside:
                self._order(shop, [(sku, self._random.randint(1, 2))])

    def _order(self, shop: str, lines: Lines) -> None:
        if not all(self._tellable(shop, sku, -units, by_hand=False) for sku, units in lines):
            return
        try:
            order = self._stage.shops[shop].order(lines)
        except SoldOut:
            return
        self._web_orders = [*self._web_orders[-_FORGET:], (shop, order, lines)]
        for sku, units in lines:
            self._count("web order line", sku, f"{-units:+} in {shop} (order {order})")

    def _take_web_order(self) -> tuple[str, str, Lines] | None:
        if not self._web_orders:
            return None
        return self._web_orders.pop(self._random.randrange(len(self._web_orders)))

    def _web_sending(self) -> None:
        """Send an order; it can still be cancelled."""
        waiting = [each for each in self._web_orders if each[:2] not in self._web_sent]
        if waiting:
            shop, order, lines = self._random.choice(waiting)
            if not all(self._may_edit(shop, sku) for sku, _ in lines):
                return
            self._stage.shops[shop].send(order)
            self._web_sent.add((shop, order))
            for sku, units in lines:
                self._count("web sending", sku, f"{units} in {shop} (order {order})")

    def _may_come_back(self, shop: str, order: str, skus: Iterable[str]) -> bool:
        """Whether units of an order may go back to stock: what was sent goes back to what is on hand."""
        return (shop, order) not in self._web_sent or all(self._may_edit(shop, sku) for sku in skus)

    def _web_cancel(self) -> None:
        if (taken := self._take_web_order()) is not None:
            shop, order, lines = taken
            if not self._may_come_back(shop, order, [sku for sku, _ in lines]):
                return
            if not all(self._tellable(shop, sku, units, by_hand=False) for sku, units in lines):
                return
            self._stage.shops[shop].cancel(order, lines)
            for sku, units in lines:
                self._count("web cancellation", sku, f"{units:+} in {shop} (order {order})")

    def _web_refund(self) -> None:
        if (taken := self._take_web_order()) is not None:
            shop, order, lines = taken
            sku, bought = self._random.choice(lines)
            back = self._random.randint(1, bought)
            by_hand = self._stage.shops[shop].refunds_are_edits
            if by_hand and not self._may_edit(shop, sku):
                return
            if not self._may_come_back(shop, order, [sku]):
                return
            if not self._tellable(shop, sku, back, by_hand=by_hand):
                return
            self._stage.shops[shop].refund(order, sku, bought, back)
            self._count("web refund", sku, f"{back:+} in {shop} (order {order})")

    def _may_edit(self, shop: str, sku: str) -> bool:
        """Whether what a write would overwrite unseen can be told: not while a write of the item is open or due."""
        return not self._stage.shops[shop].edits_can_vanish or self._stage.is_at_rest(sku)

    def _admin_edit(self) -> None:
        shop, sku = self._shop(), self._sku()
        if not self._may_edit(shop, sku):
            return
        shown = self._stage.shop_stock(shop)[sku]
        typed = max(0, int(shown or 0) + self._random.randint(-3, 4))
        if not self._tellable(shop, sku, typed - int(shown or 0), by_hand=True):
            return
        self._stage.shops[shop].type_stock(sku, typed)
        self._count("admin edit", sku, f"{shown} -> {typed} in {shop}")
