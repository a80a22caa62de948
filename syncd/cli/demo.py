"""``syncd demo``: everything on this machine."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.command import CliContext, Command, pass_cli
from syncd.demo.day import Day
from syncd.demo.show import Show
from syncd.demo.stage import Stage
from syncd.demo.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.demo.verdict import Mismatch

_SHOWN = 10


@click.command(cls=Command, short_help="A simulated till and shop, the real daemon, a scripted day.")
@click.option("--products", default=300, show_default=True, type=click.IntRange(20, 100_000), help="How many products.")
@click.option("--seed", default=1, show_default=True, type=int, help="Another number, another day.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep database, config and log there.")
@pass_cli
def demo(cli: CliContext, products: int, seed: int, keep: Path | None) -> int:
    """Watch syncd keep a till and a web shop the same through a day with faults; needs no account and no network.

    Exits 0 only if at the end every item is equal everywhere.
    """
    folder = _folder(keep)
    started = time.monotonic()
    stage = Stage(folder, products, seed)
    show = Show(cli.console, quiet=cli.json)
    variable = sum(1 for product in stage.catalogue if product.variations)
    cli.say(f"a till and a web shop with {products} products, {variable} of them with variations; all in {folder}")
    with _ended_in_order(stage):
        stage.open()
        day = Day(stage, show, seed)
        show.watch(stage, day.tally)
        try:
            day.play()
        finally:
            show.end()
        code, seconds = stage.stop_daemon()
        verdict = judge(stage, day.tally, stopped_with=code, stop_seconds=seconds, seconds=time.monotonic() - started)
    cli.emit(verdict.as_dict())
    _print(cli, verdict)
    if keep is None and verdict.ok:
        shutil.rmtree(folder)
    else:
        cli.say(f"kept in {folder}: syncd.db, config.toml, daemon.log")
    return 0 if verdict.ok else 1


@contextmanager
def _ended_in_order(stage: Stage) -> Iterator[None]:
    """Nothing of the stage is left over, also if it is ended from outside: the daemon is a process of its own."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    former = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        stage.close()
        for number, handler in former.items():
            signal.signal(number, handler)


def _folder(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="syncd-demo-"))
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise click.UsageError(f"{keep} is not empty; name a new folder")
    return keep.resolve()


def _print(cli: CliContext, verdict: Verdict) -> None:
    cli.say("\nVerdict", style="bold")
    events = ", ".join(f"{count} {what}" for what, count in verdict.events.items())
    cli.say(f"  events: {events}; {verdict.kills} kill -9")
    cli.say("  writes: " + ", ".join(f"{count} {how}" for how, count in sorted(verdict.operations.items())))
    cli.say(f"  requests: {verdict.requests['till']} to INVENTORUM, {verdict.requests['shop']} to the shop")
    cli.say(f"  the daemon stopped with exit code {verdict.stopped_with} after {verdict.stop_seconds} s")
    for mismatch in verdict.mismatches[:_SHOWN]:
        cli.say(f"  {_line(mismatch)}", style="red")
    for wrong in verdict.field_mismatches[:_SHOWN]:
        told = f"till “{wrong.till}”, shop “{wrong.shop}”"
        cli.say(f"  {wrong.sku}: {wrong.field} should be “{wrong.expected}”, {told}", style="red")
    for sku in verdict.still_on_sale:
        cli.say(f"  {sku}: deleted at the till, and the shop still sells it", style="red")
    for what in verdict.unsettled:
        cli.say(f"  not settled in time: {what}", style="red")
    right = verdict.fields - len(verdict.field_mismatches)
    what = "names, texts, prices, brands, categories, options and lists of images"
    names = f"{right} of {verdict.fields} {what} are equal at the till and in the shop"
    cli.mark(not verdict.field_mismatches, names)
    equal = verdict.items - len(verdict.mismatches)
    cli.mark(
        verdict.ok,
        f"{equal} of {verdict.items} items are equal at the till, in the shop, in the ledger and by the sum of events "
        f"({verdict.seconds} s)",
    )


def _line(mismatch: Mismatch) -> str:
    return (
        f"{mismatch.sku}: events add up to {mismatch.expected:f}, till {mismatch.till}, shop {mismatch.shop}, "
        f"ledger {mismatch.ledger}"
    )
