"""The simulator's answers have the status, keys, types and number formats of the reference examples."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.inventorum_wire import LONG_AGO, Merchant, example, merchant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

BY_NAME = {"meta", "attributes", "countries", "units"}
"""Objects whose keys are data (channel, attribute, country), not part of the shape."""

NULLABLE = {
    "product_code",
    "ean",
    "inv_id",
    "parent",
    "reorder_level",
    "safety_stock",
    "thumbnail",
    "address2",
}
"""Fields that the contract documents as null in some products."""

ANY_DECIMAL = {"purchase_price", "average_purchase_price"}


class World(Merchant):
    """An account with one of everything."""

    def fill(self) -> None:
        picture = self.upload()
        body = example("product-create-request.json") | {
            "product_code": "RB-28-001",
            "ean": "4000000000017",
            "purchase_price": "1500",
            "tax_type": self.sim.state.tax_for(self.sim.state.taxes[4672].rate).id,
            "images": [{"id": picture}],
        }
        self.simple = self.post("products/", body, 10)["id"]
        self.send("POST", f"products/{self.simple}/state/", 10, json=example("product-state-request.json"))
        category = self.sim.create_category("Drinks", image=True)["id"]
        self.category = category
        self.put(f"products/{self.simple}/", {"categories": [{"id": category}]})
        self.plain = self.post("products/", body | {"images": None, "product_code": "PLAIN"}, 10)["id"]
        self.parent = self.post("products/", self._jeans(picture), 10)["id"]
        order = example("order-create-request.json")
        order["basket"]["items"][0]["product"] = self.plain
        self.order_body = order
        self.order = self.post("orders/", order, 10)
        lines = {"returnType": 1, "items": [{"item": self.order["basket"]["items"][0]["id"], "quantity": 1}]}
        self.post(f"basket/{self.order['id']}/items/return/", lines, 10)
        gone = self.post("products/", body, 10)["id"]
        self.send("DELETE", f"products/{gone}/")

    def _jeans(self, picture: int) -> dict[str, Any]:
        full: dict[str, Any] = {"images": [], "price": "140.1869158879", "name": None, "description": None}
        empty = {"images": None, "price": None, "name": None, "description": None}
        meta = {"shop": full, "ebay": full, "click_and_collect": empty, "atalanda": empty}
        variation = {
            "product_code": None,
            "price": "140.1869158879",
            "quantity": 10,
            "attributes": {"color": "Red", "size": "22", "material": "Denim"},
            "images": [{"id": picture}],
            "meta": meta,
        }
        return {
            "name": "Example jeans",
            "brand": "Example brand",
            "meta": meta,
            "tax_type": 4671,
            "variations": [variation, variation | {"attributes": {"color": "Blue", "size": "50"}}],
        }

    def page(self, path: str, version: int, **params: Any) -> httpx.Response:
        return self.send("GET", path, version, params=params)

    def variation_row(self) -> Any:
        self.sim.set(delta_variation_rows="both")
        rows = self.get("products/delta/modified/", 10, start_date=LONG_AGO, verbose="True")["data"]
        return next(row for row in rows if row["parent"] == self.parent)

    def forbidden(self) -> httpx.Response:
        self.sim.set(scope="orders:read")
        self.log_in()
        return self.page("products/", 12)


@pytest.fixture
def world() -> Iterator[World]:
    with merchant([]) as plain:
        filled = World(plain.sim, plain.server, plain.http)
        filled.refresh = plain.refresh
        filled.log_in()
        filled.fill()
        yield filled


CASES: dict[str, tuple[int, Callable[[World], Any]]] = {
    "token-response.json": (200, lambda w: w.refresh_raw()),
    "error-401.json": (401, lambda w: w.send("GET", "info/", headers={"Authorization": "Bearer old"})),
    "error-403.json": (403, World.forbidden),
    "error-400-serializer.json": (400, lambda w: w.send("POST", "taxes/", json={"name": "x", "tax_rate": "19"})),
    "error-400-field-required.json": (
        400,
        lambda w: w.send("POST", "images/", data={"type": "product"}, files={"other": ("x", b"x")}),
    ),
    "error-404-product.json": (404, lambda w: w.page("products/1/", 10)),
    "error-404-tax.json": (404, lambda w: w.page("taxes/1/", 12)),
    "product-simple.json": (200, lambda w: w.page(f"products/{w.simple}/", 10)),
    "product-simple-v9.json": (200, lambda w: w.page(f"products/{w.simple}/", 9)),
    "product-with-variations.json": (200, lambda w: w.page(f"products/{w.parent}/", 10)),
    "product-list-page.json": (200, lambda w: w.page("products/", 12, limit=1, page=1)),
    "product-list-page-v13.json": (200, lambda w: w.page("products/", 13, limit=100, page=1)),
    "delta-modified-page.json": (
        200,
        lambda w: w.page("products/delta/modified/", 10, start_date=LONG_AGO, verbose="True", limit=100, page=1),
    ),
    "delta-modified-page-v9.json": (200, lambda w: w.page("products/delta/modified/", 9, start_date=LONG_AGO)),
    "delta-modified-variation-row.json": (200, World.variation_row),
    "delta-deleted-page.json": (200, lambda w: w.page("products/delta/deleted/", 10, start_date=LONG_AGO, limit=10000)),
    "delta-empty-page.json": (
        200,
        lambda w: w.page("products/delta/modified/", 9, start_date="2100-01-01T00:00:00+00:00"),
    ),
    "quantity-list.json": (200, lambda w: w.page("products/quantity/", 9, id=[w.simple, w.plain])),
    "adjust-inventory-response.json": (
        200,
        lambda w: w.send(
            "PUT", f"products/{w.simple}/adjust_inventory/", 10, json=example("adjust-inventory-request.json")
        ),
    ),
    "product-delete-response.json": (200, lambda w: w.send("DELETE", f"products/{w.simple}/", 10)),
    "order.json": (201, lambda w: w.send("POST", "orders/", 10, json=w.order_body)),
    "returns-delta-page.json": (200, lambda w: w.page("returns/delta/", 10, channel="ebay", start_date=LONG_AGO)),
    "taxes.json": (200, lambda w: w.page("taxes/", 12)),
    "tax-create-response.json": (200, lambda w: w.send("POST", "taxes/", json={"name": "14%", "tax_rate": "14"})),
    "category-list-page.json": (200, lambda w: w.page("categories/", 12)),
    "category.json": (200, lambda w: w.page(f"categories/{w.category}/", 12)),
    "image-upload-response.json": (
        200,
        lambda w: w.send("POST", "images/", data={"type": "product"}, files={"image": ("x.png", b"x", "image/png")}),
    ),
    "ledger-periods.json": (200, lambda w: w.page("ledger/", 12)),
    "ledger-month.json": (200, lambda w: w.page("ledger/{year}/{month}/".format(**w.get("ledger/")[0]), 12)),
    "info.json": (200, lambda w: w.page("info/", 10)),
}


@pytest.mark.parametrize("name", CASES)
def test_answer_has_status_keys_types_and_number_formats_of_the_example(world: World, name: str) -> None:
    status, ask = CASES[name]
    answer = ask(world)
    body = answer
    if not isinstance(answer, dict):
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/json"
        body = answer.json()
    assert not list(differences(example(name), body, name))


def test_every_example_of_an_answer_has_a_case() -> None:
    answers = {name for name in example("_index.json") if "-request" not in name}
    assert answers == CASES.keys()


@pytest.mark.parametrize(
    ("wanted", "actual"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": 1}, {"a": "1"}),
        ({"a": True}, {"a": 1}),
        ([{"a": 1}], []),
        ({"price": "0E-10"}, {"price": "0.00"}),
        ({"quantity": "12.00"}, {"quantity": "12"}),
        ({"at": "2016-04-06T13:04:36+00:00"}, {"at": "2016-04-06T13:04:36"}),
        ({"name": "x"}, {"name": None}),
    ],
)
def test_the_comparison_sees_differences(wanted: Any, actual: Any) -> None:
    assert list(differences(wanted, actual, "x"))


def differences(wanted: Any, actual: Any, path: str) -> Iterator[str]:
    """How ``actual`` differs in shape from the example."""
    key = path.rpartition(".")[2].partition("[")[0]
    if (wanted is None) != (actual is None):
        in_meta = ".meta." in path
        if key not in NULLABLE and not in_meta:
            yield f"{path}: {wanted!r} against {actual!r}"
    elif type(wanted) is not type(actual):
        yield f"{path}: {wanted!r} against {actual!r}"
    elif isinstance(wanted, dict) and key in BY_NAME:
        for name, value in actual.items():
            yield from differences(wanted.get(name, next(iter(wanted.values()), value)), value, f"{path}.{name}")
    elif isinstance(wanted, dict):
        if wanted.keys() != actual.keys():
            yield f"{path}: keys {sorted(wanted.keys() ^ actual.keys())}"
        for name in wanted.keys() & actual.keys():
            yield from differences(wanted[name], actual[name], f"{path}.{name}")
    elif isinstance(wanted, list):
        yield from _list_differences(wanted, actual, path)
    elif isinstance(wanted, str) and key not in ANY_DECIMAL and _form(wanted) != _form(actual):
        yield f"{path}: {wanted!r} against {actual!r}"


def _list_differences(wanted: list[Any], actual: list[Any], path: str) -> Iterator[str]:
    """Every row must look like some row of the example; an example without rows allows any."""
    key = path.rpartition(".")[2]
    if wanted and not actual and key not in {"categories", "images", "publish_states", "states"}:
        yield f"{path}: no rows to compare"
    for number, row in enumerate(actual if wanted else []):
        found = [list(differences(each, row, f"{path}[{number}]")) for each in wanted]
        if all(found):
            yield from min(found, key=len)


def _form(text: str) -> str:
    """What kind of text it is: a decimal with so many places, a time with offset, or other."""
    decimal = re.fullmatch(r"-?\d+(?:\.(\d+))?|0E-(\d+)", text)
    if decimal:
        places = len(decimal[1] or "") or int(decimal[2] or 0)
        return f"decimal {places}"
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return "text"
    return "time with offset" if at.tzinfo else "time"
