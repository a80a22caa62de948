"""Promises about sides whose stock can only be set: to what is expected after the write, once, and nothing besides."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.core.model import Applied, Refused
from syncd.testing.goods import GOODS, SIMPLE, VARIATION, VARIED
from syncd.testing.reading import portions, send, write
from syncd.testing.side import SideDriver

OTHER = GOODS[2].sku
UNITS = [GOODS[3].sku, VARIATION, SIMPLE, GOODS[-2].variations[1].sku, VARIED.variations[1].sku, OTHER]
"""Products and variations of two parents, mixed."""


class AbsolutePromises:
    """Part of ``SideAdapterSuite``."""

    @pytest.fixture(autouse=True)
    def _absolute(self, side: SideDriver, request: pytest.FixtureRequest) -> None:
        if request.function.__name__.startswith("test_sets") and side.adapter.capabilities.relative:
            pytest.skip("stock is written as a difference on this side: WritingPromises count")

    @pytest.mark.parametrize(("before", "difference"), [(10, 1), (3, -4), (0, 250), (7, 0)])
    @pytest.mark.parametrize("sku", [SIMPLE, VARIATION])
    def test_sets_what_is_expected_after_the_write(
        self, side: SideDriver, sku: str, before: int, difference: int
    ) -> None:
        """Whatever was there, below zero too; nothing else changes."""
        stock = side.stock()
        (result,) = side.adapter.write_stock([write(side.ref(sku), difference, before=before)])
        after = Decimal(before + difference)
        assert side.stock() == stock | {sku: after}
        assert result == Applied(after if side.adapter.capabilities.reports_quantity else None)
        assert side.adapter.fetch([side.ref(sku)]).listings[0].quantity == after

    def test_sets_each_listing_to_its_own_quantity(self, side: SideDriver) -> None:
        """Products and variations of several parents, mixed, in one request for each call."""
        stock = side.stock()
        writes = [write(side.ref(sku), n, before=100, key=f"op-{n}") for n, sku in enumerate(UNITS)]
        results = send(side.adapter, writes)
        assert side.stock() == stock | {sku: Decimal(100 + n) for n, sku in enumerate(UNITS)}
        assert [type(result) for result in results] == [Applied] * len(UNITS)
        sent = [exchange for exchange in side.exchanges() if exchange.write]
        assert not side.traits.wire or len(sent) == len(list(portions(side.adapter, writes)))

    def test_sets_nothing_where_nothing_is_asked(self, side: SideDriver) -> None:
        """An empty call has an empty answer and costs no request."""
        before = len(side.exchanges())
        assert side.adapter.write_stock([]) == []
        assert len(side.exchanges()) == before

    def test_sets_the_others_if_some_are_gone(self, side: SideDriver) -> None:
        """A write that is refused has its own result, ``gone`` if so, and the rest is applied."""
        lost = [OTHER, VARIATION]
        refs = {sku: side.ref(sku) for sku in UNITS} | {"unknown": side.unknown_ref()}
        for sku in lost:
            side.delete(sku)
        stock = side.stock()
        results = dict(
            zip(refs, send(side.adapter, [write(ref, 5, before=50, key=sku) for sku, ref in refs.items()]), strict=True)
        )
        for sku in [*lost, "unknown"]:
            refused = results.pop(sku)
            assert isinstance(refused, Refused)
            assert refused.gone
            assert refused.message
        assert {type(result) for result in results.values()} == {Applied}
        assert side.stock() == stock | dict.fromkeys(results, Decimal(55))

    def test_sets_whole_units_alone_where_there_are_no_others(self, side: SideDriver) -> None:
        """A fraction is refused before anything of it is sent, never rounded; others are set."""
        if side.adapter.capabilities.fractions:
            pytest.skip("fractions are kept on this side")
        stock = side.stock()
        result, other = send(
            side.adapter, [write(side.ref(SIMPLE), "1.5", before=3), write(side.ref(OTHER), 1, before=3, key="other")]
        )
        assert isinstance(result, Refused)
        assert not result.gone
        assert isinstance(other, Applied)
        assert side.stock() == stock | {OTHER: Decimal(4)}
