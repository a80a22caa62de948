"""Every adapter keeps every promise. The names come from the registry: what is registered is tested."""

from __future__ import annotations

import pytest

from syncd.adapters.registry import installed
from tests.conformance.drivers import DRIVERS, OTHER_MONEY, all_kinds, openers
from tests.conformance.side import OpenSide
from tests.conformance.suite import MoneySuite, SideAdapterSuite

CASES = [
    pytest.param(kind, variant, id=f"{kind}-{variant}" if variant else kind)
    for kind in all_kinds()
    for variant in DRIVERS.get(kind, {"": None})
]


@pytest.mark.parametrize(("kind", "variant"), CASES)
class TestEveryAdapter(SideAdapterSuite):
    @pytest.fixture
    def open_side(self, kind: str, variant: str) -> OpenSide:
        return openers(kind)[variant]


@pytest.mark.parametrize("other", OTHER_MONEY)
class TestOtherMoney(MoneySuite):
    @pytest.fixture
    def open_side(self, other: str) -> OpenSide:
        return OTHER_MONEY[other]


def test_every_registered_adapter_is_tested() -> None:
    tested = {str(case.values[0]) for case in CASES}
    assert set(installed()) <= tested
    assert "memory" in tested


def test_an_adapter_without_a_driver_is_refused() -> None:
    with pytest.raises(LookupError, match="newcomer is registered"):
        openers("newcomer")
