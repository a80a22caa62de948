"""Damage of every kind is seen; a sound database is called sound."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text, update

from syncd.state import models
from syncd.state.check import check_database
from syncd.state.engine import Database, open_database
from tests.support import rows


def fill(database: Database) -> None:
    with database.write() as session:
        hub = rows.side(session, "till", "hub")
        for number in range(8):
            item = rows.item(session, "0.3")
            for total in ("0.1", "0.2", "0.3"):
                rows.movement(session, item, "0.1", on_hand_after=Decimal(total))
            rows.listing(session, hub, item, external_id=f"x{number}")
        rows.run(session, hub)


def test_a_sound_database(database: Database) -> None:
    fill(database)
    assert check_database(database) == check_database(database, quick=True) == []


def test_sums(database: Database) -> None:
    fill(database)
    with database.write() as session:
        session.execute(update(models.Item).values(on_hand=Decimal("0.4")))
    flaws = check_database(database)
    assert [flaw.kind for flaw in flaws] == ["sums"] * 6
    assert flaws[0].text == "item 1 has 0.4 on hand, and its movements come to 0.3"
    assert flaws[-1].text == "and 3 more items like these"


def test_a_last_movement_that_says_something_else(database: Database) -> None:
    fill(database)
    with database.write() as session:
        session.execute(update(models.Movement).where(models.Movement.id == 3).values(on_hand_after=Decimal(7)))
    (flaw,) = check_database(database)
    assert flaw.text == "item 1 has 0.3 on hand, and its last movement says 7"


def test_references_of_sqlite(sqlite_database: Database, sqlite_url: str) -> None:
    fill(sqlite_database)
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))  # which does not keep them
    connection.execute("DELETE FROM sides")
    connection.commit()
    connection.close()
    assert [flaw.text for flaw in check_database(sqlite_database)] == [
        "8 rows of listings refer to rows of sides that do not exist",
        "1 rows of runs refer to rows of sides that do not exist",
    ]


def damage(file: Path, table: str) -> None:
    """Overwrite the first page of a table."""
    connection = sqlite3.connect(file)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    content = bytearray(file.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size
    file.write_bytes(content)


def test_damaged_pages_of_sqlite(sqlite_database: Database, sqlite_url: str) -> None:
    fill(sqlite_database)
    sqlite_database.dispose()
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    damage(file, "movements")
    damaged = open_database(sqlite_url)
    assert {flaw.kind for flaw in check_database(damaged)} == {"pages"}
    damaged.dispose()


@pytest.mark.postgresql
def test_numbers_of_postgresql(postgresql_url: str) -> None:
    """After a restore of the rows alone the next insert would be refused."""
    database = open_database(postgresql_url)
    fill(database)
    with database.write() as session:
        session.execute(text("ALTER SEQUENCE items_id_seq RESTART WITH 3"))
    (flaw,) = check_database(database)
    assert flaw.text == "the next number of items is taken: its sequence is at 2, its rows at 8"
    with database.write() as session:
        session.execute(text("ALTER SEQUENCE items_id_seq RESTART WITH 9"))
    assert check_database(database) == []
    database.dispose()
