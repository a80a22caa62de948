"""A till, shops, a configuration and the real program beside them, for acceptance tests."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support import contract_inventorum, contract_woocommerce
from tests.support.contract_inventorum import ContractInventorum
from tests.support.contract_woocommerce import ContractWooCommerce

PROGRAM = (sys.executable, "-W", "error", "-m", "syncd")
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def counts(self, side: str, name: str) -> int:
        """Sum of a count over the ``run.finished`` lines of a side."""
        lines = [line for line in self.err.splitlines() if "run.finished" in line and f"side={side} " in line]
        assert lines, f"no run of {side} in the log:\n{self.err}"
        return sum(int(match[1]) for line in lines if (match := re.search(rf"\b{name}=(\d+)", line)))


@dataclass
class Stage:
    """One account: ``till``, shops by name, and the folder of the installation."""

    folder: Path
    till: ContractInventorum = field(default_factory=ContractInventorum)
    shops: dict[str, ContractWooCommerce] = field(default_factory=lambda: {"main": ContractWooCommerce()})
    settings: dict[str, str] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)
    _daemons: list[subprocess.Popen[str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        for server in (self.till, *self.shops.values()):
            self._stack.enter_context(server)
        self.configure()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for daemon in self._daemons:
            if daemon.poll() is None:
                daemon.kill()
            daemon.communicate()
        self._stack.close()

    @property
    def shop(self) -> ContractWooCommerce:
        return self.shops["main"]

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    def configure(self) -> None:
        """Write the configuration, with the refresh token that is good now.

        ``settings`` has extra lines: by name of a shop for its ``[shops.NAME.stock]``.
        """
        text = f"""
            [syncd]
            database = "sqlite:///syncd.db"
            [inventorum]
            base_url = "{self.till.url}/api/"
            client_id = "{contract_inventorum.CLIENT_ID}"
            client_secret = "{contract_inventorum.CLIENT_SECRET}"
            refresh_token = "{self.till.refresh}"
            requests_per_second = 20
            poll_seconds = 1
            [inventorum.stock]
            in_doubt_seconds = 1
            settle_seconds = 0
        """
        for name, shop in self.shops.items():
            text += f"""
            [shops.{name}]
            adapter = "woocommerce"
            url = "{shop.url}"
            consumer_key = "{contract_woocommerce.KEY}"
            consumer_secret = "{contract_woocommerce.SECRET}"
            requests_per_second = 200
            poll_seconds = 1
            [shops.{name}.stock]
            in_doubt_seconds = 1
            settle_seconds = 0
            {self.settings.get(name, "")}
            """
        self.config.write_text(text)

    def syncd(self, *argv: str, code: int | None = 0) -> Result:
        """Run a command; ``code`` is the exit code it must have, if any."""
        command = [*PROGRAM, *argv, "--config", str(self.config)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=90, check=False)
        result = Result(done.returncode, done.stdout, done.stderr)
        assert code is None or result.code == code, f"{argv} ended with {result.code}:\n{result.out}\n{result.err}"
        assert "Traceback" not in result.err
        return result

    def daemon(self) -> subprocess.Popen[str]:
        """Start ``syncd run``; its log goes to a file of its own."""
        log = (self.folder / f"daemon-{len(self._daemons)}.log").open("w")
        with log:
            command = [*PROGRAM, "run", "--config", str(self.config)]
            started = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=log, text=True)
        self._daemons.append(started)
        return started

    def daemon_log(self, number: int) -> str:
        return (self.folder / f"daemon-{number}.log").read_text()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database, as a person would."""
        with closing(sqlite3.connect(f"file:{self.folder / 'syncd.db'}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()

    def everything(self, *, but: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
        """All tables of the database with all rows."""
        names = [name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: self.rows(f"SELECT * FROM {name}") for name in names if name not in but}  # noqa: S608 - own names

    def later(self, seconds: float = 120.0) -> None:
        """Let time pass on all servers: what happened so far is older than any overlap."""
        for server in (self.till, *self.shops.values()):
            server.ahead_s += seconds

    def forget_calls(self) -> None:
        for server in (self.till, *self.shops.values()):
            server.forget_calls()

    def writes(self) -> int:
        """Requests so far that could change something on any server."""
        return sum(len(server.writes()) for server in (self.till, *self.shops.values()))

    # Goods

    def stock(self, simple: int, groups: int = 0, *, till: Callable[[int], int], shop: Callable[[int], int]) -> None:
        """The same products at the till and in all shops: S-0… and G-0-0… with five variations each."""
        for number in range(simple):
            self.till.add(f"Product {number}", f"S-{number}", till(number))
            for one in self.shops.values():
                one.add(f"Product {number}", f"S-{number}", shop(number))
        for group in range(groups):
            parent = self.till.add(f"Group {group}", None)
            parents = [one.add(f"Group {group}", f"G-{group}", None, variable=True) for one in self.shops.values()]
            for child in range(5):
                code, number = f"G-{group}-{child}", group * 5 + child
                self.till.add(f"Group {group}, {child}", code, till(number), parent)
                for one, parent_id in zip(self.shops.values(), parents, strict=True):
                    one.add(f"Group {group} - {child}", code, shop(number), parent=parent_id)

    def at_till(self, code: str) -> int:
        """Id of a product at the till."""
        return next(product.id for product in self.till.products.values() if product.code == code)

    def in_shop(self, code: str, name: str = "main") -> int:
        """Id of a product in a shop."""
        return next(product.id for product in self.shops[name].products.values() if product.sku == code)

    def agree(self, name: str = "main", buffer: int = 0) -> bool:
        """Whether a shop says what the till says, less a buffer, for every item."""
        till, shop = self.till.quantities(), self.shops[name].stocks()
        return all(stock == max(Decimal(0), till[code] - buffer) for code, stock in shop.items())


def until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for something to become true; ``what`` is told if it does not."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {patience_s:.0f} s: {what}"
        time.sleep(0.05)


def terminated(daemon: subprocess.Popen[str]) -> float:
    """Send SIGTERM and wait for a clean end; returns the seconds it took."""
    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(PATIENCE_S)
    assert daemon.returncode == 0
    return time.monotonic() - began
