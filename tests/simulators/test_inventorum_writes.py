"""What can be changed in the simulated account: stock, products, taxes, categories."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from syncd.simulators.catalogue import CatalogueProduct
from tests.support.inventorum_wire import LONG_AGO, PARENT, exactly, merchant, modified, variation_of

# Stock


def test_adjustments_are_relative() -> None:
    with merchant([CatalogueProduct("A", "", "A", Decimal("2.99"), Decimal(19), 12)]) as shop:
        product = shop.id_of("A")
        answer = shop.adjust(product, 10)
        assert (answer.status_code, answer.json()["quantity"]) == (200, "22.00")
        assert shop.adjust(product, "-3.0").json()["quantity"] == "19.00"
        assert shop.adjust(product, "-20.5", note="op 7").json()["quantity"] == "-1.50"
        booked = [(each["quantity"], each["note"]) for each in shop.sim.adjustments()]
        assert booked == [("10.00", ""), ("-3.00", ""), ("-20.50", "op 7")]


def test_price_of_an_adjustment_changes_the_purchase_price() -> None:
    with merchant() as shop:
        product = shop.id_of("S-00002")
        before = shop.get(f"products/{product}/")["purchase_price"]
        assert shop.adjust(product, 1).json()["purchase_price"] == before
        answer = shop.adjust(product, 1, price="2.99").json()
        assert (answer["purchase_price"], answer["average_purchase_price"]) == ("2.99", "2.99")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"stock": {}},
        {"stock": {"quantity": "x"}},
        {"stock": {"quantity": "NaN"}},
        {"stock": {"quantity": "0.001"}},
        {"stock": {"quantity": 1, "date": "2025-08-17"}},
    ],
)
def test_wrong_adjustments_change_nothing(body: Any) -> None:
    with merchant() as shop:
        product = shop.id_of("S-00001")
        before = shop.quantity(product)
        assert shop.send("PUT", f"products/{product}/adjust_inventory/", json=body).status_code == 400
        assert (shop.quantity(product), shop.sim.adjustments()) == (before, [])


def test_doubtful_rules_of_adjustments() -> None:
    with merchant(adjust_requires_price=True) as shop:
        assert shop.adjust(shop.id_of("S-00001"), 1).status_code == 400
        assert shop.adjust(shop.id_of("S-00001"), 1, cost="1").status_code == 200
        shop.sim.set(adjust_requires_price=False)
        parent = shop.id_of(PARENT)
        assert shop.adjust(parent, 1).status_code == 400
        shop.sim.set(adjust_on_parent="ignore")
        before = shop.quantity(parent)
        assert shop.adjust(parent, 1).json()["quantity"] == before


# Writes


def test_create_computes_gross_and_answers_200() -> None:
    body = {"name": "A", "price": "1.6722689076", "quantity": 12, "product_code": "A", "images": None}
    with merchant() as shop:
        answer = shop.send("POST", "products/", json=body)
        assert answer.status_code == 200
        made = answer.json()
        assert (made["gross_price"], made["quantity"], made["product_code"]) == ("1.99", "12.00", "A")
        assert shop.get(f"products/{made['id']}/") == made


def test_create_with_variations_names_them_after_the_parent() -> None:
    variations = [
        {"name": "Jeans", "product_code": f"J-{size}", "price": 126.05, "quantity": 2.0, "attributes": {"size": size}}
        for size in ("22", "24")
    ]
    with merchant() as shop:
        made = shop.post("products/", {"name": "Jeans", "quantity": 99, "variations": variations}, 13)
        assert made["quantity"] == "4.00"
        assert [each["product_code"] for each in made["variations"]] == ["J-22", "J-24"]
        assert [each["name"] for each in made["variations"]] == ["Jeans, 22", "Jeans, 24"]
        assert made["variations"][0]["attributes"] == {"size": ["22"]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("product_code", "x" * 31),
        ("tax_type", 1),
        ("price", "cheap"),
        ("images", [{"id": 1}]),
        ("categories", [{"id": 1}]),
        ("attributes", ["red"]),
    ],
)
def test_wrong_fields_are_named_and_nothing_is_created(field: str, value: Any) -> None:
    with merchant() as shop:
        answer = shop.send("POST", "products/", json={"name": "A", field: value})
        assert answer.status_code == 400
        assert field in answer.json()["error"]["fields"]
        assert shop.get("products/")["total"] == 6


def test_duplicate_codes_are_allowed_unless_set() -> None:
    with merchant() as shop:
        body = {"name": "A", "product_code": "S-00001"}
        assert shop.send("POST", "products/", json=body).status_code == 200
        shop.sim.set(unique_codes=True)
        assert shop.send("POST", "products/", json=body).status_code == 400


def test_partial_put_keeps_the_rest() -> None:
    with merchant() as shop:
        path = f"products/{shop.id_of('S-00001')}/"
        before = shop.get(path)
        after = shop.put(path, {"price": "2.5126050420", "gross_price": "2.99"})
        changed = {name for name in before if before[name] != after[name]}
        assert changed == {"price", "gross_price"}
        assert after["gross_price"] == "2.99"


@pytest.mark.parametrize(("winner", "gross"), [("price", "1.19"), ("gross_price", "5.00")])
def test_which_price_wins_is_a_setting(winner: str, gross: str) -> None:
    with merchant(price_winner=winner) as shop:
        path = f"products/{shop.post('products/', {'name': 'A'})['id']}/"
        assert shop.put(path, {"price": "1", "gross_price": "5.00"})["gross_price"] == gross


@pytest.mark.parametrize(("setting", "quantity"), [("overwrite", "7.00"), ("ignored", "3.00")])
def test_quantity_in_a_put_is_a_setting(setting: str, quantity: str) -> None:
    with merchant(put_quantity=setting) as shop:
        product = shop.sim.create_product("A", "A", 3)["id"]
        assert shop.put(f"products/{product}/", {"quantity": 7})["quantity"] == quantity


def test_variations_in_a_put_replace_the_list() -> None:
    with merchant() as shop:
        parent, variation = variation_of(shop)
        body = {"variations": [{"id": variation, "product_code": "KEPT"}, {"name": "New", "product_code": "NEW"}]}
        after = shop.put(f"products/{parent}/", body)
        assert [each["product_code"] for each in after["variations"]] == ["KEPT", "NEW"]
        assert shop.get("products/delta/deleted/", start_date=LONG_AGO)["total"] > 0


def test_state_post_answers_an_empty_body() -> None:
    with merchant() as shop:
        product = shop.id_of("S-00001")
        body = {"channel": "shop", "state": "published", "details": {"a": [1.5]}}
        answer = shop.send("POST", f"products/{product}/state/", json=body)
        assert (answer.status_code, answer.content) == (200, b"")
        assert "content-type" not in answer.headers
        assert shop.get(f"products/{product}/")["states"] == [body]
        wrong = shop.send("POST", f"products/{product}/state/", json={"channel": "shop", "state": "x"})
        assert wrong.status_code == 400


# Taxes and categories


def test_changing_a_rate_keeps_gross_prices() -> None:
    with merchant() as shop:
        product = shop.get(f"products/{shop.id_of('S-00001')}/")
        shop.put(f"taxes/{product['tax_type']}/", {"name": "new", "tax_rate": "16"})
        after = shop.get(f"products/{product['id']}/")
        assert after["gross_price"] == product["gross_price"]
        assert after["price"] != product["price"]


def test_tax_creation_answers_array_or_object() -> None:
    with merchant() as shop:
        assert isinstance(shop.post("taxes/", {"tax_rate": "14"}), list)
        shop.sim.set(tax_create_as_array=False)
        assert shop.post("taxes/", {"tax_rate": "15"})["tax_rate"] == "15.0"


def test_categories_list_their_products() -> None:
    with merchant() as shop:
        category = shop.post("categories/", {"name": "Yarn"})["id"]
        product = shop.post("products/", {"name": "A", "categories": [{"id": category}]})["id"]
        assert shop.get(f"categories/{category}/")["products"] == [product]
        shop.put(f"products/{product}/", {"categories": []})
        assert shop.get(f"categories/{category}/")["products_count"] == 0


# Remaining settings


def test_shapes_of_version_13_that_are_settings() -> None:
    with merchant(delta_v13_results=False, detail_has_time_modified=True) as shop:
        assert "data" in shop.get("products/delta/modified/", 13, start_date=LONG_AGO)
        path = f"products/{shop.id_of('S-00001')}/"
        assert "time_modified" in shop.get(path, 13)
        assert "time_modified" not in shop.get(path, 12)
        answer = shop.send("PUT", f"{path}adjust_inventory/", 13, json={"stock": {"quantity": 1}})
        assert "time_modified" not in answer.json()


def test_account_and_age_of_the_seeded_catalogue() -> None:
    with merchant(account_id=7, seed_age_seconds=3600) as shop:
        assert shop.get("info/", 10)["account"]["id"] == 7
        now = shop.sim.state.now()
        assert modified(shop, exactly(now - timedelta(minutes=59))) == []
        assert len(modified(shop, exactly(now - timedelta(minutes=61)))) == 6
