"""``syncd findings`` and ``syncd approve``: what a person should know, and a person's word on a safety stop."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from sqlalchemy import select

from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.opening import database
from syncd.errors import SyncdError
from syncd.service.findings import APPROVED, PUT_BACK, close_finding, is_reported
from syncd.state.models import Finding

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class NotApprovable(SyncdError):
    """There is no open safety stop with this number."""

    exit_code = 2


@click.command(cls=Command, short_help="What a person should know.")
@click.option("--all", "show_all", is_flag=True, help="Closed ones too.")
@pass_cli
def findings(cli: CliContext, show_all: bool) -> int:
    """List the open findings, each with what to do about it."""
    with database(cli) as db, db.read() as session:
        query = select(Finding).order_by(Finding.id)
        rows = session.scalars(query if show_all else query.where(Finding.closed_at.is_(None))).all()
    names = ("id", "kind", "severity", "message", "advice", "opened_at", "changed_at", "closed_at", "closed_by")
    cli.emit({"findings": [{name: getattr(row, name) for name in names} for row in rows]})
    if not rows:
        cli.say("no findings" if show_all else "no open findings")
    for row in rows:
        closed = f" (closed {row.closed_at:%Y-%m-%d %H:%M} by {row.closed_by})" if row.closed_at else ""
        cli.mark(
            True if row.closed_at else False if row.severity == "error" else None,
            f"{row.id}  {row.opened_at.astimezone():%Y-%m-%d %H:%M}  {row.kind}: {row.message}{closed}",
        )
        if not row.closed_at:
            cli.say(f"    {row.advice}")
    return 0


@click.command(cls=Command, short_help="Confirm a safety stop.")
@click.argument("finding", type=int, required=False)
@click.option("--all", "approve_all", is_flag=True, help="Every open safety stop.")
@click.option("--put-back", is_flag=True, help="What the side reports is not true: set it to what syncd knows.")
@pass_cli
def approve(cli: CliContext, finding: int | None, approve_all: bool, put_back: bool) -> int:
    """Let what a safety stop holds back be carried out by the next run. Look at `syncd plan` first.

    If the stop is about what a shop reports, approving counts it; with --put-back the shop was restored from a backup:
    nothing is counted, and the shop is set to what syncd knows.
    """
    if (finding is None) != approve_all:
        raise click.UsageError("name the finding's number, or --all")
    if put_back and approve_all:
        raise click.UsageError("--put-back is for one finding: name its number")
    with database(cli) as db, db.write(fenced=False) as session:
        rows = _stops(session, finding)
        if put_back and not is_reported(rows[0].subject):
            raise NotApprovable(f"finding {finding} is about what a side is told, not about what it reports")
        for row in rows:
            close_finding(session, row.kind, row.subject, datetime.now(UTC), by=PUT_BACK if put_back else APPROVED)
    cli.emit({"approved": [row.id for row in rows], "put_back": put_back})
    for row in rows:
        cli.mark(True, f"{row.id}: {row.message}")
    if not rows:
        cli.say("no safety stop is open")
    else:
        cli.say("the next run sets it to what syncd knows" if put_back else "the next run carries it out")
    return 0


def _stops(session: Session, finding: int | None) -> list[Finding]:
    query = select(Finding).where(Finding.kind == "safety_stop", Finding.closed_at.is_(None)).order_by(Finding.id)
    rows = list(session.scalars(query if finding is None else query.where(Finding.id == finding)))
    if finding is not None and not rows:
        raise NotApprovable(f"finding {finding} is not an open safety stop; `syncd findings` lists what is open")
    return rows
