"""What a server's clock shows against ours, from its ``Date`` headers."""

from __future__ import annotations

from datetime import datetime, timedelta

_WHOLE_SECOND = timedelta(seconds=1)
_LONGEST = timedelta(seconds=2)
"""An answer that took longer says too little."""

_ANEW_AFTER = timedelta(minutes=10)
"""Clocks drift and are set: what was narrowed down is forgotten after so long."""

_DISBELIEVED = 3
"""So many answers in a row must disagree before they are believed: one alone may come from a cache."""


class ServerClock:
    """Narrows down the offset between a server's clock and ours to well under a second.

    A ``Date`` is cut to whole seconds, so one answer bounds the offset to a second and the time it took; the bounds of
    several answers overlap in little.
    """

    def __init__(self) -> None:
        self._bounds: tuple[timedelta, timedelta] | None = None
        self._since: datetime | None = None
        self._strangers = 0

    @property
    def offset(self) -> timedelta:
        """The server's clock minus ours; zero while it may be none."""
        if self._bounds is None or self._bounds[0] <= timedelta(0) <= self._bounds[1]:
            return timedelta(0)
        return (self._bounds[0] + self._bounds[1]) / 2

    def note(self, date: datetime, answered_at: datetime, took: timedelta) -> None:
        """Take note of an answer.

        Args:
            date: Its ``Date``.
            answered_at: When it had come, our clock.
            took: From sending to its last byte.
        """
        if took > _LONGEST:
            return
        bounds = date - answered_at, date + _WHOLE_SECOND - (answered_at - took)
        known = self._bounds
        if known is None or self._since is None or not self._since <= answered_at <= self._since + _ANEW_AFTER:
            self._begin(bounds, answered_at)
            return
        common = max(bounds[0], known[0]), min(bounds[1], known[1])
        if common[0] <= common[1]:
            self._bounds, self._strangers = common, 0
            return
        self._strangers += 1
        if self._strangers >= _DISBELIEVED:
            self._begin(bounds, answered_at)

    def _begin(self, bounds: tuple[timedelta, timedelta], moment: datetime) -> None:
        self._bounds, self._since, self._strangers = bounds, moment, 0
