"""What chaos happens on: simulated till and shops on loopback, one database, one or two daemons."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.demo.process import DaemonProcess, write_private
from syncd.errors import DatabaseNotReady
from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.inventorum import InventorumSettings, InventorumSim
from syncd.simulators.server import SimServer
from syncd.simulators.woocommerce import WooCommerceSettings, WooCommerceSim
from syncd.state import schema
from syncd.state.engine import Database, open_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy.orm import Session

SETTLE_S = 2.0
OVERLAP_S = 5.0
IN_DOUBT_S = 3.0

_HEAD = """\
[syncd]
database = "{database}"
log_level = "INFO"

[inventorum]
base_url = "{till}/api/"
client_id = "{client_id}"
client_secret_file = "{folder}/inventorum-client-secret"
refresh_token_file = "{folder}/inventorum-refresh-token"
poll_seconds = 1
requests_per_second = 20
sweep = "every 1h"

[inventorum.stock]
settle_seconds = {settle}
overlap_seconds = {overlap}
in_doubt_seconds = {in_doubt}
"""

_SHOP = """
[shops.{name}]
adapter = "woocommerce"
url = "{url}"
consumer_key = "ck_sim"
consumer_secret_file = "{folder}/consumer-secret"
media_user = "shopadmin"
media_password_file = "{folder}/media-password"
poll_seconds = 1
requests_per_second = 50
sweep = "every 1h"

[shops.{name}.stock]
settle_seconds = {settle}
overlap_seconds = {overlap}
in_doubt_seconds = {in_doubt}

[shops.{name}.safety]
max_zeroed = {{ items = 1000 }}
max_created = {{ items = 1000 }}

[shops.{name}.products]
create_in_shop = "published"
publish = true
"""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was done to the account, for the timeline of an item; ``sku`` is empty if it concerns all."""

    at: datetime
    sku: str
    text: str


class Diary:
    """What happened, with times of our clock. Safe to use from several threads."""

    def __init__(self) -> None:
        self._notes: list[Note] = []
        self._lock = threading.Lock()

    def note(self, text: str, sku: str = "") -> None:
        """Write something down."""
        with self._lock:
            self._notes.append(Note(datetime.now(UTC), sku, text))

    def of(self, sku: str) -> list[Note]:
        """Notes about one item, and those about all."""
        with self._lock:
            return [note for note in self._notes if note.sku in ("", sku)]


class ChaosStage:
    """Servers, configuration and daemons.

    Args:
        folder: Where configuration and logs go, and the database if it is SQLite.
        database: Address of the database.
        shops: Names of the shops.
        products: How many products; a few of them have variations.
        seed: Makes the catalogue repeatable.
        race_s: How long a shop waits between reading and writing a quantity, once ``begin_races`` was called.
        daemons: How many daemons share the database.
    """

    def __init__(
        self,
        folder: Path,
        database: str,
        *,
        shops: Sequence[str] = ("main",),
        products: int = 96,
        seed: int = 1,
        race_s: float = 0.0,
        daemons: int = 1,
    ) -> None:
        self.folder = folder
        self.database = database
        self.diary = Diary()
        self._goods = 0
        self.new_goods: dict[str, Decimal] = {}
        self.new_names: list[str] = []
        self._race_s = race_s
        catalogue = make_catalogue(products, max(1, products // 7), seed)
        self.till = InventorumSim(InventorumSettings(rate_limit_per_second=0))
        self.till.seed(catalogue)
        self.shops: dict[str, WooCommerceSim] = {}
        for name in shops:
            self.shops[name] = WooCommerceSim(WooCommerceSettings())
            self.shops[name].seed(catalogue, quantities="random")
        self.servers = {"inventorum": SimServer(self.till)}
        self.servers |= {name: SimServer(shop) for name, shop in self.shops.items()}
        self.daemons = [
            DaemonProcess(folder / "config.toml", folder / f"daemon-{number}.log") for number in range(1, daemons + 1)
        ]

    @property
    def daemon(self) -> DaemonProcess:
        """The first daemon."""
        return self.daemons[0]

    def open(self) -> None:
        """Start the servers and write the configuration."""
        for server in self.servers.values():
            server.start()
        settings = self.till.settings
        write_private(self.folder / "inventorum-client-secret", settings.client_secret + "\n")
        write_private(self.folder / "consumer-secret", "cs_sim\n")
        write_private(self.folder / "media-password", f"{WooCommerceSettings().media_password}\n")
        self.authorise(settings.refresh_token)
        times = {"settle": SETTLE_S, "overlap": OVERLAP_S, "in_doubt": IN_DOUBT_S, "folder": self.folder}
        head = _HEAD.format(
            database=self.database, till=self.servers["inventorum"].url, client_id=settings.client_id, **times
        )
        shops = [_SHOP.format(name=name, url=self.servers[name].url, **times) for name in self.shops]
        write_private(self.folder / "config.toml", head + "".join(shops))

    def begin_races(self) -> None:
        """From now on orders may land inside writes. The first sync writes everything and would take minutes so."""
        for shop in self.shops.values():
            shop.settings.delta_race_seconds = self._race_s

    def close(self) -> None:
        """Stop whatever still runs."""
        for daemon in self.daemons:
            daemon.close()
        for server in self.servers.values():
            server.stop()

    def authorise(self, refresh_token: str) -> None:
        """Put a refresh token into the configuration, as the merchant does; it counts from the next start on."""
        write_private(self.folder / "inventorum-refresh-token", refresh_token + "\n")

    def till_stock(self) -> dict[str, Decimal]:
        """What the till really has, by SKU."""
        return {sku: Decimal(quantity) for sku, quantity in self.till.stock().items()}

    def shop_stock(self, name: str) -> dict[str, Decimal | None]:
        """What a shop really shows, by SKU."""
        stock = self.shops[name].people.stock()
        return {sku: None if units is None else Decimal(units) for sku, units in stock.items()}

    def make_goods(self, units: int) -> list[str]:
        """A new product at the till, marked for the shops; every third one has variations. Returns the new SKUs."""
        self._goods = number = self._goods + 1
        name, sku = f"New goods {number}", f"N-{number}"
        variations = [
            {"sku": f"{sku}-{size}", "quantity": units, "attributes": {"size": size}}
            for size in (("S", "M", "L") if number % 3 == 0 else ())
        ]
        self.till.create_product(sku, name, 0 if variations else units, "7.50", variations=variations, in_shop=True)
        made = [str(each["sku"]) for each in variations] or [sku]
        self.new_names += [name] if variations else []  # what is no variation is renamed and has a code of its own
        self.new_goods |= dict.fromkeys(made, Decimal(0))  # what they open with is the first of their events
        return made

    def made_twice(self) -> list[str]:
        """New products that a shop has twice."""
        return [
            f"{shop} has {count} times “{name}”"
            for shop, sim in self.shops.items()
            for name in self.new_names
            if (count := sim.people.names().count(name)) != 1
        ]

    @contextmanager
    def connected(self) -> Iterator[Database]:
        """The daemon's database, open."""
        database = open_database(self.database)
        try:
            yield database
        finally:
            database.dispose()

    def has_tables(self) -> bool:
        """Whether a daemon has made its tables yet."""
        try:
            with self.connected() as database:
                return schema.current(database) is not None
        except DatabaseNotReady:
            return False

    @contextmanager
    def state(self) -> Iterator[Session]:
        """One look into the daemon's database."""
        with self.connected() as database, database.read() as session:
            yield session
