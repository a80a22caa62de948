"""Spacing of requests, by a clock of the test."""

from __future__ import annotations

import threading

import pytest

from syncd.http import RateBudget


class Hands:
    """A clock, and a stop that is waited for by setting it on."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at

    def wait(self, seconds: float) -> bool:
        self.at += seconds
        return False


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    found = Hands()
    monkeypatch.setattr(threading.Event, "wait", lambda _event, seconds=None: found.wait(seconds or 0.0))
    return found


def _starts(budget: RateBudget, hands: Hands, count: int) -> list[float]:
    starts = []
    for _ in range(count):
        budget.acquire(threading.Event())
        starts.append(hands.at)
    return starts


def test_requests_are_spaced_evenly(hands: Hands) -> None:
    starts = _starts(RateBudget(20, hands), hands, 41)
    assert starts[-1] == pytest.approx(2.0)


def test_after_a_pause_they_are_wider_apart_and_then_closer_again(hands: Hands) -> None:
    budget = RateBudget(20, hands)
    _starts(budget, hands, 1)
    budget.pause(1)
    first, second, *more = _starts(budget, hands, 1000)
    assert first == pytest.approx(1.0)
    assert second - first == pytest.approx(0.0525, rel=0.01)
    assert more[-1] - more[-2] == pytest.approx(0.05)


def test_however_often_a_side_asks_they_are_never_further_apart_than_double(hands: Hands) -> None:
    budget = RateBudget(20, hands)
    for _ in range(100):
        budget.pause(0)
    first, second = _starts(budget, hands, 2)
    assert second - first <= 0.1


def test_without_a_limit_nothing_waits(hands: Hands) -> None:
    budget = RateBudget(None, hands)
    budget.pause(0)
    assert _starts(budget, hands, 3) == [0.0, 0.0, 0.0]
