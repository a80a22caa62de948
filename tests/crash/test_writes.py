"""The daemon dies between any two steps of a stock write: the unit arrives once, whichever step it was."""

from __future__ import annotations

from signal import SIGKILL
from typing import TYPE_CHECKING

import pytest

from tests.crash.stage import OTHER, SHOP, TILL

if TYPE_CHECKING:
    from tests.crash.stage import CrashStage

INTENDED = "SIGKILL after INSERT_INTO_operations"
SENT = "SIGKILL after UPDATE_operations sent"
ANSWERED = "SIGKILL before UPDATE_operations confirmed"


@pytest.mark.parametrize(
    ("side", "point", "left", "settled_by"),
    [
        (TILL, INTENDED, "intended", ["never_sent", "answer"]),
        (TILL, SENT, "sent", ["read_back", "answer"]),
        (TILL, ANSWERED, "sent", ["read_back"]),
        (SHOP, ANSWERED, "sent", ["marker"]),
    ],
)
def test_a_write_that_a_kill_interrupts_takes_effect_once(
    stage: CrashStage, side: str, point: str, left: str, settled_by: list[str]
) -> None:
    sku, sent = stage.skus()[0], stage.writes(side)
    before = len(stage.operations())
    stage.sell(OTHER[side], sku, 3)
    assert stage.start(point=point).wait() == -SIGKILL
    assert [operation.state for operation in stage.operations()[before:]] == [left]
    stage.start()
    stage.until_in_step("the next one settles what the first one left")
    assert [operation.settled_by for operation in stage.operations()[before:]] == settled_by
    assert stage.writes(side) == sent + 1
