"""New products under any history: lost answers, refusals, crashes, sales, deletions. Each is made at most once.

At the end the shop has every product that the till means for it, once, with the till's stock; and no unit was counted
that nobody sold or received.
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
SIZES = ("S", "M")
FAULTS = ("lost_before", "lost_after", "half", "late", "dies", "refused_connection")
OWNERS = {NAME: Owner.HUB, PRICE: Owner.HUB}

STEPS = st.one_of(
    st.tuples(st.just("simple"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("group"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("size"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("sell"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("poll"), st.sampled_from(("till", "web", "web"))),
    st.tuples(st.just("full"), st.sampled_from(("till", "web"))),
    st.tuples(st.just("wait"), st.sampled_from((1, 11, 61))),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS)),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS)),
)


@dataclass
class History:
    """A till that gets new goods, and a shop in which syncd makes them."""

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
        return self.account.add_side("web", creation="published", owners=OWNERS, initial_stock=self.initial_stock)

    def step(self, kind: str, what: object) -> None:
        till, web = self.account.worlds["till"], self.account.worlds["web"]
        match kind, what:
            case "simple", int(number) if f"p{number}" not in self.units:
                till.put(
                    f"p{number}",
                    5,
                    name=f"Product {number}",
                    published=True,
                    fields={NAME: f"Product {number}", PRICE: "1.00"},
                )
                self.units[f"p{number}"] = 5
            case "group", int(number) if f"g{number}" not in till.things:
                till.put(f"g{number}", None, name=f"Group {number}", sku=None, stock_mode=StockMode.GROUP)
                self._size(number, SIZES[0])
            case "size", int(number) if f"g{number}" in till.things:
                self._size(number, SIZES[1])
            case "sell", int(number) if f"p{number}" in self.units:
                till.sell(f"p{number}", 1)
                self.units[f"p{number}"] -= 1
            case "wait", int(seconds):
                self.account.clock.advance(seconds)
            case "fault", str(fault):
                web.creation_faults.append(fault)
            case (("poll" | "full"), str(side)):
                try:
                    with suppress(SideError):
                        self.account.poll(side, kind=kind)
                except KeyError:  # it died in the middle
                    self.start()
            case _:
                pass

    def _size(self, number: int, size: str) -> None:
        key = f"g{number}-{size}"
        if key not in self.units:
            name = f"Group {number} {size}"
            self.account.worlds["till"].put(key, 3, name=name, parent=f"g{number}", fields={PRICE: "2.00"})
            self.units[key] = 3

    def rest(self) -> None:
        self.account.worlds["web"].creation_faults.clear()
        for _ in range(5):
            self.account.clock.advance(61)
            self.account.poll()


@pytest.mark.parametrize("initial_stock", ["hub", "shop"])
def test_everything_is_made_once_and_counts_nothing(
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
    account = history.account
    web = account.worlds["web"]
    shown = {each.listing.sku: each.listing for each in web.things.values()}
    assert {sku: shown[sku].quantity for sku in history.units} == history.units
    names = Counter(each.listing.name for each in web.things.values())
    assert max(names.values()) == 1, "a product is there twice"
    for sku, listing in shown.items():
        if sku is not None and sku.startswith("g"):
            parent = listing.ref.parent_external_id
            assert parent is not None
            assert web.things[parent].listing.name == f"Group {sku[1]}"
    till = account.worlds["till"]
    assert {sku: till.quantity(sku) for sku in history.units} == history.units
    with account.db.read() as session:
        assert set(session.scalars(select(Creation.state))) <= {"made"}
    assert not account.findings()
