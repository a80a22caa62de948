"""``syncd findings`` and ``syncd approve``: what a person should know, and a person's word."""

from __future__ import annotations

import re
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING

import click
from sqlalchemy import select

from syncd.cli.command import CliContext, Command, Group, pass_cli
from syncd.cli.opening import Interrupted, database, database_to_look_at, leadership, shops_asked, stoppable
from syncd.errors import Stopped, SyncdError
from syncd.service.account import open_account
from syncd.service.counting import accept_counting
from syncd.service.finding_story import FindingStory, OperationStory, tell_finding
from syncd.service.findings import APPROVED, PUT_BACK, close_finding, is_reported
from syncd.service.resolve import close_read, ways_of
from syncd.service.resolve import resolve as write_down
from syncd.service.restored import say_count
from syncd.state.models import Finding

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


_UNITS = re.compile(r"-?\d{1,10}(\.\d{1,4})?")


class NotApprovable(SyncdError):
    """There is no open safety stop with this number."""

    exit_code = 2


@click.group(cls=Group, invoke_without_command=True, short_help="What a person should know.")
@click.option("--all", "show_all", is_flag=True, help="Closed ones too.")
@click.pass_context
def findings(ctx: click.Context, show_all: bool) -> int:
    """List the open findings, each with what to do about it; look at one, or settle one."""
    if ctx.invoked_subcommand is None:
        return list_findings(ctx.ensure_object(CliContext), show_all=show_all)
    return 0


@findings.command("list")
@click.option("--all", "show_all", is_flag=True, help="Closed ones too.")
@pass_cli
def list_(cli: CliContext, show_all: bool) -> int:
    """List the open findings, each with what to do about it."""
    return list_findings(cli, show_all=show_all)


def list_findings(cli: CliContext, *, show_all: bool) -> int:
    """Print the open findings, or all of them."""
    with database_to_look_at(cli) as db, db.read() as session:
        query = select(Finding).order_by(Finding.id)
        rows = session.scalars(query if show_all else query.where(Finding.closed_at.is_(None))).all()
    names = ("id", "kind", "severity", "message", "advice", "opened_at", "changed_at", "closed_at", "closed_by")
    cli.emit({"findings": [{name: getattr(row, name) for name in names} for row in rows]})
    if not rows:
        cli.say("no findings" if show_all else "no open findings")
    for row in rows:
        closed = f" (closed {row.closed_at.astimezone():%Y-%m-%d %H:%M} by {row.closed_by})" if row.closed_at else ""
        cli.mark(
            True if row.closed_at else False if row.severity == "error" else None,
            f"{row.id}  {row.opened_at.astimezone():%Y-%m-%d %H:%M}  {row.kind}: {row.message}{closed}",
        )
        if not row.closed_at:
            cli.say(f"    {row.advice}")
    return 0


@findings.command()
@click.argument("finding", metavar="ID", type=int)
@pass_cli
def show(cli: CliContext, finding: int) -> int:
    """Show all that is known of a finding: its times, the write behind it, the item's numbers, what solves it."""
    with database_to_look_at(cli) as db:
        story = tell_finding(db, finding)
    cli.emit({"finding": story.as_dict()})
    cli.mark(
        True if story.closed_at else False if story.severity == "error" else None,
        f"{story.id}  {story.kind} ({story.severity}): {story.message}",
    )
    changed = f", changed {_local(story.changed_at)}" if story.changed_at != story.opened_at else ""
    cli.say(f"  opened {_local(story.opened_at)}{changed}")
    if story.counts:
        cli.say("  " + ", ".join(f"{name} {count}" for name, count in story.counts.items()))
    if story.operation is not None:
        _show_operation(cli, story.operation)
    _show_item(cli, story)
    if story.closed_at:
        cli.say(f"  closed {_local(story.closed_at)} by {story.closed_by}")
        return 0
    cli.say(f"  {story.advice}")
    if story.ways is not None:
        cli.say(f"  if it was applied: {story.ways.applied}")
        cli.say(f"  if it was not: {story.ways.not_applied}")
    for command in story.commands:
        cli.say(f"    {command}")
    return 0


def _show_operation(cli: CliContext, row: OperationStory) -> None:
    code = row.sku or f"id {row.external_id}"
    cli.say(
        f"  write {row.operation} to {row.side}, {row.name} ({code}): {row.difference:+f} on {row.expected_before:f}; "
        f"{row.state}{f' by {row.settled_by}' if row.settled_by else ''} [run {row.run}]"
    )
    cli.say(f"    because {row.reason}; the side knows it as {row.uid}")
    times = {
        "stored": row.intended_at,
        "sent": row.sent_at,
        "in doubt since": row.doubted_at,
        "last looked at": row.looked_at,
        "settled": row.settled_at,
    }
    cli.say("    " + ", ".join(f"{name} {_local(at)}" for name, at in times.items() if at is not None))
    if row.error:
        cli.say(f"    {row.error}")


def _show_item(cli: CliContext, story: FindingStory) -> None:
    if story.on_hand is None:
        return
    cli.say(f"  {story.on_hand:f} on hand")
    for side in story.sides:
        holds = "nothing counted" if side.holds is None else f"holds {side.holds:f}"
        wanted = f", should hold {side.wanted:f}" if side.wanted is not None and side.wanted != side.holds else ""
        cli.say(f"    {side.side}: {holds}{wanted}; {side.state}")


