from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from syncd.state import models
from tests.support import rows

if TYPE_CHECKING:
    from syncd.state.engine import Database

LIMIT = 10**11
quantities = st.decimals(min_value=-LIMIT, max_value=LIMIT, places=4, allow_nan=False, allow_infinity=False)
hardest = st.integers(min_value=(LIMIT - 10**6) * 10**4, max_value=LIMIT * 10**4).map(lambda n: Decimal(n).scaleb(-4))


def round_trip(database: Database, values: list[Decimal]) -> list[Decimal]:
    with database.write() as session:
        ids = [rows.item(session, str(value)).id for value in values]
    with database.read() as session:
        found = {
            row.id: row.on_hand
            for row in session.execute(select(models.Item.id, models.Item.on_hand).where(models.Item.id.in_(ids)))
        }
    return [found[number] for number in ids]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(quantities | hardest, min_size=1, max_size=40))
def test_a_quantity_comes_back_exactly(database: Database, values: list[Decimal]) -> None:
    assert round_trip(database, values) == values


def test_a_quantity_reads_like_a_person_writes_it(database: Database) -> None:
    values = [Decimal(text) for text in ("3.0000", "0", "-0.0", "100", "2.50", "1E+3", "0.0001", "-7.25")]
    shown = [str(value) for value in round_trip(database, values)]
    assert shown == ["3", "0", "0", "100", "2.5", "1000", "0.0001", "-7.25"]


def test_a_fifth_decimal_place_is_refused_not_rounded(database: Database) -> None:
    with pytest.raises(StatementError, match="more than 4 decimal places"), database.write() as session:
        rows.item(session, "0.00005")


@pytest.mark.parametrize("word", ["NaN", "Infinity"])
def test_what_is_not_a_number_of_units_is_refused(database: Database, word: str) -> None:
    with pytest.raises(StatementError), database.write() as session:
        rows.item(session, word)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
instants = st.integers(min_value=-(10**15), max_value=7 * 10**15).map(lambda n: EPOCH + timedelta(microseconds=n))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(instant=instants)
def test_an_instant_comes_back_exactly_and_aware(database: Database, instant: datetime) -> None:
    with database.write() as session:
        item = models.Item(on_hand=Decimal(0), created_at=instant)
        session.add(item)
    with database.read() as session:
        found = session.get_one(models.Item, item.id).created_at
    assert found == instant
    assert found.tzinfo == UTC


def test_an_instant_of_another_zone_is_the_same_instant(database: Database) -> None:
    berlin = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    with database.write() as session:
        item = models.Item(on_hand=Decimal(0), created_at=berlin)
        session.add(item)
    with database.read() as session:
        assert session.get_one(models.Item, item.id).created_at == datetime(2026, 7, 1, 10, tzinfo=UTC)
        assert session.scalar(select(models.Item.id).where(models.Item.created_at == berlin)) == item.id


def test_a_time_without_zone_is_refused(database: Database) -> None:
    naive = datetime(2026, 7, 1, 12)  # noqa: DTZ001  # the mistake under test
    with pytest.raises(StatementError, match="naive"), database.write() as session:
        rows.add(session, models.Item(on_hand=Decimal(0), created_at=naive))
