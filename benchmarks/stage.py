"""Till, shop, database and configuration of one measurement."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.sides import SHOP, TILL, Side, SideSpec, start_sides
from benchmarks.work import in_process_of_its_own
from syncd.simulators.inventorum import InventorumSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONFIG = """\
[syncd]
database = "{database}"

[inventorum]
base_url = "{till}/api/"
client_id = "{client_id}"
client_secret = "{client_secret}"
refresh_token = "{refresh_token}"
poll_seconds = {poll_s}
requests_per_second = 19.5
sweep = "every 24h"

[inventorum.stock]
overlap_seconds = {overlap_s}
settle_seconds = 1

[shops.main]
adapter = "woocommerce"
url = "{shop}"
consumer_key = "ck_sim"
consumer_secret = "cs_sim"
poll_seconds = {poll_s}
requests_per_second = 1000
batch_size = 100
sweep = "every 24h"

[shops.main.stock]
overlap_seconds = {overlap_s}
settle_seconds = 1

[shops.main.safety]
max_zeroed = {{ items = 1000000 }}
max_created = {{ items = 1000000 }}
"""


TILL_PER_S = 20
"""Requests per second that INVENTORUM allows."""

Sides = Mapping[str, Mapping[str, Any]]

LATENCIES: Sides = {
    TILL: {"list_s": 0.15, "call_s": 0.15, "per_second": TILL_PER_S},
    SHOP: {"list_s": 0.25, "batch_s": 2.4, "call_s": 0.2},
}
"""How slow the sides are in earnest. Source of the shop's: measurements on a WooCommerce shop (100 products listed, a
batch of 100 stock writes); the till's are assumed."""


@dataclass(slots=True)
class Stage:
    """Everything that a measurement needs.

    Attributes:
        till: The simulated till.
        shop: The simulated shop.
        config: Configuration file for the measured process.
    """

    till: Side
    shop: Side
    config: Path

    def passes(self, passes: int = 1, **more: Any) -> dict[str, Any]:
        """Have a process of its own sync some times."""
        return in_process_of_its_own("passes", config=str(self.config), passes=passes, **more)

    def slow_down(self) -> None:
        """Have both sides be as slow as in earnest from now on."""
        for side in (self.till, self.shop):
            changes = {name: value for name, value in LATENCIES[side.spec.kind].items() if name != "per_second"}
            side.control("slow", **changes)
        self.till.control("set", rate_limit_per_second=TILL_PER_S)

    def settle(self, most: int = 20) -> None:
        """Sync until a pass reads nothing any more: the echoes of our own writes have left the overlap.

        Raises:
            RuntimeError: It does not come to rest.
        """
        for _ in range(most):
            if self.passes(passes=3)["result"][-1]["listings_read"] == 0:
                return
        raise RuntimeError("the account did not come to rest")


@contextmanager
def open_stage(
    folder: Path, items: int, *, database: str = "", overlap_s: float = 1, poll_s: float = 5, sides: Sides | None = None
) -> Iterator[Stage]:
    """Start till and shop with the same goods.

    Args:
        folder: Where configuration and database go.
        items: How many products; one in 72 has variations.
        database: Address; a file in the folder if left out.
        overlap_s: How far reads of changes look back, in seconds.
        poll_s: Seconds between two polls of a daemon.
        sides: Fields of ``SideSpec`` for ``till`` and ``shop``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    specs = [SideSpec(kind, items, items // 72, **(sides or {}).get(kind, {})) for kind in (TILL, SHOP)]
    till, shop = started = start_sides(specs)
    try:
        defaults = InventorumSettings()
        text = _CONFIG.format(
            database=database or f"sqlite:///{folder / 'syncd.db'}",
            till=till.url,
            shop=shop.url,
            client_id=defaults.client_id,
            client_secret=defaults.client_secret,
            refresh_token=defaults.refresh_token,
            overlap_s=overlap_s,
            poll_s=poll_s,
        )
        config = folder / "config.toml"
        with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        yield Stage(till, shop, config)
    finally:
        for side in started:
            side.close()
