"""Where a feed continues, and how little has to be read to know that nothing happened since.

Every read overlaps the one before. After an import or a first alignment the overlap holds thousands of rows that were
read already; reading them again for a minute would make a quiet shop look busy. So a position may carry a window: its
start, and how many rows the shop had in it when all of them had been read. As long as the shop's count agrees and its
newest rows are the old ones, nothing happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from syncd.adapters.answers import Malformed
from syncd.adapters.woocommerce.feeds import PER_PAGE, row_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syncd.adapters.answers import Row
    from syncd.adapters.woocommerce.feeds import Batch

_GUARD = timedelta(seconds=10)
"""How much earlier than the last read a row's date may lie although the read did not see it (a slow request stamps its
product first and stores the quantity later)."""


@dataclass(frozen=True, slots=True)
class Window:
    """Rows modified after ``start`` that have been read: ``rows`` of them."""

    start: datetime
    rows: int


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """The server's clock when the last read began, and what that read knows of its own overlap."""

    clock: datetime
    window: Window | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``text`` wrote.

        Raises:
            Malformed: Something else stands there.
        """
        try:
            clock, *rest = text.split(" ")
            window = Window(_time(rest[0]), int(rest[1])) if rest else None
            return cls(_time(clock), window)
        except (ValueError, IndexError):
            raise Malformed(f"{text!r} is not a position of a WooCommerce feed") from None

    def text(self) -> str:
        """Naive GMT; a window is added as its start and count."""
        if self.window is None:
            return api_time(self.clock)
        return f"{api_time(self.clock)} {api_time(self.window.start)} {self.window.rows}"

    def since(self, overlap: timedelta) -> datetime:
        """After which instant to ask."""
        return self.window.start if self.window is not None else self.clock - overlap

    def judge(self, newest: Batch, next_start: datetime) -> tuple[Sequence[Row], Self] | None:
        """Decide from the newest rows alone, if they allow it.

        Args:
            newest: First page of the window, newest change first.
            next_start: Start of the window of the next read.

        Returns:
            Rows to hand on and the position to keep; ``None`` if the whole window must be read.
        """
        times = [row_time(row) for row in newest.rows]
        known = [at for at in times if at is not None]
        if self.window is None or newest.total is None or newest.date is None or len(known) != len(times) or not known:
            return None
        line = self.clock - _GUARD
        recent = sum(at >= line for at in known)
        if known != sorted(known, reverse=True) or known[-1] >= line:
            return None
        if not 0 <= newest.total - self.window.rows <= recent:
            return None
        if known[-1] <= next_start:
            return newest.rows, type(self)(newest.date)
        return ((), self) if recent == 0 else None


@dataclass(slots=True)
class Tally:
    """Counts the rows of a read that lie in the next read's overlap.

    Attributes:
        overlap: How far the next read reaches back.
        clock: The server's clock when the read began; taken from the first answer if not given.
    """

    overlap: timedelta
    clock: datetime | None = None
    _ids: set[int] = field(default_factory=set)

    def add(self, rows: Iterable[Row], clock: datetime) -> None:
        """Count rows of an answer; one that comes twice counts once."""
        self.clock = self.clock or clock
        start = self.clock - self.overlap
        for row in rows:
            at = row_time(row)
            if at is not None and at > start:
                self._ids.add(row["id"])

    def position(self) -> FeedPosition:
        """Where to continue; a window is worth carrying only if it does not fit one page.

        Raises:
            Malformed: Nothing was read.
        """
        if self.clock is None:
            raise Malformed("no answer told the server's time")
        crowded = len(self._ids) > PER_PAGE
        return FeedPosition(self.clock, Window(self.clock - self.overlap, len(self._ids)) if crowded else None)


def api_time(moment: datetime) -> str:
    """Write an instant as naive GMT; goes with ``dates_are_gmt=true`` and never with ``Z``.

    Source: recording 01-listing: a trailing ``Z`` together with ``dates_are_gmt`` misses the zone's offset in changes.
    """
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
