"""Where writes carry keys, a lost answer is asked for again with the same key, and nothing is applied twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.adapters.base import Capabilities
from syncd.core.model import Refused
from syncd.errors import SideError
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.core.model import StockWrite, WriteResult
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
