"""Credentials, rights, hosts that get in the way, and what ``check`` says about them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from syncd.adapters.woocommerce.adapter import WooCommerceAdapter
from syncd.core.model import ListingRef, StockWrite
from syncd.errors import AuthRejected, InvalidResponse, NotFound, PermissionMissing, Rejected, SideError, Transient
from syncd.simulators.server import Fault, SimRequest, SimResponse
from tests.support.woocommerce import Shop, build, listings, page, product, scripted, simulated

CURSOR = dict.fromkeys(("products", "variations", "orders", "refunds", "trash"), "2026-11-23T12:00:00")
WRITE = [StockWrite(ListingRef("10"), "op-1", Decimal(1), Decimal(0))]


def behind_tls(shop: Shop) -> WooCommerceAdapter:
    """The adapter as it is with an https address; the socket itself stays plain."""
    shop.restart(auth="basic")
    shop.adapter._client.auth._may_switch = True
    return shop.adapter


def read(adapter: WooCommerceAdapter) -> int:
    return len([item for one in adapter.read_all() for item in one.listings])


# -- ways to send the key


def test_plain_http_is_signed() -> None:
    with simulated(treat_as_https=False) as shop:
        assert read(shop.adapter) > 12
        assert all("oauth_signature=" in record.target for record in shop.server.requests())
        assert not any("cs_sim" in record.target for record in shop.server.requests())


@pytest.mark.parametrize("mode", ["basic", "query", "oauth"])
def test_the_way_can_be_chosen(mode: str) -> None:
    with simulated(adapter={"auth": mode}) as shop:
        assert read(shop.adapter) > 12
        shop.adapter.fetch([ListingRef("10")])
        assert isinstance(shop.adapter.write_stock(WRITE), list)


def test_a_dropped_header_is_answered_with_the_query_and_remembered() -> None:
    with simulated(strip_authorization=True) as shop:
        adapter = behind_tls(shop)
        assert read(adapter) > 12
        records = shop.server.requests()
        assert [record.status for record in records].count(401) == 1
        assert all("consumer_secret=" in record.target for record in records[1:])
        adapter.write_stock(WRITE)
        assert "consumer_secret=" in shop.server.requests()[-1].target


def test_a_first_write_finds_the_other_way_too() -> None:
    with simulated(strip_authorization=True) as shop:
        (result,) = behind_tls(shop).write_stock(WRITE)
        assert shop.sim.people.history()[-1] is not None
        assert "Applied" in type(result).__name__
        assert [record.status for record in shop.server.requests(method="POST")] == [401, 200]


def test_an_unknown_key_is_tried_both_ways_then_reported() -> None:
    with simulated() as shop:
        shop.restart(auth="basic", consumer_key="ck_other")
        shop.adapter._client.auth._may_switch = True
        with pytest.raises(AuthRejected, match="does not know the consumer key"):
            read(shop.adapter)
        assert len(shop.server.requests()) == 2
        assert shop.adapter._client.auth.mode == "basic"


@pytest.mark.parametrize("mode", ["basic", "query", "oauth"])
def test_a_wrong_secret_is_named(mode: str) -> None:
    with simulated(adapter={"auth": mode, "consumer_secret": "cs_wrong"}) as shop:
        with pytest.raises(AuthRejected, match="consumer secret is wrong") as caught:
            read(shop.adapter)
        assert "cs_wrong" not in str(caught.value)
        assert len(shop.server.requests()) == 1


def test_keys_that_plain_http_loses_are_explained() -> None:
    with (
        simulated(treat_as_https=False, adapter={"auth": "basic"}) as shop,
        pytest.raises(AuthRejected, match=r"wp-config\.php"),
    ):
        read(shop.adapter)


def test_a_clock_that_is_far_off_is_healed() -> None:
    with simulated(treat_as_https=False, clock_skew_seconds=20 * 60.0) as shop:
        assert read(shop.adapter) > 12
        assert [record.status for record in shop.server.requests()].count(401) == 1


# -- rights


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("mode", ["basic", "oauth"])
def test_a_key_that_may_only_read_is_told_from_a_wrong_one(mode: str, fresh: bool) -> None:
    keys = {"consumer_key": "ck_sim_read", "consumer_secret": "cs_sim_read", "auth": mode}
    with simulated(adapter=keys) as shop:
        if not fresh:
            read(shop.adapter)
        with pytest.raises(PermissionMissing, match="Read/Write"):
            shop.adapter.write_stock(WRITE)
        shop.restart(**{**keys, "consumer_secret": "cs_wrong"})
        with pytest.raises(AuthRejected):
            shop.adapter.write_stock(WRITE)


def test_a_key_that_may_only_write_cannot_read() -> None:
    keys = {"consumer_key": "ck_sim_write", "consumer_secret": "cs_sim_write"}
    with simulated(adapter=keys) as shop, pytest.raises(AuthRejected, match="no permission to read"):
        read(shop.adapter)


# -- hosts


def failing(status: int, body: object, **headers: str) -> Callable[[SimRequest], SimResponse]:
    return lambda request: SimResponse(status, body, headers)


HTML = b"<html><body>Access denied by firewall</body></html>"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failing(403, HTML), Transient),
        (failing(406, HTML), Transient),
        (failing(401, HTML), AuthRejected),
        (failing(404, HTML), InvalidResponse),
        (failing(403, {"code": "woocommerce_rest_cannot_view", "message": "no"}), PermissionMissing),
        (failing(404, {"code": "rest_no_route", "message": "no"}), NotFound),
        (failing(400, {"code": "rest_invalid_param", "message": "no"}), Rejected),
        (failing(301, b"", Location="https://www.shop.example/"), InvalidResponse),
        (failing(200, HTML), InvalidResponse),
        (failing(200, b""), InvalidResponse),
        (failing(200, b'[{"id":5,"na'), InvalidResponse),
        (failing(200, {"id": 5}), InvalidResponse),
        (failing(200, [5]), InvalidResponse),
        (failing(200, [{"id": "5"}]), InvalidResponse),
        (failing(200, [product(5, stock_quantity={})]), InvalidResponse),
        (failing(200, [], **{"X-WP-Total": "300"}), InvalidResponse),
        (failing(200, [product(5)], **{"X-WP-Total": "9" * 5000}), InvalidResponse),
        (failing(200, [product(5)], **{"X-WP-Total": "-1"}), InvalidResponse),
        (failing(200, [product(-5)]), InvalidResponse),
        (failing(200, [product(5, manage_stock=None)], **{"X-WP-Total": "1"}), InvalidResponse),
        (failing(200, [product(5, date_modified_gmt="0001-01-01T00:00:00")], **{"X-WP-Total": "1"}), InvalidResponse),
        (failing(101, b""), Transient),
        (failing(200, [product(5)], **{"X-WP-Total": "1", "Date": "today"}), InvalidResponse),
    ],
)
def test_an_answer_that_is_no_list_is_never_an_empty_shop(
    answer: Callable[[SimRequest], SimResponse], error: type[SideError]
) -> None:
    with scripted(answer) as (_, adapter):
        with pytest.raises(error):
            read(adapter)
        with pytest.raises(error):
            list(
                adapter.read_changes(
                    dict.fromkeys(("products", "variations", "orders", "refunds", "trash"), "2026-11-23T12:00:00")
                )
            )


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"<br />\n<b>Warning</b>: foo in /bar.php on line 1<br />\n"])
def test_garbage_before_the_json_is_survived(before: bytes) -> None:
    def answer(request: SimRequest) -> SimResponse:
        if request.path.endswith("/variations"):
            return page([])
        return SimResponse(
            200,
            before + b'[{"id":5,"type":"simple","manage_stock":true,"stock_quantity":2,"meta_data":[]}]',
            {"X-WP-Total": "1"},
        )

    with scripted(answer) as (_, adapter):
        assert listings(list(adapter.read_all()))["5"].quantity == 2


def test_a_page_that_is_shorter_than_promised_is_asked_for_again() -> None:
    turns = iter(range(10))

    def answer(request: SimRequest) -> SimResponse:
        if request.path.endswith("/variations"):
            return page([])
        return page([product(5)] if next(turns) == 0 else [product(5), product(6)], total=2)

    with scripted(answer) as (server, adapter):
        assert listings(list(adapter.read_all())).keys() == {"5", "6"}
        assert server.requests[0].query != server.requests[1].query


def test_a_404_for_another_reason_proves_no_deletion() -> None:
    def answer(request: SimRequest) -> SimResponse:
        if request.path.endswith("/products"):
            return page([])
        return SimResponse(404, {"code": "rest_no_route", "message": "No route", "data": {"status": 404}})

    with scripted(answer) as (_, adapter), pytest.raises(InvalidResponse):
        adapter.fetch([ListingRef("5")])


def test_filters_that_a_shop_ignores_do_not_mislead() -> None:
    """A shop that ignores ``include`` and ``status`` answers with other rows: values decide."""

    def answer(request: SimRequest) -> SimResponse:
        if request.path.endswith("/products"):
            return page([product(5), product(6)], at=1_795_000_000)
        if request.path.endswith("/products/7"):
            return SimResponse(200, product(7))
        return page([], at=1_795_000_000)

    with scripted(answer) as (_, adapter):
        assert {item.ref.external_id for item in adapter.fetch([ListingRef("5"), ListingRef("7")]).listings} == {
            "5",
            "7",
        }
        assert [one for changes in adapter.read_changes(CURSOR) for one in changes.gone] == []


def test_reads_are_tried_again_after_a_server_error() -> None:
    with simulated() as shop:
        shop.server.add_fault(Fault("error_500_html", method="GET"))
        assert read(shop.adapter) > 12


# -- check


def lines(adapter: WooCommerceAdapter) -> dict[str, Any]:
    return {line.subject: line for line in adapter.check().lines}


@pytest.mark.parametrize("old", [False, True])
def test_a_healthy_shop_passes_and_is_not_changed(old: bool) -> None:
    with simulated(has_variations_route=not old, has_refunds_route=not old) as shop:
        before, history = shop.sim.people.stock(), len(shop.sim.people.history())
        report = shop.adapter.check()
        assert report.ok
        assert report.facts == {"woocommerce": "10.5.0", "wordpress": "6.9.1", "php": report.facts["php"]}
        assert report.clock_skew_s is not None
        assert abs(report.clock_skew_s) <= 1
        subjects = [line.subject for line in report.lines]
        assert {"address", "read products", "read orders", "write stock", "stock management"} <= set(subjects)
        assert ("missing" in lines(shop.adapter)["/wc/v3/variations"].message) == old
        assert (shop.sim.people.stock(), len(shop.sim.people.history())) == (before, history)


def test_check_names_what_is_wrong() -> None:
    with simulated(stock_management=False, clock_skew_seconds=200.0) as shop:
        found = lines(shop.adapter)
        assert not found["stock management"].ok
        assert not found["clock"].ok
        shop.restart(consumer_key="ck_sim_read", consumer_secret="cs_sim_read")
        found = lines(shop.adapter)
        assert found["read products"].ok
        assert (found["write stock"].ok, found["write stock"].exit_code) == (False, 5)
        assert "Read/Write" in found["write stock"].message
        shop.restart(consumer_secret="cs_wrong")
        found = lines(shop.adapter)
        assert (found["read products"].ok, found["read products"].exit_code) == (False, 5)
        assert "write stock" not in found
        assert "cs_wrong" not in str(found)
        assert [line.ok for line in found.values() if "wrong" in line.message] == [False]


def test_check_of_a_place_that_is_no_shop() -> None:
    with scripted(failing(404, HTML)) as (_, adapter):
        report = adapter.check()
        assert not report.ok
        assert "permalinks" in report.lines[0].message


def test_a_hidden_route_index_and_closed_settings_are_no_fault() -> None:
    with simulated() as shop:
        closed = SimResponse(403, {"code": "rest_forbidden", "message": "Sorry", "data": {"status": 403}})
        original = shop.sim.handle

        def handle(request: SimRequest) -> SimResponse:
            hidden = request.path.rstrip("/").endswith(("/wc/v3", "/system_status", "/woocommerce_manage_stock"))
            return closed if hidden else original(request)

        shop.server.simulator = type("Hidden", (), {"handle": staticmethod(handle), "control": shop.sim.control})()
        report = shop.adapter.check()
        assert report.ok
        assert report.facts == {}


@pytest.mark.parametrize("kind", ["lost_before", "error_500_html"])
def test_a_shop_that_does_not_answer_has_no_good_line(kind: str) -> None:
    with simulated() as shop:
        shop.server.add_fault(Fault(kind, times=-1))
        report = shop.adapter.check()
        assert [(line.ok, line.subject) for line in report.lines] == [(False, "address"), (False, "read products")]


def test_an_index_that_fails_alone_is_no_fault() -> None:
    with simulated() as shop:
        shop.server.add_fault(Fault("error_500_html", path="/wp-json/wc/v3", times=3))
        report = shop.adapter.check()
        assert report.ok
        assert report.lines[0].subject == "address"


def test_no_secret_in_any_error() -> None:
    def answer(request: SimRequest) -> SimResponse:
        return SimResponse(401, {"code": "woocommerce_rest_cannot_view", "message": f"no {request.query}"})

    with scripted(answer, auth="query") as (_, adapter), pytest.raises(AuthRejected) as caught:
        read(adapter)
    assert "cs_sim" not in str(caught.value)


def test_an_address_below_a_folder_is_used() -> None:
    asked: list[str] = []

    def answer(request: SimRequest) -> SimResponse:
        asked.append(request.path)
        return page([])

    with scripted(answer) as (_, adapter):
        base = str(adapter._client._session._client.base_url).removesuffix("/wp-json/wc/v3/")
        other = build(f"{base}/shop/")
        list(other.read_all())
        other.close()
    assert asked == ["/shop/wp-json/wc/v3/products", "/shop/wp-json/wc/v3/variations"]


def test_an_open_route_index_proves_no_key() -> None:
    def answer(request: SimRequest) -> SimResponse:
        if request.path.endswith("/wc/v3/"):
            return SimResponse(200, {"namespace": "wc/v3", "routes": {}})
        return SimResponse(401, {"code": "woocommerce_rest_authentication_error", "message": "no"})

    with scripted(answer) as (_, adapter):
        adapter.check()
        with pytest.raises(AuthRejected):
            adapter.write_stock(WRITE)


def test_variations_that_are_only_listed_as_trashed_are_not_gone() -> None:
    def answer(request: SimRequest) -> SimResponse:
        at = 1_795_000_000
        if request.path.endswith("/products/5/variations"):
            return page([{"id": 6, "status": "publish"}], at=at)
        if request.path.endswith("/products") and request.param("status") == "trash":
            return page([product(5, type="variable", status="trash")], at=at)
        return page([], at=at)

    with scripted(answer) as (_, adapter):
        assert [one.ref.external_id for changes in adapter.read_changes(CURSOR) for one in changes.gone] == ["5"]


def test_an_answer_about_another_product_is_neither_a_reading_nor_a_deletion() -> None:
    def answer(request: SimRequest) -> SimResponse:
        if request.path.endswith(("/products", "/variations")):
            return page([])
        return SimResponse(200, product(6, status="trash"))

    with scripted(answer) as (_, adapter), pytest.raises(InvalidResponse, match="asked for 5"):
        adapter.fetch([ListingRef("5")])


def test_an_error_page_that_repeats_the_request_shows_no_secret() -> None:
    def answer(request: SimRequest) -> SimResponse:
        text = f"you sent {request.headers['authorization']} that is cs_sim"
        return SimResponse(200, f"<html>{text.replace('Basic ', '')}</html>".encode())

    with scripted(answer, auth="basic") as (server, adapter), pytest.raises(InvalidResponse) as caught:
        read(adapter)
    sent = server.requests[0].headers["authorization"].partition(" ")[2]
    assert sent
    assert sent not in f"{caught.value} {caught.value.sample}"
    assert "cs_sim" not in f"{caught.value} {caught.value.sample}"
