"""What can be set about the simulated shop: its version, its credentials, its clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

ORDERS_TOUCH_PRODUCTS = (6, 7, 4, 0)
"""From this version on an order moves ``updatedAt`` of the products in it (shopware/shopware#12936)."""


@dataclass(slots=True)
class Shopware6Settings:
    """Behaviour of the simulated shop; may be changed while it runs (control action ``set``).

    Attributes:
        version: Shown by ``_info/version``; decides whether orders touch their products.
        client_id: Access key of the integration.
        client_secret: Its secret.
        privileges: Rights of the integration's role; ``None``: the integration is an administrator.
        token_seconds: Life of an access token.
        max_limit: Most rows of one answer.
        clock_skew_seconds: Server clock minus real clock.
        clock: Source of the real time, seconds since the epoch.
        currency: ISO code of the system currency.
        between_read_and_write: Called with the product's id before a write sets its stock, for tests of an order that
            lands in between.
    """

    version: str = "6.7.10.1"
    client_id: str = "SWIASIMULATED0000000000000"
    client_secret: str = "simulated-integration-secret-0001"  # noqa: S105 - an obvious test default of a simulator
    privileges: tuple[str, ...] | None = None
    token_seconds: int = 600
    max_limit: int = 500
    clock_skew_seconds: float = 0.0
    clock: Callable[[], float] = field(default=time.time)
    currency: str = "EUR"
    between_read_and_write: Callable[[str], object] | None = None

    @property
    def orders_touch_products(self) -> bool:
        """Whether stock moved by an order moves ``updatedAt``."""
        return tuple(int(part) for part in self.version.split(".")) >= ORDERS_TOUCH_PRODUCTS

    def now(self) -> float:
        """The server's time."""
        return self.clock() + self.clock_skew_seconds

    def change(self, values: dict[str, Any]) -> dict[str, Any]:
        """Set plain values by name; returns the values now in force.

        Raises:
            KeyError: No such setting.
            TypeError: The value has another type than the setting.
        """
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        plain = {name: value for name, value in plain.items() if isinstance(value, int | float | str)}
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise TypeError(f"{name} takes a {type(plain[name]).__name__}")
            if isinstance(value, str) is not isinstance(plain[name], str):
                raise TypeError(f"{name} takes a {type(plain[name]).__name__}")
            setattr(self, name, value)
        return {name: getattr(self, name) for name in values}
