from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.crash.stage import CrashStage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def opened(folder: Path, database_url: str) -> Iterator[CrashStage]:
    made = CrashStage(folder, database_url)
    try:
        made.open()
        yield made
    finally:
        made.close()


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[CrashStage]:
    """Till and shop in step: the test runs once for each kind of database."""
    with opened(tmp_path, database_url) as made:
        yield made


@pytest.fixture
def sqlite_stage(sqlite_url: str, tmp_path: Path) -> Iterator[CrashStage]:
    """The same, for what does not depend on the database."""
    with opened(tmp_path, sqlite_url) as made:
        yield made
