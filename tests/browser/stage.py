"""A daemon with its page on, between two simulated servers, after some minutes of a shop's life."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.demo.process import wait_until
from syncd.demo.stage import Stage
from syncd.simulators.server import Fault
from syncd.state import migrate
from syncd.state.models import Finding, Item, Listing, Movement, Operation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>\u202e\u2068 שלום العربية 🧦 & "quoted"'
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
CHANGES = 6
"""How often the quantity of the first product changes after both sides were equal."""
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Goods:
    """Products by what happens to them."""

    busy: str
    sold_out: str
    doubted: str
    hostile: str
    long: str


class PageStage(Stage):
    """The demo's stage with the page on.

    Attributes:
        goods: SKUs by what happens to them.
    """

    def __init__(self, folder: Path, *, products: int = 60) -> None:
        super().__init__(folder, products, seed=7)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        simple = sorted(sku for sku, fields in self.till_fields().items() if "name" in fields)
        stock = self.till_stock()
        busy, sold_out, doubted, hostile, long = sorted(simple, key=lambda sku: -stock[sku])[:5]
        self.goods = Goods(busy, sold_out, doubted, hostile, long)

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Start everything, and wait for the end of the first sync."""
        super().open()
        text = self.config.read_text("utf-8")
        page = f'[syncd]\nmetrics = "127.0.0.1:{self.port}"\npage = true\n'
        self.config.write_text(text.replace("[syncd]\n", page, 1), "utf-8")
        migrate.upgrade(f"sqlite:///{self.folder}/syncd.db")
        self.till.control("set_name", {"sku": self.goods.hostile, "name": HOSTILE})
        self.till.control("set_name", {"sku": self.goods.long, "name": LONG})
        self.start_daemon()
        self.until(self._is_equal, "the first sync")

    def live(self) -> None:
        """Sell, deliver and lose answers: for each part of the page there is something to show."""
        for number in range(CHANGES):
            if number % 3 == 2:
                self.till.control("receive", {"sku": self.goods.busy, "quantity": 3})
            elif number % 3 == 1:
                self.shop.people.order([{"sku": self.goods.busy, "quantity": 2}])
            else:
                self.till.control("sale", {"sku": self.goods.busy, "quantity": 1})
            self.until(partial(self._is_equal_again, number + 1), f"change {number + 1}")
        self._sell_too_much()
        self.shop_server.add_fault(Fault("error_500_html", "POST|PUT", "/products", times=-1))
        self.till.control("sale", {"sku": self.goods.doubted, "quantity": 2})
        self.until(self._in_doubt, "a write without an answer")

    def _sell_too_much(self) -> None:
        """More than there are, on both sides at once."""
        units = int(self.till_stock()[self.goods.sold_out])
        self.shop.people.order([{"sku": self.goods.sold_out, "quantity": units}])
        self.till.control("sale", {"sku": self.goods.sold_out, "quantity": 2})
        self.until(self._oversold, "an oversell")
        self.until(self._is_settled, "what follows from it")

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Wait for something that the daemon brings about."""
        if not wait_until(lambda: self.daemon.running() is not None and true(), PATIENCE_S, every_s=0.05):
            raise AssertionError(f"no {what} within {PATIENCE_S:.0f} s:\n{self.log.read_text('utf-8')[-2000:]}")

    def item(self, sku: str) -> int:
        """Number of an item."""
        with self._state() as session:
            found = session.scalar(select(Listing.item_id).where(Listing.sku == sku, Listing.item_id.is_not(None)))
        assert found is not None
        return found

    def health(self) -> dict[str, object]:
        """What a monitor is told."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/healthz")
            found: dict[str, object] = json.loads(connection.getresponse().read())
            return found
        finally:
            connection.close()

    def _is_settled(self) -> bool:
        with self._state() as session:
            waits = select(Listing.id).where(Listing.item_id.is_not(None), Listing.pending)
            open_ = select(Operation.id).where(Operation.state.in_(("intended", "sent", "unknown")))
            return not any(session.scalar(query.limit(1)) for query in (waits, open_))

    def _is_equal(self) -> bool:
        till, shop = self.till_stock(), self.shop_stock()
        linked = set(self.believed())
        return bool(linked) and all(shop[sku] == max(0, till[sku]) for sku in linked & set(shop)) and self._is_settled()

    def _is_equal_again(self, times: int) -> bool:
        """Whether so many changes of the busy product are in the ledger beside its opening, and on both sides."""
        with self._state() as session:
            item = select(Listing.item_id).where(Listing.sku == self.goods.busy).limit(1).scalar_subquery()
            found = session.scalars(select(Movement.id).where(Movement.item_id == item)).all()
        return len(found) > times and self._is_equal()

    def _oversold(self) -> bool:
        with self._state() as session:
            return session.scalar(select(Item.id).where(Item.on_hand < Decimal(0)).limit(1)) is not None

    def _in_doubt(self) -> bool:
        with self._state() as session:
            return session.scalar(select(Operation.id).where(Operation.state == "unknown").limit(1)) is not None

    def findings_of(self, kind: str) -> list[int]:
        """Numbers of open findings."""
        with self._state() as session:
            return list(session.scalars(select(Finding.id).where(Finding.kind == kind, Finding.closed_at.is_(None))))
