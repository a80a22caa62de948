"""What a person sees of the demo: a live table on a terminal, lines elsewhere, nothing with ``--json``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.table import Table

if TYPE_CHECKING:
    from syncd.demo.day import Tally
    from syncd.demo.stage import Stage

_WATCHED = 8


class Show:
    """Tells the day to one console; silent if ``quiet``."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._started = time.monotonic()
        self._live: Live | None = None
        self._stage: Stage | None = None
        self._tally: Tally | None = None

    def watch(self, stage: Stage, tally: Tally) -> None:
        """Show a table of the items that moved last, while somebody looks at a terminal."""
        self._stage, self._tally = stage, tally
        if self._console.is_terminal and not self._quiet:
            self._live = Live(get_renderable=self._table, console=self._console, refresh_per_second=4, transient=True)
            self._live.start()

    def end(self) -> None:
        """Take the table away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def chapter(self, title: str) -> None:
        """Begin a part of the day."""
        self._print(f"\n{title}", "bold")

    def say(self, text: str) -> None:
        """One thing that happened."""
        self._print(f"  {self._clock()}  {text}")

    def fine(self, text: str) -> None:
        """A good end."""
        self._print(f"  {self._clock()}  ✓ {text}", "green")

    def bad(self, text: str) -> None:
        """A bad end."""
        self._print(f"  {self._clock()}  ✗ {text}", "red")

    def _print(self, text: str, style: str | None = None) -> None:
        if not self._quiet:
            self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def _clock(self) -> str:
        return f"{time.monotonic() - self._started:5.1f} s"

    def _table(self) -> Table:
        table = Table(title="items that moved last")
        for heading in ("SKU", "till", "shop", "events add up to", ""):
            table.add_column(heading, justify="left" if heading == "SKU" else "right")
        if self._stage is None or self._tally is None:
            return table
        expected = self._tally.expected()
        till, shop = self._stage.till_stock(), self._stage.shop_stock()
        last = list(dict.fromkeys(sku for _, sku, _ in reversed(list(self._tally.events))))
        for sku in last[:_WATCHED]:
            equal = till[sku] == expected[sku] == shop[sku]
            table.add_row(sku, f"{till[sku]:f}", str(shop[sku]), f"{expected[sku]:f}", "✓" if equal else "…")
        return table
