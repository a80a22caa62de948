"""After a restore nothing is doubled and nothing is lost; what cannot be told is held until a person says."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from loguru import logger
from sqlalchemy import delete, insert, select

from syncd.adapters.base import Counting
from syncd.core.guard import Limit, SafetyLimits
from syncd.errors import CountsOtherwise, NotCompared, SafetyStop, Transient
from syncd.service import account as service
from syncd.service.comparison import Compared, Comparison
from syncd.service.counting import StillHeld, accept_counting
from syncd.service.resolve import NotResolvable
from syncd.service.restored import mark_restored, open_restore, refuse_uncompared, say_count
from syncd.service.undo import carry_out_undo
from syncd.state.check import check_database
from syncd.state.metadata import METADATA
from syncd.state.models import Finding, Listing, StockEventRow
from tests.engine.test_daemon_jobs import Served
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from typing import Any

    from syncd.state.engine import Database

Rows = dict[str, list[dict[str, "Any"]]]


def backup(db: Database) -> Rows:
    with db.read() as session:
        return {
            table.name: [dict(row) for row in session.execute(select(table)).mappings()]
            for table in METADATA.sorted_tables
        }


def restore(account: Account, rows: Rows) -> None:
    """Put every row back, and forget what a process knew."""
    with account.db.engine.begin() as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(delete(table))
        for table in METADATA.sorted_tables:
            if rows[table.name]:
                connection.execute(insert(table), rows[table.name])
        if account.db.dialect == "postgresql":
            for name, table in METADATA.tables.items():
                if "id" in table.c:
                    connection.exec_driver_sql(
                        f"SELECT setval('{name}_id_seq', (SELECT coalesce(max(id), 0) + 1 FROM {name}), false)"  # noqa: S608
                    )
    account.restart()
    with account.db.write() as session:
        mark_restored(session, "copy.db", account.clock())


def compare(account: Account) -> Compared | None:
    account.clock.advance(61)
    return Comparison(service.Account(account.db, account.workers, threading.Event()), threading.Event()).run()


def traffic(account: Account, *, document: bool = True) -> None:
    """Sales on both sides that are carried over."""
    account.worlds["till"].sell("t-A", 2, reference="1" if document else None)
    account.worlds["web"].sell("w-B", 3, reference="2" if document else None)
    for _ in range(3):
        account.clock.advance(30)
        account.poll()


class Patience(threading.Event):
    """Waits by moving the account's clock."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account

    def wait(self, timeout: float | None = None) -> bool:
        self._account.clock.advance(timeout or 0)
        return self.is_set()


@pytest.fixture
def account(database: Database) -> Account:
    made = two_sides(database, {"A": 10, "B": 10, "C": 10}, {"A": 10, "B": 10, "C": 10})
    made.settle_down()
    return made


def quantities(account: Account) -> dict[str, tuple[int, int, int]]:
    return {
        sku: (
            int(account.on_hand(sku)),
            int(account.worlds["till"].quantity(f"t-{sku}")),
            int(account.worlds["web"].quantity(f"w-{sku}")),
        )
        for sku in ("A", "B", "C")
    }


def everywhere(a: int, b: int, c: int = 10) -> dict[str, tuple[int, int, int]]:
    return {"A": (a, a, a), "B": (b, b, b), "C": (c, c, c)}


@pytest.mark.parametrize("document", [True, False])
def test_what_was_carried_over_is_not_carried_over_again(account: Account, document: bool) -> None:
    copy = backup(account.db)
    account.clock.advance(600)
    traffic(account, document=document)
    restore(account, copy)
    assert compare(account) == Compared(items=2, counted=2, held=0)
    account.settle_down(3)
    assert quantities(account) == everywhere(8, 7)
    assert account.findings() == []
    assert [row.cause for row in account.movements()[3:]] == ["correction", "correction"]
    assert check_database(account.db) == []


def test_what_was_sold_since_and_told_to_nobody_is_found_by_its_documents(account: Account) -> None:
    copy = backup(account.db)
    account.clock.advance(600)
    traffic(account)
    account.worlds["web"].sell("w-A", 1, reference="3")  # while nobody works
    account.worlds["till"].sell("t-B", 4, reference="4")
    account.worlds["till"].sell("t-C", 1, reference="5")
    account.worlds["web"].sell("w-C", 2, reference="6")
    restore(account, copy)
    assert compare(account) == Compared(items=3, counted=3, held=0)
    account.settle_down(3)
    assert quantities(account) == everywhere(7, 3, 7)
    assert check_database(account.db) == []


