"""``make failover``: two machines, one PostgreSQL server, real daemons, traffic; prints one line."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from tests.chaos.place import folder_for, place, tidy_up_on_sigterm
from tests.failover.run import Rounds
from tests.failover.stage import QUICK, FailoverStage


@click.command()
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True)
@click.option("--products", default=40, show_default=True, type=click.IntRange(4))
@click.option("--per-second", default=4.0, show_default=True, help="Events a second.")
@click.option("--race", default=0.0, show_default=True, help="Seconds between the shop's read and its write.")
@click.option("--inside", default=0.0, show_default=True, help="Share of writes to the shop that meet an order there.")
@click.option("--only", multiple=True, help="Only this kind of trouble; may be repeated.")
@click.option("--quick", is_flag=True, help="Leases of 3 seconds.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Put configurations and logs there.")
def main(
    rounds: int,
    seed: int,
    products: int,
    per_second: float,
    race: float,
    inside: float,
    only: tuple[str, ...],
    quick: bool,
    keep: Path | None,
) -> None:
    """Take the leader away in every way, with times as in life; the other machine must go on and nothing be doubled."""
    tidy_up_on_sigterm()
    folder = folder_for(keep)
    began = time.monotonic()

    def tell(text: str) -> None:
        click.echo(f"{time.monotonic() - began:6.1f} s  {text}", err=True)

    tell(f"everything is kept in {folder}")
    with place("postgresql", folder) as (url, server):
        stage = FailoverStage(folder, url, products=products, times=QUICK if quick else None, race_s=race)
        restart = server.restart if server is not None and server.can_restart else None
        work = Rounds(stage, seed, tell, restart, per_second=per_second, inside=inside)
        try:
            stage.open()
            found = work.carry_out(rounds, only=only)
            left = "" if only or found.violations else work.what_is_left()
        finally:
            stage.close()
    for violation in found.violations:
        click.echo(f"violation: {violation}", err=True)
    click.echo(left, err=True)
    click.echo(f"{found.line(rounds, work.events, time.monotonic() - began)} seed={seed}")
    sys.exit(1 if found.violations else 0)


if __name__ == "__main__":
    main()
