"""Two daemons on one database: one works, one waits, and a leader that was halted does no harm when it wakes."""

from __future__ import annotations

from signal import SIGCONT, SIGKILL
from typing import TYPE_CHECKING

from tests.crash.stage import SHOP, TILL

if TYPE_CHECKING:
    from tests.crash.stage import CrashStage


def test_a_leader_that_slept_before_sending_sends_no_more(stage: CrashStage) -> None:
    """It had committed that it sends. While it slept, another one found that nothing had arrived, and sent it itself.

    The till has no markers: only the silence of the first one keeps the booking from being made twice.
    """
    sku = stage.skus()[0]
    leader = stage.start(point="SIGSTOP after UPDATE_operations sent")
    stage.until(lambda: "daemon.started" in leader.said, "it leads")
    sent = stage.writes(TILL)
    stage.sell(SHOP, sku, 3)
    leader.wait_halted()
    assert [operation.state for operation in stage.operations()][-1] == "sent"
    follower = stage.start()
    stage.until_in_step("the other one has taken over and settled")
    assert stage.writes(TILL) == sent + 1
    follower.send(SIGKILL)
    follower.wait()
    before = stage.everything()
    leader.send(SIGCONT)
    assert leader.wait() == 1
    assert "lease.lost" in leader.said
    assert stage.everything() == before
    assert stage.in_step()
    assert stage.writes(TILL) == sent + 1
