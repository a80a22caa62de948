"""Writing products: what WooCommerce takes, bends, ignores and refuses.

``inventory_delta`` is read, then written as an absolute value, with a gap in between in which orders get lost
(seen, 03-inventory-delta 33 and 35).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from syncd.simulators.woocommerce import php, schema, text
from syncd.simulators.woocommerce.parts import Parts
from syncd.simulators.woocommerce.problems import ApiError
from syncd.simulators.woocommerce.render import STORED
from syncd.simulators.woocommerce.rows import Product
from syncd.simulators.woocommerce.state import Shop

Values = dict[str, Any]
Show = Callable[[Product], dict[str, Any]]

_TAX_CLASSES = {"reduced-rate", "zero-rate"}
_STATUS = {"draft", "pending", "private", "publish", "future", "trash"}


@dataclass(frozen=True, slots=True)
class StockPlan:
    """What one request does to stock, decided at its read.

    Attributes:
        manage: Whether the product manages stock afterwards.
        read: The quantity seen, 0 if none.
        quantity: The absolute quantity to store; ``None`` to leave it.
        delta: Pieces asked for by ``inventory_delta``; ``None`` for an absolute write.
        status: ``stock_status`` as sent.
    """

    manage: bool
    read: int
    quantity: int | None = None
    delta: int | None = None
    status: str = ""

    @property
    def writes(self) -> bool:
        """WooCommerce stores only what differs from what it has read."""
        return self.quantity is not None


class ProductWriter:
    """Creates, changes and deletes products; takes the lock itself."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.parts = Parts(shop)

    def create(self, values: Values, reference: str, show: Show) -> dict[str, Any]:
        """A new product; everything may be missing."""
        kind = values.get("type")
        kind = kind if kind in schema.PRODUCT_TYPES else "simple"
        with self.shop.lock:
            sku, gtin = self._codes(None, values)
            images = self.parts.images(values.get("images"))
            now = self.shop.now()
            product = Product(self.shop.take_id(), kind, text.title(values.get("name") or "Product"), now, now)
            product.status = self._status(values, "publish")
            product.categories = self.parts.categories(values.get("categories") or [])
            self.shop.add_product(product)
            return self._finish(product, values, (sku, gtin), images, reference, show)

    def create_variation(self, parent_id: int, values: Values, reference: str, show: Show) -> dict[str, Any]:
        """A new variation, of a simple product too (seen, 04-batch 29)."""
        with self.shop.lock:
            parent = self.shop.by_id.get(parent_id)
            if parent is None or parent.is_variation:
                message = "Cannot create product variation. Invalid parent ID."
                raise ApiError(404, "woocommerce_rest_product_variation_invalid_parent", message)
            sku, gtin = self._codes(None, values)
            images = self.parts.images([values["image"]] if values.get("image") else None)
            now = self.shop.now()
            product = Product(self.shop.take_id(), "variation", "", now, now, parent_id=parent_id)
            product.status = self._status(values, "publish")
            product.tax_class = "parent"
            self.shop.add_product(product)
            return self._finish(product, values, (sku, gtin), images, reference, show)

    def update(self, find: Callable[[], Product], values: Values, reference: str, show: Show) -> dict[str, Any]:
        """Change a product; ``find`` raises if there is none. The lock is free between read and write."""
        with self.shop.lock:
            product = find()
            codes = self._codes(product, values)
            given = [values["image"]] if values.get("image") else values.get("images")
            if product.is_variation and values.get("image") in ({}, []):
                given = []  # an empty object takes it away, null says nothing
            images = self.parts.images(given)
            plan = self._plan(product, values)
        if plan.delta is not None:
            self._race(product)
        with self.shop.lock:
            find()
            self._apply(product, values, codes, images)
            self._store(product, plan, reference)
            self.shop.touch(product)
            return show(product)

    def trash(self, product: Product) -> None:
        """Move to the trash, variations too. Expects the lock."""
        for child in self.shop.children(product):
            self.trash(child)
        self.shop.set_status(product, "trash")
        self.shop.touch(product)

    def restore(self, product: Product) -> None:
        """Take out of the trash as an administrator does, variations too. Expects the lock."""
        self.shop.set_status(product, product.status_before_trash or "publish")
        self.shop.touch(product)
        for child in [self.shop.by_id[child_id] for child_id in product.variations]:
            if child.status == "trash":
                self.restore(child)

    def _race(self, product: Product) -> None:
        settings = self.shop.settings
        if settings.between_read_and_write is not None:
            settings.between_read_and_write(self.shop.label(product))
        if settings.delta_race_seconds > 0:
            time.sleep(settings.delta_race_seconds)

    def _finish(
        self,
        product: Product,
        values: Values,
        codes: tuple[str, str],
        images: list[dict[str, Any]] | None,
        reference: str,
        show: Show,
    ) -> dict[str, Any]:
        self._apply(product, {**values, "status": None, "name": None}, codes, images)
        self._store(product, self._plan(product, values), reference)
        if product.is_variation:
            self.shop.touch(product)
        return show(product)

    def _codes(self, product: Product | None, values: Values) -> tuple[str, str]:
        """SKU and GTIN after the request, refused if another product has them."""
        old = (product.sku, product.gtin) if product is not None else ("", "")
        sku = text.plain(values["sku"]) if values.get("sku") is not None else old[0]
        sent_gtin = values.get("global_unique_id")
        gtin = text.gtin(sent_gtin) if sent_gtin is not None else old[1]
        if sku and sku != old[0]:
            self._check_sku(product, sku)
        others = [p for p in self.shop.with_gtin(gtin) if p is not product and p.status != "trash"] if gtin else []
        if others and gtin != old[1]:
            message = "Invalid or duplicated GTIN, UPC, EAN or ISBN."
            raise ApiError(400, "product_invalid_global_unique_id", message, resource_id=others[0].id)
        return sku, gtin

    def _check_sku(self, product: Product | None, sku: str) -> None:
        others = [other for other in self.shop.with_sku(sku) if other is not product]
        live = [other for other in others if other.status != "trash"]
        if live:
            data = {"resource_id": live[0].id, "unique_sku": f"{sku}-1"}
            raise ApiError(400, "product_invalid_sku", "Invalid or duplicated SKU.", **data)
        if others and product is None:
            message = f"The product with SKU ({sku}) you are trying to insert is already present in the lookup table"
            raise ApiError(400, "woocommerce_rest_product_not_created", message)

    def _status(self, values: Values, default: str) -> str:
        sent = values.get("status")
        if not sent:
            return default
        return str(sent) if sent in _STATUS else "draft"

    def _plan(self, product: Product, values: Values) -> StockPlan:
        status = str(values.get("stock_status") or "")
        manage = product.manage_stock
        if not self.shop.settings.stock_management:
            return StockPlan(manage, product.stock or 0, status=status)
        if values.get("manage_stock") is not None:
            manage = php.string_to_bool(values["manage_stock"])
        read = (product.stock or 0) if product.manage_stock else 0
        if not manage:
            return StockPlan(False, read, status=status)
        if values.get("stock_quantity") is not None:
            quantity = php.intval(values["stock_quantity"])
            same = product.manage_stock and quantity == product.stock
            return StockPlan(True, read, None if same else quantity, status=status)
        if values.get("inventory_delta") is not None:
            delta = php.intval(values["inventory_delta"])
            fresh = not product.manage_stock or product.stock is None
            return StockPlan(True, read, read + delta if delta or fresh else None, delta, status)
        return StockPlan(True, read, status=status)

    def _store(self, product: Product, plan: StockPlan, reference: str) -> None:
        if not self.shop.settings.stock_management:
            product.stock_status = plan.status or product.stock_status
            return
        kind = "rest_absolute" if plan.delta is None else "rest_delta"
        product.manage_stock = plan.manage
        if not plan.manage:
            product.backorders = "no"
            self.shop.set_stock(product, None, kind, reference)
            product.stock_status = plan.status or product.stock_status
        elif plan.quantity is not None:
            if plan.delta is not None:
                self.shop.lost(product, plan.read, plan.quantity, kind)
            self.shop.set_stock(product, plan.quantity, kind, reference, plan.delta)
        else:
            self.shop.derive_status(product)

    def _apply(
        self, product: Product, values: Values, codes: tuple[str, str], images: list[dict[str, Any]] | None
    ) -> None:
        """Everything but stock."""
        if values.get("name") is not None and not product.is_variation:
            product.name = text.title(values["name"])
        if values.get("status"):
            self.shop.set_status(product, self._status(values, product.status))
        if not product.slug and product.status in {"publish", "private"} and not product.is_variation:
            product.slug = self.shop.take_slug(product.name)
        self.shop.set_codes(product, *codes)
        self._prices(product, values)
        if values.get("tax_class") is not None:
            sent = str(values["tax_class"])
            inherits = product.is_variation and sent == "parent"
            product.tax_class = sent if sent in _TAX_CLASSES or inherits else ""
        if values.get("backorders") in {"no", "notify", "yes"}:
            product.backorders = str(values["backorders"])
        if values.get("categories") is not None:
            product.categories = self.parts.categories(values["categories"])
        if values.get("brands") is not None:
            product.brands = self.parts.brands(values["brands"])
        if values.get("attributes") is not None:
            product.attributes = (
                self.parts.chosen(values["attributes"], self.shop.by_id[product.parent_id].attributes)
                if product.is_variation
                else self.parts.attributes(values["attributes"])
            )
        if images is not None:
            product.images = images
        self.shop.write_meta(product.meta, values.get("meta_data"))
        self._stored(product, values)

    def _prices(self, product: Product, values: Values) -> None:
        separator = self.shop.settings.decimal_separator
        if values.get("regular_price") is not None:
            product.regular_price = text.price(values["regular_price"], separator)
        if values.get("sale_price") is not None:
            product.sale_price = text.price(values["sale_price"], separator)
        if _number(product.sale_price) >= _number(product.regular_price):
            product.sale_price = ""

    def _stored(self, product: Product, values: Values) -> None:
        for name in STORED.keys() & values.keys():
            value = values[name]
            if value is None:
                continue
            if name in {"description", "short_description"}:
                value = text.html(value)
            elif name == "dimensions":
                value = {**STORED[name], **value} if isinstance(value, dict) else STORED[name]
            product.extra[name] = value


def _number(price: str) -> Decimal:
    try:
        return Decimal(price or "0")
    except InvalidOperation:
        return Decimal(0)
