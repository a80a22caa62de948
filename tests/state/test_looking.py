"""Those who only look cannot write, wait for nobody, hold up nobody, and leave nothing behind."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from syncd.errors import DatabaseNotReady, DatabaseUnavailable
from syncd.state.looking import open_for_looking
from syncd.state.models import Side
from tests.support import rows

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.state.engine import Database

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def test_a_look_sees_what_is_committed_and_cannot_write(database: Database, database_url: str) -> None:
    looking = open_for_looking(database_url)
    with database.write() as session:
        rows.side(session, "till", "hub")
    with looking.read() as session:
        assert session.scalars(select(Side.name)).all() == ["till"]
    with pytest.raises((DBAPIError, DatabaseUnavailable), match=r"read-?only"), looking.read() as session:
        session.execute(text("DELETE FROM sides"))
    with pytest.raises((DBAPIError, DatabaseUnavailable), match=r"read-?only"), looking.engine.begin() as connection:
        connection.execute(text("DELETE FROM sides"))


def test_neither_waits_for_the_other(database: Database, database_url: str) -> None:
    looking = open_for_looking(database_url, patience_s=0.5)
    with looking.read() as early:
        assert early.scalars(select(Side.name)).all() == []
        with database.write() as session:
            rows.side(session, "till", "hub")
            with looking.read() as late:  # beside a writer that has not finished
                assert late.scalars(select(Side.name)).all() == []
        assert early.scalars(select(Side.name)).all() == [], "one consistent moment"


def test_a_look_that_takes_too_long_is_ended(database: Database, database_url: str) -> None:
    assert database.dialect in database_url
    looking = open_for_looking(database_url, patience_s=0.2)
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable), looking.read() as session:
        session.execute(text(ENDLESS))
    assert time.monotonic() - began < 10
    with looking.read() as session:
        assert session.scalars(select(Side.name)).all() == [], "the next one is none the worse"


def test_a_file_that_another_program_keeps_for_itself_is_not_waited_for_long(
    sqlite_url: str, sqlite_database: Database, tmp_path: Path
) -> None:
    sqlite_database.dispose()
    looking = open_for_looking(sqlite_url, patience_s=0.2)
    with closing(sqlite3.connect(tmp_path / "syncd.db", isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable, match="locked"), looking.read() as session:
            session.scalars(select(Side.name)).all()
        assert time.monotonic() - began < 10
    with looking.read() as session:
        assert session.scalars(select(Side.name)).all() == []


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    looking = open_for_looking(f"sqlite:///{tmp_path}/a%20b?.db")
    with pytest.raises(DatabaseUnavailable), looking.read() as session:
        session.scalars(select(Side.name)).all()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DatabaseNotReady):
        open_for_looking("mysql://x")


def test_a_server_that_does_not_answer_is_not_waited_for_long() -> None:
    looking = open_for_looking("postgresql://nobody@127.0.0.1:1/nothing", patience_s=1)
    with pytest.raises(DatabaseUnavailable) as caught, looking.read() as session:
        session.scalars(select(Side.name)).all()
    assert "password" not in str(caught.value)
