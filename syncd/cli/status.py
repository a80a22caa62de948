"""``syncd status``: sides, freshness, last runs, open findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.opening import database_to_look_at
from syncd.service.freshness import ago
from syncd.service.status import SideStatus, read_status
from syncd.state.lease import LEADER, Held, look

if TYPE_CHECKING:
    from syncd.errors import DatabaseOutdated

_WORTH_SAYING_S = 60
"""A change that waits for less is on its way."""


@click.command(cls=Command, short_help="Sides, freshness, last runs, open findings.")
@click.option("--runs", default=8, show_default=True, type=click.IntRange(0, 1000), help="How many runs to show.")
@pass_cli
def status(cli: CliContext, runs: int) -> int:
    """Show how things stand.

    Exit code 0 fine, 1 a side is stale, 3 a person must decide, 5 re-authorise, 78 the database is an old copy.
    """
    outdated: list[DatabaseOutdated] = []
    with database_to_look_at(cli, outdated.append) as db:
        now = db.now()
        found = read_status(db, cli.config, now, runs=runs)
        leader = look(db, LEADER)
    code = max((found.code, *(error.exit_code for error in outdated)))
    told = {"code": code, "problems": [*map(str, outdated), *found.problems]}
    cli.emit({**found.as_dict(), **told, "leader": leader.owner if leader else None})
    for why in outdated:
        cli.mark(False, f"database: {why}")
    cli.say(f"daemon: {_leader_line(leader)}")
    for side in found.sides:
        cli.mark(False if side.stale else True if side.last_error is None else None, _side_line(side))
    if found.runs:
        cli.say("\nlast runs")
    for entry in found.runs:
        error = f"  {entry['error']}" if entry["error"] else ""
        cli.say(
            f"  {entry['run']:>6}  {entry['started_at'].astimezone():%H:%M:%S}  {entry['side']}  {entry['kind']}  "
            f"{entry['result']}: {entry['listings_read']} read, {entry['movements']} changes, "
            f"{entry['writes']} written{error}"
        )
    cli.say(f"\nopen findings: {len(found.findings) or 'none'}")
    for finding in found.findings:
        cli.mark(None if finding.severity != "error" else False, f"{finding.id}  {finding.kind}: {finding.message}")
        cli.say(f"    {finding.advice}")
    return code


def _leader_line(leader: Held | None) -> str:
    process = leader.process if leader else None
    if leader is None or process is None or process.is_dead():
        return "not running"
    where = f"process {process.pid} on {process.host}"
    if not leader.is_alive:
        return f"not running; the last one was {where}, its lease ended {ago(leader.over_s)} ago"
    return f"at work ({where})"


def _side_line(side: SideStatus) -> str:
    read = f"read {ago(side.age_s)} ago" if side.age_s is not None else "never read"
    for_s = f" for {ago(side.unsent_s)}" if side.unsent_s and side.unsent_s >= _WORTH_SAYING_S else ""
    waits = f", {side.pending} to be written{for_s}" if side.pending else ""
    writes = "write" if side.in_doubt == 1 else "writes"
    since = f" since {side.doubt_since.astimezone():%Y-%m-%d %H:%M}" if side.doubt_since else ""
    person = f" ({side.parked} for a person: `syncd findings`)" if side.parked else ""
    doubt = f", {side.in_doubt} {writes} in doubt{since}{person}" if side.in_doubt else ""
    error = f"; last error: {side.last_error}" if side.last_error else ""
    return f"{side.side} ({side.adapter}): {side.linked} linked, {read}{waits}{doubt}{error}"
