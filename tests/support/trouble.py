"""Trouble on demand: sides and a database in which anything may happen between any two steps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.adapters.memory import MemorySide
from syncd.core.model import ChangePage
from syncd.state.engine import Database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from syncd.adapters.base import Capabilities
    from syncd.adapters.memory import MemoryWorld
    from syncd.core.model import Cursor, FetchResult, ListingRef, StockEvent, StockWrite, WriteResult

READING = "reading"
"""A read of the side has its answer, and nothing of it is recorded yet."""
CALLING = "calling"
"""Before a call to a side."""
ANSWERED = "answered"
"""After a write took effect, before its answer is recorded."""
COMMITTING = "committing"
"""At the end of a writing transaction, before it commits."""
COMMITTED = "committed"

_ANYWHERE = frozenset({READING, CALLING, ANSWERED, COMMITTING, COMMITTED})
PLACES = {
    "crash": _ANYWHERE,
    "database_lost": frozenset({COMMITTING, COMMITTED}),
    "unreachable": frozenset({READING, CALLING}),
    "token_expired": frozenset({READING, CALLING}),
    "rate_limited": frozenset({READING, CALLING}),
    "rows_twice": frozenset({READING}),
    "sale": frozenset({READING, CALLING, ANSWERED, COMMITTED}),
    "sale_after_reading": frozenset({READING}),
    "other_side": frozenset({READING, CALLING, ANSWERED}),
    "second_process": frozenset({READING}),
    "slow": frozenset({READING, CALLING, ANSWERED}),
}
"""Where each kind of mischief may happen."""


class Crash(Exception):
    """The process ends here, without a word."""


@dataclass(frozen=True)
class Mischief:
    """Something that happens at the ``after``-th opportunity; ``side``, ``sku`` and ``units`` as the kind needs."""

    after: int
    kind: str
    side: str = "till"
    sku: str = "a"
    units: int = 1


@dataclass
class Trouble:
    """What is to go wrong, in this order."""

    act: Callable[[Mischief, str], None]
    plan: list[Mischief] = field(default_factory=list)
    passed: int = 0
    rows_twice: set[str] = field(default_factory=set)
    """Sides whose next page of listings comes again, as it then is: pages that moved while they were read."""

    def at(self, place: str, side: str) -> None:
        """Have something happen here, if it is time for it; ``side`` is asked or, at commits, empty."""
        if not self.plan:
            return
        first = self.plan[0]
        if self.passed < first.after or place not in PLACES[first.kind]:
            self.passed += 1
            return
        self.plan.pop(0)
        self.passed = 0
        self.act(first, side)


class TroubledSide(MemorySide):
    """An in-memory side whose calls are opportunities for trouble.

    Args:
        before_call: Told the writes of a call before anything happens to them; may take faults back.
    """

    def __init__(
        self,
        world: MemoryWorld,
        capabilities: Capabilities,
        trouble: Trouble,
        before_call: Callable[[str, Sequence[StockWrite]], None],
    ) -> None:
        super().__init__(world, capabilities)
        self._trouble = trouble
        self._before_call = before_call

    def read_all(self) -> Iterator[ChangePage]:
        return self._pages(super().read_all())

    def read_changes(self, cursor: Cursor) -> Iterator[ChangePage]:
        return self._pages(super().read_changes(cursor))

    def _pages(self, pages: Iterator[ChangePage]) -> Iterator[ChangePage]:
        self._at(CALLING)
        for page in list(pages):
            self._at(READING)
            yield page
            if page.listings and self.world.name in self._trouble.rows_twice:
                self._trouble.rows_twice.discard(self.world.name)
                there = [each.ref.external_id for each in page.listings if each.ref.external_id in self.world.things]
                yield ChangePage(tuple(self.world.shown(external_id) for external_id in there))

    def fetch(self, refs: Sequence[ListingRef]) -> FetchResult:
        self._at(CALLING)
        result = super().fetch(refs)
        self._at(READING)
        return result

    def read_events(self, since: datetime) -> list[StockEvent]:
        self._at(CALLING)
        return super().read_events(since)

    def write_stock(self, writes: Sequence[StockWrite]) -> list[WriteResult]:
        self._before_call(self.world.name, writes)
        self._at(CALLING)
        results = super().write_stock(writes)
        self._at(ANSWERED)
        return results

    def _at(self, place: str) -> None:
        self.world.carry_out_late()
        self._trouble.at(place, self.world.name)


class TroubledDatabase(Database):
    """A database whose commits are opportunities for trouble."""

    def __init__(self, engine: Engine, *, on_dispose: Callable[[], None] = lambda: None) -> None:
        super().__init__(engine, on_dispose=on_dispose)
        self.trouble: Trouble | None = None

    @contextmanager
    def write(self, *, fenced: bool = True, sends: bool = False) -> Iterator[Session]:
        with super().write(fenced=fenced, sends=sends) as session:
            yield session
            if self.trouble is not None:
                self.trouble.at(COMMITTING, "")
        if self.trouble is not None:
            self.trouble.at(COMMITTED, "")
