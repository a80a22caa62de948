"""``syncd undo``: take back what a run wrote."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.opening import database
from syncd.service.undo import Undo, carry_out_undo, plan_undo, writing_runs

if TYPE_CHECKING:
    from syncd.state.engine import Database

_SHOWN = 200


@click.command(cls=Command, short_help="Take back what a run wrote.")
@click.argument("run", type=int, required=False)
@click.option("--dry-run", is_flag=True, help="Only show what would be taken back.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_cli
def undo(cli: CliContext, run: int | None, dry_run: bool, yes: bool) -> int:
    """Take back what a run wrote: the inverse differences, on all sides. Without RUN: list what can be taken back.

    Every item moves by the opposite of what the run wrote for it; the next run tells all sides, the written one as well
    as the others. The safety stops hold as for any plan. Works beside the daemon and without it.
    """
    with database(cli) as db:
        if run is None:
            return _list(cli, db)
        planned = plan_undo(db, run)
        if not planned.rows or dry_run:
            cli.emit({"undo": planned.as_dict(), "dry_run": dry_run})
            _show(cli, planned)
            return 0
        if not yes:
            _show(cli, planned)
            if not sys.stdin.isatty() or cli.json:
                raise click.UsageError("nobody is there to ask: look at it with --dry-run, then give --yes")
            if not click.confirm(f"Take back {_items(planned)}?"):
                cli.say("nothing was done")
                return 0
        done = carry_out_undo(db, run, now=db.now())
    cli.emit({"undo": done.as_dict(), "dry_run": False})
    if yes or (done.rows, done.skipped) != (planned.rows, planned.skipped):
        _show(cli, done)
    if done.rows:
        cli.mark(True, f"run {run}: {_items(done)} taken back in the ledger (run {done.undo_run})")
        cli.say("the next run writes it")
    return 0


def _list(cli: CliContext, db: Database) -> int:
    runs = writing_runs(db)
    cli.emit({"runs": [{name: getattr(row, name) for name in type(row).__slots__} for row in runs]})
    cli.say("the latest runs that wrote something" if runs else "no run has written anything")
    for row in runs:
        cli.say(
            f"  {row.run:>6}  {row.started_at.astimezone():%Y-%m-%d %H:%M:%S}  {row.side}  {row.kind}  "
            f"{row.confirmed} written, {row.units:f} units  ({row.cause})"
        )
    return 0


def _show(cli: CliContext, undo_: Undo) -> None:
    if not undo_.rows:
        cli.say(f"run {undo_.run} ({undo_.side}): nothing to take back")
    for row in undo_.rows[:_SHOWN]:
        cli.say(f"  {row.sku}  {row.name}  {row.side} was told {row.wrote:+f}; on hand {row.on_hand:f} → {row.after:f}")
    if len(undo_.rows) > _SHOWN:
        cli.say(f"  … and {len(undo_.rows) - _SHOWN} more; --json lists all")
    for left in undo_.skipped:
        cli.mark(None, f"{left.sku}  {left.name}  {left.side} {left.wrote:+f}: left as it is: {left.reason}")


def _items(undo_: Undo) -> str:
    return f"{len(undo_.rows)} item{'' if len(undo_.rows) == 1 else 's'}"
