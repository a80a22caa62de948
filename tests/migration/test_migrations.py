from __future__ import annotations

import re
import shutil
import signal
import stat
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from textwrap import dedent, indent
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, select, text

from syncd.errors import DatabaseNotReady, StateError, SyncdError
from syncd.state import migrate, models, schema, views
from syncd.state.engine import Database, open_database
from syncd.state.metadata import METADATA
from tests.support import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KILL_EACH = Path(__file__).with_name("kill_each.py")
HEAD = schema.head()
NEXT = "9999"

UPGRADE = """
import sys
from decimal import Decimal
from pathlib import Path
from syncd.state import migrate, schema
url, *folder = sys.argv[1:]
if folder:
    schema.migrations_folder = lambda: Path(folder[0])
migrate.upgrade(url)
"""


def upgrade_process(url: str, folder: Path | None = None) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-W", "error", "-c", UPGRADE, url, *([str(folder)] if folder else [])]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def next_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Pretend that a later version of syncd has one more migration, with the given body."""

    def write(body: str) -> Path:
        folder = tmp_path / "migrations"
        shutil.copytree(schema.migrations_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
        header = "import os, signal\nimport sqlalchemy as sa\nfrom alembic import op\n"
        ids = f'revision = "{NEXT}"\ndown_revision = "{HEAD}"\n\ndef upgrade():\n'
        (folder / "versions" / f"{NEXT}_next.py").write_text(header + ids + indent(dedent(body).strip(), "    "))
        monkeypatch.setattr(schema, "migrations_folder", lambda: folder)
        schema.revisions.cache_clear()
        return folder

    yield write
    monkeypatch.undo()
    schema.revisions.cache_clear()


def definitions(connection: Connection) -> dict[str, list[str]]:
    """What the database itself says about its objects: more than Alembic compares."""
    if connection.dialect.name == "sqlite":
        query = "SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version'"
    else:
        query = """
            SELECT 'constraint ' || conname, conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
              WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE 'alembic%'
            UNION ALL SELECT 'index ' || indexname, indexdef FROM pg_indexes
              WHERE schemaname = 'public' AND indexname NOT LIKE 'alembic%'
            UNION ALL SELECT 'view ' || viewname, definition FROM pg_views WHERE schemaname = 'public'
            UNION ALL SELECT 'column ' || table_name || '.' || column_name,
                concat_ws(' ', data_type, numeric_precision, numeric_scale, is_nullable, column_default,
                          col_description(to_regclass(quote_ident(table_name)), ordinal_position))
              FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
            UNION ALL SELECT 'comment ' || relname, obj_description(oid, 'pg_class') FROM pg_class
              WHERE relkind IN ('r', 'v') AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
        """
    found = connection.exec_driver_sql(query.replace("%", "%%"))
    # The order of columns and constraints in a table means nothing.
    return {name: sorted(line.strip(" \t,") for line in _lines(name, said or "")) for name, said in found}


def _lines(name: str, said: str) -> list[str]:
    """Parts of a definition; in SQLite a column that was added later stands behind the last line."""
    if not name.startswith("table "):
        return said.splitlines()
    inside = said[said.index("(") + 1 : said.rindex(")")]
    return [part for part in re.split(r",(?![^()]*\))|\n", inside) if part.strip()]


def test_the_migrated_schema_is_the_one_of_the_models(empty_database_url: str) -> None:
    database = open_database(empty_database_url, create=True)
    with database.engine.begin() as connection:
        METADATA.create_all(connection)
        views.create_views(connection)
        wanted = definitions(connection)
        views.drop_views(connection)
        METADATA.drop_all(connection)
    migrate.upgrade(empty_database_url)
    with database.engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert definitions(connection) == wanted
    assert {name.split()[0] for name in wanted} >= {"index", "view"}
    database.dispose()


@pytest.mark.postgresql
def test_every_table_and_view_explains_itself(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    with database.engine.begin() as connection:
        comments = {name: said for name, said in definitions(connection).items() if name.startswith("comment ")}
    database.dispose()
    assert set(comments) == {f"comment {name}" for name in METADATA.tables} | {
        f"comment {view.name}" for view in views.VIEWS
    }
    assert all(comments.values())


def test_an_upgrade_makes_the_schema_and_the_second_does_nothing(empty_database_url: str) -> None:
    assert migrate.upgrade(empty_database_url) == (None, schema.head())
    database = open_database(empty_database_url)
    with database.engine.begin() as connection:
        first = definitions(connection)
    assert migrate.upgrade(empty_database_url) == (schema.head(), schema.head())
    with database.engine.begin() as connection:
        assert definitions(connection) == first
    schema.require_current(database)
    database.dispose()


def test_processes_that_upgrade_at_once_wait_for_each_other(empty_database_url: str) -> None:
    processes = [upgrade_process(empty_database_url) for _ in range(4)]
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert ends == [("", 0)] * 4
    database = open_database(empty_database_url)
    schema.require_current(database)
    database.dispose()


def rows_everywhere(database: Database) -> None:
    with database.write() as session:
        hub = rows.side(session, "hub", "hub")
        item = rows.item(session, 5)
        listing = rows.listing(session, hub, item)
        run = rows.run(session, hub)
        operation = rows.operation(session, listing, run)
        rows.movement(session, item, 5, side_id=hub.id, listing_id=listing.id, operation_id=operation.id)
        rows.finding(session, item_id=item.id, side_id=hub.id)
        rows.event(session, hub, "order:1", listing.external_id, run_id=run.id)


def counts(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {
            table: session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608  # our own names
            for table in METADATA.tables
        }


REBUILD = """
    recreate = "always" if op.get_bind().dialect.name == "sqlite" else "auto"
    for table in ("sides", "items", "listings", "runs"):
        with op.batch_alter_table(table, recreate=recreate) as t:
            t.add_column(sa.Column("note", sa.Text(), server_default="new", nullable=False))
"""


def test_rows_survive_a_migration_that_rebuilds_their_tables(
    database: Database, next_migration: Callable[[str], Path]
) -> None:
    rows_everywhere(database)
    before = counts(database)
    next_migration(REBUILD)
    with pytest.raises(DatabaseNotReady, match=f"older than {NEXT}; run `syncd db upgrade`"):
        schema.require_current(database)
    assert migrate.upgrade(database.engine.url.render_as_string(hide_password=False)) == (HEAD, NEXT)
    assert counts(database) == before
    with database.read() as session:
        assert session.execute(text("SELECT note FROM items")).scalar_one() == "new"
        assert session.execute(text("SELECT state FROM v_stock")).scalar_one() == "being written"
        if database.dialect == "sqlite":
            assert session.execute(text("PRAGMA foreign_keys")).scalar_one() == 1


HALF = """
    op.create_table("half", sa.Column("id", sa.Integer(), primary_key=True))
    op.add_column("items", sa.Column("half", sa.Text()))
"""


def assert_untouched(database: Database) -> None:
    with database.read() as session:
        inspector = inspect(session.connection())
        assert "half" not in inspector.get_table_names()
        assert "half" not in {column["name"] for column in inspector.get_columns("items")}
        assert "v_stock" in inspector.get_view_names()
    assert schema.current(database) == HEAD
    assert counts(database)["items"] == 1


def test_a_migration_that_fails_leaves_the_old_state(database: Database, next_migration: Callable[[str], Path]) -> None:
    rows_everywhere(database)
    next_migration(HALF + "    raise ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        migrate.upgrade(database.engine.url.render_as_string(hide_password=False))
    assert_untouched(database)


def test_a_migration_that_is_killed_leaves_the_old_state(
    database: Database, next_migration: Callable[[str], Path]
) -> None:
    rows_everywhere(database)
    folder = next_migration(HALF + "    os.kill(os.getpid(), signal.SIGKILL)")
    process = upgrade_process(database.engine.url.render_as_string(hide_password=False), folder)
    assert process.wait(60) == -signal.SIGKILL
    assert process.stderr is not None
    process.stderr.close()
    assert_untouched(database)


def killed_at_each_statement(url: str, folder: Path) -> int:
    """Upgrade until one gets through, killed one statement later each time; returns how many kills that took."""
    command = [sys.executable, str(KILL_EACH), url, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_first_upgrade_that_is_killed_at_any_statement_leaves_nothing(empty_database_url: str) -> None:
    kills = killed_at_each_statement(empty_database_url, schema.migrations_folder())
    assert kills > len(METADATA.tables) + len(views.VIEWS)
    database = open_database(empty_database_url)
    schema.require_current(database)
    with database.engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert set(inspect(connection).get_view_names()) == {view.name for view in views.VIEWS}
    database.dispose()


def test_a_later_upgrade_that_is_killed_at_any_statement_keeps_every_row(
    database: Database, next_migration: Callable[[str], Path]
) -> None:
    rows_everywhere(database)
    before = counts(database)
    folder = next_migration(REBUILD)
    assert killed_at_each_statement(database.engine.url.render_as_string(hide_password=False), folder) > 10
    assert schema.current(database) == NEXT
    assert counts(database) == before


def test_a_migration_that_breaks_references_is_refused(
    sqlite_database: Database, next_migration: Callable[[str], Path]
) -> None:
    rows_everywhere(sqlite_database)
    next_migration('op.execute("DELETE FROM sides")')
    with pytest.raises(StateError, match=r"without their partner \(in .*listings"):
        migrate.upgrade(str(sqlite_database.engine.url))
    assert counts(sqlite_database)["sides"] == 1


def test_an_empty_database_names_the_command(empty_database_url: str) -> None:
    database = open_database(empty_database_url, create=True)
    assert schema.current(database) is None
    with pytest.raises(DatabaseNotReady, match="no tables yet; run `syncd db upgrade`"):
        schema.require_current(database)
    database.dispose()


def test_a_database_of_a_newer_syncd_is_not_touched(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseNotReady, match="newer syncd"):
        schema.require_current(database)
    with pytest.raises(DatabaseNotReady, match="newer syncd"):
        migrate.upgrade(database.engine.url.render_as_string(hide_password=False))
    assert schema.current(database) == "9999"


def test_a_backup_is_whole_private_and_of_one_moment(
    sqlite_database: Database, sqlite_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "copy.db"
    with sqlite_database.write() as session:
        rows.item(session, 1)
    with sqlite_database.write() as session:
        rows.item(session, 2)
        session.flush()
        migrate.backup(sqlite_url, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db"]
    copy = open_database(f"sqlite:///{file}")
    schema.require_current(copy)
    with copy.read() as session:
        assert session.scalars(select(models.Item.on_hand)).all() == [Decimal(1)]
    copy.dispose()


def test_a_backup_never_replaces_a_file(sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("yesterday")
    with pytest.raises(SyncdError, match="exists already"):
        migrate.backup(sqlite_url, file)
    assert file.read_text() == "yesterday"


def test_a_backup_that_cannot_be_written_says_where(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(SyncdError, match=r"the backup failed: the folder .*nowhere does not exist$"):
        migrate.backup(sqlite_url, tmp_path / "nowhere" / "copy.db")


def test_a_backup_of_postgresql_is_left_to_its_own_tool(tmp_path: Path) -> None:
    with pytest.raises(SyncdError, match="pg_dump"):
        migrate.backup("postgresql://user@host/db", tmp_path / "copy.db")
