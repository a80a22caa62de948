"""Shopify: everything is a POST to one address; writes have keys, so that none is left in doubt."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.simulators.shopify import ShopifySettings, ShopifySim
from tests.chaos.shops.base import ChaosShop, Lines
from tests.support.shopify_server import OperationServer, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.simulators.catalogue import CatalogueProduct
    from syncd.simulators.server import SimRequest, SimServer, Simulator


POINTS_PER_SECOND = 20_000.0
"""Time runs twenty times faster here, so the budget of the plan Plus (1,000 points a second) fills so much faster, too.

Reading what happened since the cursor costs some 85 points an order. With less than what the traffic costs, and killed
every few seconds, no read would ever come to its end.
"""


class ShopifyShop(ChaosShop):
    """A shop of the plan Plus."""

    kind = "shopify"
    labels = frozenset({"name", "description", "brand", "price", "options"})

    def open(self, catalogue: Sequence[CatalogueProduct], opening: Mapping[str, int]) -> ShopifySim:
        self.sim = ShopifySim(ShopifySettings(points=2 * POINTS_PER_SECOND, points_per_second=POINTS_PER_SECOND))
        self.sim.seed(catalogue)
        for sku, units in opening.items():
            self.sim.people.set_stock(sku, units)
        return self.sim

    def serve(self, simulator: Simulator) -> SimServer:
        return OperationServer(simulator)

    def settings(self) -> Mapping[str, str]:
        return {"url": self.server.url, "client_id": self.sim.settings.client_id}

    def secrets(self) -> Mapping[str, str]:
        return {"client_secret": self.sim.settings.client_secret}

    def stock(self) -> dict[str, int | None]:
        return {**self.sim.people.stock()}

    def fields(self) -> Mapping[str, Mapping[str, str]]:
        with self.sim.shop.lock:
            return {
                one.sku: {"price": f"{one.price:.2f}"}
                | (
                    {
                        "name": one.product.title,
                        "description": one.product.description,
                        "brand": one.product.vendor,
                    }
                    if one.product.plain
                    else {"options": " / ".join(_sorted_options(one.product.option_names, one.options))}
                )
                for one in self.sim.shop.variants.values()
            }

    def names(self) -> list[str]:
        with self.sim.shop.lock:
            return [product.title for product in self.sim.shop.products.values()]

    def order(self, lines: Lines) -> str:
        made = self.sim.people.order([{"sku": sku, "quantity": units} for sku, units in lines])
        for sku, units in lines:
            self.note(sku, -units, "order", made["name"])
        return str(made["order"])

    def cancel(self, order: str, lines: Lines) -> None:
        self.sim.people.cancel_order(int(order))
        for sku, units in lines:
            self.note(sku, units, "cancellation", f"order {order}")

    def refund(self, order: str, sku: str, bought: int, back: int) -> None:
        self.sim.people.refund(int(order), sku, back)
        self.note(sku, back, "refund", f"order {order}")

    def type_stock(self, sku: str, units: int) -> None:
        with self.sim.shop.lock:
            before = self.sim.people.stock()[sku]
            self.sim.people.set_stock(sku, units)
        self.note(sku, units - before, "edit")

    def type_price(self, sku: str, gross: str) -> None:
        with self.sim.shop.lock:
            variant = self.sim.shop.with_sku(sku)
            variant.price = Decimal(gross)
            self.sim.shop.touch(variant.product, variant)

    def writes(self, request: SimRequest) -> bool:
        return kind_of(request) == "mutation"

    def target(self, request: SimRequest) -> str:
        if not request.path.endswith("/graphql.json"):
            return super().target(request)
        return rf"{super().target(request)}\?{kind_of(request)}$"


def _sorted_options(names: Sequence[str], values: Sequence[str]) -> list[str]:
    return [value for _, value in sorted(zip(names, values, strict=True))]
