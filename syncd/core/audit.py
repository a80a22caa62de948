"""The audit: what a side really holds against what the ledger says, and why they may differ. Pure.

It trusts no shadow. The books are read twice, before and after a second look at whatever seems to differ, so that work
that goes on meanwhile is told from a difference that nothing explains.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from syncd.core.model import Quantity

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet


class Standing(StrEnum):
    """How one listing stands."""

    EQUAL = "equal"
    UNDER_WAY = "under way"
    """It differs for the moment: somebody is at work on it. No difference in the sense of the exit code."""
    IN_DOUBT = "in doubt"
    """It is not known whether a write to it took effect."""
    DIFFERENT = "different"


class Reason(StrEnum):
    """Why a listing is not equal; the likeliest explanation."""

    CHANGED_MEANWHILE = "changed meanwhile"
    BEING_WRITTEN = "being written"
    WRITE_PENDING = "write pending"
    IN_DOUBT = "in doubt"
    PARKED = "parked"
    NOT_READ = "change not read yet"
    READ_AGAIN = "to be read again"
    STOPPED = "held by a safety stop"
    REFUSED = "write refused"
    NEW_POLICY = "new configuration"
    GONE = "gone there"
    NOT_COUNTED = "not counted there"
    SHADOW = "wrong shadow"
    DRIFT = "drift"


ADVICE = {
    Reason.CHANGED_MEANWHILE: "it changed while the audit looked",
    Reason.BEING_WRITTEN: "a write to it is being sent",
    Reason.WRITE_PENDING: "the next run writes it",
    Reason.IN_DOUBT: "the answer to a write was lost; the next runs find out whether it was applied",
    Reason.PARKED: "a person must say whether a write was applied: `syncd findings`",
    Reason.NOT_READ: "the side's feed names it; the next run reads it and counts it as a change",
    Reason.READ_AGAIN: "its last reading could not be counted; the next run reads it again",
    Reason.STOPPED: "nothing is written there until a person confirms: `syncd findings`",
    Reason.REFUSED: "the side refused the write: `syncd findings`",
    Reason.NEW_POLICY: "the configuration changed; restart the daemon, or `syncd sync`",
    Reason.GONE: "it does not exist there any more; a full read takes note: `syncd sync --full`",
    Reason.NOT_COUNTED: "the side counts no stock of it",
    Reason.SHADOW: "the side holds what it should, but syncd believes otherwise and nothing explains it: the next "
    "reading would count the difference as a change. Keep a copy (`syncd db backup FILE`) before anything runs",
    Reason.DRIFT: "nothing explains it, and the side's feed does not name it; `syncd sync --full` reads everything and "
    "counts it as a change there",
}
"""What each reason means and what follows, for people."""


@dataclass(frozen=True, slots=True)
class Book:
    """What the database says of one linked listing at one moment. Two moments are compared as wholes.

    Attributes:
        ledger: Sum of the item's movements.
        should: What the side should hold by that sum and the policy.
        shadow: What the side was last known to hold.
        moved_at: When the item's last movement was recorded.
        doing: State of its unresolved operation; empty if there is none.
        doing_since: When that came into doubt, or was sent, or intended.
        counted: Whether the side keeps a count of its own, as far as we know.
        refused: The side refused the last write.
    """

    side: str
    external_id: str
    sku: str
    name: str
    item: int
    on_hand: Quantity
    ledger: Quantity
    should: Quantity
    shadow: Quantity | None
    shadow_at: datetime | None = None
    moved_at: datetime | None = None
    doing: str = ""
    doing_since: datetime | None = None
    pending: bool = False
    recheck_at: datetime | None = None
    counted: bool = True
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What the side itself says. ``quantity`` is ``None`` if it counts none, ``there`` false if it is gone."""

    quantity: Quantity | None
    there: bool = True


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of the side at the end of the audit.

    Attributes:
        looked_at: Moment of the last look into the database.
        patience: How long what waits for a run is under way; zero if nobody is at work.
        in_doubt: How long a write may be under way.
        settle: How long the side may show the value before our last write.
        read_at: When syncd last read the side's changes.
        named: Ids that the side's feed names since syncd's cursor.
        stopped: A safety stop holds the side's writes.
        new_policy: The configuration is not what was last planned with.
    """

    looked_at: datetime
    patience: timedelta = timedelta(0)
    in_doubt: timedelta = timedelta(seconds=60)
    settle: timedelta = timedelta(0)
    read_at: datetime | None = None
    named: AbstractSet[str] = field(default_factory=frozenset)
    stopped: bool = False
    new_policy: bool = False

    def is_young(self, at: datetime | None) -> bool:
        """Whether somebody is at work and has not had the time yet."""
        return bool(self.patience) and at is not None and self.looked_at - at <= self.patience


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a listing stands. ``counts``: it makes the audit end with "differences found"."""

    standing: Standing
    reason: Reason | None = None
    since: datetime | None = None
    counts: bool = False


