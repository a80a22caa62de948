"""Credentials, the query budget, versions, and the three levels on which a shop can refuse."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from syncd.adapters.base import AdapterContext
from syncd.adapters.shopify import FACTORY
from syncd.adapters.shopify.settings import ShopifySettings
from syncd.adapters.shopify.throttle import Throttle
from syncd.core.model import Applied, ListingRef, Refused, Unknown
from syncd.errors import (
    AuthRejected,
    InvalidResponse,
    OutcomeUnknown,
    PermissionMissing,
    RateLimited,
    Rejected,
    SideError,
    Transient,
)
from syncd.simulators.server import SimRequest, SimResponse, SimServer
from syncd.simulators.shopify import ShopifySettings as SimSettings
from syncd.simulators.shopify import ShopifySim
from syncd.testing.goods import GOODS, SIMPLE
from syncd.testing.reading import read, write
from syncd.testing.wire import Clock


class Shop:
    """A simulated shop whose answers can be replaced."""

    def __init__(self, sim: ShopifySim, server: SimServer, clock: Clock) -> None:
        self.sim, self.server, self.clock = sim, server, clock
        self.instead: dict[str, SimResponse] = {}
        inner = sim.handle

        def handle(request: SimRequest) -> SimResponse:
            for part, response in self.instead.items():
                if part.encode() in request.body:
                    return response
            return inner(request)

        sim.handle = handle  # type: ignore[method-assign]  # what stands before the shop

    def adapter(self, **values: Any) -> Any:
        credentials = {"client_id": self.sim.settings.client_id, "client_secret": self.sim.settings.client_secret}
        given = {"url": self.server.url, "requests_per_second": 1000, **(values or credentials)}
        settings = ShopifySettings.model_validate(given)
        return FACTORY.build(AdapterContext("shop", settings, now=self.clock.now))

    def ref(self, sku: str) -> ListingRef:
        return ListingRef(f"gid://shopify/Product/{self.sim.people.product(sku).id}")

    def graphql_errors(self, code: str, **more: Any) -> SimResponse:
        return SimResponse(200, {"errors": [{"message": "no", "extensions": {"code": code}, **more}]})

    def tokens(self) -> int:
        return len(self.server.requests(path="/admin/oauth/"))


@contextmanager
def opened(**settings: Any) -> Iterator[Shop]:
    clock = Clock()
    given: Mapping[str, Any] = {"points": 1e8, "points_per_second": 1e6, **settings}
    sim = ShopifySim(SimSettings(clock=clock, **given))
    sim.seed(GOODS)
    with SimServer(sim) as server:
        yield Shop(sim, server, clock)


def test_a_permanent_token_needs_no_exchange() -> None:
    with opened() as shop:
        adapter = shop.adapter(access_token=shop.sim.settings.token)
        assert read(adapter.read_all()).stock() == shop.sim.people.stock()
        assert shop.tokens() == 0
        shop.sim.settings.token = "shpat_another"
        with pytest.raises(AuthRejected):
            adapter.fetch([shop.ref(SIMPLE)])
        adapter.close()


def test_a_token_is_renewed_before_it_ends_and_not_sooner() -> None:
    with opened(token_seconds=3600) as shop:
        adapter = shop.adapter()
        for seconds, exchanges in ((0, 1), (3200, 1), (150, 2), (3000, 2)):
            shop.clock.seconds += seconds
            adapter.fetch([shop.ref(SIMPLE)])
            assert shop.tokens() == exchanges
        adapter.close()


def test_many_threads_fetch_one_token() -> None:
    with opened(latency_seconds=0.05) as shop:
        adapter = shop.adapter()
        threads = [threading.Thread(target=adapter.fetch, args=([shop.ref(SIMPLE)],)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert shop.tokens() == 1
        adapter.close()


def test_credentials_are_one_kind_or_the_other() -> None:
    for values in ({}, {"client_id": "a"}, {"client_id": "a", "client_secret": "b", "access_token": "c"}):
        with pytest.raises(ValidationError):
            ShopifySettings.model_validate({"url": "https://x.myshopify.com", **values})
    for url in ("x.myshopify.com", "https://a:b@x.myshopify.com", "https://admin.shopify.com/store/x"):
        with pytest.raises(ValidationError):
            ShopifySettings.model_validate({"url": url, "access_token": "shpat_x"})


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (402, Transient),
        (403, PermissionMissing),
        (404, InvalidResponse),
        (406, Rejected),
        (423, Transient),
        (430, Transient),
    ],
)
def test_what_an_http_status_means(status: int, error: type[SideError]) -> None:
    with opened() as shop:
        adapter = shop.adapter()
        shop.instead["query ProductNodes"] = SimResponse(status, {"errors": "no"})
        with pytest.raises(error):
            adapter.fetch([shop.ref(SIMPLE)])
        adapter.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ACCESS_DENIED", PermissionMissing),
        ("MAX_COST_EXCEEDED", InvalidResponse),
        ("INTERNAL_SERVER_ERROR", Transient),
        ("SHOP_INACTIVE", Transient),
        ("something new", InvalidResponse),
    ],
)
def test_what_errors_beside_the_data_of_a_read_mean(code: str, error: type[SideError]) -> None:
    with opened() as shop:
        adapter = shop.adapter()
        shop.instead["query ProductNodes"] = shop.graphql_errors(code)
        with pytest.raises(error) as caught:
            adapter.fetch([shop.ref(SIMPLE)])
        assert type(caught.value) is error
        adapter.close()


def test_data_with_errors_is_not_read() -> None:
    """A part of an answer would move the cursor over what is missing."""
    with opened() as shop:
        adapter = shop.adapter()
        answer = {"data": {"nodes": [None]}, "errors": [{"message": "no", "path": ["nodes", 0]}]}
        shop.instead["query ProductNodes"] = SimResponse(200, answer)
        with pytest.raises(InvalidResponse):
            adapter.fetch([shop.ref(SIMPLE)])
        adapter.close()


@pytest.mark.parametrize("errors", ["Not Found", {"query": ["Required parameter missing"]}, ["plain"]])
def test_errors_may_have_any_shape(errors: object) -> None:
    with opened() as shop:
        adapter = shop.adapter()
        shop.instead["query ProductNodes"] = SimResponse(200, {"errors": errors})
        with pytest.raises(InvalidResponse):
            adapter.fetch([shop.ref(SIMPLE)])
        adapter.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("THROTTLED", RateLimited),
        ("ACCESS_DENIED", PermissionMissing),
        ("INTERNAL_SERVER_ERROR", OutcomeUnknown),
    ],
)
def test_what_errors_beside_the_data_of_a_write_mean(code: str, error: type[SideError]) -> None:
    with opened() as shop:
        adapter = shop.adapter()
        shop.instead["mutation Adjust"] = shop.graphql_errors(code)
        if error is OutcomeUnknown:
            (result,) = adapter.write_stock([write(shop.ref(SIMPLE), 2)])
            assert isinstance(result, Unknown)
        else:
            with pytest.raises(error):
                adapter.write_stock([write(shop.ref(SIMPLE), 2)])
        assert len(shop.server.requests(method="POST", path="graphql")) == 4, "the write was sent once"
        adapter.close()


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("INVALID_INVENTORY_ITEM", Refused("invalid_inventory_item", "no", gone=True)),
        ("NON_MUTABLE_INVENTORY_ITEM", Refused("non_mutable_inventory_item", "no")),
        (
            "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED",
            Refused("idempotency_previous_attempt_failed", "the shop knows this write, and says that it failed"),
        ),
        (
            "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
            Refused(
                "idempotency_key_parameter_mismatch",
                "the shop knows this write, for another location or inventory item: it did nothing now, and does not "
                "say what became of it then",
            ),
        ),
        ("IDEMPOTENCY_CONCURRENT_REQUEST", Unknown("IDEMPOTENCY_CONCURRENT_REQUEST: no")),
        ("SERVICE_UNAVAILABLE", Unknown("SERVICE_UNAVAILABLE: no")),
    ],
)
def test_what_errors_inside_the_data_mean(code: str, result: object) -> None:
    with opened() as shop:
        adapter = shop.adapter()
        payload = {"inventoryAdjustmentGroup": None, "userErrors": [{"code": code, "field": None, "message": "no"}]}
        shop.instead["mutation Adjust"] = SimResponse(200, {"data": {"w0": payload}})
        assert adapter.write_stock([write(shop.ref(SIMPLE), 2)]) == [result]
        adapter.close()


def test_one_field_without_an_answer_leaves_only_its_write_in_doubt() -> None:
    with opened() as shop:
        adapter = shop.adapter()
        group = {"changes": [{"name": "available", "quantityAfterChange": 9}]}
        data = {"w0": None, "w1": {"inventoryAdjustmentGroup": group, "userErrors": []}}
        error = {"message": "boom", "path": ["w0"], "extensions": {"code": "INTERNAL_SERVER_ERROR"}}
        shop.instead["mutation Adjust"] = SimResponse(200, {"data": data, "errors": [error]})
        results = adapter.write_stock([write(shop.ref(one.sku), 2, key=one.sku) for one in GOODS[:2]])
        assert [type(one) for one in results] == [Unknown, Applied]
        adapter.close()


def test_reads_wait_for_the_budget_instead_of_failing() -> None:
    with opened(points=1000.0, points_per_second=800.0) as shop:
        adapter = shop.adapter()
        for _ in range(4):
            assert read(adapter.read_all()).stock() == shop.sim.people.stock()
        assert len(shop.server.requests(path="graphql")) < 30, "it waits for as long as it takes, and does not knock"
        adapter.close()


def test_the_budget_is_known_from_the_answers() -> None:
    seconds = 0.0
    throttle = Throttle(threading.Event(), clock=lambda: seconds)
    assert throttle.missing_s("Big") == 0
    status = {"maximumAvailable": 1000, "currentlyAvailable": 100, "restoreRate": 50}
    throttle.note("Big", {"cost": {"requestedQueryCost": 600, "throttleStatus": status}})
    assert throttle.missing_s("Big") == pytest.approx(10)
    assert throttle.missing_s("Unknown") == 0
    seconds = 4.0
    assert throttle.missing_s("Big") == pytest.approx(6)
    broken: object
    for broken in (None, [], {"cost": None}, {"cost": {"throttleStatus": {"restoreRate": "x"}}}):
        throttle.note("Big", broken)
    assert throttle.missing_s("Big") == pytest.approx(6)


def test_a_version_that_is_not_served_any_more_is_noticed() -> None:
    with opened(versions=("2026-07", "2026-10")) as shop:
        adapter = shop.adapter(access_token=shop.sim.settings.token, api_version="2026-01")
        report = adapter.check()
        (line,) = [line for line in report.lines if not line.ok]
        assert (line.subject, report.facts["api"]) == ("version", "2026-07")
        adapter.close()


def test_a_right_that_is_missing_is_named() -> None:
    with opened(scopes="read_products,write_inventory,read_locations") as shop:
        adapter = shop.adapter()
        (line,) = [line for line in adapter.check().lines if not line.ok]
        assert "write_products, read_orders" in line.message
        assert line.exit_code == PermissionMissing.exit_code
        adapter.close()


def test_an_address_without_the_api_is_named() -> None:
    with opened() as shop:
        settings = ShopifySettings.model_validate(
            {"url": shop.server.url, "access_token": "x", "api_version": "2026-10"}
        )
        adapter = FACTORY.build(AdapterContext("shop", settings.model_copy(update={"api_version": "nothing"})))
        report = adapter.check()
        assert not report.ok
        assert "no Admin API" in report.lines[0].message
        adapter.close()


def test_a_repeated_operation_is_applied_once() -> None:
    """Should anything send the same operation again, the shop knows it by its key."""
    with opened() as shop:
        adapter = shop.adapter()
        before = Decimal(shop.sim.people.stock()[SIMPLE])
        one = write(shop.ref(SIMPLE), 3)
        assert adapter.write_stock([one]) == adapter.write_stock([one]) == [Applied(before + 3)]
        assert shop.sim.people.stock()[SIMPLE] == before + 3
        other = replace(one, operation_id="op-2")
        assert adapter.write_stock([other]) == [Applied(before + 6)]
        adapter.close()
