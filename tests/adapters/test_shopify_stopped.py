"""A stop between two requests of one write: what the first has done is not taken for undone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from syncd.core.fields import IMAGES
from syncd.core.images import Image
from syncd.core.model import FieldsWrite, Unknown
from syncd.simulators.pictures import drawn
from syncd.simulators.server import SimRequest
from syncd.testing.goods import GOODS, SIMPLE
from syncd.testing.reading import write
from tests.conformance.drivers_shopify import ShopifyDriver, open_shopify


@pytest.fixture
def side() -> Iterator[ShopifyDriver]:
    with open_shopify(GOODS) as opened:
        assert isinstance(opened, ShopifyDriver)
        yield opened


def test_what_is_counted_already_is_in_doubt(side: ShopifyDriver) -> None:
    side.stop_counting(SIMPLE)

    def stop(request: SimRequest) -> None:
        if b"mutation Track" in request.body:
            side.stop.set()

    side.server.hooks.append(stop)
    (result,) = side.adapter.write_stock([replace(write(side.ref(SIMPLE), 3), start_managing=True)])
    assert isinstance(result, Unknown)


def test_images_that_are_attached_already_are_in_doubt(side: ShopifyDriver) -> None:
    picture = Image("1", "", "Mug", drawn(1))

    def stop(request: SimRequest) -> None:
        if b"mutation UpdateFiles" in request.body:
            side.stop.set()

    side.server.hooks.append(stop)
    (result,) = side.adapter.write_fields([FieldsWrite(side.ref(SIMPLE), {IMAGES: "1"}, {"1": picture})])
    assert side.images(SIMPLE) == [picture.content]
    assert isinstance(result, Unknown)
