"""Many rows are worked on together: what one more costs in statements. A row that is loaded by itself shows here."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from tests.support.engine import two_sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from syncd.state.engine import Database
    from tests.support.engine import Account

_FEW, _MANY = 20, 80


@contextmanager
def _counted(db: Database) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield said
    event.remove(db.engine, "before_cursor_execute", note)


def _put(account: Account, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        account.worlds["till"].put(f"t-{name}", number + 5, sku=name)
        account.worlds["web"].put(f"w-{name}", number + 6, sku=name)


def _sell(account: Account, names: Sequence[str]) -> None:
    for name in names:
        account.worlds["web"].sell(f"w-{name}", 1, reference=name)


def _nothing(_account: Account, _names: Sequence[str]) -> None:
    pass


@pytest.mark.parametrize(
    ("act", "kind", "most"),
    [
        (_put, "poll", 1.3),
        (_sell, "poll", 45.0),  # a transaction for intent and outcome of each booking, as the till has no batches
        (_nothing, "full", 0.3),
    ],
)
def test_one_more_of_many_costs_few_statements(
    sqlite_database: Database, act: Callable[[Account, Sequence[str]], None], kind: str, most: float
) -> None:
    account = two_sides(sqlite_database, {}, {})
    found = []
    for count in (_FEW, _MANY):
        names = [f"{count}-{number}" for number in range(count)]
        if act is not _put:
            _put(account, names)
            account.settle_down()
        act(account, names)
        account.clock.advance(61)
        with _counted(sqlite_database) as said:
            for _ in range(3):
                assert [outcome.error for outcome in account.poll(kind=kind)] == [None, None]
        found.append(len(said))
    assert (found[1] - found[0]) / (_MANY - _FEW) < most
