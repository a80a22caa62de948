"""A real Vendure shop under test, behind a proxy that can trouble its answers.

One shop serves all tests of a process; each begins with a copy of its database that holds the catalogue. Its clock
stands still at the time of the test.
"""

from __future__ import annotations

import atexit
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from syncd.core.fields import BRAND, CATEGORIES, IMAGES
from syncd.core.model import ListingRef
from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation
from syncd.simulators.server import Fault, SimRequest, SimResponse, SimServer
from syncd.testing.side import SLOW_S, Exchange, SideDriver, Traits, Trouble
from syncd.testing.wire import FAULTS, Clock, Tampering, WireSide, another_shape
from tests.support.proxy import Forwarding
from tests.support.vendure import GTIN_FIELD, MARKER_FIELD, VendureShop, missing

UNKNOWN_ID = "987654"
SHORTEST_PATIENCE_S = 2.0
"""A real shop on a busy machine is not as quick as a simulated one."""
READ, WRITE, LOGIN = r"\?query$", r"\?mutation$", r"\?login$"


def kind_of(request: SimRequest) -> str:
    """What a request is, by the name of its operation."""
    if b'"operationName":"Login"' in request.body.replace(b": ", b":"):
        return "login"
    return "mutation" if b'"mutation ' in request.body[:40] else "query"


class OperationServer(SimServer):
    """Names each request by what its operation is, so that reads and writes can be troubled and counted apart."""

    def dispatch(self, request: SimRequest, target: str) -> tuple[SimResponse | None, Fault | None]:
        return super().dispatch(request, f"{target}?{kind_of(request)}")


class OperationTampering(Tampering):
    """The same for answers that are given another shape."""

    def handle(self, request: SimRequest) -> SimResponse:
        response = self.inner.handle(request)
        target = f"{request.path}?{kind_of(request)}"
        change = next((change for fault, change in list(self.plans) if fault.take(request.method, target)), None)
        if change is None or response.status >= 300:
            return response
        return replace(response, body=json.dumps(change(json.loads(response.body))).encode())


def without_rows(body: Any) -> Any:
    """Lists of objects without their rows; counts stay."""
    if isinstance(body, dict):
        return {name: [] if name == "items" else without_rows(value) for name, value in body.items()}
    return [without_rows(each) for each in body] if isinstance(body, list) else body


