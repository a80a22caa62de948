"""``python -m tests.mutants``: see the package."""

from __future__ import annotations

import queue
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from tests.mutants.mutant import Mutant
from tests.mutants.plant import Verdict, copy_sources, try_mutant
from tests.mutants.table import MUTANTS


@click.command()
@click.option("--only", multiple=True, help="Names of mutants; all if not given.")
@click.option("--processes", default=2, show_default=True, type=click.IntRange(1))
@click.option("--list", "listing", is_flag=True, help="Show the mutants and stop.")
def main(only: tuple[str, ...], processes: int, listing: bool) -> None:
    """Take out one protection after the other; tests must notice each time."""
    unknown = set(only) - {mutant.name for mutant in MUTANTS}
    if unknown:
        raise click.UsageError(f"no such mutant: {', '.join(sorted(unknown))}")
    chosen = [mutant for mutant in MUTANTS if not only or mutant.name in only]
    if listing:
        for mutant in chosen:
            click.echo(f"{mutant.name:22} {mutant.protection}")
        return
    verdicts = _try_all(chosen, processes)
    caught = sum(verdict.caught for verdict in verdicts)
    click.echo(f"mutants: {len(verdicts)} planted, {caught} caught, {len(verdicts) - caught} survived")
    sys.exit(0 if caught == len(verdicts) else 1)


def _try_all(mutants: list[Mutant], processes: int) -> list[Verdict]:
    """Each process works in a copy of its own."""
    with tempfile.TemporaryDirectory(prefix="syncd-mutants-") as place:
        folders: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(processes):
            folder = Path(place) / str(number)
            folder.mkdir()
            copy_sources(folder)
            folders.put(folder)

        def attempt(mutant: Mutant) -> Verdict:
            folder = folders.get()
            try:
                verdict = try_mutant(mutant, folder)
            finally:
                folders.put(folder)
            _tell(verdict)
            return verdict

        with ThreadPoolExecutor(processes) as pool:
            return list(pool.map(attempt, mutants))


def _tell(verdict: Verdict) -> None:
    outcome = "caught by" if verdict.caught else "SURVIVED:"
    click.echo(f"{verdict.mutant.name:22} {verdict.seconds:5.0f} s  {outcome} {verdict.by}")


if __name__ == "__main__":
    main()
