"""Case 7: what a year of trade leaves in the database, and whether an item's story is still told at once."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from benchmarks.figures import Figure, Place, median
from benchmarks.ledger import Year, fill
from benchmarks.postgres import temporary_database
from syncd.service.explain import explain
from syncd.state.engine import open_database
from syncd.state.migrate import upgrade

if TYPE_CHECKING:
    from syncd.state.engine import Database

MOST_MS = 100.0
_ASKED = 15


def measure(place: Place) -> list[Figure]:
    """Fill a database of each kind with a year, and ask for stories of items, the busiest among them."""
    place.folder.mkdir(parents=True, exist_ok=True)
    found = _year(place, "SQLite", f"sqlite:///{place.folder / 'year.db'}")
    with temporary_database() as url:
        if url is None:
            place.say("no PostgreSQL: install the group dev, or name a server in SYNCD_TEST_POSTGRES")
        else:
            found += _year(place, "PostgreSQL", url)
    return found


def _year(place: Place, title: str, url: str) -> list[Figure]:
    upgrade(url)
    year = Year(items=place.sizes.large, movements=place.sizes.movements)
    with closing(_Closing(open_database(url))) as opened:
        db = opened.db
        empty = _bytes(db)
        began = time.monotonic()
        fill(db, year)
        _analyse(db)
        grown = _bytes(db) - empty
        place.say(f"{title}: {year.movements} movements in {time.monotonic() - began:.0f} s, {grown / 1e6:.0f} MB")
        stories = {name: _story_ms(db, skus) for name, skus in year.samples(_ASKED).items()}
        plan = _plan(db)
    limit = MOST_MS
    return [
        Figure(f"{title}: bytes for each movement and its write", grown / year.movements, "B", detail={"plan": plan}),
        Figure(f"{title}: a year", grown / 1e6, "MB"),
        *(Figure(f"{title}: explain, {name} item", ms, "ms", limit) for name, ms in stories.items()),
    ]


class _Closing:
    def __init__(self, db: Database) -> None:
        self.db = db

    def close(self) -> None:
        """Close its connections."""
        self.db.dispose()


def _story_ms(db: Database, skus: list[str]) -> float:
    took = []
    explain(db, skus[0])  # the first one prepares the statements
    for sku in skus:
        began = time.monotonic()
        (story,) = explain(db, sku)
        took.append(1000 * (time.monotonic() - began))
        if not story.entries:
            raise RuntimeError(f"the story of {sku} is empty")
    return median(took)


def _bytes(db: Database) -> int:
    with db.read() as session:
        if db.dialect == "sqlite":
            pages = session.scalar(text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"))
        else:
            pages = session.scalar(text("SELECT pg_database_size(current_database())"))
        return int(pages or 0)


def _analyse(db: Database) -> None:
    """What a database does by itself in the course of a year (PostgreSQL), or never did (SQLite: nothing)."""
    if db.dialect == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _plan(db: Database) -> list[str]:
    """How the database finds an item's movements: it must not look through all of them.

    Raises:
        RuntimeError: It does.
    """
    asked = "SELECT * FROM movements WHERE item_id = 1 ORDER BY id DESC LIMIT 200"
    words: dict[str, Any] = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}
    with db.read() as session:
        rows = [str(row[-1]) for row in session.execute(text(words[db.dialect] + asked))]
    if any("SCAN movements" in row or "Seq Scan on movements" in row for row in rows):
        raise RuntimeError(f"movements of an item are looked for without an index: {rows}")
    return rows
