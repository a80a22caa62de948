"""Sides that more than one module of tests reads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.inventorum import CATALOGUE, Account, open_account
from tests.support.woocommerce import SHOPS, Shop, simulated


@pytest.fixture
def account() -> Iterator[Account]:
    with open_account(CATALOGUE) as account:
        yield account


@pytest.fixture(params=SHOPS)
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with simulated(**request.param) as made:
        yield made
