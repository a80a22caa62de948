"""SIGTERM while a write is under way, alone, twice, and followed by SIGKILL."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from signal import SIGKILL, SIGTERM, Signals
from typing import TYPE_CHECKING

import pytest

from tests.crash.stage import PATIENCE_S, SHOP, TILL, stock_write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.simulators.server import SimRequest
    from tests.crash.stage import CrashStage, Program


class Held:
    """A booking at the till that waits for its effect until it is let go."""

    def __init__(self, stage: CrashStage) -> None:
        self.arrived, self.go_on = threading.Event(), threading.Event()
        stage.trap(TILL, stock_write, self._hold)
        stage.sell(SHOP, stage.skus()[0], 4)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"syncd-{uuid.uuid4().hex}"
        self.manager.bind(f"\0{name}")
        self.manager.settimeout(PATIENCE_S)
        self.program: Program = stage.start(NOTIFY_SOCKET=f"@{name}")
        assert self.arrived.wait(PATIENCE_S), self.program.said

    def stop(self) -> None:
        """SIGTERM; returns when it was understood."""
        self.program.send(SIGTERM)
        while b"STOPPING=1" not in self.manager.recv(4096):
            continue

    def end(self) -> None:
        self.go_on.set()
        self.manager.close()

    def _hold(self, _request: SimRequest) -> None:
        self.arrived.set()
        self.go_on.wait(PATIENCE_S)


@pytest.fixture
def held(sqlite_stage: CrashStage) -> Iterator[Held]:
    made = Held(sqlite_stage)
    yield made
    made.end()


def test_a_stop_waits_for_a_slow_write_and_records_its_answer(sqlite_stage: CrashStage, held: Held) -> None:
    began = time.monotonic()
    held.stop()
    assert sqlite_stage.operations()[-1].state == "sent"
    held.go_on.set()
    assert held.program.wait() == 0
    assert time.monotonic() - began < 10
    assert sqlite_stage.operations()[-1].state == "confirmed"
    assert "daemon.stopped\n" in held.program.said
    assert sqlite_stage.in_step()


@pytest.mark.parametrize(("second", "code"), [(SIGTERM, 128 + SIGTERM), (SIGKILL, -SIGKILL)])
def test_a_stop_that_is_not_waited_for_leaves_nothing_to_chance(
    sqlite_stage: CrashStage, held: Held, second: Signals, code: int
) -> None:
    """The booking takes effect after its sender has gone."""
    sent = sqlite_stage.writes(TILL)
    held.stop()
    began = time.monotonic()
    held.program.send(second)
    assert held.program.wait() == code
    assert time.monotonic() - began < 3
    assert sqlite_stage.operations()[-1].state == "sent"
    held.go_on.set()
    sqlite_stage.start()
    sqlite_stage.until_in_step("the booking is found")
    assert sqlite_stage.writes(TILL) == sent + 1
