"""One database of each kind for all tests of the engine in a process, emptied after each: making them takes longer."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, text

from syncd.state.engine import Database, open_database
from syncd.state.models import Base
from tests.conftest import BOTH, wait_for_no_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import PostgresServer


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test with many parameters one set runs on PostgreSQL: the queries are the same for all of them.

    ``SYNCD_TEST_EVERYTHING=1`` runs all.
    """
    if os.environ.get("SYNCD_TEST_EVERYTHING"):
        return
    tried: set[str] = set()
    left_out: list[pytest.Item] = []
    for item in items:
        if item.path.parent != Path(__file__).parent or item.get_closest_marker("postgresql") is None:
            continue
        name = item.nodeid.partition("[")[0]
        if name in tried:
            left_out.append(item)
        tried.add(name)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]


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
