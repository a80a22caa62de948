"""Ways to lose a unit, to count one twice, or to say what is not so; each was possible once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.errors import OutcomeUnknown
from tests.support.engine import two_sides

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from syncd.core.model import StockWrite, WriteResult
    from syncd.state.engine import Database


def test_a_request_we_gave_up_may_go_on_at_the_side(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that answers 504 after a minute leaves the shop at work; the time of doubt begins with that answer."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    web, side = account.worlds["web"], account.workers["web"].side.adapter
    still_running: list[StockWrite] = []

    def give_up(writes: Sequence[StockWrite]) -> list[WriteResult]:
        still_running.extend(writes)
        account.clock.advance(60)
        raise OutcomeUnknown("web", "POST products/batch", "server error 504")

    monkeypatch.setattr(side, "write_stock", give_up)
    account.worlds["till"].sell("t-A", 2)
    account.poll("till", "web")
    monkeypatch.undo()
    account.clock.advance(5)
    account.poll("web")
    web.apply(still_running[0], marker=True)
    account.settle_down(3)
    assert account.on_hand("A") == web.quantity("w-A") == 8
