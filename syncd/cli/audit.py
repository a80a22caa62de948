"""``syncd audit``: an independent comparison of all sides with the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.opening import Interrupted, database_to_look_at, reading_progress, shops_asked, stoppable
from syncd.core.audit import ADVICE, Reason, Standing
from syncd.errors import Stopped
from syncd.service.account import open_to_look
from syncd.service.audit import AuditReport, Difference, SideAudit
from syncd.service.audit import audit as compare
from syncd.state.lease import LEADER, holder
from syncd.state.process import Process

if TYPE_CHECKING:
    from syncd.config import Config
    from syncd.state.engine import Database

_SHOWN = 200
_GRACE = timedelta(seconds=60)


@click.command(cls=Command, short_help="Compare all sides with the ledger, independently; writes nothing.")
@click.option("--shop", metavar="NAME", help="Only this shop (and the till).")
@pass_cli
def audit(cli: CliContext, shop: str | None) -> int:
    """Read every side completely and compare what it really holds with what the ledger says it should hold.

    Writes nothing, neither there nor here, and may run beside the daemon. Exit code 0 all equal, 4 differences found,
    1 a side could not be read, 5 a side refuses the credentials.
    """
    only = shops_asked(cli, shop)
    with database_to_look_at(cli) as db, stoppable() as stop, reading_progress(cli) as note:
        sides = open_to_look(cli.config, db, stop=stop, only=only)
        try:
            report = compare(sides, db, stop=stop, progress=note, patience=_patience(cli.config, db))
        except Stopped:
            raise Interrupted("stopped; nothing was changed") from None
        finally:
            for side in sides:
                side.adapter.close()
    cli.emit(report.as_dict())
    _show(cli, report)
    return report.exit_code


def _patience(config: Config, db: Database) -> timedelta:
    """How long somebody who is at work may take over what waits for him; none if nobody is."""
    leader = holder(db, LEADER)
    process = Process.parse(leader) if leader else None
    if process is None or process.is_dead():
        return timedelta(0)
    return _GRACE + timedelta(seconds=2 * max(side.poll_seconds for side in config.sides))


def _show(cli: CliContext, report: AuditReport) -> None:
    if not report.sides:
        cli.say("nothing was synced yet: there is nothing to compare")
    for side in report.sides:
        whole = side.equal == side.compared and not side.not_read
        cli.mark(False if side.error or side.different else True if whole else None, _side_line(side))
    for book in report.books:
        cli.mark(
            False,
            f"{book.sku}  {book.name}: {book.on_hand:f} on hand, but its movements come to {book.ledger:f}; somebody "
            "changed the database, or this is a mistake in syncd: keep a copy (`syncd db backup FILE`)",
        )
    shown = [difference for difference in report.differences if difference.standing != Standing.UNDER_WAY]
    for difference in shown[:_SHOWN]:
        cli.mark(False if difference.counts else None, _line(difference))
    if len(shown) > _SHOWN:
        cli.say(f"  … and {len(shown) - _SHOWN} more; --json lists all")
    for reason in sorted({difference.reason for difference in shown}):
        cli.say(f"{reason}: {ADVICE[Reason(reason)]}")
    if report.items_unlisted:
        cli.say(f"{report.items_unlisted} of {report.items} items have no product on any side any more")


def _side_line(side: SideAudit) -> str:
    if side.error:
        return f"{side.side}: not read ({side.not_read} not compared): {side.error}"
    counts = {
        "different": side.different,
        "in doubt": side.in_doubt,
        "under way": side.under_way,
        "not read": side.not_read,
        "not counted there": side.not_counted,
        "not linked": side.unlinked,
        "new": side.unknown,
    }
    rest = "".join(f", {count} {word}" for word, count in counts.items() if count)
    return f"{side.side}: {side.compared} compared, {side.equal} equal{rest}"


def _line(row: Difference) -> str:
    code = row.sku or f"id {row.external_id}"
    holds = "nothing counted" if row.holds is None else f"holds {row.holds:f}"
    known = "" if row.shadow is None or row.shadow == row.holds else f", last known {row.shadow:f}"
    since = f" since {row.since.astimezone():%Y-%m-%d %H:%M:%S} ({_age(row.since)})" if row.since else ""
    return f"{code}  {row.name}  {row.side}: {holds}, should hold {row.should:f}{known}; {row.reason}{since}"


def _age(since: datetime) -> str:
    minutes = int((datetime.now(UTC) - since).total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"
