"""What the simulated account holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from typing import Any

from syncd.simulators.inventorum.values import ZERO

CHANNELS = {"ipad": 1, "ebay": 4, "shop": 5, "click_and_collect": 8, "atalanda": 9, "ece": 10, "backoffice": 11}
"""Channel names and numbers. Source: contract 6.5; the numbers of ``ece`` and ``backoffice`` are invented."""

IMAGE_TYPES = ("product", "account", "user", "category")


class OrderState(IntFlag):
    """Bits of an order's state. Source: contract 9.3 [docs:orders v12]."""

    PENDING = 2
    CANCELED = 4
    CLOSED = 8
    REFUNDED = 16
    SHIPPED = 32
    DELIVERED = 64
    PAID = 256
    COMPLETED_SALE = 360


@dataclass(slots=True)
class TaxType:
    """A tax rate in percent."""

    id: int
    name: str
    rate: Decimal


@dataclass(slots=True)
class Image:
    """An uploaded picture; ``path`` is where it is served, without ending."""

    id: int
    type: int
    content: bytes
    content_type: str


@dataclass(slots=True)
class Category:
    """A category without hierarchy; its products are kept as an index of ids."""

    id: int
    name: str
    image: int | None = None
    products: dict[int, None] = field(default_factory=dict)


@dataclass(slots=True)
class Override:
    """What a channel shows in place of the product's own values; ``price`` is net."""

    id: int
    channel: int
    name: str | None = None
    description: str | None = None
    price: Decimal | None = None
    images: list[int] | None = None


@dataclass(slots=True)
class Product:
    """A simple product, a parent or a variation.

    Attributes:
        id: Key, unique over all three kinds.
        inv_id: Second global id; ``None`` on variations.
        created_at: When it came into being.
        changed_at: Last change of its own.
        shown_at: Last change of its own or of one of its variations.
        tax_type: Id of its tax rate.
        name: Own name; empty on a variation that is named after its parent.
        parent: Id of the parent, on a variation.
        variations: Ids of its variations, on a parent.
        quantity: Stock in pieces or units; not used on a parent, whose stock is the sum of its variations.
        price: Net per unit.
    """

    id: int
    inv_id: str | None
    created_at: datetime
    changed_at: datetime
    shown_at: datetime
    tax_type: int
    name: str = ""
    parent: int | None = None
    variations: list[int] = field(default_factory=list)
    quantity: Decimal = ZERO
    price: Decimal = ZERO
    purchase_price: Decimal = ZERO
    average_purchase_price: Decimal = ZERO
    reorder_level: Decimal = ZERO
    safety_stock: Decimal = ZERO
    description: str = ""
    product_code: str | None = None
    ean: str | None = None
    gtin: str | None = None
    brand: str = ""
    supplier: str = ""
    attributes: dict[str, list[str]] = field(default_factory=dict)
    categories: list[int] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    meta: dict[str, Override] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    package_size_value: Decimal | None = None
    package_size_unit: str | None = None
    custom_price: bool = False
    custom_sale: bool = False
    is_favourite: bool = False
    is_giftcard: bool = False
    in_shop: bool = False


@dataclass(frozen=True, slots=True)
class Deletion:
    """A deleted product."""

    at: datetime
    id: int
    is_variation: bool


@dataclass(frozen=True, slots=True)
class StockChange:
    """One signed change of a unit's stock, for tests to check against.

    Attributes:
        kind: ``opening``, ``sale``, ``order``, ``cancel``, ``return``, ``receive``, ``count``, ``adjust`` or ``put``.
        reference: Id of the order or return, or the adjustment's note.
    """

    at: datetime
    product: int
    sku: str
    quantity: Decimal
    kind: str
    reference: str


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One ``adjust_inventory`` that was applied."""

    at: datetime
    product: int
    sku: str
    quantity: Decimal
    date: str
    note: str
    price: Decimal | None


@dataclass(slots=True)
class OrderItem:
    """A line of an order; ``quantity`` is what has not been returned."""

    id: int
    name: str
    product: int | None
    quantity: Decimal
    original_quantity: Decimal
    price: Decimal
    unit_gross: Decimal
    tax_rate: Decimal
    returned: Decimal = ZERO


@dataclass(slots=True)
class Payment:
    """A payment of an order; method ``0`` is cash."""

    id: int
    method: str
    amount: Decimal
    at: datetime


@dataclass(slots=True)
class Order:
    """An order or till sale. ``customer`` and ``shipment`` are kept as they are answered."""

    id: int
    basket: int
    channel: str
    state: int
    items: list[OrderItem]
    payments: list[Payment]
    created_at: datetime
    changed_at: datetime
    lowered_stock: bool
    note_internal: str | None = None
    note_external: str | None = None
    customer: dict[str, Any] | None = None
    shipment: dict[str, Any] | None = None


@dataclass(slots=True)
class ReturnItem:
    """A returned line."""

    id: int
    item: OrderItem
    quantity: Decimal


@dataclass(slots=True)
class Return:
    """A return of some lines of an order."""

    id: int
    order: Order
    type: str
    to_stock: bool
    items: list[ReturnItem]
    created_at: datetime
