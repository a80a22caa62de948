"""The daemon dies around a token refresh: at the worst a person authorises again, and no unit is lost over it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from signal import SIGKILL
from typing import TYPE_CHECKING

import pytest

from syncd.config import load_config
from syncd.demo.process import wait_until
from syncd.service.account import open_account
from tests.crash.stage import PATIENCE_S, SHOP, TILL

if TYPE_CHECKING:
    from syncd.simulators.server import SimRequest
    from tests.crash.stage import CrashStage

ASKED = "SIGKILL after UPDATE_leases token:inventorum"
ANSWERED = "SIGKILL before UPDATE_tokens"
COMMITTED = "SIGKILL after UPDATE_tokens"


def refreshes(stage: CrashStage) -> int:
    return len(stage.servers[TILL].requests(method="POST", path="/auth/token/"))


def polls(stage: CrashStage, side: str) -> int:
    return len(stage.servers[side].requests(method="GET"))


@pytest.mark.parametrize(("point", "before", "after"), [(ASKED, 0, 1), (COMMITTED, 1, 0)])
def test_a_kill_beside_the_window_costs_nothing(sqlite_stage: CrashStage, point: str, before: int, after: int) -> None:
    stage, so_far = sqlite_stage, refreshes(sqlite_stage)
    stage.till.expire_access_tokens()
    stage.sell(SHOP, stage.skus()[0], 2)
    assert stage.start(point=point).wait() == -SIGKILL
    assert refreshes(stage) == so_far + before
    stage.start()
    stage.until_in_step("the next one has a token")
    assert refreshes(stage) == so_far + before + after
    assert stage.findings("reauthorisation") == []


def test_a_kill_between_answer_and_commit_asks_for_a_person_once_and_loses_no_unit(stage: CrashStage) -> None:
    sku, booked, told = stage.skus()[0], stage.writes(TILL), stage.writes(SHOP)
    stage.till.expire_access_tokens()
    assert stage.start(point=ANSWERED).wait() == -SIGKILL
    spent, seen = refreshes(stage), polls(stage, SHOP)
    stage.sell(SHOP, sku, 2)
    stage.sell(TILL, sku, 3)
    daemon = stage.start()
    stage.until(lambda: stage.findings("reauthorisation"), "a person is told")
    stage.until(lambda: polls(stage, SHOP) > seen + 25, "the shop is read on and on")
    assert refreshes(stage) == spent + 1
    assert daemon.said.count("finding.opened") == 1
    assert (stage.writes(TILL), stage.writes(SHOP)) == (booked, told)
    assert stage.start("status").wait() == 5
    stage.authorise(stage.till.issue_refresh_token()["refresh_token"])
    daemon.close()
    stage.start()
    stage.until_in_step("what was sold meanwhile is counted")
    # It closes at the end of the pass whose writes were just seen.
    stage.until(
        lambda: all(finding.closed_at for finding in stage.findings("reauthorisation")), "the finding is closed"
    )
    assert len(stage.findings("reauthorisation")) == 1


def test_processes_and_threads_that_need_a_token_at_once_refresh_it_once(stage: CrashStage) -> None:
    """The real adapter: two accounts in this process with four threads each, and two processes beside them."""
    so_far = refreshes(stage)
    stage.till.expire_access_tokens()

    def refused() -> int:
        return sum(record.status == 401 for record in stage.servers[TILL].requests())

    def hold(request: SimRequest) -> None:
        """All four have been refused before the first of them gets its new token."""
        if request.path.endswith("/auth/token/"):
            assert wait_until(lambda: refused() >= 4, PATIENCE_S, every_s=0.02)

    stage.servers[TILL].hooks.append(hold)
    beside = [stage.start("check"), stage.start("plan")]
    with stage.connected() as one, stage.connected() as two:
        accounts = [open_account(load_config(stage.folder / "config.toml"), database) for database in (one, two)]
        adapters = [account.hub.side.adapter for account in accounts]
        try:
            with ThreadPoolExecutor(8) as pool:
                reports = list(pool.map(lambda number: adapters[number % 2].check(), range(8)))
        finally:
            for account in accounts:
                account.close()
    assert [report.ok for report in reports] == [True] * 8
    assert [program.wait() for program in beside] == [0, 0]
    assert refreshes(stage) == so_far + 1
