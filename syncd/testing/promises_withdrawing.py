"""Promises about withdrawing products: customers cannot buy them any more, nothing else changes, twice is harmless."""

from __future__ import annotations

import pytest

from syncd.core.fields import NO, PUBLISHED
from syncd.core.model import Refused
from syncd.core.products import Way, Withdrawn
from syncd.errors import OutcomeUnknown
from syncd.testing.goods import SIMPLE, VARIATION, VARIED
from syncd.testing.lacking import lacking
from syncd.testing.reading import read_everything
from syncd.testing.side import SideDriver, Trouble


class WithdrawingPromises:
    """Part of ``SideAdapterSuite``."""

    @pytest.fixture(autouse=True)
    def _withdraws(self, side: SideDriver, request: pytest.FixtureRequest) -> None:
        if "withdraw" in request.function.__name__ and not side.adapter.capabilities.withdraws:
            lacking(side, "withdraws", "nothing is withdrawn on this side")

    @pytest.mark.parametrize("sku", [SIMPLE, VARIATION, VARIED.sku])
    def test_withdraws_from_customers_and_keeps_the_rest(self, side: SideDriver, sku: str) -> None:
        """Still there by id with its stock and fields; read as not published."""
        if sku == VARIED.sku and not side.traits.variations:
            lacking(side, "variations", "no variations on this side")
        if sku == VARIATION and not side.traits.hides_variations:
            assert isinstance(side.adapter.withdraw(side.ref(sku), Way.UNPUBLISH), Refused)
            return
        stock, before, ref = side.stock(), read_everything(side).listings, side.ref(sku)
        for _ in range(2):
            assert side.adapter.withdraw(ref, Way.UNPUBLISH) == Withdrawn()
        (found,) = (one for one in side.adapter.fetch([ref]).listings if one.ref.external_id == ref.external_id)
        assert not found.published
        after = read_everything(side).listings
        assert after.keys() == before.keys()
        assert {key for key in after if after[key] != before[key]} == {ref.external_id}
        hidden = {PUBLISHED: NO} if sku != VARIATION else {}
        assert after[ref.external_id].fields == {**before[ref.external_id].fields, **hidden}
        assert side.stock() == stock

    @pytest.mark.parametrize("sku", [SIMPLE, VARIATION, VARIED.sku])
    def test_withdraws_by_deleting(self, side: SideDriver, sku: str) -> None:
        """A product with all its variations; what is gone is gone for good or lies in the trash."""
        if sku == VARIED.sku and not side.traits.variations:
            lacking(side, "variations", "no variations on this side")
        ref, children = side.ref(sku), [side.ref(one.sku) for one in VARIED.variations if sku == VARIED.sku]
        assert side.adapter.withdraw(ref, Way.DELETE) == Withdrawn()
        gone = {entry.ref.external_id for entry in side.adapter.fetch([ref, *children]).gone}
        assert gone == {one.external_id for one in [ref, *children]}
        again = side.adapter.withdraw(ref, Way.DELETE)
        assert again == Withdrawn() or (isinstance(again, Refused) and again.gone)

    def test_withdraws_nothing_that_is_not_there(self, side: SideDriver) -> None:
        """Refused as gone."""
        for way in Way:
            result = side.adapter.withdraw(side.unknown_ref(), way)
            assert isinstance(result, Refused)
            assert result.gone

    @pytest.mark.parametrize("way", Way)
    @pytest.mark.parametrize("trouble", [Trouble.LOST_AFTER, Trouble.ERROR_AFTER, Trouble.TRUNCATED])
    def test_withdraws_once_and_says_that_it_does_not_know(self, side: SideDriver, trouble: Trouble, way: Way) -> None:
        """One request, whatever its answer."""
        if not side.traits.wire:
            pytest.skip("no wire on this side")
        ref = side.ref(SIMPLE)
        side.adapter.fetch([ref])
        already = sum(exchange.write for exchange in side.exchanges())
        side.trouble(trouble, write=True)
        try:
            result = side.adapter.withdraw(ref, way)
        except OutcomeUnknown:
            result = None
        # An answer without a body (204) has no middle to break off in: it came whole.
        assert result is None or (trouble, result) == (Trouble.TRUNCATED, Withdrawn())
        side.calm()
        assert sum(exchange.write for exchange in side.exchanges()) == already + 1
        found = [one for one in side.adapter.fetch([ref]).listings if one.published]
        assert found == []