def test_the_same_sold_on_both_sides_is_not_taken_for_one_sale(account: Account) -> None:
    copy = backup(account.db)
    account.clock.advance(600)
    account.worlds["web"].sell("w-A", 1, reference="3")
    account.worlds["till"].sell("t-A", 1, reference="4")
    restore(account, copy)
    assert compare(account) == Compared(items=1, counted=0, held=1)
    account.settle_down(2)
    assert quantities(account)["A"] == (10, 9, 9)
    (finding,) = account.findings()
    assert finding.kind == "held_after_restore"
    assert finding.message.startswith("t-A (A): till shows 9, web shows 9; 10 by the backup. all show the same")


def test_what_the_documents_do_not_explain_is_held_and_a_person_says(account: Account) -> None:
    copy = backup(account.db)
    account.clock.advance(600)
    account.worlds["till"].count("t-A", 30)  # a delivery
    account.worlds["web"].sell("w-A", 1, reference="3")
    restore(account, copy)
    assert compare(account) == Compared(items=1, counted=0, held=1)
    account.worlds["web"].sell("w-A", 2, reference="4")  # goes on selling
    account.settle_down(3)
    assert quantities(account)["A"] == (10, 30, 7)
    (finding,) = account.findings()
    with account.db.read() as session:
        assert len(session.scalars(select(Listing.id).where(Listing.held_at.is_not(None))).all()) == 2
    say_count(account.db, finding.id, Decimal(29), now=account.clock())
    account.settle_down(3)
    assert quantities(account) == everywhere(27, 10)
    assert account.findings() == []
    assert [row.cause for row in account.movements()[3:]] == ["manual", "change"]
    assert check_database(account.db) == []
    with pytest.raises(NotResolvable, match="no open one"):
        say_count(account.db, finding.id, Decimal(1), now=account.clock())


def test_nothing_is_planned_before_the_comparison(account: Account) -> None:
    restore(account, backup(account.db))
    with pytest.raises(NotCompared, match="start the service, or run `syncd sync`"):
        refuse_uncompared(account.db)
    with pytest.raises(NotCompared):
        carry_out_undo(account.db, 1, now=account.clock())
    assert [row.kind for row in account.findings()] == ["restored"]
    compare(account)
    refuse_uncompared(account.db)
    assert account.findings() == []
    assert compare(account) is None


def test_writes_that_were_open_are_over(account: Account) -> None:
    """Settled long since, nobody knows how: what the sides show is judged instead."""
    account.worlds["till"].faults.append("lost_after")
    account.worlds["web"].sell("w-A", 1, reference="1")
    account.poll("web", "till")
    assert [row.state for row in account.operations("unknown")] == ["unknown"]
    copy = backup(account.db)
    account.settle_down(3)
    assert quantities(account) == everywhere(9, 10)
    restore(account, copy)
    assert account.operations("unknown") == []
    compare(account)
    account.settle_down(3)
    assert quantities(account) == everywhere(9, 10)


def test_a_side_that_does_not_answer_is_waited_for(account: Account) -> None:
    copy = backup(account.db)
    account.clock.advance(600)
    traffic(account)
    restore(account, copy)
    side = account.workers["web"].side
    adapter, side.adapter = side.adapter, Silent(side.adapter)
    with pytest.raises(Transient):
        compare(account)
    with account.db.read() as session:
        assert open_restore(session) is not None
    assert len(account.movements()) == 3
    side.adapter = adapter
    assert compare(account) == Compared(items=2, counted=2, held=0)
    account.settle_down(2)
    assert quantities(account) == everywhere(8, 7)


class Silent:
    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def read_all(self) -> Any:
        raise Transient("web", "GET /", "no answer")


def test_the_backup_of_another_account_is_refused(account: Account) -> None:
    copy = backup(account.db)
    restore(account, copy)
    web = account.worlds["web"]
    for sku in ("A", "B", "C"):
        web.delete(f"w-{sku}")
        web.put(f"other-{sku}", 3, sku=f"other {sku}")
    account.workers["web"].side.limits = SafetyLimits(max_gone=Limit(1, Decimal(10)))
    with pytest.raises(SafetyStop, match="3 of 3 linked items are gone"):
        compare(account)
    assert {row.kind for row in account.findings()} == {"restored", "safety_stop"}
    assert len(account.movements()) == 3


