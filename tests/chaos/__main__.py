"""``python -m tests.chaos``: see the package."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from tests.chaos.place import folder_for, place, tidy_up_on_sigterm
from tests.chaos.run import Plan, Run
from tests.chaos.shops import SHOPS
from tests.chaos.stage import ChaosStage

_RESTARTS = 2


@click.command()
@click.option("--kills", default=200, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True)
@click.option("--database", default="sqlite", show_default=True, type=click.Choice(["sqlite", "postgresql"]))
@click.option("--shop", default="woocommerce", show_default=True, type=click.Choice(sorted(SHOPS)), help="What shop.")
@click.option("--shops", default=1, show_default=True, type=click.IntRange(1, 5))
@click.option("--per-second", default=4.0, show_default=True, help="Events a second.")
@click.option("--on-write", default=0.2, show_default=True, help="Share of writes that meet a fault.")
@click.option("--on-read", default=0.02, show_default=True, help="Share of reads that meet a fault.")
@click.option("--rough", is_flag=True, help="Few items, many receipts and stock-takes: more than can be settled.")
@click.option("--race", default=0.0, show_default=True, help="Seconds between a shop's read and its write.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Put database, config and logs there.")
def main(
    kills: int,
    seed: int,
    database: str,
    shop: str,
    shops: int,
    per_second: float,
    on_write: float,
    on_read: float,
    rough: bool,
    race: float,
    keep: Path | None,
) -> None:
    """Kill the daemon under traffic and faults; at the end both sides must equal the sum of the events."""
    if why := SHOPS[shop].missing():
        raise click.ClickException(why)
    tidy_up_on_sigterm()
    folder = folder_for(keep)
    began = time.monotonic()

    def tell(text: str) -> None:
        click.echo(f"{time.monotonic() - began:6.1f} s  {text}", err=True)

    tell(f"everything is kept in {folder}")
    with place(database, folder) as (url, server):
        names = ["main", *(f"shop{number}" for number in range(2, shops + 1))]
        sells = SHOPS[shop].products
        stage = ChaosStage(folder, url, shops=names, kind=shop, products=sells, seed=seed, race_s=race)
        restart = server.restart if server is not None and server.can_restart else None
        plan = Plan(kills, seed, per_second, rough, on_write, on_read, restart, _RESTARTS if restart else 0)
        try:
            stage.open()
            result = Run(stage, plan, tell).carry_out()
        finally:
            stage.close()
    for violation in result.violations:
        click.echo(f"violation: {violation}", err=True)
    click.echo(f"{result.line()} shop={shop} database={database} seed={seed}")
    sys.exit(1 if result.violations else 0)


if __name__ == "__main__":
    main()
