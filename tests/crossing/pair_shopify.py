"""The same as ``pair`` with a Shopify shop: one that adds differences itself, each under a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.config import load_config
from syncd.service.account import open_account
from syncd.simulators.inventorum import InventorumSettings, InventorumSim
from syncd.simulators.server import SimServer
from syncd.simulators.shopify import ShopifySettings, ShopifySim
from tests.conformance.drivers_shopify import WRITE
from tests.crossing.pair import Between, Clock
from tests.support.shopify_server import OperationServer

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
adapter = "shopify"
url = "{shop}"
client_id = "{shop_id}"
client_secret = "{shop_secret}"
requests_per_second = 1000
{keys}
[shops.main.safety]
max_created = {{ items = 100000 }}
max_zeroed = {{ items = 100000 }}
"""


@dataclass
class PairShopify(Between):
    """Both sides with their servers, and the account."""

    shop: ShopifySim
    folder: Path
    database: Database

    def shop_writes(self, since: int = 0) -> list[str]:
        """Requests that change something in the shop."""
        return [record.target for record in self.shop_server.requests(path=WRITE, since=since)]

    def stock(self) -> tuple[dict[str, int], dict[str, int]]:
        """Units at the till and in the shop."""
        return {sku: int(Decimal(units)) for sku, units in self.till.stock().items()}, self.shop.people.stock()

    def reopen(self, more: str = "", keys: str = "") -> None:
        """Close the account and open it with another configuration, as a new process does."""
        self.account.close()
        self.account = open_account(load_config(self._config(more, keys), {}), self.database, now=self.clock.now)

    def _config(self, more: str, keys: str) -> Path:
        text = CONFIG.format(
            till=self.till_server.url,
            till_id=self.till.settings.client_id,
            till_secret=self.till.settings.client_secret,
            refresh_token=self.till.settings.refresh_token,
            shop=self.shop_server.url,
            shop_id=self.shop.settings.client_id,
            shop_secret=self.shop.settings.client_secret,
            keys=keys,
        )
        path = self.folder / "config.toml"
        path.write_text(text + more, "utf-8")
        path.chmod(0o600)
        return path


@contextmanager
def open_pair_shopify(
    database: Database,
    folder: Path,
    more: str = "",
    *,
    catalogue: Sequence[CatalogueProduct] = (),
    keys: str = "",
    settings: Mapping[str, Any] | None = None,
) -> Iterator[PairShopify]:
    """Open both sides with a catalogue, and an account; ``keys`` stand with the shop's address, ``more`` at the end."""
    clock = Clock()
    till = InventorumSim(InventorumSettings(rate_limit_per_second=0), clock=clock.now)
    given = {"points": 1e8, "points_per_second": 1e6, **(settings or {})}
    shop = ShopifySim(ShopifySettings(clock=lambda: clock.seconds, **given))
    till.seed(catalogue)
    shop.seed(catalogue)
    with SimServer(till) as till_server, OperationServer(shop) as shop_server:
        pair = PairShopify(till, till_server, shop_server, None, clock, shop, folder, database)  # type: ignore[arg-type]
        pair.account = open_account(load_config(pair._config(more, keys), {}), database, now=clock.now)
        try:
            yield pair
        finally:
            pair.account.close()
