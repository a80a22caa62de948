"""What the simulated shop holds, as plain records."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

DEFAULT_OPTION = ("Title", "Default Title")
"""Option and value of a product that has no variations."""


@dataclass(slots=True)
class Location:
    """A place that holds stock."""

    id: int
    name: str
    active: bool = True
    fulfilment_service: bool = False
    fulfils_online: bool = True


@dataclass(slots=True)
class Level:
    """Stock of one item at one location; ``on_hand`` is the sum of both."""

    id: int
    location: Location
    updated_at: float
    available: int = 0
    committed: int = 0

    def quantity(self, name: str) -> int:
        """A quantity by its name; those that nothing here moves are zero."""
        if name == "on_hand":
            return self.available + self.committed
        return {"available": self.available, "committed": self.committed}.get(name, 0)


@dataclass(slots=True)
class Variant:
    """One sellable unit with its inventory item."""

    id: int
    item_id: int
    product: Product
    options: list[str]
    created_at: float
    updated_at: float
    sku: str = ""
    barcode: str = ""
    price: Decimal = Decimal("0.00")
    taxable: bool = True
    policy: str = "DENY"
    tracked: bool = False
    bundle: bool = False
    levels: dict[int, Level] = field(default_factory=dict)
    image: int | None = None
    metafields: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Values of its options."""
        return " / ".join(self.options)


@dataclass(slots=True)
class Image:
    """A file of the shop that products can show."""

    id: int
    filename: str
    alt: str
    content: bytes
    created_at: float = 0.0
    ready_at: float = 0.0
    failed: bool = False

    def status(self, now: float) -> str:
        """Whether the shop has made it ready by then."""
        if now < self.ready_at:
            return "PROCESSING"
        return "FAILED" if self.failed else "READY"


@dataclass(slots=True)
class Product:
    """A product with at least one variant."""

    id: int
    title: str
    handle: str
    created_at: float
    updated_at: float
    status: str = "ACTIVE"
    vendor: str = ""
    product_type: str = ""
    description: str = ""
    option_names: list[str] = field(default_factory=lambda: [DEFAULT_OPTION[0]])
    tags: list[str] = field(default_factory=list)
    variants: list[Variant] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    metafields: dict[tuple[str, str], str] = field(default_factory=dict)
    publications: set[int] = field(default_factory=set)

    @property
    def plain(self) -> bool:
        """Whether it has no variations."""
        return [*self.option_names, *(value for one in self.variants for value in one.options)] == [*DEFAULT_OPTION]


@dataclass(slots=True)
class Line:
    """One line of an order; its variant may be deleted since."""

    id: int
    variant_id: int
    quantity: int
    location: Location


@dataclass(slots=True)
class RefundLine:
    """What a refund does to one line."""

    line: Line
    quantity: int
    restock_type: str
    location: Location | None


@dataclass(slots=True)
class Refund:
    """A refund of an order."""

    id: int
    created_at: float
    lines: list[RefundLine]


@dataclass(slots=True)
class Order:
    """An order."""

    id: int
    number: int
    created_at: float
    updated_at: float
    lines: list[Line]
    refunds: list[Refund] = field(default_factory=list)
    cancelled_at: float | None = None
    fulfilled: bool = False


@dataclass(slots=True)
class Event:
    """An entry of the shop's history."""

    id: int
    action: str
    created_at: float
    subject_type: str
    subject_id: str


@dataclass(slots=True)
class Remembered:
    """The first result under an idempotency key."""

    what: Any
    result: Any
