"""A simulated Shopify shop under test.

Everything is a POST to one address, so what is a write is told by the text of the operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from syncd.core.fields import CATEGORIES, TAX_RATE
from syncd.core.model import ListingRef
from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation
from syncd.simulators.server import Fault, SimRequest, SimResponse, SimServer
from syncd.simulators.shopify import ShopifySettings, ShopifySim
from syncd.testing.side import Exchange, SideDriver, Traits, Trouble
from syncd.testing.wire import FAULTS, Clock, Tampering, WireSide, another_shape
from tests.support.shopify_server import OperationServer, kind_of

UNKNOWN_ID = 987654
TOKENS = "/admin/oauth/"
READ, WRITE = r"\?query$", r"\?mutation$"


def without_rows(body: Any) -> Any:
    """Connections and lists of objects without their rows; counts and cursors stay."""
    if isinstance(body, dict):
        return {name: [] if name == "nodes" else without_rows(value) for name, value in body.items()}
    return [without_rows(each) for each in body] if isinstance(body, list) else body


class OperationTampering(Tampering):
    """The same for answers that are given another shape."""

    def handle(self, request: SimRequest) -> SimResponse:
        response = self.inner.handle(request)
        target = f"{request.path}?{kind_of(request)}"
        change = next((change for fault, change in list(self.plans) if fault.take(request.method, target)), None)
        return replace(response, body=change(response.body)) if change and response.status < 300 else response


class ShopifyDriver(WireSide):
    """A simulated shop with client credentials."""

    traits = Traits(
        uncounted=True,
        renews_credentials=True,
        unique_codes=False,
        hides_variations=False,  # a variant has no status of its own
        adds_attributes=False,  # an option is one of all variants of a product
        own_images=True,
        varied_images=False,  # a variation chooses among the images of its product
        lacks=frozenset({TAX_RATE, CATEGORIES}),  # rates are settings; collections: not in this version
        longest_name=255,
    )

    def __init__(
        self,
        sim: ShopifySim,
        server: SimServer,
        clock: Clock,
        patience_s: float,
        values: Mapping[str, Any],
    ) -> None:
        self.sim = sim
        self._secrets = {sim.settings.client_secret}
        settings = {
            "url": server.url,
            "client_id": sim.settings.client_id,
            "client_secret": sim.settings.client_secret,
            "request_timeout_seconds": patience_s,
            **values,
        }
        self._quantity = settings.get("quantity", "available")
        super().__init__("shopify", settings, server, clock)
        self.tampering = OperationTampering(sim)
        server.simulator = self.tampering

    def ref(self, sku: str) -> ListingRef:
        product = self.sim.people.product(sku)
        gid = f"gid://shopify/Product/{product.id}"
        if product.plain or f"sku:{sku}" in product.tags:
            return ListingRef(gid)
        return ListingRef(f"gid://shopify/ProductVariant/{self.sim.shop.with_sku(sku).id}", gid)

    def unknown_ref(self, parent: str | None = None) -> ListingRef:
        if parent is None:
            return ListingRef(f"gid://shopify/Product/{UNKNOWN_ID}")
        return ListingRef(f"gid://shopify/ProductVariant/{UNKNOWN_ID}", self.ref(parent).external_id)

    def stock(self) -> dict[str, Decimal]:
        return {sku: Decimal(pieces) for sku, pieces in self.sim.people.stock(self._quantity).items()}

    def secrets(self) -> list[str]:
        self._secrets |= set(self.sim.auth.issued)
        return sorted(self._secrets)

    def create(self, product: CatalogueProduct) -> None:
        self.sim.seed([product])

    def add_variation(self, parent: str, variation: CatalogueVariation) -> None:
        self.sim.people.add_variation(parent, variation)

    def images(self, sku: str) -> list[bytes]:
        return [image.content for image in self.sim.people.product(sku).images]

    def add_image(self, sku: str, content: bytes, *, first: bool = False) -> None:
        self.sim.people.add_image(sku, content, first=first)

    def rename(self, sku: str, name: str) -> None:
        self.sim.people.rename(sku, name)

    def sell(self, sku: str, quantity: Decimal) -> str:
        order = self.sim.people.order([{"sku": sku, "quantity": int(quantity)}])["order"]
        if self._quantity == "on_hand":
            self.sim.people.fulfil(order)
        return str(order)

    def cancel(self, document: str) -> None:
        self.sim.people.cancel_order(int(document))

    def receive(self, sku: str, quantity: Decimal) -> None:
        self.sim.people.receive(sku, int(quantity))

    def count(self, sku: str, quantity: Decimal) -> None:
        self.sim.people.set_stock(sku, int(quantity), self._quantity)

    def delete(self, sku: str) -> None:
        self.sim.people.delete(sku)

    def stop_counting(self, sku: str) -> None:
        self.sim.people.set_tracked(sku, False)

    def set_clock_ahead(self, seconds: float) -> None:
        self.sim.settings.clock_skew_seconds = seconds

    def expire_credentials(self, *, for_good: bool) -> None:
        self._secrets |= set(self.sim.auth.issued)
        self.sim.auth.issued.clear()
        if for_good:
            self.sim.settings.client_secret = "another"

    def trouble(self, kind: Trouble, *, write: bool = False, times: int = 1, after: int = 0) -> None:
        name, seconds = FAULTS.get(kind, ("", 0.0))
        path = WRITE if write else READ
        change = {Trouble.WRONG_SHAPE: another_shape, Trouble.EMPTY_LIST: without_rows}.get(kind)
        fault = Fault(name, path=path, times=times, after=after, seconds=seconds)
        if change is None:
            self.server.add_fault(fault)
        else:
            self.tampering.plans.append((fault, change))

    def at_each_request(self, action: Callable[[Exchange], None]) -> None:
        def hook(request: SimRequest) -> None:
            if not request.path.startswith(TOKENS):
                action(Exchange(0.0, kind_of(request) == "mutation"))

        self.server.hooks.append(hook)

    def exchanges(self) -> list[Exchange]:
        found = self.server.requests(path=f"{READ}|{WRITE}")
        return [Exchange(record.at, record.target.endswith("?mutation")) for record in found]


@contextmanager
def open_shopify(
    catalogue: Sequence[CatalogueProduct],
    *,
    patience_s: float = 10.0,
    settings: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
) -> Iterator[SideDriver]:
    """Open a shop whose query budget is never used up; ``values`` go into the adapter's configuration."""
    clock = Clock()
    given = {"points": 1e8, "points_per_second": 1e6, **(settings or {})}
    sim = ShopifySim(ShopifySettings(clock=clock, **given))
    sim.seed(catalogue)
    with (
        OperationServer(sim) as server,
        closing(ShopifyDriver(sim, server, clock, patience_s, values or {})) as driver,
    ):
        yield driver
