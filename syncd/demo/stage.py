"""The stage: two simulated servers on loopback, a fresh database, and the daemon as a process of its own."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from syncd.demo.process import DaemonProcess, write_private
from syncd.simulators.catalogue import CatalogueProduct, make_catalogue
from syncd.simulators.inventorum import InventorumSettings, InventorumSim
from syncd.simulators.server import SimServer
from syncd.simulators.woocommerce import WooCommerceSim
from syncd.state.engine import open_database
from syncd.state.models import Finding, Item, Listing, Operation, Side

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

_CONFIG = """\
# Written by `syncd demo`. Everything in it lives on this machine only.
[syncd]
database = "sqlite:///{folder}/syncd.db"
log_level = "INFO"

[inventorum]
base_url = "{till}/api/"
client_id = "{client_id}"
client_secret_file = "{folder}/inventorum-client-secret"
refresh_token_file = "{folder}/inventorum-refresh-token"
poll_seconds = 1
requests_per_second = 20

[inventorum.stock]
settle_seconds = 2
overlap_seconds = 5
in_doubt_seconds = 3

[shops.main]
adapter = "woocommerce"
url = "{shop}"
consumer_key = "ck_sim"
consumer_secret_file = "{folder}/main-consumer-secret"
media_user = "{media_user}"
media_password_file = "{folder}/main-media-password"
poll_seconds = 1
requests_per_second = 50

[shops.main.stock]
settle_seconds = 2
overlap_seconds = 5
in_doubt_seconds = 3

[shops.main.products]
create_in_shop = "published"
publish = true
create_in_inventorum = true

[shops.main.products.owner]
description = "shop"
"""


class Stage:
    """Everything the demo runs on.

    Args:
        folder: Where database, configuration and log go.
        products: How many products; about one in seven or eight has variations.
        seed: Makes the day repeatable.
    """

    def __init__(self, folder: Path, products: int, seed: int) -> None:
        self.folder = folder
        self.catalogue: list[CatalogueProduct] = make_catalogue(products, max(1, products * 40 // 300), seed)
        self.till = InventorumSim(InventorumSettings(rate_limit_per_second=0))
        self.shop = WooCommerceSim()
        self.till.seed(self.catalogue)
        self.shop.seed(self.catalogue, quantities="random")
        self.till_server = SimServer(self.till)
        self.shop_server = SimServer(self.shop)
        self.config = folder / "config.toml"
        self.log = folder / "daemon.log"
        self.daemon = DaemonProcess(self.config, self.log)

    def open(self) -> None:
        """Start the servers and write the configuration."""
        self.till_server.start()
        self.shop_server.start()
        settings = self.till.settings
        for name, secret in (
            ("inventorum-client-secret", settings.client_secret),
            ("inventorum-refresh-token", settings.refresh_token),
            ("main-consumer-secret", "cs_sim"),
            ("main-media-password", self.shop.settings.media_password),
        ):
            write_private(self.folder / name, secret + "\n")
        text = _CONFIG.format(
            folder=self.folder,
            till=self.till_server.url,
            shop=self.shop_server.url,
            client_id=settings.client_id,
            media_user=self.shop.settings.media_user,
        )
        write_private(self.config, text)

    def close(self) -> None:
        """Stop whatever still runs."""
        self.daemon.close()
        self.till_server.stop()
        self.shop_server.stop()

    def start_daemon(self) -> int:
        """Start `syncd run` as its own process; returns its process id."""
        return self.daemon.start()

    def kill_daemon(self) -> int:
        """SIGKILL, as a power cut would; returns the process id."""
        return self.daemon.kill()

    def stop_daemon(self, within_s: float = 10.0) -> tuple[int, float]:
        """SIGTERM; returns exit code and seconds until it ended."""
        return self.daemon.stop(within_s)

    @property
    def kills(self) -> int:
        """How often the daemon was killed."""
        return self.daemon.kills

    def till_stock(self) -> dict[str, Decimal]:
        """What the till really has, by SKU."""
        return {sku: Decimal(quantity) for sku, quantity in self.till.stock().items()}

    def shop_stock(self) -> dict[str, Decimal | None]:
        """What the shop really shows, by SKU."""
        return {sku: None if units is None else Decimal(units) for sku, units in self.shop.people.stock().items()}

    def till_fields(self) -> dict[str, dict[str, str]]:
        """Prices, names, texts, brands, categories, images and options as the till really has them, by SKU."""
        return self.till.fields()

    def shop_fields(self) -> dict[str, dict[str, str]]:
        """Prices, names, texts, brands, categories, images and options as the shop really has them, by SKU."""
        return self.shop.people.fields()

    def on_sale(self) -> set[str]:
        """SKUs of products that customers of the shop can see."""
        return set(self.shop.people.on_sale())

    def believed(self) -> dict[str, Decimal]:
        """What syncd's ledger says, by SKU."""
        query = (
            select(Listing.sku, Item.on_hand)
            .join(Item, Item.id == Listing.item_id)
            .join(Side, Side.id == Listing.side_id)
            .where(Side.role == "hub")
        )
        with self._state() as session:
            return {str(sku): on_hand for sku, on_hand in session.execute(query)}

    def operations(self) -> dict[str, int]:
        """How many writes ended how: ``confirmed by answer``, ``unknown``, ..."""
        query = select(Operation.state, Operation.settled_by, func.count())
        with self._state() as session:
            rows = session.execute(query.group_by(Operation.state, Operation.settled_by))
            return {f"{state} by {by}" if by else state: count for state, by, count in rows}

    def findings(self) -> list[str]:
        """What syncd would tell a person now."""
        query = select(Finding.message).where(Finding.closed_at.is_(None)).order_by(Finding.id)
        with self._state() as session:
            return list(session.scalars(query))

    @contextmanager
    def _state(self) -> Iterator[Session]:
        database = open_database(f"sqlite:///{self.folder}/syncd.db")
        try:
            with database.read() as session:
                yield session
        finally:
            database.dispose()
