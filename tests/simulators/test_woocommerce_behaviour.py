"""Races, feeds, settings and people of the simulated shop, partly over real sockets."""

from __future__ import annotations

import threading
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from syncd.simulators.catalogue import CatalogueProduct
from syncd.simulators.woocommerce import WooCommerceSettings, WooCommerceSim
from tests.simulators.recorded_shop import ask, recorded_shop
from tests.simulators.seeded_shop import SIM_KEY, call, product, seeded


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


# -- the race of inventory_delta


def test_an_order_between_read_and_write_of_a_delta_is_lost() -> None:
    sim, _ = seeded()
    item = product(sim, "S-00001")
    sim.people.set_stock("S-00001", 10)
    sim.settings.between_read_and_write = lambda sku: sim.people.order([{"sku": sku, "quantity": 3}])

    answer = call(sim, "PUT", f"products/{item['id']}", {"inventory_delta": 5})

    assert answer["stock_quantity"] == 15, "the answer looks right"
    assert sim.people.stock()["S-00001"] == 15, "the three sold pieces are back"
    assert [lost["swallowed"] for lost in sim.people.lost_updates()] == [-3]
    last = sim.people.history()[-1]
    assert (last["kind"], last["requested"], last["quantity"]) == ("rest_delta", 5, 8)


def test_a_race_in_one_batch_item_leaves_the_others_alone() -> None:
    sim, _ = seeded()
    first, second = product(sim, "S-00001"), product(sim, "S-00002")
    sim.people.set_stock("S-00001", 10)
    sim.people.set_stock("S-00002", 10)
    sim.settings.between_read_and_write = lambda sku: sim.people.order([{"sku": "S-00001", "quantity": 1}])

    items = [{"id": second["id"], "inventory_delta": 1}, {"id": first["id"], "inventory_delta": 1}]
    answer = call(sim, "POST", "products/batch", {"update": items})

    assert [row["stock_quantity"] for row in answer["update"]] == [11, 10], "one order before, one swallowed"
    assert [lost["sku"] for lost in sim.people.lost_updates()] == ["S-00001"]


def test_a_delta_without_effect_and_a_write_without_stock_swallow_nothing() -> None:
    sim, _ = seeded()
    item = product(sim, "S-00001")
    sim.people.set_stock("S-00001", 10)
    sim.settings.between_read_and_write = lambda sku: sim.people.order([{"sku": sku, "quantity": 1}])

    call(sim, "PUT", f"products/{item['id']}", {"inventory_delta": 0})
    call(sim, "PUT", f"products/{item['id']}", {"name": "Other"})

    assert sim.people.stock()["S-00001"] == 9
    assert sim.people.lost_updates() == []


