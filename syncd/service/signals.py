"""Signals that ask this process to stop.

A handler runs in the main thread, wherever it stands. ``Event.set`` takes a lock that ``Event.wait`` holds for a time;
a handler that sets an event just then waits for its own thread, for ever, and the process takes no signal any more. A
handler here only puts a word into a ``SimpleQueue``, whose ``put`` may interrupt itself (says its documentation); a
thread of its own takes it out and does the rest.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_signals(
    stop: threading.Event, ask: Callable[[], object], again: Callable[[int], object], *, name: str = "stop"
) -> Iterator[None]:
    """Have SIGINT and SIGTERM handled; in the main thread only. Former handlers are back at the end.

    Args:
        stop: Whether the process stops already, for whatever reason; not set here.
        ask: Called once, in a thread, by the first signal of a process that does not stop yet.
        again: Called in the handler with the number of each further one: it may raise, or end the process, but
            take no lock.
        name: Of the thread.
    """
    words: SimpleQueue[bool] = SimpleQueue()
    asked = False

    def handle(number: int, _frame: object) -> None:
        nonlocal asked
        if asked or stop.is_set():
            again(number)
            return
        asked = True
        words.put(True)

    def listen() -> None:
        if words.get():
            ask()

    listener = threading.Thread(target=listen, name=name, daemon=True)
    listener.start()
    former = {number: signal.signal(number, handle) for number in NUMBERS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        words.put(False)
        listener.join()
