"""What the daemon does for its database beside the sync: it removes old history, and looks whether all is sound."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loguru import logger

from syncd.service.findings import Found, close_finding, open_finding
from syncd.service.retention import Pruned, Pruner
from syncd.state.check import check_database

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.config.schema import RetentionConfig
    from syncd.service.side import Clock
    from syncd.state.check import Flaw
    from syncd.state.engine import Database

TURN_S = 0.5
"""So long history is removed in one turn, and no longer; a batch that has begun is finished."""
PRUNE_REST_S = 6 * 3600.0
"""After all that is old enough went, nothing is looked for so long."""
CHECK_AFTER_S = 600.0
CHECK_EVERY_S = 24 * 3600.0

_SUBJECT = "database"


@dataclass(slots=True)
class Housekeeping:
    """Done by the leader alone, in turns, while no side is at work.

    Attributes:
        busy: Whether a pass is under way.
        now: Clock.
        seconds: Clock for pauses, which is never set.
    """

    db: Database
    policy: RetentionConfig
    busy: Callable[[], bool]
    now: Clock
    seconds: Callable[[], float] = time.monotonic
    _pruner: Pruner | None = None
    _removed: Pruned = field(default_factory=Pruned)
    _prune_at: float = field(init=False)
    _check_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._prune_at = self.seconds()
        self._check_at = self.seconds() + CHECK_AFTER_S

    def turn(self) -> None:
        """Do a little of what is due."""
        self._prune()
        if self.seconds() >= self._check_at and not self.busy():
            self._check_at = self.seconds() + CHECK_EVERY_S
            self.check()

    def _prune(self) -> None:
        if self.seconds() < self._prune_at:
            return
        until = self.seconds() + TURN_S
        while not self.busy() and self.seconds() < until:
            if self._pruner is None:
                self._pruner, self._removed = Pruner(self.db, self.policy, self.now()), Pruned()
            try:
                batch = self._pruner.step()
            except BaseException:
                self._pruner = None  # a generator that failed is at its end; the next turn looks anew
                raise
            if batch is None:
                self._finish()
                return
            self._removed.add(batch)

    def _finish(self) -> None:
        self._pruner, self._prune_at = None, self.seconds() + PRUNE_REST_S
        if self._removed.total:
            logger.bind(**self._removed.as_dict()).info("history.removed")

    def check(self) -> Sequence[Flaw]:
        """Look whether the database is sound, and keep the finding about it."""
        flaws = check_database(self.db, quick=True)
        if flaws:  # said first: a database in such a state may take no finding
            logger.bind(detail="; ".join(flaw.text for flaw in flaws)).error("database.damaged")
        with self.db.write() as session:
            if flaws:
                open_finding(session, damage(flaws), self.now())
            else:
                close_finding(session, "database_damaged", _SUBJECT, self.now())
        return flaws


def damage(flaws: Sequence[Flaw]) -> Found:
    """The finding about a database that is not sound."""
    return Found(
        kind="database_damaged",
        subject=_SUBJECT,
        severity="error",
        message=f"the database is not sound: {'; '.join(flaw.text for flaw in flaws)}",
        advice="Stop the service, and look at the disk (`dmesg`). `syncd db check` says more. Then put the newest "
        "backup back that `syncd db verify` calls good: `syncd db restore`.",
        counts={flaw.kind: sum(each.kind == flaw.kind for each in flaws) for flaw in flaws},
    )
