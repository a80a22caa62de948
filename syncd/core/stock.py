"""Stock rules: what a side should hold, and what a reading means. Pure (design 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR
from typing import TYPE_CHECKING

from syncd.core.model import ZERO, Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class StockPolicy:
    """How a side's quantity follows from the canonical one.

    Attributes:
        hub: The hub holds the canonical quantity itself.
        buffer: Units held back from a shop (safety stock).
        buffers: Buffer per SKU key, instead of ``buffer``.
        allow_negative: The shop takes back-orders and is told numbers below zero.
        fractions: The side can hold decimals.
    """

    hub: bool = False
    buffer: Quantity = ZERO
    buffers: Mapping[str, Quantity] = field(default_factory=dict)
    allow_negative: bool = False
    fractions: bool = False


def project(on_hand: Quantity, policy: StockPolicy, sku_key: str | None = None) -> Quantity:
    """Return the quantity that a side should hold when the item's canonical quantity is ``on_hand``.

    >>> project(Quantity("7.5"), StockPolicy(buffer=Quantity(2)))
    Decimal('5')
    >>> project(Quantity(1), StockPolicy(buffer=Quantity(2)))
    Decimal('0')

    Source: design section 3.
    """
    if policy.hub:
        return on_hand
    held_back = policy.buffers.get(sku_key, policy.buffer) if sku_key else policy.buffer
    free = on_hand - held_back
    if not policy.fractions:
        free = free.to_integral_value(rounding=ROUND_FLOOR)
    return free if policy.allow_negative else max(ZERO, free)


@dataclass(frozen=True, slots=True)
class PastWrite:
    """A confirmed write: what the side held before it, and when it was confirmed (our clock).

    ``mark`` is what the side shows since then, where a write can carry one.
    """

    before: Quantity
    confirmed_at: datetime
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class ListingState:
    """What is known of a listing when a reading of it arrives.

    Attributes:
        shadow: Quantity last read or confirmed; ``None`` if never.
        write_seq: The side's write number when this listing was last written.
        in_doubt: An operation on it is unresolved.
        writes: Confirmed writes of the last ``settle_seconds``.
    """

    shadow: Quantity | None
    write_seq: int = 0
    in_doubt: bool = False
    writes: Sequence[PastWrite] = ()


@dataclass(frozen=True, slots=True)
class Same:
    """The reading says what we know."""


@dataclass(frozen=True, slots=True)
class Adopt:
    """The first reading: it becomes the shadow and moves nothing."""


@dataclass(frozen=True, slots=True)
class Move:
    """The side changed: by this many units."""

    quantity: Quantity


@dataclass(frozen=True, slots=True)
class Ignore:
    """The reading must not count. ``read_again_at``: when to read the listing by id; ``None``: settlement reads it."""

    reason: str
    read_again_at: datetime | None


Verdict = Same | Adopt | Move | Ignore


def judge_reading(
    state: ListingState,
    quantity: Quantity,
    *,
    began_seq: int,
    now: datetime,
    settle: timedelta,
    marker: str | None = None,
) -> Verdict:
    """Decide what one reading of a listing means.

    Args:
        state: What is known of the listing.
        quantity: Units the side reports.
        began_seq: The side's write number when the read began. A lower number than the listing's means that our own
            write was confirmed after the read began: the reading may show either side of it.
        now: Present time, our clock.
        settle: How long a side may still show the value before our write (a cache).
        marker: The mark that the reading shows.

    Source: design section 3, rules 4 and 5.
    """
    if state.in_doubt:
        return Ignore("an operation on this listing is unresolved", None)
    if began_seq < state.write_seq:
        return Ignore("the read began before our last write was confirmed", now)
    if state.shadow is None:
        return Adopt()
    if quantity == state.shadow:
        return Same()
    latest = max(state.writes, key=lambda write: write.confirmed_at, default=None)
    if latest is not None and latest.mark not in (None, marker) and now < latest.confirmed_at + settle:
        # A replica that lags shows what was long before, not only the value right before our write.
        return Ignore("it lacks the mark of our last write: it is older", latest.confirmed_at + settle)
    stale_until = [
        write.confirmed_at + settle
        for write in state.writes
        if write.before == quantity and now < write.confirmed_at + settle
    ]
    if stale_until:
        return Ignore("it shows the value before our own write: a cache", max(stale_until))
    return Move(quantity - state.shadow)
