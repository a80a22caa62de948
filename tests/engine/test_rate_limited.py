"""A side that asks for a pause between writes that it takes: what it refused so is written later in the same pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.engine import HUB, Account

if TYPE_CHECKING:
    from syncd.state.engine import Database

_SKUS = [f"S{number}" for number in range(6)]


def _account(database: Database, parallel: int) -> Account:
    account = Account(database)
    till = account.add_side("till", "hub", capabilities=replace(HUB, parallel_writes=parallel))
    web = account.add_side("web")
    for sku in _SKUS:
        till.put(f"t-{sku}", 10, sku=sku)
        web.put(f"w-{sku}", 10, sku=sku)
    account.poll()
    account.settle_down()
    for sku in _SKUS:
        web.sell(f"w-{sku}", 1, reference=sku)
    account.clock.advance(15)
    return account


def _held(account: Account) -> list[int]:
    return [int(account.worlds["till"].quantity(f"t-{sku}")) for sku in _SKUS]


def test_what_was_refused_between_writes_that_were_taken_is_written_in_the_same_pass(database: Database) -> None:
    account = _account(database, parallel=2)
    account.worlds["till"].faults = ["", "rate_limited", "", "rate_limited", "rate_limited"]
    assert [outcome.error for outcome in account.poll("web", "till")] == [None, None]
    assert _held(account) == [9] * 6
    assert len(account.operations("confirmed")) == 6
    assert len(account.operations("cancelled")) == 3


def test_a_side_that_takes_nothing_ends_the_pass(database: Database) -> None:
    account = _account(database, parallel=2)
    account.worlds["till"].faults = ["rate_limited"] * 6
    errors = [outcome.error for outcome in account.poll("web", "till")]
    assert [str(error) for error in errors] == ["None", "till: WRITE: rate_limited"]
    assert _held(account) == [10] * 6
    account.settle_down()
    assert _held(account) == [9] * 6


@pytest.mark.parametrize("fault", ["lost_after", "lost_before"])
def test_another_failure_beside_it_ends_the_pass(database: Database, fault: str) -> None:
    account = _account(database, parallel=2)
    account.worlds["till"].faults = ["rate_limited", fault]
    errors = [outcome.error for outcome in account.poll("web", "till")]
    assert errors[1] is not None
    account.settle_down(4)
    assert _held(account) == [9] * 6
