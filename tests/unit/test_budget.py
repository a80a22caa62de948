"""Spacing of requests, by a clock of the test."""

from __future__ import annotations

import threading

import pytest

from syncd.http import RateBudget


class Hands(threading.Event):
    """A clock that goes on as far as somebody waits for a stop that never comes."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0.0

    def __call__(self) -> float:
        return self.at

    def wait(self, timeout: float | None = None) -> bool:
        self.at += timeout or 0.0
        return False


def _starts(budget: RateBudget, hands: Hands, count: int) -> list[float]:
    starts = []
    for _ in range(count):
        budget.acquire(hands)
        starts.append(hands.at)
    return starts


def test_requests_are_spaced_evenly() -> None:
    hands = Hands()
    starts = _starts(RateBudget(20, hands), hands, 41)
    assert starts[-1] == pytest.approx(2.0)


def test_after_a_pause_they_are_wider_apart_and_then_closer_again() -> None:
    hands = Hands()
    budget = RateBudget(20, hands)
    _starts(budget, hands, 1)
    budget.pause(1)
    first, second, *more = _starts(budget, hands, 1000)
    assert first == pytest.approx(1.0)
    assert second - first == pytest.approx(0.0525, rel=0.01)
    assert more[-1] - more[-2] == pytest.approx(0.05)


def test_however_often_a_side_asks_they_are_never_further_apart_than_double() -> None:
    hands = Hands()
    budget = RateBudget(20, hands)
    for _ in range(100):
        budget.pause(0)
    first, second = _starts(budget, hands, 2)
    assert second - first <= 0.1


def test_without_a_limit_nothing_waits() -> None:
    hands = Hands()
    budget = RateBudget(None, hands)
    budget.pause(0)
    assert _starts(budget, hands, 3) == [0.0, 0.0, 0.0]
