"""docs/database.md promises queries that work; here they do."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from syncd.state import models, views
from syncd.state.metadata import METADATA
from tests.support import rows

if TYPE_CHECKING:
    from syncd.state.engine import Database

GUIDE = (Path(__file__).parents[2] / "docs" / "database.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^```sql\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: " ".join(query.split())[:40])
def test_every_ready_query_runs(database: Database, query: str) -> None:
    with database.read() as session:
        session.execute(text(query.replace(":", r"\:")))


def test_the_books_are_checked(database: Database) -> None:
    (query,) = (query for query in QUERIES if "sum_of_movements" in query)
    with database.write() as session:
        right, wrong = rows.item(session, "0.3"), rows.item(session, 5)
        for _ in range(3):
            rows.movement(session, right, "0.1")
        rows.movement(session, wrong, 4)
        rows.item(session, 0)
    with database.read() as session:
        found = session.execute(text(query)).all()
    assert [(row.id, Decimal(str(row.sum_of_movements))) for row in found] == [(wrong.id, Decimal(4))]


def test_every_table_view_and_state_is_explained() -> None:
    prose = re.sub(r"^```.*?^```", "", GUIDE, flags=re.DOTALL | re.MULTILINE)
    explained = set(re.findall(r"`([^`]+)`", prose))
    assert set(METADATA.tables) <= explained
    assert {view.name for view in views.VIEWS} <= explained
    stock = next(view.body for view in views.VIEWS if view.name == "v_stock")
    assert set(re.findall(r"(?:THEN|ELSE) '([^']+)'", stock)) <= explained
    assert set(models.OPERATION_STATES) <= explained
