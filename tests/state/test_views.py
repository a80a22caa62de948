from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from syncd.state import models
from syncd.state.models import is_open
from tests.support import rows
from tests.support.rows import AT

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from syncd.state.engine import Database


def query(database: Database, statement: str) -> list[dict[str, Any]]:
    with database.read() as session:
        return [dict(row) for row in session.execute(text(statement)).mappings()]


def stock(database: Database, side: str = "main") -> dict[str, Any]:
    (row,) = query(database, f"SELECT * FROM v_stock WHERE side = '{side}'")  # noqa: S608  # our own words
    return row


def world(session: Session, **shop_listing: Any) -> models.Listing:
    """One item with five units, at the till and in the shop."""
    hub, shop = rows.side(session, "inventorum", "hub"), rows.side(session, "main")
    item = rows.item(session, 5)
    rows.listing(session, hub, item, sku="CUP", name="Cup", shadow=Decimal(5), wanted=Decimal(5))
    values = {"sku": "cup-1", "name": "A cup", "shadow": Decimal(3), "wanted": Decimal(5), "external_id": "77"}
    return rows.listing(session, shop, item, **(values | shop_listing))


def test_stock_tells_what_each_side_holds_and_should_hold(database: Database) -> None:
    with database.write() as session:
        listing = world(session, pending=True)
    row = stock(database)
    row.pop("held_since")
    assert row == {
        "item_id": listing.item_id,
        "sku": "CUP",
        "name": "Cup",
        "on_hand": 5,
        "side": "main",
        "holds": 3,
        "wanted": 5,
        "difference": 2,
        "state": "to be written",
        "external_id": "77",
        "listing_id": listing.id,
        "operation_id": None,
    }
    assert [str(row[name]) for name in ("on_hand", "holds", "wanted", "difference")] == ["5", "3", "5", "2"]
    assert stock(database, "inventorum")["state"] == "equal"


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"wanted": Decimal(3)}, "equal"),
        ({"pending": True}, "to be written"),
        ({"pending": True, "wanted": Decimal(3)}, "to be planned"),
        ({"pending": True, "wanted": None}, "to be planned"),
        ({"wanted": None}, "not planned yet"),
        ({}, "differs"),
        ({"recheck_at": AT, "pending": True}, "to be read again"),
        ({"shadow": None}, "not read yet"),
        ({"stock_mode": "unmanaged", "shadow": None}, "not counted by this side"),
        ({"stock_mode": "unmanaged", "shadow": None, "pending": True}, "to be planned"),
        ({"stock_mode": "parent", "shadow": None}, "counted by its parent product"),
        ({"stock_mode": "group", "shadow": None}, "only groups variations"),
        ({"gone_at": AT}, "gone from this side"),
    ],
)
def test_stock_names_the_state_of_a_listing(database: Database, fields: dict[str, Any], state: str) -> None:
    with database.write() as session:
        world(session, **fields)
    assert stock(database)["state"] == state


@pytest.mark.parametrize(
    ("operation", "state"),
    [
        ("intended", "being written"),
        ("sent", "being written"),
        ("unknown", "in doubt"),
        ("parked", "in doubt, a person decides"),
        ("confirmed", "differs"),
        ("cancelled", "differs"),
    ],
)
def test_stock_names_the_write_under_way(database: Database, operation: str, state: str) -> None:
    with database.write() as session:
        listing = world(session)
        written = rows.operation(session, listing, rows.run(session, session.get_one(models.Side, listing.side_id)))
        written.state = operation
    row = stock(database)
    assert row["state"] == state
    assert row["operation_id"] == (written.id if operation in models.OPEN_STATES else None)


def test_an_item_has_one_row_per_side_also_where_it_is_not_linked(database: Database) -> None:
    with database.write() as session:
        world(session)
        rows.side(session, "second")
        only_shop = rows.item(session, 1)
        main = session.scalars(select(models.Side).where(models.Side.name == "main")).one()
        rows.listing(session, main, only_shop, sku="ONLY", name="Only here")
    assert stock(database, "second' AND sku = 'CUP")["state"] == "not linked on this side"
    borrowed = [row for row in query(database, "SELECT * FROM v_stock") if row["item_id"] == only_shop.id]
    assert [(row["sku"], row["name"]) for row in borrowed] == [("ONLY", "Only here")] * 3


def test_fractions_read_as_they_are(database: Database) -> None:
    with database.write() as session:
        world(session, shadow=Decimal("0.1"), wanted=Decimal("0.3"))
    row = stock(database)
    assert [str(row[name]) for name in ("holds", "wanted", "difference")] == ["0.1", "0.3", "0.2"]


