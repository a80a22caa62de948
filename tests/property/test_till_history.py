"""New products of a shop under any history: lost answers, crashes, sales on both sides. Each comes to the till once.

The shop makes what the till has as well, so whatever would come back to it would be there twice. At the end both sides
hold what was there in the beginning less what was sold, wherever it was sold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from syncd.adapters.memory import MemoryWorld
from syncd.core.fields import NAME, PRICE, Owner
from syncd.core.model import StockMode
from syncd.errors import SideError
from syncd.state.product_models import Creation
from tests.support.engine import Account
from tests.support.trouble import TroubledDatabase

NUMBERS = (1, 2, 3)
FAULTS = ("lost_before", "lost_after", "half", "late", "dies", "refused_connection")
OWNERS = {NAME: Owner.HUB, PRICE: Owner.HUB}

STEPS = st.one_of(
    st.tuples(st.sampled_from(("coded", "plain", "group")), st.sampled_from(NUMBERS)),
    st.tuples(st.just("sell"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("sell_at_the_till"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("poll"), st.sampled_from(("till", "web"))),
    st.tuples(st.just("poll"), st.sampled_from(("till", "web"))),
    st.tuples(st.just("full"), st.sampled_from(("till", "web"))),
    st.tuples(st.just("wait"), st.sampled_from((1, 11, 61))),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS)),
)


@dataclass
class History:
    """A shop that gets new goods, and a till at which syncd makes them."""

    account: Account
    initial_stock: str
    units: dict[str, int] = field(default_factory=dict)

    @classmethod
    def begin(cls, database: TroubledDatabase, initial_stock: str) -> History:
        history = cls(Account(database), initial_stock)
        history.account.add_side("till", "hub").put("kept", 4)
        history.start().put("kept", 4)
        history.account.poll()
        return history

    def start(self) -> MemoryWorld:
        """The daemon starts (again)."""
        self.account.restart()
        return self.account.add_side(
            "web", creation="all", owners=OWNERS, initial_stock=self.initial_stock, offers=True
        )

    def step(self, kind: str, what: object) -> None:
        web = self.account.worlds["web"]
        match kind, what:
            case (("coded" | "plain"), int(number)):
                self._put(f"{kind}{number}", sku=f"{kind}{number}" if kind == "coded" else None)
            case "group", int(number) if f"g{number}" not in web.things:
                web.put(f"g{number}", None, name=f"g{number}", sku=None, stock_mode=StockMode.GROUP)
                for size in ("S", "M"):
                    self._put(f"g{number}-{size}", sku=f"g{number}-{size}", parent=f"g{number}")
            case "sell", int(number):
                self._sell("web", [name for name in self.units if name.endswith(str(number))])
            case "sell_at_the_till", int(number):
                self._sell("till", [name for name in self.units if name.endswith(str(number))])
            case "wait", int(seconds):
                self.account.clock.advance(seconds)
            case "fault", str(fault):
                self.account.worlds["till"].creation_faults.append(fault)
            case (("poll" | "full"), str(side)):
                try:
                    with suppress(SideError):
                        self.account.poll(side, kind=kind)
                except KeyError:  # it died in the middle
                    self.start()
            case _:
                pass

    def _put(self, name: str, **fields: object) -> None:
        if name not in self.units:
            given = {"name": name, "fields": {NAME: name, PRICE: "1.00"}, **fields}
            self.account.worlds["web"].put(name, 9, **given)
            self.units[name] = 9

    def _sell(self, side: str, names: list[str]) -> None:
        world = self.account.worlds[side]
        for key, thing in list(world.things.items()):
            name = thing.listing.sku or thing.listing.name
            if name in names and self.units[name] > 0:
                world.sell(key, 1)
                self.units[name] -= 1

    def rest(self) -> None:
        self.account.worlds["till"].creation_faults.clear()
        for _ in range(6):
            self.account.clock.advance(61)
            self.account.poll()


@pytest.mark.parametrize("initial_stock", ["hub", "shop"])
def test_everything_comes_to_the_till_once_with_its_units(
    new_database: Callable[[], TroubledDatabase], initial_stock: str
) -> None:
    @settings(settings.get_profile("fields"))
    @given(steps=st.lists(STEPS, min_size=5, max_size=40))
    def check(steps: list[tuple[str, object]]) -> None:
        database = new_database()
        try:
            history = History.begin(database, initial_stock)
            for kind, what in steps:
                history.step(kind, what)
            history.rest()
            _check(history)
        finally:
            database.dispose()

    check()


def _check(history: History) -> None:
    for side in ("web", "till"):
        listings = [thing.listing for thing in history.account.worlds[side].things.values()]
        names = Counter(each.sku or each.name for each in listings)
        assert max(names.values()) == 1, f"a product is in {side} twice"
        shown = {each.sku or each.name: each.quantity for each in listings}
        assert {name: shown[name] for name in history.units} == history.units
    assert not history.account.worlds["web"].made
    with history.account.db.read() as session:
        assert set(session.scalars(select(Creation.state))) <= {"made", "unwanted"}
    assert not history.account.findings()
