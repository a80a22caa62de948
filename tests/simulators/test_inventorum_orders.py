"""Orders, returns, the control interface and faults of the simulated INVENTORUM."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from syncd.simulators.catalogue import make_catalogue
from tests.support.inventorum_wire import LONG_AGO, Merchant, exactly, merchant

SKU = "S-00001"


def delta(shop: Merchant, version: int = 12, **params: Any) -> list[int]:
    return [row["id"] for row in shop.get("orders/delta/", version, **params)["data"]]


def new_order(shop: Merchant, state: int = 0, quantity: int = 1, **item: Any) -> Any:
    line = {"product": shop.id_of(SKU), "quantity": quantity, "unit_gross_price": "16.73", "tax_rate": "19.000", **item}
    return shop.post("orders/", {"channel": "shop", "basket": {"items": [line]}, "state": state}, 12)


# Orders


def test_till_sale_is_a_completed_order_and_lowers_stock() -> None:
    with merchant() as shop:
        before = Decimal(shop.sim.stock()[SKU])
        number = shop.sim.sale(SKU, 2)["order"]
        assert Decimal(shop.sim.stock()[SKU]) == before - 2
        rows = shop.get("orders/delta/", channel="ipad")["data"]
        assert [(row["id"], row["state"]) for row in rows] == [(number, 360)]
        item = rows[0]["basket"]["items"][0]
        assert (item["quantity"], item["original_quantity"]) == (2, "2.00")


def test_delta_lists_channel_shop_unless_told_and_counts_pages_from_0() -> None:
    with merchant() as shop:
        till = shop.sim.sale(SKU)["order"]
        web = shop.sim.sale(SKU, channel="shop")["order"]
        assert delta(shop) == delta(shop, page=0) == [web]
        assert delta(shop, page=1) == []
        assert delta(shop, channel="ipad") == [till]
        shop.sim.set(orders_delta_page_base=1, orders_delta_channel="")
        assert delta(shop, page=1) == delta(shop, page=0) == [till, web]


def test_delta_lists_changed_orders_once_and_by_time() -> None:
    with merchant() as shop:
        first, second = (shop.sim.sale(SKU)["order"] for _ in range(2))
        since = exactly(shop.sim.state.now())
        assert delta(shop, channel="ipad", start_date=since) == []
        shop.sim.cancel_order(first)
        assert delta(shop, channel="ipad", start_date=since) == [first]
        assert delta(shop, channel="ipad", start_date=LONG_AGO) == [second, first]
        assert delta(shop, channel="ipad", order_by="-id") == [second, first]
        assert delta(shop, channel="ipad", order_by="id") == [first, second]


def test_pending_orders_are_listed_below_version_12_only() -> None:
    with merchant() as shop:
        order = new_order(shop, state=258)["id"]
        assert delta(shop, 10) == [order]
        assert delta(shop, 12) == []


def test_list_of_orders_by_time() -> None:
    with merchant(orders_list_zone="utc") as shop:
        order = shop.sim.sale(SKU)["order"]
        now = shop.sim.state.now()
        start, end = (f"{now + timedelta(hours=each):%Y.%m.%d %H:%M:%S}" for each in (-1, 1))
        page = shop.get("orders/", start=start, end=end, channel="ipad")
        assert (page["total"], page["data"][0]["id"]) == (1, order)
        assert shop.get("orders/", start=end)["total"] == 0
        shop.sim.set(orders_list_requires_end=True)
        assert shop.send("GET", "orders/", params={"start": start}).status_code == 400
        assert shop.send("GET", "orders/", params={"start": "yesterday"}).status_code == 400


@pytest.mark.parametrize(("setting", "sold"), [(True, 3), (False, 0)])
def test_whether_a_posted_order_lowers_stock(setting: bool, sold: int) -> None:
    with merchant(order_lowers_stock=setting) as shop:
        before = Decimal(shop.sim.stock()[SKU])
        new_order(shop, quantity=3)
        assert Decimal(shop.sim.stock()[SKU]) == before - sold


def test_zero_tax_is_kept_or_replaced_as_in_mid_2015() -> None:
    with merchant() as shop:
        kept = new_order(shop, tax_rate="0.000")["basket"]["items"][0]
        shop.sim.set(order_replaces_zero_tax=True)
        replaced = new_order(shop, tax_rate="0.000")["basket"]["items"][0]
    assert (kept["gross_price"], kept["tax_rate"]) == ("16.73", "0.000")
    assert (replaced["gross_price"], replaced["tax_rate"]) == ("19.91", "19.000")


def test_version_13_items_carry_the_article_number() -> None:
    with merchant() as shop:
        shop.sim.sale(SKU)
        row = shop.get("orders/delta/", 13, channel="ipad")["data"][0]
    assert row["basket"]["items"][0]["product_code"] == SKU


def test_wrong_orders_are_refused() -> None:
    with merchant() as shop:
        assert shop.send("POST", "orders/", json={"channel": "shop"}).status_code == 400
        body = {"basket": {"items": [{"product": 1, "quantity": 1}]}}
        assert shop.send("POST", "orders/", json=body).status_code == 400
        assert delta(shop) == []


# Cancelling an order, giving goods back


def test_cancelled_sale_keeps_its_quantities_and_gives_stock_back() -> None:
    with merchant() as shop:
        before = shop.sim.stock()[SKU]
        number = shop.sim.sale(SKU, 2)["order"]
        shop.sim.cancel_order(number)
        row = shop.get("orders/delta/", channel="ipad")["data"][0]
        assert (row["state"], row["basket"]["items"][0]["quantity"]) == (360 | 4, 2)
        assert shop.sim.stock()[SKU] == before
        assert shop.control("cancel_order", order=number).status_code == 400


@pytest.mark.parametrize(("to_stock", "back"), [("true", 1), ("false", 0)])
def test_return_raises_stock_if_told(to_stock: str, back: int) -> None:
    with merchant() as shop:
        order = new_order(shop, quantity=3)
        item = order["basket"]["items"][0]["id"]
        before = Decimal(shop.sim.stock()[SKU])
        body = {
            "order": order["id"],
            "items": [{"item": item, "quantity": 1}],
            "returnType": "0",
            "returnToStock": to_stock,
        }
        answer = shop.post("returns/create/", body)
        assert (answer["order_id"], answer["return_items"][0]["quantity"]) == (order["id"], 1)
        assert Decimal(shop.sim.stock()[SKU]) == before + back
        rows = shop.get("orders/delta/")["data"]
        line = rows[0]["basket"]["items"][0]
        assert (line["quantity"], line["original_quantity"]) == (2, "3.00")


def test_older_form_of_a_return_names_the_order_and_answers_another_basket() -> None:
    with merchant(return_lowers_item=False) as shop:
        order = new_order(shop, quantity=3)
        since = exactly(shop.sim.state.now())
        item = order["basket"]["items"][0]["id"]
        path = f"basket/{order['id']}/items/return/"
        answer = shop.post(path, {"returnType": 1, "items": [{"item": item, "quantity": 3}]}, 10)
        assert answer["basket"] != order["id"]
        assert answer["gross"] == "50.19"
        row = shop.get("returns/delta/", 10, start_date=since, channel="shop")["data"][0]
        assert (row["order"], row["items"][0]["quantity"]) == (order["id"], "3.00")
        changed = shop.get("orders/delta/")["data"][0]
        assert changed["basket"]["items"][0]["quantity"] == 3
        assert changed["state"] & 16
        more = {"returnType": 1, "items": [{"item": item, "quantity": 1}]}
        assert shop.send("POST", path, json=more).status_code == 400


def test_partly_returned_order_gives_back_only_the_rest_when_cancelled() -> None:
    with merchant() as shop:
        before = shop.sim.stock()[SKU]
        number = shop.sim.sale(SKU, 3)["order"]
        shop.sim.return_items(number, SKU, 1)
        shop.sim.cancel_order(number)
        assert shop.sim.stock()[SKU] == before


# Control


def test_history_adds_up_to_the_stock() -> None:
    with merchant() as shop:
        variation = next(sku for sku in shop.sim.stock() if sku.startswith("V-"))
        for sku in (SKU, variation):
            shop.sim.sale(sku, "1.5")
            shop.sim.receive(sku, 10)
            shop.sim.count(sku, 4)
            shop.sim.return_items(shop.sim.sale(sku, 6)["order"], sku, 2, to_stock=False)
            shop.adjust(shop.id_of(sku), -3, note="op 1")
            kinds = [each["kind"] for each in shop.sim.history(sku)]
            assert kinds[-5:] == ["sale", "receive", "count", "sale", "adjust"]
            assert shop.sim.stock()[sku] == "-5.00"
        sums: dict[str, Decimal] = {}
        for each in shop.sim.history():
            sums[each["sku"]] = sums.get(each["sku"], Decimal(0)) + Decimal(each["quantity"])
        assert {sku: sums.get(sku, Decimal(0)) for sku in shop.sim.stock()} == {
            sku: Decimal(quantity) for sku, quantity in shop.sim.stock().items()
        }


def test_stock_names_units_and_no_parents() -> None:
    catalogue = make_catalogue(6, 2)
    with merchant(catalogue) as shop:
        wanted = {each.sku: each.quantity for product in catalogue for each in (product.variations or (product,))}
        assert {sku: Decimal(text) for sku, text in shop.sim.stock().items()} == wanted


def test_merchant_changes_show_in_the_api() -> None:
    with merchant() as shop:
        shop.sim.set_price(SKU, "2.99")
        product = shop.get(f"products/{shop.id_of(SKU)}/")
        assert (product["price"], product["gross_price"]) == ("2.5126050420", "2.99")
        made = shop.control(
            "create_product",
            sku="N",
            name="Hat",
            variations=[{"sku": "N-1", "quantity": 2.5, "attributes": {"size": "S"}}],
        )
        parent = shop.get(f"products/{made.json()['id']}/")
        assert (parent["product_code"], parent["quantity"]) == ("N", "2.50")
        shop.control("delete_product", sku="N-1")
        shop.sim.set_name("N", "Cap")
        assert shop.get(f"products/{parent['id']}/")["variations"] == []
        assert shop.get(f"products/{parent['id']}/")["name"] == "Cap"


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("unknown", {}),
        ("sale", {"sku": "missing"}),
        ("sale", {"sku": "S-00006"}),
        ("sale", {"sku": SKU, "colour": "red"}),
        ("sale", {"sku": SKU, "quantity": "many"}),
        ("cancel_order", {"order": 1}),
        ("set", {"put_quantity": "maybe"}),
        ("set", {"no_such_setting": 1}),
        ("seed", {"catalogue": []}),
    ],
)
def test_impossible_actions_are_refused_and_change_nothing(action: str, arguments: dict[str, Any]) -> None:
    with merchant() as shop:
        before = (shop.sim.stock(), shop.sim.settings.model_dump())
        assert shop.control(action, **arguments).status_code == 400
        assert (shop.sim.stock(), shop.sim.settings.model_dump()) == before


# Faults


@pytest.mark.parametrize(
    ("kind", "applied"),
    [("lost_before", 0), ("lost_after", 1), ("error_500_html", 0), ("error_500_after", 1), ("truncated", 1)],
)
def test_faults_around_a_write(kind: str, applied: int) -> None:
    with merchant() as shop:
        product = shop.id_of(SKU)
        before = Decimal(shop.quantity(product))
        shop.control("fault", kind=kind, method="PUT", path="adjust_inventory")
        if kind.startswith("error_500"):
            answer = shop.adjust(product, 1)
            assert answer.status_code == 500
            assert answer.text.startswith("<html>")
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                shop.adjust(product, 1)
        assert Decimal(shop.quantity(product)) == before + applied
        assert shop.adjust(product, 1).status_code == 200


def test_stale_answers() -> None:
    with merchant() as shop:
        product = shop.id_of(SKU)
        old = shop.quantity(product)
        shop.control("fault", kind="stale", path="quantity", seconds=60)
        shop.sim.receive(SKU, 5)
        assert shop.quantity(product) == old
        assert shop.quantity(product) != old


@pytest.mark.parametrize(("seconds", "header"), [(7, "7"), (-1, None)])
def test_too_many_requests_on_demand(seconds: int, header: str | None) -> None:
    with merchant() as shop:
        shop.control("fault", kind="too_many", path="taxes", seconds=seconds)
        answer = shop.send("GET", "taxes/")
    assert (answer.status_code, answer.headers.get("retry-after")) == (429, header)


def test_many_threads_lose_no_booking() -> None:
    with merchant() as shop:
        product = shop.id_of(SKU)
        before = Decimal(shop.quantity(product))

        def work() -> None:
            for _ in range(10):
                assert shop.adjust(product, 1).status_code == 200
                shop.sim.sale(SKU)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Decimal(shop.quantity(product)) == before
        assert len(shop.sim.adjustments()) == 40


# Alone


def test_runs_alone_and_prints_what_a_client_needs() -> None:
    command = [sys.executable, "-m", "syncd.simulators.inventorum", "--port", "0", "--products", "5", "--variable", "1"]
    command += ["--set", "orders_delta_page_base=1", "--set", "client_id=42"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(7)]
        address = lines[4].split('"')[1]
        answer = httpx.post(
            f"{address}auth/token/",
            data={"grant_type": "refresh_token", "refresh_token": "sim-refresh-0"},
            auth=("42", "sim-secret"),
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert answer.status_code == 200
    assert lines[3] == "[inventorum]"
    assert lines[5:] == ['client_id = "42"', 'client_secret = "sim-secret"']


def test_unknown_setting_on_the_command_line_is_refused() -> None:
    command = [sys.executable, "-m", "syncd.simulators.inventorum", "--set", "colour=red"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "colour=red" in done.stderr
