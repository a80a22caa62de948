"""Settlement of writes whose answer was lost: never repeated blindly (design 3, rule 4). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from syncd.core.model import ZERO, Quantity


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
        since: When its answer was given up, our clock: not when it was sent, for a side may be at work for as long as
            we wait, and longer.
    """

    before: Quantity
    difference: Quantity
    since: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a fresh look at the side shows.

    Attributes:
        quantity: Units the side reports now; ``None`` if it reports none.
        marker: Whether the listing carries this operation's marker; ``None`` where sides carry none.
        read_at: When the look began, our clock.
        moved: Net units that the side's own documents moved after the shadow was read; ``None`` if the side has none.
        unsure: Units of documents so close to the reading of the shadow that it may or may not include them.
    """

    quantity: Quantity | None
    marker: bool | None
    read_at: datetime
    moved: Quantity | None = None
    unsure: tuple[Quantity, ...] = ()


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


MOST_UNSURE = 6
"""With more unsure documents than this nearly every number could be explained: a person decides."""


def settle(doubt: Doubt, evidence: Evidence, *, in_doubt: timedelta) -> Settlement:
    """Decide whether a write whose answer was lost took effect.

    A marker proves at once that it did. Everything else is said only when the request can no longer be running on the
    side, which is ``in_doubt`` after we gave up waiting; by then its documents (orders, returns) are complete as well.

    Args:
        doubt: The unresolved write.
        evidence: A look at the side that began after the doubt did.
        in_doubt: How long the side may still be working on a request that we lost.

    Source: design section 3, rule 4.
    """
    if evidence.marker is True:
        return WasApplied(Settler.MARKER)
    if evidence.read_at < doubt.since + in_doubt:
        return Wait("the request may still be running")
    if evidence.marker is False:
        return WasNotApplied(Settler.MARKER)
    if evidence.quantity is None:
        return Park("the side reports no quantity")
    return _settle_by_numbers(doubt, evidence, evidence.quantity - doubt.before)


def _settle_by_numbers(doubt: Doubt, evidence: Evidence, change: Quantity) -> Settlement:
    moved = evidence.moved or ZERO
    verdicts = {
        _applied(change - moved - extra, doubt.difference) for extra in subset_sums(evidence.unsure[:MOST_UNSURE])
    } - {None}
    by = Settler.EVENT if moved or evidence.unsure else Settler.READ_BACK
    if len(verdicts) == 1 and len(evidence.unsure) <= MOST_UNSURE:
        return WasApplied(by) if True in verdicts else WasNotApplied(by)
    explained = f", its documents explain {moved:+f}" if moved else ""
    unsure = f", and perhaps {', '.join(f'{units:+f}' for units in evidence.unsure)}" if evidence.unsure else ""
    return Park(
        f"the side held {doubt.before:f}, {doubt.difference:+f} was sent, it reports {doubt.before + change:f}"
        f"{explained}{unsure}"
    )


@dataclass(frozen=True, slots=True)
class TwoWays:
    """What each answer of a person to "was it applied?" means, in units and in words."""

    applied: str
    not_applied: str


def two_ways(side: str, doubt: Doubt, reported: Quantity | None) -> TwoWays:
    """Word the two possibilities of a write that cannot be settled by its numbers.

    Args:
        side: Name of the side.
        doubt: The write.
        reported: Units the side reported at the last look; ``None`` if it reported none.

    >>> from datetime import UTC
    >>> doubt = Doubt(Quantity(9), Quantity(-2), datetime(2026, 11, 23, tzinfo=UTC))
    >>> two_ways("till", doubt, None).applied
    'till holds 7 and nothing is sent'
    >>> two_ways("till", doubt, Quantity(4)).not_applied
    'all of -5 happened there and is counted, and -2 is sent again'
    """
    after = doubt.before + doubt.difference
    again = f"{doubt.difference:+f} is sent again"
    if reported is None:
        return TwoWays(f"{side} holds {after:f} and nothing is sent", f"{side} holds {doubt.before:f} and {again}")
    rest, whole = reported - after, reported - doubt.before
    return TwoWays(
        f"{side} held {after:f} after it, nothing is sent, and {rest:+f} that happened there besides is counted"
        if rest
        else f"{side} holds {after:f} and nothing is sent",
        f"all of {whole:+f} happened there and is counted, and {again}"
        if whole
        else f"{side} holds {doubt.before:f} and {again}",
    )


def subset_sums(units: tuple[Quantity, ...]) -> set[Quantity]:
    """Return every sum that some of ``units`` can have."""
    sums = {ZERO}
    for each in units:
        sums |= {total + each for total in sums}
    return sums


def _applied(change: Quantity, difference: Quantity) -> bool | None:
    if change == difference:
        return True
    return False if change == 0 else None
