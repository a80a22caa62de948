"""The verdict: every item on both sides, and in syncd's ledger, against the sum of the events."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncd.demo.day import Tally
    from syncd.demo.stage import Stage


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An item that does not show what the events add up to."""

    sku: str
    expected: Decimal
    till: Decimal | None
    shop: Decimal | None
    ledger: Decimal | None


@dataclass(frozen=True, slots=True)
class FieldMismatch:
    """A name or price that is not what the till's people made it."""

    sku: str
    field: str
    expected: str
    till: str | None
    shop: str | None


@dataclass(slots=True)
class Verdict:
    """How the demo ended; ``ok`` only if every item is equal everywhere and nothing is left in doubt."""

    items: int
    events: dict[str, int]
    mismatches: list[Mismatch]
    unsettled: list[str]
    operations: dict[str, int]
    kills: int
    requests: dict[str, int]
    stopped_with: int
    stop_seconds: float
    seconds: float
    fields: int = 0
    field_mismatches: list[FieldMismatch] = field(default_factory=list)
    still_on_sale: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the promise held."""
        doubts = ("unknown", "sent", "parked", "intended")
        open_doubts = [key for key in self.operations if key.startswith(doubts)]
        equal = not self.mismatches and not self.field_mismatches and not self.still_on_sale
        return equal and not self.unsettled and not open_doubts and self.stopped_with == 0

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"ok": self.ok, **asdict(self)}


def judge(stage: Stage, tally: Tally, *, stopped_with: int, stop_seconds: float, seconds: float) -> Verdict:
    """Compare every item in four places: the events' sum, the till, the shop, the ledger; and every field."""
    expected = tally.expected()
    till, shop, ledger = stage.till_stock(), stage.shop_stock(), stage.believed()
    mismatches = [
        Mismatch(sku, units, till.get(sku), shop.get(sku), ledger.get(sku))
        for sku, units in expected.items()
        if not (till.get(sku) == ledger.get(sku) == units and shop.get(sku) == max(Decimal(0), units))
    ]
    return Verdict(
        items=len(expected),
        events=tally.kinds(),
        mismatches=mismatches,
        unsettled=list(tally.unsettled),
        operations=stage.operations(),
        kills=stage.kills,
        requests={
            "till": len(stage.till_server.requests()),
            "shop": len(stage.shop_server.requests()),
        },
        stopped_with=stopped_with,
        stop_seconds=round(stop_seconds, 1),
        seconds=round(seconds, 1),
        fields=sum(map(len, tally.fields.values())),
        field_mismatches=_compare_fields(stage, tally),
        still_on_sale=sorted(tally.deleted & stage.on_sale()),
    )


def _compare_fields(stage: Stage, tally: Tally) -> list[FieldMismatch]:
    till, shop = stage.till_fields(), stage.shop_fields()
    return [
        FieldMismatch(sku, name, value, till.get(sku, {}).get(name), shop.get(sku, {}).get(name))
        for sku, fields in tally.fields.items()
        for name, value in fields.items()
        if not till.get(sku, {}).get(name) == shop.get(sku, {}).get(name) == value
    ]
