"""The same as ``pair`` with a Shopware 6 shop: one whose stock can only be set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.config import load_config
from syncd.service.account import open_account
from syncd.simulators.inventorum import InventorumSettings, InventorumSim
from syncd.simulators.server import SimServer
from syncd.simulators.shopware6 import Shopware6Settings, Shopware6Sim
from tests.crossing.pair import Between, Clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.simulators.catalogue import CatalogueProduct
    from syncd.state.engine import Database

CONFIG = """
[syncd]
database = "sqlite:///unused.db"
[inventorum]
base_url = "{till}/api/"
client_id = "{till_id}"
client_secret = "{till_secret}"
refresh_token = "{refresh_token}"
requests_per_second = 20
[shops.main]
adapter = "shopware6"
url = "{shop}"
client_id = "{shop_id}"
client_secret = "{shop_secret}"
requests_per_second = 1000
batch_size = 100
[shops.main.safety]
max_created = {{ items = 100000 }}
max_zeroed = {{ items = 100000 }}
"""


@dataclass
class Pair6(Between):
    """Both sides with their servers, and the account."""

    shop: Shopware6Sim

    def shop_writes(self, since: int = 0) -> list[str]:
        """Requests that change something in the shop."""
        return [
            record.target
            for record in self.shop_server.requests(since=since)
            if record.method != "GET" and not record.target.startswith(("/api/search/", "/api/oauth/"))
        ]

    def stock(self) -> tuple[dict[str, int], dict[str, int]]:
        """Units at the till and in the shop."""
        return {sku: int(Decimal(units)) for sku, units in self.till.stock().items()}, self.shop.people.stock()


@contextmanager
def open_pair6(
    database: Database,
    folder: Path,
    more: str = "",
    *,
    catalogue: Sequence[CatalogueProduct] = (),
    version: str = "6.7.10.1",
) -> Iterator[Pair6]:
    """Open both sides with a catalogue, and an account with more configuration."""
    clock = Clock()
    till = InventorumSim(InventorumSettings(rate_limit_per_second=0), clock=clock.now)
    shop = Shopware6Sim(Shopware6Settings(clock=lambda: clock.seconds, version=version))
    till.seed(catalogue)
    shop.seed(catalogue)
    with SimServer(till) as till_server, SimServer(shop) as shop_server:
        text = CONFIG.format(
            till=till_server.url,
            till_id=till.settings.client_id,
            till_secret=till.settings.client_secret,
            refresh_token=till.settings.refresh_token,
            shop=shop_server.url,
            shop_id=shop.settings.client_id,
            shop_secret=shop.settings.client_secret,
        )
        path = folder / "config.toml"
        path.write_text(text + more, "utf-8")
        path.chmod(0o600)
        account = open_account(load_config(path, {}), database, now=clock.now)
        try:
            yield Pair6(till, till_server, shop_server, account, clock, shop)
        finally:
            account.close()
