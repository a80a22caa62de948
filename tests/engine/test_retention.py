"""Old history goes, and what it says in sum stays; what is still needed stays whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, func, select, update

from syncd.config.schema import Age, RetentionConfig
from syncd.service.explain import explain
from syncd.service.findings import Found, close_finding, open_finding
from syncd.service.housekeeping import PRUNE_REST_S, Housekeeping
from syncd.service.retention import Pruner
from syncd.service.undo import plan_undo
from syncd.state.check import check_database
from syncd.state.models import Finding, Item, Movement, Operation, Run, StockEventRow
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from syncd.service.retention import Pruned
    from syncd.state.engine import Database

DAY_S = 86400.0


def policy(days: float | None = 30) -> RetentionConfig:
    age = Age("forever", None) if days is None else Age(f"{days} days", timedelta(days=days))
    return RetentionConfig.model_construct(runs=age, movements=age)


def prune(account: Account, days: float | None = 30, *, dry_run: bool = False) -> Pruned:
    return Pruner(account.db, policy(days), account.clock(), dry_run).run()


def busy_days(account: Account, count: int = 3) -> None:
    """On each day a sale on either side, and its write."""
    for number in range(count):
        account.worlds["till"].sell("t-A", 1, reference=f"t{number}")
        account.worlds["web"].sell("w-A", 1, reference=f"w{number}")
        account.poll()
        account.poll()
        account.clock.advance(DAY_S)
        account.poll()


def long_after(account: Account, days: float = 60) -> None:
    account.clock.advance(days * DAY_S)
    account.poll()
    account.poll()


def count(db: Database, model: Any, *where: Any) -> int:
    with db.read() as session:
        return session.scalar(select(func.count()).select_from(model).where(*where)) or 0


def sums(session: Session) -> dict[Any, Any]:
    query = select(Movement.item_id, Movement.side_id, func.sum(Movement.quantity))
    return {(row[0], row[1]): row[2] for row in session.execute(query.group_by(Movement.item_id, Movement.side_id))}


def test_old_movements_give_way_to_their_sum_on_each_side(database: Database) -> None:
    account = two_sides(database, {"A": 20, "B": 5}, {"A": 20, "B": 5})
    busy_days(account)
    long_after(account)
    with database.read() as session:
        before = sums(session)
    dry = prune(account, dry_run=True)
    assert len(account.movements()) == 8
    done = prune(account)
    assert (done.movements, done.checkpoints) == (dry.movements, dry.checkpoints) == (7, 2)
    with database.read() as session:
        assert sums(session) == before
    till, web = sorted(account.movements("checkpoint"), key=lambda row: row.side_id or 0)
    assert (till.quantity, web.quantity) == (Decimal(17), Decimal(-3))
    assert (till.stands_for, web.stands_for) == (4, 3)
    assert max(till.id, web.id) == 8
    assert account.movements()[-1].on_hand_after == account.on_hand("A") == 14
    assert check_database(database) == []
    assert prune(account).total == 0


def test_the_story_says_up_to_when_and_of_how_many(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 20})
    busy_days(account)
    long_after(account)
    prune(account)
    account.worlds["till"].sell("t-A", 2, reference="new")
    account.poll()
    (story,) = explain(database, "A")
    words = [entry.text for entry in story.entries if entry.what == "movement"]
    assert words[0] == "older movements, kept as their sum: up to 2026-11-25: sum +17 of 4 movements"
    assert words[-1] == "sold: till order new (-2)"
    assert (story.on_hand, story.left_out) == (Decimal(12), 0)


def test_a_sum_of_sums_counts_all_that_it_stands_for(database: Database) -> None:
    account = two_sides(database, {"A": 30}, {"A": 30})
    for _ in range(3):
        busy_days(account, 2)
        long_after(account)
        prune(account)
    assert sum(row.stands_for or 1 for row in account.movements()) == 13
    assert len(account.movements()) == 2
    assert account.on_hand("A") == 18
    assert check_database(database) == []


def test_passes_in_which_nothing_happened_go(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 20})
    for _ in range(20):
        account.clock.advance(60)
        account.poll()
    busy_days(account, 1)
    long_after(account)
    newest = count(database, Run)
    done = Pruner(
        database, RetentionConfig.model_construct(runs=policy().runs, movements=policy(None).movements), account.clock()
    ).run()
    assert done.runs >= 40
    assert count(database, Run) == newest - done.runs
    assert count(database, Movement) == 3
    with database.read() as session:
        assert session.scalar(select(func.max(Run.id))) == newest
    assert check_database(database) == []


def test_nothing_goes_if_all_is_to_be_kept(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 20})
    busy_days(account)
    long_after(account, 4000)
    assert prune(account, None).total == 0


def test_an_item_with_something_open_keeps_all_that_it_has(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 20})
    busy_days(account, 2)
    account.worlds["till"].faults.append("lost_before")
    account.worlds["web"].sell("w-A", 1)
    account.poll("web", "till")
    account.worlds["till"].sell("t-A", 5)  # nobody can tell now
    for _ in range(3):
        account.clock.advance(61)
        account.poll("till")
    assert [row.state for row in account.operations("parked")] == ["parked"]
    rows = len(account.movements()), count(database, Operation)
    runs = count(database, Run, Run.started_at >= account.operations("parked")[0].intended_at)
    long_after(account)
    prune(account)
    assert (len(account.movements()), count(database, Operation)) == rows
    assert count(database, Run, Run.started_at >= account.operations("parked")[0].intended_at) >= runs


@pytest.mark.parametrize("step", ["", "cancel", "refund"])
def test_a_document_of_long_ago_is_known(database: Database, step: str) -> None:
    """It is not counted a second time, and what becomes of it later is a change of what it was."""
    account = two_sides(database, {"A": 20}, {"A": 20})
    web = account.worlds["web"]
    web.sell("w-A", 4, reference="7")
    account.settle_down()
    web.refund("7", "w-A", 1)
    account.settle_down()
    assert count(database, StockEventRow) == 2
    long_after(account)
    assert prune(account).documents == 1
    assert count(database, StockEventRow) == 1
    if step == "cancel":
        web.cancel("7", "w-A")
    elif step == "refund":
        web.refund("7", "w-A", 1)
    else:
        web.tick += 1
        web.events.append((web.tick, replace(web.document("7", "w-A"), began_at=None)))
    account.settle_down(3)
    back = {"": 0, "cancel": 3, "refund": 1}[step]
    assert account.on_hand("A") == 17 + back == web.quantity("w-A") == account.worlds["till"].quantity("t-A")
    with database.read() as session:
        steps = session.scalars(select(StockEventRow.quantity).order_by(StockEventRow.recorded_at)).all()
    assert list(steps) == ([Decimal(-3)] if not back else [Decimal(-3), Decimal(back)])
    assert [row.cause for row in account.movements()[2:]] == (["return"] if back else [])


def test_a_shop_that_was_put_back_is_known_by_the_mark_of_an_old_write(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 20})
    busy_days(account, 4)
    old = account.worlds["web"].things["w-A"].listing
    long_after(account, 40)
    busy_days(account, 2)
    prune(account)
    assert count(database, Operation) < 12
    account.worlds["web"]._touch("w-A", old)
    outcome = account.poll("web")[0]
    assert "as they were before earlier writes" in str(outcome.error)


def test_what_cannot_be_known_any_more_is_not_undone(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 20})
    busy_days(account, 1)
    run = next(row.run_id for row in account.operations("confirmed"))
    busy_days(account, 2)
    assert [row.sku for row in plan_undo(database, run).rows] == ["A"]
    long_after(account)
    prune(account)
    with database.read() as session:
        kept = session.get(Run, run)
    if kept is not None:
        plan = plan_undo(database, run)
        assert plan.rows == []
        assert all("is not known any more" in row.reason for row in plan.skipped)


def test_the_newest_finding_keeps_its_number(database: Database) -> None:
    """People are told of findings by number: one that is given again would not be told of."""
    account = two_sides(database, {"A": 20}, {"A": 20})
    with database.write() as session:
        for subject in ("one", "two"):
            open_finding(session, Found("oversell", subject, "m", "a"), account.clock())
            close_finding(session, "oversell", subject, account.clock())
    long_after(account)
    assert prune(account).findings == 1
    with database.read() as session:
        assert session.scalars(select(Finding.subject)).all() == ["two"]


def test_a_crash_at_any_statement_leaves_right_sums(database: Database) -> None:
    account = two_sides(database, {"A": 20, "B": 9}, {"A": 20, "B": 9})
    busy_days(account)
    long_after(account)
    with database.read() as session:
        before = sums(session)

    class Killed(BaseException):
        pass

    def killed_after(number: int) -> Callable[..., None]:
        left = iter(range(number))

        def statement(_connection: Any, _cursor: Any, said: str, *_more: Any) -> None:
            if said.startswith(("DELETE", "INSERT", "UPDATE")) and next(left, None) is None:
                raise Killed

        return statement

    kills = 0
    while True:
        listener = killed_after(kills)
        event.listen(database.engine, "before_cursor_execute", listener)
        try:
            prune(account)
            break
        except Killed:
            kills += 1
        finally:
            event.remove(database.engine, "before_cursor_execute", listener)
        with database.read() as session:
            assert sums(session) == before
        assert check_database(database) == []
    assert kills > 4
    with database.read() as session:
        assert sums(session) == before


class Seconds:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        self.at += 0.2
        return self.at


def test_the_daemon_removes_bit_by_bit_and_never_beside_a_pass(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 20})
    busy_days(account)
    long_after(account)
    busy, seconds = [True], Seconds()
    house = Housekeeping(database, policy(), lambda: busy[0], account.clock, seconds)
    house.turn()
    assert len(account.movements()) == 7
    busy[0] = False
    for _ in range(20):
        house.turn()
    assert len(account.movements()) == 2
    busy_days(account)
    long_after(account)
    house.turn()
    assert len(account.movements()) > 2  # it rests
    seconds.at += PRUNE_REST_S
    for _ in range(20):
        house.turn()
    assert len(account.movements()) == 2


def test_damage_is_a_finding_that_closes_when_it_is_repaired(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 20})
    house = Housekeeping(database, policy(), lambda: False, account.clock)
    assert house.check() == []
    with database.write() as session:
        session.execute(update(Item).values(on_hand=Decimal(19)))
    house.check()
    (finding,) = account.findings()
    assert (finding.kind, finding.severity) == ("database_damaged", "error")
    assert "item 1 has 19 on hand, and its movements come to 20" in finding.message
    with database.write() as session:
        session.execute(update(Item).values(on_hand=Decimal(20)))
    house.check()
    assert account.findings() == []
