from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crash.stage import CrashStage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[CrashStage]:
    """Till and shop in step: the test runs once for each kind of database."""
    made = CrashStage(tmp_path, database_url)
    try:
        made.open()
        yield made
    finally:
        made.close()
