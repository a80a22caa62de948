"""The true sum of all events, from the simulators' own histories without syncd's writes, against what is shown."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.state.models import Item, Listing, Operation, Side, is_open

if TYPE_CHECKING:
    from tests.chaos.stage import ChaosStage

_OURS_AT_TILL = {"adjust"}
_ZERO = Decimal(0)

Events = dict[str, list[Decimal]]


@dataclass(frozen=True, slots=True)
class Opening:
    """Where counting begins: quantities at the till, and how long each shop's history was."""

    till: dict[str, Decimal]
    till_events: int
    shop_events: dict[str, int]


def open_books(stage: ChaosStage) -> Opening:
    """Begin to count from here; everything agrees now."""
    return Opening(
        stage.till_stock(),
        len(stage.till.history()),
        {name: len(shop.events()) for name, shop in stage.shops.items()},
    )


def events(stage: ChaosStage, opening: Opening) -> Events:
    """Signed events by SKU since the opening, those that syncd caused left out."""
    found: Events = defaultdict(list)
    for row in stage.till.history()[opening.till_events :]:
        if row["kind"] not in _OURS_AT_TILL:
            found[row["sku"]].append(Decimal(row["quantity"]))
    for name, shop in stage.shops.items():
        for event in shop.events()[opening.shop_events[name] :]:
            found[event.sku].append(event.units)
    return found


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An item that does not show what its events add up to; ``shops`` by name."""

    sku: str
    expected: Decimal
    till: Decimal
    ledger: Decimal
    shops: dict[str, Decimal | None]
    lost: Decimal
    doubled: Decimal

    def __str__(self) -> str:
        shown = ", ".join(f"{name} {units}" for name, units in self.shops.items())
        return f"{self.sku}: events add up to {self.expected:f}, till {self.till:f}, ledger {self.ledger:f}, {shown}"


@dataclass(slots=True)
class Comparison:
    """Every item in all places.

    Attributes:
        doubtful: SKUs with an unresolved write, which nobody can judge.
        labels: Names, texts and prices in a shop that are not the till's, which owns them.
    """

    mismatches: list[Mismatch] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    doubtful: dict[str, str] = field(default_factory=dict)
    items: int = 0

    @property
    def quiet(self) -> bool:
        """Whether nothing is left to do: only parked writes are still open, and all else agrees."""
        return not self.mismatches and not self.labels and all(state == "parked" for state in self.doubtful.values())


def compare(stage: ChaosStage, opening: Opening) -> Comparison:
    """Compare now."""
    happened = events(stage, opening)
    till = stage.till_stock()
    shops = {name: stage.shop_stock(name) for name in stage.shops}
    on_hand, doubtful = _database(stage)
    starts = opening.till | stage.new_goods
    result = Comparison(doubtful=doubtful, items=len(starts), labels=_labels(stage))
    for sku, start in starts.items():
        expected = start + sum(happened.get(sku, ()), _ZERO)
        shown = {name: stock.get(sku) for name, stock in shops.items()}
        told = max(_ZERO, expected)
        ledger = on_hand.get(sku, _ZERO)
        if sku in doubtful or (till[sku] == ledger == expected and all(units == told for units in shown.values())):
            continue
        lost, doubled = _blame(
            [till[sku] - expected, ledger - expected, *((units or _ZERO) - told for units in shown.values())],
            happened.get(sku, []),
        )
        result.mismatches.append(Mismatch(sku, expected, till[sku], ledger, shown, lost, doubled))
    return result


def _labels(stage: ChaosStage) -> list[str]:
    till = stage.till.fields()
    return [
        f"{sku}: {name} is “{fields.get(name)}” in {shop}, “{value}” at the till"
        for shop, sells in stage.shops.items()
        for sku, fields in sells.fields().items()
        for name, value in till.get(sku, {}).items()
        if name in sells.labels and fields.get(name) != value
    ]


def _blame(deviations: list[Decimal], happened: list[Decimal]) -> tuple[Decimal, Decimal]:
    """Units lost and units doubled: a deviation that undoes an event of the item looks like a lost one."""
    worst = max(deviations, key=abs)
    return (abs(worst), _ZERO) if -worst in happened else (_ZERO, abs(worst))


def _database(stage: ChaosStage) -> tuple[dict[str, Decimal], dict[str, str]]:
    on_hand = (
        select(Listing.sku, Item.on_hand)
        .join(Item, Item.id == Listing.item_id)
        .join(Side, Side.id == Listing.side_id)
        .where(Side.role == "hub")
    )
    open_writes = (
        select(Listing.sku, Operation.state).join(Operation, Operation.listing_id == Listing.id).where(is_open())
    )
    with stage.state() as session:
        ledger = {str(sku): units for sku, units in session.execute(on_hand)}
        return ledger, {str(sku): state for sku, state in session.execute(open_writes)}
