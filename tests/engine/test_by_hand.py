"""Pairing and parting by a person's word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from syncd.service.by_hand import NotLinkable, link_by_hand, unlink_by_hand
from syncd.service.side import SideContext
from syncd.state.models import Run
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from syncd.state.engine import Database


def _sides(account: Account) -> tuple[SideContext, SideContext]:
    return account.workers["web"].side, account.workers["till"].side


def _pass(account: Account, times: int = 3) -> None:
    for _ in range(times):
        account.clock.advance(61)
        account.poll()


def test_two_listings_with_different_codes_are_kept_the_same_once_they_were_paired(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"B": 3})
    done = link_by_hand(*_sides(account), "B", "A")
    assert (done.shop_id, done.hub_id) == ("w-B", "t-A")
    _pass(account)
    assert account.worlds["web"].quantity("w-B") == 10
    account.worlds["web"].sell("w-B", 4)
    _pass(account)
    assert account.worlds["till"].quantity("t-A") == 6
    assert account.listing("web", "w-B").link_rule == "manual"


def test_what_was_parted_is_told_nothing_and_stays_apart(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    unlink_by_hand(*_sides(account), "A")
    account.worlds["till"].sell("t-A", 2)
    account.worlds["web"].sell("w-A", 1)
    account.poll(kind="full")
    _pass(account)
    assert account.worlds["till"].quantity("t-A") == 8
    assert account.worlds["web"].quantity("w-A") == 9
    (finding,) = account.findings()
    assert "1 parted by hand" in finding.message


def test_a_parted_listing_can_be_paired_again(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    unlink_by_hand(*_sides(account), "w-A")
    account.worlds["till"].sell("t-A", 2)
    _pass(account)
    link_by_hand(*_sides(account), "A", "t-A")
    _pass(account)
    assert account.worlds["web"].quantity("w-A") == 8
    assert account.findings() == []


def test_the_place_of_a_parted_listing_can_be_taken(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10, "B": 1})
    with pytest.raises(NotLinkable, match="is linked with w-A"):
        link_by_hand(*_sides(account), "B", "A")
    unlink_by_hand(*_sides(account), "A")
    link_by_hand(*_sides(account), "B", "A")
    _pass(account)
    assert account.worlds["web"].quantity("w-B") == 10


def test_mistakes_are_named_and_change_nothing(database: Database) -> None:
    account = two_sides(database, {"A": 10, "C": 5}, {"A": 10, "B": 1})
    account.worlds["web"].put("w-B2", 1, sku="B")
    account.worlds["web"].put("w-M", 1, sku="M", stock_mode="group")
    _pass(account, 1)
    runs = _runs(account)
    for shop_code, hub_code, words in (
        ("nothing", "A", "no product with the SKU, EAN or id 'nothing'"),
        ("A", "nothing", "till has no product"),
        ("B", "C", "2 products of web have the code 'B'; name one by its id: w-B"),
        ("A", "C", "is linked already; `syncd unlink w-A` first"),
    ):
        with pytest.raises(NotLinkable, match=words):
            link_by_hand(*_sides(account), shop_code, hub_code)
    with pytest.raises(NotLinkable, match="is not linked"):
        unlink_by_hand(*_sides(account), "w-B")
    assert _runs(account) == runs
    link_by_hand(*_sides(account), "w-B2", "C")
    _pass(account)
    assert account.worlds["web"].quantity("w-B2") == 5


def test_a_write_in_doubt_is_settled_before_its_listing_is_parted(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.worlds["web"].faults.append("lost_after")
    account.worlds["till"].sell("t-A", 1)
    account.poll()
    with pytest.raises(NotLinkable, match="not settled yet"):
        unlink_by_hand(*_sides(account), "A")
    _pass(account)
    unlink_by_hand(*_sides(account), "A")


def _runs(account: Account) -> int:
    with account.db.read() as session:
        return session.scalar(select(func.count()).select_from(Run)) or 0
