"""What a shop counts does not change unseen: goods of another location are neither sold nor received."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from syncd.adapters.base import Counting
from syncd.core.guard import Limit, SafetyLimits
from syncd.errors import CountsOtherwise, SafetyStop, Transient
from syncd.service.counting import NothingToAccept, StillUnderWay, accept_counting
from syncd.state.models import Side
from tests.engine.test_daemon_jobs import Served
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.core.model import ChangePage, Cursor
    from syncd.state.engine import Database

FRONT = Counting("available 1", "what is available at Front")
BACK = Counting("available 2", "what is available at Back")
STOCK = {"A": 10, "B": 20, "C": 0}
THERE = {"A": 10, "B": 3, "C": 7}


def _open(database: Database, **options: object) -> Account:
    account = Account(database)
    till, web = account.add_side("till", "hub"), account.add_side("web", **options)  # type: ignore[arg-type]
    web.counting = FRONT
    for sku, quantity in STOCK.items():
        till.put(f"t-{sku}", quantity, sku=sku)
        web.put(f"w-{sku}", quantity, sku=sku)
    account.poll()
    account.settle_down()
    assert _shop(account) == STOCK
    return account


def _count_elsewhere(account: Account, there: dict[str, int] | None = None) -> None:
    """Somebody changes the configuration; nothing happens to the goods, and no feed tells of any."""
    world = account.worlds["web"]
    world.counting = BACK
    changed = {key: thing.changed for key, thing in world.things.items()}
    for sku, quantity in (there or THERE).items():
        world.put(f"w-{sku}", quantity, sku=sku)
    for key, thing in world.things.items():
        thing.changed = changed[key]
    account.restart()


def _shop(account: Account) -> dict[str, int]:
    return {key[2:]: int(account.worlds["web"].quantity(key)) for key in account.worlds["web"].things}


def _till(account: Account) -> dict[str, int]:
    return {key[2:]: int(account.worlds["till"].quantity(key)) for key in account.worlds["till"].things}


def _kinds(account: Account) -> list[str]:
    return [finding.kind for finding in account.findings()]


def _counts(database: Database) -> tuple[str, str]:
    with database.read() as session:
        row = session.query(Side).filter(Side.name == "web").one()
        return row.counts, row.counts_words


@pytest.mark.parametrize("kind", ["poll", "full", "push"])
def test_another_counting_is_refused_and_nothing_is_written(database: Database, kind: str) -> None:
    account = _open(database)
    _count_elsewhere(account)
    account.worlds["till"].sell("t-A", 1)
    account.clock.advance(61)
    account.poll("till")
    before, asked = account.movements(), len(account.worlds["web"].writes)
    (outcome,) = account.poll("web", kind=kind)
    account.poll("till")
    assert isinstance(outcome.error, CountsOtherwise)
    assert outcome.error.exit_code == 78
    for words in (FRONT.words, BACK.words, "syncd approve --counts web"):
        assert words in str(outcome.error)
    assert [row.id for row in account.movements()] == [row.id for row in before]
    assert len(account.worlds["web"].writes) == asked
    assert (_till(account), _shop(account)) == (STOCK | {"A": 9}, THERE)
    assert _kinds(account) == ["counts_otherwise"]


def test_put_back_it_goes_on(database: Database) -> None:
    account = _open(database)
    _count_elsewhere(account)
    account.settle_down()
    account.worlds["web"].counting = FRONT
    for sku, quantity in STOCK.items():
        account.worlds["web"].put(f"w-{sku}", quantity, sku=sku)
    account.worlds["web"].sell("w-B", 2)
    account.settle_down()
    assert _kinds(account) == []
    assert _till(account) == _shop(account) == STOCK | {"B": 18}
    assert [movement.quantity for movement in account.movements("sale", "change")] == [-2]


def test_what_people_call_it_may_change(database: Database) -> None:
    account = _open(database)
    account.worlds["web"].counting = Counting(FRONT.key, "what is available at Main street")
    account.restart()
    account.settle_down()
    assert _kinds(account) == []
    assert _counts(database) == (FRONT.key, "what is available at Main street")


def test_what_was_not_known_is_taken_over(database: Database) -> None:
    """A database of an earlier version; and a shop that was asked before and has no products yet."""
    account = _open(database)
    with database.write() as session:
        session.query(Side).update({Side.counts: "", Side.counts_words: ""})
    account.restart()
    account.settle_down()
    assert _counts(database) == (FRONT.key, FRONT.words)
    account.add_side("new").counting = FRONT
    account.poll("new")
    account.worlds["new"].counting = BACK
    assert account.poll("new")[0].error is None


def test_accepted_it_moves_nothing_and_is_aligned_like_a_first_link(database: Database) -> None:
    account = _open(database)
    _count_elsewhere(account)
    account.settle_down()
    before = account.movements()
    done = accept_counting(account.workers["web"].side)
    assert (done.before, done.now, done.listings) == (FRONT.words, BACK.words, 3)
    assert _kinds(account) == []
    account.settle_down()
    assert [row.id for row in account.movements()] == [row.id for row in before]
    assert _till(account) == _shop(account) == STOCK
    account.worlds["web"].sell("w-B", 1)
    account.settle_down()
    assert _till(account) == _shop(account) == STOCK | {"B": 19}
    assert account.movements()[-1].quantity == -1


def test_the_first_writes_wait_for_a_person_as_ever(database: Database) -> None:
    account = _open(database, limits=SafetyLimits(max_changed=Limit(1, Decimal(1))))
    _count_elsewhere(account)
    accept_counting(account.workers["web"].side)
    account.clock.advance(61)
    (outcome,) = account.poll("web")
    assert isinstance(outcome.error, SafetyStop)
    assert (_till(account), _shop(account)) == (STOCK, THERE)


@pytest.mark.parametrize("crashes", [False, True])
def test_orders_of_the_time_between_are_counted_once(database: Database, crashes: bool) -> None:
    """The numbers that are taken over contain them already; what is sold while they are read is a change as ever."""
    account = _open(database)
    web, till = account.worlds["web"], account.worlds["till"]
    _count_elsewhere(account)
    web.sell("w-B", 2, reference="1001")
    till.sell("t-A", 4)
    account.clock.advance(61)
    account.poll()
    accept_counting(account.workers["web"].side)
    if crashes:
        adapter = account.workers["web"].side.adapter
        adapter.read_changes = _fails  # type: ignore[method-assign]
        account.clock.advance(61)
        assert isinstance(account.poll("web")[0].error, Transient)
        del adapter.read_changes
        web.sell("w-A", 1, reference="1002")
    account.settle_down(3)
    after = STOCK | {"A": 6 - crashes, "B": 18}
    assert _till(account) == _shop(account) == after
    counted = sorted(int(row.quantity) for row in account.movements("sale", "change"))
    assert counted == [-4, -2] + [-1] * crashes


def _fails(cursor: Cursor) -> Iterator[ChangePage]:
    raise Transient("web", "GET /orders", f"closed {len(cursor)}")


def test_where_the_shop_counts_its_quantities_become_those_of_the_till(database: Database) -> None:
    account = _open(database, initial_stock="shop")
    _count_elsewhere(account)
    accept_counting(account.workers["web"].side)
    account.worlds["web"].sell("w-A", 1, reference="1001")
    account.settle_down()
    assert _till(account) == _shop(account) == THERE | {"A": 9}
    assert {row.cause for row in account.movements()} == {"opening", "initial_stock"}


def test_where_both_must_be_equal_what_differs_is_left_to_a_person(database: Database) -> None:
    account = _open(database, initial_stock="equal_only")
    _count_elsewhere(account)
    accept_counting(account.workers["web"].side)
    account.settle_down()
    assert (_till(account), _shop(account)) == (STOCK, THERE)
    assert ["2 with a different quantity" in row.message for row in account.findings()] == [True]
    account.worlds["web"].sell("w-A", 1)
    account.settle_down()
    assert (_till(account), _shop(account)) == (STOCK | {"A": 9}, THERE | {"A": 9})


def test_an_emptied_shop_does_not_pass_for_one_that_was_read(database: Database) -> None:
    account = _open(database)
    _count_elsewhere(account)
    accept_counting(account.workers["web"].side)
    things, account.worlds["web"].things = account.worlds["web"].things, {}
    account.settle_down()
    assert _kinds(account) == ["side_empty"]
    account.worlds["web"].things = things
    account.settle_down()
    assert _kinds(account) == []
    assert _till(account) == _shop(account) == STOCK


def test_a_write_in_doubt_is_closed_when_it_cannot_take_effect_any_more(database: Database) -> None:
    account = _open(database)
    account.worlds["till"].sell("t-B", 1)
    account.worlds["web"].faults = ["lost_before"]
    account.clock.advance(61)
    account.poll()
    assert [row.state for row in account.operations()] == ["unknown"]
    _count_elsewhere(account)
    side = account.workers["web"].side
    with pytest.raises(StillUnderWay, match="try again in 61 s"):
        accept_counting(side)
    assert _counts(database)[0] == FRONT.key
    account.clock.advance(61)
    assert accept_counting(side).dropped == 1
    account.settle_down()
    assert _till(account) == _shop(account) == STOCK | {"B": 19}
    assert account.operations("unknown") == []


def test_there_is_nothing_to_accept_where_nothing_changed(database: Database) -> None:
    account = two_sides(database, {"A": 1}, {"A": 1})
    with pytest.raises(NothingToAccept, match="the only quantity that there is"):
        accept_counting(account.workers["web"].side)
    account.worlds["web"].counting = FRONT
    account.poll()
    with pytest.raises(NothingToAccept, match=FRONT.words):
        accept_counting(account.workers["web"].side)


def test_the_daemon_does_not_start_with_another_counting(sqlite_database: Database) -> None:
    account = _open(sqlite_database)
    _count_elsewhere(account)
    with pytest.raises(CountsOtherwise):
        Served(account, beats=600).run()
    assert (_till(account), _shop(account)) == (STOCK, THERE)


def test_a_daemon_at_work_lets_the_other_sides_go_on(sqlite_database: Database) -> None:
    """A shop's only location was closed and another one opened: that is no mistake of the configuration."""
    account = _open(sqlite_database)
    served, web = Served(account, beats=1), account.workers["web"]
    for worker in account.workers.values():
        served._pass(worker, "poll", "schedule")
    account.worlds["web"].counting = BACK
    served._pass(web, "poll", "schedule")
    assert not web.stop.is_set()
    assert _kinds(account) == ["counts_otherwise"]
    account.worlds["web"].counting = FRONT
    served._pass(web, "poll", "schedule")
    assert _kinds(account) == []
