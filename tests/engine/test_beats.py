"""Whatever is about to be written to a side is counted in the database with the commit before it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, event

from syncd.core.fields import NAME, Owner
from syncd.state.lease import LeaseKeeper
from tests.support.engine import Account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.state.engine import Database

SENT = {"operations", "field_writes", "creations", "withdrawals"}


@contextmanager
def commits_before_calls(database: Database) -> Iterator[list[tuple[str, bool]]]:
    """Transactions that mark something as sent: the table, and whether a beat was committed with it."""
    found: list[tuple[str, bool]] = []
    tables: set[str] = set()
    beat: list[bool] = []

    def statement(_c: Connection, _cursor: object, said: str, parameters: Any, *_more: object) -> None:
        words = said.split()
        table = words[2] if words[0] == "INSERT" else words[-1] if len(words) < 2 else words[1]
        rows = parameters if isinstance(parameters, list) else [parameters]
        values = [value for row in rows for value in (row.values() if isinstance(row, dict) else row)]
        if words[0] in {"INSERT", "UPDATE"} and table in SENT and "sent" in values:
            tables.add(table)
        if said.startswith("UPDATE leases"):
            beat.append(True)

    def commit(_connection: Connection) -> None:
        found.extend((table, bool(beat)) for table in sorted(tables))
        tables.clear()
        beat.clear()

    event.listen(database.engine, "before_cursor_execute", statement)
    event.listen(database.engine, "commit", commit)
    yield found
    event.remove(database.engine, "before_cursor_execute", statement)
    event.remove(database.engine, "commit", commit)


def test_each_kind_of_write_is_counted_before_it_leaves(database: Database) -> None:
    account = Account(database)
    till = account.add_side("till", "hub")
    web = account.add_side("web", owners={NAME: Owner.HUB}, creation="all", deletion="delete")
    for sku in "AB":
        for world in (till, web):
            world.put(f"{world.name}-{sku}", 10, sku=sku, name="Mug", fields={NAME: "Mug"})
    account.settle_down()
    leader = LeaseKeeper(database, 60.0)
    assert leader.acquire()
    with commits_before_calls(database) as found:
        till.sell("till-A", 1)
        till.edit("till-A", name="Another mug")
        till.put("till-C", 3, sku="C", name="New", fields={NAME: "New"})
        till.delete("till-B")
        for _ in range(3):
            account.clock.advance(120)
            account.poll()
    assert {table for table, _ in found} == SENT
    assert [table for table, counted in found if not counted] == []
    with commits_before_calls(database) as found:
        account.poll()
    assert found == []
