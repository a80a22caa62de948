from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from tests.conftest import wait_for_no_disk
from tests.crash.conftest import sqlite_stage, stage

if TYPE_CHECKING:
    from syncd.state.engine import Database

__all__ = ["sqlite_stage", "stage"]


@pytest.fixture
def quick_database(sqlite_database: Database) -> Database:
    """SQLite that waits for no disk."""
    sqlite_database.engine.dispose()
    event.listen(sqlite_database.engine, "connect", wait_for_no_disk)
    return sqlite_database
