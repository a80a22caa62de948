"""Reading lists that change while they are read, without losing a row.

Pure: the two walks below see the shop through one function, so that tests can put a list behind it that changes
between any two requests.

Facts they stand on (woocommerce-api.md section 2, recording 01-listing): ``modified_after`` is strictly greater, at
a resolution of one second; a change moves a row to the end of the order by modification; the order inside one second
is not promised; ids only grow, so a new row comes last in the order by id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

from syncd.adapters.answers import Malformed, Row

PER_PAGE = 100
_PASSES = 3
_TAIL = 50
"""Pages that may have been added during a walk; with more than these it begins anew."""
_SECOND = timedelta(seconds=1)
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
"""Beyond these, sums with an overlap would leave the calendar; nothing was changed there."""
_LARGEST_ID = 2**63


class UnstableList(Malformed):
    """The list never showed as many rows as it promised."""

    def __init__(self, found: int, total: int) -> None:
        self.found = found
        self.total = total
        super().__init__(f"the shop counts {total} rows but shows {found}")


@dataclass(frozen=True, slots=True)
class Query:
    """What to ask for: rows modified strictly between two instants, in an order, one page of it."""

    orderby: str = "id"
    after: datetime | None = None
    before: datetime | None = None
    page: int = 1
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """One answer: rows, how many match the query in all (if the shop says so), and the server's clock."""

    rows: Sequence[Row]
    total: int | None
    date: datetime | None = None


Ask = Callable[[Query], Batch]


def is_id(value: object) -> bool:
    """Whether a value can be an id: a positive integer of WordPress's database."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LARGEST_ID


def row_time(row: Row) -> datetime | None:
    """When a row was last changed, aware UTC; refunds carry only their creation.

    Raises:
        Malformed: The value is not a time.
    """
    text = row.get("date_modified_gmt") or row.get("date_created_gmt")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise Malformed(f"the date of {row.get('id')} is in the year {moment.year}")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(f"the date of {row.get('id')} is not a time") from None


def modified_since(ask: Ask, since: datetime, *, per_page: int = PER_PAGE) -> Iterator[list[Row]]:
    """Walk everything modified after ``since``, oldest change first.

    The next request starts at the second of the last row, not at a page number: a row that changes meanwhile moves to
    the end and is met there. A second with more rows than a page is read by id (``whole_list``).
    A row may come twice; none that matched at the beginning and still exists is left out.

    Args:
        ask: Sends one request.
        since: Exclusive start, whole seconds.
        per_page: Rows per full page.
    """
    after = since
    batch = ask(Query("modified", after=after))
    known: set[tuple[int, datetime]] = set()
    while True:
        times = _times(batch.rows, after)
        if times != sorted(times) or (times and times[0] <= after):
            # The shop does not sort or filter as asked (refunds by creation, a plugin): no row can be a bookmark.
            yield from whole_list(ask, Query("id", after=after), per_page=per_page)
            return
        stamped = list(zip(batch.rows, times, strict=True))
        fresh = [row for row, at in stamped if (row["id"], at) not in known]
        if fresh:
            yield fresh
        if not batch.rows or _complete(batch, per_page, fresh=bool(fresh)):
            return
        last = times[-1]
        if last - _SECOND > after:
            after = last - _SECOND
            known = {(row["id"], at) for row, at in stamped if at == last}
        else:
            yield from whole_list(ask, Query("id", after=after, before=after + 2 * _SECOND), per_page=per_page)
            after += _SECOND
            known = set()
        batch = ask(Query("modified", after=after))


def whole_list(ask: Ask, query: Query, *, per_page: int = PER_PAGE) -> Iterator[list[Row]]:
    """Walk a whole list by pages, from the last page to the first.

    A row that leaves the list moves those behind it to earlier pages, which are read later; new rows come last and are
    picked up by reading the tail once more. What neither covers shows in the count, and the list is read again.
    Every id is yielded once.

    Raises:
        UnstableList: After several passes there are still fewer rows than the shop counts.
    """
    seen: set[int] = set()
    found = total = 0
    for _ in range(_PASSES):
        first = ask(query)
        if first.total is None:
            yield from _forward(ask, query, first, seen)
            return
        this_pass: set[int] = set()
        total = first.total
        page = pages = _page_count(total, per_page)
        while page > 0:
            batch = first if pages == 1 else ask(replace(query, page=page))
            total = batch.total if batch.total is not None else total
            yield from _fresh(batch.rows, seen, this_pass)
            # Pages beyond the present end hold nothing; a wrong count must not lead through a million of them.
            page = min(page - 1, _page_count(total, per_page))
        if len(this_pass) < total:
            for page in range(pages, min(_page_count(total, per_page), pages + _TAIL) + 1):
                yield from _fresh(ask(replace(query, page=page)).rows, seen, this_pass)
        found = len(this_pass)
        if found >= total:
            return
    raise UnstableList(found, total)


def _forward(ask: Ask, query: Query, first: Batch, seen: set[int]) -> Iterator[list[Row]]:
    """Without a count the end is a page that brings nothing new (empty, or the same again).

    Then the pages are read once more from there to the first: what left the list meanwhile has moved rows to pages
    that had been read already.
    """
    batch, page = first, 1
    while fresh := list(_fresh(batch.rows, seen, set())):
        yield from fresh
        page += 1
        batch = ask(replace(query, page=page))
    for earlier in range(page - 1, 0, -1):
        yield from _fresh(ask(replace(query, page=earlier)).rows, seen, set())


def _fresh(rows: Sequence[Row], seen: set[int], this_pass: set[int]) -> Iterator[list[Row]]:
    fresh = []
    for row in rows:
        this_pass.add(row["id"])
        if row["id"] not in seen:
            seen.add(row["id"])
            fresh.append(row)
    if fresh:
        yield fresh


def _times(rows: Sequence[Row], after: datetime) -> list[datetime]:
    """Times of rows; one without a time takes its predecessor's."""
    times: list[datetime] = []
    for row in rows:
        times.append(row_time(row) or (times[-1] if times else after + _SECOND))
    return times


def _complete(batch: Batch, per_page: int, *, fresh: bool) -> bool:
    if batch.total is not None:
        return len(batch.rows) >= batch.total
    return len(batch.rows) < per_page and not fresh


def _page_count(total: int, per_page: int) -> int:
    return max(1, -(-total // per_page))
