"""A backup is put back under a real account that went on meanwhile: nothing is lost, nothing doubled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from signal import SIGTERM
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from syncd.state.models import Listing, Side
from tests.chaos.truth import events
from tests.crash.stage import SHOP, TILL

if TYPE_CHECKING:
    from syncd.state.models import Finding
    from tests.crash.stage import CrashStage

LONG_AFTER = timedelta(seconds=6)


@pytest.mark.slow  # engine/test_comparison.py and state/test_restore.py try the parts of it
def test_what_happened_since_the_backup_counts_once(sqlite_stage: CrashStage) -> None:
    stage = sqlite_stage
    before, since, down_till, down_shop, both, delivered, *_ = stage.skus()
    daemon = stage.start()
    stage.sell(TILL, before, 1)
    stage.until_in_step("it works")
    assert stage.start("db", "backup", "copy.db").wait() == 0
    copied_at = datetime.now(UTC)
    stage.sell(TILL, since, 2)
    stage.sell(SHOP, since, 1)
    stage.until_in_step("it went on")
    refused = stage.start("db", "restore", "copy.db", "--yes")
    assert refused.wait() == 1
    assert "stop the service first" in refused.said
    stage.sell(SHOP, before, 1)
    stage.until_in_step("a refused restore changes nothing")
    daemon.send(SIGTERM)
    assert daemon.wait() == 0
    writes = {side: stage.writes(side) for side in (TILL, SHOP)}
    # Times of documents are whole seconds, and a sale at the very moment of the backup may be in its numbers.
    stage.until(lambda: datetime.now(UTC) > copied_at + LONG_AFTER, "the backup is of some time ago")
    stage.sell(TILL, down_till, 3)
    stage.sell(SHOP, down_shop, 4)
    stage.sell(TILL, both, 1)
    stage.sell(SHOP, both, 1)
    stage.till.count(delivered, 50)
    restored = stage.start("db", "restore", "copy.db", "--yes")
    assert restored.wait() == 0, restored.said
    plan = stage.start("plan")
    assert plan.wait() == 3
    assert "not compared with it yet" in plan.said
    again = stage.start()
    stage.until(lambda: "restore.compared" in again.said, "it compares first")
    stage.until(lambda: "daemon.started" in again.said and stage.findings("restored")[-1].closed_at, "it goes on")
    held = {sku_of(stage, finding): finding for finding in stage.findings("held_after_restore")}
    # Both sides show the same by chance; a delivery has no document, but was told to nobody yet, so it differs.
    assert {both, delivered} <= set(held)
    # Also what was sold within seconds of the backup may be; never what was sold long after it, on one side alone.
    assert not set(held) & {down_till, down_shop}
    happened = events(stage, stage.opening)
    for sku, finding in held.items():
        truth = stage.opening.till[sku] + sum(happened[sku])
        said = stage.start("findings", "resolve", str(finding.id), "--count", str(truth))
        assert said.wait() == 0, said.said
    stage.until_in_step("what is known and what a person said is carried on")
    assert max(stage.writes(side) - writes[side] for side in writes) <= 6


def sku_of(stage: CrashStage, finding: Finding) -> str:
    with stage.state() as session:
        query = select(Listing.sku).join(Side).where(Listing.item_id == finding.item_id, Side.role == "hub")
        return str(session.scalars(query).one())
