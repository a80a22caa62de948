"""A short takeover with every test run; ``make failover`` tries all kinds, with times as in life."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.state.engine import open_database
from syncd.state.lease import LeaseKeeper
from syncd.state.models import Side
from tests.failover.referee import PREFIX, accepted, appoint
from tests.failover.run import Rounds
from tests.failover.stage import QUICK, FailoverStage
from tests.failover.wire import Wire

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.postgresql


@pytest.mark.timeout(180)
def test_a_leader_that_sleeps_while_it_sends_or_loses_its_line_does_no_harm(
    postgresql_url: str, tmp_path: Path
) -> None:
    stage = FailoverStage(tmp_path, postgresql_url, products=8, times=QUICK)
    told: list[str] = []
    work = Rounds(stage, 3, told.append)
    try:
        stage.open()
        found = work.carry_out(1, only=("asleep_sending", "line_cut"))
    finally:
        stage.close()
    assert found.violations == [], told
    assert found.killed + found.refused == 2
    assert found.killed >= 1
    assert found.watched > 10
    assert (found.fenced_accepted, found.late_writes) == ([], [])
    assert found.lost == found.doubled == 0


def test_the_referee_sees_a_change_by_a_machine_that_does_not_lead(postgresql_url: str) -> None:
    """What it watches for is what the fence refuses; here nothing is fenced."""
    plain = open_database(postgresql_url)
    appoint(plain)
    wire = Wire(postgresql_url)
    alpha, beta = open_database(wire.url(PREFIX + "alpha")), open_database(wire.url(PREFIX + "beta"))
    keeper = LeaseKeeper(alpha, 60.0)
    keeper._owner = "alpha pid 1 [x/1/n]"
    assert keeper.acquire()
    at = plain.now()
    with alpha.write() as session:
        session.add(Side(name="a", role="shop", adapter="memory", created_at=at))
    assert accepted(plain) == []
    with beta.write() as session:
        session.add(Side(name="b", role="shop", adapter="memory", created_at=at))
    (found,) = accepted(plain)
    assert "syncd-beta wrote sides while alpha" in found
    for each in (alpha, beta, plain):
        each.dispose()
    wire.close()
