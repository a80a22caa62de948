"""An index of rows by their last change, so that a delta costs its page and not the catalogue."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from datetime import datetime

_BEFORE_ANY_ID = -1
_AFTER_ANY_ID = 10**20


class ChangeIndex:
    """Ids sorted by time of change, then id; each id once, with its latest change."""

    def __init__(self) -> None:
        self._keys: list[tuple[datetime, int]] = []
        self._at: dict[int, datetime] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, row: int, at: datetime) -> None:
        """Note that ``row`` changed at ``at``, which need not be the latest time: clocks are set back."""
        self.drop(row)
        self._at[row] = at
        insort(self._keys, (at, row))

    def put_many(self, rows: Iterable[tuple[datetime, int]]) -> None:
        """Like ``put`` for many new rows at once."""
        for at, row in rows:
            self._at[row] = at
            self._keys.append((at, row))
        self._keys.sort()

    def drop(self, row: int) -> None:
        """Forget ``row`` if it is known."""
        at = self._at.pop(row, None)
        if at is not None:
            del self._keys[bisect_left(self._keys, (at, row))]

    def first_since(self, bound: datetime | None, *, inclusive: bool = True) -> int:
        """Position of the first row that changed at or after ``bound`` (after it, if not ``inclusive``)."""
        if bound is None:
            return 0
        if inclusive:
            return bisect_left(self._keys, (bound, _BEFORE_ANY_ID))
        return bisect_right(self._keys, (bound, _AFTER_ANY_ID))

    def ids(self, start: int, stop: int | None = None) -> list[int]:
        """Ids at the positions from ``start`` to before ``stop``, oldest change first."""
        return [row for _, row in self._keys[start:stop]]

    def newest(self, start: int, stop: int) -> list[int]:
        """Ids counted from the latest change."""
        size = len(self._keys)
        return [row for _, row in reversed(self._keys[max(0, size - stop) : max(0, size - start)])]
