"""One line for each pass and each write, by whose numbers the rest is found in the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger
from sqlalchemy import func, select

from syncd.core.fields import Owner
from syncd.state.models import Operation, Run
from syncd.state.product_models import FieldWrite
from tests.engine.test_field_writes import account_of

if TYPE_CHECKING:
    from syncd.state.engine import Database

Line = tuple[str, dict[str, Any]]


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    said: list[Line] = []
    sink = logger.add(lambda line: said.append((line.record["message"], dict(line.record["extra"]))), level="INFO")
    yield said
    logger.remove(sink)


def of(lines: list[Line], event: str) -> list[dict[str, Any]]:
    return [fields for name, fields in lines if name == event]


def test_each_pass_and_each_write_is_one_line(database: Database, lines: list[Line]) -> None:
    account = account_of(database, Owner.HUB, products=2)
    account.poll()
    account.settle_down()
    lines.clear()
    account.worlds["till"].sell("t-0", 2)
    account.worlds["web"].sell("w-1", 1)
    account.worlds["till"].edit("t-0", name="Another " + "name " * 40, price="11.50")
    account.settle_down()
    with database.read() as session:
        runs = session.scalar(select(func.max(Run.id)))
        operations = {row.uid: row.run_id for row in session.scalars(select(Operation))}
        writes = {row.id: row.run_id for row in session.scalars(select(FieldWrite))}
    finished = of(lines, "run.finished")
    assert finished
    assert len(finished) == len({fields["run"] for fields in finished})
    assert finished[-1]["run"] == runs
    written = of(lines, "stock.written")
    assert written
    assert all(operations[fields["operation"]] == fields["run"] for fields in written)
    assert all(writes[fields["write"]] == fields["run"] for fields in of(lines, "field.written"))
    assert {fields["field"] for fields in of(lines, "field.written")} == {"name", "price"}
    assert max(len(fields["value"]) for fields in of(lines, "field.written")) < 110
