"""Stock writes to a simulated shop: once each, marked, and honest about what is not known."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from syncd.core.model import Applied, ListingRef, NotSent, Refused, RemoteListing, StockMode, StockWrite, Unknown
from syncd.errors import InvalidResponse, RateLimited, Transient
from syncd.simulators.server import Fault, SimRequest, SimResponse
from tests.support.raw_server import closed_port
from tests.support.woocommerce import Shop, build, by_sku, listings, product, scripted, simulated


@pytest.fixture
def shop() -> Iterator[Shop]:
    with simulated() as made:
        made.read_all()
        yield made


def write(item: RemoteListing, difference: int | str, operation: str = "op-1", **fields: bool) -> StockWrite:
    return StockWrite(item.ref, operation, Decimal(difference), item.quantity or Decimal(0), **fields)


def all_of(shop: Shop) -> list[RemoteListing]:
    found = listings(shop.read_all()).values()
    return sorted((item for item in found if item.stock_mode is StockMode.OWN), key=lambda item: item.sku or "")


def posted(shop: Shop) -> list[str]:
    return [urlsplit(r.target).path.removeprefix("/wp-json/wc/v3/") for r in shop.server.requests(method="POST")]


def after(item: RemoteListing, difference: int) -> Applied:
    return Applied((item.quantity or Decimal(0)) + difference)


def now(shop: Shop, item: RemoteListing) -> RemoteListing:
    (found,) = shop.adapter.fetch([item.ref]).listings
    return found


def test_writes_are_grouped_by_route_and_answered_in_order(shop: Shop) -> None:
    items = all_of(shop)
    families = {item.ref.parent_external_id for item in items} - {None}
    writes = [write(item, number + 1, f"op-{number}") for number, item in enumerate(items)]
    writes.reverse()
    results = shop.adapter.write_stock(writes)
    assert results == [Applied(one.expected_after) for one in writes]
    assert sorted(posted(shop)) == sorted(
        ["products/batch", *(f"products/{parent}/variations/batch" for parent in families)]
    )
    for one in writes:
        found = next(item for item in shop.adapter.fetch([one.ref]).listings)
        assert (found.quantity, found.marker) == (one.expected_after, one.operation_id)


def test_a_single_write_goes_to_its_own_address(shop: Shop) -> None:
    items = all_of(shop)
    simple, variation = items[0], items[-1]
    assert shop.adapter.write_stock([write(simple, -3)]) == [after(simple, -3)]
    assert shop.adapter.write_stock([write(variation, 4)]) == [after(variation, 4)]
    number, parent = variation.ref.external_id, variation.ref.parent_external_id
    assert posted(shop) == [f"products/{simple.ref.external_id}", f"products/{parent}/variations/{number}"]
    assert now(shop, variation).marker == "op-1"


def test_a_second_marker_replaces_the_first(shop: Shop) -> None:
    item = all_of(shop)[0]
    shop.adapter.write_stock([write(item, 1, "op-1")])
    shop.adapter.write_stock([write(item, 1, "op-2")])
    assert now(shop, item).marker == "op-2"


def test_an_order_that_came_first_shows_in_the_answer(shop: Shop) -> None:
    item = all_of(shop)[0]
    shop.sim.people.order([{"sku": item.sku, "quantity": 2}])
    assert shop.adapter.write_stock([write(item, 5)]) == [after(item, 3)]


def test_a_fraction_is_refused_and_the_others_are_sent(shop: Shop) -> None:
    first, second = all_of(shop)[:2]
    refused, applied = shop.adapter.write_stock([write(first, "0.5"), write(second, 1)])
    assert isinstance(refused, Refused)
    assert refused.code == "fraction"
    assert isinstance(applied, Applied)
    assert now(shop, first).quantity == first.quantity


def test_an_unmanaged_listing_refuses_until_management_starts(shop: Shop) -> None:
    item, other = all_of(shop)[:2]
    shop.sim.people.set_manage_stock(str(item.sku), False)
    for batch in ([write(item, 4)], [write(item, 4), write(other, 1, "op-2")]):
        result = shop.adapter.write_stock(batch)[0]
        assert isinstance(result, Refused)
        assert result.code == "stock_not_managed"
    assert shop.adapter.write_stock([write(item, 4, start_managing=True)]) == [Applied(Decimal(4))]


def test_a_variation_in_a_pool_refuses(shop: Shop) -> None:
    item = all_of(shop)[-1]
    number, parent = item.ref.external_id, item.ref.parent_external_id
    shop.adapter._client.post(f"products/{parent}", {"manage_stock": True, "stock_quantity": 20})
    shop.adapter._client.post(f"products/{parent}/variations/{number}", {"manage_stock": False})
    (result,) = shop.adapter.write_stock([write(item, 4)])
    assert isinstance(result, Refused)
    assert "parent" in result.message
    pool = StockWrite(ListingRef(str(parent)), "op-2", Decimal(-4), Decimal(20))
    assert shop.adapter.write_stock([pool]) == [Applied(Decimal(16))]


@pytest.mark.parametrize("alone", [True, False])
def test_a_listing_that_does_not_exist_is_refused_as_gone(shop: Shop, alone: bool) -> None:
    items = all_of(shop)
    missing = StockWrite(ListingRef("99999"), "op-x", Decimal(1), Decimal(0))
    orphan = StockWrite(ListingRef("99999", items[-1].ref.parent_external_id), "op-y", Decimal(1), Decimal(0))
    for one, mate in ((missing, items[0]), (orphan, items[-1])):
        results = shop.adapter.write_stock([one] if alone else [write(mate, 1), one])
        assert isinstance(results[-1], Refused)
        assert results[-1].gone
        assert alone or isinstance(results[0], Applied)


def test_a_variation_addressed_as_a_product_is_refused_but_not_gone(shop: Shop) -> None:
    item = all_of(shop)[-1]
    (result,) = shop.adapter.write_stock([StockWrite(ListingRef(item.ref.external_id), "op-1", Decimal(1), Decimal(0))])
    assert isinstance(result, Refused)
    assert (result.code, result.gone) == ("woocommerce_rest_invalid_product_id", False)


# -- faults


def mixed(shop: Shop) -> tuple[list[RemoteListing], list[StockWrite]]:
    """Two products, then two variations of one parent: two requests."""
    items = all_of(shop)
    family = [item for item in items if item.ref.parent_external_id == items[-1].ref.parent_external_id][:2]
    chosen = [*items[:2], *family]
    return chosen, [write(item, 1, f"op-{number}") for number, item in enumerate(chosen)]


@pytest.mark.parametrize(
    ("fault", "applied"),
    [
        ("lost_before", False),
        ("lost_after", True),
        ("error_500_html", False),
        ("error_500_after", True),
        ("truncated", True),
        ("html_200", False),
    ],
)
def test_a_lost_answer_is_unknown_and_nothing_is_sent_twice(shop: Shop, fault: str, applied: bool) -> None:
    chosen, writes = mixed(shop)
    shop.server.add_fault(Fault(fault, method="POST"))
    results = shop.adapter.write_stock(writes)
    assert [type(result) for result in results] == [Unknown, Unknown, NotSent, NotSent]
    assert len(posted(shop)) == 1
    for item in chosen[:2]:
        found = now(shop, item)
        assert found.quantity == (item.quantity or 0) + (1 if applied else 0)
        assert (found.marker is not None) == applied


@pytest.mark.parametrize("fault", ["lost_after", "too_many", "error_500_html"])
def test_a_failure_later_on_keeps_what_is_known(shop: Shop, fault: str) -> None:
    _, writes = mixed(shop)
    shop.server.add_fault(Fault(fault, method="POST", after=1, seconds=0))
    first = shop.adapter.write_stock(writes)
    assert [type(result) for result in first[:2]] == [Applied, Applied]
    assert {type(result) for result in first[2:]} == {NotSent if fault == "too_many" else Unknown}


def test_a_refused_call_leaves_nothing_applied(shop: Shop) -> None:
    chosen, writes = mixed(shop)
    shop.server.add_fault(Fault("too_many", method="POST", seconds=0))
    with pytest.raises(RateLimited):
        shop.adapter.write_stock(writes)
    assert [now(shop, item).quantity for item in chosen] == [item.quantity for item in chosen]


def test_no_connection_leaves_nothing_applied() -> None:
    adapter = build(f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(Transient):
        adapter.write_stock([StockWrite(ListingRef("5"), "op-1", Decimal(1), Decimal(0))])
    adapter.close()


def test_after_a_stop_nothing_is_sent(shop: Shop) -> None:
    _, writes = mixed(shop)
    shop.adapter._client._session._stop.set()
    results = shop.adapter.write_stock(writes)
    assert {type(result) for result in results} == {NotSent}
    assert posted(shop) == []


def test_a_redirected_write_is_not_followed() -> None:
    def answer(_: SimRequest) -> SimResponse:
        return SimResponse(301, b"", {"Location": "https://shop.example/wp-json/wc/v3/products/5"})

    with scripted(answer) as (server, adapter):
        with pytest.raises(InvalidResponse, match=r"shop\.example"):
            adapter.write_stock([StockWrite(ListingRef("5"), "op-1", Decimal(1), Decimal(0))])
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"update": []},
        {"update": [product(5)]},
        {"update": [product(7), product(8)]},
        {"update": {"0": product(5)}},
    ],
)
def test_an_answer_that_lists_not_what_was_sent_is_unknown(body: object) -> None:
    with scripted(lambda request: SimResponse(200, body)) as (_, adapter):
        results = adapter.write_stock(
            [StockWrite(ListingRef(number), f"op-{number}", Decimal(1), Decimal(0)) for number in ("5", "6")]
        )
    assert isinstance(results[1], Unknown)
    if body != {"update": [product(5)]}:
        assert isinstance(results[0], Unknown)


def test_a_notice_before_the_answer_does_not_hide_it() -> None:
    text = (
        b'\xef\xbb\xbf<br />Notice: Undefined index<br />{"id":5,"manage_stock":true,"stock_quantity":4,"meta_data":[]}'
    )
    with scripted(lambda request: SimResponse(200, text)) as (_, adapter):
        (result,) = adapter.write_stock([StockWrite(ListingRef("5"), "op-1", Decimal(1), Decimal(3))])
    assert result == Applied(Decimal(4))


def test_a_batch_that_is_refused_as_a_whole_refuses_each_write() -> None:
    error = {"code": "woocommerce_rest_request_entity_too_large", "message": "Too many", "data": {"status": 413}}
    with scripted(lambda request: SimResponse(413, error)) as (_, adapter):
        results = adapter.write_stock(
            [StockWrite(ListingRef(number), f"op-{number}", Decimal(1), Decimal(0)) for number in ("5", "6")]
        )
    assert [result.code for result in results] == ["woocommerce_rest_request_entity_too_large"] * 2


def test_a_fast_sale_inside_a_relative_write_is_the_known_hole(shop: Shop) -> None:
    """The platform reads, adds and writes back; why ``Capabilities.atomic`` is off."""
    item = by_sku(shop.read_all(), "S-00001")
    shop.sim.settings.between_read_and_write = lambda sku: shop.sim.people.order([{"sku": sku, "quantity": 1}])
    shop.adapter.write_stock([write(item, 5)])
    shop.sim.settings.between_read_and_write = None
    assert shop.sim.people.lost_updates()
    assert not shop.adapter.capabilities.atomic


@pytest.mark.parametrize("status", [403, 406, 409, 451])
def test_a_write_that_the_host_refuses_is_in_doubt(status: int) -> None:
    """A firewall may judge the answer of the shop: by then the write has had its effect."""
    with scripted(lambda request: SimResponse(status, b"<html>blocked</html>")) as (server, adapter):
        (result,) = adapter.write_stock([StockWrite(ListingRef("5"), "op-1", Decimal(1), Decimal(0))])
        assert isinstance(result, Unknown)
        assert len(server.requests) == 1


def test_an_error_in_a_batch_is_about_its_own_id_alone() -> None:
    error = {"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID.", "data": {"status": 400}}
    with scripted(lambda request: SimResponse(200, {"update": [{"id": 6, "error": error}]})) as (_, adapter):
        results = adapter.write_stock(
            [StockWrite(ListingRef(number), f"op-{number}", Decimal(1), Decimal(0)) for number in ("5", "6")]
        )
    assert [type(result) for result in results] == [Unknown, Unknown]


@pytest.mark.parametrize("value", ["1e-400", 10**30, "12.00001", None, {}])
def test_a_quantity_that_no_stock_can_be_is_no_confirmation(value: object) -> None:
    with scripted(lambda request: SimResponse(200, product(5, stock_quantity=value))) as (_, adapter):
        (result,) = adapter.write_stock([StockWrite(ListingRef("5"), "op-1", Decimal(1), Decimal(3))])
    assert isinstance(result, Unknown)
