"""Taking back what a run wrote: through the ledger, on all sides, never twice."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from syncd.core.guard import Limit, SafetyLimits
from syncd.core.model import Quantity
from syncd.errors import SafetyStop
from syncd.service.explain import explain
from syncd.service.resolve import resolve
from syncd.service.undo import UnknownRun, carry_out_undo, plan_undo, writing_runs
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.core.model import ChangePage, Cursor, StockWrite
    from syncd.state.engine import Database


def three_sides(db: Database, quantity: int = 10, skus: str = "AB") -> Account:
    account = Account(db)
    account.add_side("till", "hub")
    account.add_side("web")
    account.add_side("outlet")
    for sku in skus:
        for name, world in account.worlds.items():
            world.put(f"{name}-{sku}", quantity, sku=sku)
    account.poll()
    account.poll()
    return account


def sides(account: Account, sku: str = "A") -> dict[str, Quantity]:
    return {name: world.quantity(f"{name}-{sku}") for name, world in account.worlds.items()}


def run_of(account: Account, side: str) -> int:
    """The latest run that wrote to a side."""
    side_id = account.workers[side].side.id
    return [operation.run_id for operation in account.operations("confirmed") if operation.side_id == side_id][-1]


def pass_over(account: Account, *names: str) -> None:
    account.clock.advance(1)
    account.poll(*names)


def test_the_written_side_goes_back_and_the_others_follow(database: Database) -> None:
    account = three_sides(database)
    account.worlds["till"].sell("till-A", 2)
    account.worlds["till"].sell("till-B", 1)
    pass_over(account)
    run = run_of(account, "web")
    planned = plan_undo(database, run)
    assert [(row.sku, row.wrote, row.on_hand, row.after) for row in planned.rows] == [
        ("A", Decimal(-2), Decimal(8), Decimal(10)),
        ("B", Decimal(-1), Decimal(9), Decimal(10)),
    ]
    assert (planned.undo_run, planned.skipped, account.movements("undo")) == (None, [], [])
    done = carry_out_undo(database, run, now=account.clock())
    assert done.rows == planned.rows
    assert sides(account) == dict.fromkeys(sides(account), 8)
    pass_over(account)
    for sku in "AB":
        assert sides(account, sku) == dict.fromkeys(sides(account), 10)
        assert account.on_hand(sku) == 10
    account.settle_down()
    assert account.findings() == []
    movements = account.movements("undo")
    assert [(each.quantity, each.listing_id, each.side_id, each.run_id) for each in movements] == [
        (Decimal(2), None, None, done.undo_run),
        (Decimal(1), None, None, done.undo_run),
    ]
    (story,) = explain(database, "A")
    (entry,) = (each for each in story.entries if each.run == done.undo_run)
    number = planned.rows[0].operations[0]
    assert entry.side == "all sides"
    assert entry.text == f"undone by a person: undo of run {run} (web -2, write {number})"


def test_undoing_twice_takes_back_once(database: Database) -> None:
    account = three_sides(database)
    account.worlds["till"].sell("till-A", 2)
    pass_over(account)
    run = run_of(account, "web")
    first = carry_out_undo(database, run, now=account.clock())
    again = carry_out_undo(database, run, now=account.clock())
    assert (again.rows, again.undo_run) == ([], None)
    assert [left.reason for left in again.skipped] == [
        f"taken back already by run {first.undo_run} ({account.movements('undo')[0].evidence})"
    ]
    pass_over(account)
    assert carry_out_undo(database, run, now=account.clock()).rows == []
    assert sides(account) == dict.fromkeys(sides(account), 10)


def test_two_runs_that_carried_the_same_change_are_not_taken_back_twice(database: Database) -> None:
    account = three_sides(database)
    account.worlds["till"].sell("till-A", 2)
    pass_over(account)
    web, outlet = run_of(account, "web"), run_of(account, "outlet")
    assert web != outlet
    carry_out_undo(database, web, now=account.clock())
    assert carry_out_undo(database, outlet, now=account.clock()).rows == []
    pass_over(account)
    assert carry_out_undo(database, outlet, now=account.clock()).rows == []
    account.settle_down()
    assert sides(account) == dict.fromkeys(sides(account), 10)


def test_a_run_that_was_still_writing_the_change_is_not_taken_back_either(database: Database) -> None:
    """The outlet's write is on its way while the web's is taken back: it was meant before, and rights itself."""
    account = three_sides(database)
    account.worlds["till"].sell("till-A", 2)
    pass_over(account, "till", "web")
    run = run_of(account, "web")

    def person(_write: StockWrite) -> None:
        account.worlds["outlet"].before_effect = None
        carry_out_undo(database, run, now=account.clock())
        account.workers["outlet"].stop.set()  # it ends after this write, and sets it right in another run

    account.worlds["outlet"].before_effect = person
    pass_over(account, "outlet")
    account.workers["outlet"].stop.clear()
    late = account.operations("confirmed")[-1]
    assert late.difference == -2
    assert carry_out_undo(database, late.run_id, now=account.clock()).rows == []
    account.settle_down()
    assert sides(account) == dict.fromkeys(sides(account), 10)
    assert account.on_hand("A") == 10


def test_what_an_undo_wrote_can_be_taken_back_in_turn(database: Database) -> None:
    account = three_sides(database)
    account.worlds["till"].sell("till-A", 2)
    pass_over(account)
    carry_out_undo(database, run_of(account, "web"), now=account.clock())
    pass_over(account)
    carry_out_undo(database, run_of(account, "web"), now=account.clock())
    assert carry_out_undo(database, run_of(account, "till"), now=account.clock()).rows == []
    account.settle_down()
    assert sides(account) == dict.fromkeys(sides(account), 8)


def test_sales_after_the_run_stay(database: Database) -> None:
    account = three_sides(database)
    account.worlds["till"].count("till-A", 3)
    pass_over(account)
    run = run_of(account, "web")
    account.worlds["web"].sell("web-A", 1, reference="7")
    account.worlds["outlet"].sell("outlet-A", 1)
    carry_out_undo(database, run, now=account.clock())
    account.settle_down(3)
    assert sides(account) == dict.fromkeys(sides(account), 8)


def test_several_writes_of_one_run_are_one_movement(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.worlds["till"].sell("t-A", 2)
    account.poll("till")
    web = account.worlds["web"]

    def oversold(_write: StockWrite) -> None:
        web.before_effect = None
        account.worlds["till"].sell("t-A", 1)
        account.poll("till")

    web.before_effect = oversold
    account.poll("web")
    writes = account.operations("confirmed")
    assert [(each.difference, each.run_id) for each in writes] == [
        (Decimal(-2), writes[0].run_id),
        (Decimal(-1), writes[0].run_id),
    ]
    done = carry_out_undo(database, writes[0].run_id, now=account.clock())
    assert [(row.wrote, row.operations) for row in done.rows] == [(Decimal(-3), tuple(each.id for each in writes))]
    assert account.on_hand("A") == 10


def test_writes_in_doubt_are_named_and_left(database: Database) -> None:
    account = two_sides(database, {"A": 10, "B": 10}, {"A": 10, "B": 10})
    for sku in "AB":
        account.worlds["till"].sell(f"t-{sku}", 2)
    account.worlds["web"].faults.append("half")
    account.poll("till", "web")
    (doubt,), (sure,) = account.operations("unknown"), account.operations("confirmed")
    done = carry_out_undo(database, doubt.run_id, now=account.clock())
    assert [row.operations for row in done.rows] == [(sure.id,)]
    assert [(left.sku, left.wrote, left.reason[:18]) for left in done.skipped] == [
        ("A", Decimal(-2), "in doubt (unknown)")
    ]
    account.settle_down(3)
    assert [account.worlds["web"].quantity(f"w-{sku}") for sku in "AB"] == [8, 10]
    assert [account.worlds["till"].quantity(f"t-{sku}") for sku in "AB"] == [8, 10]


def test_what_is_gone_or_began_to_be_counted_is_left(database: Database) -> None:
    account = two_sides(database, {"A": 10, "B": 10}, {"A": 10}, manage_unmanaged=True)
    web = account.worlds["web"]
    web.put("w-B", None, sku="B", stock_mode="unmanaged")
    account.worlds["till"].sell("t-A", 2)
    account.settle_down()
    started = [operation for operation in account.operations("confirmed") if operation.start_managing]
    assert [left.reason for left in plan_undo(database, started[0].run_id).skipped] == [
        "web began to count it: that was no change of its quantity"
    ]
    (run,) = {o.run_id for o in account.operations("confirmed") if not o.start_managing}
    web.delete("w-A")
    account.settle_down()
    assert [left.reason for left in plan_undo(database, run).skipped if left.sku == "A"] == [
        "it is not linked on web any more"
    ]


def test_the_safety_stops_guard_what_follows(database: Database) -> None:
    limits = SafetyLimits(max_zeroed=Limit(2, Decimal(10)))
    account = two_sides(database, dict.fromkeys("ABC", 0), dict.fromkeys("ABC", 0), limits=limits)
    for sku in "ABC":
        account.worlds["till"].count(f"t-{sku}", 5)
    account.poll("till", "web")
    carry_out_undo(database, run_of(account, "web"), now=account.clock())
    assert isinstance(account.poll("web")[0].error, SafetyStop)
    assert account.worlds["web"].quantity("w-A") == 5


def test_an_undo_below_zero_is_an_oversell_with_a_name(database: Database) -> None:
    account = two_sides(database, {"A": 0}, {"A": 0})
    account.worlds["till"].count("t-A", 5)
    account.poll("till", "web")
    run = run_of(account, "web")
    account.worlds["web"].sell("w-A", 3)
    account.poll("web")
    carry_out_undo(database, run, now=account.clock())
    (finding,) = account.findings()
    assert finding.message == "t-A (A) is oversold: -3 on hand"


def test_an_oversell_is_told_in_whole_units_if_the_side_says_2_00(database: Database) -> None:
    account = two_sides(database, {"A": 0}, {"A": 0})
    account.worlds["till"].sell("t-A", Decimal("2.00"))
    account.poll("till")
    assert [finding.message for finding in account.findings()] == ["t-A (A) is oversold: -2 on hand"]


def test_an_undo_in_the_middle_of_a_pass_does_not_date_what_the_pass_read(database: Database) -> None:
    """An order after the reading and before the undo is not in the shadow: it must not pass for our own lost write."""
    account = two_sides(database, {"A": 10, "B": 10}, {"A": 10, "B": 10})
    till, web = account.worlds["till"], account.worlds["web"]
    web.sell("w-B", 1)
    account.settle_down()
    account.clock.advance(100)
    till.sell("t-A", 1)
    adapter = account.workers["till"].side.adapter
    original = adapter.read_changes

    def meanwhile(cursor: Cursor) -> Iterator[ChangePage]:
        pages = list(original(cursor))
        account.clock.advance(5)
        till.sell("t-A", 2, reference="900001")
        account.clock.advance(15)
        assert carry_out_undo(database, run_of(account, "till"), now=account.clock()).rows
        account.clock.advance(1)
        yield from pages

    adapter.read_changes = meanwhile  # type: ignore[method-assign]
    account.poll("till")
    adapter.read_changes = original  # type: ignore[method-assign]
    account.clock.advance(1)
    web.sell("w-A", 2)
    account.poll("web")
    till.faults.append("lost_before")
    account.workers["till"].run("push", "test")
    assert [doubt.difference for doubt in account.operations("unknown")] == [-2]
    account.settle_down(3)
    for finding in account.findings():
        resolve(database, finding.id, applied=False, now=account.clock())
    account.settle_down(3)
    assert account.on_hand("A") == till.quantity("t-A") == web.quantity("w-A") == 10 - 1 - 2 - 2
    assert account.on_hand("B") == till.quantity("t-B") == web.quantity("w-B") == 10


def test_runs_that_wrote_are_listed(database: Database) -> None:
    account = three_sides(database)
    assert writing_runs(database) == []
    account.worlds["till"].sell("till-A", 2)
    account.worlds["till"].sell("till-B", 1)
    pass_over(account)
    listed = writing_runs(database)
    assert [(row.side, row.confirmed, row.units) for row in listed] == [
        ("outlet", 2, Decimal(3)),
        ("web", 2, Decimal(3)),
    ]
    assert writing_runs(database, limit=1) == listed[:1]
    with pytest.raises(UnknownRun, match="there is no run 999; `syncd undo` lists"):
        plan_undo(database, 999)
    reading = next(number for number in range(1, listed[0].run) if number not in {row.run for row in listed})
    assert carry_out_undo(database, reading, now=account.clock()).rows == []


@pytest.mark.parametrize("seed", range(4))
def test_invented_histories_with_undos_keep_every_unit(database: Database, seed: int) -> None:
    """Sales, lost answers and undos in any order: every side ends with opening, sales and undos, each once."""
    account = three_sides(database, 20)
    dice = random.Random(seed)  # noqa: S311 - a test that can be repeated
    sold: Counter[str] = Counter()
    for _ in range(40):
        account.clock.advance(dice.choice([1, 20, 61]))
        side, sku = dice.choice(list(account.worlds)), dice.choice("AB")
        match dice.choice(["sell", "sell", "poll", "poll", "lose", "undo"]):
            case "sell":
                units = dice.randint(-2, 3)
                account.worlds[side].sell(f"{side}-{sku}", units, reference=str(dice.random()))
                sold[sku] += units
            case "poll":
                account.poll(side)
            case "lose" if side != "till":
                account.worlds[side].faults.append(dice.choice(["lost_before", "lost_after"]))
            case "undo" if runs := writing_runs(database):
                carry_out_undo(database, dice.choice(runs).run, now=account.clock())
    account.settle_down(4)
    undone: Counter[str] = Counter()
    names = {account.listing("till", f"till-{sku}").item_id: sku for sku in "AB"}
    for movement in account.movements("undo"):
        undone[names[movement.item_id]] += int(movement.quantity)
    for sku in "AB":
        assert account.on_hand(sku) == 20 - sold[sku] + undone[sku]
        wanted = {name: max(Quantity(0), account.on_hand(sku)) for name in ("web", "outlet")}
        assert sides(account, sku) == {"till": account.on_hand(sku), **wanted}
