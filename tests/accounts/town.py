"""Tills and shops of many accounts, their configurations, and a daemon for each."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import make_url

from syncd.demo.process import DaemonProcess, wait_until, write_private
from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.inventorum import InventorumSettings, InventorumSim
from syncd.simulators.server import SimServer
from syncd.simulators.woocommerce import WooCommerceSim

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONFIG = """\
[syncd]
database = "{database}"
log_level = "INFO"

[inventorum]
base_url = "{till}/api/"
client_id = "{client_id}"
client_secret_file = "{folder}/client-secret"
refresh_token_file = "{folder}/refresh-token"
poll_seconds = {till_poll}

[shops.main]
adapter = "woocommerce"
url = "{shop}"
consumer_key = "ck_sim"
consumer_secret_file = "{folder}/consumer-secret"
poll_seconds = {shop_poll}

[shops.main.safety]
max_zeroed = {{ items = 1000 }}
"""


@dataclass
class TownAccount:
    """One account: a till, a shop, a daemon, and a place in the database."""

    name: str
    folder: Path
    database: str
    products: int
    seed: int
    till_poll: float
    shop_poll: float

    def __post_init__(self) -> None:
        self.folder.mkdir()
        catalogue = make_catalogue(self.products, max(1, self.products // 8), self.seed)
        self.till = InventorumSim(InventorumSettings(rate_limit_per_second=0))
        self.till.seed(catalogue)
        self.shop = WooCommerceSim()
        self.shop.seed(catalogue, quantities="random")
        self.till_server, self.shop_server = SimServer(self.till), SimServer(self.shop)
        self.daemon = DaemonProcess(self.folder / f"{self.name}.toml", self.folder / "daemon.log")

    def open(self) -> None:
        """Start till and shop, write the configuration."""
        self.till_server.start()
        self.shop_server.start()
        settings = self.till.settings
        for file, secret in (
            ("client-secret", settings.client_secret),
            ("refresh-token", settings.refresh_token),
            ("consumer-secret", "cs_sim"),
        ):
            write_private(self.folder / file, f"{secret}\n")
        text = _CONFIG.format(
            database=self.database,
            till=self.till_server.url,
            shop=self.shop_server.url,
            client_id=settings.client_id,
            folder=self.folder,
            till_poll=self.till_poll,
            shop_poll=self.shop_poll,
        )
        write_private(self.daemon.config, text)

    def close(self) -> None:
        """End everything."""
        self.daemon.close()
        self.till_server.stop()
        self.shop_server.stop()

    @property
    def said(self) -> str:
        """The daemon's log."""
        log = self.daemon.log
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""

    def in_step(self) -> bool:
        """Whether the shop shows what the till has, for all that is counted."""
        shop = self.shop.people.stock()
        return all(shop.get(sku) == max(0, int(float(units))) for sku, units in self.till.stock().items())

    def status(self) -> tuple[int, str]:
        """Exit code and words of ``syncd status``."""
        command = [sys.executable, "-m", "syncd", "--config", str(self.daemon.config), "status"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)
        return done.returncode, done.stdout


@dataclass(slots=True)
class Cost:
    """What a process costs."""

    pss_kib: int
    cpu_s: float
    threads: int


def cost_of(pid: int) -> Cost:
    """Memory (proportional set size), processor time and threads of a process, as Linux counts them."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return Cost(int(found.group(1)) if found else 0, (int(fields[11]) + int(fields[12])) / ticks, int(fields[17]))


@dataclass
class Town:
    """All accounts."""

    accounts: Sequence[TownAccount]
    started_at: float = field(default=0.0)

    def open(self) -> None:
        """Start tills and shops."""
        for account in self.accounts:
            account.open()

    def close(self) -> None:
        """End everything."""
        for account in self.accounts:
            with suppress(RuntimeError):
                account.close()

    def start(self) -> None:
        """Start all daemons at once, as a machine that boots."""
        self.started_at = time.monotonic()
        for account in self.accounts:
            account.daemon.start()

    def until_in_step(self, patience_s: float) -> float:
        """Wait until all are in step; returns seconds since the start."""
        done = wait_until(lambda: all(account.in_step() for account in self.accounts), patience_s, every_s=0.2)
        late = [account.name for account in self.accounts if not account.in_step()]
        assert done, f"not in step: {late}; {self.accounts[0].said[-2000:] if late else ''}"
        return time.monotonic() - self.started_at

    def costs(self) -> list[Cost]:
        """Of each daemon."""
        return [cost_of(account.daemon.running().pid) for account in self.accounts]


def allow_connections(url: str, number: int) -> None:
    """Set the server's limit; it takes effect with its next start."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET max_connections = {number:d}")


def connections(url: str) -> dict[str, int]:
    """How many connections syncd has to each database of the server."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    query = "SELECT datname, count(*) FROM pg_stat_activity WHERE application_name LIKE 'syncd%' GROUP BY datname"
    with psycopg.connect(plain, autocommit=True) as connection:
        return dict(connection.execute(query).fetchall())


def server_memory_kib(url: str) -> int:
    """Memory (proportional) of the sessions of syncd at a server on this machine; 0 if that cannot be seen."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    query = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'syncd%'"
    with psycopg.connect(plain, autocommit=True) as connection:
        pids = [row[0] for row in connection.execute(query)]
    total = 0
    for pid in pids:
        with suppress(OSError):
            total += cost_of(pid).pss_kib
    return total
