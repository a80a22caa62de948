"""A referee inside the database: triggers write down every change that is made by a machine that does not lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from syncd.state.engine import Database

PREFIX = "syncd-"
"""Machines connect as ``syncd-NAME``; owners of leases begin with the machine's name."""

FREE = ("leases", "tokens", "alembic_version", "referee")
"""Tables that any process may write to: leases and tokens have rules of their own."""

_SETUP = f"""
CREATE TABLE referee (at timestamptz DEFAULT clock_timestamp(), machine text, place text, leader text);
CREATE FUNCTION referee() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    program text := current_setting('application_name');
    leader text;
BEGIN
    IF program LIKE '{PREFIX}%' THEN
        SELECT owner INTO leader FROM leases WHERE name = 'leader';
        IF leader IS NULL OR split_part(leader, ' ', 1) <> substr(program, {len(PREFIX) + 1}) THEN
            INSERT INTO referee (machine, place, leader) VALUES (program, TG_TABLE_NAME, leader);
        END IF;
    END IF;
    RETURN NULL;
END $$;
"""  # noqa: S608 - no value from outside

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"


def appoint(database: Database) -> int:
    """Begin to watch; returns how many tables are watched."""
    with database.write(fenced=False) as session:
        session.execute(text(_SETUP))
        watched = [name for (name,) in session.execute(text(_TABLES)) if name not in FREE]
        for name in watched:
            session.execute(
                text(
                    f'CREATE TRIGGER referee AFTER INSERT OR UPDATE OR DELETE ON "{name}" '
                    "FOR EACH STATEMENT EXECUTE FUNCTION referee()"
                )
            )
    return len(watched)


def accepted(database: Database) -> list[str]:
    """Changes that were accepted from a machine that did not lead."""
    with database.read() as session:
        rows = session.execute(text("SELECT at, machine, place, leader FROM referee ORDER BY at"))
        return [f"{row.at:%H:%M:%S.%f} {row.machine} wrote {row.place} while {row.leader} led" for row in rows]
