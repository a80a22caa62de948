"""The connection test and the evidence of orders and returns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from syncd.adapters.base import CheckLine
from syncd.core.model import EventKind, StockEvent
from syncd.errors import AuthRejected, PermissionMissing, Transient
from syncd.simulators.catalogue import make_catalogue
from syncd.simulators.server import Fault
from tests.support.inventorum import Account, open_account

CATALOGUE = make_catalogue(4, 1, seed=4)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def account() -> Iterator[Account]:
    with open_account(CATALOGUE) as account:
        yield account


def line(account: Account, subject: str) -> CheckLine:
    return next(each for each in account.adapter.check().lines if each.subject == subject)


def test_a_sound_account(account: Account) -> None:
    report = account.adapter.check()
    assert report.ok, report.lines
    assert {each.subject for each in report.lines} == {"rights", "account", "taxes", "products", "changes", "clock"}
    assert report.facts["timezone"] == "Europe/Berlin"
    assert report.facts["products"] == "4"
    assert "0 %, 7 %, 19 %" in {each.message for each in report.lines}
    assert report.clock_skew_s is not None
    assert abs(report.clock_skew_s) < 5


def test_a_check_changes_nothing(account: Account) -> None:
    account.adapter.check()
    assert not account.server.requests(method="PUT|DELETE|PATCH")
    assert not [each for each in account.api_requests() if each.startswith("POST")]


@pytest.mark.parametrize("scope", ["products:read basic:read", "products:read orders:read"])
def test_missing_rights_are_named(account: Account, scope: str) -> None:
    account.sim.set(scope=scope)
    rights = line(account, "rights")
    assert not rights.ok
    assert "products:update" in rights.message


def test_rights_that_only_the_making_of_products_needs_are_named_and_no_mistake(account: Account) -> None:
    account.sim.set(scope="products:read products:update orders:read basic:read")
    assert account.adapter.check().ok
    assert (
        "create_in_inventorum needs products:create, images:create, tax_types:read" in line(account, "rights").message
    )
    assert "tax_types:read" in line(account, "taxes").message


def test_products_that_may_not_be_read_fail_the_check(account: Account) -> None:
    account.sim.set(scope="products:update orders:read basic:read")
    report = account.adapter.check()
    assert not report.ok
    assert any("products:read" in each.message for each in report.lines if each.subject.startswith("GET"))


def test_account_data_are_optional(account: Account) -> None:
    account.sim.set(info_allowed=False)
    report = account.adapter.check()
    assert report.ok
    assert "timezone" not in report.facts


@pytest.mark.parametrize(("skew_s", "ok"), [(-30, True), (30, True), (-4000, False), (4000, False)])
def test_the_clocks_are_compared(account: Account, skew_s: float, ok: bool) -> None:
    account.sim.set(clock_skew_seconds=skew_s)
    report = account.adapter.check()
    assert report.clock_skew_s is not None
    assert abs(report.clock_skew_s - skew_s) < 5
    assert report.ok is ok


def test_an_html_page_in_place_of_the_list_fails_the_check(account: Account) -> None:
    account.server.add_fault(Fault("html_200", path=r"/products/\?"))
    assert "HTML" in line(account, "GET products/").message


def test_refused_credentials_and_an_unreachable_server_are_errors_not_lines(account: Account) -> None:
    account.server.add_fault(Fault("lost_before", times=-1))
    with pytest.raises(Transient):
        account.adapter.check()
    account.server.clear_faults()
    account.sim.revoke_refresh_token()
    with pytest.raises(AuthRejected):
        account.adapter.check()


# Evidence


def quantities(found: list[StockEvent]) -> dict[tuple[str, EventKind], Decimal]:
    summed: dict[tuple[str, EventKind], Decimal] = {}
    for event in found:
        key = (event.ref.external_id, event.kind)
        summed[key] = summed.get(key, Decimal(0)) + event.quantity
    return summed


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"orders_delta_page_base": 1},
        {"orders_delta_page_base": 1, "page_below_first": "not_found"},
        {"page_beyond_end": "not_found"},
        {"return_lowers_item": False},
        {"info_allowed": False},
    ],
)
def test_sales_cancellations_and_returns_of_all_channels(settings: dict[str, Any]) -> None:
    with open_account(CATALOGUE, **settings) as account:
        sku = CATALOGUE[-1].variations[0].sku
        account.sim.sale("S-00001", 2)
        account.sim.sale(sku, 1, "ebay")
        cancelled = account.sim.sale("S-00002", 5, "shop")["order"]
        account.sim.cancel_order(cancelled)
        returned = account.sim.sale("S-00003", 4)["order"]
        account.sim.return_items(returned, "S-00003", 3)
        found = account.adapter.read_events(LONG_AGO)
        assert quantities(found) == {
            (account.id_of("S-00001"), EventKind.ORDER): Decimal(-2),
            (account.id_of(sku), EventKind.ORDER): Decimal(-1),
            (account.id_of("S-00002"), EventKind.ORDER): Decimal(0),
            (account.id_of("S-00003"), EventKind.ORDER): Decimal(-4),
            (account.id_of("S-00003"), EventKind.RETURN): Decimal(3),
        }
        assert len({event.key for event in found}) == len(found)


def test_more_orders_than_a_page_are_all_read(account: Account) -> None:
    for _ in range(230):
        account.sim.sale("S-00001", 1)
    assert quantities(account.adapter.read_events(LONG_AGO)) == {
        (account.id_of("S-00001"), EventKind.ORDER): Decimal(-230)
    }


def test_only_events_since_the_given_time_are_read(account: Account) -> None:
    account.sim.set(clock_skew_seconds=-3600)
    account.sim.sale("S-00001", 1)
    account.sim.set(clock_skew_seconds=0)
    account.sim.sale("S-00002", 1)
    found = account.adapter.read_events(datetime.now(UTC) - timedelta(minutes=10))
    assert [event.ref.external_id for event in found] == [account.id_of("S-00002")]


def test_orders_that_may_not_be_read_are_named(account: Account) -> None:
    account.sim.set(scope="products:read products:update basic:read")
    with pytest.raises(PermissionMissing, match="orders:read"):
        account.adapter.read_events(LONG_AGO)
