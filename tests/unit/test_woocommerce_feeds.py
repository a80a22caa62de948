"""The two walks over lists that change while they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.adapters.answers import Malformed, Row
from syncd.adapters.woocommerce.feeds import Batch, Query, UnstableList, modified_since, row_time, whole_list

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PER_PAGE = 4


@dataclass
class LiveList:
    """Rows behind the contract's query; ``happen`` runs before each answer."""

    seconds: dict[int, int] = field(default_factory=dict)
    now: int = 0
    happen: Callable[[LiveList], None] = lambda live: None
    counts: bool = True
    sorts: bool = True
    asked: list[Query] = field(default_factory=list)

    def touch(self, row: int) -> None:
        self.seconds[row] = self.now

    def ask(self, query: Query) -> Batch:
        self.happen(self)
        self.asked.append(query)
        rows = [
            (row, START + timedelta(seconds=second))
            for row, second in self.seconds.items()
            if (query.after is None or START + timedelta(seconds=second) > query.after)
            and (query.before is None or START + timedelta(seconds=second) < query.before)
        ]
        if query.orderby == "modified" and self.sorts:
            # Ties in an order that differs from request to request, as the contract allows.
            rows.sort(key=lambda pair: (pair[1], hash((pair[0], len(self.asked)))))
        elif query.orderby == "modified":
            rows.sort(key=lambda pair: hash((pair[0], len(self.asked))))
        else:
            rows.sort()
        at = (query.page - 1) * PER_PAGE
        shown: list[Row] = [{"id": row, "date_modified_gmt": f"{at:%Y-%m-%dT%H:%M:%S}"} for row, at in rows]
        return Batch(shown[at : at + PER_PAGE], len(rows) if self.counts else None)


def walk(live: LiveList, since: int = -1) -> set[int]:
    pages = modified_since(live.ask, START + timedelta(seconds=since), per_page=PER_PAGE)
    return {row["id"] for page in pages for row in page}


Change = tuple[str, int]
changes = st.lists(
    st.lists(
        st.one_of(
            st.tuples(st.just("touch"), st.integers(0, 40)),
            st.tuples(st.just("delete"), st.integers(0, 40)),
            st.tuples(st.just("create"), st.just(0)),
            st.tuples(st.just("tick"), st.integers(1, 3)),
        ),
        max_size=3,
    ),
    max_size=12,
)


def playing(script: list[list[Change]]) -> tuple[Callable[[LiveList], None], set[int]]:
    steps = iter(script)
    deleted: set[int] = set()

    def happen(live: LiveList) -> None:
        for action, number in next(steps, []):
            known = sorted(live.seconds)
            if action == "tick":
                live.now += number
            elif action == "create":
                # An id is never given twice, not even after the newest row was deleted.
                row = max([*known, *deleted], default=0) + 1
                live.touch(row)
            elif known and action == "touch":
                live.touch(known[number % len(known)])
            elif known:
                row = known[number % len(known)]
                del live.seconds[row]
                deleted.add(row)

    return happen, deleted


@example(seconds=[0] * 10, script=[[], [], [("touch", 0)]], counts=False)
@given(seconds=st.lists(st.integers(0, 6), max_size=40), script=changes, counts=st.booleans())
def test_a_modified_walk_loses_no_row_that_was_there_and_still_is(
    seconds: list[int], script: list[list[Change]], counts: bool
) -> None:
    live = LiveList(dict(enumerate(seconds, start=1)), now=7, counts=counts)
    before = set(live.seconds)
    live.happen, deleted = playing(script)
    found = walk(live)
    assert before - deleted <= found


@given(size=st.integers(0, 40), script=changes, counts=st.booleans())
def test_a_whole_read_loses_no_row_that_was_there_and_still_is(
    size: int, script: list[list[Change]], counts: bool
) -> None:
    live = LiveList(dict.fromkeys(range(1, size + 1), 0), now=7, counts=counts)
    live.happen, deleted = playing(script)
    before = set(live.seconds)
    rows = [row["id"] for page in whole_list(live.ask, Query(), per_page=PER_PAGE) for row in page]
    assert before - deleted <= set(rows)
    assert len(rows) == len(set(rows))


