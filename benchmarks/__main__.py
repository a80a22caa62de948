"""``python -m benchmarks``: run all cases, or some, and print a table; the JSON file has what it was made of."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from benchmarks.figures import FULL, QUICK, SMOKE, Figure, Place
from benchmarks.registry import CASES, Case, chosen
from benchmarks.report import condition, document, facts, table, write
from benchmarks.stages import Stages

_SIZES = {sizes.name: sizes for sizes in (FULL, QUICK, SMOKE)}


@click.command()
@click.option(
    "--size", type=click.Choice(list(_SIZES)), default="full", show_default=True, help="How much is measured."
)
@click.option("--only", multiple=True, type=click.Choice([case.name for case in CASES]), help="Only these cases.")
@click.option("--json", "file", type=click.Path(path_type=Path), default=Path("benchmarks/results/latest.json"))
@click.option("--folder", type=click.Path(path_type=Path), help="Where databases go; a temporary one if left out.")
def main(size: str, only: tuple[str, ...], file: Path, folder: Path | None) -> None:
    """Measure syncd against simulated sides."""
    sizes = _SIZES[size]
    found: dict[Case, list[Figure]] = {}
    took: dict[Case, float] = {}
    about = {**facts(), "size": size, "before": condition()}
    with tempfile.TemporaryDirectory(prefix="syncd-bench-", dir=folder) as name, Stages(Path(name)) as stages:
        for case in chosen(only, quick=size != "full"):
            click.echo(f"{case.title} …", err=True)
            began = time.monotonic()
            place = Place(Path(name) / case.name, stages, sizes, _say)
            found[case] = case.measure(place)
            took[case] = time.monotonic() - began
            click.echo(f"  {took[case]:.0f} s", err=True)
    write(file, document(found, took, {**about, "after": condition()}))
    click.echo(table(found))
    click.echo(f"written to {file}", err=True)
    missed = [
        f"{case.title}: {figure.name}" for case, figures in found.items() for figure in figures if _missed(figure)
    ]
    for each in missed:
        click.echo(f"not reached: {each}", err=True)


def _missed(figure: Figure) -> bool:
    return figure.reached is False


def _say(text: str) -> None:
    click.echo(f"  {text}", err=True)


if __name__ == "__main__":
    main()
