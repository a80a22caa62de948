"""Two daemons on one database: one works, one waits, and a leader that was halted does no harm when it wakes."""

from __future__ import annotations

import time
from signal import SIGCONT, SIGKILL
from typing import TYPE_CHECKING

from syncd.state.models import Lease
from tests.crash.child import LEASE_TTL_S
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


def test_one_works_the_others_wait_or_refuse_until_its_lease_ends(stage: CrashStage) -> None:
    """Killed on another machine, where nobody here can see that it is dead: the lease has to run out."""
    sku = stage.skus()[0]
    leader = stage.start()
    stage.until(lambda: "daemon.started" in leader.said, "it leads")
    follower, by_hand = stage.start(), stage.start("sync")
    stage.until(lambda: "daemon.standby" in follower.said, "it stands by")
    assert by_hand.wait() == 1
    assert "stop the daemon first" in by_hand.said
    leader.send(SIGKILL)
    leader.wait()
    began = time.monotonic()
    with stage.connected() as database, database.write(fenced=False) as session:
        session.get_one(Lease, "leader").owner = "elsewhere pid 1 [another-boot/1/n]"
    stage.sell(SHOP, sku, 2)
    stage.sell(TILL, sku, 1)
    stage.until_in_step("the other one has taken over")
    assert "daemon.started" in follower.said
    assert time.monotonic() - began < LEASE_TTL_S + 10
