"""An INVENTORUM adapter on a simulated account, with everything a test wants to look at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from syncd.adapters.base import AdapterContext, TokenPair
from syncd.adapters.inventorum import FACTORY, InventorumAdapter, InventorumSettings
from syncd.core.model import ChangePage, GoneListing, ListingRef, RemoteListing, StockEvent
from syncd.errors import AuthRejected
from syncd.simulators.catalogue import CatalogueProduct, make_catalogue
from syncd.simulators.inventorum import InventorumSim
from syncd.simulators.inventorum.settings import InventorumSettings as SimSettings
from syncd.simulators.server import SimServer

EXAMPLES = Path(__file__).parents[1] / "data" / "reference" / "inventorum-examples"
SEED = "sim-refresh-0"


CATALOGUE = make_catalogue(9, 3, seed=4)
"""What the accounts of these tests sell: products and three with variations."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class MemoryTokens:
    """A token store that keeps its promises for threads, and remembers every pair it was given.

    Attributes:
        pair: What is stored.
        stored: Refresh tokens in the order in which they became durable.
        exchanges: How often a refresh was sent.
    """

    pair: TokenPair | None = None
    seed: str = SEED
    stored: list[str] = field(default_factory=list)
    exchanges: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self) -> TokenPair | None:
        return self.pair

    def refresh(self, stale: TokenPair | None, exchange: Callable[[str], TokenPair]) -> TokenPair:
        with self._lock:
            if self.pair is not None and self.pair != stale:
                return self.pair
            before = self.pair
            self.exchanges += 1
            try:
                fresh = exchange(before.refresh_token if before else self.seed)
            except AuthRejected:
                if self.pair is not None and self.pair != before:
                    return self.pair
                raise
            self.pair = fresh
            self.stored.append(fresh.refresh_token)
            return fresh


@dataclass
class Account:
    """A simulated account with the adapter under test.

    Attributes:
        told: (method, path, status) of every exchange the adapter reported.
    """

    sim: InventorumSim
    server: SimServer
    tokens: MemoryTokens
    adapter: InventorumAdapter
    stop: threading.Event
    told: list[tuple[str, str, int]]

    def id_of(self, sku: str) -> str:
        """Id of a product or variation by its article number."""
        return str(self.sim.state.find(sku).id)

    def ref(self, sku: str) -> ListingRef:
        """Reference to a product or variation by its article number."""
        product = self.sim.state.find(sku)
        return ListingRef(str(product.id), str(product.parent) if product.parent else None)

    def stock(self, sku: str) -> str:
        """Present stock of a unit, as the simulator has it."""
        found: str = self.sim.stock()[sku]
        return found

    def api_requests(self, since: int = 0) -> list[str]:
        """Method and path of the requests since the ``since``-th, without those for tokens."""
        found = [f"{record.method} {record.target.split('?')[0]}" for record in self.server.requests(since=since)]
        return [line for line in found if "/auth/token/" not in line]

    def mark(self) -> int:
        """Number of requests so far, for ``since``."""
        return len(self.server.requests())


def make_adapter(
    url: str,
    tokens: MemoryTokens,
    *,
    stop: threading.Event | None = None,
    told: list[tuple[str, str, int]] | None = None,
    now: Callable[[], datetime] = utc_now,
    overlap_s: float = 60.0,
    **settings: Any,
) -> InventorumAdapter:
    """Build the adapter as the service does, through its factory, but without the spacing of requests."""
    values: dict[str, Any] = {
        "base_url": f"{url}/api/",
        "client_id": "sim-client",
        "client_secret": "sim-secret",
        "refresh_token": tokens.seed,
        "request_timeout_seconds": 5,
    }
    notes = told if told is not None else []
    checked = InventorumSettings.model_validate(values | settings)
    context = AdapterContext(
        side="inventorum",
        settings=checked.model_copy(update={"requests_per_second": 10_000.0}),
        tokens=tokens,
        stop=stop or threading.Event(),
        now=now,
        overlap_s=overlap_s,
        on_request=lambda method, path, status, ms: notes.append((method, path, status)),
    )
    adapter = FACTORY.build(context)
    assert isinstance(adapter, InventorumAdapter)
    return adapter


@contextmanager
def open_account(
    catalogue: list[CatalogueProduct], *, adapter: dict[str, Any] | None = None, **settings: Any
) -> Iterator[Account]:
    """Serve a simulated account without rate limit, with an adapter on it.

    Args:
        catalogue: What it sells.
        adapter: Arguments of ``make_adapter``.
        settings: Behaviour of the simulator.
    """
    sim = InventorumSim(SimSettings.model_validate({"rate_limit_per_second": 0} | settings))
    sim.seed(catalogue)
    tokens, stop = MemoryTokens(), threading.Event()
    told: list[tuple[str, str, int]] = []
    with SimServer(sim) as server:
        made = make_adapter(server.url, tokens, stop=stop, told=told, **(adapter or {}))
        with closing(made):
            yield Account(sim, server, tokens, made, stop, told)


@dataclass
class Collected:
    """All that a read yielded, put together."""

    listings: dict[str, RemoteListing] = field(default_factory=dict)
    gone: dict[str, GoneListing] = field(default_factory=dict)
    events: list[StockEvent] = field(default_factory=list)
    cursor: dict[str, str] = field(default_factory=dict)
    pages: list[ChangePage] = field(default_factory=list)

    def by_sku(self, sku: str) -> RemoteListing:
        """The reading with this article number."""
        return next(listing for listing in self.listings.values() if listing.sku == sku)


def collect(pages: Any) -> Collected:
    """Consume a read to its end, checking what every read promises: one cursor, on the last page."""
    found = Collected()
    for page in pages:
        found.pages.append(page)
        ids = [listing.ref.external_id for listing in page.listings]
        assert len(ids) == len(set(ids)) <= 100
        found.listings |= {listing.ref.external_id: listing for listing in page.listings}
        found.gone |= {gone.ref.external_id: gone for gone in page.gone}
        found.events.extend(page.events)
    assert [page.cursor is not None for page in found.pages] == [False] * (len(found.pages) - 1) + [True]
    found.cursor = dict(found.pages[-1].cursor or {})
    return found


def variation_skus() -> list[str]:
    """Article numbers of all variations of ``CATALOGUE``."""
    return [variation.sku for product in CATALOGUE for variation in product.variations]