class VendureDriver(WireSide):
    """The shop with an administrator's name and password."""

    traits = Traits(
        deletions_in_changes=False,
        lost_variations_in_changes=False,
        uncounted=True,
        renews_credentials=True,
        unique_codes=False,
        adds_attributes=False,  # an option group is one of all variants of a product
        lacks=frozenset({BRAND, CATEGORIES, IMAGES}),  # not in this version
        longest_name=255,
    )

    def __init__(
        self, shop: VendureShop, server: SimServer, clock: Clock, patience_s: float, values: Mapping[str, Any]
    ) -> None:
        self.shop = shop
        self._secrets = {shop.password}
        settings = {
            "url": server.url,
            "username": shop.user,
            "password": shop.password,
            "gtin_field": GTIN_FIELD,
            "marker_field": MARKER_FIELD,
            "request_timeout_seconds": patience_s,
            **values,
        }
        self._ahead_s, self._patience_s = 0.0, patience_s
        super().__init__("vendure", settings, server, clock)
        self.tampering = OperationTampering(self.tampering.inner)
        server.simulator = self.tampering
        self._set_clock()

    def _set_clock(self) -> None:
        self.shop.control("clock", at=self.clock.seconds + self._ahead_s)

    def ref(self, sku: str) -> ListingRef:
        product = self.shop.product(sku)
        group = f"product-{product}"
        if self.shop.is_parent(sku):
            return ListingRef(group)
        return ListingRef(self.shop.variant(sku), None if self.shop.is_plain(product) else group)

    def unknown_ref(self, parent: str | None = None) -> ListingRef:
        return ListingRef(UNKNOWN_ID, self.ref(parent).external_id if parent else None)

    def stock(self) -> dict[str, Decimal]:
        return {sku: Decimal(units) for sku, units in self.shop.stock().items()}

    def secrets(self) -> list[str]:
        self._secrets |= {str(row["token"]) for row in self.shop.sql("SELECT token FROM session")}
        return sorted(self._secrets)

    def create(self, product: CatalogueProduct) -> None:
        self.shop.seed([product])

    def add_variation(self, parent: str, variation: CatalogueVariation) -> None:
        self.shop.add_variation(parent, variation)

    def categories(self) -> list[str]:
        return []

    def images(self, sku: str) -> list[bytes]:
        return []

    def add_image(self, sku: str, content: bytes, *, first: bool = False) -> None:
        raise LookupError("images are not synced")

    def rename(self, sku: str, name: str) -> None:
        self.shop.rename(sku, name)

    def sell(self, sku: str, quantity: Decimal) -> str:
        return self.shop.order({sku: int(quantity)})

    def cancel(self, document: str) -> None:
        self.shop.cancel(document)

    def receive(self, sku: str, quantity: Decimal) -> None:
        self.count(sku, self.stock()[sku] + quantity)

    def count(self, sku: str, quantity: Decimal) -> None:
        self.shop.count(sku, int(quantity))

    def delete(self, sku: str) -> None:
        self.shop.delete(sku)

    def trash(self, sku: str) -> None:
        raise LookupError("no trash here")

    def restore(self, sku: str) -> None:
        raise LookupError("no trash here")

    def stop_counting(self, sku: str) -> None:
        self.shop.change(sku, trackInventory="FALSE")

    def set_clock_ahead(self, seconds: float) -> None:
        self._ahead_s = seconds
        self._set_clock()

    def pass_time(self, seconds: float) -> None:
        super().pass_time(seconds)
        self._set_clock()

    def expire_credentials(self, *, for_good: bool) -> None:
        self.secrets()
        self.shop.sql("DELETE FROM session WHERE token NOT IN (?, ?)", self.shop.session, self.shop.shopper)
        if for_good:
            self.shop.sql("UPDATE authentication_method SET passwordHash = 'another'")

    def trouble(self, kind: Trouble, *, write: bool = False, times: int = 1, after: int = 0) -> None:
        name, seconds = FAULTS.get(kind, ("", 0.0))
        if kind is Trouble.SLOW:
            seconds = self._patience_s + SLOW_S
        path = WRITE if write else READ
        change = {Trouble.WRONG_SHAPE: another_shape, Trouble.EMPTY_LIST: without_rows}.get(kind)
        fault = Fault(name, path=path, times=times, after=after, seconds=seconds)
        if change is None:
            self.server.add_fault(fault)
        else:
            self.tampering.plans.append((fault, change))

    def at_each_request(self, action: Callable[[Exchange], None]) -> None:
        def hook(request: SimRequest) -> None:
            if kind_of(request) != "login":
                action(Exchange(0.0, kind_of(request) == "mutation"))

        self.server.hooks.append(hook)

    def exchanges(self) -> list[Exchange]:
        found = self.server.requests(path=f"{READ}|{WRITE}")
        return [Exchange(record.at, record.target.endswith("?mutation")) for record in found]


@functools.cache
def the_shop() -> VendureShop:
    """The shop of this process."""
    shop = VendureShop()
    atexit.register(shop.close)
    shop.control("clock", at=Clock().seconds)
    shop.control("snapshot", name="empty")
    return shop


def stocked(catalogue: Sequence[CatalogueProduct]) -> VendureShop:
    """The shop as it was after it got a catalogue."""
    shop, name = the_shop(), repr(hash(tuple(repr(product) for product in catalogue)))
    shop.control("clock", at=Clock().seconds)
    if not shop.control("restore", name=name):
        shop.control("restore", name="empty")
        shop.seed(catalogue)
        shop.control("snapshot", name=name)
    return shop


@contextmanager
def open_vendure(
    catalogue: Sequence[CatalogueProduct], *, patience_s: float = 10.0, values: Mapping[str, Any] | None = None
) -> Iterator[SideDriver]:
    """Open the shop; ``values`` go into the adapter's configuration."""
    if missing():
        pytest.skip(missing())
    shop, clock = stocked(catalogue), Clock()
    patience_s = max(patience_s, SHORTEST_PATIENCE_S)
    with (
        closing(Forwarding(shop.url)) as forwarding,
        OperationServer(forwarding) as server,
        closing(VendureDriver(shop, server, clock, patience_s, values or {})) as driver,
    ):
        yield driver
