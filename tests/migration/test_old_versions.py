"""A database of every version that there was, full of rows, comes to the schema of this one with all of them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from alembic import command

from syncd.state import migrate, schema
from syncd.state.check import check_database
from syncd.state.engine import Database, open_database
from tests.migration.old_rows import OldRows, shown
from tests.migration.test_migrations import KILL_EACH

VERSIONS = schema.revisions()


def made_at(url: str, revision: str) -> Database:
    """A database as that version made it."""
    database = open_database(url, create=True)
    with database.engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return database


@pytest.mark.parametrize("revision", VERSIONS[:-1])
def test_every_row_comes_along(empty_database_url: str, revision: str) -> None:
    database = made_at(empty_database_url, revision)
    with database.engine.begin() as connection:
        old = OldRows(connection)
        old.insert()
        before = shown(connection, old.tables)
    assert all(before.values())
    assert migrate.upgrade(empty_database_url) == (revision, VERSIONS[-1])
    with database.engine.begin() as connection:
        assert shown(connection, old.tables) == before
    assert {flaw.kind for flaw in check_database(database)} <= {"sums", "numbers"}  # such rows add up to nothing
    database.dispose()


def test_an_upgrade_to_this_version_that_is_killed_at_any_statement_keeps_every_row(empty_database_url: str) -> None:
    database = made_at(empty_database_url, VERSIONS[-2])
    with database.engine.begin() as connection:
        old = OldRows(connection)
        old.insert()
        before = shown(connection, old.tables)
    command_line = [sys.executable, str(KILL_EACH), empty_database_url, str(schema.migrations_folder())]
    done = subprocess.run(command_line, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > len(VERSIONS[-1])
    schema.require_current(database)
    with database.engine.begin() as connection:
        assert shown(connection, old.tables) == before
    database.dispose()
