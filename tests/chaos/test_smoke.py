"""A short run of chaos with every test run; ``make chaos`` is the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.run import Plan, Run
from tests.chaos.stage import ChaosStage

if TYPE_CHECKING:
    from pathlib import Path


SIZES = {"woocommerce": (16, 4), "shopware6": (8, 1), "shopify": (8, 1)}
"""Products and kills: the longest run is that of the shop whose writes can swallow orders and carry marks.

A real shop is too slow for every test run: ``make chaos SHOP=vendure``.
"""


@pytest.mark.timeout(180)
@pytest.mark.parametrize("shop", SIZES)
def test_nothing_is_lost_or_doubled_when_the_daemon_is_killed_a_few_times(tmp_path: Path, shop: str) -> None:
    products, kills = SIZES[shop]
    stage = ChaosStage(tmp_path, f"sqlite:///{tmp_path}/syncd.db", kind=shop, products=products)
    told: list[str] = []
    try:
        stage.open()
        result = Run(stage, Plan(kills=kills, seed=5, per_second=4.0), told.append).carry_out()
    finally:
        stage.close()
    assert result.violations == [], result.line()
    assert result.happened > 0
    assert sum(result.ends.kills.values()) == kills
