"""Rows of the shop and tables that find them by id, creation and change without sorting everything."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeVar


@dataclass(slots=True)
class Product:
    """A product or variation; instants are seconds since the epoch, ``stock`` is in pieces.

    ``extra`` holds stored fields that the simulator gives back without using them.
    """

    id: int
    type: str
    name: str
    created: int
    modified: int
    parent_id: int = 0
    status: str = "publish"
    status_before_trash: str = ""
    slug: str = ""
    sku: str = ""
    gtin: str = ""
    regular_price: str = ""
    sale_price: str = ""
    manage_stock: bool = False
    stock: int | None = None
    stock_status: str = "instock"
    backorders: str = "no"
    tax_class: str = ""
    categories: list[int] = field(default_factory=list)
    brands: list[int] = field(default_factory=list)
    attributes: list[dict[str, Any]] = field(default_factory=list)
    variations: list[int] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    meta: list[dict[str, Any]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def price(self) -> str:
        """The price that counts: reduced if there is one."""
        return self.sale_price or self.regular_price

    @property
    def is_variation(self) -> bool:
        """Whether it belongs to a parent product."""
        return self.type == "variation"


@dataclass(slots=True)
class OrderLine:
    """A line of an order or refund; ``total`` is gross for the whole line, ``reduced`` pieces taken from stock."""

    id: int
    product_id: int
    variation_id: int
    name: str
    quantity: int
    sku: str | None
    gtin: str | None
    total: Decimal
    tax_rate: Decimal
    tax_class: str = ""
    tax_rate_id: int = 1
    parent_name: str | None = None
    meta: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Order:
    """An order; ``stock_reduced`` is WooCommerce's flag that its stock was taken."""

    id: int
    status: str
    created: int
    modified: int
    lines: list[OrderLine] = field(default_factory=list)
    refunds: list[int] = field(default_factory=list)
    stock_reduced: bool = False
    status_before_trash: str = ""
    paid: int | None = None
    completed: int | None = None
    meta: list[dict[str, Any]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> Decimal:
        """Gross total of all lines."""
        return sum((line.total for line in self.lines), Decimal(0))


@dataclass(slots=True)
class Refund:
    """A refund of an order; lines carry negative quantities and totals."""

    id: int
    order_id: int
    created: int
    modified: int
    amount: Decimal
    reason: str
    lines: list[OrderLine] = field(default_factory=list)
    meta: list[dict[str, Any]] = field(default_factory=list)


class Row(Protocol):
    """What a table needs of its rows."""

    id: int
    created: int
    modified: int


R = TypeVar("R", bound=Row)


class Table(Generic[R]):
    """Rows by id, with sorted lists of (second, id) for creation and change."""

    def __init__(self) -> None:
        self.rows: dict[int, R] = {}
        self._created: list[tuple[int, int]] = []
        self._modified: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows.values())

    def add(self, row: R) -> None:
        """Take in a row."""
        self.rows[row.id] = row
        insort(self._created, (row.created, row.id))
        insort(self._modified, (row.modified, row.id))

    def remove(self, row: R) -> None:
        """Take out a row."""
        del self.rows[row.id]
        _drop(self._created, (row.created, row.id))
        _drop(self._modified, (row.modified, row.id))

    def touch(self, row: R, second: int) -> None:
        """Set the row's modification second."""
        _drop(self._modified, (row.modified, row.id))
        row.modified = second
        insort(self._modified, (second, row.id))

    def by_created(self) -> list[int]:
        """Ids, oldest creation first."""
        return [row_id for _, row_id in self._created]

    def by_modified(self, after: int | None = None, before: int | None = None) -> list[int]:
        """Ids, oldest change first, strictly between the two seconds."""
        start = 0 if after is None else bisect_right(self._modified, (after, 1 << 62))
        end = len(self._modified) if before is None else bisect_left(self._modified, (before, -1))
        return [row_id for _, row_id in self._modified[start:end]]


def _drop(pairs: list[tuple[int, int]], pair: tuple[int, int]) -> None:
    at = bisect_left(pairs, pair)
    if at < len(pairs) and pairs[at] == pair:
        del pairs[at]


def get_meta(meta: list[dict[str, Any]], key: str) -> Any:
    """Value of the first entry with this key, or ``None``."""
    return next((entry["value"] for entry in meta if entry["key"] == key), None)
