"""The scripted day, and the tally of what really happened in it."""

from __future__ import annotations

import random
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.demo.process import wait_until
from syncd.demo.stage import Stage
from syncd.simulators.pictures import drawn
from syncd.simulators.server import Fault

if TYPE_CHECKING:
    from syncd.demo.show import Show

_SETTLED_WITHIN_S = 45.0


@dataclass(slots=True)
class Tally:
    """What the people of the demo did: opening quantities at the till plus signed events, and fields of products."""

    opening: dict[str, Decimal]
    fields: dict[str, dict[str, str]] = field(default_factory=dict)
    events: list[tuple[str, str, Decimal]] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)

    def add(self, what: str, sku: str, quantity: Decimal | int) -> None:
        """Write down one event."""
        self.events.append((what, sku, Decimal(quantity)))

    def expected(self) -> dict[str, Decimal]:
        """Units of each SKU that must be left."""
        left = dict(self.opening)
        for _, sku, quantity in self.events:
            left[sku] += quantity
        return {sku: units for sku, units in left.items() if sku not in self.deleted}

    def kinds(self) -> dict[str, int]:
        """How many events of each kind."""
        return dict(Counter(what for what, _, _ in self.events))


class Day:
    """A shop owner's day in about half a minute.

    Args:
        stage: Servers and daemon.
        show: Where to tell what happens.
        seed: Makes choices repeatable; what overlaps in time still differs from day to day.
    """

    def __init__(self, stage: Stage, show: Show, seed: int) -> None:
        self.stage = stage
        self.show = show
        self.tally = Tally(stage.till_stock(), stage.till_fields())
        self._random = random.Random(seed)  # noqa: S311 - a script, not a secret
        self._orders: list[tuple[int, list[tuple[str, int]]]] = []

    def play(self) -> None:
        """Everything, from the first sync to closing time."""
        for step in (
            self._first_sync,
            self._morning,
            self._second_thoughts,
            self._stock_room,
            self._new_labels,
            self._new_goods,
            self._from_the_shop,
            self._on_the_shelf,
            self._end_of_line,
            self._both_at_once,
            self._token_expires,
            self._lost_answers,
            self._power_cut,
        ):
            step()
            if self.tally.unsettled:
                return
        self._settle("closing time")

    def _first_sync(self) -> None:
        self.show.chapter("First sync: the till's quantities count")
        self.show.say(f"daemon started, process {self.stage.start_daemon()}")
        self._settle("first sync")

    def _morning(self) -> None:
        self.show.chapter("Morning: the till sells, the web shop sells")
        for _ in range(6):
            self._sell(self._pick(1), self._random.randint(1, 2))
        for _ in range(5):
            self._order(self._random.randint(1, 3))
        self._settle("morning")

    def _second_thoughts(self) -> None:
        self.show.chapter("Customers change their minds")
        order, lines = self._orders[0]
        self.stage.shop.people.cancel_order(order)
        for sku, units in lines:
            self.tally.add("cancelled web order", sku, units)
        self.show.say(f"web order {order} cancelled: {_words(lines)} back on the shelf")
        order, lines = self._orders[1]
        sku, units = lines[0]
        self.stage.shop.people.refund(order, [{"sku": sku, "quantity": units}], restock=True)
        self.tally.add("refund with restock", sku, units)
        self.show.say(f"web order {order} refunded: {units} × {sku} restocked")
        self._settle("changes of mind")

    def _stock_room(self) -> None:
        self.show.chapter("Stock room: a stock-take and a delivery")
        sku = self._pick(5)
        before = self.stage.till_stock()[sku]
        counted = before - 3
        self.stage.till.count(sku, str(counted))
        self.tally.add("stock-take", sku, counted - before)
        self.show.say(f"stock-take: {sku} is {counted:f}, not {before:f}")
        sku = self._pick(0)
        self.stage.till.receive(sku, 24)
        self.tally.add("goods receipt", sku, 24)
        self.show.say(f"goods receipt: 24 × {sku}")
        self._settle("stock room")

    def _new_labels(self) -> None:
        self.show.chapter("New labels: names and prices, which the till owns, and a text, which the shop owns")
        fields = self.tally.fields
        simple = self._random.choice(sorted(sku for sku in fields if "name" in fields[sku]))
        variation = self._random.choice(sorted(sku for sku in fields if "name" not in fields[sku]))
        for sku in (simple, variation):
            price = f"{Decimal(fields[sku]['price']) + Decimal('1.01'):.2f}"
            self.stage.till.set_price(sku, price)
            self._relabel(sku, "price", price)
        name = "Käse “Brie” & more, 1/2 kg"
        self.stage.till.set_name(simple, name)
        self._relabel(simple, "name", name)
        other = self._random.choice(sorted(fields.keys() - {simple, variation}))
        self.stage.shop.people.set_price(other, "0.99")
        self.tally.add("price typed in the shop", other, 0)
        self.show.say(
            f"somebody types 0.99 into {other} in the shop; the till's price comes back, 0.99 stays in the notes"
        )
        text = "<p>Soft as a <b>cloud</b></p>"
        self.stage.shop.people.set_description(simple, text)
        self.tally.fields[simple]["description"] = text
        self.tally.add("new text in the shop", simple, 0)
        self.show.say(f"the shop gives {simple} a text; it appears at the till")
        self._settle("new labels")

    def _new_goods(self) -> None:
        self.show.chapter("New goods: made at the till, marked for the shop, and made there by syncd")
        self.stage.shop_server.add_fault(Fault("lost_after", "POST", "/products"))
        self.show.say("the shop's answer to the first new product is lost: it must not be made twice")
        text = "<p>Handmade, <b>dishwasher-safe</b></p>"
        self.stage.till.create_product("NEW-MUG", "Mug “Föhr”", 9, "12.50", description=text, in_shop=True)
        bare = dict.fromkeys(("brand", "categories", "images"), "")
        self._new("NEW-MUG", 9, {"name": "Mug “Föhr”", "description": text, "price": "12.50", **bare})
        self._picture("NEW-MUG", 1, 2)
        sizes = {"NEW-SHIRT-S": ("S", 3), "NEW-SHIRT-M": ("M", 5), "NEW-SHIRT-L": ("L", 2)}
        variations = [
            {"sku": sku, "quantity": units, "attributes": {"size": size, "color": "navy"}}
            for sku, (size, units) in sizes.items()
        ]
        self.stage.till.create_product("NEW-SHIRT", "Shirt", 0, "29.90", variations=variations, in_shop=True)
        for sku, (_, units) in sizes.items():
            self._new(sku, units, {"price": "29.90", "options": f"navy / {sizes[sku][0]}"})
        self._settle("new goods")
        if self.tally.unsettled:
            return
        self.stage.till.set_option("NEW-SHIRT-M", "color", "marine")
        self._relabel("NEW-SHIRT-M", "options", "marine / M")
        self._order_of([("NEW-SHIRT-M", 2), ("NEW-MUG", 1)])
        self._sell("NEW-SHIRT-S", 1)
        self._settle("new goods sold")

    def _from_the_shop(self) -> None:
        self.show.chapter("New in the shop: made at the till by syncd, with the shop's quantity")
        self.stage.till_server.add_fault(Fault("lost_after", "POST", "/products/$"))
        self.show.say("the till's answer to the new product is lost: it must not be made twice")
        with self.stage.shop.shop.lock:  # nobody sees it before it is whole
            self.stage.shop.people.create_product("WEB-ONLY", "Poster “Möwe”", 6, "15.00")
            self.stage.shop.people.add_image("WEB-ONLY", b64encode(drawn(4)).decode())
        bare = dict.fromkeys(("description", "brand", "categories"), "")
        bare["images"] = self.stage.shop_fields()["WEB-ONLY"]["images"]
        self.tally.opening["WEB-ONLY"] = Decimal(6)
        self.tally.fields["WEB-ONLY"] = {"name": "Poster “Möwe”", "price": "15.00", **bare}
        self.tally.add("new in the shop", "WEB-ONLY", 0)
        self.show.say("new in the shop: 6 × WEB-ONLY, 15.00, with an image")
        self._settle("new in the shop")
        if self.tally.unsettled:
            return
        self._sell("WEB-ONLY", 2)
        self._order_of([("WEB-ONLY", 1)])
        self._settle("sold on both sides")

    def _on_the_shelf(self) -> None:
        self.show.chapter("On the shelf: a brand, categories and images, at the till and in the shop")
        simple = sorted(
            sku for sku, fields in self.tally.fields.items() if "name" in fields and sku not in {"NEW-MUG", "WEB-ONLY"}
        )
        sku = self._random.choice(simple)
        self.stage.till.set_brand(sku, "Föhr & Töchter")
        self._relabel(sku, "brand", "Föhr & Töchter")
        self.stage.till.set_categories(sku, ["Gifts", "Käse & Co"])
        self._relabel(sku, "categories", "Gifts, Käse & Co")
        self.stage.shop_server.add_fault(Fault("lost_after", "POST", "/media"))
        self.show.say("the shop's answer to the first upload is lost: it must not be stored twice")
        self._picture(sku, 3, 1)
        self._picture("NEW-MUG", 2)
        before = len(self.stage.shop.shop.attachments)
        self._settle("on the shelf")
        stored = len(self.stage.shop.shop.attachments) - before
        self.show.say(f"the shop's library has {stored} new image file{'' if stored == 1 else 's'}")

    def _picture(self, sku: str, *numbers: int) -> None:
        self.stage.till.set_images(sku, [b64encode(drawn(number)).decode() for number in numbers])
        self.tally.fields[sku]["images"] = self.stage.till_fields()[sku]["images"]
        self.tally.add("new images at the till", sku, 0)
        self.show.say(f"the till gives {sku} {len(numbers)} image{'' if len(numbers) == 1 else 's'}")

    def _end_of_line(self) -> None:
        self.show.chapter("End of the line: deleted at the till, unpublished in the shop by syncd")
        sku = self._random.choice(sorted(sku for sku, fields in self.tally.fields.items() if "name" in fields))
        self.stage.till.delete_product(sku)
        self.tally.add("deleted at the till", sku, 0)
        self.tally.deleted.add(sku)
        del self.tally.fields[sku]
        self.show.say(f"the till deletes {sku}; customers of the shop must not see it any more")
        self._settle("end of the line")

    def _new(self, sku: str, units: int, fields: dict[str, str]) -> None:
        self.tally.opening[sku] = Decimal(units)
        self.tally.fields[sku] = fields
        self.tally.add("new at the till", sku, 0)
        self.show.say(f"new at the till: {units} × {sku}, {fields['price']}")

    def _relabel(self, sku: str, field_name: str, value: str) -> None:
        self.tally.fields[sku][field_name] = value
        self.tally.add(f"new {field_name} at the till", sku, 0)
        self.show.say(f"the till changes the {field_name} of {sku} to {value}")

    def _both_at_once(self) -> None:
        self.show.chapter("The same item is sold on both sides at the same moment")
        sku = self._pick(6)
        gate = threading.Barrier(2)

        def together(act: Callable[[], None]) -> None:
            gate.wait()
            act()

        sides = [
            threading.Thread(target=together, args=(lambda: self._sell(sku, 2),)),
            threading.Thread(target=together, args=(lambda: self._order_of([(sku, 3)]),)),
        ]
        for side in sides:
            side.start()
        for side in sides:
            side.join()
        self._settle("both at once")

    def _token_expires(self) -> None:
        self.show.chapter("INVENTORUM's access token expires")
        self.stage.till.expire_access_tokens()
        self.show.say("every access token is refused from now on; the daemon must get a new pair and keep it")
        self._sell(self._pick(2), 1)
        self._settle("new token")

    def _lost_answers(self) -> None:
        self.show.chapter("Answers get lost on the way")
        self.stage.shop_server.add_fault(Fault("lost_after", "POST|PUT", "/products/"))
        self.show.say("the shop's next answer to a stock write is lost after it took effect")
        self._sell(self._pick(3), 2)
        self._settle("lost answer from the shop")
        self.stage.till_server.add_fault(Fault("lost_after", "PUT", "/adjust_inventory/"))
        self.stage.till_server.add_fault(Fault("lost_before", "PUT", "/adjust_inventory/", after=1))
        self.show.say("INVENTORUM loses two answers: one after the booking, one before it")
        self._order(1)
        self._order(1)
        self._settle("lost answers from INVENTORUM")

    def _power_cut(self) -> None:
        self.show.chapter("The machine loses power in the middle of the work")
        left = self.tally.expected()
        skus = self._random.sample(sorted(sku for sku, units in left.items() if units >= 2), 16)
        for number in range(8):
            self._sell(skus[number], 1)
            self._order_of([(skus[number + 8], 1)])
            if number == 4:
                time.sleep(self._random.uniform(0.1, 0.9))
                self.show.say(f"kill -9 {self.stage.kill_daemon()}; the shops go on selling")
        self.show.say(f"daemon started again, process {self.stage.start_daemon()}")

    def _settle(self, what: str) -> None:
        """Wait until both sides show what the events add up to."""
        started = time.monotonic()
        if wait_until(self._equal, _SETTLED_WITHIN_S):
            self.show.fine(f"both sides agree after {time.monotonic() - started:.1f} s")
        else:
            self.tally.unsettled.append(what)
            self.show.bad(f"{what}: not equal after {_SETTLED_WITHIN_S:.0f} s; the rest of the day is left out")
            for finding in self.stage.findings():
                self.show.bad(f"finding: {finding}")

    def _equal(self) -> bool:
        expected = self.tally.expected()
        shop = self.stage.shop_stock()
        equal = all(shop.get(sku) == max(Decimal(0), units) for sku, units in expected.items())
        fields = {sku: found for sku, found in self.stage.shop_fields().items() if sku not in self.tally.deleted}
        left = not self.tally.deleted & self.stage.on_sale()
        return equal and left and self.stage.till_stock() == expected and fields == self.tally.fields

    def _pick(self, at_least: int) -> str:
        left = self.tally.expected()
        return self._random.choice(sorted(sku for sku, units in left.items() if units >= at_least))

    def _sell(self, sku: str, units: int) -> None:
        self.stage.till.sale(sku, units)
        self.tally.add("till sale", sku, -units)
        self.show.say(f"till sells {units} × {sku}")

    def _order(self, lines: int) -> None:
        skus = {self._pick(2) for _ in range(lines)}
        self._order_of([(sku, 1) for sku in sorted(skus)])

    def _order_of(self, lines: list[tuple[str, int]]) -> None:
        order = self.stage.shop.people.order([{"sku": sku, "quantity": units} for sku, units in lines])["order"]
        self._orders.append((order, lines))
        for sku, units in lines:
            self.tally.add("web order line", sku, -units)
        self.show.say(f"web order {order}: {_words(lines)}")


def _words(lines: list[tuple[str, int]]) -> str:
    return ", ".join(f"{units} × {sku}" for sku, units in lines)
