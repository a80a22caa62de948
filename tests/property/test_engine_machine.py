"""Whole histories of the engine: people buy and count, anything fails at any moment, every unit is counted once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from syncd.core.model import Quantity
from tests.support.history import MARKED, PLAIN, SIDES, TILL, History
from tests.support.looking import look_without_touching
from tests.support.tally import TALLY
from tests.support.trouble import PLACES, Mischief

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.trouble import TroubledDatabase

SKUS = ("a", "b")
sides = st.sampled_from(SIDES)
skus = st.sampled_from(SKUS)
kinds = st.sampled_from(("poll", "push", "full"))
seconds = st.sampled_from((7, 0, 1, 30))
"""Before something happens. Mostly more than a few: clocks of two systems agree no better."""

mischief = st.builds(
    Mischief,
    after=st.integers(0, 30),
    kind=st.sampled_from(sorted(PLACES)),
    side=sides,
    sku=skus,
    units=st.integers(1, 4),
)
lost_answers = st.sampled_from(("lost_after", "lost_before", "late", "half", "refused_connection"))


class Histories(RuleBasedStateMachine):
    """Rules are what people do, what fails, and what syncd does; every step ends with a look at all books."""

    def __init__(self, new_database: Callable[[], TroubledDatabase]) -> None:
        super().__init__()
        self.db = new_database()
        self.history = History(self.db)
        for side in SIDES:
            self.history.add(side, "kept", 4)  # a side that lists nothing at all is taken for broken, not for empty
        TALLY["histories"] += 1

    def teardown(self) -> None:
        try:
            self.history.compare()
        finally:
            self.db.dispose()

    def step(self, wait: float = 0) -> History:
        TALLY["steps"] += 1
        self.history.clock.advance(wait)
        return self.history

    @rule(side=sides, sku=skus, units=st.integers(1, 5), wait=seconds)
    def sale(self, side: str, sku: str, units: int, wait: float) -> None:
        self.step(wait).change(side, sku, -units, document=True)

    @rule(side=sides, sku=skus, units=st.integers(1, 5), wait=seconds)
    def comes_back(self, side: str, sku: str, units: int, wait: float) -> None:
        self.step(wait).change(side, sku, units, document=True)

    @rule(side=sides, sku=skus, units=st.integers(-4, 6), half=st.booleans(), wait=seconds)
    def count(self, side: str, sku: str, units: int, half: bool, wait: float) -> None:
        """A receipt or a stock-take: no document says so; the till may count in halves."""
        difference = Quantity(units) + (Quantity("0.5") if half and side == TILL else 0)
        self.step(wait).change(side, sku, difference, document=False)

    @precondition(lambda self: self.history.orders)
    @rule(wait=seconds)
    def cancel(self, wait: float) -> None:
        self.step(wait).cancel_order()

    @rule(side=sides, kind=kinds)
    def look_at(self, side: str, kind: str) -> None:
        self.step().run(side, kind)

    @rule()
    def sync(self) -> None:
        self.step().sync()

    @rule(side=sides, kind=kinds, plan=st.lists(mischief, min_size=1, max_size=3))
    def look_at_in_trouble(self, side: str, kind: str, plan: list[Mischief]) -> None:
        self.step().run(side, kind, plan)

    @rule(seller=sides, writer=sides, sku=skus, units=st.integers(1, 4), fault=lost_answers)
    def sell_and_lose_the_answer(self, seller: str, writer: str, sku: str, units: int, fault: str) -> None:
        """The shortest way into doubt: a sale here, a write there whose answer does not come."""
        history = self.step(7)
        history.change(seller, sku, -units, document=True)
        history.run(seller, "poll")
        history.account.worlds[writer].faults[:] = [fault]
        history.run(writer, "push")
        history.account.worlds[writer].faults.clear()

    @rule(seller=sides, sku=skus, units=st.integers(1, 4), plan=st.lists(mischief, min_size=1, max_size=2))
    def sell_and_push_in_trouble(self, seller: str, sku: str, units: int, plan: list[Mischief]) -> None:
        history = self.step(7)
        history.change(seller, sku, -units, document=True)
        history.run(seller, "poll")
        for side in SIDES:
            if side != seller:
                history.run(side, "push", plan)

    @rule(side=sides, stale=st.booleans())
    def cache(self, side: str, stale: bool) -> None:
        """From now on the side shows, for some seconds after our writes, what was there before them."""
        TALLY["fault:stale"] += stale
        self.step().account.worlds[side].stale = stale

    @rule(side=sides, sku=skus)
    def feed_misses(self, side: str, sku: str) -> None:
        """What happened to a product so far will not be in the feed."""
        external_id = self.step().there(side, sku)
        if external_id is not None:
            TALLY["fault:missed_by_feed"] += 1
            self.history.account.worlds[side].miss(external_id)

    @rule(after=st.sampled_from((1, 11, 61, 4000)))
    def wait(self, after: int) -> None:
        self.step(after)

    @rule()
    def restart(self) -> None:
        self.step().start()

    @rule(side=sides, sku=skus, units=st.integers(0, 9))
    def add(self, side: str, sku: str, units: int) -> None:
        self.step().add(side, sku, units)

    @rule(side=sides, sku=skus)
    def rename(self, side: str, sku: str) -> None:
        self.step().rename(side, sku)

    @rule(side=sides, sku=skus, missed=st.booleans())
    def delete(self, side: str, sku: str, missed: bool) -> None:
        history = self.step()
        external_id = history.there(side, sku)
        if external_id is not None and history.delete(side, sku) and missed:
            TALLY["fault:missed_by_feed"] += 1
            history.account.worlds[side].miss(external_id)

    @rule(full=st.booleans())
    def dry_run(self, full: bool) -> None:
        look_without_touching(self.step(), full=full)

    @rule()
    def rest(self) -> None:
        self.step().compare()


class FromNothing(Histories):
    """Begins with empty sides."""


class FromRest(Histories):
    """Begins with products that are linked and aligned."""

    @initialize(a=st.integers(0, 12), b=st.integers(0, 12))
    def open(self, a: int, b: int) -> None:
        for sku, units in (("a", a), ("b", b)):
            self.history.add(TILL, sku, units)
            self.history.add(MARKED, sku, 3)
            self.history.add(PLAIN, sku, 0)
        for _ in range(2):
            self.history.sync()
        self.history.clock.advance(61)


def test_every_unit_is_counted_once_from_the_first_link_on(new_database: Callable[[], TroubledDatabase]) -> None:
    machine: Any = lambda: FromNothing(new_database)  # noqa: E731 - a factory serves where a class is asked for
    run_state_machine_as_test(machine, settings=settings.get_profile("histories"))


def test_every_unit_is_counted_once_whatever_fails(new_database: Callable[[], TroubledDatabase]) -> None:
    machine: Any = lambda: FromRest(new_database)  # noqa: E731 - a factory serves where a class is asked for
    run_state_machine_as_test(machine, settings=settings.get_profile("histories"))
