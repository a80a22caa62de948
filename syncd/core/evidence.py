"""What documents of a side prove about its readings, on sides whose writes can swallow an order (design 3). Pure.

A write that the side carries out as read, add, write back can swallow an order that lands in between: the answer looks
right, the readings look right, only the order knows better. So documents are held against movements, in order of time.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING

from syncd.core.model import ZERO, Quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLOCKS = timedelta(seconds=1)
"""How far the side's clock may be off after its offset was taken out."""

CUT = timedelta(seconds=1)
"""Documents are dated in whole seconds, cut off: they may be this much younger than they say."""

_SWALLOWED = 2
_BY_HAND = 7
_EARLY = 3
"""What an explanation costs: a swallowed document less than an edit by hand, three of them as good as that.
A document in a reading that ended before its date costs more than a swallowed one: clocks seldom differ by so much."""

_MOST_WAYS = 20_000
"""With more ways to assign documents than this nothing is said."""


@dataclass(frozen=True, slots=True)
class Document:
    """What one document moved on its side.

    Attributes:
        key: The document's key.
        quantity: Signed units it moved on its side.
        from_at: Earliest moment it may have moved them, our clock.
        to_at: Latest moment.
        is_ours: Whether ``from_at`` was taken from our own clock: what we read before then cannot hold it.
        may_be_lost: Whether a write of ours may have swallowed it. Not one of both steps of a document that was undone
            before we read it: it is not even known that they happened.
    """

    key: str
    quantity: Quantity
    from_at: datetime
    to_at: datetime
    is_ours: bool = False
    may_be_lost: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What one reading of the listing showed against the one before.

    Attributes:
        quantity: Signed units by which it had changed; zero if it had not. ``None`` for the first reading of all: it
            began the books with whatever it held.
        read_from: Of when the reading was at the earliest, our clock.
        read_until: When it was recorded.
    """

    quantity: Quantity | None
    read_from: datetime
    read_until: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """Time in which the side may have been at work on one of our writes, our clock."""

    from_at: datetime
    until: datetime

    def may_hold(self, document: Document) -> bool:
        """Whether the document may have happened while the side was at work on our write."""
        return self.from_at - CLOCKS - CUT <= document.to_at and document.from_at <= self.until + CLOCKS


@dataclass(frozen=True, slots=True)
class Explained:
    """Every document is in what was seen, or balanced by hand, except ``swallowed`` ones: our own write ate those."""

    swallowed: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class Unclear:
    """Several explanations are equally good, and they differ in what was swallowed."""

    reason: str


def weigh(documents: Sequence[Document], seen: Sequence[Seen], windows: Sequence[Window]) -> Explained | Unclear:
    """Find the simplest story that explains all documents of one listing and all changes seen there.

    In a story each document was counted in a change that was read after it happened, or was swallowed, for which it
    must lie inside one of our own writes, or was balanced before anybody read: by other documents, or by hand. What a
    change holds beyond its documents was an edit by hand. Edits by hand are avoided first, swallowed documents then.
    Only what was read next after a document can hold it: an edit by hand of last hour makes no order of now vanish.

    Args:
        documents: Documents of the listing that are not known to be swallowed.
        seen: Changes that these documents may have caused, in order of time.
        windows: Our writes to the listing.

    >>> from datetime import UTC
    >>> at = datetime(2026, 11, 23, tzinfo=UTC)
    >>> order = Document("order:1", Quantity(-2), at, at)
    >>> weigh([order], [], [Window(at, at)]).swallowed == (order,)
    True
    >>> weigh([order], [Seen(Quantity(-2), at, at)], [Window(at, at)]).swallowed
    ()
    """
    classes = _classes(documents, seen, windows)
    nothing = (0,) * len(classes)
    stories: _Stories = {nothing: {ZERO: (0, nothing)}}
    for step in range(2 * len(seen) + 1):
        told = _tell(stories, classes, step, seen)
        if told is None:
            return Unclear("there are too many ways to read these documents")
        stories = told
    ends = stories[tuple(len(kind.documents) for kind in classes)]
    best = min(cost for cost, _ in ends.values())
    likeliest = [eaten for cost, eaten in ends.values() if cost == best]
    if len(likeliest) > 1:
        return Unclear("what is missing can be explained in several ways")
    chosen = [
        document for kind, count in zip(classes, likeliest[0], strict=True) for document in kind.documents[:count]
    ]
    return Explained(tuple(chosen))


@dataclass(frozen=True, slots=True)
class _Class:
    """Documents that are alike in all that matters: which of them was swallowed makes no difference to quantities.

    Attributes:
        quantity: Units that each of them moved.
        first: First step that may hold them. An odd step ``2 * n + 1`` is change ``n`` of what was seen; an even one is
            the time before it, in which documents balanced each other and nothing was seen.
        last: Last such step.
        sure: First step that may hold them if clocks do not differ at all.
        inside: Whether they lie inside one of our writes.
        documents: The documents.
    """

    quantity: Quantity
    first: int
    last: int
    sure: int
    inside: bool
    documents: tuple[Document, ...]


_Counts = tuple[int, ...]
_Stories = dict[_Counts, dict[Quantity, tuple[int, _Counts]]]
"""By how many documents of each class are told: by units swallowed, the cheapest story's cost and swallowed counts."""


