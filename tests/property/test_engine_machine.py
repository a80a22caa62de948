"""Whole histories of the engine: people buy and count, anything fails at any moment, every unit is counted once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from syncd.core.model import Quantity
from tests.support.history import History
from tests.support.looking import look_without_touching
from tests.support.sides import KINDS, PAIRS, TILL
from tests.support.tally import TALLY
from tests.support.trouble import PLACES, Mischief

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.trouble import TroubledDatabase

pytestmark = pytest.mark.timeout(900)  # a history that fails is shrunk, which takes its time

SKUS = ("a", "b")
sides = st.runner().flatmap(lambda machine: st.sampled_from(machine.history.sides))
skus = st.sampled_from(SKUS)
kinds = st.sampled_from(("poll", "poll", "push", "full"))
seconds = st.sampled_from((7, 0, 1, 30))
"""Before something happens. Mostly more than a few: clocks of two systems agree no better."""

afterwards = st.sampled_from(("nothing", "poll", "sync"))

mischief = st.builds(
    Mischief,
    after=st.integers(0, 12),
    kind=st.sampled_from(sorted(PLACES)),
    side=sides,
    sku=skus,
    units=st.integers(1, 4),
)
lost_answers = st.sampled_from((
    "lost_after", "lost_before", "late", "half", "refused_connection", "token_expired", "rate_limited",
))  # fmt: skip
shops = st.sampled_from(PAIRS)


class Histories(RuleBasedStateMachine):
    """Rules are what people do, what fails, and what syncd does; every step ends with a look at all books."""

    def __init__(self, new_database: Callable[[], TroubledDatabase]) -> None:
        super().__init__()
        self.since_rest = self.since_dry_run = 0
        self.db = new_database()
        self.history = History(self.db, (TILL,))
        TALLY["histories"] += 1

    def begin(self, shops: tuple[str, ...]) -> None:
        self.history = History(self.db, (TILL, *shops))
        for side in self.history.sides:
            self.history.add(side, "kept", 4)  # a side that lists nothing at all is taken for broken, not for empty

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:  # a history that failed already has nothing more to say
                self.history.compare()
        finally:
            self.db.dispose()

    def step(self, wait: float = 0) -> History:
        TALLY["steps"] += 1
        self.since_rest += 1
        self.since_dry_run += 1
        self.history.clock.advance(wait)
        return self.history

    def beside(self, side: str) -> str:
        """Another side than this one."""
        return self.history.sides[self.history.sides.index(side) - 1]

    def look_then(self, side: str, then: str) -> None:
        if then == "poll":
            self.history.run(side, "poll")
        elif then == "sync":
            self.history.sync()

    @rule(side=sides, sku=skus, units=st.integers(-4, 5).filter(bool), wait=seconds, then=afterwards)
    def sale(self, side: str, sku: str, units: int, wait: float, then: str) -> None:
        """A sale or a return, with a document where the side has any."""
        self.step(wait).change(side, sku, -units, document=True)
        self.look_then(side, then)

    @rule(side=sides, sku=skus, units=st.integers(-4, 6), half=st.booleans(), wait=seconds, then=afterwards)
    def receive(self, side: str, sku: str, units: int, half: bool, wait: float, then: str) -> None:
        """A receipt, or a loss: no document says so; the till may count in halves."""
        difference = Quantity(units) + (Quantity("0.5") if half and side == TILL else 0)
        self.step(wait).change(side, sku, difference, document=False)
        self.look_then(side, then)

    @rule(side=sides, sku=skus, quantity=st.integers(0, 15), wait=seconds, then=afterwards)
    def take_stock(self, side: str, sku: str, quantity: int, wait: float, then: str) -> None:
        self.step(wait).take_stock(side, sku, quantity)
        self.look_then(side, then)

    @rule(side=sides, sku=skus)
    def open_form(self, side: str, sku: str) -> None:
        self.step().open_form(side, sku)

    @precondition(lambda self: self.history.forms)
    @rule(wait=seconds, then=afterwards)
    def save_form(self, wait: float, then: str) -> None:
        side = self.history.forms[0][0]
        TALLY["fault:old_value_saved"] += self.step(wait).save_form()
        self.look_then(side, then)

    @precondition(lambda self: self.history.orders)
    @rule(wait=seconds)
    def cancel(self, wait: float) -> None:
        self.step(wait).cancel_order()

    @precondition(lambda self: self.history.orders)
    @rule(units=st.integers(1, 3), wait=seconds)
    def refund(self, units: int, wait: float) -> None:
        """Part of an order comes back."""
        self.step(wait).refund_order(units)

    @rule(side=sides, kind=kinds)
    def look_at(self, side: str, kind: str) -> None:
        self.step().run(side, kind)

    @rule()
    def sync(self) -> None:
        self.step().sync()

    @rule(plan=st.lists(mischief, min_size=1, max_size=2))
    def trouble(self, plan: list[Mischief]) -> None:
        """Things that will happen in the midst of the next passes."""
        self.step().trouble.plan += plan

    @rule(seller=sides, writer=sides, sku=skus, units=st.integers(-4, 4), fault=lost_answers)
    def sell_and_lose_the_answer(self, seller: str, writer: str, sku: str, units: int, fault: str) -> None:
        """The shortest way into doubt: a sale or return here, a write there whose answer does not come."""
        history = self.step(7)
        if writer == seller:
            writer = self.beside(seller)
        history.change(seller, sku, -units, document=True)
        history.run(seller, "poll")
        history.account.worlds[writer].faults[:] = [fault]
        history.run(writer, "push")
        history.account.worlds[writer].faults.clear()

    @rule(seller=sides, sku=skus, units=st.integers(1, 4), returned=st.integers(0, 3), sold=st.integers(0, 3))
    def write_beside_a_reader(self, seller: str, sku: str, units: int, returned: int, sold: int) -> None:
        """Pages are read, then somebody buys and a second process writes, and only then the pages are recorded."""
        history = self.step(7)
        history.change(seller, sku, -units, document=True)
        history.run(seller, "poll")
        reader = self.beside(seller)
        history.change(reader, sku, returned, document=True)
        buys = [Mischief(0, "sale_after_reading", reader, sku, sold)] if sold else []
        history.trouble.plan = [*buys, Mischief(0, "second_process")]
        history.run(reader, "full")

    @precondition(lambda self: any(KINDS[side].swallows for side in self.history.sides))
    @rule(
        sku=skus,
        units=st.integers(-4, 4).filter(bool),
        ordered=st.integers(-2, 4),
        cancel=st.sampled_from((False, False, True)),
        fault=st.sampled_from(("", "", "lost_after", "half")),
        wait=seconds,
        then=afterwards,
    )
    def order_inside_our_write(
        self, sku: str, units: int, ordered: int, cancel: bool, fault: str, wait: float, then: str
    ) -> None:
        """We write because of a sale elsewhere; an order, a return or a cancellation lands inside and is swallowed."""
        history = self.step(wait)
        side = next(side for side in history.sides if KINDS[side].swallows)
        history.change(TILL, sku, -units, document=True)
        history.run(TILL, "poll")
        with history.orders_inside_writes(side, ordered, cancel=cancel):
            history.account.worlds[side].faults[:] = [fault]
            history.run(side, "push")
            history.account.worlds[side].faults.clear()
        self.look_then(side, then)

    @rule(side=sides, on=st.booleans(), kind=kinds)
    def lag(self, side: str, on: bool, kind: str) -> None:
        history = self.step()
        TALLY["fault:replica"] += history.lag(side, on=on)
        history.run(side, kind)

    @rule(side=sides, stale=st.booleans(), sku=skus, misses=st.booleans())
    def show_less(self, side: str, stale: bool, sku: str, misses: bool) -> None:
        """From now on the side's pages come from a cache, or not; its feed may miss what happened to a product."""
        history = self.step()
        history.account.worlds[side].stale = stale
        TALLY["fault:stale"] += stale
        external_id = history.there(side, sku)
        if misses and external_id is not None:
            history.miss(side, external_id)

    @rule(after=st.sampled_from((1, 11, 61, 4000)), restart=st.booleans(), side=sides, kind=kinds)
    def wait(self, after: int, restart: bool, side: str, kind: str) -> None:
        history = self.step(after)
        if restart:
            history.start()
        history.run(side, kind)

    @rule(side=sides, sku=skus, action=st.sampled_from(("add", "rename", "delete", "miss")), units=st.integers(0, 9))
    def edit_catalogue(self, side: str, sku: str, action: str, units: int) -> None:
        """People add, rename and delete products; ``miss``: and the feed does not mention the deletion."""
        history = self.step()
        external_id = history.there(side, sku)
        if external_id is None:
            history.add(side, sku, units)
        elif action == "rename":
            history.rename(side, sku)
        elif action in ("delete", "miss"):
            history.delete(side, sku)
            if action == "miss":
                history.miss(side, external_id)

    @precondition(lambda self: self.since_dry_run >= 25)
    @rule(full=st.booleans())
    def dry_run(self, full: bool) -> None:
        look_without_touching(self.step(), full=full)
        self.since_dry_run = 0

    @precondition(lambda self: self.since_rest >= 20)
    @rule()
    def rest(self) -> None:
        self.step().compare()
        self.since_rest = 0


