"""A leader that was halted while it sent, and wakes with an answer that contradicts what its successor has settled."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from syncd.errors import LeaseLost
from syncd.service.resolve import close_read
from syncd.state.engine import open_database
from syncd.state.lease import LEADER, LeaseKeeper, release
from syncd.state.models import Finding, Operation
from tests.support.engine import two_sides

if TYPE_CHECKING:
    from syncd.state.engine import Database


def late(database: Database, settled: str) -> list[Finding]:
    """A write whose answer comes when another process has settled it as ``settled``; returns the findings about it."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.poll()
    account.poll()
    keeper = LeaseKeeper(database, 60.0)
    assert keeper.acquire()
    worker = account.workers["web"]
    usual = worker.side.adapter.write_stock

    def sleep_and_send(writes: Any) -> Any:
        other = open_database(database.engine.url.render_as_string(hide_password=False))
        assert keeper.fence is not None
        release(other, LEADER, keeper.fence)
        successor = LeaseKeeper(other, 60.0)
        assert successor.acquire()
        with other.write() as session:
            session.execute(update(Operation).where(Operation.state == "sent").values(state=settled))
        other.dispose()
        return usual(writes)

    worker.side.adapter.write_stock = sleep_and_send  # type: ignore[method-assign]
    account.worlds["till"].sell("t-A", Decimal(3))
    account.workers["till"].run("poll", "test")
    with pytest.raises(LeaseLost):
        worker.run("push", "test")
    with database.read() as session:
        return list(session.scalars(select(Finding).where(Finding.kind == "late_write")))


def test_a_write_that_came_late_is_told_of_until_somebody_has_read_it(database: Database) -> None:
    told = late(database, "cancelled")
    assert len(told) == 1
    found = told[0]
    assert "web: -3 for" in found.message
    assert "correct web by +3" in found.advice
    assert close_read(database, found.id, now=database.now())
    with database.read() as session:
        assert session.get_one(Finding, found.id).closed_at is not None


@pytest.mark.parametrize("settled", ["confirmed", "unknown"])
def test_a_write_that_came_in_time_is_nobodys_business(sqlite_database: Database, settled: str) -> None:
    """It had arrived before its sender slept; the successor has seen that, or is about to."""
    assert late(sqlite_database, settled) == []
