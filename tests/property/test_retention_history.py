"""History is removed at random times, and the engine decides as if it had not been."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from syncd.config.schema import Age, RetentionConfig
from syncd.service.retention import Pruner
from syncd.state.check import check_database
from syncd.state.models import Finding, Item, Listing, Movement, Operation, Side, StockEventRow, is_open
from tests.support.engine import Account
from tests.support.sides import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncd.state.engine import Database

SIDES = ("till", "marked", "lossy", "keyed")
SKUS = ("a", "b")
DAYS = 3


def policy(days: float) -> RetentionConfig:
    """Shorter than a configuration may ask for."""
    age = Age(f"{days} days", timedelta(days=days))
    return RetentionConfig.model_construct(runs=age, movements=age)


@dataclass
class Twin:
    """The same account twice: history is removed in one of them."""

    databases: tuple[Database, Database]
    accounts: list[Account] = field(default_factory=list)
    numbers: int = 0

    def __post_init__(self) -> None:
        for database in self.databases:
            account = Account(database)
            for name in SIDES:
                kind = KINDS[name]
                role = "hub" if name == "till" else "shop"
                world = account.add_side(name, role, capabilities=kind.capabilities, policy=kind.policy)
                for sku in SKUS:
                    world.put(f"{name}-{sku}", 20, sku=sku)
            self.accounts.append(account)
        self.sync()

    def each(self, act: Callable[[Account], object]) -> None:
        for account in self.accounts:
            act(account)

    def sync(self) -> None:
        self.each(lambda account: account.poll())

    def sell(self, side: str, sku: str, units: int, *, document: bool) -> None:
        self.numbers += 1
        reference = str(self.numbers) if document else None
        self.each(lambda account: account.worlds[side].sell(f"{side}-{sku}", units, reference=reference))

    def swallow(self, side: str, sku: str, units: int) -> None:
        """An order inside our next write to a shop is lost there."""
        self.numbers += 1
        number = str(self.numbers)

        def arm(account: Account) -> None:
            world = account.worlds[side]

            def land(_write: object) -> None:
                world.before_effect = None
                world.swallow(f"{side}-{sku}", units, reference=number)

            world.before_effect = land

        self.each(arm)

    def lose(self, side: str, fault: str) -> None:
        self.each(lambda account: account.worlds[side].faults.append(fault))

    def give_back(self, side: str, which: int, *, refund: bool) -> None:
        """An order of any age is cancelled or refunded."""

        def act(account: Account) -> None:
            world = account.worlds[side]
            orders = [event for event in world.documents() if event.quantity < 0]
            if not orders:
                return
            event = orders[which % len(orders)]
            _, reference, external_id = event.key.split(":")
            if refund and event.quantity < -1:
                world.refund(reference, external_id, 1)
            else:
                world.cancel(reference, external_id)

        self.each(act)

    def deliver_again(self, side: str, which: int) -> None:
        """A feed shows a document of any age again, as it was."""

        def act(account: Account) -> None:
            world = account.worlds[side]
            if world.events:
                world.tick += 1
                world.events.append((world.tick, world.documents()[which % len(world.documents())]))

        self.each(act)

    def restore_shop(self, which: int) -> None:
        """A shop shows an item as it was some writes ago, with the mark of then."""

        def act(account: Account) -> None:
            world = account.worlds["marked"]
            marked = [entry for entry in world.past if not isinstance(entry[2], int) and entry[2].listing.marker]
            recent = [entry for entry in marked if entry[0] > account.clock() - timedelta(days=DAYS)]
            if recent:
                _, external_id, thing = recent[which % len(recent)]
                world._touch(external_id, thing.listing)  # type: ignore[union-attr]

        self.each(act)

    def pass_time(self, hours: int) -> None:
        self.each(lambda account: account.clock.advance(hours * 3600))

    def prune(self) -> None:
        account = self.accounts[0]
        before = state(account.db)
        Pruner(account.db, policy(DAYS), account.clock()).run()
        assert state(account.db) == before

    def compare(self) -> None:
        pruned, whole = self.accounts
        assert state(pruned.db) == state(whole.db)
        for name in SIDES:
            things = [
                {key: each.listing.quantity for key, each in a.worlds[name].things.items()} for a in self.accounts
            ]
            assert things[0] == things[1]


def state(db: Database) -> dict[str, Any]:
    """All that decisions show themselves in, and every sum."""
    with db.read() as session:
        totals = select(Movement.item_id, Movement.side_id, func.sum(Movement.quantity)).group_by(
            Movement.item_id, Movement.side_id
        )
        documents: dict[tuple[int, str], Decimal] = {}
        for row in session.scalars(select(StockEventRow)):
            key = row.side_id, row.document
            documents[key] = documents.get(key, Decimal(0)) + row.quantity
        return {
            "items": session.execute(select(Item.id, Item.on_hand).order_by(Item.id)).all(),
            "sums": {(row[0], row[1]): row[2] for row in session.execute(totals)},
            "counted": session.scalar(select(func.sum(func.coalesce(Movement.stands_for, 1)))),
            "listings": session.execute(
                select(Listing.id, Listing.shadow, Listing.wanted, Listing.pending, Listing.recheck_at).order_by(
                    Listing.id
                )
            ).all(),
            "open": session.execute(
                select(Operation.listing_id, Operation.difference, Operation.state)
                .where(is_open())
                .order_by(Operation.id)
            ).all(),
            "findings": session.execute(
                select(Finding.kind, Finding.subject, Finding.counts)
                .where(Finding.closed_at.is_(None))
                .order_by(Finding.id)
            ).all(),
            "documents": documents,
            "unexplained": session.execute(
                select(StockEventRow.document, StockEventRow.quantity)
                .where(StockEventRow.quantity != StockEventRow.explained)
                .order_by(StockEventRow.document)
            ).all(),
            "sides": session.execute(select(Side.id, Side.write_seq).order_by(Side.id)).all(),
        }


sides, shops, skus = st.sampled_from(SIDES), st.sampled_from(SIDES[1:]), st.sampled_from(SKUS)
units, which = st.integers(1, 4), st.integers(0, 50)
STEPS = st.one_of(
    st.tuples(st.just("sell"), sides, skus, st.integers(-3, 4).filter(bool), st.booleans()),
    st.tuples(st.just("sync")),
    st.tuples(st.just("pass_time"), st.sampled_from([1, 20, 60, 200])),
    st.tuples(st.just("prune")),
    st.tuples(st.just("lose"), sides, st.sampled_from(["lost_before", "lost_after", "refused_connection"])),
    st.tuples(st.just("swallow"), st.just("lossy"), skus, units),
    st.tuples(st.just("give_back"), sides, which, st.booleans()),
    st.tuples(st.just("deliver_again"), sides, which),
    st.tuples(st.just("restore_shop"), which),
)


@pytest.fixture
def twins(new_database: Callable[[], Database]) -> Iterator[Callable[[], Twin]]:
    made: list[Database] = []

    def make() -> Twin:
        pair = new_database(), new_database()
        made.extend(pair)
        return Twin(pair)

    yield make
    for database in made:
        database.dispose()


@settings(
    settings.get_profile("histories"),
    max_examples=max(4, settings.get_profile("histories").max_examples // 4),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEPS, min_size=20, max_size=60))
def test_what_was_removed_is_missed_by_nothing(twins: Callable[[], Twin], steps: list[tuple[Any, ...]]) -> None:
    twin = twins()
    for name, *arguments in steps:
        if name == "sell":
            side, sku, amount, document = arguments
            twin.sell(side, sku, amount, document=document)
        elif name == "give_back":
            side, number, refund = arguments
            twin.give_back(side, number, refund=refund)
        else:
            getattr(twin, name)(*arguments)
        if name in ("sync", "prune"):
            twin.compare()
    for _ in range(3):
        twin.pass_time(100)
        twin.sync()
        twin.prune()
        twin.compare()
    for database in twin.databases:
        assert check_database(database) == []
