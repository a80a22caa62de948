"""Fixtures that all tests may use. A database fixture gives a migrated, empty database of its own to each test."""

from __future__ import annotations

import os
import shutil
import uuid
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from syncd.http import RetryPolicy
from syncd.http.redact import forget_secrets
from syncd.service.memory import settle_in
from syncd.state import migrate
from syncd.state.engine import Database, open_database
from tests.support.postgres import SWITCHED_OFF, VARIABLE, PostgresServer, running_server

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

BOTH = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgresql)]


def pytest_collection_finish(session: pytest.Session) -> None:  # noqa: ARG001 - the hook's
    """Leave all that was loaded out of every search for garbage: a twentieth of the time that tests take."""
    settle_in()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads in this process are tried as often as everywhere, a moment apart: nobody needs to wait for it."""
    monkeypatch.setattr("syncd.http.session.RetryPolicy", partial(RetryPolicy, first_wait_s=0.02))


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests() -> Iterator[None]:
    """What one test's configuration holds secret may be a plain word in the next one."""
    forget_secrets()
    yield
    forget_secrets()


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """One server per test session, also with pytest-xdist. Where it cannot start, tests fail, unless switched off."""
    if os.environ.get(VARIABLE) == SWITCHED_OFF:
        pytest.skip(f"PostgreSQL was switched off by {VARIABLE}={SWITCHED_OFF}")
    worker = getattr(request.config, "workerinput", {})
    with running_server(worker.get("testrunuid", uuid.uuid4().hex)) as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "syncd.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgres_server: PostgresServer) -> str:
    url = postgres_server.create()
    migrate.upgrade(url)
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """Address of a migrated SQLite file."""
    path = tmp_path / "syncd.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgres_server: PostgresServer, postgresql_template: str) -> Iterator[str]:
    """Address of a migrated PostgreSQL database."""
    url = postgres_server.create(template=postgresql_template)
    yield url
    postgres_server.drop(url)


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest) -> str:
    """Address of a migrated database: the test runs once for each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=BOTH)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of a database without any schema: the test runs once for each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.create()
    yield url
    server.drop(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open, migrated database: the test runs once for each kind. No test of it cuts the power: it waits for no disk.

    ``tests/crash`` does, with addresses of its own.
    """
    opened = open_database(database_url)
    if opened.dialect == "sqlite":
        opened.engine.dispose()
        event.listen(opened.engine, "connect", wait_for_no_disk)
    yield opened
    opened.dispose()


def wait_for_no_disk(connection: sqlite3.Connection, _record: object) -> None:
    """For databases that no test cuts the power of."""
    connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture
def sqlite_database(sqlite_url: str) -> Iterator[Database]:
    """An open, migrated SQLite database."""
    opened = open_database(sqlite_url)
    yield opened
    opened.dispose()