def _local(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


@findings.command()
@click.argument("finding", metavar="ID", type=int)
@click.option("--applied/--not-applied", default=None, help="Whether the side carried the write out.")
@click.option("--count", metavar="NUMBER", help="How many there were of an item that is held after a restore.")
@pass_cli
def resolve(cli: CliContext, finding: int, applied: bool | None, count: str | None) -> int:
    """Settle a write in doubt (a finding of kind "parked"): say whether the side carried it out.

    A conflict (kind "field_conflict"), images that a new product lacks (kind "images_left_out") and a write that came
    late (kind "late_write") are closed without
    an option: you have read what they say.
    Of an item that is held after a restore (kind "held_after_restore") say with --count how many there were.
    Works beside the daemon and without it. The next run reads the product again, and counts whatever else differs as a
    change like any other.
    """
    if count is not None:
        if applied is not None:
            raise click.UsageError("--count is for an item that is held after a restore, alone")
        return _say_count(cli, finding, count)
    with database(cli) as db:
        if applied is None:
            if close_read(db, finding, now=db.now()):
                cli.emit({"finding": finding, "closed": True})
                cli.mark(True, f"{finding}: closed")
                return 0
            ways = ways_of(db, finding)
            raise click.UsageError(
                f"say what happened: --applied or --not-applied. If it was applied, {ways.applied}; if not, "
                f"{ways.not_applied}."
            )
        done = write_down(db, finding, applied=applied, now=db.now())
    word = "was applied" if done.applied else "was not applied"
    cli.emit(
        {
            "finding": done.finding,
            "operation": done.operation,
            "side": done.side,
            "applied": done.applied,
            "meaning": done.meaning,
        }
    )
    cli.mark(True, f"{done.finding}: the write to {done.name} {word}: {done.meaning}")
    cli.say("the next run reads it again and goes on")
    return 0


def _say_count(cli: CliContext, finding: int, count: str) -> int:
    if not _UNITS.fullmatch(count):
        raise click.UsageError(f"--count {count}: a number of units, with four decimal places at the most")
    units = Decimal(count)
    with database(cli) as db:
        name = say_count(db, finding, units, now=db.now())
    cli.emit({"finding": finding, "count": units})
    cli.mark(
        True, f"{finding}: there were {units:f} of {name}; the next run tells all sides, and counts what was since"
    )
    return 0


@click.command(cls=Command, short_help="Confirm a safety stop.")
@click.argument("finding", type=int, required=False)
@click.option("--all", "approve_all", is_flag=True, help="Every open safety stop.")
@click.option("--put-back", is_flag=True, help="What the side reports is not true: set it to what syncd knows.")
@click.option("--counts", metavar="SHOP", help="It is meant that this shop counts something else than until now.")
@pass_cli
def approve(cli: CliContext, finding: int | None, approve_all: bool, put_back: bool, counts: str | None) -> int:
    """Let what a safety stop holds back be carried out by the next run. Look at `syncd plan` first.

    If the stop is about what a shop reports, approving counts it; with --put-back the shop was restored from a backup:
    nothing is counted, and the shop is set to what syncd knows.

    With --counts a shop of which another location or quantity is counted now goes on with that: nothing of the
    difference is counted, and the next run reads all of the shop and aligns it as a first link does (initial_stock).
    Runs beside no daemon.
    """
    if counts is not None:
        if finding is not None or approve_all or put_back:
            raise click.UsageError("--counts stands alone, with the name of a shop")
        return _accept_counting(cli, counts)
    if (finding is None) != approve_all:
        raise click.UsageError("name the finding's number, or --all")
    if put_back and approve_all:
        raise click.UsageError("--put-back is for one finding: name its number")
    with database(cli) as db, db.write(fenced=False) as session:
        rows = _stops(session, finding)
        if put_back and not is_reported(rows[0].subject):
            raise NotApprovable(f"finding {finding} is about what a side is told, not about what it reports")
        for row in rows:
            close_finding(session, row.kind, row.subject, db.now(), by=PUT_BACK if put_back else APPROVED)
    cli.emit({"approved": [row.id for row in rows], "put_back": put_back})
    for row in rows:
        cli.mark(True, f"{row.id}: {row.message}")
    if not rows:
        cli.say("no safety stop is open")
    else:
        cli.say("the next run sets it to what syncd knows" if put_back else "the next run carries it out")
    return 0


def _accept_counting(cli: CliContext, shop: str) -> int:
    shops_asked(cli, shop)
    with database(cli) as db, leadership(cli, db) as lease, stoppable() as stop:
        account = open_account(cli.config, db, stop=stop, may_write=lease.may_write)
        try:
            side = account.workers[shop].side
            done = accept_counting(side)
        except Stopped:
            raise Interrupted("stopped; nothing was changed") from None
        finally:
            account.close()
    cli.emit(asdict(done))
    cli.mark(True, f"{shop} counts {done.now} from now on; until now it counted {done.before}")
    if done.dropped:
        cli.say(f"{done.dropped} writes in doubt are closed: what they did is in the numbers that are read next")
    cli.say(f"{_COMPARED[side.initial_stock]}; look at `syncd plan --shop {shop}` before you start the service")
    return 0


_COMPARED = {
    "hub": "the next run reads the shop and sets it to the till's quantities (initial_stock)",
    "shop": "the next run reads the shop and sets the till to its quantities (initial_stock)",
    "equal_only": "the next run reads the shop and parts what is not equal at the till (initial_stock)",
}


def _stops(session: Session, finding: int | None) -> list[Finding]:
    query = select(Finding).where(Finding.kind == "safety_stop", Finding.closed_at.is_(None)).order_by(Finding.id)
    rows = list(session.scalars(query if finding is None else query.where(Finding.id == finding)))
    if finding is not None and not rows:
        raise NotApprovable(f"finding {finding} is not an open safety stop; `syncd findings` lists what is open")
    return rows
