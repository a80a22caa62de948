"""Shops for tests of the WooCommerce adapter: the simulator, replayed recordings, and listings written by hand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from syncd.adapters.base import AdapterContext
from syncd.adapters.woocommerce import FACTORY
from syncd.adapters.woocommerce.adapter import WooCommerceAdapter
from syncd.core.model import ChangePage, GoneListing, RemoteListing, StockEvent
from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.server import RequestRecord, SimRequest, SimResponse, SimServer
from syncd.simulators.woocommerce import WooCommerceSettings, WooCommerceSim

OLD = {"has_variations_route": False, "has_refunds_route": False}
"""A shop before WooCommerce 9.0."""
SHOPS = [pytest.param({}, id="10.5"), pytest.param(OLD, id="before-9.0")]
"""Settings of shops that reading is tried with."""

RECORDINGS = Path(__file__).parents[1] / "data" / "reference" / "woocommerce-recordings"


@dataclass(slots=True)
class Clock:
    """Time that tests move by hand."""

    seconds: float = 1_795_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def move(self, seconds: float) -> None:
        self.seconds += seconds


def build(url: str, *, now: Callable[[], datetime] | None = None, **settings: Any) -> WooCommerceAdapter:
    """Make an adapter for a server on loopback."""
    values = {
        "url": url,
        "consumer_key": "ck_sim",
        "consumer_secret": "cs_sim",
        "requests_per_second": 1000,
        "request_timeout_seconds": 5,
        **settings,
    }
    context = AdapterContext(side="main", settings=FACTORY.settings_model(**values))
    if now is not None:
        context.now = now
    return WooCommerceAdapter(context)


@dataclass(slots=True)
class Shop:
    """A simulated shop with its adapter and the cursor that the engine would keep."""

    sim: WooCommerceSim
    server: SimServer
    clock: Clock
    adapter: WooCommerceAdapter
    cursor: dict[str, str] = field(default_factory=dict)

    def read_all(self) -> list[ChangePage]:
        pages = list(self.adapter.read_all())
        assert pages[-1].cursor is not None
        self.cursor = dict(pages[-1].cursor)
        return pages

    def changes(self, *, seconds: float = 30) -> list[ChangePage]:
        """Let time pass, then read changes to the end."""
        self.clock.move(seconds)
        pages = list(self.adapter.read_changes(self.cursor))
        assert pages[-1].cursor is not None
        self.cursor = dict(pages[-1].cursor)
        return pages

    def settled(self) -> None:
        """Read until the overlap holds nothing any more."""
        self.read_all()
        self.changes(seconds=200)
        self.changes(seconds=200)

    def restart(self, **settings: Any) -> None:
        """A new process: nothing is remembered but the cursor."""
        self.adapter.close()
        self.adapter = build(self.server.url, now=self.clock.now, **settings)

    def counting(self) -> Callable[[], list[RequestRecord]]:
        """Requests from now on."""
        start = len(self.server.log)
        return lambda: self.server.requests(since=start)


@contextmanager
def simulated(
    products: int = 12, variable: int = 3, *, adapter: Mapping[str, Any] | None = None, **settings: Any
) -> Iterator[Shop]:
    """A seeded simulator on a loopback port whose clock stands still until moved."""
    clock = Clock()
    sim = WooCommerceSim(WooCommerceSettings(clock=clock, **settings))
    sim.seed(make_catalogue(products, variable))
    with SimServer(sim) as server:
        shop = Shop(sim, server, clock, build(server.url, now=clock.now, **(adapter or {})))
        try:
            yield shop
        finally:
            shop.adapter.close()


def listings(pages: list[ChangePage]) -> dict[str, RemoteListing]:
    """Last reading of each listing."""
    return {listing.ref.external_id: listing for page in pages for listing in page.listings}


def by_sku(pages: list[ChangePage], sku: str) -> RemoteListing:
    return next(listing for listing in listings(pages).values() if listing.sku == sku)


def gone(pages: list[ChangePage]) -> list[GoneListing]:
    return [one for page in pages for one in page.gone]


def events(pages: list[ChangePage]) -> list[StockEvent]:
    return [event for page in pages for event in page.events]


class Scripted:
    """A server whose answers a test gives as a function; remembers what it was asked."""

    def __init__(self, answer: Callable[[SimRequest], SimResponse]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self.requests: list[SimRequest] = []

    def handle(self, request: SimRequest) -> SimResponse:
        with self._lock:
            self.requests.append(request)
        return self._answer(request)

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        raise ValueError(action)


@contextmanager
def scripted(answer: Callable[[SimRequest], SimResponse], **settings: Any) -> Iterator[tuple[Scripted, Any]]:
    """A scripted server and an adapter for it."""
    server = Scripted(answer)
    with SimServer(server) as running:
        adapter = build(running.url, **settings)
        try:
            yield server, adapter
        finally:
            adapter.close()


def page(rows: list[Any], *, total: int | None = None, at: float | None = None) -> SimResponse:
    """A list answer with its counts; ``at`` is the server's time."""
    count = len(rows) if total is None else total
    headers = {"X-WP-Total": str(count), "X-WP-TotalPages": str(-(-count // 100))}
    if at is not None:
        headers["Date"] = formatdate(at, usegmt=True)
    return SimResponse(200, rows, headers)


def product(number: int, **fields: Any) -> dict[str, Any]:
    """A product row."""
    return {
        "id": number,
        "type": "simple",
        "status": "publish",
        "name": f"Product {number}",
        "sku": f"P-{number}",
        "global_unique_id": "",
        "manage_stock": True,
        "stock_quantity": number,
        "date_modified_gmt": "2026-11-23T11:45:39",
        "parent_id": 0,
        "variations": [],
        "meta_data": [],
        **fields,
    }


def recordings(name: str = "*") -> Iterator[tuple[str, dict[str, Any]]]:
    """Recorded exchanges with a readable id."""
    for path in sorted(RECORDINGS.glob(f"{name}.json")):
        for number, entry in enumerate(json.loads(path.read_text())):
            if "request" in entry:
                yield f"{path.stem}-{number}", entry


def whole(value: Any) -> Any:
    """A recorded body without the marks of what was cut out of it."""
    if isinstance(value, list):
        return [whole(item) for item in value if not (isinstance(item, str) and item.startswith("... "))]
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    return value


def variation_sku(shop: Shop) -> str:
    """Some variation that the shop sells."""
    return next(sku for sku in sorted(shop.sim.people.stock()) if sku.startswith("V-"))
