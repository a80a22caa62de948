"""What documents of a side prove about its readings, on sides whose writes can swallow an order (design 3). Pure.

A relative write that the side carries out as read, add, write back can swallow an order that lands in between: the
answer looks right, the readings look right, only the order knows better. So documents are held against movements.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING

from syncd.core.model import ZERO, Quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

CLOSE = timedelta(seconds=3)
"""Clocks of two systems and whole seconds: moments this close may be the same."""

_MOST_CANDIDATES = 12

_FEW = 3
"""Among more documents, one of just the missing size is found too easily."""


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """Part of a document that no movement names yet.

    Attributes:
        key: The document's key.
        quantity: Signed units it moved on its side, not explained yet.
        from_at: Earliest moment it may have moved them.
        to_at: Latest moment.
        named: A movement of the pass that brought the document is just as large: it very likely counted.
    """

    key: str
    quantity: Quantity
    from_at: datetime
    to_at: datetime
    named: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Time between sending one of our writes and its answer, our clock."""

    sent_at: datetime
    answered_at: datetime

    def may_hold(self, document: OpenDocument) -> bool:
        """Whether the document may have happened while the side was at work on our write."""
        return self.sent_at - CLOSE <= document.to_at and document.from_at <= self.answered_at + CLOSE


@dataclass(frozen=True, slots=True)
class Explained:
    """All documents are in the movements, except ``swallowed`` ones: those were lost in our own write."""

    swallowed: tuple[OpenDocument, ...] = ()


@dataclass(frozen=True, slots=True)
class Unclear:
    """Documents and movements do not add up: something else happened as well, or one of them is late."""

    missing: Quantity


def weigh(
    documents: Sequence[OpenDocument], movements: Sequence[Quantity], windows: Sequence[Window]
) -> Explained | Unclear:
    """Hold the documents of one listing against the movements seen there that no document names yet.

    Nothing is called swallowed unless the difference is exactly what documents inside our own writes' time explain:
    an edit by hand in the same moments makes the numbers disagree otherwise, and is left alone.

    Args:
        documents: Open documents of the listing.
        movements: Units of movements that these documents may have caused.
        windows: Our writes to the listing.

    >>> from datetime import UTC
    >>> at = datetime(2026, 11, 23, tzinfo=UTC)
    >>> order = OpenDocument("order:1", Quantity(-2), at, at)
    >>> weigh([order], [], [Window(at, at)]).swallowed == (order,)
    True
    """
    total = sum((document.quantity for document in documents), ZERO)
    missing = total - sum(movements, ZERO)
    if not missing:
        return Explained()
    inside = [document for document in documents if any(window.may_hold(document) for window in windows)]
    candidates = [document for document in inside if not document.named]
    # Each movement must come from a document that counted: more movements than such documents hold edits by hand.
    most_swallowed = min(len(candidates), len(documents) - len(movements), _MOST_CANDIDATES)
    for size in range(1, most_swallowed + 1):
        for chosen in combinations(candidates[:_MOST_CANDIDATES], size):
            # Any choice of the same sum has the same effect on the quantity; the fewest documents are the likeliest.
            if sum((document.quantity for document in chosen), ZERO) == missing:
                return Explained(chosen)
    if len(documents) <= _FEW:
        # The movement that named a document may have been another one's, whose document came later.
        for document in inside:
            if document.named and document.quantity == missing:
                return Explained((document,))
    return Explained() if _some_sum(movements, total) else Unclear(missing)


def _some_sum(movements: Sequence[Quantity], total: Quantity) -> bool:
    sums = {ZERO}
    for quantity in movements[-_MOST_CANDIDATES:]:
        sums |= {known + quantity for known in sums}
    return total in sums