@pytest.mark.parametrize(
    ("fields", "drifts"),
    [
        ({"wanted": Decimal(3)}, False),
        ({"stock_mode": "unmanaged", "shadow": None, "wanted": None}, False),
        ({}, True),
        ({"pending": True, "wanted": Decimal(3)}, True),
        ({"gone_at": AT}, True),
    ],
)
def test_drift_shows_only_what_is_not_at_rest(database: Database, fields: dict[str, Any], drifts: bool) -> None:
    with database.write() as session:
        world(session, **fields)
        rows.side(session, "second")
    assert [row["side"] for row in query(database, "SELECT * FROM v_drift")] == (["main"] if drifts else [])


def test_open_findings_come_gravest_first_and_closed_ones_not_at_all(database: Database) -> None:
    with database.write() as session:
        listing = world(session)
        old = datetime.now(UTC) - timedelta(hours=3)
        rows.finding(session, kind="info", severity="info", opened_at=old - timedelta(days=1))
        rows.finding(session, kind="young", severity="error", opened_at=old + timedelta(hours=1))
        rows.finding(
            session, kind="old", severity="error", opened_at=old, item_id=listing.item_id, side_id=listing.side_id
        )
        rows.finding(session, kind="closed", closed_at=AT, closed_by="itself")
    found = query(database, "SELECT * FROM v_open_findings")
    assert [row["kind"] for row in found] == ["old", "young", "info"]
    assert (found[0]["sku"], found[0]["side"], float(found[0]["open_hours"])) == ("CUP", "main", 3.0)
    assert (found[1]["sku"], found[1]["side"]) == (None, None)


def test_movements_come_newest_first_with_names(database: Database) -> None:
    with database.write() as session:
        listing = world(session)
        item = session.get_one(models.Item, listing.item_id or 0)
        rows.movement(session, item, 7, cause="opening")
        rows.movement(session, item, -2, cause="sale", side_id=listing.side_id, evidence="order 505")
    found = query(database, "SELECT * FROM v_recent_movements LIMIT 5")
    assert [(row["cause"], str(row["quantity"]), row["sku"], row["side"]) for row in found] == [
        ("sale", "-2", "CUP", "main"),
        ("opening", "7", "CUP", None),
    ]


def test_health_counts_what_is_open_on_each_side(database: Database) -> None:
    with database.write() as session:
        listing = world(session, pending=True)
        main = session.get_one(models.Side, listing.side_id)
        main.last_read_at = datetime.now(UTC) - timedelta(seconds=90)
        main.last_error = "503"
        run = rows.run(session, main)
        rows.operation(session, listing, run, state="confirmed")
        rows.operation(session, listing, run, state="unknown")
        rows.finding(session, side_id=main.id)
        rows.finding(session, side_id=main.id, closed_at=AT)
    hub, shop = query(database, "SELECT * FROM v_side_health")
    counted = ("pending", "open_operations", "in_doubt", "open_findings")
    assert [hub[name] for name in counted] == [0, 0, 0, 0]
    assert [shop[name] for name in counted] == [1, 1, 1, 1]
    assert (hub["read_age_s"], shop["last_error"]) == (None, "503")
    assert 90 <= shop["read_age_s"] < 120


def test_what_is_asked_all_day_is_answered_from_small_indexes(sqlite_database: Database) -> None:
    """A quiet cycle must not read tables that grow."""
    side = models.Listing.side_id == 1
    asked = {
        "ix_listings_pending": select(models.Listing.id).where(side, models.Listing.pending),
        "ix_listings_link_pending": select(models.Listing.id).where(side, models.Listing.link_pending),
        "ix_listings_recheck": select(models.Listing.id).where(side, models.Listing.recheck_at <= AT),
        "ix_operations_open_side": select(models.Operation.id).where(models.Operation.side_id == 1, is_open()),
        "uq_operations_open_listing": select(models.Operation.id).where(models.Operation.listing_id == 1, is_open()),
        "uq_findings_open": select(models.Finding.id).where(
            models.Finding.kind == "k", models.Finding.subject == "s", models.Finding.closed_at.is_(None)
        ),
    }
    with sqlite_database.read() as session:
        for index, statement in asked.items():
            compiled = statement.compile(sqlite_database.engine)
            plan = session.connection().exec_driver_sql(
                f"EXPLAIN QUERY PLAN {compiled}", tuple(compiled.construct_params().values())
            )
            assert index in " ".join(str(row) for row in plan)


def test_views_for_the_whole_state_read_no_table_from_end_to_end(sqlite_database: Database) -> None:
    with sqlite_database.read() as session:
        plan = session.execute(text("EXPLAIN QUERY PLAN SELECT * FROM v_side_health")).all()
        assert [row[3] for row in plan if "SCAN" in row[3]] == ["SCAN s", "SCAN f USING INDEX uq_findings_open"]
        plan = session.execute(text("EXPLAIN QUERY PLAN SELECT * FROM v_recent_movements LIMIT 10")).all()
        assert not [row for row in plan if "B-TREE" in row[3]]