def test_more_rows_in_one_second_than_a_page_holds() -> None:
    live = LiveList({**dict.fromkeys(range(1, 12), 3), **dict.fromkeys(range(12, 15), 5)}, now=9)
    assert walk(live) == set(range(1, 15))


def test_a_row_without_changes_costs_one_request() -> None:
    live = LiveList({1: 0, 2: 0}, now=9)
    assert walk(live, since=5) == set()
    assert len(live.asked) == 1


def test_a_shop_that_does_not_sort_is_read_by_id() -> None:
    live = LiveList({row: row % 5 for row in range(1, 30)}, now=9, sorts=False)
    assert walk(live) == set(range(1, 30))


def test_a_shop_that_does_not_count_is_read_to_an_empty_page() -> None:
    live = LiveList(dict.fromkeys(range(1, 12), 3), now=9, counts=False)
    assert walk(live) == set(range(1, 12))
    rows = [row["id"] for page in whole_list(live.ask, Query(), per_page=PER_PAGE) for row in page]
    assert sorted(rows) == list(range(1, 12))


@pytest.mark.parametrize("total", [None, 6])
def test_a_shop_that_ignores_filters_and_pages_is_read_and_left(total: int | None) -> None:
    rows: list[Row] = [{"id": row, "date_modified_gmt": "2020-01-01T00:00:00"} for row in range(6)]
    found = {row["id"] for page in modified_since(lambda query: Batch(rows, total), START) for row in page}
    assert found == set(range(6))


def test_a_deletion_between_two_pages_does_not_hide_a_row() -> None:
    live = LiveList(dict.fromkeys(range(1, 13), 0), now=7)

    def delete_first_after_two_pages(live: LiveList) -> None:
        if len(live.asked) == 2:
            del live.seconds[1]

    live.happen = delete_first_after_two_pages
    rows = {row["id"] for page in whole_list(live.ask, Query(), per_page=PER_PAGE) for row in page}
    assert rows >= set(range(2, 13))


def test_a_restored_row_in_the_middle_is_noticed_by_the_count() -> None:
    live = LiveList({row: 0 for row in range(1, 14) if row != 3}, now=7)

    def restore_after_two_pages(live: LiveList) -> None:
        if len(live.asked) == 3:
            live.touch(3)

    live.happen = restore_after_two_pages
    rows = {row["id"] for page in whole_list(live.ask, Query(), per_page=PER_PAGE) for row in page}
    assert rows == set(range(1, 14))


def test_a_list_that_never_shows_what_it_counts_is_refused() -> None:
    def short(query: Query) -> Batch:
        return Batch([{"id": 1}] if query.page == 1 else [], 5)

    with pytest.raises(UnstableList) as caught:
        list(whole_list(short, Query(), per_page=PER_PAGE))
    assert (caught.value.found, caught.value.total) == (1, 5)


def test_rows_of_refunds_are_dated_by_their_creation() -> None:
    assert row_time({"id": 5, "date_created_gmt": "2026-11-23T12:21:36"}) == datetime(
        2026, 11, 23, 12, 21, 36, tzinfo=UTC
    )
    assert row_time({"id": 5, "date_modified_gmt": None}) is None
    with pytest.raises(Malformed):
        row_time({"id": 5, "date_modified_gmt": "yesterday"})


def test_a_wrong_count_does_not_lead_through_a_million_pages() -> None:
    live = LiveList(dict.fromkeys(range(1, 12), 3), now=9)

    def ask(query: Query) -> Batch:
        batch = live.ask(query)
        assert len(live.asked) < 200
        return replace(batch, total=10**11) if len(live.asked) == 1 else batch

    assert {row["id"] for page in whole_list(ask, Query(), per_page=PER_PAGE) for row in page} == set(range(1, 12))


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "0001-01-01T00:00:00+23:59", "0000-00-00T00:00:00"]
)
def test_a_date_beyond_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="date of 5"):
        row_time({"id": 5, "date_modified_gmt": text})
