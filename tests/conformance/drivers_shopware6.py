"""A simulated Shopware 6 shop as a side under test."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from typing import Any

from syncd.core.model import ListingRef
from syncd.core.paths import paths_text
from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation
from syncd.simulators.server import Fault, SimRequest, SimServer
from syncd.simulators.shopware6 import Shopware6Settings, Shopware6Sim
from syncd.testing.side import Exchange, SideDriver, Traits, Trouble
from syncd.testing.wire import CHANGES, FAULTS, Clock, WireSide
from tests.support.shopware6 import Judged, openapi_if_there

UNKNOWN_ID = "f" * 32
_TOKENS = "/api/oauth/"
_READS = ("GET|POST", r"^/api/(search|_info|product)(/|$)")
_WRITES = ("POST|PATCH|DELETE", r"^/api/(?!search/|oauth/|_info/)")


class Shopware6Driver(WireSide):
    """A simulated shop. Questions are POSTs, too, so what writes is told by the address."""

    traits = Traits(
        deletions_in_changes=False,
        renews_credentials=True,
        own_images=True,
        makes_at_once=True,
        lost_variations_in_changes=False,
        needs_sku=True,
        longest_name=255,
    )

    def __init__(self, sim: Shopware6Sim, server: SimServer, clock: Clock, patience_s: float) -> None:
        self.sim = sim
        values = {
            "url": server.url,
            "client_id": sim.settings.client_id,
            "client_secret": sim.settings.client_secret,
            "request_timeout_seconds": patience_s,
        }
        super().__init__("shopware6", values, server, clock)

    def ref(self, sku: str) -> ListingRef:
        row = self.sim.shop.with_number(sku)
        return ListingRef(row["id"], row["parentId"])

    def unknown_ref(self, parent: str | None = None) -> ListingRef:
        return ListingRef(UNKNOWN_ID, self.ref(parent).external_id if parent else None)

    def stock(self) -> dict[str, Decimal]:
        return {sku: Decimal(units) for sku, units in self.sim.people.stock().items()}

    def secrets(self) -> list[str]:
        return [self.sim.settings.client_secret, *self.sim.auth.tokens]

    def create(self, product: CatalogueProduct) -> None:
        self.sim.seed([product])

    def add_variation(self, parent: str, variation: CatalogueVariation) -> None:
        self.sim.people.add_variation(parent, variation)

    def categories(self) -> list[str]:
        return sorted(paths_text([tuple(path)]) for path in self.sim.people.categories())

    def images(self, sku: str) -> list[bytes]:
        return self.sim.people.images(sku)

    def add_image(self, sku: str, content: bytes, *, first: bool = False) -> None:
        self.sim.people.add_image(sku, b64encode(content).decode(), first=first)

    def rename(self, sku: str, name: str) -> None:
        self.sim.people.set_name(sku, name)

    def sell(self, sku: str, quantity: Decimal) -> str:
        return self.sim.people.order([{"sku": sku, "quantity": int(quantity)}])["order"]

    def cancel(self, document: str) -> None:
        self.sim.people.cancel_order(document)

    def receive(self, sku: str, quantity: Decimal) -> None:
        self.count(sku, self.stock()[sku] + quantity)

    def count(self, sku: str, quantity: Decimal) -> None:
        self.sim.people.set_stock(sku, int(quantity))

    def delete(self, sku: str) -> None:
        self.sim.people.delete(sku)

    def set_clock_ahead(self, seconds: float) -> None:
        self.sim.settings.clock_skew_seconds = seconds

    def expire_credentials(self, *, for_good: bool) -> None:
        self.sim.auth.expire()
        if for_good:
            self.sim.auth.active = False

    def trouble(self, kind: Trouble, *, write: bool = False, times: int = 1, after: int = 0) -> None:
        method, path = _WRITES if write else _READS
        name, seconds = FAULTS.get(kind, ("", 0.0))
        fault = Fault(name, method=method, path=path, times=times, after=after, seconds=seconds)
        if kind in CHANGES:
            self.tampering.plans.append((fault, CHANGES[kind]))
        else:
            self.server.add_fault(fault)

    def at_each_request(self, action: Callable[[Exchange], None]) -> None:
        def hook(request: SimRequest) -> None:
            if not request.path.startswith(_TOKENS):
                action(Exchange(0.0, _is_write(request.method, request.path)))

        self.server.hooks.append(hook)

    def exchanges(self) -> list[Exchange]:
        records = [one for one in self.server.requests() if not one.target.startswith(_TOKENS)]
        return [Exchange(one.at, _is_write(one.method, one.target)) for one in records]


def _is_write(method: str, path: str) -> bool:
    return method != "GET" and not path.startswith("/api/search/")


@contextmanager
def open_shopware6(
    catalogue: Sequence[CatalogueProduct], *, patience_s: float = 10.0, settings: Mapping[str, Any] | None = None
) -> Iterator[SideDriver]:
    """Open a shop; ``settings`` make it an older one."""
    clock = Clock()
    sim = Shopware6Sim(Shopware6Settings(clock=clock, **(settings or {})))
    sim.seed(catalogue)
    judge = Judged(sim, document) if (document := openapi_if_there()) else None
    with SimServer(judge or sim) as server, closing(Shopware6Driver(sim, server, clock, patience_s)) as driver:
        yield driver
    assert judge is None or judge.wrong == []
