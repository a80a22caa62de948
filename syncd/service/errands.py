"""Work beside the sync that may fail and may hang: threads of their own, deadlines, and one line per trouble."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loguru import logger

from syncd.errors import DatabaseUnavailable, LeaseLost, NotDelivered

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE_S = 30.0
"""How long one try may take; what takes longer is left alone, and not begun again before it has ended."""


@dataclass(slots=True)
class Errand:
    """Something that is done again and again, whatever becomes of it.

    Threads are daemons: none keeps the process from ending.

    Attributes:
        name: For the log.
        every_s: Seconds between two tries.
        work: One try; raises ``NotDelivered`` if it did not succeed.
        stop: Ends it.
        deadline_s: See ``DEADLINE_S``.
    """

    name: str
    every_s: float
    work: Callable[[], None]
    stop: threading.Event
    deadline_s: float = DEADLINE_S
    _failing: bool = False
    _try: threading.Thread | None = None
    _problem: BaseException | None = field(default=None, repr=False)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        threading.Thread(target=self._keep, name=self.name, daemon=True).start()

    def once(self) -> None:
        """One try, within the deadline; trouble is logged when it begins and when it is over."""
        if self._try is not None and self._try.is_alive():
            return
        self._problem = None
        self._try = threading.Thread(target=self._attempt, name=f"{self.name} try", daemon=True)
        self._try.start()
        self._try.join(self.deadline_s)
        if self._try.is_alive():
            self._note(NotDelivered(f"no end after {self.deadline_s:.0f} s"))
        else:
            self._note(self._problem)

    def _keep(self) -> None:
        while not self.stop.is_set():
            self.once()
            self.stop.wait(self.every_s)

    def _attempt(self) -> None:
        try:
            with suppress(LeaseLost):  # the daemon itself sees that, and ends
                self.work()
        except Exception as error:  # noqa: BLE001 - told below; a word to people must never end a sync
            self._problem = error

    def _note(self, problem: BaseException | None) -> None:
        if problem is None:
            if self._failing:
                logger.bind(errand=self.name).info("errand.works_again")
            self._failing = False
            return
        if self._failing:
            return
        self._failing = True
        log = logger.bind(errand=self.name, detail=f"{type(problem).__name__}: {problem}")
        if isinstance(problem, NotDelivered | DatabaseUnavailable):
            log.warning("errand.failed")
        else:
            log.opt(exception=problem).error("errand.broken")
