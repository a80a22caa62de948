"""Plans that look like an accident wait for a person, and what that person's word is good for."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.core.guard import Limit, SafetyLimits
from syncd.errors import SafetyStop, Transient
from syncd.service.findings import APPROVED, close_finding
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from syncd.state.engine import Database


def _three_sold_out(database: Database, skus: str) -> Account:
    """Three of these items were sold out at the till, more than the limit; the shop does not know yet."""
    limits = SafetyLimits(max_zeroed=Limit(2, Decimal(10)))
    account = two_sides(database, dict.fromkeys(skus, 5), dict.fromkeys(skus, 5), limits=limits)
    for sku in "ABC":
        account.worlds["till"].sell(f"t-{sku}", 5)
    account.poll("till")
    return account


def test_too_many_items_to_zero_wait_for_a_person(database: Database) -> None:
    account = _three_sold_out(database, "ABCD")
    outcome = account.poll("web")[0]
    assert isinstance(outcome.error, SafetyStop)
    assert account.worlds["web"].quantity("w-A") == 5
    assert account.findings()[0].kind == "safety_stop"
    account.worlds["till"].sell("t-A", -5)
    account.poll("till", "web")
    assert account.findings() == []
    assert account.worlds["web"].quantity("w-B") == 0


def test_a_safety_stop_closes_when_its_cause_is_repaired(database: Database) -> None:
    account = _three_sold_out(database, "ABCD")
    account.poll("web")
    assert [f.kind for f in account.findings()] == ["safety_stop"]
    for sku in "ABC":
        account.worlds["till"].sell(f"t-{sku}", -5)
    account.poll("till", "web")
    assert account.findings() == []


def _three_zeros_approved(database: Database) -> Account:
    """Three of eight items would go to zero; a person said that this is right."""
    account = _three_sold_out(database, "ABCDEFGH")
    account.poll("web")
    with database.write() as session:
        assert close_finding(session, "safety_stop", "web", account.clock(), by=APPROVED)
    return account


def test_an_approval_serves_one_plan(database: Database) -> None:
    account = _three_zeros_approved(database)
    account.poll("web")
    assert account.worlds["web"].quantity("w-A") == 0
    for sku in "DEF":
        account.worlds["till"].sell(f"t-{sku}", 5)
    assert isinstance(account.poll("till", "web")[1].error, SafetyStop)


def test_an_approval_never_waves_through_a_later_accident(database: Database) -> None:
    account = _three_zeros_approved(database)
    for sku in "ABC":
        account.worlds["till"].sell(f"t-{sku}", -5)
    account.poll("till", "web")
    for sku in "DEF":
        account.worlds["till"].sell(f"t-{sku}", 5)
    assert isinstance(account.poll("till", "web")[1].error, SafetyStop)


def test_an_approval_is_used_up_by_a_plan_that_could_not_be_carried_out(database: Database) -> None:
    """What the next plan holds nobody has seen, even if it is no larger."""
    account = _three_zeros_approved(database)
    account.worlds["web"].faults.append("refused_connection")
    assert isinstance(account.poll("web")[0].error, Transient)
    assert isinstance(account.poll("web")[0].error, SafetyStop)
    assert account.worlds["web"].quantity("w-A") == 5


def test_an_approval_is_for_no_more_than_was_shown(database: Database) -> None:
    account = _three_zeros_approved(database)
    for sku in "DEFG":
        account.worlds["till"].sell(f"t-{sku}", 5)
    assert isinstance(account.poll("till", "web")[1].error, SafetyStop)
    assert account.worlds["web"].quantity("w-A") == 5
