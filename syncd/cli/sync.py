"""``syncd sync`` and ``syncd plan``: one pass now, or what it would write."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.failure import advice_for, error_document
from syncd.cli.opening import Interrupted, database, leadership, reading_progress, shops_asked, stoppable
from syncd.core.fields import told
from syncd.errors import SafetyStop, Stopped
from syncd.service.account import exit_code, open_account, open_doubts, open_product_stops, sync_once
from syncd.service.comparison import Comparison
from syncd.service.preview import Preview, SidePlan, preview
from syncd.service.saved_plan import save, side_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.service.creation_plan import PlannedProduct
    from syncd.service.field_plan import PlannedFields
    from syncd.service.planning import PlannedWrite
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
    with (
        database(cli, create=True) as db,
        leadership(cli, db) as lease,
        stoppable() as stop,
        reading_progress(cli) as note,
    ):
        account = open_account(cli.config, db, stop=stop, may_write=lease.may_write)
        try:
            for worker in account.workers.values():
                worker.progress = note
            compared = Comparison(account, stop, note).run()
            outcomes = sync_once(account, full=full, cause="syncd sync", only=only)
            code = exit_code(account, outcomes)
            doubts, stops = open_doubts(account), open_product_stops(account)
        except Stopped:
            raise Interrupted("stopped; what was not done is done by the next run") from None
        finally:
            account.close()
    if compared is not None:
        cli.mark(
            not compared.held or None,
            f"compared after the restore: {compared.items} items differed, {compared.counted} are certain, "
            f"{compared.held} are held",
        )
    report(cli, outcomes, code)
    tell_stops(cli, stops)
    for name, count in doubts.items():
        cli.mark(
            None, f"{name}: {count} in doubt; the next runs find out whether it was applied, nothing is sent twice"
        )
    return code


def tell_stops(cli: CliContext, stops: Sequence[tuple[int, str]]) -> None:
    """Print what waits for a person although the passes went well."""
    for number, message in stops:
        cli.mark(None, f"safety stop {number}: {message} (`syncd plan`, `syncd approve {number}`)")


def report(cli: CliContext, outcomes: Sequence[RunOutcome], code: int) -> None:
    """Print what passes over the sides did."""
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
            f"{total['confirmed']} written, {total['rejected']} refused, {total['unknown']} in doubt, "
            f"{total['fields_written']} fields, {total['made']} made, {total['withdrawn']} withdrawn "
            f"({total['read_requests']} read and {total['write_requests']} write requests)",
        )
    for outcome in outcomes:
        if outcome.error is not None:
            cli.complain(f"error: {outcome.error}")
            if advice := advice_for(outcome.error):
                cli.complain(f"  {advice}")


@click.command(cls=Command, short_help="What would be written now, and why.")
@click.option("--full", is_flag=True, help="Read everything instead of changes.")
@click.option("--shop", metavar="NAME", help="Only this shop (and the till).")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Save it for `syncd apply`.")
@pass_cli
def plan(cli: CliContext, full: bool, shop: str | None, output: Path | None) -> int:
    """Read all sides and show every intended write with its rule. Writes nothing, neither there nor here."""
    return show_plan(cli, full=full, only=shops_asked(cli, shop), output=output)


def show_plan(cli: CliContext, *, full: bool, only: tuple[str, ...], output: Path | None = None) -> int:
    """Print what ``syncd sync`` would write now."""
    with database(cli, create=True) as db, stoppable() as stop, reading_progress(cli) as note:
        found = preview(cli.config, db, stop=stop, progress=note, full=full, only=only)
    if output is not None:
        save(output, found, full=full, only=only)
    code = _plan_code(found)
    cli.emit({"sides": [side_document(plan_) for plan_ in found.plans], "exit_code": code})
    for plan_ in found.plans:
        _show_side(cli, plan_)
    if output is not None:
        cli.say(f"saved in {output}; `syncd apply {output}` carries it out")
    return code


def _plan_code(found: Preview) -> int:
    errors = [outcome.error for outcome in found.outcomes if outcome.error is not None]
    if errors:
        return max(error.exit_code for error in errors)
    return SafetyStop.exit_code if any(stopped for plan_ in found.plans for stopped in _stops(plan_)) else 0


def _stops(plan_: SidePlan) -> tuple[str, ...]:
    return plan_.stopped, plan_.fields_stopped, plan_.products_stopped, plan_.withdrawals_stopped


def _show_side(cli: CliContext, plan_: SidePlan) -> None:
    if plan_.error:
        cli.mark(False, f"{plan_.side}: {plan_.error}")
        return
    stock = [
        f"  {_code(write)}  {write.holds:f} → {write.wants:f}  ({write.difference:+f})  {write.reason}"
        for write in plan_.writes
    ]
    fields = [
        f"  {_code(write)}  {field.field}: “{told(field.field, field.shows)}” → "
        f"“{told(field.field, field.wants)}”  {field.reason}"
        for write in plan_.fields
        for field in write.fields
    ]
    products = [_product_line(product) for product in plan_.products]
    withdrawals = [
        f"  {one.sku or one.ref.external_id}  {one.way.value}: “{one.name}”  deleted at the till"
        for one in plan_.withdrawals
    ]
    parts = [
        *_count(len(stock), "stock write"),
        *_count(len(fields), "field"),
        *_count(len(products), "new product"),
        *_count(len(withdrawals), "withdrawal"),
    ]
    cli.say(f"{plan_.side}: {', '.join(parts) or 'nothing to write'}")
    for lines, stopped in zip((stock, fields, products, withdrawals), _stops(plan_), strict=True):
        for line in lines[:_SHOWN]:
            cli.say(line)
        if len(lines) > _SHOWN:
            cli.say(f"  … and {len(lines) - _SHOWN} more; --json lists all")
        if stopped:
            cli.mark(None, f"{plan_.side}: safety stop: {stopped}; a person must confirm (`syncd approve --all`)")
    if plan_.waits:
        cli.mark(None, _waits_line(plan_))


def _waits_line(plan_: SidePlan) -> str:
    """What "nothing to write" does not tell yet."""
    what = "1 product was" if plan_.waits == 1 else f"{plan_.waits} products were"
    return (
        f"{plan_.side}: {what} written moments ago and may be shown from a cache: read again in {plan_.waits_s:.0f} s; "
        "what changed there meanwhile is planned then"
    )


def _product_line(product: PlannedProduct) -> str:
    if not product.is_group:
        return f"  {product.label}  new: “{product.name}”  {product.reason}"
    units = ", ".join(unit.sku or unit.name for unit in product.units)
    where = "new" if product.into is None else f"in {product.into}, new"
    return f"  “{product.name}”  {where}: {units}  {product.reason}"


def _code(write: PlannedWrite | PlannedFields) -> str:
    return write.sku or write.ref.external_id


def _count(count: int, thing: str) -> list[str]:
    return [f"{count} {thing}{'' if count == 1 else 's'}"] if count else []
