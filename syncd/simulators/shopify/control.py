"""The people of the simulated shop: customers, and whoever works in its admin."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any

from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation
from syncd.simulators.shopify.rows import Image, Order, Refund, RefundLine, Variant
from syncd.simulators.shopify.state import Shop, api_money


class Control:
    """Actions by name. All of them take SKUs; a product with variations goes by its ``sku:`` tag."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def act(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Carry out an action.

        Raises:
            ValueError: There is no such action.
        """
        method = None if action.startswith("_") or action in {"act", "seed"} else getattr(self, action, None)
        if not inspect.ismethod(method):
            raise ValueError(f"no action {action}")
        return method(**arguments)

    def seed(self, catalogue: Sequence[CatalogueProduct], quantities: str = "same") -> None:
        """Create the catalogue's products, all with counted stock.

        Args:
            catalogue: What to create.
            quantities: ``same`` as in the catalogue, or ``zero``.

        Raises:
            ValueError: Another value of ``quantities``.
        """
        if quantities not in {"same", "zero"}:
            raise ValueError(f"quantities: {quantities}")
        with self._shop.lock:
            for item in catalogue:
                self._create(item, counted=quantities == "same")

    def _create(self, item: CatalogueProduct, *, counted: bool) -> None:
        units: Sequence[CatalogueProduct | CatalogueVariation] = item.variations or (item,)
        names = list(dict.fromkeys(name for one in item.variations for name in one.attributes))
        product = self._shop.add_product(item.name, names)
        product.publications |= set(self._shop.publications)
        if item.variations:
            product.tags.append(f"sku:{item.sku}")
        for unit in units:
            options = list(unit.attributes.values()) if isinstance(unit, CatalogueVariation) else None
            variant = self._shop.add_variant(product, options)
            self._fill(variant, unit, item.price, counted=counted)

    def _fill(
        self, variant: Variant, unit: CatalogueProduct | CatalogueVariation, price: Decimal, *, counted: bool
    ) -> None:
        variant.sku, variant.barcode, variant.price, variant.tracked = unit.sku, unit.gtin, price, True
        self._shop.move(variant.levels[self._shop.main.id], available=unit.quantity if counted else 0)

    def add_variation(self, sku: str, unit: CatalogueVariation) -> None:
        """Add a variation to a product that has some."""
        with self._shop.lock:
            product = self.product(sku)
            values = [unit.attributes[name] for name in product.option_names]
            variant = self._shop.add_variant(product, values)
            self._fill(variant, unit, product.variants[0].price, counted=True)

    def product(self, sku: str) -> Any:
        """The record of a product by the SKU of its only variant, or by its tag."""
        tagged = [one for one in self._shop.products.values() if f"sku:{sku}" in one.tags]
        return tagged[0] if tagged else self._shop.with_sku(sku).product

    def create_product(
        self,
        sku: str,
        name: str,
        quantity: int = 0,
        price: str = "0.00",
        *,
        gtin: str = "",
        text: str = "",
        brand: str = "",
        variations: Mapping[str, Mapping[str, str]] | None = None,
    ) -> dict[str, Any]:
        """Create a product with counted stock; ``variations``: by SKU, with their options."""
        with self._shop.lock:
            units = dict(variations or {}) or {sku: {}}
            names = list(dict.fromkeys(option for options in units.values() for option in options))
            product = self._shop.add_product(name, names)
            product.description, product.vendor = text, brand
            product.publications |= set(self._shop.publications)
            if variations:
                product.tags.append(f"sku:{sku}")
            for code, options in units.items():
                variant = self._shop.add_variant(product, [*options.values()] or None)
                variant.sku, variant.price, variant.tracked = code, Decimal(price), True
                variant.barcode = "" if variations else gtin
                self._shop.move(variant.levels[self._shop.main.id], available=quantity)
            return {"product": product.id}

    def fields(self) -> dict[str, dict[str, str]]:
        """Gross price of everything that can be sold, and more of what is no variation, by SKU."""
        with self._shop.lock:
            return {one.sku: self._fields(one) for one in self._shop.variants.values()}

    @staticmethod
    def _fields(variant: Variant) -> dict[str, str]:
        product, price = variant.product, {"price": api_money(variant.price)}
        if not product.plain:
            named = zip(product.option_names, variant.options, strict=True)
            return {**price, "options": " / ".join(value for _, value in sorted(named))}
        return {
            **price,
            "name": product.title,
            "description": product.description,
            "brand": product.vendor,
            "images": " ".join(sha256(image.content).hexdigest()[:8] for image in product.images),
        }

    def stock(self, name: str = "available", locations: Sequence[int] = ()) -> dict[str, int]:
        """Quantities of everything counted, by SKU; summed over some locations, or over all."""
        with self._shop.lock:
            return {
                one.sku: sum(
                    level.quantity(name) for at, level in one.levels.items() if not locations or at in locations
                )
                for one in self._shop.variants.values()
                if one.tracked
            }

    def order(self, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """A customer orders; ``lines`` of ``sku`` and ``quantity``."""
        with self._shop.lock:
            pairs = [(self._shop.with_sku(line["sku"]), int(line["quantity"])) for line in lines]
            made = self._shop.order(pairs)
            return {"order": made.id, "name": f"#{made.number}"}

    def fulfil(self, order: int) -> dict[str, Any]:
        """The goods of an order leave."""
        with self._shop.lock:
            self._shop.fulfil(self._shop.orders[order])
        return {"ok": True}

    def cancel_order(self, order: int, restock: bool = True) -> dict[str, Any]:
        """Cancel what was not refunded yet."""
        with self._shop.lock:
            found = self._shop.orders[order]
            found.cancelled_at = self._shop.now()
            left = [(line, line.quantity - self._refunded(found, line.id)) for line in found.lines]
            location = self._shop.main if restock else None
            kind = "CANCEL" if restock else "NO_RESTOCK"
            lines = [RefundLine(line, pieces, kind, location) for line, pieces in left if pieces]
            self._shop.refund(found, Refund(self._shop.take_id(), self._shop.now(), lines))
        return {"ok": True}

    def refund(self, order: int, sku: str, quantity: int, restock: bool = True) -> dict[str, Any]:
        """Take some units of an order back."""
        with self._shop.lock:
            found = self._shop.orders[order]
            variant = self._shop.with_sku(sku)
            line = next(one for one in found.lines if one.variant_id == variant.id)
            kind = ("RETURN" if found.fulfilled else "CANCEL") if restock else "NO_RESTOCK"
            one = RefundLine(line, quantity, kind, self._shop.main if restock else None)
            refund = Refund(self._shop.take_id(), self._shop.now(), [one])
            self._shop.refund(found, refund)
            return {"refund": refund.id}

    @staticmethod
    def _refunded(order: Order, line_id: int) -> int:
        return sum(one.quantity for refund in order.refunds for one in refund.lines if one.line.id == line_id)

    def set_stock(
        self, sku: str, quantity: int, name: str = "available", location: int | None = None
    ) -> dict[str, Any]:
        """Somebody types a quantity into the admin; from then on the item is stocked at the location."""
        with self._shop.lock:
            place = self._shop.main if location is None else self._shop.locations[location]
            level = self._shop.level(self._shop.with_sku(sku), place)
            self._shop.move(level, available=quantity - level.quantity(name))
        return {"ok": True}

    def unstock(self, sku: str, location: int | None = None) -> dict[str, Any]:
        """Stock an item no longer at a location."""
        with self._shop.lock:
            del self._shop.with_sku(sku).levels[self._shop.main.id if location is None else location]
        return {"ok": True}

    def add_location(self, name: str, *, fulfils_online: bool = True, service: bool = False) -> dict[str, Any]:
        """Open a location."""
        with self._shop.lock:
            return {
                "location": self._shop.add_location(name, fulfilment_service=service, fulfils_online=fulfils_online).id
            }

    def receive(self, sku: str, quantity: int) -> dict[str, Any]:
        """Goods come in."""
        with self._shop.lock:
            self._shop.move(self._shop.with_sku(sku).levels[self._shop.main.id], available=quantity)
        return {"ok": True}

    def add_image(self, sku: str, content: bytes, *, first: bool = False) -> dict[str, Any]:
        """Give a product an image of its own."""
        with self._shop.lock:
            product, number = self.product(sku), self._shop.take_id()
            image = Image(number, f"own-{number}.png", "", content, self._shop.now())
            self._shop.files[number] = image
            product.images.insert(0 if first else len(product.images), image)
            self._shop.touch(product)
            return {"image": number}

    def set_tracked(self, sku: str, tracked: bool) -> dict[str, Any]:
        """Switch the counting of a variant on or off."""
        with self._shop.lock:
            variant = self._shop.with_sku(sku)
            variant.tracked = tracked
            self._shop.touch(variant.product, variant)
        return {"ok": True}

    def rename(self, sku: str, name: str) -> dict[str, Any]:
        """Change the title of a product."""
        with self._shop.lock:
            product = self.product(sku)
            product.title = name
            self._shop.touch(product)
        return {"ok": True}

    def set_status(self, sku: str, status: str) -> dict[str, Any]:
        """Make a product active, a draft, archived or unlisted."""
        with self._shop.lock:
            product = self.product(sku)
            product.status = status
            self._shop.touch(product)
        return {"ok": True}

    def delete(self, sku: str) -> dict[str, Any]:
        """Delete a product with all its variants, or one of several variants."""
        with self._shop.lock:
            product = self.product(sku)
            if product.plain or f"sku:{sku}" in product.tags or len(product.variants) == 1:
                self._shop.delete_product(product)
            else:
                self._shop.delete_variant(self._shop.with_sku(sku))
        return {"ok": True}

    def set(self, **values: Any) -> dict[str, Any]:
        """Change settings."""
        with self._shop.lock:
            return self._shop.settings.change(values)
