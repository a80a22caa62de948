"""Shopware 6: stock is set, so an order inside a write is overwritten and found by its document."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.simulators.shopware6 import Shopware6Settings, Shopware6Sim
from tests.chaos.shops.base import ChaosShop, Lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.simulators.catalogue import CatalogueProduct
    from syncd.simulators.server import SimRequest

_ASKED = ("/api/search/", "/api/oauth/", "/api/_info/")


class Shopware6Shop(ChaosShop):
    """A shop whose integration is an administrator."""

    kind = "shopware6"
    edits_can_vanish = True
    refunds_are_edits = True

    def open(self, catalogue: Sequence[CatalogueProduct], opening: Mapping[str, int]) -> Shopware6Sim:
        self.sim = Shopware6Sim(Shopware6Settings())
        self.sim.seed(catalogue)
        for sku, units in opening.items():
            self.sim.people.set_stock(sku, units)
        return self.sim

    def settings(self) -> Mapping[str, str]:
        return {"url": self.server.url, "client_id": self.sim.settings.client_id}

    def secrets(self) -> Mapping[str, str]:
        return {"client_secret": self.sim.settings.client_secret}

    def stock(self) -> dict[str, int | None]:
        return {**self.sim.people.stock()}

    def fields(self) -> Mapping[str, Mapping[str, str]]:
        return self.sim.people.fields()

    def names(self) -> list[str]:
        with self.sim.shop.lock:
            return [str(row["name"]) for row in self.sim.shop.rows("product").values() if not row["parentId"]]

    def order(self, lines: Lines) -> str:
        number = self.sim.people.order([{"sku": sku, "quantity": units} for sku, units in lines])["order"]
        for sku, units in lines:
            self.note(sku, -units, "order", f"order {number}")
        return number

    def cancel(self, order: str, lines: Lines) -> None:
        self.sim.people.cancel_order(order)
        for sku, units in lines:
            self.note(sku, units, "cancellation", f"order {order}")

    def refund(self, order: str, sku: str, bought: int, back: int) -> None:
        """Refunds move no stock here: somebody makes the line of the order smaller."""
        self.sim.people.edit_line(order, sku, bought - back)
        self.note(sku, back, "smaller line", f"order {order}")

    def type_stock(self, sku: str, units: int) -> None:
        with self.sim.shop.lock:
            before = self.sim.people.stock()[sku]
            self.sim.people.set_stock(sku, units)
        self.note(sku, units - before, "edit")

    def type_price(self, sku: str, gross: str) -> None:
        net = (Decimal(gross) / Decimal("1.19")).quantize(Decimal("0.000001"))
        self.sim.people.set_price(sku, gross, f"{net:f}")

    def writes(self, request: SimRequest) -> bool:
        return request.method != "GET" and not request.path.startswith(_ASKED)
