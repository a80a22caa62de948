"""The simulated Shopware 6 shop refuses what the real one refuses (its contract, by section)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from syncd.simulators.server import SimServer
from syncd.simulators.shopware6 import Shopware6Settings, Shopware6Sim
from syncd.simulators.shopware6.model import SYSTEM_CURRENCY
from syncd.testing.goods import GOODS, SIMPLE, VARIATION, VARIED

OTHER = GOODS[2].sku


class Visitor:
    """Somebody with a token and plain HTTP."""

    def __init__(self, sim: Shopware6Sim, url: str) -> None:
        self.sim = sim
        self.http = httpx.Client(base_url=f"{url}/api", headers={"Accept": "application/json"})
        answer = self.http.post("/oauth/token", json={
            "grant_type": "client_credentials", "client_id": sim.settings.client_id,
            "client_secret": sim.settings.client_secret,
        }).json()  # fmt: skip
        self.http.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def search(self, entity: str, **criteria: Any) -> httpx.Response:
        return self.http.post(f"/search/{entity}", json=criteria)

    def sync(self, *operations: dict[str, Any]) -> httpx.Response:
        return self.http.post("/_action/sync", json=list(operations))

    def upsert(self, entity: str, *rows: dict[str, Any]) -> httpx.Response:
        return self.sync({"key": "k", "entity": entity, "action": "upsert", "payload": list(rows)})

    def id(self, sku: str) -> str:
        return str(self.sim.shop.with_number(sku)["id"])


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    sim = Shopware6Sim(Shopware6Settings())
    sim.seed(GOODS)
    with SimServer(sim) as server:
        made = Visitor(sim, server.url)
        yield made
        made.http.close()


def _errors(response: httpx.Response) -> list[tuple[str, str]]:
    return [(each["code"], each.get("source", {}).get("pointer", "")) for each in response.json()["errors"]]


def test_one_wrong_row_and_nothing_is_written(visitor: Visitor) -> None:
    """Section 5."""
    before = visitor.sim.people.stock()
    answer = visitor.upsert(
        "product", {"id": visitor.id(SIMPLE), "stock": 77}, {"id": visitor.id(OTHER), "stock": "many"}
    )
    assert answer.status_code == 400
    assert _errors(answer) == [("ba785a8c-82cb-4283-967c-3cf342181b40", "/k/1/stock")]
    assert visitor.sim.people.stock() == before


def test_an_update_of_what_is_not_there_is_an_insertion(visitor: Visitor) -> None:
    """Section 5: it lacks all that an insertion needs."""
    answer = visitor.upsert("product", {"id": "a" * 32, "stock": 77})
    assert answer.status_code == 400
    pointers = {pointer for _, pointer in _errors(answer)}
    assert pointers == {f"/k/0/{name}" for name in ("taxId", "price", "productNumber", "name")}


@pytest.mark.parametrize("stock", [1.5, "1.5", True])
def test_stock_is_a_whole_number(visitor: Visitor, stock: object) -> None:
    """Section 4."""
    assert visitor.upsert("product", {"id": visitor.id(SIMPLE), "stock": stock}).status_code == 400


def test_a_number_that_is_taken_is_refused_without_a_pointer(visitor: Visitor) -> None:
    """Section 6."""
    answer = visitor.upsert("product", {"id": visitor.id(OTHER), "productNumber": SIMPLE.lower()})
    assert (answer.status_code, _errors(answer)) == (400, [("CONTENT__DUPLICATE_PRODUCT_NUMBER", "")])


def test_a_price_needs_the_systems_currency(visitor: Visitor) -> None:
    """Section 6."""
    price = {"currencyId": "b" * 32, "gross": 1, "net": 1, "linked": False}
    assert visitor.upsert("product", {"id": visitor.id(SIMPLE), "price": [price]}).status_code == 400
    right = {**price, "currencyId": SYSTEM_CURRENCY}
    assert visitor.upsert("product", {"id": visitor.id(SIMPLE), "price": [price, right]}).status_code == 200


def test_what_the_shop_computes_is_protected(visitor: Visitor) -> None:
    """Section 9."""
    assert visitor.upsert("product", {"id": visitor.id(SIMPLE), "availableStock": 1}).status_code == 400


def test_more_rows_than_the_limit_are_refused(visitor: Visitor) -> None:
    """Section 2."""
    answer = visitor.search("product", limit=501)
    assert (answer.status_code, _errors(answer)[0][0]) == (400, "FRAMEWORK__QUERY_LIMIT_EXCEEDED")


def test_without_being_asked_the_total_is_that_of_the_page(visitor: Visitor) -> None:
    """Section 2."""
    assert visitor.search("product", limit=2).json()["total"] == 2
    rows = len(visitor.sim.shop.rows("product"))
    assert visitor.search("product", **{"limit": 2, "total-count-mode": "exact"}).json()["total"] == rows


def test_a_range_of_ids_means_nothing(visitor: Visitor) -> None:
    """It would compare bytes with a text."""
    condition = {"type": "range", "field": "id", "parameters": {"gt": "0" * 32}}
    assert visitor.search("product", filter=[condition]).status_code == 400


def test_a_variant_leaves_empty_what_its_product_says(visitor: Visitor) -> None:
    """Section 2."""
    (row,) = visitor.search("product", ids=[visitor.id(VARIATION)]).json()["data"]
    assert (row["name"], row["price"], row["taxId"], row["active"]) == (None, None, None, None)
    assert row["parentId"] == visitor.id(VARIED.sku)


def test_a_deleted_product_takes_its_variants_along(visitor: Visitor) -> None:
    """Section 3."""
    parent, child = visitor.id(VARIED.sku), visitor.id(VARIATION)
    assert visitor.http.delete(f"/product/{parent}").status_code == 204
    answer = visitor.http.get(f"/product/{child}")
    assert (answer.status_code, _errors(answer)[0][0]) == (404, "FRAMEWORK__RESOURCE_NOT_FOUND")


def test_lists_within_a_product_only_grow(visitor: Visitor) -> None:
    """Section 6: what is to go is deleted from the mapping."""
    root = next(row["id"] for row in visitor.sim.shop.rows("category").values())
    made = visitor.upsert("category", {"id": "c" * 32, "name": "Wool", "parentId": root})
    assert made.status_code == 200
    product = visitor.id(SIMPLE)
    assert visitor.upsert("product", {"id": product, "categories": [{"id": "c" * 32}]}).status_code == 200
    assert visitor.upsert("product", {"id": product, "categories": []}).status_code == 200
    link = {"productId": product, "categoryId": "c" * 32}
    assert len(visitor.sim.shop.rows("product_category")) == 1
    answer = visitor.sync({"entity": "product_category", "action": "delete", "payload": [link]})
    assert answer.json()["deleted"] == {"product_category": [link]}
    assert len(visitor.sim.shop.rows("product_category")) == 0


def test_wrong_secrets_are_throttled(visitor: Visitor) -> None:
    """Section 1."""
    wrong = {"grant_type": "client_credentials", "client_id": "SWIA", "client_secret": "wrong"}
    statuses = [visitor.http.post("/oauth/token", json=wrong).status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2


def test_a_token_ends(visitor: Visitor) -> None:
    """Section 1."""
    visitor.sim.auth.expire()
    answer = visitor.search("product", limit=1)
    assert (answer.status_code, _errors(answer)[0][0]) == (401, "9")