class FromNothing(Histories):
    """Begins with products that nobody has read yet."""

    @initialize(shops=shops, a=st.integers(0, 20), first=st.booleans())
    def open(self, shops: tuple[str, ...], a: int, first: bool) -> None:
        self.begin(shops)
        self.history.add(TILL, "a", a)
        self.history.add(shops[first], "a", 7)
        self.history.add(shops[0], "b", 3)


class FromRest(Histories):
    """Begins with products that are linked and aligned."""

    @initialize(shops=shops, a=st.integers(0, 12).map(lambda units: 15 - units), b=st.integers(0, 12))
    def open(self, shops: tuple[str, ...], a: int, b: int) -> None:
        self.begin(shops)
        for sku, units in (("a", a), ("b", b)):
            self.history.add(TILL, sku, units)
            self.history.add(shops[0], sku, 3)
            self.history.add(shops[1], sku, 0)
        for _ in range(2):
            self.history.sync()
        self.history.clock.advance(61)


@pytest.mark.usefixtures("share")
def test_every_unit_is_counted_once_from_the_first_link_on(new_database: Callable[[], TroubledDatabase]) -> None:
    _try(FromNothing, new_database)


@pytest.mark.usefixtures("share")
def test_every_unit_is_counted_once_whatever_fails(new_database: Callable[[], TroubledDatabase]) -> None:
    _try(FromRest, new_database)


def _try(kind: type[Histories], new_database: Callable[[], TroubledDatabase]) -> None:
    class WithDatabase(kind):  # type: ignore[valid-type,misc]  # a class is wanted, not a function that makes one
        def __init__(self) -> None:
            super().__init__(new_database)

    WithDatabase.__name__ = kind.__name__  # what a failing history is printed with
    run_state_machine_as_test(WithDatabase, settings=settings.get_profile("histories"))
