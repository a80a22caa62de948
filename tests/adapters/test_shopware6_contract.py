"""What the adapter asks, and what the simulator answers, fit the vendor's OpenAPI file."""

from __future__ import annotations

from decimal import Decimal

from syncd.core.fields import ATTRIBUTES, BRAND, CATEGORIES, IMAGES, NAME, NO, PRICE, PUBLISHED, TAX_RATE
from syncd.core.images import Image
from syncd.core.model import FieldsWrite, StockWrite, Written
from syncd.core.products import Made, NewProduct, Product, Unit, Way, Withdrawn
from syncd.simulators.pictures import drawn
from syncd.testing.goods import GOODS, SIMPLE, VARIATION, VARIED
from syncd.testing.reading import read
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


def test_writes_of_products_fit_the_openapi_file() -> None:
    document = openapi()
    with shop(GOODS) as stand:
        judge = Judged(stand.sim, document)
        stand.server.simulator = judge
        image = Image("1", "http://till.example/1.png", "Mug", drawn(1))
        values = {NAME: "Mug", BRAND: "Nähwerk", CATEGORIES: "Wool > Merino", PRICE: "1.00", TAX_RATE: "7", IMAGES: "1"}
        (written,) = stand.adapter.write_fields([FieldsWrite(stand.ref(SIMPLE), values, {"1": image})])
        assert written == Written(values)
        cleared = {BRAND: "", CATEGORIES: "", IMAGES: "", PUBLISHED: NO}
        assert stand.adapter.write_fields([FieldsWrite(stand.ref(SIMPLE), cleared)]) == [Written(cleared)]
        stand.adapter.write_fields([FieldsWrite(stand.ref(VARIATION), {ATTRIBUTES: "color: Mauve"})])
        units = (Unit("1", None, None, "2.00", Decimal(19), {"size": "S"}),)
        made = stand.adapter.create_product(NewProduct("mark", Product("1", "Shirt", units, is_group=True)))
        assert isinstance(made, Made)
        assert stand.adapter.read_product(made.product_id) is not None
        for way in Way:
            assert stand.adapter.withdraw(stand.ref(SIMPLE), way) == Withdrawn()
        assert judge.wrong == []
        assert judge.seen >= {
            "POST /search/category", "POST /search/tax", "POST /search/sales-channel", "POST /search/property-group",
            "POST /search/property-group-option", "POST /search/product-manufacturer", "POST /search/media",
            "POST /search/media-default-folder", "POST /_action/media/{mediaId}/upload", "DELETE /product/{id}",
            "GET /_action/number-range/reserve/{type}/{saleschannel}",
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
