"""Upgrades a database again and again, killed one statement later each time, until one upgrade gets through.

``python kill_each.py ADDRESS [MIGRATIONS]``. After each kill the database must be as it was before. Prints how many
kills there were; ends with a message if a kill left something behind. Statements that read are passed over, and
comments on tables and columns, which come in dozens: a kill there is like one before the next statement.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from sqlalchemy import Engine, event

from syncd.state import migrate, schema
from syncd.state.engine import open_database

PASSED_OVER = ("SELECT", "PRAGMA", "COMMENT ON")
STRUCTURE = {
    "sqlite": "SELECT name, type, sql FROM sqlite_master",
    "postgresql": """
        SELECT relname, CASE relkind WHEN 'r' THEN 'table' ELSE relkind::text END, attname
          FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace
    """,
}


def look(address: str) -> tuple[object, ...]:
    """Everything that is there, and how many rows each table has."""
    database = open_database(address, create=True)
    try:
        with database.engine.begin() as connection:  # waits until the server has noticed a death
            there = sorted(map(tuple, connection.exec_driver_sql(STRUCTURE[database.dialect])), key=repr)
            tables = sorted({name for name, kind, _ in there if kind == "table"})
            counts = [connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in tables]  # noqa: S608 - our own names
            return there, tables, counts
    finally:
        database.dispose()


def upgrade_killed_at(address: str, number: int) -> bool:
    """Upgrade in a process of its own; returns whether it got through."""
    child = os.fork()
    if child == 0:
        steps = iter(range(number))

        def step() -> None:
            if next(steps, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        def statement(_connection: object, _cursor: object, said: str, *_more: object) -> None:
            if not said.lstrip().startswith(PASSED_OVER):
                step()

        event.listen(Engine, "before_cursor_execute", statement)
        event.listen(Engine, "commit", lambda _connection: step())
        migrate.upgrade(address)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
        return True
    if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
        sys.exit(f"upgrade {number} ended with {status}")
    return False


def main(address: str, folder: str = "") -> None:
    if folder:
        schema.migrations_folder = lambda: Path(folder)
    before = look(address)
    kills = 0
    while not upgrade_killed_at(address, kills):
        kills += 1
        if (found := look(address)) != before:
            sys.exit(f"kill {kills} left something behind: {found} in place of {before}")
    print(kills)  # noqa: T201 - the result


if __name__ == "__main__":
    main(*sys.argv[1:])
