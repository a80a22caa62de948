"""Where writes carry keys, a lost answer is asked for again with the same key, and nothing is applied twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.adapters.base import Capabilities
from syncd.adapters.memory import Writing
from syncd.core.model import Refused
from syncd.errors import OutcomeUnknown, SideError
from syncd.service import resend
from syncd.state.models import Operation
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.core.model import StockWrite, WriteResult
    from syncd.service.doubt import Case
    from syncd.service.side import SideContext
    from syncd.state.engine import Database

LIFE_S = 300
KEYED = Capabilities(relative=True, key_life_s=LIFE_S, batch_size=20, events=True)


def open_keyed(database: Database) -> Account:
    account = two_sides(database, {"A": 10, "B": 10}, {"A": 10, "B": 10}, capabilities=KEYED)
    account.clock.advance(60)
    return account


def lose(account: Account, fault: str, units: int = 2) -> None:
    """A sale at the till whose write to the shop gets no answer."""
    account.worlds["web"].faults = [fault]
    account.worlds["till"].sell("t-A", units)
    account.poll("till")
    account.workers["web"].run("push", "test")
    assert [each.state for each in account.operations()][-1] == "unknown"


@pytest.mark.parametrize("fault", ["lost_after", "lost_before", "late"])
def test_a_lost_answer_is_settled_by_the_next_pass(database: Database, fault: str) -> None:
    account = open_keyed(database)
    lose(account, fault)
    account.clock.advance(1)
    account.poll("web")
    (operation,) = account.operations()
    assert (operation.state, operation.settled_by) == ("confirmed", "marker")
    account.settle_down()
    web = account.worlds["web"]
    assert web.quantity("w-A") == account.on_hand("A") == 8
    assert len(web.writes) == 1
    assert not account.findings(closed=True)


@pytest.mark.parametrize("fault", ["lost_after", "lost_before", "late"])
def test_what_a_cache_shows_after_the_second_try_is_no_change(database: Database, fault: str) -> None:
    """Found by the histories: the second try took effect just now, and a reading showed what was there before it."""
    account = open_keyed(database)
    web = account.worlds["web"]
    web.stale, web.stale_s = True, 5
    lose(account, fault)
    account.clock.advance(1)
    account.poll("web")
    assert account.operations()[-1].state == "confirmed"
    account.settle_down()
    assert web.quantity("w-A") == account.worlds["till"].quantity("t-A") == account.on_hand("A") == 8
    assert [movement.quantity for movement in account.movements() if movement.cause != "opening"] == [-2]


def test_what_happens_around_the_doubt_is_counted_once(database: Database) -> None:
    """The answer to the second try is as old as the first: a sale since then is in the reading that follows."""
    account = open_keyed(database)
    web = account.worlds["web"]
    lose(account, "lost_after")
    web.sell("w-A", 1, reference="1")
    account.poll("web")
    web.sell("w-A", 3)
    account.worlds["till"].sell("t-A", 1)
    account.settle_down()
    assert web.quantity("w-A") == account.worlds["till"].quantity("t-A") == account.on_hand("A") == 3


def test_a_process_that_was_killed_leaves_what_the_next_one_asks_for_again(database: Database) -> None:
    account = open_keyed(database)
    lose(account, "lost_after")
    with account.db.write() as session:
        (operation,) = account.operations()
        row = session.merge(operation)
        row.state = "sent"
    account.restart()
    account.poll("web")
    assert [each.state for each in account.operations()] == ["confirmed"]
    account.settle_down()
    assert account.worlds["web"].quantity("w-A") == 8


def test_a_second_try_that_is_still_under_way_is_not_taken_for_one_that_failed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first try is over: numbers say nothing until the second one must be, too."""
    account = open_keyed(database)
    lose(account, "lost_before")
    web, side = account.worlds["web"], account.workers["web"].side
    under_way: list[StockWrite] = []

    def give_up(writes: Sequence[StockWrite]) -> list[WriteResult]:
        under_way.extend(writes)
        account.clock.advance(60)
        raise OutcomeUnknown("web", "POST", "server error 504")

    monkeypatch.setattr(side.adapter, "write_stock", give_up)
    account.clock.advance(30)
    account.poll("web")
    assert [each.state for each in account.operations()] == ["unknown"]
    monkeypatch.undo()
    web.apply(under_way[0], Writing(keyed=True))
    account.settle_down(3)
    assert web.quantity("w-A") == account.on_hand("A") == 8
    assert len(web.writes) == 1


