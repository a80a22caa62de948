"""A short run of chaos with every test run; ``make chaos`` is the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.run import Plan, Run
from tests.chaos.stage import ChaosStage

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(180)
def test_nothing_is_lost_or_doubled_when_the_daemon_is_killed_a_few_times(tmp_path: Path) -> None:
    stage = ChaosStage(tmp_path, f"sqlite:///{tmp_path}/syncd.db", products=16)
    told: list[str] = []
    try:
        stage.open()
        result = Run(stage, Plan(kills=4, seed=5, per_second=4.0), told.append).carry_out()
    finally:
        stage.close()
    assert result.violations == [], result.line()
    assert result.happened > 0
    assert sum(result.ends.kills.values()) == 4
