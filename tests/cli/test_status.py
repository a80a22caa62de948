"""What ``syncd status`` says of a side."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from syncd.cli.status import _side_line
from syncd.service.status import SideStatus
from syncd.state.engine import open_database
from tests.support import rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Run

FINE = SideStatus("main", "woocommerce", 75, None, 3.0, None, None, 0, 0, None, stale=False)


@pytest.mark.parametrize(
    ("side", "line"),
    [
        (FINE, "75 linked, read 3 s ago"),
        (replace(FINE, age_s=None), "75 linked, never read"),
        (replace(FINE, pending=4, unsent_s=12.0), "75 linked, read 3 s ago, 4 to be written"),
        (replace(FINE, pending=4, unsent_s=900.0), "75 linked, read 3 s ago, 4 to be written for 15 min"),
        (replace(FINE, pending=4, unsent_s=None), "75 linked, read 3 s ago, 4 to be written"),
        (replace(FINE, age_s=9000.0, last_error="no answer"), "75 linked, read 2 h ago; last error: no answer"),
    ],
)
def test_a_side_in_one_line(side: SideStatus, line: str) -> None:
    assert _side_line(side) == f"main (woocommerce): {line}"


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine is nine hours ahead of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("tokyo")
def test_all_times_are_of_the_machines_time_zone(run: Run, config_file: Path, tmp_path: Path) -> None:
    assert run("db", "upgrade", "--config", config_file).code == 0
    database = open_database(f"sqlite:///{tmp_path}/state.db")
    at = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    with database.write() as session:
        rows.run(session, rows.side(session, "main"), started_at=at)
        rows.finding(session, closed_at=at, closed_by="itself")
    database.dispose()
    assert "18:30:00  main  poll" in run("status", "--config", config_file).out
    said = run("findings", "--all", "--config", config_file).out
    assert "2026-03-01 18:30  oversell" in said
    assert "(closed 2026-03-01 18:30 by itself)" in said
