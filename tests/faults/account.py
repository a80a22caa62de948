"""A till and a shop in memory over a real database that fails, and what must be true when it is back."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.errors import DatabaseUnavailable
from syncd.state.check import check_database
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncd.core.model import StockWrite
    from syncd.state.engine import Database

SKUS = ("A", "B")


@dataclass
class Shaken:
    """Sales go on while the database fails.

    Attributes:
        refused: What passes said of the database.
    """

    account: Account
    refused: list[str]
    left: dict[str, int]

    @classmethod
    def over(cls, database: Database) -> Shaken:
        units = dict.fromkeys(SKUS, 50)
        account = two_sides(database, units, units)
        account.settle_down()
        return cls(account, [], dict(units))

    def sell(self) -> None:
        """One of A at the till, two of A in the shop, one of B in the shop."""
        till, web = self.account.worlds["till"], self.account.worlds["web"]
        number = str(self.left)
        till.sell("t-A", 1, reference=f"t {number}")
        web.sell("w-A", 2, reference=f"a {number}")
        web.sell("w-B", 1, reference=f"b {number}")
        self.left["A"] -= 3
        self.left["B"] -= 1

    def try_passes(self, times: int = 2) -> None:
        """What a daemon does: each pass is begun, whatever became of the one before."""
        for _ in range(times):
            self.account.clock.advance(15)
            for worker in self.account.workers.values():
                try:
                    worker.run("poll", "test")
                except DatabaseUnavailable as error:
                    self.refused.append(str(error))

    @contextmanager
    def at_the_next_write(self, side: str, begin: Callable[[], None]) -> Iterator[None]:
        """The database fails in the worst moment: the side carries out a write, and its answer cannot be recorded."""
        world = self.account.worlds[side]

        def land(_write: StockWrite) -> None:
            world.before_effect = None
            begin()

        world.before_effect = land
        yield
        assert world.before_effect is None, "no write came"

    def recovers(self) -> None:
        """Everything is counted once, everywhere, and nothing is left over."""
        self.account.settle_down(4)
        for sku, units in self.left.items():
            shown = (
                self.account.on_hand(sku),
                self.account.worlds["till"].quantity(f"t-{sku}"),
                self.account.worlds["web"].quantity(f"w-{sku}"),
            )
            assert shown == (Decimal(units),) * 3, sku
        assert self.account.findings() == []
        assert check_database(self.account.db) == []
        runs = [outcome.error for outcome in self.account.poll()]
        assert runs == [None, None]
