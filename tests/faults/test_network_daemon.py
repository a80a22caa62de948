"""The daemon as a process while one shop says 429: the other shop goes on in real time, and nothing is lost."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from syncd.demo.process import wait_until
from tests.chaos.truth import compare
from tests.faults.network import NetworkStage, too_many

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_S = 30.0


def test_the_other_shop_goes_on_while_one_wants_a_pause(tmp_path: Path, sqlite_url: str) -> None:
    """``sqlite_url`` is where this stage looks for it."""
    stage = NetworkStage(tmp_path, sqlite_url)
    try:
        stage.open()
        stage.daemon.start()
        log = stage.daemon.log
        assert wait_until(lambda: "daemon.started" in log.read_text(encoding="utf-8"), PATIENCE_S)
        sku = max(stage.till_stock(), key=lambda each: stage.till_stock()[each])
        with stage.answering("main", too_many(lambda: "3")):
            asked = len(stage.servers["main"].requests())
            assert wait_until(lambda: any(r.status == 429 for r in stage.servers["main"].requests()), PATIENCE_S)
            for _ in range(3):
                want = stage.till_stock()[sku] - 1
                stage.till.sale(sku, 1)
                assert wait_until(lambda want=want: stage.shop_stock("outlet")[sku] == want, PATIENCE_S)  # type: ignore[misc]
            assert stage.shop_stock("main")[sku] == stage.till_stock()[sku] + 3
            # A pause of three seconds is kept within a pass: not one request a second, as the shop is polled.
            refused = [r for r in stage.servers["main"].requests()[asked:] if r.status == 429]
            assert all(later.at - earlier.at > 2 for earlier, later in pairwise(refused))
        assert wait_until(lambda: compare(stage, stage.opening).quiet, PATIENCE_S)
        assert stage.daemon.stop()[0] == 0
        assert "daemon.broken" not in log.read_text(encoding="utf-8")
    finally:
        stage.close()