def at_rest(book: Book, seen: Seen) -> bool:
    """Whether the side holds what it should, and what we believe it to hold, and nothing is under way."""
    return not book.doing and seen.there and seen.quantity is not None and seen.quantity == book.shadow == book.should


def judge(before: Book, after: Book, seen: Seen, around: Around) -> Verdict:
    """Decide how a listing stands.

    Args:
        before: The books before ``seen`` was read from the side.
        after: The books after it.
        seen: What the side said in between.
        around: What else is known.

    >>> from datetime import UTC
    >>> book = Book("main", "7", "SKU-1", "Cup", 1, Quantity(3), Quantity(3), Quantity(3), Quantity(3))
    >>> around = Around(datetime(2026, 11, 23, tzinfo=UTC))
    >>> judge(book, book, Seen(Quantity(3)), around).standing.value
    'equal'
    >>> judge(book, book, Seen(Quantity(2)), around).reason.value
    'drift'
    """
    if after.doing in ("unknown", "parked"):
        return _in_doubt(after, seen, around)
    if at_rest(after, seen):
        return Verdict(Standing.EQUAL)
    if before != after:
        return Verdict(Standing.UNDER_WAY, Reason.CHANGED_MEANWHILE, after.moved_at)
    if after.doing:
        if after.doing_since is not None and around.looked_at - after.doing_since <= around.in_doubt:
            return Verdict(Standing.UNDER_WAY, Reason.BEING_WRITTEN, after.doing_since)
        return _in_doubt(after, seen, around)  # whoever sent it has stopped
    named = after.external_id in around.named and around.is_young(around.read_at)
    if not seen.there:
        return _explained(Reason.GONE, after.shadow_at, young=named)
    if seen.quantity is None and after.shadow is not None:
        return _explained(Reason.NOT_COUNTED, after.shadow_at, young=named)
    if seen.quantity != after.shadow:
        return _unread(after, seen, around)
    return _unwritten(after, around)


def _in_doubt(book: Book, seen: Seen, around: Around) -> Verdict:
    reason = Reason.PARKED if book.doing == "parked" else Reason.IN_DOUBT
    being_settled = reason is Reason.IN_DOUBT and around.is_young(book.doing_since)
    return Verdict(
        Standing.IN_DOUBT, reason, book.doing_since, counts=seen.quantity != book.should and not being_settled
    )


def _unread(book: Book, seen: Seen, around: Around) -> Verdict:
    """The side does not hold what we believe."""
    if book.shadow_at is not None and around.looked_at - book.shadow_at < around.settle:
        return Verdict(Standing.UNDER_WAY, Reason.CHANGED_MEANWHILE, book.shadow_at)
    if book.recheck_at is not None:
        return _explained(Reason.READ_AGAIN, book.shadow_at, young=around.is_young(book.recheck_at))
    if book.external_id in around.named or book.shadow is None:
        return _explained(Reason.NOT_READ, book.shadow_at, young=around.is_young(around.read_at))
    reason = Reason.SHADOW if seen.quantity == book.should else Reason.DRIFT
    return Verdict(Standing.DIFFERENT, reason, book.shadow_at, counts=True)


def _unwritten(book: Book, around: Around) -> Verdict:
    """The side holds what we believe, but not what it should."""
    since = max((at for at in (book.moved_at, book.shadow_at) if at is not None), default=None)
    if book.refused:
        return Verdict(Standing.DIFFERENT, Reason.REFUSED, since, counts=True)
    if book.pending and around.stopped:
        return Verdict(Standing.DIFFERENT, Reason.STOPPED, since, counts=True)
    if around.new_policy:
        return Verdict(Standing.DIFFERENT, Reason.NEW_POLICY, since, counts=True)
    if book.pending:
        return _explained(Reason.WRITE_PENDING, since, young=around.is_young(since))
    return Verdict(Standing.DIFFERENT, Reason.DRIFT, since, counts=True)


def _explained(reason: Reason, since: datetime | None, *, young: bool) -> Verdict:
    if young:
        return Verdict(Standing.UNDER_WAY, reason, since)
    return Verdict(Standing.DIFFERENT, reason, since, counts=True)
