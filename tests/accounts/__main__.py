"""``make accounts``: so many daemons, each with a database of one PostgreSQL server; prints what they cost."""

from __future__ import annotations

import sys
import time
from statistics import mean
from typing import TYPE_CHECKING

import click

from syncd.state import migrate
from tests.accounts.town import Town, TownAccount, allow_connections, connections, server_memory_kib
from tests.chaos.place import folder_for, tidy_up_on_sigterm
from tests.support.postgres import running_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.accounts.town import Cost
    from tests.support.postgres import PostgresServer

ROW = "{:34} {:>10} {:>10} {:>10}"


def measure(folder: Path, server: PostgresServer, accounts: int, products: int, rest_s: float) -> None:
    """Start all, wait until they are in step, let them rest, print."""
    first = server.create()
    migrate.upgrade(first)  # as the unit does before it starts the daemon
    if server.can_restart:
        allow_connections(first, 6 * accounts + 20)
        server.restart()
    urls = [server.create(template=first) for _ in range(accounts)]
    town = Town(
        [
            TownAccount(f"account{number}", folder / f"account{number}", url, products, number, 15, 30)
            for number, url in enumerate(urls, 1)
        ]
    )
    try:
        town.open()
        town.start()
        in_step_s = town.until_in_step(60 + 20.0 * accounts)
        click.echo(f"all in step {in_step_s:.0f} s after the start", err=True)
        begun = town.costs()
        highest: dict[str, int] = {}
        until = time.monotonic() + rest_s
        while time.monotonic() < until:
            for name, count in connections(urls[0]).items():
                highest[name] = max(highest.get(name, 0), count)
            time.sleep(0.5)
        ended, now = town.costs(), connections(urls[0])
        backends = server_memory_kib(urls[0])
    finally:
        town.close()
    _show(begun, ended, rest_s, list(now.values()), list(highest.values()), backends, in_step_s)


def _show(
    begun: list[Cost], ended: list[Cost], rest_s: float, now: list[int], highest: list[int], backends: int, took: float
) -> None:
    def row(what: str, values: list[float], form: str = "{:.1f}") -> None:
        click.echo(ROW.format(what, form.format(mean(values)), form.format(max(values)), form.format(sum(values))))

    click.echo(ROW.format(f"{len(begun)} accounts", "mean", "max", "sum"))
    row("memory of a daemon (PSS), MiB", [each.pss_kib / 1024 for each in ended])
    row("threads", [float(each.threads) for each in ended], "{:.0f}")
    row("connections to PostgreSQL", [float(each) for each in now], "{:.1f}")
    row("the same, most at a moment", [float(each) for each in highest], "{:.1f}")
    row("processor until in step, s", [each.cpu_s for each in begun])
    resting = [(end.cpu_s - begin.cpu_s) / rest_s * 100 for begin, end in zip(begun, ended, strict=True)]
    row("processor at rest, % of one", resting, "{:.2f}")
    click.echo(
        f"accounts: {len(begun)} in_step={took:.0f} s memory={sum(each.pss_kib for each in ended) // 1024} MiB "
        f"sessions_of_server={backends // 1024} MiB connections={sum(now)} most={sum(highest)} "
        f"cpu_start={sum(each.cpu_s for each in begun):.0f} s cpu_rest={sum(resting):.1f} %"
    )


@click.command()
@click.option("--accounts", default=50, show_default=True, type=click.IntRange(1, 500))
@click.option("--products", default=40, show_default=True, type=click.IntRange(8))
@click.option("--rest", default=120.0, show_default=True, help="Seconds of rest that are measured.")
def main(accounts: int, products: int, rest: float) -> None:
    """Measure accounts that are in step and at rest, with the usual intervals."""
    tidy_up_on_sigterm()
    folder = folder_for(None)
    with running_server(f"accounts-{folder.name}") as server:
        measure(folder, server, accounts, products, rest)
    sys.exit(0)


if __name__ == "__main__":
    main()
