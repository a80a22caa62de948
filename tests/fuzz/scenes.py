"""A simulated account and a simulated shop, each behind a server that spoils answers, with the real adapters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

from syncd.adapters.inventorum import InventorumAdapter
from syncd.adapters.woocommerce.adapter import WooCommerceAdapter
from syncd.core.model import ListingRef
from syncd.http import RetryPolicy
from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.inventorum import InventorumSim
from syncd.simulators.inventorum.settings import InventorumSettings as HubSettings
from syncd.simulators.server import SimRequest
from syncd.simulators.woocommerce import WooCommerceSettings, WooCommerceSim
from tests.fuzz.wire import Between
from tests.support import inventorum, woocommerce
from tests.support.engine import Clock
from tests.support.inventorum import MemoryTokens

CATALOGUE = make_catalogue(8, 3)
_QUICK = RetryPolicy(attempts=2, first_wait_s=0.001, longest_wait_s=0.005)
_SILENCE_S = 2.0


@dataclass
class Hub:
    """The till.

    Attributes:
        hidden: Id of a product that the modified delta leaves out, so that the products list must be read.
    """

    sim: InventorumSim
    between: Between
    clock: Clock
    tokens: MemoryTokens = field(default_factory=MemoryTokens)
    adapter: InventorumAdapter = field(init=False)
    hidden: int | None = None

    def __post_init__(self) -> None:
        self.between.rewrite = self._hide
        self._connect()

    def _connect(self) -> None:
        self.adapter = inventorum.make_adapter(
            self.between.url, self.tokens, now=self.clock, request_timeout_seconds=_SILENCE_S
        )
        self.adapter._api._http._retry = _QUICK

    def reauthorise(self) -> None:
        """A person makes a new token and starts the daemon again."""
        self.adapter.close()
        self.tokens = MemoryTokens(seed=str(self.sim.issue_refresh_token()["refresh_token"]))
        self._connect()

    def close(self) -> None:
        self.adapter.close()

    def ref(self, sku: str) -> ListingRef:
        product = self.sim.state.find(sku)
        return ListingRef(str(product.id), str(product.parent) if product.parent else None)

    def stock(self, sku: str) -> Decimal:
        return Decimal(self.sim.stock()[sku])

    def truth(self) -> dict[str, Decimal]:
        """Present stock by id."""
        return {
            str(product.id): product.quantity for product in self.sim.state.products.values() if not product.variations
        }

    def living(self) -> set[str]:
        """Ids of everything that exists."""
        return {str(product.id) for product in self.sim.state.products.values()}

    def secrets(self, request: SimRequest) -> list[str]:
        """What the request carries that nobody may see."""
        form = parse_qs(request.body.decode("utf-8", "replace")) if "token" in request.path else {}
        credential = request.headers.get("authorization", "").partition(" ")[2]
        secret = ["sim-secret"] if form else []
        return [each for each in (credential, *form.get("refresh_token", ()), *secret) if each]

    def _hide(self, request: SimRequest, answer: Any) -> Any:
        if self.hidden is None or "delta/modified" not in request.path or answer.status != 200:
            return answer
        body = json.loads(answer.body)
        kept = [row for row in body["data"] if row["id"] != self.hidden]
        body["total"] -= len(body["data"]) - len(kept)
        body["data"] = kept
        return type(answer)(answer.status, answer.headers, json.dumps(body).encode())


@dataclass
class Shop:
    """The web shop. ``older``: WooCommerce before 9.0, without the lists of all variations and of all refunds."""

    sim: WooCommerceSim
    between: Between
    clock: Clock
    older: bool = False
    adapter: WooCommerceAdapter = field(init=False)

    def __post_init__(self) -> None:
        self._connect()

    def _connect(self) -> None:
        self.adapter = woocommerce.build(
            self.between.url, now=self.clock, auth="basic", request_timeout_seconds=_SILENCE_S, batch_size=4
        )
        self.adapter._client._session._retry = _QUICK

    def close(self) -> None:
        self.adapter.close()

    def ref(self, sku: str) -> ListingRef:
        product = next(each for each in self.sim.shop.by_id.values() if each.sku == sku)
        return ListingRef(str(product.id), str(product.parent_id) if product.parent_id else None)

    def stock(self, sku: str) -> Decimal:
        return Decimal(self.sim.people.stock()[sku] or 0)

    def truth(self) -> dict[str, Decimal]:
        """Present stock by id."""
        return {
            str(product.id): Decimal(product.stock)
            for product in self.sim.shop.by_id.values()
            if product.stock is not None
        }

    def living(self) -> set[str]:
        """Ids of everything that exists outside the trash."""
        return {str(product.id) for product in self.sim.shop.by_id.values() if product.status != "trash"}

    def secrets(self, request: SimRequest) -> list[str]:
        """What the request carries that nobody may see."""
        credential = request.headers.get("authorization", "").partition(" ")[2]
        return [each for each in (credential, "cs_sim") if each]


@contextmanager
def hub_scene(clock: Clock) -> Iterator[Hub]:
    """A seeded account."""
    settings = HubSettings(rate_limit_per_second=0)
    sim = InventorumSim(settings, clock=clock)
    sim.seed(CATALOGUE)
    with Between(sim) as between:
        hub = Hub(sim, between, clock)
        try:
            yield hub
        finally:
            hub.close()


@contextmanager
def shop_scene(clock: Clock, *, older: bool = False) -> Iterator[Shop]:
    """A seeded shop."""
    settings = WooCommerceSettings(
        clock=lambda: clock().timestamp(), has_variations_route=not older, has_refunds_route=not older
    )
    sim = WooCommerceSim(settings)
    sim.seed(CATALOGUE)
    with Between(sim) as between:
        shop = Shop(sim, between, clock, older)
        try:
            yield shop
        finally:
            shop.close()
