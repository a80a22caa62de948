"""A simulated INVENTORUM account under test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from typing import Any

from syncd.core.model import ListingRef
from syncd.core.paths import paths_text
from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation
from syncd.simulators.inventorum import InventorumSim
from syncd.simulators.inventorum.settings import InventorumSettings
from syncd.simulators.server import SimServer
from syncd.testing.side import SideDriver, Traits
from syncd.testing.wire import Clock, WireSide
from tests.support.inventorum import MemoryTokens

UNKNOWN_ID = 987654


class InventorumDriver(WireSide):
    """A simulated account."""

    traits = Traits(renews_credentials=True, unique_codes=False, marks=False, adds_variations=False)

    def __init__(self, sim: InventorumSim, server: SimServer, clock: Clock, patience_s: float) -> None:
        self.sim = sim
        self.pairs = MemoryTokens()
        values = {
            "base_url": f"{server.url}/api/",
            "client_id": sim.settings.client_id,
            "client_secret": sim.settings.client_secret,
            "refresh_token": self.pairs.seed,
            "request_timeout_seconds": patience_s,
        }
        super().__init__("inventorum", values, server, clock, self.pairs, credentials_path="/api/auth/")

    def ref(self, sku: str) -> ListingRef:
        product = self.sim.state.find(sku)
        return ListingRef(str(product.id), str(product.parent) if product.parent else None)

    def unknown_ref(self, parent: str | None = None) -> ListingRef:
        return ListingRef(str(UNKNOWN_ID), self.ref(parent).external_id if parent else None)

    def stock(self) -> dict[str, Decimal]:
        return {sku: Decimal(quantity) for sku, quantity in self.sim.stock().items()}

    def secrets(self) -> list[str]:
        pair = self.pairs.pair
        tokens = [pair.access_token, pair.refresh_token] if pair else []
        return [self.sim.settings.client_secret, self.pairs.seed, *tokens]

    def create(self, product: CatalogueProduct) -> None:
        variations = [
            {"sku": one.sku, "gtin": one.gtin, "quantity": one.quantity, "attributes": one.attributes}
            for one in product.variations
        ]
        self.sim.create_product(
            product.sku, product.name, product.quantity, product.price, product.gtin, variations=variations
        )

    def add_variation(self, parent: str, variation: CatalogueVariation) -> None:
        with self.sim.lock:
            made = self.sim.state.new_product(self.sim.state.find(parent))
            made.product_code, made.ean, made.quantity = variation.sku, variation.gtin, Decimal(variation.quantity)
            made.attributes = {name: [value] for name, value in variation.attributes.items()}
            self.sim.state.insert(made)

    def categories(self) -> list[str]:
        return sorted(paths_text([(each.name,)]) for each in self.sim.state.categories.values())

    def images(self, sku: str) -> list[bytes]:
        product = self.sim.state.find(sku)
        return [self.sim.state.images[number].content for number in product.images]

    def rename(self, sku: str, name: str) -> None:
        self.sim.set_name(sku, name)

    def sell(self, sku: str, quantity: Decimal) -> str:
        return str(self.sim.sale(sku, quantity)["order"])

    def cancel(self, document: str) -> None:
        self.sim.cancel_order(int(document))

    def receive(self, sku: str, quantity: Decimal) -> None:
        self.sim.receive(sku, quantity)

    def count(self, sku: str, quantity: Decimal) -> None:
        self.sim.count(sku, quantity)

    def delete(self, sku: str) -> None:
        self.sim.delete_product(sku)

    def set_clock_ahead(self, seconds: float) -> None:
        self.sim.settings.clock_skew_seconds = seconds

    def expire_credentials(self, *, for_good: bool) -> None:
        self.sim.expire_access_tokens()
        if for_good:
            self.sim.revoke_refresh_token()


@contextmanager
def open_inventorum(
    catalogue: Sequence[CatalogueProduct], *, patience_s: float = 10.0, settings: Mapping[str, Any] | None = None
) -> Iterator[SideDriver]:
    """Open an account; ``settings`` are readings of what is doubtful about the real one."""
    clock = Clock()
    sim = InventorumSim(
        InventorumSettings.model_validate({"rate_limit_per_second": 0, **(settings or {})}), clock=clock.now
    )
    sim.seed(catalogue)
    for product in sim.state.products.values():
        product.in_shop = True
    with SimServer(sim) as server, closing(InventorumDriver(sim, server, clock, patience_s)) as driver:
        yield driver
