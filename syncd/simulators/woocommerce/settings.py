"""What can be set about the simulated shop: doubtful behaviours, hostile hosts, clocks and races."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One REST key pair; ``permission`` is ``read``, ``write`` or ``read_write``."""

    key: str
    secret: str
    permission: str = "read_write"


DEFAULT_KEYS = (
    ApiKey("ck_sim", "cs_sim"),
    ApiKey("ck_sim_read", "cs_sim_read", "read"),
    ApiKey("ck_sim_write", "cs_sim_write", "write"),
)


@dataclass(slots=True)
class WooCommerceSettings:
    """Behaviour of the simulated shop; may be changed while it runs (control action ``set``).

    Attributes:
        keys: API keys of the shop.
        treat_as_https: As behind a TLS proxy whose ``X-Forwarded-Proto`` the site honours: Basic and query-string
            credentials count. Off: plain http, only OAuth 1.0a counts.
        honour_forwarded_proto: A request with ``X-Forwarded-Proto: https`` counts as https.
        strip_authorization: The web server drops the ``Authorization`` header (some CGI hosts).
        has_variations_route: ``GET /variations`` exists (WooCommerce 10.3 and later).
        has_refunds_route: ``GET /refunds`` exists (WooCommerce 9.0 and later).
        delta_race_seconds: How long ``inventory_delta`` waits between its read and its write.
        between_read_and_write: Called with the SKU in that gap, for tests that need an exact interleaving.
        orders_bump_dates: Stock moved by an order moves ``date_modified``; off as in older shops.
        refund_bumps_order: A refund moves the order's ``date_modified`` (two real shops disagreed).
        edit_form_guard: The product form refuses to save its stock when the stock changed since it was opened.
        stock_management: The shop-wide switch ``woocommerce_manage_stock``.
        clock_skew_seconds: Server clock minus real clock.
        clock: Source of the real time, seconds since the epoch.
        utc_offset_minutes: Site time minus UTC.
        timezone: Name of the site's zone, shown only.
        latency_seconds: Delay of every request.
        decimal_separator: How the shop reads prices; with ``"."`` a sent ``"12,5"`` becomes ``125``.
        calc_taxes: Taxes are enabled.
        prices_include_tax: Product prices are gross.
        currency: ISO code.
        keys_of_administrator: The keys' user is an administrator, not a shop manager.
        media_user: Name of the administrator, for WordPress's own routes.
        media_password: Application password of that user.
        user_may_upload: Whether the user may upload files.
        reachable_host: A further host, with its port, that the shop may load images from.
        woocommerce_version: Shown by ``system_status``.
        wordpress_version: Shown by ``system_status``.
    """

    keys: tuple[ApiKey, ...] = DEFAULT_KEYS
    treat_as_https: bool = True
    honour_forwarded_proto: bool = False
    strip_authorization: bool = False
    has_variations_route: bool = True
    has_refunds_route: bool = True
    delta_race_seconds: float = 0.0
    between_read_and_write: Callable[[str], object] | None = None
    orders_bump_dates: bool = True
    refund_bumps_order: bool = False
    edit_form_guard: bool = True
    stock_management: bool = True
    clock_skew_seconds: float = 0.0
    clock: Callable[[], float] = field(default=time.time)
    utc_offset_minutes: int = 60
    timezone: str = "Europe/Berlin"
    latency_seconds: float = 0.0
    decimal_separator: str = ","
    calc_taxes: bool = True
    prices_include_tax: bool = True
    currency: str = "EUR"
    keys_of_administrator: bool = True
    media_user: str = "shopadmin"
    media_password: str = "simu late dpas swor d000 0000"  # noqa: S105 - an obvious test default of a simulator
    user_may_upload: bool = True
    reachable_host: str = ""
    woocommerce_version: str = "10.5.0"
    wordpress_version: str = "6.9.1"

    @property
    def net_prices(self) -> bool:
        """Whether a product's price is without its tax."""
        return self.calc_taxes and not self.prices_include_tax

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
            fits = isinstance(value, type(old)) and isinstance(value, bool) == isinstance(old, bool)
            if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
                fits = True
            if not fits:
                raise TypeError(f"{name} takes a {type(old).__name__}")
            setattr(self, name, value)
            plain[name] = value
        return {name: plain[name] for name in values}
