"""What the day happens on: simulated till, real shop, one database, the daemon as a process of its own."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from syncd.demo.process import DaemonProcess, write_private
from syncd.simulators.catalogue import CatalogueProduct, make_catalogue
from syncd.simulators.inventorum import InventorumSettings, InventorumSim
from syncd.simulators.server import SimServer
from syncd.state.engine import open_database
from syncd.state.models import Finding, Item, Listing, Operation, Side, is_open
from tests.conformance.drivers_vendure import OperationServer
from tests.support.proxy import Forwarding
from tests.support.vendure import GTIN_FIELD, MARKER_FIELD, VendureShop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

_CONFIG = """\
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

[shops.web]
adapter = "vendure"
url = "{shop}/admin-api"
username = "{user}"
password_file = "{folder}/web-password"
gtin_field = "{gtin_field}"
marker_field = "{marker_field}"
poll_seconds = 1
requests_per_second = 50

[shops.web.stock]
settle_seconds = 2
overlap_seconds = 5
in_doubt_seconds = 3

[shops.web.products]
create_in_shop = "published"
publish = true

[shops.web.safety]
max_zeroed = {{ items = 1000 }}
max_created = {{ items = 1000 }}
"""

_LEAST = 40
"""Units of each item in the morning: a real shop sells nothing that it does not have."""


class Stage:
    """Servers, configuration and daemon.

    Args:
        folder: Where database, configuration and log go.
        seed: Makes the catalogue repeatable.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.catalogue = [_plenty(product) for product in make_catalogue(40, 8, seed)]
        self.till = InventorumSim(InventorumSettings(rate_limit_per_second=0))
        self.till.seed(self.catalogue)
        self.shop = VendureShop()
        self.forwarding = Forwarding(self.shop.url)
        self.till_server = SimServer(self.till)
        self.shop_server = OperationServer(self.forwarding)
        self.daemon = DaemonProcess(folder / "config.toml", folder / "daemon.log")

    def open(self) -> None:
        """Stock the shop with other quantities than the till's, start the servers, write the configuration."""
        units = [unit.sku for product in self.catalogue for unit in product.variations or (product,)]
        self.shop.seed(self.catalogue, {sku: 5 + at % 60 for at, sku in enumerate(units)})
        self.till_server.start()
        self.shop_server.start()
        settings = self.till.settings
        for name, secret in (
            ("inventorum-client-secret", settings.client_secret),
            ("inventorum-refresh-token", settings.refresh_token),
            ("web-password", self.shop.password),
        ):
            write_private(self.folder / name, secret + "\n")
        text = _CONFIG.format(
            folder=self.folder, till=self.till_server.url, shop=self.shop_server.url, user=self.shop.user,
            client_id=settings.client_id, gtin_field=GTIN_FIELD, marker_field=MARKER_FIELD,
        )  # fmt: skip
        write_private(self.daemon.config, text)

    def close(self) -> None:
        """Stop whatever still runs."""
        self.daemon.close()
        self.till_server.stop()
        self.shop_server.stop()
        self.forwarding.close()
        self.shop.close()

    def till_stock(self) -> dict[str, Decimal]:
        """What the till really has, by SKU."""
        return {sku: Decimal(units) for sku, units in self.till.stock().items()}

    def shop_stock(self) -> dict[str, Decimal]:
        """What the shop can really still sell, by SKU."""
        return {sku: Decimal(units) for sku, units in self.shop.stock().items()}

    def shop_labels(self) -> dict[str, dict[str, str]]:
        """Name and gross price of everything that is for sale in the shop, by SKU."""
        fields = "sku priceWithTax enabled product { name enabled }"
        text = f"{{ productVariants(options: {{ take: 1000 }}) {{ items {{ {fields} }} }} }}"
        return {
            row["sku"]: {"name": row["product"]["name"], "price": f"{Decimal(row['priceWithTax']) / 100:.2f}"}
            for row in self.shop.admin(text)["productVariants"]["items"]
            if row["enabled"] and row["product"]["enabled"]
        }

    def ledger(self) -> dict[str, Decimal]:
        """What syncd's ledger says, by SKU."""
        query = (
            select(Listing.sku, Item.on_hand)
            .join(Item, Item.id == Listing.item_id)
            .join(Side, Side.id == Listing.side_id)
            .where(Side.role == "hub")
        )
        with self._state() as session:
            return {str(sku): units for sku, units in session.execute(query)}

    def open_writes(self) -> dict[str, str]:
        """Writes whose outcome is not known, by SKU."""
        query = select(Listing.sku, Operation.state).join(Operation, Operation.listing_id == Listing.id)
        with self._state() as session:
            return {str(sku): state for sku, state in session.execute(query.where(is_open()))}

    def writes(self) -> dict[str, int]:
        """How many writes ended how."""
        query = select(Operation.state, func.count()).group_by(Operation.state)
        with self._state() as session:
            return {str(state): count for state, count in session.execute(query)}

    def put_back(self) -> int:
        """How often a write had overwritten something at the shop, and it was put back."""
        return self.daemon.log.read_text(encoding="utf-8", errors="replace").count("vendure.put_back")

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


def _plenty(product: CatalogueProduct) -> CatalogueProduct:
    variations = tuple(replace(one, quantity=one.quantity + _LEAST) for one in product.variations)
    return replace(product, quantity=product.quantity + _LEAST, variations=variations)