def test_what_moves_while_it_is_compared_is_looked_at_again(account: Account) -> None:
    copy = backup(account.db)
    account.clock.advance(600)
    traffic(account)
    restore(account, copy)
    side = account.workers["web"].side
    side.adapter = Selling(side.adapter, account, ["w-A", "w-A"])
    assert compare(account) == Compared(items=2, counted=2, held=0)
    account.settle_down(3)
    assert quantities(account) == everywhere(6, 7)


class Selling(Silent):
    """Something is sold between our looks."""

    def __init__(self, adapter: Any, account: Account, what: list[str]) -> None:
        super().__init__(adapter)
        self._account, self._what = account, what

    def read_all(self) -> Any:
        return self._adapter.read_all()

    def read_events(self, since: Any) -> Any:
        found = self._adapter.read_events(since)
        if self._what:
            self._account.worlds["web"].sell(self._what.pop(), 1, reference=f"during {len(self._what)}")
        return found


def test_a_document_that_comes_late_is_not_counted_as_swallowed(account: Account) -> None:
    copy = backup(account.db)
    account.clock.advance(600)
    traffic(account)
    web = account.worlds["web"]
    web.sell("w-B", 1, reference="9")
    _, late = web.events.pop()
    account.worlds["till"].sell("t-B", 1)  # the till was told already, say
    restore(account, copy)
    assert compare(account) == Compared(items=2, counted=2, held=0)
    web.tick += 1
    web.events.append((web.tick, late))
    account.settle_down(3)
    assert quantities(account) == everywhere(8, 6)
    with account.db.read() as session:
        events = session.scalars(select(StockEventRow)).all()
    assert all(event.quantity == event.explained for event in events)


def test_what_a_person_approved_before_is_not_for_today(account: Account) -> None:
    with account.db.write() as session:
        session.add(
            Finding(
                kind="safety_stop",
                subject="web",
                severity="error",
                message="m",
                advice="a",
                opened_at=account.clock(),
                changed_at=account.clock(),
                closed_at=account.clock(),
                closed_by="approval",
            )
        )
    restore(account, backup(account.db))
    (row,) = [each for each in account.findings(closed=True) if each.kind == "safety_stop"]
    assert row.closed_by == "approval, not needed"


def test_a_product_that_is_new_since_the_backup_begins_as_ever(account: Account) -> None:
    copy = backup(account.db)
    account.clock.advance(600)
    account.worlds["till"].put("t-D", 5, sku="D")
    account.worlds["web"].put("w-D", 0, sku="D")
    account.settle_down(3)
    assert account.worlds["web"].quantity("w-D") == 5
    account.worlds["web"].sell("w-D", 1, reference="8")
    account.settle_down(3)
    restore(account, copy)
    compare(account)
    account.settle_down(3)
    assert account.on_hand("D") == account.worlds["web"].quantity("w-D") == account.worlds["till"].quantity("t-D") == 4
    assert account.findings() == []


@pytest.mark.parametrize("policy", ["shop", "equal_only"])
def test_the_read_after_it_is_no_first_link(database: Database, policy: str) -> None:
    """What waits to be written to a shop when the sides were compared is no quantity of the shop's that counts."""
    account = two_sides(database, {"A": 10}, {"A": 10}, initial_stock=policy)
    account.settle_down()
    copy = backup(account.db)
    account.clock.advance(600)
    account.worlds["till"].sell("t-A", 4, reference="1")  # while nobody works
    account.worlds["web"].sell("w-A", 1, reference="2")
    restore(account, copy)
    assert compare(account) == Compared(items=1, counted=1, held=0)
    account.settle_down(3)
    assert [int(account.on_hand("A")), int(account.worlds["till"].quantity("t-A"))] == [5, 5]
    assert int(account.worlds["web"].quantity("w-A")) == 5


def _count_at(account: Account, counting: Counting, quantity: int) -> None:
    """Somebody configures another location, with other quantities; nothing happens to the goods."""
    world = account.worlds["web"]
    changed = {key: thing.changed for key, thing in world.things.items()}
    for key in world.things:
        world.put(key, quantity, sku=key[2:])
    for key, thing in world.things.items():
        thing.changed = changed[key]
    world.counting = counting
    account.restart()


