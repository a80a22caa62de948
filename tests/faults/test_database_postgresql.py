"""PostgreSQL: the server refuses to write, cuts connections, is started again."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url, update

from syncd.errors import DatabaseUnavailable
from syncd.state import migrate
from syncd.state.engine import open_database
from syncd.state.lease import LeaseKeeper
from syncd.state.models import Item
from tests.faults.account import Shaken
from tests.support.postgres import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.postgresql


@pytest.fixture
def shaken(postgresql_url: str) -> Iterator[Shaken]:
    database = open_database(postgresql_url)
    yield Shaken.over(database)
    database.dispose()


class Admin:
    """Somebody at the server."""

    def __init__(self, shaken: Shaken) -> None:
        self._engine = shaken.account.db.engine
        self._name = make_url(str(self._engine.url)).database or ""
        self._admin = open_database(self._engine.url.render_as_string(hide_password=False)).engine.execution_options(
            isolation_level="AUTOCOMMIT"
        )

    def say(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.exec_driver_sql(statement)

    def cut(self) -> None:
        """End every connection to the database but this one."""
        self.say(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def only_reading(self, *, on: bool) -> None:
        """New connections may only read, as on a server that became a standby."""
        self.say(f'ALTER DATABASE "{self._name}" SET default_transaction_read_only = {"on" if on else "off"}')
        self.cut()

    def close(self) -> None:
        self._admin.dispose()


@pytest.fixture
def admin(shaken: Shaken) -> Iterator[Admin]:
    made = Admin(shaken)
    yield made
    made.close()


def test_a_server_that_only_reads(shaken: Shaken, admin: Admin) -> None:
    shaken.sell()
    admin.only_reading(on=True)
    try:
        shaken.try_passes(2)
    finally:
        admin.only_reading(on=False)
    assert shaken.refused
    assert any("read-only transaction" in said for said in shaken.refused)
    shaken.recovers()


@pytest.mark.parametrize("side", ["till", "web"])
def test_a_connection_that_is_cut_when_an_answer_comes(shaken: Shaken, admin: Admin, side: str) -> None:
    shaken.sell()
    with shaken.at_the_next_write(side, admin.cut):
        shaken.try_passes(3)
    shaken.recovers()


def test_a_connection_that_is_cut_inside_a_transaction(shaken: Shaken, admin: Admin) -> None:
    database = shaken.account.db

    def write() -> None:
        with database.write() as session:
            session.execute(update(Item).values(on_hand=Decimal(0)))
            admin.cut()
            session.execute(update(Item).values(on_hand=Decimal(0)))

    with pytest.raises(DatabaseUnavailable):
        write()
    shaken.sell()
    shaken.try_passes(1)
    shaken.recovers()


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """One that nobody else works on, and that keeps what was committed."""
    with running_server(f"faults-{uuid.uuid4().hex}", keeps_commits=True) as server:
        if not server.can_restart:
            pytest.skip("the server is not ours to restart")
        yield server


def test_a_server_that_is_started_again(own_server: PostgresServer) -> None:
    url = own_server.create()
    migrate.upgrade(url)
    database = open_database(url)
    shaken = Shaken.over(database)
    keeper = LeaseKeeper(database, 15)
    assert keeper.acquire()
    shaken.sell()
    with shaken.at_the_next_write("till", own_server.restart):
        shaken.try_passes(3)
    keeper.renew()
    shaken.recovers()
    keeper.release()
    database.dispose()
