"""Settlement of writes whose answer was lost: never repeated blindly (design 3, rule 4). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from syncd.core.model import Quantity


class Settler(StrEnum):
    """What settled an operation."""

    MARKER = "marker"
    READ_BACK = "read_back"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Doubt:
    """An unresolved write.

    Attributes:
        before: Units the side held when it was intended.
        difference: Units it adds.
        sent_at: When it was sent, our clock.
    """

    before: Quantity
    difference: Quantity
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a fresh look at the side shows.

    Attributes:
        quantity: Units the side reports now; ``None`` if it reports none.
        marker: Whether the listing carries this operation's marker; ``None`` where sides carry none.
        moved: Net units that the side's own orders and returns moved since the shadow was set; ``None`` if unknown.
        read_at: When the look began, our clock.
    """

    quantity: Quantity | None
    marker: bool | None
    moved: Quantity | None
    read_at: datetime


@dataclass(frozen=True, slots=True)
class WasApplied:
    """The write took effect."""

    by: Settler


@dataclass(frozen=True, slots=True)
class WasNotApplied:
    """The write had no effect and will have none."""

    by: Settler


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be said yet: look again later."""

    reason: str


@dataclass(frozen=True, slots=True)
class Park:
    """Nothing can be said: a person, or a later consistent reading, decides."""

    reason: str


Settlement = WasApplied | WasNotApplied | Wait | Park


def settle(doubt: Doubt, evidence: Evidence, *, in_doubt: timedelta) -> Settlement:
    """Decide whether a write whose answer was lost took effect.

    That it took effect can be seen at once. That it did not can only be said when the request can no longer be running
    on the side, which is ``in_doubt`` after it was sent.

    Args:
        doubt: The unresolved write.
        evidence: A look at the side that began after the doubt did.
        in_doubt: How long the side may still be working on a request that we lost.
    """
    over = evidence.read_at >= doubt.sent_at + in_doubt
    if evidence.marker is True:
        return WasApplied(Settler.MARKER)
    if evidence.marker is False:
        return WasNotApplied(Settler.MARKER) if over else Wait("no marker yet; the request may still be running")
    if evidence.quantity is None:
        return Park("the side reports no quantity") if over else Wait("the side reports no quantity")
    return _settle_by_numbers(doubt, evidence.quantity, evidence.moved, over=over)


def _settle_by_numbers(doubt: Doubt, quantity: Quantity, moved: Quantity | None, *, over: bool) -> Settlement:
    change = quantity - doubt.before
    plain = _applied(change, doubt.difference)
    explained = None if moved is None else _applied(change - moved, doubt.difference)
    by = Settler.READ_BACK if moved in (None, 0) else Settler.EVENT
    known = {verdict for verdict in (plain, explained) if verdict is not None}
    if moved is not None and explained is None:
        # Orders and reading do not add up yet: one of them is late.
        known = set()
    if known == {True}:
        return WasApplied(by)
    if known == {False}:
        return WasNotApplied(by) if over else Wait("not seen yet; the request may still be running")
    reason = f"the side held {doubt.before:f}, {doubt.difference:+f} was sent, it reports {quantity:f}" + (
        f", its orders explain {moved:+f}" if moved else ""
    )
    return Park(reason) if over else Wait(reason)


def _applied(change: Quantity, difference: Quantity) -> bool | None:
    if change == difference:
        return True
    return False if change == 0 else None
