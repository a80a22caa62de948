"""``syncd explain SKU``: why a side says what it says."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import click

from syncd.cli.command import CliContext, Command, pass_cli
from syncd.cli.opening import database_to_look_at
from syncd.core.fields import told
from syncd.service.explain import Story
from syncd.service.explain import explain as tell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


@click.command(cls=Command, short_help="The story of an item.")
@click.argument("sku")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1), help="Most lines of history.")
@pass_cli
def explain(cli: CliContext, sku: str, limit: int) -> int:
    """Tell the story of an item: what each side holds and why, every movement, every write and every field.

    SKU may also be an EAN or a side's own id.
    """
    with database_to_look_at(cli) as db:
        stories = tell(db, sku, limit=limit)
    cli.emit({"items": [story.as_dict() for story in stories]})
    for story in stories:
        _show(cli, story)
    return 0


def _show(cli: CliContext, story: Story) -> None:
    on_hand = "not linked" if story.on_hand is None else f"{story.on_hand:f} on hand"
    cli.say(f"{story.name}: {on_hand}", style="bold")
    for side in story.sides:
        holds = "nothing counted" if side.holds is None else f"holds {side.holds:f}"
        wanted = f", should hold {side.wanted:f}" if side.wanted is not None and side.wanted != side.holds else ""
        since = f", since {side.doubt_since.astimezone():%Y-%m-%d %H:%M:%S}" if side.doubt_since else ""
        cli.say(
            f"  {side.side} (id {side.external_id}, SKU {side.sku or 'none'}): {holds}{wanted}; {side.state}{since}"
        )
    if story.left_out:
        cli.say(f"  … {story.left_out} older lines left out (--limit)")
    for _, line in sorted(_lines(story), key=lambda each: each[0]):
        cli.say(f"  {line}")
    for text in story.findings:
        cli.mark(None, text)


def _lines(story: Story) -> Iterator[tuple[float, str]]:
    """What happened, with its moment; what has none stands at the end."""
    for entry in story.entries:
        now = f" → {entry.on_hand:f} on hand" if entry.on_hand is not None else ""
        arrow = "·" if entry.what == "movement" else "→"
        told_of = f"{arrow} {entry.side} {entry.quantity:+f}{now}  {entry.text}  [run {entry.run}]"
        yield entry.at.timestamp(), f"{_moment(entry.at)} {told_of}"
    for change in story.fields:
        before, value = told(change.field, change.before), told(change.field, change.value)
        written = f"{change.field}: “{before}” → “{value}”  {change.state}; {change.text}  [run {change.run}]"
        yield change.at.timestamp(), f"{_moment(change.at)} → {change.side} {written}"
    for made in story.made:
        run = f"  [run {made.run}]" if made.run else ""
        if made.at is None:
            yield inf, f"→ {made.side}: {made.text}{run}"
        else:
            yield made.at.timestamp(), f"{_moment(made.at)} → {made.side}: {made.text}{run}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"
