"""The simulated shop's records, with what every change of them entails."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from syncd.simulators.shopify.rows import (
    DEFAULT_OPTION,
    Event,
    Image,
    Level,
    Line,
    Location,
    Order,
    Product,
    Refund,
    Remembered,
    Variant,
)
from syncd.simulators.shopify.settings import ShopifySettings


@dataclass
class Shop:
    """All of the shop. Callers hold ``lock``."""

    settings: ShopifySettings
    lock: threading.RLock = field(default_factory=threading.RLock)
    products: dict[int, Product] = field(default_factory=dict)
    variants: dict[int, Variant] = field(default_factory=dict)
    locations: dict[int, Location] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    files: dict[int, Image] = field(default_factory=dict)
    publications: dict[int, str] = field(default_factory=dict)
    keys: dict[str, Remembered] = field(default_factory=dict)
    adjustments: int = 0
    _last_id: int = 7_000_000

    def __post_init__(self) -> None:
        self.add_location("Shop location")
        self.publications[self.take_id()] = "Online Store"

    def now(self) -> float:
        """The server's clock, in seconds."""
        return self.settings.clock() + self.settings.clock_skew_seconds

    def take_id(self) -> int:
        """A new number; they only grow."""
        self._last_id += 1
        return self._last_id

    def add_location(self, name: str, *, fulfilment_service: bool = False, fulfils_online: bool = True) -> Location:
        """Open a location."""
        made = Location(self.take_id(), name, True, fulfilment_service, fulfils_online)
        self.locations[made.id] = made
        return made

    @property
    def main(self) -> Location:
        """The first location."""
        return next(iter(self.locations.values()))

    def add_product(self, title: str, option_names: list[str] | None = None, handle: str = "") -> Product:
        """Make a product, still without variants."""
        now = self.now()
        product = Product(self.take_id(), title, handle or self._free_handle(title), now, now)
        if option_names:
            product.option_names = list(option_names)
        self.products[product.id] = product
        return product

    def _free_handle(self, title: str) -> str:
        taken = {product.handle for product in self.products.values()}
        base = handle = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "product"
        number = 0
        while handle in taken:
            number += 1
            handle = f"{base}-{number}"
        return handle

    def add_variant(self, product: Product, options: list[str] | None = None) -> Variant:
        """Make a variant; its stock is not counted, and it is at the first location."""
        now = self.now()
        variant = Variant(self.take_id(), self.take_id(), product, options or [DEFAULT_OPTION[1]], now, now)
        product.variants.append(variant)
        self.variants[variant.id] = variant
        self.level(variant, self.main)
        self.touch(product)
        return variant

    def level(self, variant: Variant, location: Location) -> Level:
        """The stock of a variant at a location, made if there is none."""
        if location.id not in variant.levels:
            variant.levels[location.id] = Level(self.take_id(), location, self.now())
        return variant.levels[location.id]

    def touch(self, product: Product, variant: Variant | None = None) -> None:
        """Mark a product, and one of its variants, as changed."""
        product.updated_at = self.now()
        if variant is not None:
            variant.updated_at = self.now()

    def move(self, level: Level, *, available: int = 0, committed: int = 0) -> None:
        """Change quantities; the product's own date stays unless an order is behind it."""
        level.available += available
        level.committed += committed
        level.updated_at = self.now()

    def with_sku(self, sku: str) -> Variant:
        """The first variant with a SKU.

        Raises:
            KeyError: There is none.
        """
        for variant in self.variants.values():
            if variant.sku == sku:
                return variant
        raise KeyError(sku)

    def item(self, item_id: int) -> Variant | None:
        """The variant that an inventory item belongs to."""
        return next((one for one in self.variants.values() if one.item_id == item_id), None)

    def delete_product(self, product: Product) -> None:
        """Delete a product with its variants; the history names the product alone."""
        for variant in product.variants:
            del self.variants[variant.id]
        del self.products[product.id]
        self._destroyed("PRODUCT", f"gid://shopify/Product/{product.id}")

    def delete_variant(self, variant: Variant) -> None:
        """Delete a variant."""
        del self.variants[variant.id]
        variant.product.variants.remove(variant)
        self.touch(variant.product)
        self._destroyed("PRODUCT_VARIANT", f"gid://shopify/ProductVariant/{variant.id}")

    def _destroyed(self, kind: str, gid: str) -> None:
        self.events.append(Event(self.take_id(), "destroy", self.now(), kind, gid))

    # -- Orders

    def order(self, lines: list[tuple[Variant, int]]) -> Order:
        """A customer orders: what is available is committed."""
        now, number = self.now(), 1001 + len(self.orders)
        made = Order(
            self.take_id(), number, now, now, [Line(self.take_id(), one.id, pieces, self.main) for one, pieces in lines]
        )
        self.orders[made.id] = made
        for variant, pieces in lines:
            self._by_order(variant, self.main, available=-pieces, committed=pieces)
        return made

    def fulfil(self, order: Order) -> None:
        """Goods leave the shop, but for those that were refunded before."""
        for line in order.lines:
            back = sum(one.quantity for refund in order.refunds for one in refund.lines if one.line is line)
            self._by_order(self.variants.get(line.variant_id), line.location, committed=back - line.quantity)
        order.fulfilled = True
        order.updated_at = self.now()

    def refund(self, order: Order, refund: Refund) -> None:
        """Give back money, and goods as the refund says; what had not left yet is committed no more."""
        for one in refund.lines:
            variant = self.variants.get(one.line.variant_id)
            if not order.fulfilled:
                self._by_order(variant, one.line.location, committed=-one.quantity)
            if one.location is not None:
                self._by_order(variant, one.location, available=one.quantity)
        order.refunds.append(refund)
        order.updated_at = self.now()

    def _by_order(self, variant: Variant | None, location: Location, *, available: int = 0, committed: int = 0) -> None:
        if variant is None or not variant.tracked:
            return
        self.move(self.level(variant, location), available=available, committed=committed)
        self.touch(variant.product, variant)


def api_time(seconds: float) -> str:
    """A moment as the API writes it: UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def api_money(amount: Decimal) -> str:
    """An amount as the API writes it."""
    return f"{amount:.2f}"
