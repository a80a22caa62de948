"""``syncd sync`` and ``syncd plan``: one pass now, or what it would write."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.failure import advice_for, error_document
from syncd.cli.opening import Interrupted, database, leadership, reading_progress, shops_asked, stoppable
from syncd.errors import SafetyStop, Stopped
from syncd.service.account import exit_code, open_account, open_doubts, sync_once
from syncd.service.preview import Preview, SidePlan, preview

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.service.worker import RunOutcome

_SHOWN = 200


@click.command(cls=Command, short_help="One pass now.")
@click.option("--full", is_flag=True, help="Read everything instead of changes.")
@click.option("--dry-run", is_flag=True, help="Only show what would be written.")
@click.option("--shop", metavar="NAME", help="Only this shop (and the till).")
@pass_cli
def sync(cli: CliContext, full: bool, dry_run: bool, shop: str | None) -> int:
    """Read all sides, link what is new, write what differs. Runs beside no daemon."""
    only = shops_asked(cli, shop)
    if dry_run:
        return show_plan(cli, full=full, only=only)
    with database(cli, create=True) as db, leadership(db) as lease, stoppable() as stop, reading_progress(cli) as note:
        account = open_account(cli.config, db, stop=stop, may_write=lease.holds)
        try:
            for worker in account.workers.values():
                worker.progress = note
            outcomes = sync_once(account, full=full, cause="syncd sync", only=only)
            code = exit_code(account, outcomes)
            doubts = open_doubts(account)
        except Stopped:
            raise Interrupted("stopped; what was not done is done by the next run") from None
        finally:
            account.close()
    _report(cli, outcomes, code)
    for name, count in doubts.items():
        cli.mark(
            None, f"{name}: {count} in doubt; the next runs find out whether it was applied, nothing is sent twice"
        )
    return code


def _report(cli: CliContext, outcomes: Sequence[RunOutcome], code: int) -> None:
    sides: dict[str, dict[str, Any]] = {}
    for outcome in outcomes:
        counts = asdict(outcome.run.counts)
        total = sides.setdefault(outcome.run.side, {"runs": [], "error": None, **dict.fromkeys(counts, 0)})
        total["runs"].append(outcome.run.id)
        for name, value in counts.items():
            total[name] += value
        if outcome.error is not None:
            total["error"] = error_document(outcome.error)
    cli.emit({"sides": sides, "exit_code": code})
    for name, total in sides.items():
        cli.mark(
            total["error"] is None,
            f"{name}: {total['listings_read']} read, {total['movements']} changes, "
            f"{total['confirmed']} written, {total['rejected']} refused, {total['unknown']} in doubt "
            f"({total['read_requests']} read and {total['write_requests']} write requests)",
        )
    for outcome in outcomes:
        if outcome.error is not None and not cli.json:
            click.echo(f"error: {outcome.error}", err=True)
            if advice := advice_for(outcome.error):
                click.echo(f"  {advice}", err=True)


@click.command(cls=Command, short_help="What would be written now, and why.")
@click.option("--full", is_flag=True, help="Read everything instead of changes.")
@click.option("--shop", metavar="NAME", help="Only this shop (and the till).")
@pass_cli
def plan(cli: CliContext, full: bool, shop: str | None) -> int:
    """Read all sides and show every intended write with its rule. Writes nothing, neither there nor here."""
    return show_plan(cli, full=full, only=shops_asked(cli, shop))


def show_plan(cli: CliContext, *, full: bool, only: tuple[str, ...]) -> int:
    """Print what ``syncd sync`` would write now."""
    with database(cli, create=True) as db, stoppable() as stop, reading_progress(cli) as note:
        found = preview(cli.config, db, stop=stop, progress=note, full=full, only=only)
    code = _plan_code(found)
    cli.emit({"sides": [_plan_document(plan_) for plan_ in found.plans], "exit_code": code})
    for plan_ in found.plans:
        _show_side(cli, plan_)
    return code


def _plan_code(found: Preview) -> int:
    errors = [outcome.error for outcome in found.outcomes if outcome.error is not None]
    if errors:
        return max(error.exit_code for error in errors)
    return SafetyStop.exit_code if any(plan_.stopped for plan_ in found.plans) else 0


def _plan_document(plan_: SidePlan) -> dict[str, Any]:
    writes = [
        {
            "sku": write.sku,
            "external_id": write.ref.external_id,
            "name": write.name,
            "holds": write.holds,
            "wants": write.wants,
            "difference": write.difference,
            "reason": write.reason,
        }
        for write in plan_.writes
    ]
    return {"side": plan_.side, "writes": writes, "stopped": plan_.stopped or None, "error": plan_.error or None}


def _show_side(cli: CliContext, plan_: SidePlan) -> None:
    if plan_.error:
        cli.mark(False, f"{plan_.side}: {plan_.error}")
        return
    count = len(plan_.writes)
    writes = f"{count} stock write{'' if count == 1 else 's'}" if count else "nothing to write"
    cli.say(f"{plan_.side}: {writes}")
    for write in plan_.writes[:_SHOWN]:
        code = write.sku or write.ref.external_id
        cli.say(f"  {code}  {write.holds:f} → {write.wants:f}  ({write.difference:+f})  {write.reason}")
    if count > _SHOWN:
        cli.say(f"  … and {count - _SHOWN} more; --json lists all")
    if plan_.stopped:
        cli.mark(None, f"{plan_.side}: safety stop: {plan_.stopped}; a person must confirm (`syncd approve --all`)")
