"""A simulated shop with goods, asked without sockets."""

from __future__ import annotations

from typing import Any

from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.woocommerce import WooCommerceSettings, WooCommerceSim
from tests.simulators.recorded_shop import Clock, ask, basic

SIM_KEY = basic("ck_sim", "cs_sim")


def seeded(products: int = 12, variable: int = 4, **settings: Any) -> tuple[WooCommerceSim, Clock]:
    """A shop whose goods were made ten seconds ago."""
    clock = Clock()
    sim = WooCommerceSim(WooCommerceSettings(clock=clock, **settings))
    sim.seed(make_catalogue(products, variable))
    clock.now += 10
    return sim, clock


def call(sim: WooCommerceSim, method: str, path: str, body: Any = None, **query: Any) -> Any:
    """Answer to a request that must succeed."""
    response = ask(sim, method, path, query, body, SIM_KEY)
    assert response.status < 400, response.body
    return response.body


def product(sim: WooCommerceSim, sku: str) -> dict[str, Any]:
    """A product or variation by SKU."""
    found: dict[str, Any] = call(sim, "GET", "products", sku=sku)[0]
    return found