def test_a_killed_second_try_is_in_doubt_from_then_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    account = open_keyed(database)
    lose(account, "lost_before")
    web = account.worlds["web"]
    under_way: list[StockWrite] = []

    def die(writes: Sequence[StockWrite]) -> list[WriteResult]:
        under_way.extend(writes)
        raise KeyError("killed")

    monkeypatch.setattr(account.workers["web"].side.adapter, "write_stock", die)
    account.clock.advance(LIFE_S - 1)
    with pytest.raises(KeyError):
        account.poll("web")
    monkeypatch.undo()
    account.restart()
    account.clock.advance(2)  # the key may be forgotten by now
    account.poll("web")
    assert [each.state for each in account.operations()] == ["unknown"]
    web.apply(under_way[0], Writing(keyed=True))
    account.settle_down(3)
    assert web.quantity("w-A") == account.on_hand("A") == 8
    assert len(web.writes) == 1


def test_what_a_person_settled_is_not_sent_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """They say "not applied" after the pass has looked what is in doubt, and before it sends."""
    account = open_keyed(database)
    lose(account, "lost_before")
    ask = resend.can_be_resent

    def settled_meanwhile(side: SideContext, case: Case) -> bool:
        with account.db.write() as session:
            session.get_one(Operation, case.operation_id).state = "cancelled"
        return ask(side, case)

    monkeypatch.setattr("syncd.service.settlement.can_be_resent", settled_meanwhile)
    account.workers["web"].run("push", "test")
    monkeypatch.undo()
    assert [write.operation_id for write in account.worlds["web"].writes] != [account.operations()[0].uid]
    account.settle_down()
    assert account.worlds["web"].quantity("w-A") == 8


def test_a_no_to_the_second_try_settles_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be about the second try alone: the first was applied, and then the product was changed."""
    account = open_keyed(database)
    lose(account, "lost_after")

    def refuse(writes: Sequence[StockWrite]) -> list[WriteResult]:
        return [Refused("not_counted", "not now")] * len(writes)

    monkeypatch.setattr(account.workers["web"].side.adapter, "write_stock", refuse)
    account.poll("web")
    assert [each.state for each in account.operations()] == ["unknown"]
    monkeypatch.undo()
    account.settle_down()
    assert [each.state for each in account.operations()] == ["confirmed"]
    assert account.worlds["web"].quantity("w-A") == 8


def test_after_the_life_of_the_key_the_numbers_tell(database: Database) -> None:
    account = open_keyed(database)
    lose(account, "lost_after")
    web = account.worlds["web"]
    web.keys.clear()  # the side forgets
    account.clock.advance(LIFE_S)
    account.poll("web")
    (operation,) = account.operations()
    assert (operation.state, operation.settled_by) == ("confirmed", "read_back")
    assert web.quantity("w-A") == 8
    assert len(web.writes) == 1


def test_a_clock_that_was_set_back_resends_nothing(database: Database) -> None:
    account = open_keyed(database)
    lose(account, "lost_after")
    web = account.worlds["web"]
    web.keys.clear()
    account.clock.advance(-LIFE_S * 10)
    account.poll("web")
    assert len(web.writes) == 1


def test_a_side_that_is_down_stays_in_doubt(database: Database) -> None:
    account = open_keyed(database)
    lose(account, "lost_after")
    account.worlds["web"].faults = ["refused_connection", "lost_after"]
    (outcome,) = account.poll("web")
    assert isinstance(outcome.error, SideError)
    account.poll("web")
    assert [each.state for each in account.operations()] == ["unknown"]
    account.poll("web")
    assert [each.state for each in account.operations()] == ["confirmed"]
    assert account.worlds["web"].quantity("w-A") == 8