def _classes(documents: Sequence[Document], seen: Sequence[Seen], windows: Sequence[Window]) -> list[_Class]:
    groups: dict[tuple[Quantity, int, int, int, bool], list[Document]] = defaultdict(list)
    for document in sorted(documents, key=lambda each: (each.from_at, each.key)):
        if not document.quantity:
            continue
        first = _first_end(seen, document.from_at - (timedelta(0) if document.is_ours else CLOCKS))
        sure = _first_end(seen, document.from_at)
        last = first
        while last < len(seen) and seen[last].read_from - CLOCKS - CUT <= document.to_at:
            last += 1
        inside = document.may_be_lost and any(window.may_hold(document) for window in windows)
        end = min(2 * last + 1, 2 * len(seen))
        groups[document.quantity, 2 * first, end, 2 * sure, inside].append(document)
    return [_Class(*key, tuple(members)) for key, members in groups.items()]


def _first_end(seen: Sequence[Seen], moment: datetime) -> int:
    """Index of the first reading that had not ended by a moment."""
    return next((at for at, change in enumerate(seen) if change.read_until >= moment), len(seen))


def _tell(stories: _Stories, classes: Sequence[_Class], step: int, seen: Sequence[Seen]) -> _Stories | None:
    """Tell every story on by one step; ``None`` if there are too many ways."""
    is_between, is_last = step % 2 == 0, step == 2 * len(seen)
    change = ZERO if is_between else seen[step // 2].quantity
    told: _Stories = {}
    ways = 0
    for counts, known in stories.items():
        for taken, eaten in _choices(counts, classes, step):
            ways += len(known)
            if ways > _MOST_WAYS:
                return None
            held = _units(classes, taken)
            if is_between and held and not is_last:
                continue  # by hand in the step that follows: the same story
            by_hand = change is not None and held != change
            early = sum(count for kind, count in zip(classes, taken, strict=True) if step < kind.sure)
            cost = _SWALLOWED * sum(eaten) + _EARLY * early + (_BY_HAND if by_hand else 0)
            units = _units(classes, eaten)
            ends = told.setdefault(_sum(counts, taken, eaten), {})
            for former_units, (former_cost, former_eaten) in known.items():
                story = former_cost + cost, _sum(former_eaten, eaten)
                if former_units + units not in ends or story < ends[former_units + units]:
                    ends[former_units + units] = story
    return told


def _choices(counts: _Counts, classes: Sequence[_Class], step: int) -> Iterator[tuple[_Counts, _Counts]]:
    """Every way to spread documents over one step: how many of each class it holds, and how many were swallowed.

    A document is swallowed at the first step that could hold it, so that each story is told once.
    """
    ranges: list[list[tuple[int, int]]] = []
    for kind, told in zip(classes, counts, strict=True):
        left = len(kind.documents) - told if kind.first <= step <= kind.last else 0
        most_eaten = left if kind.inside and step == kind.first else 0
        ranges.append(
            [
                (taken, eaten)
                for eaten in range(most_eaten + 1)
                for taken in range(left - eaten + 1)
                if step < kind.last or taken + eaten == left
            ]
        )
    for chosen in product(*ranges):
        yield tuple(taken for taken, _ in chosen), tuple(eaten for _, eaten in chosen)


def _units(classes: Sequence[_Class], counts: _Counts) -> Quantity:
    return sum((kind.quantity * count for kind, count in zip(classes, counts, strict=True)), ZERO)


def _sum(*counts: _Counts) -> _Counts:
    return tuple(map(sum, zip(*counts, strict=True)))
