"""What chaos happens on: simulated till and shops on loopback, one database, one or two daemons."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.demo.process import DaemonProcess, write_private
from syncd.errors import DatabaseNotReady, DatabaseUnavailable
from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.inventorum import InventorumSettings, InventorumSim
from syncd.simulators.server import SimServer
from syncd.state import schema
from syncd.state.engine import Database, open_database
from syncd.state.models import Item, Listing, Operation, is_open
from tests.chaos.shops import SHOPS, ChaosShop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy.orm import Session

    from syncd.simulators.server import SimRequest

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
adapter = "{kind}"
{keys}
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

TILL = "inventorum"


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
        kind: What shops they are, by their adapter.
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
        kind: str = "woocommerce",
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
        units = random.Random(seed)  # noqa: S311 - invented stock, not a secret
        opening = {name: {sku: units.randint(0, 60) for sku in self.till.stock()} for name in shops}
        self.shops: dict[str, ChaosShop] = {name: SHOPS[kind](catalogue, opening[name]) for name in shops}
        self.servers = {TILL: SimServer(self.till)}
        self.servers |= {name: shop.server for name, shop in self.shops.items()}
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
        self.authorise(settings.refresh_token)
        times = {"settle": SETTLE_S, "overlap": OVERLAP_S, "in_doubt": IN_DOUBT_S, "folder": self.folder}
        head = _HEAD.format(database=self.database, till=self.servers[TILL].url, client_id=settings.client_id, **times)
        shops = [
            _SHOP.format(name=name, kind=shop.kind, keys=self._keys(name, shop), **times)
            for name, shop in self.shops.items()
        ]
        write_private(self.folder / "config.toml", head + "".join(shops))

    def _keys(self, name: str, shop: ChaosShop) -> str:
        """What only a shop of this kind has in its section; secrets go into files."""
        lines = [f'{key} = "{value}"' for key, value in shop.settings().items()]
        for key, secret in shop.secrets().items():
            file = self.folder / f"{name}-{key}"
            write_private(file, f"{secret}\n")
            lines.append(f'{key}_file = "{file}"')
        return "\n".join(lines)

    def begin_races(self) -> None:
        """From now on orders may land inside writes. The first sync writes everything and would take minutes so."""
        for shop in self.shops.values():
            shop.begin_races(self._race_s)

    def close(self) -> None:
        """Stop whatever still runs."""
        for daemon in self.daemons:
            daemon.close()
        for server in self.servers.values():
            server.stop()
        for shop in self.shops.values():
            shop.close()

    def authorise(self, refresh_token: str) -> None:
        """Put a refresh token into the configuration, as the merchant does; it counts from the next start on."""
        write_private(self.folder / "inventorum-refresh-token", refresh_token + "\n")

    def till_stock(self) -> dict[str, Decimal]:
        """What the till really has, by SKU."""
        return {sku: Decimal(quantity) for sku, quantity in self.till.stock().items()}

    def shop_stock(self, name: str) -> dict[str, Decimal | None]:
        """What a shop really shows, by SKU."""
        stock = self.shops[name].stock()
        return {sku: None if units is None else Decimal(units) for sku, units in stock.items()}

    def can_change(self, side: str, request: SimRequest) -> bool:
        """Whether a request to a side can change goods."""
        if side == TILL:
            return request.method != "GET" and "token" not in request.path
        return self.shops[side].writes(request)

    def is_at_rest(self, sku: str) -> bool:
        """Whether all sides and the ledger agree about an item, and no write to it is open."""
        try:
            with self.state() as session:
                on_hand = session.scalar(
                    select(Item.on_hand).join(Listing, Listing.item_id == Item.id).where(Listing.sku == sku).limit(1)
                )
                busy = session.scalar(select(Operation.id).join(Listing).where(Listing.sku == sku, is_open()).limit(1))
        except DatabaseUnavailable:
            return False
        shown = {self.till_stock()[sku], *(self.shop_stock(name).get(sku) for name in self.shops)}
        return busy is None and shown == {on_hand}

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
            for shop, sells in self.shops.items()
            for name in self.new_names
            if (count := sells.names().count(name)) != 1
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