def test_a_shop_that_counts_something_else_is_not_compared(account: Account) -> None:
    front, back = Counting("1", "Front"), Counting("2", "Back")
    account.worlds["web"].counting = front
    account.restart()
    account.settle_down()
    copy = backup(account.db)
    account.clock.advance(600)
    account.worlds["till"].sell("t-A", 1, reference="1")
    _count_at(account, back, 3)
    restore(account, copy)
    with pytest.raises(CountsOtherwise, match="Front, and now it would count Back"):
        compare(account)
    _count_at(account, front, 10)
    assert compare(account) == Compared(items=1, counted=1, held=0)
    account.settle_down(3)
    assert quantities(account) == everywhere(9, 10)


def test_a_counting_that_was_accepted_since_the_backup(account: Account) -> None:
    """What the shop held by the backup is not known in numbers of today: what is not equal now, a person says."""
    front, back = Counting("1", "Front"), Counting("2", "Back")
    account.worlds["web"].counting = front
    account.restart()
    account.settle_down()
    copy = backup(account.db)
    _count_at(account, back, 3)
    accept_counting(account.workers["web"].side)
    account.settle_down(3)
    assert quantities(account) == everywhere(10, 10)
    traffic(account)
    account.worlds["web"].sell("w-C", 1, reference="3")  # while nobody works
    restore(account, copy)
    with pytest.raises(CountsOtherwise):
        compare(account)
    accept_counting(account.workers["web"].side)
    assert compare(account) == Compared(items=3, counted=2, held=1)
    account.settle_down(3)
    assert quantities(account) == everywhere(8, 7) | {"C": (10, 10, 9)}
    (held,) = account.findings()
    say_count(account.db, held.id, Decimal(9), now=account.clock())
    account.settle_down(3)
    assert quantities(account) == everywhere(8, 7, 9)


def test_a_counting_is_not_accepted_while_a_person_is_asked(account: Account) -> None:
    """What was sold since is known by what the side held when it was asked; forgotten, it would be lost."""
    account.worlds["web"].counting = Counting("1", "Front")
    account.restart()
    account.settle_down()
    copy = backup(account.db)
    account.clock.advance(600)
    account.worlds["web"].sell("w-A", 1, reference="3")
    account.worlds["till"].sell("t-A", 1, reference="4")
    restore(account, copy)
    assert compare(account) == Compared(items=1, counted=0, held=1)
    account.worlds["web"].sell("w-A", 2)
    account.settle_down()
    account.worlds["web"].counting = Counting("2", "Back")
    account.restart()
    with pytest.raises(StillHeld, match="syncd findings resolve"):
        accept_counting(account.workers["web"].side)
    (held,) = (each for each in account.findings() if each.kind == "held_after_restore")
    say_count(account.db, held.id, Decimal(8), now=account.clock())
    account.worlds["web"].counting = Counting("1", "Front")
    account.settle_down(3)
    assert quantities(account) == everywhere(6, 10)


def test_no_side_loses_its_first_pass_to_another_that_begins(account: Account) -> None:
    served = Served(account, beats=1)
    account.worlds["web"].sell("w-A", 1)
    account.clock.advance(61)
    with served._comparing:  # as the till's job has it
        served._pass(account.workers["web"], "poll", "schedule")
    assert account.on_hand("A") == 9


def test_the_daemon_does_not_start_to_compare_with_another_counting(account: Account) -> None:
    account.worlds["web"].counting = Counting("1", "Front")
    account.settle_down()
    restore(account, backup(account.db))
    _count_at(account, Counting("2", "Back"), 3)
    account.clock.advance(61)
    with pytest.raises(CountsOtherwise):
        Served(account, beats=20).run()


def test_it_says_how_long_it_waits_for_writes_of_before(account: Account) -> None:
    """A minute in which nothing is seen to happen would be taken for a hang."""
    restore(account, backup(account.db))
    began, said = account.clock(), []
    sink = logger.add(lambda line: said.append((line.record["message"], line.record["extra"].get("seconds"))))
    try:
        stop = Patience(account)
        Comparison(service.Account(account.db, account.workers, stop), stop).run()
    finally:
        logger.remove(sink)
    assert said[0] == ("restore.waiting", 60)
    assert "restore.compared" in dict(said)
    assert (account.clock() - began).total_seconds() >= 60
