"""What can be set about the simulated shop: credentials, limits, clocks, and what its owner has configured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

ALL_SCOPES = (
    "write_products,write_inventory,read_locations,read_orders,read_publications,write_publications,write_files"
)


@dataclass(slots=True)
class ShopifySettings:
    """Behaviour of the simulated shop; may be changed while it runs (control action ``set``).

    Attributes:
        token: Permanent token of an app that was made in the admin; empty if there is none.
        client_id: Of an app of the merchant's organisation.
        client_secret: Its secret.
        token_seconds: How long a token of that app counts.
        scopes: What the app may do; ``write_x`` includes ``read_x``.
        versions: Versions of the API that are served; others fall forward to the oldest.
        strict: Idempotency keys and ``changeFromQuantity`` are demanded in every version, not only from 2026-04 on.
        points: Size of the bucket that queries take their cost from.
        points_per_second: How fast it fills.
        taxes_included: Prices are gross.
        currency: ISO code.
        clock_skew_seconds: Server clock minus real clock.
        clock: Source of the real time, seconds since the epoch.
        latency_seconds: Delay of every request.
        index_lag_seconds: What changed in these last seconds is not found by searches yet.
        work_seconds: How long the shop is at work on an image, or on the order of some, behind its answer.
        exports_at_once: How many bulk queries may be under way.
        export_error: Why they all fail, as the API words it; empty if they do not.
    """

    token: str = "shpat_simulated_permanent"  # noqa: S105 - an obvious test default of a simulator
    client_id: str = "simulated-client"
    client_secret: str = "shpss_simulated_secret"  # noqa: S105 - as above
    token_seconds: int = 86_399
    scopes: str = ALL_SCOPES
    versions: tuple[str, ...] = ("2026-01", "2026-04", "2026-07", "2026-10")
    strict: bool = False
    points: float = 2000.0
    points_per_second: float = 100.0
    taxes_included: bool = True
    currency: str = "EUR"
    clock_skew_seconds: float = 0.0
    clock: Callable[[], float] = field(default=time.time)
    latency_seconds: float = 0.0
    index_lag_seconds: float = 0.0
    work_seconds: float = 0.0
    exports_at_once: int = 5
    export_error: str = ""

    def change(self, values: dict[str, Any]) -> dict[str, Any]:
        """Set plain values by name; returns the values now in force.

        Raises:
            KeyError: No such setting.
            TypeError: The value has another type than the setting.
        """
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        plain = {name: value for name, value in plain.items() if isinstance(value, bool | int | float | str)}
        for name, value in values.items():
            old = plain[name]
            number = isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool)
            if type(value) is not type(old) and not number:
                raise TypeError(f"{name} takes a {type(old).__name__}")
            setattr(self, name, value)
            plain[name] = value
        return {name: plain[name] for name in values}
