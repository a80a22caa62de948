"""What `make installed` types stands in docs/install.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.installed.page import blocks

WALK = Path(__file__).parents[1] / "installed" / "__main__.py"


def test_every_heading_that_is_walked_has_commands() -> None:
    text = WALK.read_text("utf-8")
    walked = {*re.findall(r'walk\.type\("([^"]+)"', text), "Backup", "Upgrade", "Restore"}
    assert len(walked) == 9
    for heading in walked:
        assert blocks(heading)
    assert any(line.startswith("syncd init --config") for line in blocks("4. The configuration")[0].splitlines())
    with pytest.raises(KeyError):
        blocks("What lies where")
