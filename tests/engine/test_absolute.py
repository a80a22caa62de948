"""Shops that can only be set to a quantity: nothing that happens around our write is lost (design 3, rule 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.adapters.base import Capabilities
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from syncd.core.model import StockWrite
    from syncd.state.engine import Database

ABSOLUTE = Capabilities(relative=False, atomic=False, events=True, batch_size=20)


def _open(database: Database) -> Account:
    account = two_sides(database, {"A": 10}, {"A": 10}, capabilities=ABSOLUTE)
    account.clock.advance(60)
    return account


def _push_a_till_sale(account: Account) -> None:
    account.worlds["till"].sell("t-A", 1)
    account.poll("till")
    account.workers["web"].run("push", "test")


def _inside_the_write(account: Account, *orders: tuple[str, int]) -> None:
    """These orders land after our look and before the shop sets the quantity."""
    web = account.worlds["web"]

    def land(write: StockWrite) -> None:
        web.before_effect = None
        for reference, quantity in orders:
            web.sell(write.ref.external_id, quantity, reference=reference)

    web.before_effect = land


def _pass(account: Account, times: int = 5) -> None:
    for _ in range(times):
        account.clock.advance(30)
        account.poll()


def _both(account: Account) -> tuple[int, int]:
    return int(account.worlds["till"].quantity("t-A")), int(account.worlds["web"].quantity("w-A"))


def test_what_changed_since_the_last_poll_is_seen_just_before_the_write(database: Database) -> None:
    account = _open(database)
    account.worlds["web"].sell("w-A", 3)
    _push_a_till_sale(account)
    assert account.worlds["web"].quantity("w-A") == 6
    _pass(account)
    assert _both(account) == (6, 6)


def test_what_is_sold_right_after_the_write_is_seen_in_the_same_pass(database: Database) -> None:
    account = _open(database)
    web = account.worlds["web"]
    fetch = account.workers["web"].side.adapter.fetch
    looks: list[int] = []

    def sell_before_the_second_look(refs: object) -> object:
        looks.append(1)
        if len(looks) == 2:
            web.sell("w-A", 2, reference="78")
        return fetch(refs)  # type: ignore[arg-type]  # passed on as given

    account.workers["web"].side.adapter.fetch = sell_before_the_second_look  # type: ignore[method-assign,assignment]
    _push_a_till_sale(account)
    assert account.on_hand("A") == 7
    _pass(account)
    assert _both(account) == (7, 7)


def test_an_order_inside_the_write_is_found_by_its_document_and_counted_once(database: Database) -> None:
    account = _open(database)
    _inside_the_write(account, ("77", 2), ("78", 1))
    _push_a_till_sale(account)
    assert account.worlds["web"].quantity("w-A") == 9
    _pass(account)
    assert _both(account) == (6, 6)
    assert sorted(m.quantity for m in account.movements("lost_update")) == [-2, -1]
    assert account.findings() == []


@pytest.mark.parametrize("fault", ["lost_before", "lost_after", "late"])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_a_lost_answer_with_an_order_around_it_is_settled(database: Database, fault: str, order: int) -> None:
    """1 unit is just what the write takes: applied and swallowed, or not applied and counted, it comes to the same."""
    account = _open(database)
    account.worlds["web"].faults.append(fault)
    if order and fault == "lost_after":
        _inside_the_write(account, ("77", order))
    _push_a_till_sale(account)
    if order and fault != "lost_after":
        account.clock.advance(5)
        account.worlds["web"].sell("w-A", order, reference="77")
    _pass(account, 8)
    assert _both(account) == (9 - order, 9 - order)
    assert account.findings() == []
