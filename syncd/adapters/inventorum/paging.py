"""Reading lists that change while they are read, without losing a row.

INVENTORUM pages by number over a live list. Between two requests rows move, and a row that moves across a page border
the wrong way is never seen. What follows is the reasoning behind the two readers.

**Newest last** (``/products/delta/modified/``: oldest change first in every recording). A row moves only when something
changes: a changed or new row goes to the end, a deleted one leaves. So a row that does *not* change never moves to a
later place. Read the pages from the last to the first: let ``d`` be the page where such a row stands minus the page
that is being read, at the moment of reading. At the last page ``d <= 0``, at page 1 ``d >= 0``, and from one request
to the next ``d`` grows by at most one (our own step; the row itself can only lower it). So ``d`` is zero at some
request, and the row is in that answer. Rows that did change are newer than the cursor, which comes from the clock of
the first answer: the next delta has them. So the order of requests is page 1 (for ``total`` and the clock), the last
page down to page 2, and page 1 again. Pages are read one after the other: read at the same time, the argument fails.

**Growing** (``/products/delta/deleted/``, orders, returns): rows only arrive, possibly in the middle, so they move to
later places only. By the mirrored argument the pages are read from first to last.

The order of lists is not documented. So both readers also count: the number of distinct ids must reach ``total``, or
the list is read again from its end (where a row that moved now stands), a bounded number of times, and then the read
fails. Neither a short nor an empty page ends anything: a server may give fewer rows than were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from syncd.errors import SideError, Transient

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.adapters.inventorum.wire import Where

T = TypeVar("T")

MAX_PASSES = 5
"""How often a list is read again while its count does not fit."""

_MOST_EMPTY = 3
"""Pages in a row without any row, after which ``total`` is doubted and asked for again."""


@dataclass(frozen=True, slots=True)
class ListPage(Generic[T]):
    """One answer of a list.

    Attributes:
        rows: Rows in the order of the answer; readers yield only rows not yielded before.
        total: Rows in the whole list, ``None`` if the answer does not say (a page beyond the end).
        date: The server's clock when it was asked, at the latest.
    """

    rows: tuple[T, ...]
    total: int | None
    date: datetime | None = None


@dataclass(slots=True)
class _Reading(Generic[T]):
    """Book-keeping of one read: which ids were seen, what the list says of its length."""

    key: Callable[[T], Hashable]
    where: Where
    seen: set[Hashable] = field(default_factory=set)
    total: int | None = None
    _at_pass: tuple[int, int | None] = (0, None)

    def take(self, page: ListPage[T]) -> ListPage[T]:
        """Note a page; return it with the rows that were not seen before.

        Raises:
            InvalidResponse: One page holds more rows than the whole list is said to have.
        """
        rows = {self.key(row): row for row in page.rows}
        if page.total is not None:
            if page.total < len(rows):
                raise self.where.invalid(f"a page holds {len(rows)} rows of a list that says it has {page.total}")
            self.total = page.total
        unseen = tuple(row for key, row in rows.items() if key not in self.seen)
        self.seen.update(rows)
        return replace(page, rows=unseen, total=self.total)

    def complete(self) -> bool:
        """Whether as many distinct ids were seen as the list says it has."""
        return self.total is not None and len(self.seen) >= self.total

    def pages(self, size: int) -> int:
        """Return the number of pages at ``size`` rows each; with unknown size only the first is worth reading."""
        return max(1, -(-(self.total or 0) // size)) if size else 1

    def end_pass(self) -> None:
        """Note that the whole list was read and is still short of ``total``.

        Raises:
            InvalidResponse: The list stands still and its pages do not hold what ``total`` promises.
        """
        if self.total is None:
            raise self.where.invalid("no answer says how many rows there are (`total`)")
        before, self._at_pass = self._at_pass, (len(self.seen), self.total)
        if before == self._at_pass:
            raise self.where.invalid(f"the list says it has {self.total} rows, but its pages hold {len(self.seen)}")

    def short(self) -> SideError:
        """Return the error for a list that kept moving."""
        return Transient(
            self.where.side,
            self.where.request,
            f"the list kept changing: {len(self.seen)} of {self.total} rows after {MAX_PASSES} readings",
        )


def read_newest_last(
    fetch: Callable[[int], ListPage[T]], key: Callable[[T], Hashable], where: Where
) -> Iterator[ListPage[T]]:
    """Read a list whose changed rows move to its end, without losing one that does not change.

    A list of one page costs one request.

    Args:
        fetch: Reads a page by number, from 1.
        key: Identity of a row.
        where: For errors.

    Yields:
        Pages with rows not yielded before. The first carries the clock of the first answer, even if it has no rows.

    Raises:
        InvalidResponse: No ``total``, or pages that do not hold what it promises, however often they are read.
        Transient: The list moved faster than it could be read.
    """
    reading = _Reading(key, where)
    first = fetch(1)
    yield reading.take(first)
    if reading.complete():
        return
    size = len(first.rows)
    whole = False
    for _ in range(MAX_PASSES):
        number, empty, jumped = reading.pages(size), 0, False
        while number > 0:
            page = fetch(number)
            size = max(size, len(page.rows))
            unseen = reading.take(page)
            if unseen.rows:
                yield unseen
            if whole and reading.complete():
                return
            # A wrong `total` must not lead through a million empty pages. Pages beyond the present end hold nothing.
            empty = 0 if page.rows else empty + 1
            number = 1 if empty == _MOST_EMPTY else min(number - 1, reading.pages(size))
            jumped = jumped or empty == _MOST_EMPTY
        # The count alone proves nothing: rows that were seen and deleted since are in it.
        whole = whole or not jumped
        if whole and reading.complete():
            return
        reading.end_pass()
    raise reading.short()


def read_growing(
    fetch: Callable[[int], ListPage[T]], key: Callable[[T], Hashable], where: Where, *, first_page: int = 1
) -> Iterator[ListPage[T]]:
    """Read a list whose rows move to later places only.

    Args:
        fetch: Reads a page by number.
        key: Identity of a row.
        where: For errors.
        first_page: Number of the first page. Lists that may begin at 0 or 1 are read from 0: repeated rows are
            dropped, and only two pages in a row without a new one end a pass.

    Yields:
        Pages with rows not yielded before. The first carries the clock of the first answer, even if it has no rows.

    Raises:
        InvalidResponse: As for ``read_newest_last``.
        Transient: As for ``read_newest_last``.
    """
    reading = _Reading(key, where)
    for attempt in range(MAX_PASSES):
        number, stale = first_page, 0
        while stale < 2:
            unseen = reading.take(fetch(number))
            if unseen.rows or (number == first_page and not attempt):
                yield unseen
            if reading.complete():
                return
            stale = 0 if unseen.rows else stale + 1
            number += 1
        reading.end_pass()
    raise reading.short()
