"""What a dry run tells besides the writes themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.cli.command import CliContext
from syncd.cli.sync import _show_side
from syncd.service.preview import _plan
from tests.support.engine import two_sides

if TYPE_CHECKING:
    from syncd.service.preview import SidePlan
    from syncd.state.engine import Database
    from tests.support.engine import Account


def planned(account: Account) -> SidePlan:
    return _plan(account.workers["web"], [], "")


def test_a_reading_that_may_come_from_a_cache_is_told_as_waiting(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    account = two_sides(database, {"A": 5}, {"A": 5})
    assert planned(account).waits == 0
    account.worlds["till"].sell("t-A", 1)
    account.poll("till", "web")
    account.clock.advance(4)
    account.worlds["web"].count("w-A", 5)  # as it was before our write: a cache, or somebody's correction
    account.poll("web")
    plan = planned(account)
    assert (plan.writes, plan.waits, plan.waits_s) == ([], 1, 6.0)
    _show_side(CliContext(), plan)
    said = " ".join(capsys.readouterr().out.split())
    assert "web: nothing to write ! web: 1 product was written moments ago" in said
    assert "read again in 6 s" in said
    account.clock.advance(7)
    assert planned(account).waits == 0
    account.poll("web")
    account.poll("till")
    assert account.worlds["till"].quantity("t-A") == 5
