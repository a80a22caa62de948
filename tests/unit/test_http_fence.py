"""The kernel ends a process that sleeps beyond its lease in the middle of sending a write."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from syncd.demo.process import wait_until
from syncd.errors import Stopped, Transient
from syncd.http import HttpSession, RateBudget
from syncd.http.fence import SPARE_S, DeadlyTimer, Fence
from syncd.simulators.server import SimResponse, SimServer
from tests.support.raw_server import closed_port
from tests.support.sessions import closed_later

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.simulators.server import SimRequest

SLEEPER = """
import os, signal, sys
from syncd.http.fence import Fence
fence = Fence(lambda: float(sys.argv[1]))
print(fence.begin(), flush=True)
if sys.argv[2] == "done":
    fence.end()
os.kill(os.getpid(), signal.SIGSTOP)
print("awake", flush=True)
"""


class Bell(DeadlyTimer):
    """A timer that rings nobody."""

    def __init__(self) -> None:
        self.settings: list[float] = []

    def set(self, seconds: float) -> None:
        self.settings.append(seconds)


class Till:
    """Answers everything."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def handle(self, request: SimRequest) -> SimResponse:
        self.seen.append(request.method)
        return SimResponse(200, {})

    def control(self, action: str, arguments: object) -> object:
        raise KeyError(action)


@pytest.fixture
def till() -> Iterator[tuple[Till, str]]:
    simulator = Till()
    with SimServer(simulator) as server:
        yield simulator, server.url


def session(url: str, fence: Fence) -> HttpSession:
    budget = RateBudget(None)
    return closed_later(
        HttpSession(side="till", base_url=url, budget=budget, stop=threading.Event(), may_write=fence, timeout_s=5)
    )


def test_a_process_that_is_stopped_while_it_sends_dies_when_its_lease_ends() -> None:
    """Nobody wakes it: it is dead before anybody could."""
    with subprocess.Popen([sys.executable, "-c", SLEEPER, "1.0", "sending"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"True\n"
        ended = wait_until(lambda: process.poll() is not None, 10)
        process.kill()  # without its timer it would sleep for ever
        assert ended
        assert process.returncode == -signal.SIGKILL


def test_a_process_that_is_stopped_when_nothing_is_sent_lives() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPER, "0.3", "done"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"True\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.6)
        process.send_signal(signal.SIGCONT)
        assert process.stdout.read() == b"awake\n"
        assert process.wait(10) == 0


def test_the_timer_runs_while_anything_is_sent_and_follows_the_lease() -> None:
    bell, left = Bell(), [10.0]
    fence = Fence(lambda: left[0], bell)
    fence.renewed()
    assert bell.settings == []
    assert fence.begin()
    left[0] = 8.0
    assert fence.begin()
    left[0] = 15.0
    fence.renewed()
    fence.end()
    assert bell.settings == [10.0, 8.0, 15.0]
    fence.end()
    assert bell.settings[-1] == 0
    fence.renewed()
    assert bell.settings[-1] == 0


def test_nothing_is_begun_under_a_lease_that_is_about_to_end() -> None:
    bell = Bell()
    fence = Fence(lambda: SPARE_S, bell)
    assert not fence()
    assert not fence.begin()
    assert bell.settings == []


def test_each_write_is_guarded_until_its_last_byte_left_and_reads_are_not(till: tuple[Till, str]) -> None:
    simulator, url = till
    bell = Bell()
    side = session(url, Fence(lambda: 5.0, bell))
    side.read("goods")
    assert bell.settings == []
    side.write("PUT", "goods", json={"quantity": 1})
    side.write("DELETE", "goods")
    assert bell.settings == [5.0, 0, 5.0, 0]
    side.write("POST", "token", data={"a": "b"}, guarded=False)
    assert bell.settings == [5.0, 0, 5.0, 0]
    assert simulator.seen == ["GET", "PUT", "DELETE", "POST"]
    side.close()


def test_the_guard_ends_with_the_write_whatever_becomes_of_it(till: tuple[Till, str]) -> None:
    simulator, url = till
    bell, left = Bell(), iter([5.0, 5.0, 5.0, 0.0])
    side = session(url, Fence(lambda: next(left), bell))
    with pytest.raises(Stopped, match="may not lead any more"):
        side.write("PUT", "goods", json={"quantity": 1})  # the lease ends between head and body
    assert bell.settings == [5.0, 0]
    assert simulator.seen == []
    side.close()
    nobody = session(f"http://127.0.0.1:{closed_port()}", Fence(lambda: 5.0, bell))
    with pytest.raises(Transient):
        nobody.write("PUT", "goods", json={})
    assert bell.settings == [5.0, 0]
    nobody.close()
