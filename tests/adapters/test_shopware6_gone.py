"""What was applied stays known as applied, whatever becomes of the questions that follow a write."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from syncd.core.fields import NAME
from syncd.core.model import Applied, FieldsWrite, NotSent, StockWrite, Written
from syncd.simulators.server import Fault
from syncd.testing.goods import GOODS, SIMPLE
from tests.conformance.drivers_shopware6 import open_shopware6


@pytest.fixture
def side() -> Iterator[Any]:
    with open_shopware6(GOODS) as opened:
        yield opened


def no_answer(side: Any) -> None:
    side.server.add_fault(Fault("error_500_html", method="GET", path="^/api/product/", times=-1))


def stop(side: Any) -> None:
    """With the second request: the first one names what is wrong, the second applies the rest."""
    requests = iter([lambda: None, side.stop.set])
    side.server.hooks.append(lambda request: next(requests)() if "/_action/sync" in request.path else None)


@pytest.mark.parametrize("trouble", [no_answer, stop])
def test_a_deleted_product_that_cannot_be_asked_for_takes_no_stock_write_back(side: Any, trouble: Any) -> None:
    """Else the engine would take its own write for a sale: it would be counted twice."""
    trouble(side)
    held = side.stock()[SIMPLE]
    writes = [
        StockWrite(side.ref(SIMPLE), "1" * 32, Decimal(-1), held),
        StockWrite(side.unknown_ref(), "2" * 32, Decimal(-1), Decimal(5)),
    ]
    first, second = side.adapter.write_stock(writes)
    assert side.stock()[SIMPLE] == held - 1
    assert isinstance(first, Applied)
    assert isinstance(second, NotSent)


def test_nor_a_write_of_fields(side: Any) -> None:
    deleted = side.ref(GOODS[2].sku)

    def delete(request: Any) -> None:
        if "/_action/sync" in request.path:
            side.server.hooks.clear()
            side.delete(GOODS[2].sku)

    side.server.hooks.append(delete)
    no_answer(side)
    writes = [FieldsWrite(side.ref(SIMPLE), {NAME: "New"}), FieldsWrite(deleted, {NAME: "Gone"})]
    first, second = side.adapter.write_fields(writes)
    assert isinstance(first, Written)
    assert isinstance(second, NotSent)
