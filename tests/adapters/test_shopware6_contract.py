"""What the adapter asks, and what the simulator answers, fit the vendor's OpenAPI file."""

from __future__ import annotations

from decimal import Decimal

from syncd.core.model import StockWrite
from tests.conformance.goods import GOODS, SIMPLE, VARIATION, VARIED
from tests.conformance.reading import read
from tests.support.shopware6 import Judged, openapi, shop

_NO_ID = "f" * 32


def test_requests_and_answers_fit_the_openapi_file() -> None:
    document = openapi()
    with shop(GOODS, version="6.7.3.1") as stand:
        judge = Judged(stand.sim, document)
        stand.server.simulator = judge
        assert stand.adapter.check().ok
        found = read(stand.adapter.read_all())
        stand.sim.people.order([{"sku": SIMPLE, "quantity": 2}, {"sku": VARIATION, "quantity": 1}])
        stand.sim.people.set_name(VARIED.sku, "Renamed")
        read(stand.adapter.read_changes(found.cursor), found)
        stand.adapter.write_stock(
            [StockWrite(stand.ref(sku), sku, Decimal(1), Decimal(4)) for sku in (SIMPLE, VARIATION)]
        )
        gone = stand.ref(SIMPLE)
        stand.sim.people.delete(SIMPLE)
        assert len(stand.adapter.fetch([gone]).gone) == 1
        assert judge.wrong == []
        assert judge.seen >= {
            "POST /oauth/token", "GET /_info/version", "POST /search/product", "POST /search/order",
            "POST /search/order-line-item", "POST /_action/sync", "GET /product/{id}",
        }  # fmt: skip


def test_the_judge_sees_what_does_not_fit() -> None:
    document = openapi()
    with shop(GOODS[:1]) as stand:
        judge = Judged(stand.sim, document)
        stand.server.simulator = judge
        client = stand.adapter._client
        client.search("product", {"ids": [_NO_ID]})
        assert judge.wrong == []
        client.search("product", {"limit": 1, "total-count-mode": 1})
        assert [line for line in judge.wrong if "total-count-mode" in line]
