"""The lines of a chart are what the sides were known to hold, whatever happened to them."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from syncd.config.schema import Age, RetentionConfig
from syncd.page import chart
from syncd.page.timeline import Line, Step, read_lines
from syncd.service.retention import Pruner
from syncd.state.models import Item, Listing
from tests.support.engine import two_sides

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.state.engine import Database
    from tests.support.engine import Account

SEEDS = range(int(os.environ["HISTORIES"])) if "HISTORIES" in os.environ else (0, 20)
"""In the second a window of the newest begins inside a write."""

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def item_of(account: Account) -> int:
    number = account.listing("till", "t-A").item_id
    assert number is not None
    return number


def lines_of(account: Account, limit: int = 500) -> dict[str, Line]:
    with account.db.read() as session:
        return {line.side: line for line in read_lines(session, item_of(account), limit=limit, now=account.clock())}


def held(line: Line, at: datetime) -> Decimal:
    return [step.holds for step in line.steps if step.at <= at][-1]


def happenings(account: Account, pick: random.Random) -> list[Callable[[], object]]:
    till, web = account.worlds["till"], account.worlds["web"]
    return [
        lambda: till.sell("t-A", pick.randint(1, 3)),
        lambda: web.sell("w-A", pick.randint(1, 3)),
        lambda: web.sell("w-A", 1, reference=str(pick.randint(1, 999))),
        lambda: till.count("t-A", pick.randint(0, 30)),
        lambda: web.count("w-A", pick.randint(0, 30)),
        lambda: web.faults.append("lost_after"),
        lambda: till.faults.append("lost_after"),
        lambda: web.faults.append("lost_before"),
        lambda: None,
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_lines_show_what_the_sides_were_known_to_hold(database: Database, seed: int) -> None:
    pick = random.Random(seed)  # noqa: S311 - histories, no secrets
    account = two_sides(database, {"A": 20}, {"A": 15})
    known: list[tuple[datetime, str, Decimal]] = []
    for _ in range(20):
        account.clock.advance(pick.randint(1, 90))
        pick.choice(happenings(account, pick))()
        for side in pick.sample(["till", "web"], 2):
            account.clock.advance(1)
            account.poll(side)
            for name, listing in (("till", "t-A"), ("web", "w-A")):
                shadow = account.listing(name, listing).shadow
                assert shadow is not None
                known.append((account.clock(), name, shadow))
    lines = lines_of(account)
    wrong = [(at, side, held(lines[side], at), shadow) for at, side, shadow in known if held(lines[side], at) != shadow]
    assert wrong == []
    assert sum(line.changes for line in lines.values()) > 10
    # A window of the newest says the same of the time that it covers.
    for side, line in lines_of(account, limit=8).items():
        begin = line.steps[0].at
        assert [(at, held(line, at), shadow) for at, name, shadow in known
                if name == side and at >= begin and held(line, at) != shadow] == []  # fmt: skip


def test_the_number_of_steps_is_the_number_of_changes(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 15})
    for _ in range(3):
        account.clock.advance(60)
        account.worlds["till"].sell("t-A", 1)
        account.poll("till", "web")
    lines = lines_of(account)
    assert [step.holds for step in lines["till"].steps] == [20, 19, 18, 17]
    assert [step.holds for step in lines["web"].steps] == [15, 20, 19, 18, 17]
    drawn = chart.draw(list(lines.values()), chart.WIDE)
    assert [(curve.side, curve.path.count("V")) for curve in drawn.curves] == [("till", 3), ("web", 4)]
    assert "web changed 4 times, from 15 to 17, between 15 and 20" in chart.summary(list(lines.values()))


def test_a_side_that_is_gone_ends_and_one_without_a_quantity_has_no_line(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.clock.advance(60)
    account.worlds["till"].sell("t-A", 1)
    account.poll("till", "web")
    end = account.clock()
    account.clock.advance(600)
    with database.write() as session:
        row = session.get_one(Listing, account.listing("web", "w-A").id)
        row.gone_at, row.gone_proof = account.clock(), "trashed"
    lines = lines_of(account)
    assert (lines["web"].until, lines["till"].until) == (end, account.clock())
    with database.write() as session:
        item = Item(on_hand=Decimal(0), created_at=AT)
        session.add(item)
        session.flush()
        assert read_lines(session, item.id, limit=10, now=AT) == []


def line(*values: str | int, every: timedelta = timedelta(hours=1), side: str = "till") -> Line:
    steps = tuple(Step(AT + number * every, Decimal(value)) for number, value in enumerate(values))
    return Line(side, steps, steps[-1].at + every)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ((0, 5), ["0", "1", "2", "3", "4", "5"]),
        ((0,), ["0", "1", "2", "3", "4"]),
        ((1, 2), ["0", "1", "2", "3", "4"]),
        ((-2, 3), ["-2", "-1", "0", "1", "2", "3"]),
        ((-3, -1), ["-3", "-2", "-1", "0"]),
        ((500, 503), ["498", "499", "500", "501", "502", "503"]),
        ((0, 60), ["0", "10", "20", "30", "40", "50", "60"]),
        (("7.5", "0.25"), ["0", "2", "4", "6", "8"]),
        ((0, 10**10), ["0", "2000000000", "4000000000", "6000000000", "8000000000", "10000000000"]),
    ],
)
def test_the_axis_of_units_has_round_whole_numbers(values: tuple[int, ...], labels: list[str]) -> None:
    assert [tick.label for tick in chart.draw([line(*values)], chart.WIDE).rows] == labels


@pytest.mark.parametrize(
    "every", [timedelta(seconds=1), timedelta(seconds=40), timedelta(minutes=7), timedelta(hours=5), timedelta(days=1),
              timedelta(days=9), timedelta(days=40), timedelta(days=400), timedelta(days=9000)],
)  # fmt: skip
@pytest.mark.parametrize("frame", [chart.WIDE, chart.NARROW], ids=lambda frame: frame.name)
def test_the_axis_of_time_has_some_ticks_inside_the_chart_and_not_too_many(
    every: timedelta, frame: chart.Frame
) -> None:
    drawn = chart.draw([line(3, 2, 1, every=every)], frame)
    assert 1 <= len(drawn.columns) <= frame.columns + 1
    assert all(frame.left <= tick.at <= frame.width - frame.right for tick in drawn.columns)
    places = [tick.at for tick in drawn.columns]
    assert all(one + 20 < other for one, other in pairwise(places))


def test_the_table_says_what_the_chart_says() -> None:
    lines = [line(3, 2), line(5, 4, 3, every=timedelta(minutes=90), side="web")]
    assert [(str(row.at - AT), [str(units) for units in row.holds]) for row in chart.table(lines)] == [
        ("3:00:00", ["2", "3"]), ("1:30:00", ["2", "4"]), ("1:00:00", ["2", "5"]), ("0:00:00", ["3", "5"]),
    ]  # fmt: skip
    assert chart.summary([line(3)]).endswith(": till held 3 throughout.")


def test_what_was_summed_up_is_no_level_line(database: Database) -> None:
    """Of the time whose movements are kept as a sum the quantity at each moment is not known any more."""
    account = two_sides(database, {"A": 100}, {"A": 100})
    account.settle_down()
    account.worlds["web"].sell("w-A", 1)
    account.settle_down()
    for _ in range(4):
        account.clock.advance(86400)
        account.worlds["till"].sell("t-A", 10)
        account.settle_down()
    account.clock.advance(60 * 86400)
    account.settle_down()
    age = Age("30 days", timedelta(days=30))
    Pruner(database, RetentionConfig.model_construct(runs=age, movements=age), account.clock()).run()
    account.worlds["till"].sell("t-A", 1)
    account.settle_down()
    lines = lines_of(account)
    assert [step.holds for step in lines["till"].steps] == [59, 58]
    assert [step.holds for step in lines["web"].steps][-2:] == [59, 58]