def test_history_and_losses_account_for_every_piece() -> None:
    sim, _ = seeded(delta_race_seconds=0.002)
    item = product(sim, "S-00001")
    sim.people.set_stock("S-00001", 1000)
    start = len(sim.people.history())

    def write() -> None:
        for _ in range(15):
            call(sim, "PUT", f"products/{item['id']}", {"inventory_delta": 10})

    def sell() -> None:
        for _ in range(15):
            sim.people.order([{"sku": "S-00001", "quantity": 1}])

    threads = [threading.Thread(target=work) for work in (write, write, sell)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = sim.people.history()[start:]
    stock = sim.people.stock()["S-00001"] or 0
    assert stock == 1000 + sum(change["quantity"] for change in history)
    swallowed = sum(lost["swallowed"] for lost in sim.people.lost_updates())
    assert stock + swallowed == 1000 + 30 * 10 - 15


def test_orders_alone_are_exact() -> None:
    sim, _ = seeded()
    sim.people.set_stock("S-00001", 100)
    work = [threading.Thread(target=lambda: sim.people.order([{"sku": "S-00001", "quantity": 1}])) for _ in range(40)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert sim.people.stock()["S-00001"] == 60


# -- markers


def test_a_marker_is_saved_with_the_delta_and_returned_on_all_four_routes() -> None:
    sim, _ = seeded()
    simple = product(sim, "S-00001")
    parent = product(sim, "S-00012")
    child = parent["variations"][0]
    routes = [
        ("PUT", f"products/{simple['id']}", None),
        ("POST", "products/batch", simple["id"]),
        ("PUT", f"products/{parent['id']}/variations/{child}", None),
        ("POST", f"products/{parent['id']}/variations/batch", child),
    ]
    for number, (method, path, batched) in enumerate(routes):
        item = {"inventory_delta": 2, "meta_data": [{"key": "_syncd_op", "value": f"op-{number}"}]}
        answer = call(sim, method, path, item if batched is None else {"update": [{"id": batched, **item}]})
        row = answer if batched is None else answer["update"][0]
        item_path = path if batched is None else path.replace("batch", str(batched))
        read = call(sim, "GET", item_path, _fields="id,stock_quantity,meta_data")
        assert set(read) == {"id", "stock_quantity", "meta_data"}
        assert read["stock_quantity"] == row["stock_quantity"]
        assert [(m["key"], m["value"]) for m in read["meta_data"]] == [("_syncd_op", f"op-{number}")]


def test_meta_is_updated_by_key_and_deleted_by_null() -> None:
    sim, _ = seeded()
    path = f"products/{product(sim, 'S-00001')['id']}"
    first = call(sim, "PUT", path, {"meta_data": [{"key": "_a", "value": "1"}]})["meta_data"]
    second = call(sim, "PUT", path, {"meta_data": [{"key": "_a", "value": "2"}]})["meta_data"]
    assert second == [{**first[0], "value": "2"}]
    assert call(sim, "PUT", path, {"meta_data": [{"key": "_a", "value": None}]})["meta_data"] == []


# -- dates and feeds


def test_z_together_with_dates_are_gmt_misses_the_last_hour() -> None:
    sim, clock = seeded()
    clock.now += 60
    sim.people.set_stock("S-00003", 1)
    before = call(sim, "GET", "products/" + str(product(sim, "S-00003")["id"]))["date_modified_gmt"]
    cursor = before[:-2] + "00"
    assert len(call(sim, "GET", "products", modified_after=cursor, dates_are_gmt="true")) == 1
    assert call(sim, "GET", "products", modified_after=cursor + "Z", dates_are_gmt="true") == []
    assert len(call(sim, "GET", "products", modified_after=cursor + "Z")) == 1
    clock.now += 3600
    sim.people.set_stock("S-00004", 1)
    found = call(sim, "GET", "products", modified_after=cursor + "Z", dates_are_gmt="true")
    assert [row["sku"] for row in found] == ["S-00004"], "only what is newer than the zone's offset"


@pytest.mark.parametrize("bump", [True, False])
def test_orders_bump_dates_or_not(bump: bool) -> None:
    sim, clock = seeded(orders_bump_dates=bump)
    before = product(sim, "S-00001")["date_modified_gmt"]
    clock.now += 5
    sim.people.order([{"sku": "S-00001", "quantity": 1}])
    after = product(sim, "S-00001")
    assert (after["date_modified_gmt"] != before) == bump
    assert after["stock_quantity"] == sim.people.stock()["S-00001"]


@pytest.mark.parametrize("bump", [True, False])
def test_refunds_appear_in_their_feed_whether_or_not_the_order_moves(bump: bool) -> None:
    sim, clock = seeded(refund_bumps_order=bump)
    order = sim.people.order([{"sku": "S-00001", "quantity": 3}])["order"]
    stock = sim.people.stock()["S-00001"]
    clock.now += 30
    since = call(sim, "GET", f"orders/{order}")["date_modified_gmt"]
    refund = sim.people.refund(order, [{"sku": "S-00001", "quantity": 2}])["refund"]

    feed = call(sim, "GET", "refunds", modified_after=since, dates_are_gmt="true", orderby="modified", order="asc")
    assert [(row["id"], row["parent_id"], row["line_items"][0]["quantity"]) for row in feed] == [(refund, order, -2)]
    orders = call(sim, "GET", "orders", modified_after=since, dates_are_gmt="true")
    assert ids(orders) == ([order] if bump else [])
    assert sim.people.stock()["S-00001"] == (stock or 0) + 2

    sim.people.cancel_order(order)
    assert sim.people.stock()["S-00001"] == (stock or 0) + 3, "only what the refund had not returned yet"


def test_refunding_everything_makes_the_order_refunded_and_without_restock_returns_nothing() -> None:
    sim, _ = seeded()
    order = sim.people.order([{"sku": "S-00001", "quantity": 1}])["order"]
    stock = sim.people.stock()["S-00001"]
    sim.people.refund(order, [{"sku": "S-00001", "quantity": 1}], restock=False)
    read = call(sim, "GET", f"orders/{order}")
    assert read["status"] == "refunded"
    assert len(read["refunds"]) == 1
    assert sim.people.stock()["S-00001"] == stock
    with pytest.raises(ValueError, match="Invalid refund amount"):
        sim.control("refund", {"order": order, "lines": [{"sku": "S-00001", "quantity": 1}]})


def test_a_refund_asks_the_gateway_unless_told_not_to() -> None:
    sim, _ = seeded()
    order = sim.people.order([{"sku": "S-00001", "quantity": 1}])["order"]
    response = ask(sim, "POST", f"orders/{order}/refunds", body={"amount": "1.00"}, headers=SIM_KEY)
    assert (response.status, response.body["code"]) == (500, "woocommerce_rest_cannot_create_order_refund")
    assert call(sim, "GET", f"orders/{order}/refunds") == []


def test_trash_and_restore_move_between_the_lists() -> None:
    sim, clock = seeded()
    since = product(sim, "S-00012")["date_modified_gmt"]
    parent = product(sim, "S-00012")
    clock.now += 5
    sim.people.trash("S-00012")
    trashed = call(sim, "GET", "products", status="trash", modified_after=since, dates_are_gmt="true")
    assert ids(trashed) == [parent["id"]]
    assert call(sim, "GET", f"products/{parent['id']}/variations") == []
    assert call(sim, "GET", f"products/{parent['id']}/variations/{parent['variations'][0]}")["status"] == "trash"
    duplicate = ask(sim, "POST", "products", body={"name": "x", "sku": "S-00012"}, headers=SIM_KEY)
    assert duplicate.body["code"] == "woocommerce_rest_product_not_created"
    sim.people.restore("S-00012")
    assert product(sim, "S-00012")["variations"] == parent["variations"]
    sim.people.delete("S-00012")
    gone = ask(sim, "GET", f"products/{parent['id']}", headers=SIM_KEY)
    assert (gone.status, gone.body["code"]) == (404, "woocommerce_rest_product_invalid_id")


def test_duplicate_codes_are_refused_with_their_holder() -> None:
    sim, _ = seeded()
    holder = product(sim, "S-00001")
    sku = ask(sim, "POST", "products", body={"sku": "s-00001"}, headers=SIM_KEY)
    assert (sku.status, sku.body["data"]["resource_id"]) == (400, holder["id"])
    gtin = ask(sim, "POST", "products", body={"global_unique_id": holder["global_unique_id"]}, headers=SIM_KEY)
    assert (gtin.status, gtin.body["code"]) == (400, "product_invalid_global_unique_id")


def test_older_shops_lack_routes_and_their_index_says_so() -> None:
    sim, _ = seeded(has_variations_route=False, has_refunds_route=False)
    for path in ("variations", "refunds"):
        response = ask(sim, "GET", path, headers=SIM_KEY)
        assert (response.status, response.body["code"]) == (404, "rest_no_route")
    routes = ask(sim, "GET", "", headers={}).body["routes"]
    assert {"/wc/v3/variations", "/wc/v3/refunds"}.isdisjoint(routes)
    sim.people.set(has_variations_route=True)
    assert call(sim, "GET", "variations", per_page=1, _fields="parent_id")[0]["parent_id"] > 0
    assert "/wc/v3/variations" in ask(sim, "GET", "", headers={}).body["routes"]
    assert "wc/v3" in ask(sim, "GET", "/wp-json", headers={}).body["namespaces"]


def test_pages_together_hold_every_row_once_and_filters_agree() -> None:
    sim, clock = seeded(products=130, variable=20)
    for number in range(1, 131, 7):
        clock.now += number % 3
        if number <= 110:
            sim.people.set_stock(f"S-{number:05d}", number)
    for orderby in ("id", "date", "modified", "title", "price"):
        for order in ("asc", "desc"):
            rows = []
            for page in range(1, 5):
                rows += call(sim, "GET", "products", per_page=40, page=page, orderby=orderby, order=order)
            assert Counter(ids(rows)) == Counter(ids(list({r["id"]: r for r in rows}.values())))
            assert len(rows) == 130
            if orderby == "modified":
                stamps = [row["date_modified_gmt"] for row in rows]
                assert stamps == sorted(stamps, reverse=order == "desc")
    page = call(sim, "GET", "products", per_page=10, offset=5, orderby="id", order="asc", _fields="id")
    wanted = ids(page)[:3]
    assert ids(call(sim, "GET", "products", include=",".join(map(str, wanted)), orderby="include")) == wanted
    rest = call(sim, "GET", "products", exclude=",".join(map(str, wanted)), per_page=100)
    assert not set(wanted) & set(ids(rest))


def test_values_of_the_wrong_type_are_refused_alone_and_bent_in_a_batch() -> None:
    sim, _ = seeded()
    item = product(sim, "S-00001")["id"]
    for value in (2.7, "viele", True, [1]):
        response = ask(sim, "PUT", f"products/{item}", body={"stock_quantity": value}, headers=SIM_KEY)
        assert response.body["data"]["details"]["stock_quantity"]["code"] == "rest_invalid_type"
    assert call(sim, "PUT", f"products/{item}", {"stock_quantity": None})["stock_quantity"] == 0
    batch = call(sim, "POST", "products/batch", {"update": [{"id": item, "stock_quantity": 2.7}]})
    assert batch["update"][0]["stock_quantity"] == 2


# -- hosts and clocks


def test_a_host_that_strips_the_header_still_takes_the_query_string() -> None:
    sim, _ = recorded_shop(strip_authorization=True)
    refused = ask(sim, "GET", "products")
    assert refused.body["code"] == "woocommerce_rest_cannot_view"
    query = {"consumer_key": "ck_PLACEHOLDER_RW", "consumer_secret": "cs_PLACEHOLDER_RW", "per_page": 1}
    assert ask(sim, "GET", "products", query, headers={}).status == 200


def test_the_servers_clock_is_its_own() -> None:
    sim, _ = seeded(clock_skew_seconds=-7200.0)
    sim.people.set_stock("S-00001", 5)
    response = ask(sim, "GET", "products", {"sku": "S-00001"}, headers=SIM_KEY)
    assert response.headers["Date"].endswith("09:45:49 GMT")
    assert response.body[0]["date_modified_gmt"] == "2026-11-23T09:45:49"
    assert response.body[0]["date_modified"] == "2026-11-23T10:45:49"


@pytest.mark.parametrize(("separator", "stored"), [(",", "12.5"), (".", "125")])
def test_a_comma_in_a_price_depends_on_the_shop(separator: str, stored: str) -> None:
    sim, _ = seeded(decimal_separator=separator)
    item = product(sim, "S-00001")["id"]
    assert call(sim, "PUT", f"products/{item}", {"regular_price": "12,5"})["regular_price"] == stored


@pytest.mark.parametrize(("settings", "stored"), [({}, "9.97"), ({"prices_include_tax": False}, "8.378151")])
def test_a_shop_with_net_prices_charges_the_same(settings: dict[str, Any], stored: str) -> None:
    """The catalogue's prices are gross: they are what an order says, however the shop stores them."""
    goods = [CatalogueProduct("MUG", "", "Mug", Decimal("9.97"), Decimal(19), 5)]
    sim = WooCommerceSim(WooCommerceSettings(**settings))
    sim.seed(goods)
    product = sim.shop.with_sku("MUG")[0]
    assert product.regular_price == stored
    order = sim.desk.create({"line_items": [{"product_id": product.id, "quantity": 3}]})
    assert order.lines[0].total == Decimal("29.91")
