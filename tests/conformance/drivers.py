"""Sides under test: for each installed adapter a simulator over sockets, and the side in memory.

A new adapter needs an entry in ``DRIVERS`` before the suite lets it pass.
"""

from __future__ import annotations

from functools import partial

from syncd.adapters.registry import installed
from syncd.testing.side import OpenSide
from tests.conformance.drivers_inventorum import open_inventorum
from tests.conformance.drivers_memory import open_memory
from tests.conformance.drivers_shopify import open_shopify
from tests.conformance.drivers_shopware6 import open_shopware6
from tests.conformance.drivers_vendure import open_vendure
from tests.conformance.drivers_woocommerce import open_woocommerce

DRIVERS: dict[str, OpenSide] = {
    "memory": open_memory,
    "inventorum": open_inventorum,
    "woocommerce": open_woocommerce,
    "shopware6": open_shopware6,
    "shopify": open_shopify,
    "vendure": open_vendure,
}

OTHER_ROUTES: dict[str, OpenSide] = {
    "inventorum-other readings": partial(
        open_inventorum,
        settings={"delta_variation_rows": "variation", "page_beyond_end": "not_found", "variation_detail": False},
    ),
    "woocommerce-older": partial(
        open_woocommerce,
        settings={"has_variations_route": False, "has_refunds_route": False, "orders_bump_dates": False},
    ),
    "shopware6-older": partial(open_shopware6, settings={"version": "6.6.7.1", "max_limit": 100}),
    "shopify-on hand": partial(open_shopify, values={"quantity": "on_hand"}),
}
"""Sides that differ from those above in their routes alone: in how they are read and addressed."""

OTHER_MONEY: dict[str, OpenSide] = {
    "woocommerce-net prices": partial(open_woocommerce, settings={"prices_include_tax": False}),
}
"""Sides that differ from those above in their prices and taxes alone."""


def opener(kind: str) -> OpenSide:
    """Return how to open the side of one adapter.

    Raises:
        LookupError: The adapter has no driver.
    """
    if kind not in DRIVERS:
        raise LookupError(f"adapter {kind} is registered, but tests/conformance/drivers.py has no driver for it")
    return DRIVERS[kind]


def all_kinds() -> list[str]:
    """Every adapter that must pass: the registered ones, and the one in memory that other tests build on."""
    return sorted({*installed(), *DRIVERS})
