"""Which life of the database this is, judged by what was seen of it before.

A database lives anew each time it is put back from a backup: it gets another *incarnation*. Within one, a number that
only grows, the *beat*, says how far it has come. Whoever remembers both outside the database can tell an old copy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

MOST_KNOWN = 50
"""So many incarnations are remembered, the newest ones: one for each restore."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a database was seen to have come.

    Attributes:
        incarnation: Id of its life.
        beat: Grows within one incarnation, never falls.
        at: When that beat was made, by the database's clock. For people: nothing is decided by it.
    """

    incarnation: str
    beat: int
    at: datetime | None = None


Known = tuple[Seen, ...]
"""The highest beat of each incarnation that was seen, in the order in which they were first seen."""


@dataclass(frozen=True, slots=True)
class Outdated:
    """That a database is an old copy.

    Attributes:
        shown: As it is.
        known: The highest beat that was seen of the newest incarnation.
    """

    shown: Seen
    known: Seen

    @property
    def is_former(self) -> bool:
        """Whether it is from before the last restore, and not only from before the last beat."""
        return self.shown.incarnation != self.known.incarnation


def judge(known: Known, shown: Seen) -> Outdated | None:
    """Say whether a database is an old copy of one that was seen before; ``None`` if nothing speaks for it.

    An incarnation that was never seen is a new database, or one that was put back as it should be.

    >>> judge((Seen("a", 7),), Seen("a", 6)) is None
    False
    >>> judge((Seen("a", 7), Seen("b", 2)), Seen("a", 9)) is None
    False
    >>> judge((Seen("a", 7),), Seen("b", 0)) is None
    True
    """
    if not any(each.incarnation == shown.incarnation for each in known):
        return None
    newest = known[-1]
    if shown.incarnation != newest.incarnation or shown.beat < newest.beat:
        return Outdated(shown, newest)
    return None


def note(known: Known, seen: Seen) -> Known:
    """Remember what was seen: the highest beat counts, and an incarnation that is new comes last."""
    if not any(each.incarnation == seen.incarnation for each in known):
        return (*known, seen)[-MOST_KNOWN:]
    return tuple(
        replace(each, beat=seen.beat, at=seen.at)
        if each.incarnation == seen.incarnation and each.beat < seen.beat
        else each
        for each in known
    )


def merge(own: Known, told: Known) -> Known:
    """Bring together what a process saw itself and what it is told by others.

    If their newest incarnation is news, it is newer than all that the process saw: it came after it last asked them.
    """
    news = bool(told) and not any(each.incarnation == told[-1].incarnation for each in own)
    first, then = (own, told) if news else (told, own)
    merged = tuple(each for each in first if not any(each.incarnation == other.incarnation for other in then)) + then
    for each in first:
        merged = note(merged, each)
    return merged[-MOST_KNOWN:]
