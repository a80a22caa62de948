"""Settlement of writes whose answer was lost: never repeated blindly (design 3, rule 4). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from syncd.core.model import ZERO, Quantity

if TYPE_CHECKING:
    from collections.abc import Sequence


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
class Step:
    """What happened between two looks at the side, the first of which is the reading of the shadow.

    Attributes:
        change: Units by which the later look differs from the earlier one.
        moved: Units that documents moved between the two.
        unsure: Units of documents that may or may not have done so between the two.
    """

    change: Quantity
    moved: Quantity = ZERO
    unsure: tuple[Quantity, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a fresh look at the side shows.

    Attributes:
        quantity: Units the side reports now; ``None`` if it reports none.
        marker: Whether the listing carries this operation's marker; ``None`` where sides carry none.
        read_at: When the look began, our clock.
        moved: Net units that the side's own documents moved after the shadow was read; ``None`` if the side has none.
        unsure: Units of documents so close to the reading of the shadow that it may or may not include them.
        steps: What happened between looks that were taken while the doubt lasted, the last one up to this look; empty
            if there was no earlier look.
        swallowable: Units of documents, part of ``moved``, that the write swallowed perhaps if it was applied.
    """

    quantity: Quantity | None
    marker: bool | None
    read_at: datetime
    moved: Quantity | None = None
    unsure: tuple[Quantity, ...] = ()
    steps: tuple[Step, ...] = ()
    swallowable: tuple[Quantity, ...] = ()


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
    return _settle_by_steps(doubt.difference, evidence.steps) or _settle_by_numbers(
        doubt, evidence, evidence.quantity - doubt.before
    )


def _settle_by_steps(difference: Quantity, steps: Sequence[Step]) -> Settlement | None:
    """Follow the side from look to look: the first step that shows just our write settles it, whatever came later.

    Returns:
        ``None`` if there was no look, or at the first step that shows something else.
    """
    for step in steps:
        verdicts = _verdicts(step, difference)
        if verdicts != {False}:
            return WasApplied(_by(step)) if verdicts == {True} else None
    return WasNotApplied(_by(*steps)) if steps else None


def _by(*steps: Step) -> Settler:
    return Settler.EVENT if any(step.moved or step.unsure for step in steps) else Settler.READ_BACK


def _verdicts(step: Step, difference: Quantity, swallowable: tuple[Quantity, ...] = ()) -> set[bool]:
    """Whether the step holds our write, for every possible part of the unsure documents; empty if it fits none."""
    if len(step.unsure) > MOST_UNSURE or len(swallowable) > MOST_UNSURE:
        return {True, False}
    rests = {step.change - step.moved - extra for extra in subset_sums(step.unsure)}
    applied = {difference - eaten for eaten in subset_sums(swallowable)}
    return ({True} if rests & applied else set()) | ({False} if ZERO in rests else set())


def _settle_by_numbers(doubt: Doubt, evidence: Evidence, change: Quantity) -> Settlement:
    step = Step(change, evidence.moved or ZERO, evidence.unsure)
    verdicts = _verdicts(step, doubt.difference, evidence.swallowable)
    if len(verdicts) == 2 and evidence.swallowable and not evidence.unsure:
        # Either nothing was applied, or it was and swallowed just what would make up for it: the side and, once its
        # documents are weighed, the ledger end at the same numbers.
        return WasNotApplied(_by(step))
    if len(verdicts) == 1:
        return WasApplied(_by(step)) if True in verdicts else WasNotApplied(_by(step))
    explained = f", its documents explain {step.moved:+f}" if step.moved else ""
    unsure = f", and perhaps {', '.join(f'{units:+f}' for units in step.unsure)}" if step.unsure else ""
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
