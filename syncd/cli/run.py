"""``syncd run``: the daemon."""

from __future__ import annotations

import threading
from signal import SIGINT, SIGTERM, signal

import click

from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.opening import LEASE_TTL_S, database
from syncd.service.account import open_account
from syncd.service.daemon import Daemon, standby
from syncd.service.memory import keep_few_arenas
from syncd.state.lease import LeaseKeeper


@click.command(cls=Command, short_help="The daemon.")
@pass_cli
def run(cli: CliContext) -> int:
    """Keep all sides the same until SIGTERM. A second daemon on the same database stands by and takes over."""
    keep_few_arenas()
    stop = threading.Event()
    for number in (SIGTERM, SIGINT):
        signal(number, lambda *_: stop.set())
    with database(cli, create=True) as db:
        running: list[Daemon] = []
        keeper = LeaseKeeper(db, LEASE_TTL_S, on_lost=lambda: running[0].end(1) if running else stop.set())
        if not standby(keeper, stop):
            return 0
        keeper.start()
        account = open_account(cli.config, db, stop=stop, may_write=keeper.holds)
        running.append(Daemon(account, cli.config, keeper))
        return running[0].run()
