"""WooCommerce: an order can land inside a write and be overwritten; the simulator's own history knows of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.simulators.woocommerce import WooCommerceSettings, WooCommerceSim
from tests.chaos.shops.base import ChaosShop, Event, Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncd.simulators.catalogue import CatalogueProduct

_OURS = {"rest_delta", "rest_absolute"}


class WooCommerceShop(ChaosShop):
    """A shop with a user for media."""

    kind = "woocommerce"

    def open(self, catalogue: Sequence[CatalogueProduct], opening: Mapping[str, int]) -> WooCommerceSim:
        self.sim = WooCommerceSim(WooCommerceSettings())
        self.sim.seed(catalogue, quantities="zero")
        for sku, units in opening.items():
            self.sim.people.set_stock(sku, units)
        return self.sim

    def settings(self) -> Mapping[str, str]:
        key, settings = self.sim.settings.keys[0], self.sim.settings
        return {"url": self.server.url, "consumer_key": key.key, "media_user": settings.media_user}

    def secrets(self) -> Mapping[str, str]:
        settings = self.sim.settings
        return {"consumer_secret": settings.keys[0].secret, "media_password": settings.media_password}

    def begin_races(self, seconds: float) -> None:
        self.sim.settings.delta_race_seconds = seconds

    def land_inside(self, act: Callable[[str], None]) -> None:
        self.sim.settings.between_read_and_write = act

    def overwritten(self) -> Sequence[Event]:
        return [
            Event(datetime.fromisoformat(row["at"]), row["sku"], Decimal(row["swallowed"]), "overwritten", row["kind"])
            for row in self.sim.people.lost_updates()
            if row["kind"] in _OURS
        ]

    def stock(self) -> dict[str, int | None]:
        return self.sim.people.stock()

    def fields(self) -> Mapping[str, Mapping[str, str]]:
        return self.sim.people.fields()

    def names(self) -> list[str]:
        return self.sim.people.names()

    def events(self) -> list[Event]:
        return [
            Event(
                datetime.fromisoformat(row["at"]),
                row["sku"],
                # What a person asked for: a stale write may have swallowed it.
                Decimal(row["requested"]),
                row["kind"],
                row["reference"],
            )
            for row in self.sim.people.history()
            if row["kind"] not in _OURS
        ]

    def order(self, lines: Lines) -> str:
        return str(self.sim.people.order([{"sku": sku, "quantity": units} for sku, units in lines])["order"])

    def cancel(self, order: str, lines: Lines) -> None:
        self.sim.people.cancel_order(int(order))

    def refund(self, order: str, sku: str, bought: int, back: int) -> None:
        self.sim.people.refund(int(order), [{"sku": sku, "quantity": back}], restock=True)

    def type_stock(self, sku: str, units: int) -> None:
        self.sim.people.set_stock(sku, units)

    def type_price(self, sku: str, gross: str) -> None:
        self.sim.people.set_price(sku, gross)
