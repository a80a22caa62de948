"""What counts after the database was put back from a backup. Pure.

The backup knows what each side held when it was made. What a side shows now is that, and what happened on it since, and
what was written to it since: of the last nothing is known any more. So a difference is no change that could be counted;
it may be one of the other side that was carried over already.

Two things tell. If all sides show what one of them says, everything was carried over. And where documents say what
happened on each side by itself, their sum is the quantity, if what each side shows can be had from it. Anything else is
left to a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from syncd.core.model import ZERO, Quantity
from syncd.core.settle import subset_sums
from syncd.core.stock import StockPolicy, project

MOST_DOCUMENTS = 10
"""With more documents of other sides than these, too many of their sums would fit by chance."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One side of an item.

    Attributes:
        side: Its name.
        policy: What it should hold.
        sku_key: For the policy's exceptions.
        knew: Units it held by the backup; ``None`` if that is not known in numbers of what it counts today.
        shows: Units it shows now.
        documents: Units of each document that moved stock on it since the backup; ``None`` if it has no documents.
        unsure: One of them may be of before the backup.
    """

    side: str
    policy: StockPolicy
    sku_key: str | None
    knew: Quantity | None
    shows: Quantity
    documents: tuple[Quantity, ...] | None = None
    unsure: bool = False

    @property
    def moved(self) -> Quantity | None:
        """Units by which it differs from the backup, if that is known."""
        return None if self.knew is None else self.shows - self.knew

    def holds(self, on_hand: Quantity) -> bool:
        """Whether it shows what it should if so much is on hand."""
        return self.shows == project(on_hand, self.policy, self.sku_key)


@dataclass(frozen=True, slots=True)
class Counts:
    """So much is on hand, and why that is certain."""

    on_hand: Quantity
    why: str


@dataclass(frozen=True, slots=True)
class Held:
    """Nobody but a person can say how much is on hand."""

    reason: str


def judge_restored(on_hand: Quantity, shown: Sequence[Shown]) -> Counts | Held:
    """Decide how much of an item is on hand after a restore.

    Args:
        on_hand: By the backup.
        shown: All sides that count it, read at one moment, with their documents up to that moment.

    >>> till, shop = StockPolicy(hub=True), StockPolicy()
    >>> ten = Quantity(10)
    >>> judge_restored(ten, [Shown("till", till, None, ten, Quantity(8)), Shown("web", shop, None, ten, Quantity(8))])
    Counts(on_hand=Decimal('8'), why='all sides show it')
    """
    if all(each.moved == ZERO for each in shown):
        return Counts(on_hand, "no side changed")
    hub = next((each for each in shown if each.policy.hub), None)
    if hub is None:
        return Held("the till does not show it")
    if any(each.unsure for each in shown):
        return Held("a document is of the moment of the backup: it may be in its numbers or not")
    known = all(each.documents is not None for each in shown)
    explained = known and all(_fits(on_hand, each, shown) for each in shown)
    total = on_hand + sum((units for each in shown for units in each.documents or ()), ZERO)
    if all(each.holds(hub.shows) for each in shown):
        if (explained and total != hub.shows) or _untold(shown):
            return Held("all show the same, but by their documents not all of them were told of what the others sold")
        return Counts(hub.shows, "all sides show it")
    if explained:
        return Counts(total, "the documents of all sides explain what each shows")
    return Held("the sides differ, and their documents do not explain it")


def _untold(shown: Sequence[Shown]) -> bool:
    """Whether several sides show just what their own documents moved, though another has no documents at all."""
    if all(each.documents is not None for each in shown):
        return False
    own = [each for each in shown if each.documents and each.moved == sum(each.documents, ZERO) != 0]
    return len(own) > 1


def _fits(on_hand: Quantity, side: Shown, shown: Sequence[Shown]) -> bool:
    """Whether what a side shows comes of its own documents, and of some of the others' that it was told of."""
    own = sum(side.documents or (), ZERO)
    if side.moved is None:
        return False
    if side.moved == own:
        return True
    others = tuple(units for each in shown if each is not side for units in each.documents or ())
    return len(others) <= MOST_DOCUMENTS and any(side.holds(on_hand + own + told) for told in subset_sums(others))
