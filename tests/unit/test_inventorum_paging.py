"""Lists that change while they are read: no row that stays the same is ever lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.adapters.inventorum.paging import ListPage, read_growing, read_newest_last
from syncd.adapters.inventorum.wire import Where
from syncd.errors import InvalidResponse, SideError, Transient

WHERE = Where("inventorum", "GET products/delta/modified/")

Change = tuple[str, int]
Reader = Callable[[Callable[[int], ListPage[int]], Callable[[int], int], Where], Iterator[ListPage[int]]]


def same(row: int) -> int:
    return row


@dataclass
class LiveList:
    """A list on a server, oldest change first (or by number), that changes before each request but the first.

    Attributes:
        rows: Present rows.
        size: Rows per page that the server gives, whatever was asked.
        script: Changes to make before request 2, 3 and so on.
        changed: Rows made or changed since the first request.
        deleted: Rows deleted since then.
    """

    rows: list[int]
    size: int
    script: list[list[Change]] = field(default_factory=list)
    keep_sorted: bool = False
    asked: list[int] = field(default_factory=list)
    changed: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    last_change: int = 0
    fresh: int = 100_000

    def fetch(self, page: int) -> ListPage[int]:
        if self.asked and self.script:
            for change in self.script.pop(0):
                self._make(*change)
        self.asked.append(page)
        start = (page - 1) * self.size
        return ListPage(tuple(self.rows[start : start + self.size]), len(self.rows))

    def _make(self, kind: str, choice: int) -> None:
        self.last_change = len(self.asked)
        if kind == "create" or not self.rows:
            self.fresh += 1
            place = choice % (len(self.rows) + 1) if self.keep_sorted else len(self.rows)
            self.rows.insert(place, self.fresh)
            self.changed.add(self.fresh)
            return
        row = self.rows.pop(choice % len(self.rows))
        if kind == "touch":
            self.rows.append(row)
            self.changed.add(row)
        else:
            self.deleted.add(row)


def changes(*kinds: str) -> st.SearchStrategy[list[list[Change]]]:
    one = st.tuples(st.sampled_from(kinds), st.integers(0, 60))
    return st.lists(st.lists(one, max_size=4), max_size=25)


def read_all(read: Reader, live: LiveList) -> set[int]:
    """Read to the end; a read may give up only while the list is still moving."""
    seen: set[int] = set()
    try:
        for page in read(live.fetch, same, WHERE):
            assert not seen & set(page.rows), "a row came twice"
            seen.update(page.rows)
    except SideError:
        two_passes = 2 * (-(-len(live.rows) // live.size) + 2)
        assert live.last_change >= len(live.asked) - two_passes
        return set(range(100_000))
    return seen


@given(length=st.integers(0, 30), size=st.integers(1, 7), script=changes("touch", "delete", "create"))
@example(length=5, size=1, script=[[("delete", 0)]] * 3)
def test_no_unchanged_row_is_lost_from_a_list_sorted_by_change(
    length: int, size: int, script: list[list[Change]]
) -> None:
    before = list(range(length))
    live = LiveList(list(before), size, script)
    seen = read_all(read_newest_last, live)
    assert set(before) - live.changed - live.deleted <= seen


@given(length=st.integers(0, 30), size=st.integers(1, 7), script=changes("create"))
def test_no_row_is_lost_from_a_list_that_grows_anywhere(length: int, size: int, script: list[list[Change]]) -> None:
    before = list(range(length))
    live = LiveList(list(before), size, script, keep_sorted=True)
    seen = read_all(read_growing, live)
    assert set(before) <= seen


@given(length=st.integers(0, 60), size=st.integers(1, 9))
def test_a_list_that_stands_still_is_read_whole_by_both(length: int, size: int) -> None:
    for read in (read_newest_last, read_growing):
        live = LiveList(list(range(length)), size)
        rows = [row for page in read(live.fetch, same, WHERE) for row in page.rows]
        assert sorted(rows) == list(range(length))


def test_one_page_costs_one_request() -> None:
    for read in (read_newest_last, read_growing):
        live = LiveList([1, 2, 3], 100)
        list(read(live.fetch, same, WHERE))
        assert live.asked == [1]


def test_an_empty_list_costs_one_request_and_still_tells_the_clock() -> None:
    for read in (read_newest_last, read_growing):
        live = LiveList([], 100)
        assert len(list(read(live.fetch, same, WHERE))) == 1
        assert live.asked == [1]


def test_pages_are_read_from_the_end_and_the_first_page_twice() -> None:
    live = LiveList(list(range(10)), 3)
    list(read_newest_last(live.fetch, same, WHERE))
    assert live.asked == [1, 4, 3, 2, 1]


def test_a_row_changed_in_the_middle_of_a_read_costs_one_more_page() -> None:
    live = LiveList(list(range(10)), 3, [[], [], [("touch", 0)]])
    seen = {row for page in read_newest_last(live.fetch, same, WHERE) for row in page.rows}
    assert seen == set(range(10))
    assert len(live.asked) <= 6


@pytest.mark.parametrize("read", [read_newest_last, read_growing])
class TestFaultyPaging:
    """The faults that section 12 of the contract asks a simulator to offer, and worse."""

    def test_a_clamped_limit_is_no_end(self, read: Reader) -> None:
        live = LiveList(list(range(100)), 40)
        assert read_all(read, live) == set(range(100))

    def test_a_page_number_that_is_ignored_is_found_out(self, read: Reader) -> None:
        def fetch(_page: int) -> ListPage[int]:
            return ListPage(tuple(range(5)), 12)

        with pytest.raises(InvalidResponse, match="12 rows, but its pages hold 5"):
            list(read(fetch, same, WHERE))

    def test_a_row_skipped_at_each_border_is_found_out(self, read: Reader) -> None:
        def fetch(page: int) -> ListPage[int]:
            start = (page - 1) * 6
            return ListPage(tuple(range(30))[start : start + 5], 30)

        with pytest.raises(InvalidResponse, match="its pages hold 25"):
            list(read(fetch, same, WHERE))

    def test_an_empty_answer_is_never_the_end_of_a_list_that_has_rows(self, read: Reader) -> None:
        asked: list[int] = []

        def fetch(page: int) -> ListPage[int]:
            asked.append(page)
            return ListPage((), 72_000)

        with pytest.raises(InvalidResponse, match="72000 rows"):
            list(read(fetch, same, WHERE))
        assert len(asked) < 10

    def test_a_page_that_was_empty_once_is_read_again(self, read: Reader) -> None:
        live = LiveList(list(range(9)), 3)
        hiccups = [2]

        def fetch(page: int) -> ListPage[int]:
            if page in hiccups:
                hiccups.remove(page)
                return ListPage((), 9)
            return live.fetch(page)

        rows = {row for page in read(fetch, same, WHERE) for row in page.rows}
        assert rows == set(range(9))

    def test_without_a_total_nothing_is_believed(self, read: Reader) -> None:
        def fetch(page: int) -> ListPage[int]:
            return ListPage((1, 2) if page == 1 else (), None)

        with pytest.raises(InvalidResponse, match="total"):
            list(read(fetch, same, WHERE))

    def test_a_list_that_never_rests_ends_as_a_temporary_failure(self, read: Reader) -> None:
        made = [0]

        def fetch(page: int) -> ListPage[int]:
            made[0] += page == 1
            return ListPage((made[0],) if page == 1 else (), made[0] + 2)

        with pytest.raises(Transient, match="kept changing"):
            list(read(fetch, same, WHERE))


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("below", ["same", "nothing"])
def test_a_list_that_begins_at_page_0_or_1_is_read_whole(first: int, below: str) -> None:
    rows = list(range(10))

    def fetch(page: int) -> ListPage[int]:
        if page < first:
            return ListPage(tuple(rows[:4]), 10) if below == "same" else ListPage((), None)
        start = (page - first) * 4
        return ListPage(tuple(rows[start : start + 4]), 10)

    found = [row for page in read_growing(fetch, same, WHERE, first_page=0) for row in page.rows]
    assert sorted(found) == rows


@pytest.mark.parametrize("read", [read_newest_last, read_growing])
@pytest.mark.parametrize("lies", [1, 1000])
def test_a_wrong_total_does_not_lead_through_a_million_pages(read: Reader, lies: int) -> None:
    live = LiveList(list(range(10)), 3)

    def fetch(number: int) -> ListPage[int]:
        page = live.fetch(number)
        assert len(live.asked) < 100
        return replace(page, total=10**12) if len(live.asked) <= lies else page

    if lies == 1:
        assert {row for page in read(fetch, same, WHERE) for row in page.rows} == set(range(10))
    else:
        with pytest.raises(InvalidResponse, match="its pages hold"):
            list(read(fetch, same, WHERE))


@pytest.mark.parametrize("read", [read_newest_last, read_growing])
def test_a_page_with_more_rows_than_the_whole_list_is_refused(read: Reader) -> None:
    with pytest.raises(InvalidResponse, match="a page holds 3 rows of a list that says it has 1"):
        list(read(lambda _: ListPage((1, 2, 3), 1), same, WHERE))
