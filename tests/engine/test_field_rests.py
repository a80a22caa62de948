"""Fields that cannot be sent now rest for growing times, and a person is told of those that go on failing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from syncd.core.fields import NAME, Owner
from syncd.state.product_models import FieldWrite
from tests.support.engine import SHOP, Account

if TYPE_CHECKING:
    from syncd.state.engine import Database


def account_of(database: Database, products: int = 1) -> Account:
    """A shop that takes one product a call."""
    account = Account(database)
    till = account.add_side("till", "hub")
    web = account.add_side("web", owners={NAME: Owner.HUB}, capabilities=replace(SHOP, batch_size=1))
    for number in range(products):
        for world in (till, web):
            key = f"{world.name}-{number}"
            world.put(key, 5, sku=f"S{number}", name="Mug", fields={NAME: "Mug"})
    account.poll()
    account.settle_down()
    return account


def fail(account: Account, *, edit: int = 1) -> None:
    """From now on the shop takes no name of these products."""
    account.worlds["web"].field_faults = ["refused_connection"] * 1000
    for number in range(edit):
        account.worlds["till"].edit(f"till-{number}", name="Cup")


def daemon(account: Account, minutes: int, *, step_s: int = 60) -> None:
    """Passes for so long, one every so many seconds."""
    for _ in range(minutes * 60 // step_s):
        account.clock.advance(step_s)
        account.poll()


def tries(account: Account) -> int:
    with account.db.read() as session:
        return session.scalar(select(func.count()).where(FieldWrite.state == "cancelled")) or 0


def kinds(account: Account) -> list[tuple[str, str]]:
    return [(finding.kind, finding.subject) for finding in account.findings()]


def test_the_pauses_grow_and_a_person_is_told_after_three_tries(database: Database) -> None:
    account = account_of(database)
    fail(account)
    daemon(account, 2)
    assert (tries(account), kinds(account)) == (2, [])
    daemon(account, 18)
    assert (tries(account), kinds(account)) == (5, [("fields_not_written", "web name")])
    (finding,) = account.findings()
    assert finding.message.startswith("web: name of S0 cannot be written: web: WRITE: ")
    daemon(account, 120, step_s=300)
    assert 8 <= tries(account) <= 10, "half an hour at most"
    account.worlds["web"].field_faults = []
    daemon(account, 35, step_s=300)
    assert account.findings() == []
    assert account.worlds["web"].things["web-0"].listing.name == "Cup"


def test_what_rests_wakes_nobody(database: Database) -> None:
    account = account_of(database)
    fail(account)
    account.poll("till")
    assert account.workers["web"].has_pending()
    account.poll("web")
    assert not account.workers["web"].has_pending()


def test_it_is_told_over_several_processes_too(database: Database) -> None:
    """One that is started every minute, say: each tries once."""
    account = account_of(database)
    fail(account)
    for told in (False, False, True, True):
        account.restart()
        account.clock.advance(61)
        account.poll()
        assert bool(account.findings()) is told
    account.restart()
    account.worlds["web"].field_faults = []
    account.settle_down()
    assert account.findings() == []


@pytest.mark.parametrize("edited", ["Glass", "Mug"])
def test_another_value_is_tried_at_once_and_one_that_is_not_wanted_any_more_forgotten(
    database: Database, edited: str
) -> None:
    account = account_of(database)
    fail(account)
    daemon(account, 10)
    assert len(account.findings()) == 1
    account.worlds["web"].field_faults = []
    account.worlds["till"].edit("till-0", name=edited)
    daemon(account, 1)
    assert account.worlds["web"].things["web-0"].listing.name == edited
    assert account.findings() == []


def test_what_fails_for_three_products_rests_for_all(database: Database) -> None:
    account = account_of(database, 10)
    fail(account, edit=10)
    daemon(account, 1)
    assert tries(account) == 3
    daemon(account, 14)
    assert tries(account) <= 9
    account.worlds["web"].field_faults = []
    daemon(account, 10)
    assert {thing.listing.name for thing in account.worlds["web"].things.values()} == {"Cup"}
    assert account.findings() == []


def test_a_full_pass_tries_at_once_and_so_does_a_clock_that_was_set_back(database: Database) -> None:
    account = account_of(database)
    fail(account)
    daemon(account, 10)
    before = tries(account)
    account.poll(kind="full")
    assert tries(account) == before + 1
    daemon(account, 10)
    before = tries(account)
    account.clock.advance(-86_400)
    account.poll()
    assert tries(account) == before + 1
