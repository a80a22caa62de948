"""A signal stops the process, wherever its main thread stands; the second one does not ask again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from syncd.cli.opening import stoppable
from syncd.service.signals import NUMBERS, stop_signals

# The main thread is in `wait` nearly all the time; the signal comes from a thread, a little later each time.
_AT_ANY_MOMENT = """
import os, signal, threading
from syncd.cli.opening import stoppable

for turn in range(100):
    with stoppable() as stop:
        threading.Timer(turn * 1e-5, os.kill, (os.getpid(), signal.SIGTERM)).start()
        while not stop.wait(0):
            pass
print("stopped")
"""


def test_a_signal_that_meets_the_main_thread_while_it_begins_to_wait_stops_it() -> None:
    """`Event.set` in a handler waits for ever for the lock that `Event.wait` of the same thread holds for a moment."""
    done = subprocess.run(
        [sys.executable, "-c", _AT_ANY_MOMENT], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")


@pytest.mark.parametrize("number", NUMBERS)
def test_the_second_signal_ends_a_command_at_once(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in NUMBERS]
    with stoppable() as stop:
        os.kill(os.getpid(), number)
        assert stop.wait(10)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert [signal.getsignal(each) for each in NUMBERS] == before


def test_the_first_signal_of_what_stops_already_is_the_second() -> None:
    stop = threading.Event()
    asked: list[int] = []
    again: list[int] = []
    stop.set()
    with stop_signals(stop, lambda: asked.append(1), again.append):
        signal.raise_signal(signal.SIGTERM)
    assert (asked, again) == ([], [signal.SIGTERM])


def test_a_signal_is_not_lost_if_the_work_ends_at_the_same_moment() -> None:
    asked: list[int] = []
    with stop_signals(threading.Event(), lambda: asked.append(1), lambda _number: None):
        signal.raise_signal(signal.SIGTERM)
    assert asked == [1]
