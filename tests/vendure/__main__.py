"""``python -m tests.vendure``: see the package."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from tests.chaos.place import folder_for, tidy_up_on_sigterm
from tests.support.vendure import missing
from tests.vendure.day import Day
from tests.vendure.stage import Stage


@click.command()
@click.option("--events", default=240, show_default=True, type=click.IntRange(1))
@click.option("--kills", default=4, show_default=True, type=click.IntRange(0))
@click.option("--seed", default=1, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Put database, config and logs there.")
def main(events: int, kills: int, seed: int, keep: Path | None) -> None:
    """Sell in a real Vendure shop and at a simulated till; at the end both must equal the sum of the events."""
    if missing():
        raise click.ClickException(missing())
    tidy_up_on_sigterm()
    folder = folder_for(keep)
    began = time.monotonic()

    def tell(text: str) -> None:
        click.echo(f"{time.monotonic() - began:6.1f} s  {text}", err=True)

    tell(f"everything is kept in {folder}")
    stage = Stage(folder, seed)
    try:
        stage.open()
        tell("Vendure is open")
        verdict = Day(stage, seed, tell).play(events, kills)
        findings, writes, put_back = stage.findings(), stage.writes(), stage.put_back()
    finally:
        stage.close()
    for line in verdict.differing:
        click.echo(f"differs: {line}", err=True)
    for sku, state in verdict.unsettled.items():
        click.echo(f"unsettled: {sku} {state}", err=True)
    if not verdict.ok:
        for finding in findings:
            click.echo(f"finding: {finding}", err=True)
    click.echo(", ".join(f"{count} {kind}" for kind, count in sorted(verdict.kinds.items())))
    told = ", ".join(f"{count} {state}" for state, count in sorted(writes.items()))
    click.echo(f"writes of stock: {told}; put back what one had overwritten: {put_back}")
    counts = {
        "lost": f"{verdict.lost:f}", "doubled": f"{verdict.doubled:f}", "items": verdict.items,
        "labels": verdict.labels, "events": verdict.events, "kills": verdict.kills, "troubles": verdict.troubles,
        "unsettled": len(verdict.unsettled), "exit": verdict.stopped_with, "seconds": round(time.monotonic() - began),
    }  # fmt: skip
    told = " ".join(f"{name}={value}" for name, value in counts.items())
    click.echo(f"{'ok' if verdict.ok else 'FAILED'}: {told}")
    sys.exit(0 if verdict.ok else 1)


if __name__ == "__main__":
    main()
