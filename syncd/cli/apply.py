"""``syncd apply FILE``: carry out a saved plan, if it still is what would be done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.opening import Interrupted, database, leadership, reading_progress, stoppable
from syncd.cli.sync import report, tell_stops
from syncd.errors import SafetyStop, Stopped
from syncd.service.account import exit_code, open_account, open_product_stops, sync_once
from syncd.service.findings import APPROVED, close_finding, fields_subject, withdrawals_subject
from syncd.service.preview import preview
from syncd.service.saved_plan import SavedPlan, WorldMoved, load, moved

if TYPE_CHECKING:
    import threading

    from syncd.service.account import Account
    from syncd.service.worker import RunOutcome
    from syncd.state.engine import Database

_SHOWN = 5


@click.command(cls=Command, short_help="Carry out a saved plan.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@pass_cli
def apply(cli: CliContext, file: Path) -> int:
    """Carry out a plan that `syncd plan -o FILE` saved, and nothing if the world has moved since.

    All sides are read again. If what would be written now is exactly what the file says, it is written, also what a
    safety stop held back in the plan: you have seen it. Runs beside no daemon.
    """
    saved = load(file)
    with database(cli) as db, leadership(cli, db) as lease, stoppable() as stop, reading_progress(cli) as note:
        found = preview(cli.config, db, stop=stop, progress=note, full=saved.full, only=saved.only)
        failed = [outcome.error for outcome in found.outcomes if outcome.error is not None]
        if failed:
            raise failed[0]
        if changes := moved(saved, found):
            more = [f"and {len(changes) - _SHOWN} more"] if len(changes) > _SHOWN else []
            raise WorldMoved(
                f"the world has moved since {file} was saved; nothing was written. "
                f"{'; '.join([*changes[:_SHOWN], *more])}. Make a new plan with `syncd plan -o`"
            )
        account = open_account(cli.config, db, stop=stop, may_write=lease.may_write)
        try:
            for worker in account.workers.values():
                worker.progress = note
            outcomes = _carry_out(account, db, saved, stop)
            code, stops = exit_code(account, outcomes), open_product_stops(account)
        except Stopped:
            raise Interrupted("stopped; what was not done is done by the next run") from None
        finally:
            account.close()
    report(cli, outcomes, code)
    tell_stops(cli, stops)
    return code


def _carry_out(account: Account, db: Database, saved: SavedPlan, stop: threading.Event) -> list[RunOutcome]:
    """One pass; and another one for what was held back in the plan as well."""
    outcomes = sync_once(account, full=saved.full, cause="syncd apply", only=saved.only)
    if stop.is_set() or not _approve(db, saved):
        return outcomes
    done = [outcome for outcome in outcomes if not isinstance(outcome.error, SafetyStop)]
    return done + sync_once(account, full=False, cause="syncd apply", only=saved.only)


def _approve(db: Database, saved: SavedPlan) -> bool:
    """Confirm the stops that the plan showed, no others; whether there were any."""
    approved = False
    with db.write(fenced=False) as session:
        for side in saved.sides:
            subjects = {
                "stopped": [side["side"]],
                "fields_stopped": [fields_subject(side["side"])],
                "products_stopped": side["products_subjects"],
                "withdrawals_stopped": [withdrawals_subject(side["side"])],
            }
            for subject in [each for key, found in subjects.items() if side[key] for each in found]:
                closed = close_finding(session, "safety_stop", subject, db.now(), by=APPROVED)
                approved = approved or closed
    return approved
