"""A simulated WooCommerce shop under test."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from typing import Any

from syncd.core.model import ListingRef
from syncd.core.paths import paths_text
from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation
from syncd.simulators.server import SimServer
from syncd.simulators.woocommerce import WooCommerceSettings, WooCommerceSim
from syncd.testing.side import SideDriver, Traits
from syncd.testing.wire import Clock, WireSide

UNKNOWN_ID = 987654


class WooCommerceDriver(WireSide):
    """A simulated shop."""

    traits = Traits(deletions_in_changes=False, trash=True, uncounted=True, own_images=True)

    def __init__(self, sim: WooCommerceSim, server: SimServer, clock: Clock, patience_s: float) -> None:
        self.sim = sim
        self._key = sim.settings.keys[0]
        values = {
            "url": server.url,
            "consumer_key": self._key.key,
            "consumer_secret": self._key.secret,
            "media_user": sim.settings.media_user,
            "media_password": sim.settings.media_password,
            "request_timeout_seconds": patience_s,
        }
        super().__init__("woocommerce", values, server, clock)

    def ref(self, sku: str) -> ListingRef:
        product = self.sim.shop.with_sku(sku)[0]
        return ListingRef(str(product.id), str(product.parent_id) if product.parent_id else None)

    def unknown_ref(self, parent: str | None = None) -> ListingRef:
        return ListingRef(str(UNKNOWN_ID), self.ref(parent).external_id if parent else None)

    def stock(self) -> dict[str, Decimal]:
        return {sku: Decimal(pieces) for sku, pieces in self.sim.people.stock().items() if pieces is not None}

    def secrets(self) -> list[str]:
        return [self._key.key, self._key.secret, self.sim.settings.media_password]

    def create(self, product: CatalogueProduct) -> None:
        self.sim.seed([product])

    def add_variation(self, parent: str, variation: CatalogueVariation) -> None:
        values = {
            "sku": variation.sku,
            "global_unique_id": variation.gtin,
            "manage_stock": True,
            "stock_quantity": variation.quantity,
            "attributes": [{"name": name, "option": value} for name, value in variation.attributes.items()],
        }
        self.sim.writer.create_variation(int(self.ref(parent).external_id), values, "admin", lambda product: {})

    def categories(self) -> list[str]:
        names = [html.unescape(each.name) for each in self.sim.shop.categories.values()]
        return sorted(paths_text([(name,)]) for name in names if name != "Uncategorized")

    def images(self, sku: str) -> list[bytes]:
        return [self.sim.shop.files[image["src"]] for image in self.sim.shop.with_sku(sku)[0].images]

    def add_image(self, sku: str, content: bytes, *, first: bool = False) -> None:
        self.sim.people.add_image(sku, b64encode(content).decode(), first=first)

    def rename(self, sku: str, name: str) -> None:
        with self.sim.shop.lock:
            product = self.sim.shop.with_sku(sku)[0]
            product.name = name
            self.sim.shop.touch(product)

    def sell(self, sku: str, quantity: Decimal) -> str:
        return str(self.sim.people.order([{"sku": sku, "quantity": int(quantity)}])["order"])

    def cancel(self, document: str) -> None:
        self.sim.people.cancel_order(int(document))

    def receive(self, sku: str, quantity: Decimal) -> None:
        self.count(sku, self.stock()[sku] + quantity)

    def count(self, sku: str, quantity: Decimal) -> None:
        self.sim.people.set_stock(sku, int(quantity))

    def delete(self, sku: str) -> None:
        self.sim.people.delete(sku)

    def trash(self, sku: str) -> None:
        self.sim.people.trash(sku)

    def restore(self, sku: str) -> None:
        self.sim.people.restore(sku)

    def stop_counting(self, sku: str) -> None:
        self.sim.people.set_manage_stock(sku, False)

    def set_clock_ahead(self, seconds: float) -> None:
        self.sim.settings.clock_skew_seconds = seconds

    def expire_credentials(self, *, for_good: bool) -> None:
        self.sim.settings.keys = ()


@contextmanager
def open_woocommerce(
    catalogue: Sequence[CatalogueProduct], *, patience_s: float = 10.0, settings: Mapping[str, Any] | None = None
) -> Iterator[SideDriver]:
    """Open a shop; ``settings`` make it an older one."""
    clock = Clock()
    sim = WooCommerceSim(WooCommerceSettings(clock=clock, **(settings or {})))
    sim.seed(catalogue)
    with SimServer(sim) as server, closing(WooCommerceDriver(sim, server, clock, patience_s)) as driver:
        yield driver
