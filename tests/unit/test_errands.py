"""Work beside the sync: what fails is told once, what hangs is left alone, and nothing is held up."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger

from syncd.errors import DatabaseUnavailable, LeaseLost, NotDelivered
from syncd.service.errands import Errand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def told() -> Iterator[list[tuple[str, str]]]:
    """Events of the log, with what they say."""
    lines: list[tuple[str, str]] = []

    def take(message: Any) -> None:
        lines.append((message.record["message"], message.record["extra"].get("detail", "")))

    sink = logger.add(take, level="INFO")
    yield lines
    logger.remove(sink)


def errand(work: Callable[[], None], **more: Any) -> Errand:
    return Errand("hook", 0.001, work, threading.Event(), **more)


def test_trouble_is_told_when_it_begins_and_when_it_is_over(told: list[tuple[str, str]]) -> None:
    outcomes: list[Exception | None] = [
        None, NotDelivered("answered 500"), NotDelivered("answered 502"), DatabaseUnavailable("x"), None, None,
        NotDelivered("answered 500"),
    ]  # fmt: skip

    def work() -> None:
        if (problem := outcomes.pop(0)) is not None:
            raise problem

    made = errand(work)
    for _ in range(7):
        made.once()
    assert told == [
        ("errand.failed", "NotDelivered: answered 500"),
        ("errand.works_again", ""),
        ("errand.failed", "NotDelivered: answered 500"),
    ]


def test_a_mistake_of_ours_is_told_and_ends_nothing(told: list[tuple[str, str]]) -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise KeyError("ours")

    made = errand(work)
    made.once()
    made.once()
    assert len(tries) == 2
    assert told == [("errand.broken", "KeyError: 'ours'")]


def test_a_lost_lease_is_not_its_business(told: list[tuple[str, str]]) -> None:
    def work() -> None:
        raise LeaseLost("another one")

    errand(work).once()
    assert told == []


def test_what_hangs_is_left_alone_and_not_begun_twice(told: list[tuple[str, str]]) -> None:
    go_on, begun = threading.Event(), []

    def work() -> None:
        begun.append(1)
        go_on.wait(30)

    made = errand(work, deadline_s=0.05)
    for _ in range(3):
        made.once()
    assert len(begun) == 1
    assert told == [("errand.failed", "NotDelivered: no end after 0 s")]
    go_on.set()
    assert made._try is not None
    made._try.join(10)
    made.once()
    assert len(begun) == 2
    assert told[-1][0] == "errand.works_again"


def test_it_goes_on_until_it_is_stopped_and_its_threads_keep_no_process() -> None:
    enough, daemons = threading.Event(), set()

    def work() -> None:
        daemons.add(threading.current_thread().daemon)
        if len(tries) >= 3:
            enough.set()
        tries.append(1)

    tries: list[int] = []
    made = errand(work)
    made.start()
    assert enough.wait(10)
    made.stop.set()
    assert daemons == {True}
