"""No query of daily work leads through a whole side: SQLite plans without statistics, so any size shows it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, select

from syncd.core.fields import NAME, Owner
from syncd.service.field_partners import partners_of
from syncd.service.linking import find_matches
from syncd.state.models import Listing
from syncd.state.product_models import Creation
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.state.engine import Database

_NO_ITEM = re.compile(r"\bitem_id IS NULL")
_STOCK = {f"sku-{number}": number for number in range(5, 15)}


@contextmanager
def through_a_side(db: Database) -> Iterator[list[str]]:
    """Statements whose plan reads all listings, or all of one side, or all that was ever made there."""
    said: list[tuple[str, Any]] = []
    found: list[str] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, _x: object, many: bool) -> None:
        said.append((statement, parameters[0] if many else parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    yield found
    event.remove(db.engine, "before_cursor_execute", note)
    with db.engine.connect() as connection:
        for statement, parameters in said:
            if not statement.startswith(("SELECT", "UPDATE", "DELETE")):
                continue
            plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            found += [f"{step}: {statement}" for step in plan if _is_whole(step, statement)]


def _is_whole(step: str, statement: str) -> bool:
    if step.endswith("ix_listings_item_id (item_id=?)") and _NO_ITEM.search(statement):
        return True  # before a shop is linked, that is all of it
    by_side = (
        "ix_listings_parent (side_id=?)",
        "sqlite_autoindex_listings_1 (side_id=?)",
        "sqlite_autoindex_creations_1 (side_id=?)",
    )
    return step.startswith(("SCAN listings", "SCAN creations")) or step.endswith(by_side)


def test_a_quiet_pass_reads_no_side_whole(sqlite_database: Database) -> None:
    account = two_sides(sqlite_database, _STOCK, _STOCK, owners={NAME: Owner.HUB})
    account.settle_down()
    with through_a_side(sqlite_database) as found:
        account.poll()
    assert found == []


def test_a_quiet_pass_reads_none_of_what_was_made_long_ago(sqlite_database: Database) -> None:
    account = Account(sqlite_database)
    till = account.add_side("till", "hub")
    web = account.add_side("web", creation="all", offers=True)
    for number in range(6):
        till.put(f"t-{number}", number, sku=f"till-{number}")
        web.put(f"w-{number}", number, sku=f"web-{number}")
    account.settle_down(4)
    with sqlite_database.read() as session:
        assert session.scalars(select(Creation.state)).all() == ["made"] * 12
    with through_a_side(sqlite_database) as found:
        account.poll()
    assert found == []


def test_new_products_of_the_till_are_offered_to_a_shop_by_their_codes_and_families(sqlite_database: Database) -> None:
    """A first sync does so for each page; through all that is not linked yet, it grew with the square of them."""
    account = two_sides(sqlite_database, _STOCK, _STOCK)
    account.worlds["till"].put("t-new", 3, sku="sku-new", parent="t-family")
    account.clock.advance(61)
    with through_a_side(sqlite_database) as found:
        account.poll("till")
    assert found == []


def test_the_search_sees_a_query_that_reads_a_side_whole(sqlite_database: Database) -> None:
    two_sides(sqlite_database, _STOCK, _STOCK)
    with through_a_side(sqlite_database) as found, sqlite_database.read() as session:
        session.scalars(select(Listing).where(Listing.side_id == 1, Listing.gone_at.is_(None))).all()
    assert len(found) == 1


def test_partners_and_matches_of_some_listings_are_found_by_their_ids_and_codes(sqlite_database: Database) -> None:
    account = two_sides(sqlite_database, _STOCK, _STOCK)
    hub, shop = account.workers["till"].side.id, account.workers["web"].side.id
    with sqlite_database.read() as session:
        rows = session.scalars(select(Listing).where(Listing.side_id == shop)).all()
        with through_a_side(sqlite_database) as found:
            assert len(partners_of(session, shop, [hub], [row.id for row in rows])) == len(rows)
            assert len(find_matches(session, shop, hub, rows)) == len(rows)
    assert found == []
