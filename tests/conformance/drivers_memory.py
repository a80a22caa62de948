"""The side in memory under test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from syncd.adapters.base import Capabilities
from syncd.adapters.memory import MemorySide, MemoryWorld
from syncd.adapters.memory.adapter import WRITABLE
from syncd.core import fields as product_fields
from syncd.core.attributes import attributes_text
from syncd.core.images import keys_of
from syncd.core.model import ZERO, ListingRef, StockMode
from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation
from syncd.testing.side import Exchange, SideDriver, Traits, Trouble
from syncd.testing.wire import NAME

NOTHING = dict.fromkeys(
    (product_fields.DESCRIPTION, product_fields.BRAND, product_fields.CATEGORIES, product_fields.IMAGES), ""
)


WHY_NOT = dict.fromkeys(
    ("key_life_s", "withdraws", "makes_images", "trash", "renews_credentials"), "another kind of side in memory has it"
)


class MemoryDriver:
    """The side in memory: no wire, so nothing can be troubled but the answer to a write."""

    traits = Traits(wire=False, uncounted=True, unique_codes=False)

    def __init__(self, catalogue: Sequence[CatalogueProduct]) -> None:
        self.seconds = 1_795_000_000.0
        self.leads = True
        self.world = MemoryWorld(NAME, now=self.now)
        self.stop = threading.Event()
        self._orders = 0
        for product in catalogue:
            self.create(product)
        self.reopen()

    def reopen(self) -> None:
        capabilities = Capabilities(
            relative=True, marker=True, fractions=True, events=True, batch_size=20, fields=WRITABLE, describes=True,
            creates=True, why_not=WHY_NOT,
        )  # fmt: skip
        self.adapter = MemorySide(self.world, capabilities)

    def ref(self, sku: str) -> ListingRef:
        return self.world.things[sku].listing.ref

    def unknown_ref(self, parent: str | None = None) -> ListingRef:
        return ListingRef("unknown", parent)

    def stock(self) -> dict[str, Decimal]:
        listings = [thing.listing for thing in self.world.things.values()]
        return {one.ref.external_id: one.quantity for one in listings if one.quantity is not None}

    def secrets(self) -> list[str]:
        return []

    def told_paths(self) -> list[str]:
        return []

    def create(self, product: CatalogueProduct) -> None:
        if not product.variations:
            fields = {
                product_fields.NAME: product.name,
                **NOTHING,
                **_fields(product, product),
                product_fields.PUBLISHED: product_fields.YES,
            }
            self.world.put(product.sku, product.quantity, name=product.name, gtin=product.gtin or None, fields=fields)
            return
        children = tuple(variation.sku for variation in product.variations)
        words = {product_fields.NAME: product.name, **NOTHING, product_fields.PUBLISHED: product_fields.YES}
        self.world.put(
            product.sku, None, name=product.name, stock_mode=StockMode.GROUP, children=children, fields=words
        )
        for variation in product.variations:
            self._put_variation(product.sku, variation)
            attributes = {product_fields.ATTRIBUTES: attributes_text(variation.attributes)}
            self._change(variation.sku, fields={**_fields(variation, product), **attributes})

    def add_variation(self, parent: str, variation: CatalogueVariation) -> None:
        children = self.world.things[parent].listing.children or ()
        self._change(parent, children=(*children, variation.sku))
        self._put_variation(parent, variation)

    def _put_variation(self, parent: str, variation: CatalogueVariation) -> None:
        name = f"{self.world.things[parent].listing.name}, {', '.join(variation.attributes.values())}"
        self.world.put(variation.sku, variation.quantity, name=name, gtin=variation.gtin, parent=parent)

    def _change(self, sku: str, **fields: Any) -> None:
        before = self.world.things[sku].listing
        names = ("name", "sku", "gtin", "stock_mode", "published", "marker", "children", "fields")
        kept = {name: getattr(before, name) for name in names}
        self.world.put(sku, before.quantity, **{**kept, "parent": before.ref.parent_external_id, **fields})

    def categories(self) -> list[str]:
        things = self.world.things.values()
        texts = [thing.listing.fields.get(product_fields.CATEGORIES, "") for thing in things]
        return sorted({path for text in texts for path in text.split("\n") if path})

    def images(self, sku: str) -> list[bytes]:
        keys = keys_of(self.world.things[sku].listing.fields[product_fields.IMAGES])
        return [self.world.images[key] for key in keys]

    def add_image(self, sku: str, content: bytes, *, first: bool = False) -> None:
        raise LookupError("all images here are the hub's")

    def rename(self, sku: str, name: str) -> None:
        self.world.edit(sku, name=name)

    def sell(self, sku: str, quantity: Decimal) -> str:
        self._orders += 1
        self.world.sell(sku, quantity, reference=str(self._orders))
        return str(self._orders)

    def cancel(self, document: str) -> None:
        event = next(event for _, event in self.world.events if event.reference == f"order {document}")
        self.world.sell(event.ref.external_id, event.quantity)
        self.world.events.append((self.world.tick, replace(event, quantity=ZERO, occurred_at=self.world.now())))

    def receive(self, sku: str, quantity: Decimal) -> None:
        self.world.sell(sku, -quantity)

    def count(self, sku: str, quantity: Decimal) -> None:
        self.world.count(sku, quantity)

    def delete(self, sku: str) -> None:
        listing = self.world.things[sku].listing
        for child in listing.children or ():
            self.world.delete(child)
        self.world.delete(sku)
        parent = listing.ref.parent_external_id
        if parent is not None:
            children = self.world.things[parent].listing.children or ()
            self._change(parent, children=tuple(child for child in children if child != sku))

    def trash(self, sku: str) -> None:
        raise LookupError("no trash here")

    def restore(self, sku: str) -> None:
        raise LookupError("no trash here")

    def stop_counting(self, sku: str) -> None:
        self.world.things[sku].listing = replace(self.world.things[sku].listing, quantity=None)
        self._change(sku, stock_mode=StockMode.UNMANAGED)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def set_clock_ahead(self, seconds: float) -> None:
        raise LookupError("no clock of its own here")

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds

    def trouble(self, kind: Trouble, *, write: bool = False, times: int = 1, after: int = 0) -> None:
        raise LookupError("no wire here")

    def calm(self) -> None:
        self.world.before_effect = None

    def at_each_request(self, action: Callable[[Exchange], None]) -> None:
        self.world.before_effect = lambda write: action(Exchange(0.0, write=True))

    def exchanges(self) -> list[Exchange]:
        return []

    def go_down(self) -> None:
        raise LookupError("no wire here")

    def expire_credentials(self, *, for_good: bool) -> None:
        raise LookupError("no credentials here")


def _fields(unit: CatalogueProduct | CatalogueVariation, product: CatalogueProduct) -> dict[str, str]:
    return {
        product_fields.SKU: unit.sku,
        product_fields.GTIN: unit.gtin,
        product_fields.PRICE: f"{product.price:.2f}",
        product_fields.TAX_RATE: f"{product.tax_rate:f}",
        product_fields.IMAGES: "",
    }


@contextmanager
def open_memory(
    catalogue: Sequence[CatalogueProduct],
    *,
    patience_s: float = 10.0,  # noqa: ARG001 - nothing to wait for in memory
) -> Iterator[SideDriver]:
    yield MemoryDriver(catalogue)
