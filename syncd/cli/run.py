"""``syncd run``: the daemon."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.opening import LEASE_TTL_S, database, stoppable, witness
from syncd.http.fence import Fence
from syncd.log import log
from syncd.service.account import open_account
from syncd.service.daemon import Daemon, standby
from syncd.service.memory import keep_few_arenas, settle_in
from syncd.service.telling import errands
from syncd.state.lease import LeaseKeeper
from syncd.state.seal import Seal, require_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncd.config import Config
    from syncd.errors import SyncdError
    from syncd.page.app import StatusPage
    from syncd.service.runs import RequestCounter
    from syncd.state.engine import Database


@click.command(cls=Command, short_help="The daemon.")
@pass_cli
def run(cli: CliContext) -> int:
    """Keep all sides the same until SIGTERM. A second daemon on the same database stands by and takes over."""
    keep_few_arenas()
    for warning in cli.config.warnings:
        log.bind(detail=warning).warning("config.unwise")
    with stoppable() as stop, database(cli, create=True) as db:
        # A standby with the wrong key is of no use, and should say so before it is needed.
        require_keys(db, Seal.of(cli.config.syncd.database_key, cli.config.syncd.database_key_former))
        running: list[Daemon] = []
        lost: list[SyncdError] = []

        def lose(error: SyncdError) -> None:
            lost.append(error)
            for daemon in running:
                daemon.lose(error)

        keeper = LeaseKeeper(db, LEASE_TTL_S, on_lost=lose, witness=witness(cli))
        fence = Fence(keeper.left_to_write_s)
        keeper.on_renewed = fence.renewed
        with serving(cli.config, db, keeper) as sides:
            if not standby(keeper, stop):
                keeper.release()
                return 0
            keeper.start()
            account = open_account(cli.config, db, stop=stop, may_write=fence)
            sides.update({name: worker.requests for name, worker in account.workers.items()})
            settle_in()
            running.append(Daemon(account, cli.config, keeper))
            for error in lost:  # while the sides were opened
                running[0].lose(error)
            for errand in errands(cli.config, db, stop, db.now, keeper.writes):
                errand.start()
            return running[0].run()


@contextmanager
def serving(config: Config, db: Database, keeper: LeaseKeeper) -> Iterator[dict[str, RequestCounter]]:
    """Serve ``/healthz``, ``/metrics`` and the status page if they are configured, also while this process stands by.

    Yields:
        Counters of requests by side, to be filled as soon as the sides are opened.
    """
    requests: dict[str, RequestCounter] = {}
    if (address := config.syncd.metrics_address) is None:
        yield requests
        return
    from syncd.service.metrics import SyncdCollector, registry  # noqa: PLC0415 - kept out of the start
    from syncd.service.web import Pages, WebServer  # noqa: PLC0415 - kept out of the start

    collector = SyncdCollector(
        db, config, db.now, leading=keeper.holds, writable=keeper.writes, requests=lambda: dict(requests)
    )
    collector.begin()
    people = _status_page(config, db, keeper.holds) if config.syncd.page else None
    server = WebServer(address, Pages(db, config, registry(collector), db.now, people, writable=keeper.writes))
    server.start()
    try:
        yield requests
    finally:
        server.close()


def _status_page(config: Config, db: Database, leading: Callable[[], bool]) -> StatusPage:
    from syncd.page.app import StatusPage  # noqa: PLC0415 - kept out of the start
    from syncd.state.looking import open_for_looking  # noqa: PLC0415

    return StatusPage(open_for_looking(config.syncd.database), config, db.now, leading=leading)
