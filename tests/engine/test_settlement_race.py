"""A sale between the look at the stock and the look at the documents is in one of them only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.engine import two_sides

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.core.model import StockEvent
    from syncd.state.engine import Database


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
def test_a_sale_while_a_doubt_is_looked_at_is_counted_once(database: Database, fault: str) -> None:
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.settle_down()
    till = account.worlds["till"]
    account.worlds["web"].sell("w-A", 3, reference="505")
    till.faults.append(fault)
    account.poll("web", "till")
    adapter = account.workers["till"].side.adapter
    original = adapter.read_events

    def sale_first(since: datetime) -> list[StockEvent]:
        adapter.read_events = original  # type: ignore[method-assign]
        till.sell("t-A", 3, reference="900001")
        return original(since)

    adapter.read_events = sale_first  # type: ignore[method-assign]
    account.settle_down(4)
    assert account.on_hand("A") == 14
    assert till.quantity("t-A") == account.worlds["web"].quantity("w-A") == 14
    assert account.findings() == []
