"""``syncd db``: migrations, backups, and care."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.command import CliContext, Group, pass_cli
from syncd.cli.db_keys import key, rekey
from syncd.cli.opening import Interrupted, database, database_to_look_at, leadership, stoppable
from syncd.service.restored import mark_restored
from syncd.service.retention import Pruned, Pruner
from syncd.state import migrate, schema
from syncd.state import restore as backups
from syncd.state.check import check_database
from syncd.state.engine import mask, open_database, parse_url

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@click.group(cls=Group)
def db() -> None:
    """Look after the database."""


db.add_command(key)
db.add_command(rekey)


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


@db.command()
@click.option("--quick", is_flag=True, help="SQLite: leave out the comparison of indexes with their tables.")
@pass_cli
def check(cli: CliContext, quick: bool) -> int:
    """Look whether the database is sound: pages, references, sums, numbers. Exits 3 if it is not.

    Changes nothing, and works beside the daemon.
    """
    with database_to_look_at(cli) as opened:
        flaws = check_database(opened, quick=quick)
        shown = opened.url_safe
    cli.emit({"database": shown, "sound": not flaws, "flaws": [asdict(flaw) for flaw in flaws]})
    for flaw in flaws:
        cli.mark(False, f"{flaw.kind}: {flaw.text}")
    cli.mark(not flaws, f"{shown}: {'not sound' if flaws else 'sound'}")
    return 3 if flaws else 0


@db.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@pass_cli
def verify(cli: CliContext, file: Path) -> int:
    """Look whether the backup FILE can be put back: it is restored in a place of its own and checked there.

    Exits 3 if it is not sound. FILE is only read.
    """
    _show(cli, backup := backups.verify(file))
    cli.emit({"backup": asdict(backup), "sound": not backup.flaws})
    for flaw in backup.flaws:
        cli.mark(False, f"{flaw.kind}: {flaw.text}")
    cli.mark(not backup.flaws, f"{file}: {'not sound' if backup.flaws else 'sound'}")
    return 3 if backup.flaws else 0


def _show(cli: CliContext, backup: backups.Backup) -> None:
    newest = backup.newest_at
    age = f", {(datetime.now(UTC) - newest).total_seconds() / 86400:.1f} days ago" if newest else ""
    cli.say(f"as of {newest.astimezone():%Y-%m-%d %H:%M}{age}" if newest else "of before the first pass")
    for name, (adapter, count) in backup.sides.items():
        cli.say(f"  {name} ({adapter}): {count} listings")
    doubt = f", {backup.open_operations} writes without an outcome" if backup.open_operations else ""
    cli.say(f"  {backup.items} items, {backup.movements} movements{doubt}; schema {backup.schema}")


@db.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_cli
def restore(cli: CliContext, file: Path | None, yes: bool) -> int:
    """Put the backup FILE back in place of the database. The service must be stopped.

    It is checked first, and the database of now is kept beside it. Afterwards the service, or `syncd sync`, compares
    all sides with it before anything is counted or written: what was done since the backup is not done twice, and what
    cannot be told is held for you.

    Without FILE: say that another tool (pg_restore) has put the database back.
    """
    url = cli.config.syncd.database
    shown = mask(parse_url(url))
    if not yes:
        if cli.json or not sys.stdin.isatty():
            raise click.UsageError("nobody is there to ask: give --yes")
        what = f"Put {file} in place of {shown}?" if file else f"Was {shown} put back from a backup?"
        if not click.confirm(what):
            cli.say("nothing was done")
            return 0

    def ready(session: Session) -> None:
        mark_restored(session, str(file or "put back by another tool"), datetime.now(UTC))

    if file is None:
        backups.mark_in_place(url, ready)
        cli.emit({"database": shown, "restored": None, "former": None})
    else:
        backup, former = backups.restore(url, file, ready)
        cli.emit({"database": shown, "restored": asdict(backup), "former": str(former) if former else None})
        _show(cli, backup)
        if former is not None:
            cli.say(f"the database of before is {former}")
    cli.mark(True, f"{shown}: put back; start the service, or `syncd sync`: all sides are compared first")
    return 0


@db.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@pass_cli
def prune(cli: CliContext, dry_run: bool) -> None:
    """Remove history that is older than `[retention]` says; the daemon does so by itself.

    Sums stay what they are, and what is still needed is kept. The file does not shrink: its space is used again.
    """
    with database(cli) as opened, stoppable() as stop:
        if dry_run:
            done = Pruner(opened, cli.config.retention, opened.now(), dry_run=True).run()
        else:
            with leadership(cli, opened), cli.progress("removing old history") as update:
                pruner, done = Pruner(opened, cli.config.retention, opened.now()), Pruned()
                while (batch := pruner.step()) is not None:
                    done.add(batch)
                    update(done.total, None)
                    if stop.is_set():
                        raise Interrupted(f"stopped after {done.total} rows; the next time goes on")
    cli.emit({"dry_run": dry_run, **done.as_dict()})
    verb = "would go" if dry_run else "went"
    cli.say(f"{done.movements} movements {'would become' if dry_run else 'became'} {done.checkpoints} sums")
    cli.say(f"{done.runs} passes, {done.operations} writes, {done.findings} findings {verb}")
