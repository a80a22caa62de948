"""Every adapter keeps every promise. The names come from the registry: what is registered is tested."""

from __future__ import annotations

import pytest

from syncd.adapters.registry import installed
from syncd.testing.side import OpenSide
from syncd.testing.suite import MoneySuite, RoutesSuite, SideAdapterSuite
from tests.conformance.drivers import DRIVERS, OTHER_MONEY, OTHER_ROUTES, all_kinds, opener


@pytest.mark.parametrize("kind", all_kinds())
class TestEveryAdapter(SideAdapterSuite):
    @pytest.fixture
    def open_side(self, kind: str) -> OpenSide:
        return opener(kind)


@pytest.mark.parametrize("other", OTHER_ROUTES)
class TestOtherRoutes(RoutesSuite):
    @pytest.fixture
    def open_side(self, other: str) -> OpenSide:
        return OTHER_ROUTES[other]


@pytest.mark.parametrize("other", OTHER_MONEY)
class TestOtherMoney(MoneySuite):
    @pytest.fixture
    def open_side(self, other: str) -> OpenSide:
        return OTHER_MONEY[other]


def test_every_registered_adapter_is_tested() -> None:
    assert {*installed(), "memory"} <= set(DRIVERS)


def test_an_adapter_without_a_driver_is_refused() -> None:
    with pytest.raises(LookupError, match="newcomer is registered"):
        opener("newcomer")
