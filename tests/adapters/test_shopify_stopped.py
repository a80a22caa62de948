"""A stop between the two requests that begin to count a product."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.model import Unknown
from syncd.simulators.server import SimRequest
from syncd.testing.goods import GOODS, SIMPLE
from syncd.testing.reading import write
from tests.conformance.drivers_shopify import ShopifyDriver, open_shopify


def test_what_is_counted_already_is_in_doubt_and_not_taken_for_untouched() -> None:
    with open_shopify(GOODS) as side:
        assert isinstance(side, ShopifyDriver)
        side.stop_counting(SIMPLE)

        def stop(request: SimRequest) -> None:
            if b"mutation Track" in request.body:
                side.stop.set()

        side.server.hooks.append(stop)
        (result,) = side.adapter.write_stock([replace(write(side.ref(SIMPLE), 3), start_managing=True)])
        assert isinstance(result, Unknown)
