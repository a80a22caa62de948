"""Booking stock: relative, once, without a price; and every answer is judged for what it proves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from syncd.core.model import Applied, ListingRef, Refused, StockWrite, Unknown
from syncd.errors import OutcomeUnknown, PermissionMissing, RateLimited, StateError
from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.server import Fault, SimRequest
from tests.support.inventorum import EXAMPLES, Account, open_account

CATALOGUE = make_catalogue(4, 1, seed=4)
LATE_EVENING = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
"""Already the next day in Berlin."""


@pytest.fixture
def account() -> Iterator[Account]:
    with open_account(CATALOGUE, adapter={"now": lambda: LATE_EVENING}) as account:
        yield account


def write(ref: ListingRef, difference: str) -> StockWrite:
    return StockWrite(ref, "op-7", Decimal(difference), Decimal(0))


def book(account: Account, sku: str, difference: str) -> object:
    (result,) = account.adapter.write_stock([write(account.ref(sku), difference)])
    return result


def sent_bodies(account: Account) -> list[SimRequest]:
    seen: list[SimRequest] = []

    def note(request: SimRequest) -> None:
        if request.method == "PUT":
            seen.append(request)

    account.server.hooks.append(note)
    return seen


@pytest.mark.parametrize("difference", ["1", "-3", "0.25", "-1E+2", "12.50"])
def test_a_booking_adds_its_difference_and_reports_the_result(account: Account, difference: str) -> None:
    before = Decimal(account.stock("S-00001"))
    assert book(account, "S-00001", difference) == Applied(before + Decimal(difference))
    assert Decimal(account.stock("S-00001")) == before + Decimal(difference)


def test_the_answer_counts_a_sale_that_happened_meanwhile(account: Account) -> None:
    before = Decimal(account.stock("S-00001"))

    def till(request: SimRequest) -> None:
        if request.method == "PUT":
            account.sim.sale("S-00001")

    account.server.hooks.append(till)
    assert book(account, "S-00001", "-2") == Applied(before - 3)


def test_a_variation_is_booked_by_its_own_id(account: Account) -> None:
    sku = CATALOGUE[-1].variations[0].sku
    before = Decimal(account.stock(sku))
    assert book(account, sku, "2") == Applied(before + 2)


def test_what_is_sent(account: Account) -> None:
    seen = sent_bodies(account)
    book(account, "S-00001", "-3")
    (request,) = seen
    assert request.path == f"/api/products/{account.id_of('S-00001')}/adjust_inventory/"
    assert (request.headers["x-api-version"], request.headers["content-type"]) == ("13", "application/json")
    body = json.loads(request.body)
    assert body == {"stock": {"quantity": "-3.00", "date": "01.07.2026", "note": "syncd op-7"}}
    example = json.loads((EXAMPLES / "adjust-inventory-request-v13.json").read_bytes())
    assert body["stock"].keys() == {*example["stock"], "note"}


def test_a_booking_leaves_the_valuation_alone(account: Account) -> None:
    before = account.sim.state.find("S-00002").purchase_price
    book(account, "S-00002", "5")
    assert account.sim.state.find("S-00002").purchase_price == before
    assert account.sim.adjustments()[0]["price"] is None


def test_the_date_is_a_day_of_the_account_once_its_zone_is_known(account: Account) -> None:
    seen = sent_bodies(account)
    account.adapter.check()
    book(account, "S-00001", "1")
    assert json.loads(seen[0].body)["stock"]["date"] == "02.07.2026"


def test_a_product_that_is_gone_is_refused_as_gone(account: Account) -> None:
    ref = account.ref("S-00001")
    account.sim.delete_product("S-00001")
    (result,) = account.adapter.write_stock([write(ref, "1")])
    assert isinstance(result, Refused)
    assert (result.code, result.gone) == ("product.not_found", True)


def test_a_demand_for_a_price_is_reported_not_met(account: Account) -> None:
    account.sim.set(adjust_requires_price=True)
    result = book(account, "S-00001", "1")
    assert isinstance(result, Refused)
    assert result.code == "price_required"
    assert "does not invent one" in result.message
    assert len(account.server.requests(method="PUT")) == 1


def test_another_refusal_carries_the_vendors_words(account: Account) -> None:
    parent = account.ref(CATALOGUE[-1].variations[0].sku).parent_external_id or ""
    (result,) = account.adapter.write_stock([write(ListingRef(parent), "1")])
    assert isinstance(result, Refused)
    assert (result.code, result.gone) == ("common.serializer_error", False)
    assert "The product has variations." in result.message


@pytest.mark.parametrize("difference", ["0.001", "1.005"])
def test_more_places_than_the_till_has_are_refused_before_sending(account: Account, difference: str) -> None:
    result = book(account, "S-00001", difference)
    assert isinstance(result, Refused)
    assert result.code == "too_many_places"
    assert not account.server.requests(method="PUT")


@pytest.mark.parametrize(
    ("kind", "applied"),
    [
        ("lost_before", 0),
        ("lost_after", 1),
        ("error_500_html", 0),
        ("error_500_after", 1),
        ("truncated", 1),
    ],
)
def test_without_a_sound_answer_the_outcome_is_unknown_and_nothing_is_repeated(
    account: Account, kind: str, applied: int
) -> None:
    account.server.add_fault(Fault(kind, method="PUT"))
    with pytest.raises(OutcomeUnknown):
        book(account, "S-00001", "1")
    assert len(account.server.requests(method="PUT")) == 1
    assert len(account.sim.adjustments()) == applied


def test_a_200_that_cannot_be_read_is_unknown(account: Account) -> None:
    account.server.add_fault(Fault("html_200", method="PUT"))
    result = book(account, "S-00001", "1")
    assert isinstance(result, Unknown)
    assert "HTML" in result.reason
    assert len(account.server.requests(method="PUT")) == 1


def test_a_throttled_write_was_not_applied_and_is_not_repeated(account: Account) -> None:
    account.server.add_fault(Fault("too_many", method="PUT", seconds=0))
    with pytest.raises(RateLimited):
        book(account, "S-00001", "1")
    assert not account.sim.adjustments()
    assert len(account.server.requests(method="PUT")) == 1


def test_a_missing_right_stops_the_side(account: Account) -> None:
    account.sim.set(scope="products:read orders:read")
    with pytest.raises(PermissionMissing, match="products:update"):
        book(account, "S-00001", "1")


def test_one_call_takes_one_write(account: Account) -> None:
    refs = [account.ref("S-00001"), account.ref("S-00002")]
    assert account.adapter.write_stock([]) == []
    with pytest.raises(StateError):
        account.adapter.write_stock([write(ref, "1") for ref in refs])
    assert not account.sim.adjustments()
    assert account.adapter.capabilities.batch_size == 1
