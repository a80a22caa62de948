"""A server's clock against ours, from dates that are cut to whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.http.clock import ServerClock

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def ask(clock: ServerClock, at: float, offset: float, took: float = 0.05) -> None:
    """A server whose clock is ``offset`` seconds ahead answers halfway through the exchange."""
    answered_at = NOON + timedelta(seconds=at)
    theirs = answered_at - timedelta(seconds=took / 2) + timedelta(seconds=offset)
    clock.note(theirs.replace(microsecond=0), answered_at, timedelta(seconds=took))


@pytest.mark.parametrize("offset", [0.0, 0.4, -0.4])
def test_what_may_be_no_offset_is_none(offset: float) -> None:
    clock = ServerClock()
    ask(clock, 0.5, offset)
    assert clock.offset == timedelta(0)


@pytest.mark.parametrize("offset", [-3600.0, -1.7, 1.3, 90.0])
def test_many_answers_narrow_it_down(offset: float) -> None:
    clock = ServerClock()
    for number in range(20):
        ask(clock, number * 7.13, offset)
    assert abs(clock.offset.total_seconds() - offset) < 0.15


def test_one_answer_from_a_cache_is_not_believed_and_a_clock_that_was_set_is() -> None:
    clock = ServerClock()
    for number in range(5):
        ask(clock, number * 1.3, 90)
    ask(clock, 10, -600)
    assert abs(clock.offset.total_seconds() - 90) < 1
    for number in range(5):
        ask(clock, 20 + number * 1.3, 0)
    assert clock.offset == timedelta(0)


def test_an_answer_that_took_long_says_nothing() -> None:
    clock = ServerClock()
    ask(clock, 5, 90, took=5)
    assert clock.offset == timedelta(0)
