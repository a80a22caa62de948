"""What ``syncd status`` says of a side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.cli.status import _side_line
from syncd.service.status import SideStatus

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
