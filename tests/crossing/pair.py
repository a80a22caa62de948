"""A till, a shop and an account between them, in one process, with a clock that tests own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.config import load_config
from syncd.service.account import Account, open_account, sync_once
from syncd.service.findings import APPROVED, close_finding
from syncd.simulators.inventorum import InventorumSettings, InventorumSim
from syncd.simulators.server import SimServer
from syncd.simulators.woocommerce import WooCommerceSettings, WooCommerceSim
from syncd.state.models import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.simulators.catalogue import CatalogueProduct
    from syncd.state.engine import Database

CONFIG = """
[syncd]
database = "sqlite:///unused.db"
[inventorum]
base_url = "{till}/api/"
client_id = "{client_id}"
client_secret = "{client_secret}"
refresh_token = "{refresh_token}"
requests_per_second = 20
[shops.main]
adapter = "woocommerce"
url = "{shop}"
consumer_key = "ck_sim"
consumer_secret = "cs_sim"
{media}
requests_per_second = 1000
batch_size = 100
[shops.main.safety]
max_created = {{ items = 100000 }}
max_zeroed = {{ items = 100000 }}
"""


MEDIA = """\
media_user = "shopadmin"
media_password = "{password}"
"""
"""With it syncd brings images; without it the shop fetches them from the till."""


@dataclass
class Clock:
    """The time of both sides and of the account."""

    seconds: float = 1_795_000_000.0

    def now(self) -> datetime:
        """As an instant."""
        return datetime.fromtimestamp(self.seconds, UTC)


@dataclass
class Between:
    """A till and some shop with their servers, and the account."""

    till: InventorumSim
    till_server: SimServer
    shop_server: SimServer
    account: Account
    clock: Clock

    def sync(self, passes: int = 3) -> None:
        """Pass after pass, each beyond every window of the one before."""
        for _ in range(passes):
            self.clock.seconds += 61
            for outcome in sync_once(self.account, full=False, cause="test"):
                assert outcome.error is None, outcome.error

    def poll(self, *, full: bool = False) -> None:
        """One pass, whatever comes of it."""
        list(sync_once(self.account, full=full, cause="test"))

    def writes(self, since: tuple[int, int] = (0, 0)) -> dict[str, list[str]]:
        """Requests that change something, by side."""
        return {
            name: [record.target for record in server.requests(since=start) if record.method != "GET"]
            for name, server, start in (
                ("till", self.till_server, since[0]),
                ("shop", self.shop_server, since[1]),
            )
        }

    def now(self) -> tuple[int, int]:
        """Where the logs of requests stand."""
        return len(self.till_server.log), len(self.shop_server.log)

    def approve(self) -> None:
        """A person says yes to every safety stop."""
        with self.account.db.write() as session:
            stops = select(Finding).where(Finding.closed_at.is_(None), Finding.kind == "safety_stop")
            for row in session.scalars(stops).all():
                close_finding(session, row.kind, row.subject, self.clock.now(), by=APPROVED)

    def findings(self) -> list[tuple[str, str]]:
        """Kinds and messages of what is open."""
        with self.account.db.read() as session:
            query = select(Finding).where(Finding.closed_at.is_(None)).order_by(Finding.id)
            return [(row.kind, row.message) for row in session.scalars(query)]

    def advice(self) -> list[str]:
        """What is said to do about what is open."""
        with self.account.db.read() as session:
            return list(session.scalars(select(Finding.advice).where(Finding.closed_at.is_(None)).order_by(Finding.id)))


@dataclass
class Pair(Between):
    """The same with the shop."""

    shop: WooCommerceSim


@contextmanager
def open_pair(
    database: Database,
    folder: Path,
    more: str = "",
    *,
    catalogue: Sequence[CatalogueProduct] = (),
    brings_images: bool = True,
) -> Iterator[Pair]:
    """Open both sides with a catalogue, and an account with more configuration."""
    clock = Clock()
    till = InventorumSim(InventorumSettings(rate_limit_per_second=0), clock=clock.now)
    shop = WooCommerceSim(WooCommerceSettings(clock=lambda: clock.seconds))
    till.seed(catalogue)
    shop.seed(catalogue)
    with SimServer(till) as till_server, SimServer(shop) as shop_server:
        settings = till.settings
        shop.settings.reachable_host = till_server.url.rpartition("/")[2]
        text = CONFIG.format(
            till=till_server.url,
            shop=shop_server.url,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            refresh_token=settings.refresh_token,
            media=MEDIA.format(password=shop.settings.media_password) if brings_images else "",
        )
        path = folder / "config.toml"
        path.write_text(text + more, "utf-8")
        path.chmod(0o600)
        account = open_account(load_config(path, {}), database, now=clock.now)
        try:
            yield Pair(till, till_server, shop_server, account, clock, shop)
        finally:
            account.close()
