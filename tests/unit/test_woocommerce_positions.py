"""Positions of feeds: their text, and when the newest rows alone say enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.adapters.answers import Malformed, Row
from syncd.adapters.woocommerce.feeds import Batch
from syncd.adapters.woocommerce.positions import FeedPosition, Tally, Window, api_time

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OVERLAP = timedelta(seconds=60)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def rows(*seconds: float) -> list[Row]:
    return [{"id": number, "date_modified_gmt": api_time(at(second))} for number, second in enumerate(seconds, 1)]


def newest(total: int, *seconds: float, date: float = 30) -> Batch:
    return Batch(rows(*seconds), total, at(date))


@pytest.mark.parametrize(
    ("position", "text"),
    [
        (FeedPosition(NOON), "2026-11-23T12:00:00"),
        (FeedPosition(NOON, Window(at(-60), 361)), "2026-11-23T12:00:00 2026-11-23T11:59:00 361"),
    ],
)
def test_text_of_a_position(position: FeedPosition, text: str) -> None:
    assert position.text() == text
    assert FeedPosition.parse(text) == position
    assert "Z" not in text
    assert "+" not in text


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-23T12:00:00 2026-11-23T11:59:00", "1 2 3"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        FeedPosition.parse(text)


def test_where_the_next_read_starts() -> None:
    assert FeedPosition(NOON).since(OVERLAP) == at(-60)
    assert FeedPosition(NOON, Window(at(-90), 500)).since(OVERLAP) == at(-90)


def test_only_a_crowded_overlap_is_carried() -> None:
    small, large = Tally(OVERLAP), Tally(OVERLAP)
    small.add([*rows(-70, -50), *rows(-70, -50)], NOON)
    large.add([{"id": n, "date_modified_gmt": api_time(at(-20))} for n in range(101)], NOON)
    large.add([{"id": 500, "date_modified_gmt": api_time(at(-60))}], at(5))
    assert small.position() == FeedPosition(NOON)
    assert large.position() == FeedPosition(NOON, Window(at(-60), 101))


CROWDED = FeedPosition(NOON, Window(at(-60), 300))


@pytest.mark.parametrize(
    ("batch", "rows_given", "position"),
    [
        # Same count, newest rows are old: nothing happened; the position stays.
        (newest(300, -11, -12), 0, CROWDED),
        # The same, and the page reaches below the next overlap: the window has done its service.
        (newest(300, -40, -50, date=30), 2, FeedPosition(at(30))),
        # One row changed, all within reach of the page.
        (newest(300, 400, -40, date=500), 2, FeedPosition(at(500))),
        (newest(301, 400, -40, date=500), 2, FeedPosition(at(500))),
    ],
)
def test_the_newest_rows_say_enough(batch: Batch, rows_given: int, position: FeedPosition) -> None:
    judged = CROWDED.judge(batch, batch.date - OVERLAP if batch.date else NOON)
    assert judged is not None
    assert (len(judged[0]), judged[1]) == (rows_given, position)


@pytest.mark.parametrize(
    "batch",
    [
        newest(300, -5, -20),  # stamped so shortly before the last read that its quantity may have followed later
        newest(300, 5, -20),  # changed, but more than a page lies in the next overlap
        newest(299, -11, -12),  # one row left the window
        newest(301, -11, -12),  # one entered it with an old date
        newest(302, 400, -40, date=500),  # two entered, one is visible
        newest(300, 20, 10),  # the page is full of new rows
        newest(300, -12, -11),  # not newest first
        Batch(rows(-11), None, at(30)),  # a shop that does not count
        Batch([{"id": 1}], 300, at(30)),  # a row without a date
        Batch([], 300, at(30)),
    ],
)
def test_otherwise_the_window_is_read(batch: Batch) -> None:
    assert CROWDED.judge(batch, at(-30)) is None


def test_without_a_window_nothing_is_judged() -> None:
    assert FeedPosition(NOON).judge(newest(300, -40), at(-30)) is None
