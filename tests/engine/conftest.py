"""One database of each kind for all tests of the engine in a process, emptied after each: making them takes longer."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, text

from syncd.state.engine import Database, open_database
from syncd.state.models import Base
from tests.conftest import BOTH, wait_for_no_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgres import PostgresServer


@pytest.fixture(scope="session")
def kept_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("kept") / "syncd.db"
    shutil.copy(sqlite_template, path)
    opened = open_database(f"sqlite:///{path}")
    opened.engine.dispose()
    event.listen(opened.engine, "connect", wait_for_no_disk)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def kept_postgresql(postgres_server: PostgresServer, postgresql_template: str) -> Iterator[Database]:
    url = postgres_server.create(template=postgresql_template)
    opened = open_database(url)
    yield opened
    opened.dispose()
    postgres_server.drop(url)


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An open, migrated, empty database: the test runs once for each kind."""
    kept: Database = request.getfixturevalue(f"kept_{request.param}")
    yield Database(kept.engine)
    _empty(kept)


def _empty(database: Database) -> None:
    tables = Base.metadata.sorted_tables
    with database.engine.begin() as connection:
        if database.dialect == "postgresql":
            # What a test left open must not hold up the next one.
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            names = ", ".join(table.name for table in tables)
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
            return
        for table in reversed(tables):
            connection.execute(table.delete())
