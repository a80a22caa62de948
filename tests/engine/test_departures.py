"""Deletions are judged as a whole: a key of another account must not unlink a catalogue product by product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from syncd.adapters.base import Capabilities
from syncd.core.guard import Limit, SafetyLimits, check_gone
from syncd.core.model import ListingRef, Quantity
from syncd.errors import SafetyStop, Transient
from syncd.service.findings import APPROVED, close_finding
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.core.model import FetchResult
    from syncd.state.engine import Database

SKUS = [f"S{number}" for number in range(8)]
LIMITS = SafetyLimits(max_gone=Limit(items=2, percent=Quantity(10)))


def _account(db: Database) -> Account:
    stock = dict.fromkeys(SKUS, 5)
    account = two_sides(db, stock, stock)
    for name in ("till", "web"):
        account.workers[name].side.limits = LIMITS
    return account


def _links(account: Account) -> int:
    return sum(account.listing("web", f"w-{sku}").item_id is not None for sku in SKUS)


def _stops(account: Account) -> list[tuple[str, str]]:
    return [(each.kind, each.subject) for each in account.findings() if each.kind == "safety_stop"]


def _error(account: Account, side: str, kind_of_error: type[Exception], *, kind: str = "poll") -> str:
    (outcome,) = account.poll(side, kind=kind)
    assert isinstance(outcome.error, kind_of_error)
    return str(outcome.error)


def _another_account(account: Account, side: str, count: int) -> dict[str, Any]:
    """From now on these products are not there, and nobody says that they were deleted."""
    world = account.worlds[side]
    return {key: world.things.pop(key) for key in list(world.things)[:count]}


@pytest.mark.parametrize("side", ["till", "web"])
def test_a_key_of_another_account_unlinks_nothing(database: Database, side: str) -> None:
    account = _account(database)
    taken = _another_account(account, side, 7)
    assert "7 of 8 linked items are gone at once" in _error(account, side, SafetyStop, kind="full")
    assert _stops(account) == [("safety_stop", f"deletions of {side}")]
    assert _links(account) == 8
    assert "waits for a person" in _error(account, side, SafetyStop)
    account.worlds[side].things.update(taken)
    account.poll(side)
    assert (_stops(account), _links(account)) == ([], 8)
    account.worlds["till"].sell("t-S0", 1)
    account.poll()
    account.poll()
    assert account.worlds["web"].quantity("w-S0") == 4


def test_a_person_says_that_they_were_deleted(database: Database) -> None:
    account = _account(database)
    for sku in SKUS[:4]:
        account.worlds["till"].delete(f"t-{sku}")
    assert "4 of 8" in _error(account, "till", SafetyStop)
    assert _links(account) == 8
    with account.db.write() as session:
        close_finding(session, "safety_stop", "deletions of till", account.clock(), by=APPROVED)
    account.poll("till")
    assert (_stops(account), _links(account)) == ([], 4)
    account.poll()


def test_a_pass_that_fails_midway_forgets_no_deletion(database: Database) -> None:
    account = _account(database)
    account.worlds["till"].delete("t-S0")
    account.worlds["till"].sell("t-S2", 1)  # the feed's position goes past the deletion
    with account.db.write() as session:
        session.merge(account.listing("till", "t-S1")).recheck_at = account.clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(account.workers["till"].side.adapter, "fetch", _unreachable)
        _error(account, "till", Transient)
    assert _links(account) == 8
    account.poll("till")
    assert _links(account) == 7


def _unreachable(_refs: Sequence[ListingRef]) -> FetchResult:
    raise Transient("till", "GET", "no route to host")


def test_a_few_deletions_count_at_once(database: Database) -> None:
    account = _account(database)
    for sku in SKUS[:2]:
        account.worlds["till"].delete(f"t-{sku}")
    account.poll("till")
    assert (_stops(account), _links(account)) == ([], 6)


def test_a_wrong_key_unlinks_no_more_one_by_one_than_at_once(database: Database) -> None:
    """Each write is refused as gone, in a pass of its own."""
    account = _account(database)
    taken = _another_account(account, "web", 7)
    for sku in SKUS[:7]:
        account.clock.advance(20)
        account.worlds["till"].sell(f"t-{sku}", 1)
        for _ in range(2):
            account.poll()
    assert (_stops(account), _links(account)) == ([("safety_stop", "deletions of web")], 6)
    account.worlds["web"].things.update(taken)
    account.settle_down(3)
    assert _stops(account) == []
    assert [account.worlds["web"].quantity(f"w-{sku}") for sku in SKUS] == [4] * 7 + [5]


def test_writes_in_doubt_and_a_wrong_key_unlink_nothing(database: Database) -> None:
    account = _account(database)
    web = account.workers["web"]
    for sku in SKUS[:7]:
        account.worlds["till"].sell(f"t-{sku}", 1)
    account.worlds["web"].faults.append("lost_after")
    account.poll()
    assert len(account.operations("unknown")) == 7
    taken = _another_account(account, "web", 7)
    account.clock.advance(100)
    assert "gone at once" in _error(account, "web", SafetyStop)
    assert (_links(account), len(account.operations("unknown"))) == (8, 7)
    account.worlds["web"].things.update(taken)
    account.settle_down(3)
    assert [web.side.adapter.fetch([ListingRef(f"w-{sku}")]).listings[0].quantity for sku in SKUS] == [4] * 7 + [5]
    assert (account.operations("unknown"), _stops(account)) == ([], [])


def test_the_look_before_an_absolute_write_unlinks_nothing(database: Database) -> None:
    stock = dict.fromkeys(SKUS, 5)
    shop = Capabilities(relative=False, atomic=False, batch_size=20, events=True)
    account = two_sides(database, stock, stock, capabilities=shop)
    account.workers["web"].side.limits = LIMITS
    _another_account(account, "web", 7)
    for sku in SKUS[:7]:
        account.worlds["till"].sell(f"t-{sku}", 1)
    for _ in range(3):
        account.clock.advance(20)
        account.poll()
    assert (_stops(account), _links(account)) == ([("safety_stop", "deletions of web")], 8)


def test_a_write_refused_as_gone_is_owed_if_the_product_is_there_after_all(database: Database) -> None:
    account = _account(database)
    taken = _another_account(account, "web", 1)
    account.worlds["till"].sell("t-S0", 1)
    account.poll()
    account.worlds["web"].things.update(taken)
    account.settle_down(2)
    assert account.worlds["web"].quantity("w-S0") == 4


@pytest.mark.parametrize(
    ("gone", "linked", "stops"), [(0, 0, False), (2, 100, False), (11, 100, True), (1, 1, False), (2, 2, True)]
)
def test_all_at_once_is_too_many_however_few_they_are(gone: int, linked: int, stops: bool) -> None:
    assert (check_gone(gone, linked, LIMITS) is not None) is stops
