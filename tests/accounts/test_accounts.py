"""Accounts that share a machine, a PostgreSQL server, and even a database: none touches another."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import make_url, text

from syncd.demo.process import wait_until
from syncd.simulators.server import Fault
from syncd.state import migrate
from syncd.state.engine import KEPT_CONNECTIONS, open_database
from syncd.state.lease import LEADER, LeaseKeeper, holder
from tests.accounts.town import Town, TownAccount, connections, cost_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import PostgresServer

HUB_STOCK = """
SELECT sku, shadow FROM {schema}.listings JOIN {schema}.sides ON sides.id = side_id
WHERE role = 'hub' AND item_id IS NOT NULL
"""

pytestmark = pytest.mark.postgresql


def in_schema(url: str, schema: str) -> str:
    """The address of a schema, which is made."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"')
    query = {**make_url(url).query, "options": f"-csearch_path={schema}"}
    return make_url(url).set(query=query).render_as_string(hide_password=False)


def test_schemas_of_one_database_have_leaders_and_turns_of_their_own(postgres_server: PostgresServer) -> None:
    url = postgres_server.create()
    urls = [in_schema(url, name) for name in ("berlin", "hamburg")]
    for each in urls:
        migrate.upgrade(each)
    berlin, hamburg = (open_database(each) for each in urls)
    keepers = [LeaseKeeper(database, 60.0) for database in (berlin, hamburg)]
    assert [keeper.acquire() for keeper in keepers] == [True, True]
    assert holder(berlin, LEADER) != holder(hamburg, LEADER)
    done = threading.Event()

    def write() -> None:
        with hamburg.write():
            done.set()

    with berlin.write() as session:
        session.execute(text("UPDATE leases SET owner = owner"))
        thread = threading.Thread(target=write)
        thread.start()
        assert done.wait(20), "a writer of one account waits for one of another"
    thread.join()
    with hamburg.read() as session:
        assert session.scalar(text("SELECT count(*) FROM leases")) == 1
    for database in (berlin, hamburg):
        database.dispose()
    postgres_server.drop(url)


@pytest.mark.timeout(180)
def test_a_dead_token_and_a_stalled_shop_are_nobody_elses_business(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """Two accounts in schemas of one database, one in a database of its own."""
    shared, own = postgres_server.create(), postgres_server.create()
    urls = {"token": in_schema(shared, "token"), "stalled": in_schema(shared, "stalled"), "well": own}
    for url in urls.values():
        migrate.upgrade(url)
    accounts = {
        name: TownAccount(name, tmp_path / name, url, 8 + number, number, 1, 5)
        for number, (name, url) in enumerate(urls.items(), 1)
    }
    town = Town(list(accounts.values()))
    try:
        town.open()
        town.start()
        town.until_in_step(90)
        refusal = accounts["token"].till
        refusal.revoke_refresh_token()
        refusal.expire_access_tokens()
        accounts["stalled"].shop_server.add_fault(Fault("slow", times=-1, seconds=60))
        sku = max(accounts["well"].till.stock(), key=lambda each: float(accounts["well"].till.stock()[each]))
        before = float(accounts["well"].till.stock()[sku])
        for account in accounts.values():
            account.till.sale(max(account.till.stock(), key=lambda each: float(account.till.stock()[each])), 1)
        accounts["well"].shop.people.order([{"sku": sku, "quantity": 1}])
        assert wait_until(lambda: float(accounts["well"].till.stock()[sku]) == before - 2, 30)
        assert wait_until(accounts["well"].in_step, 30)
        assert wait_until(lambda: accounts["token"].status()[0] == 5, 30, every_s=0.5)
        assert "reauthorisation" in accounts["token"].status()[1]
        assert not accounts["stalled"].in_step()
        code, words = accounts["well"].status()
        assert code == 0, words
        assert all(account.daemon.alive for account in accounts.values())
        assert max(connections(own).values()) <= 2 * (KEPT_CONNECTIONS + 2)
        assert cost_of(accounts["well"].daemon.running().pid).pss_kib > 0
    finally:
        town.close()
    with psycopg.connect(make_url(shared).set(drivername="postgresql").render_as_string(hide_password=False)) as both:
        for schema in ("token", "stalled"):
            known = both.execute(HUB_STOCK.format(schema=schema)).fetchall()
            assert {row[0] for row in known} == set(accounts[schema].till.stock())
            if schema == "stalled":  # its till is read on
                assert {sku: float(units) for sku, units in known} == {
                    sku: float(units) for sku, units in accounts[schema].till.stock().items()
                }
    for url in (shared, own):
        postgres_server.drop(url)
