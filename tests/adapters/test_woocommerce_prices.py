"""Prices of a shop are read as gross, or not at all."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.core.model import ListingRef
from syncd.simulators.server import Fault, SimRequest, SimResponse
from tests.support.woocommerce import Shop, listings, page, product, scripted, simulated


def prices(shop: Shop) -> set[str | None]:
    return {
        one.fields.get("price") for one in listings(list(shop.adapter.read_all())).values() if one.quantity is not None
    }


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"calc_taxes": True, "prices_include_tax": True}, True),
        ({"calc_taxes": False, "prices_include_tax": False}, True),
        ({"calc_taxes": True, "prices_include_tax": False}, False),
    ],
    ids=["gross", "without taxes", "net"],
)
def test_a_net_price_is_not_taken_for_gross(settings: dict[str, Any], told: bool) -> None:
    with simulated(**settings) as shop:
        found = prices(shop)
        assert (None in found) is not told
        assert all(price is None or Decimal(price).as_tuple().exponent == -2 for price in found)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_that_may_not_read_settings_reads_stock_all_the_same(status: int) -> None:
    def answer(request: SimRequest) -> SimResponse:
        if "/settings/" in request.path:
            body = {"code": "woocommerce_rest_cannot_view", "message": "No.", "data": {"status": status}}
            return SimResponse(status, body)
        return page([product(10, regular_price="8.95")] if request.path.endswith("/products") else [])

    with scripted(answer) as (_, adapter):
        (listing,) = listings(list(adapter.read_all())).values()
        assert listing.quantity == 10
        assert "price" not in listing.fields


@pytest.mark.parametrize("kind", ["html_200", "error_500_html", "too_many", "lost_before"])
def test_settings_that_cannot_be_read_hold_up_no_stock(kind: str) -> None:
    with simulated() as shop:
        shop.server.add_fault(Fault(kind, path="/settings/", times=-1, seconds=0))
        assert prices(shop) == {None}
        shop.server.clear_faults()
        assert prices(shop) == {None}, "not asked again at once"
        shop.adapter._catalogue._prices._ask_at = 0.0
        assert None not in prices(shop)


def test_the_setting_is_asked_once() -> None:
    with simulated() as shop:
        prices(shop)
        prices(shop)
        shop.adapter.fetch([ListingRef("10")])
        asked = [record.target for record in shop.server.requests() if "/settings/" in record.target]
        assert len(asked) == 2
