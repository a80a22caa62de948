"""``syncd db``: migrations and backups."""

from __future__ import annotations

from pathlib import Path

import click

from syncd.cli.command import CliContext, Group, pass_cli
from syncd.state import migrate, schema
from syncd.state.engine import mask, open_database, parse_url


@click.group(cls=Group)
def db() -> None:
    """Look after the database."""


@db.command()
@pass_cli
def upgrade(cli: CliContext) -> None:
    """Create the tables, or bring them to this version's schema; all or nothing, and harmless to repeat.

    A missing SQLite file is created. A PostgreSQL database is made by its administrator.
    """
    url = cli.config.syncd.database
    before, after = migrate.upgrade(url)
    shown = mask(parse_url(url))
    cli.emit({"database": shown, "before": before, "after": after, "changed": before != after})
    if before == after:
        cli.say(f"{shown}: schema {after} is up to date")
    else:
        cli.say(f"{shown}: schema {before or 'none'} → {after}")


@db.command()
@pass_cli
def current(cli: CliContext) -> int:
    """Show the database's schema and the one this version needs; exits 78 if they differ."""
    database = open_database(cli.config.syncd.database)
    try:
        found = schema.current(database)
    finally:
        database.dispose()
    needed = schema.head()
    cli.emit({"database": database.url_safe, "schema": found, "needed": needed, "up_to_date": found == needed})
    state = "up to date" if found == needed else f"this version needs {needed}: run `syncd db upgrade`"
    cli.say(f"{database.url_safe}: schema {found or 'none'}, {state}")
    return 0 if found == needed else 78


@db.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@pass_cli
def backup(cli: CliContext, file: Path) -> None:
    """Copy the SQLite database to FILE, also while the daemon runs.

    FILE must not exist; only its owner can read it. For PostgreSQL use pg_dump.
    """
    migrate.backup(cli.config.syncd.database, file)
    size = file.stat().st_size
    cli.emit({"file": str(file), "bytes": size})
    cli.say(f"{file}: {size / 1024:,.0f} KiB")
