"""Safety stops: a plan that looks like an accident waits for a person (design 6). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.core.model import Quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Limit:
    """Exceeded when a count is above ``items`` and above ``percent`` of the linked items; one of them may be absent."""

    items: int | None
    percent: Quantity | None

    def exceeded(self, count: int, of: int) -> bool:
        """Whether ``count`` of ``of`` is too many."""
        return (self.items is None or count > self.items) and (self.percent is None or count * 100 > self.percent * of)


@dataclass(frozen=True, slots=True)
class SafetyLimits:
    """Limits of one shop; ``None`` switches a limit off."""

    max_zeroed: Limit | None = None
    max_changed: Limit | None = None
    max_jump: Quantity | None = None
    max_unexplained: Limit | None = None
    max_gone: Limit | None = None
    max_price_drop: Quantity | None = None
    max_created: Limit | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One planned stock change: what the side holds, what it would hold."""

    label: str
    holds: Quantity
    wants: Quantity


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a plan was refused, with the counts that tripped the limit."""

    reason: str
    counts: dict[str, int]


def check_plan(changes: Sequence[Change], linked: int, limits: SafetyLimits) -> Stop | None:
    """Return why the plan must wait for a person, or ``None`` if it may be carried out.

    Args:
        changes: All stock changes planned for one side now.
        linked: Linked items of that side.
        limits: The side's limits.
    """
    zeroed = [change for change in changes if change.holds > 0 >= change.wants]
    if limits.max_zeroed and limits.max_zeroed.exceeded(len(zeroed), linked):
        return Stop(f"{len(zeroed)} of {linked} linked items would go to zero", {"zeroed": len(zeroed), "of": linked})
    if limits.max_changed and limits.max_changed.exceeded(len(changes), linked):
        return Stop(
            f"{len(changes)} of {linked} linked items would change at once", {"changed": len(changes), "of": linked}
        )
    if limits.max_jump is not None:
        jump = next((change for change in changes if abs(change.wants - change.holds) > limits.max_jump), None)
        if jump:
            return Stop(
                f"{jump.label} would jump from {jump.holds:f} to {jump.wants:f} (max_jump is {limits.max_jump:f})",
                {"jump": int(abs(jump.wants - jump.holds))},
            )
    return None


@dataclass(frozen=True, slots=True)
class Reported:
    """One change that a read found on a side.

    Attributes:
        quantity: Signed units.
        explained: Orders or refunds say that the listing moved.
        put_back: The listing shows the mark of an older write than the last one it was seen to carry.
    """

    quantity: Quantity
    explained: bool
    put_back: bool


def check_reported(changes: Sequence[Reported], linked: int, limits: SafetyLimits) -> Stop | None:
    """Return why what a side reports must not be counted before a person looked, or ``None`` if it may be.

    A shop that was restored from a backup, or that shows pages of yesterday, reports old quantities: booked elsewhere,
    they would put sold goods back on the shelf. It is known by marks of writes that were followed by later ones, or by
    too many changes at once that no order explains.

    Args:
        changes: All changes of linked listings that one read found.
        linked: Linked items of that side.
        limits: The side's limits.
    """
    put_back = sum(change.put_back for change in changes)
    unexplained = sum(not change.explained for change in changes)
    too_many = limits.max_unexplained is not None and limits.max_unexplained.exceeded(unexplained, linked)
    counts = {"put_back": put_back, "unexplained": unexplained, "of": linked}
    if put_back:
        reason = f"{put_back} of {linked} linked items are as they were before earlier writes of syncd"
        return Stop(f"{reason}; {unexplained} changed without an order" if too_many else reason, counts)
    if too_many:
        return Stop(f"{unexplained} of {linked} linked items changed at once without an order that says why", counts)
    return None


def check_gone(gone: int, linked: int, limits: SafetyLimits, *, lately: int = 0) -> Stop | None:
    """Return why linked items that are gone from a side must not be unlinked before a person looked.

    Args:
        gone: How many one pass found gone.
        linked: Linked items of that side, these among them.
        limits: The side's limits.
        lately: How many more were unlinked lately because they answered "not found", nobody having looked at them.
    """
    limit = limits.max_gone
    if limit is None or not gone:
        return None
    if not (limit.exceeded(gone + lately, linked + lately) or gone >= linked > 1):
        return None
    counts = {"gone": gone, "of": linked}
    if lately:
        return Stop(f"{gone} of {linked} linked items are gone, after {lately} within a day", counts)
    return Stop(f"{gone} of {linked} linked items are gone at once", counts)


def check_withdrawals(count: int, of: int, limits: SafetyLimits, *, lately: int = 0) -> Stop | None:
    """Return why products must not be withdrawn from a shop before a person looked, or ``None`` if they may be.

    Args:
        count: How many one plan would withdraw.
        of: Linked items of the shop, and these.
        limits: The shop's limits.
        lately: How many more were withdrawn within a day, nobody having looked at them.
    """
    if limits.max_zeroed is None or not limits.max_zeroed.exceeded(count + lately, of + lately):
        return None
    if lately:
        reason = f"{count} of {of} products would be withdrawn, after {lately} within a day"
        return Stop(reason, {"withdrawn": count, "of": of})
    return Stop(f"{count} of {of} products would be withdrawn at once", {"withdrawn": count, "of": of})


FIRST_OVERWRITES = Limit(20, Quantity(10))
"""More products than these are not overwritten by the first comparison of two catalogues before a person looked."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One planned change of a field.

    Attributes:
        label: The product, for people.
        shows: What the side shows now.
        wants: What it would show.
        is_price: Whether both are prices.
        is_first: Nothing was agreed on this field before.
        hides: Whether customers would not see the product any more.
    """

    label: str
    shows: str
    wants: str
    is_price: bool
    is_first: bool
    hides: bool = False


def check_fields(changes: Sequence[FieldChange], linked: int, limits: SafetyLimits) -> Stop | None:
    """Return why fields of products must not be written before a person looked, or ``None`` if they may be.

    A price of zero is more often one that nobody entered than a gift, so it always waits.

    Args:
        changes: All changes of fields planned for one side now.
        linked: Linked items of that side.
        limits: The side's limits; its ``max_price_drop`` is in percent.
    """
    stops = [
        *_too_many(changes, linked, limits),
        *_too_cheap([change for change in changes if _becomes_zero(change)], "would become zero", "prices_to_zero"),
        *_too_cheap(
            [change for change in changes if _falls_too_far(change, limits.max_price_drop)],
            f"would fall by more than {limits.max_price_drop} %",
            "price_drops",
        ),
    ]
    if not stops:
        return None
    counts = {name: count for stop in stops for name, count in stop.counts.items()}
    return Stop("; ".join(stop.reason for stop in stops), counts)


def _too_many(changes: Sequence[FieldChange], linked: int, limits: SafetyLimits) -> Iterator[Stop]:
    first = len({change.label for change in changes if change.is_first and change.shows})
    if FIRST_OVERWRITES.exceeded(first, linked):
        reason = f"fields of {first} of {linked} linked items would be overwritten at their first comparison"
        yield Stop(reason, {"first": first, "of": linked})
    hidden = len({change.label for change in changes if change.hides})
    if limits.max_zeroed and limits.max_zeroed.exceeded(hidden, linked):
        reason = f"{hidden} of {linked} linked items would be hidden from customers at once"
        yield Stop(reason, {"hidden": hidden, "of": linked})
    changed = len({change.label for change in changes})
    if limits.max_changed and limits.max_changed.exceeded(changed, linked):
        reason = f"fields of {changed} of {linked} linked items would change at once"
        yield Stop(reason, {"fields_changed": changed, "of": linked})


def _too_cheap(falls: Sequence[FieldChange], how: str, count: str) -> Iterator[Stop]:
    if falls:
        worst, many = falls[0], len(falls)
        example = f"{worst.label} from {worst.shows or 'none'} to {worst.wants}"
        yield Stop(f"{many} price{'' if many == 1 else 's'} {how}: {example}", {count: many})


def _becomes_zero(change: FieldChange) -> bool:
    return change.is_price and bool(change.wants) and not Quantity(change.wants) and change.shows != change.wants


def _falls_too_far(change: FieldChange, percent: Quantity | None) -> bool:
    if percent is None or not change.is_price or not change.shows or not change.wants:
        return False
    shows, wants = Quantity(change.shows), Quantity(change.wants)
    return bool(wants) and wants * 100 < shows * (100 - percent)


def check_creations(count: int, linked: int, limits: SafetyLimits, where: str = "") -> Stop | None:
    """Return why products must not be made before a person has looked.

    Args:
        count: Products and variations that would be made.
        linked: Linked items of the shop.
        limits: The shop's limits.
        where: Words for where they would be made, if not in the shop.
    """
    if limits.max_created and limits.max_created.exceeded(count, linked):
        return Stop(f"{count} products would be made{where} beside {linked} linked ones", {"made": count, "of": linked})
    return None
