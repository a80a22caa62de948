"""The simulated shop: products, orders and the one place where stock changes.

Everything here expects ``Shop.lock`` to be held by the caller.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from syncd.simulators.woocommerce import dates, text
from syncd.simulators.woocommerce.rows import Order, Product, Refund, Table, get_meta

if TYPE_CHECKING:
    from syncd.simulators.woocommerce.settings import WooCommerceSettings

FIRST_ID = 10
UNCATEGORIZED = 15


@dataclass(frozen=True, slots=True)
class StockChange:
    """One change of a stored quantity.

    Attributes:
        at: When, GMT.
        sku: The unit whose stock changed; ``#ID`` if it has no SKU.
        quantity: What the stored number changed by, in pieces. Their sum and the opening quantity give the stock.
        kind: ``order``, ``cancel``, ``refund``, ``admin``, ``rest_delta`` or ``rest_absolute``.
        reference: The order, refund or request.
        requested: What the writer asked to add; differs from ``quantity`` when the write swallowed another change.
    """

    at: str
    sku: str
    quantity: int
    kind: str
    reference: str
    requested: int


@dataclass(frozen=True, slots=True)
class LostUpdate:
    """A change that a stale write overwrote: ``swallowed`` pieces between its read and its write."""

    at: str
    sku: str
    read: int
    found: int
    wrote: int
    swallowed: int
    kind: str


@dataclass(slots=True)
class Category:
    """A product category, or a brand."""

    id: int
    name: str
    slug: str
    parent: int = 0


class Shop:
    """All state of the shop behind one lock."""

    def __init__(self, settings: WooCommerceSettings) -> None:
        self.settings = settings
        self.lock = threading.RLock()
        self.by_id: dict[int, Product] = {}
        self.products: Table[Product] = Table()
        self.variations: Table[Product] = Table()
        self.trashed_products: Table[Product] = Table()
        self.trashed_variations: Table[Product] = Table()
        self.orders: Table[Order] = Table()
        self.trashed_orders: Table[Order] = Table()
        self.refunds: Table[Refund] = Table()
        self.categories = {UNCATEGORIZED: Category(UNCATEGORIZED, "Uncategorized", "uncategorized")}
        self.default_category = UNCATEGORIZED
        self.brands: dict[int, Category] = {}
        self.attributes: dict[int, dict[str, Any]] = {}
        self.terms: dict[int, list[str]] = {}
        self.image_ids: set[int] = set()
        self.attachments: dict[int, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.history: list[StockChange] = []
        self.lost_updates: list[LostUpdate] = []
        self.next_id = FIRST_ID
        self.next_term_id = UNCATEGORIZED + 1
        self.meta_ids = itertools.count(1000)
        self.line_ids = itertools.count(1)
        self._skus: defaultdict[str, list[int]] = defaultdict(list)
        self._gtins: defaultdict[str, list[int]] = defaultdict(list)
        self._slugs: defaultdict[str, int] = defaultdict(int)

    def now(self) -> int:
        """The server's clock, whole seconds."""
        return int(self.settings.clock() + self.settings.clock_skew_seconds)

    @property
    def offset_s(self) -> int:
        """Site time minus GMT, seconds."""
        return self.settings.utc_offset_minutes * 60

    def take_id(self) -> int:
        """Next post id; products, variations, orders and refunds share the numbers."""
        self.next_id += 1
        return self.next_id - 1

    def take_slug(self, name: str) -> str:
        """A slug that nobody has yet."""
        base = text.slug(name)
        self._slugs[base] += 1
        return base if self._slugs[base] == 1 else f"{base}-{self._slugs[base]}"

    def table(self, product: Product) -> Table[Product]:
        """Where the product lies now."""
        if product.status == "trash":
            return self.trashed_variations if product.is_variation else self.trashed_products
        return self.variations if product.is_variation else self.products

    def add_product(self, product: Product) -> None:
        """Take in a new product or variation."""
        self.by_id[product.id] = product
        self.table(product).add(product)
        self._enter_codes(product)
        if product.is_variation:
            self.by_id[product.parent_id].variations.append(product.id)

    def remove_term(self, kind: str, number: int) -> None:
        """Delete a category or brand; products without one left are in the default category. No date moves."""
        del (self.categories if kind == "categories" else self.brands)[number]
        for product in self.by_id.values():
            if kind == "categories" and number in product.categories:
                left = [each for each in product.categories if each != number]
                product.categories = left or [self.default_category]
            product.brands = [each for each in product.brands if kind == "categories" or each != number]

    def remove_product(self, product: Product) -> None:
        """Delete for good, with its variations."""
        for child in [self.by_id[child_id] for child_id in product.variations]:
            self.remove_product(child)
        self.table(product).remove(product)
        del self.by_id[product.id]
        self._leave_codes(product)
        if product.is_variation:
            self.by_id[product.parent_id].variations.remove(product.id)
            self.touch(self.by_id[product.parent_id])

    def set_codes(self, product: Product, sku: str, gtin: str) -> None:
        """Change SKU and GTIN together with their indexes."""
        self._leave_codes(product)
        product.sku, product.gtin = sku, gtin
        self._enter_codes(product)

    def _enter_codes(self, product: Product) -> None:
        if product.sku:
            self._skus[product.sku.casefold()].append(product.id)
        if product.gtin:
            self._gtins[product.gtin].append(product.id)

    def _leave_codes(self, product: Product) -> None:
        if product.sku:
            self._skus[product.sku.casefold()].remove(product.id)
        if product.gtin:
            self._gtins[product.gtin].remove(product.id)

    def with_sku(self, sku: str) -> list[Product]:
        """Products and variations with this SKU, trashed ones too; case does not count."""
        return [self.by_id[product_id] for product_id in self._skus.get(sku.casefold(), ())]

    def with_gtin(self, gtin: str) -> list[Product]:
        """Products and variations with this GTIN, trashed ones too."""
        return [self.by_id[product_id] for product_id in self._gtins.get(gtin, ())]

    def parent(self, product: Product) -> Product | None:
        """Parent of a variation."""
        return self.by_id.get(product.parent_id) if product.is_variation else None

    def children(self, product: Product) -> list[Product]:
        """Variations that are not in the trash."""
        found = (self.by_id[child_id] for child_id in product.variations)
        return [child for child in found if child.status in {"publish", "private"}]

    def touch(self, product: Product) -> None:
        """Move ``date_modified``; a variation's parent moves with it."""
        now = self.now()
        self.table(product).touch(product, now)
        parent = self.parent(product)
        if parent is not None:
            self.table(parent).touch(parent, now)

    def set_status(self, product: Product, status: str) -> None:
        """Change the status, moving the row between live and trashed tables."""
        self.table(product).remove(product)
        if status == "trash" != product.status:
            product.status_before_trash = product.status
        product.status = status
        self.table(product).add(product)

    def stock_unit(self, product: Product) -> Product | None:
        """Whose quantity counts for this product: its own, its parent's, or none."""
        if product.manage_stock:
            return product
        parent = self.parent(product)
        return parent if parent is not None and parent.manage_stock else None

    def set_stock(
        self, product: Product, quantity: int | None, kind: str, reference: str, requested: int | None = None
    ) -> None:
        """Store a quantity, derive the stock status, and write the history. Does not move the date."""
        change = (quantity or 0) - (product.stock or 0)
        product.stock = quantity
        self.derive_status(product)
        if change or requested:
            asked = change if requested is None else requested
            self.history.append(StockChange(self.stamp(), self.label(product), change, kind, reference, asked))

    def derive_status(self, product: Product) -> None:
        """Managed stock decides the stock status, whatever was sent."""
        if not product.manage_stock:
            return
        if (product.stock or 0) > 0:
            product.stock_status = "instock"
        else:
            product.stock_status = "outofstock" if product.backorders == "no" else "onbackorder"

    def move_stock(self, product: Product, difference: int, kind: str, reference: str) -> bool:
        """An order's change: atomic, on whoever keeps the stock. Whether anything is counted at all."""
        unit = self.stock_unit(product)
        if unit is None or not self.settings.stock_management:
            return False
        self.set_stock(unit, (unit.stock or 0) + difference, kind, reference, difference)
        if self.settings.orders_bump_dates:
            self.touch(unit)
        return True

    def lost(self, product: Product, read: int, wrote: int, kind: str) -> None:
        """Note that a stale write is about to swallow what happened since its read."""
        found = product.stock or 0
        if found != read:
            update = LostUpdate(self.stamp(), self.label(product), read, found, wrote, found - read, kind)
            self.lost_updates.append(update)

    def write_meta(self, meta: list[dict[str, Any]], entries: Any) -> None:
        """Save ``meta_data``: by id, else by key; a ``null`` value deletes."""
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, dict) or "key" not in entry:
                continue
            key, value = str(entry["key"]), entry.get("value")
            wanted = [old for old in meta if old["id"] == entry.get("id")] or [old for old in meta if old["key"] == key]
            if value is None:
                for old in wanted:
                    meta.remove(old)
            elif wanted:
                wanted[0].update(key=key, value=value)
            else:
                meta.append({"id": next(self.meta_ids), "key": key, "value": value})

    def tax(self, tax_class: str) -> tuple[int, Decimal]:
        """Id and percent of the rate of a tax class."""
        return {"reduced-rate": (2, Decimal(7)), "zero-rate": (0, Decimal(0))}.get(tax_class, (1, Decimal(19)))

    def label(self, product: Product) -> str:
        """SKU, or the id if there is none."""
        return product.sku or f"#{product.id}"

    def stamp(self) -> str:
        """Now as GMT text."""
        return f"{dates.render(self.now())}Z"

    def report(self, rows: list[StockChange] | list[LostUpdate]) -> list[dict[str, Any]]:
        """Rows as JSON data."""
        return [asdict(row) for row in rows]

    def reduced(self, meta: list[dict[str, Any]]) -> int:
        """Pieces that an order line has taken from stock."""
        return int(get_meta(meta, "_reduced_stock") or 0)
