"""Sides under test: for each installed adapter a simulator over sockets, and the side in memory.

A new adapter needs an entry in ``DRIVERS`` before the suite lets it pass.
"""

from __future__ import annotations

import html
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from syncd.adapters.base import Capabilities
from syncd.adapters.memory import MemorySide, MemoryWorld
from syncd.adapters.memory.adapter import WRITABLE
from syncd.adapters.registry import installed
from syncd.core import fields as product_fields
from syncd.core.attributes import attributes_text
from syncd.core.images import keys_of
from syncd.core.model import ZERO, ListingRef, StockMode
from syncd.core.paths import paths_text
from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation
from syncd.simulators.inventorum import InventorumSim
from syncd.simulators.inventorum.settings import InventorumSettings
from syncd.simulators.server import SimServer
from syncd.simulators.woocommerce import WooCommerceSettings, WooCommerceSim
from syncd.testing.side import Exchange, OpenSide, SideDriver, Traits, Trouble
from syncd.testing.wire import NAME, Clock, WireSide
from tests.conformance.drivers_shopify import open_shopify
from tests.conformance.drivers_shopware6 import open_shopware6
from tests.conformance.drivers_vendure import open_vendure
from tests.support.inventorum import MemoryTokens

UNKNOWN_ID = 987654
NOTHING = dict.fromkeys(
    (product_fields.DESCRIPTION, product_fields.BRAND, product_fields.CATEGORIES, product_fields.IMAGES), ""
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
            creates=True,
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


def _path_text(name: str) -> str:
    return paths_text([(name,)])


def _fields(unit: CatalogueProduct | CatalogueVariation, product: CatalogueProduct) -> dict[str, str]:
    return {
        product_fields.SKU: unit.sku,
        product_fields.GTIN: unit.gtin,
        product_fields.PRICE: f"{product.price:.2f}",
        product_fields.TAX_RATE: f"{product.tax_rate:f}",
        product_fields.IMAGES: "",
    }


class InventorumDriver(WireSide):
    """A simulated account."""

    traits = Traits(renews_credentials=True, unique_codes=False, marks=False, adds_variations=False)

    def __init__(self, sim: InventorumSim, server: SimServer, clock: Clock, patience_s: float) -> None:
        self.sim = sim
        self.pairs = MemoryTokens()
        values = {
            "base_url": f"{server.url}/api/",
            "client_id": sim.settings.client_id,
            "client_secret": sim.settings.client_secret,
            "refresh_token": self.pairs.seed,
            "request_timeout_seconds": patience_s,
        }
        super().__init__("inventorum", values, server, clock, self.pairs, credentials_path="/api/auth/")

    def ref(self, sku: str) -> ListingRef:
        product = self.sim.state.find(sku)
        return ListingRef(str(product.id), str(product.parent) if product.parent else None)

    def unknown_ref(self, parent: str | None = None) -> ListingRef:
        return ListingRef(str(UNKNOWN_ID), self.ref(parent).external_id if parent else None)

    def stock(self) -> dict[str, Decimal]:
        return {sku: Decimal(quantity) for sku, quantity in self.sim.stock().items()}

    def secrets(self) -> list[str]:
        pair = self.pairs.pair
        tokens = [pair.access_token, pair.refresh_token] if pair else []
        return [self.sim.settings.client_secret, self.pairs.seed, *tokens]

    def create(self, product: CatalogueProduct) -> None:
        variations = [
            {"sku": one.sku, "gtin": one.gtin, "quantity": one.quantity, "attributes": one.attributes}
            for one in product.variations
        ]
        self.sim.create_product(
            product.sku, product.name, product.quantity, product.price, product.gtin, variations=variations
        )

    def add_variation(self, parent: str, variation: CatalogueVariation) -> None:
        with self.sim.lock:
            made = self.sim.state.new_product(self.sim.state.find(parent))
            made.product_code, made.ean, made.quantity = variation.sku, variation.gtin, Decimal(variation.quantity)
            made.attributes = {name: [value] for name, value in variation.attributes.items()}
            self.sim.state.insert(made)

    def categories(self) -> list[str]:
        return sorted(_path_text(each.name) for each in self.sim.state.categories.values())

    def images(self, sku: str) -> list[bytes]:
        product = self.sim.state.find(sku)
        return [self.sim.state.images[number].content for number in product.images]

    def add_image(self, sku: str, content: bytes, *, first: bool = False) -> None:
        raise LookupError("images of the till are its own")

    def rename(self, sku: str, name: str) -> None:
        self.sim.set_name(sku, name)

    def sell(self, sku: str, quantity: Decimal) -> str:
        return str(self.sim.sale(sku, quantity)["order"])

    def cancel(self, document: str) -> None:
        self.sim.cancel_order(int(document))

    def receive(self, sku: str, quantity: Decimal) -> None:
        self.sim.receive(sku, quantity)

    def count(self, sku: str, quantity: Decimal) -> None:
        self.sim.count(sku, quantity)

    def delete(self, sku: str) -> None:
        self.sim.delete_product(sku)

    def trash(self, sku: str) -> None:
        raise LookupError("no trash here")

    def restore(self, sku: str) -> None:
        raise LookupError("no trash here")

    def stop_counting(self, sku: str) -> None:
        raise LookupError("everything is counted here")

    def set_clock_ahead(self, seconds: float) -> None:
        self.sim.settings.clock_skew_seconds = seconds

    def expire_credentials(self, *, for_good: bool) -> None:
        self.sim.expire_access_tokens()
        if for_good:
            self.sim.revoke_refresh_token()


class WooCommerceDriver(WireSide):
    """A simulated shop."""

    traits = Traits(deletions_in_changes=False, trash=True, uncounted=True, own_images=True)

    def __init__(self, sim: WooCommerceSim, server: SimServer, clock: Clock, patience_s: float) -> None:
        self.sim = sim
        self._key = sim.settings.keys[0]
        values = {
            "url": server.url,
            "consumer_key": self._key.key,
            "consumer_secret": self._key.secret,
            "media_user": sim.settings.media_user,
            "media_password": sim.settings.media_password,
            "request_timeout_seconds": patience_s,
        }
        super().__init__("woocommerce", values, server, clock)

    def ref(self, sku: str) -> ListingRef:
        product = self.sim.shop.with_sku(sku)[0]
        return ListingRef(str(product.id), str(product.parent_id) if product.parent_id else None)

    def unknown_ref(self, parent: str | None = None) -> ListingRef:
        return ListingRef(str(UNKNOWN_ID), self.ref(parent).external_id if parent else None)

    def stock(self) -> dict[str, Decimal]:
        return {sku: Decimal(pieces) for sku, pieces in self.sim.people.stock().items() if pieces is not None}

    def secrets(self) -> list[str]:
        return [self._key.key, self._key.secret, self.sim.settings.media_password]

    def create(self, product: CatalogueProduct) -> None:
        self.sim.seed([product])

    def add_variation(self, parent: str, variation: CatalogueVariation) -> None:
        values = {
            "sku": variation.sku,
            "global_unique_id": variation.gtin,
            "manage_stock": True,
            "stock_quantity": variation.quantity,
            "attributes": [{"name": name, "option": value} for name, value in variation.attributes.items()],
        }
        self.sim.writer.create_variation(int(self.ref(parent).external_id), values, "admin", lambda product: {})

    def categories(self) -> list[str]:
        names = [html.unescape(each.name) for each in self.sim.shop.categories.values()]
        return sorted(_path_text(name) for name in names if name != "Uncategorized")

    def images(self, sku: str) -> list[bytes]:
        return [self.sim.shop.files[image["src"]] for image in self.sim.shop.with_sku(sku)[0].images]

    def add_image(self, sku: str, content: bytes, *, first: bool = False) -> None:
        self.sim.people.add_image(sku, b64encode(content).decode(), first=first)

    def rename(self, sku: str, name: str) -> None:
        with self.sim.shop.lock:
            product = self.sim.shop.with_sku(sku)[0]
            product.name = name
            self.sim.shop.touch(product)

    def sell(self, sku: str, quantity: Decimal) -> str:
        return str(self.sim.people.order([{"sku": sku, "quantity": int(quantity)}])["order"])

    def cancel(self, document: str) -> None:
        self.sim.people.cancel_order(int(document))

    def receive(self, sku: str, quantity: Decimal) -> None:
        self.count(sku, self.stock()[sku] + quantity)

    def count(self, sku: str, quantity: Decimal) -> None:
        self.sim.people.set_stock(sku, int(quantity))

    def delete(self, sku: str) -> None:
        self.sim.people.delete(sku)

    def trash(self, sku: str) -> None:
        self.sim.people.trash(sku)

    def restore(self, sku: str) -> None:
        self.sim.people.restore(sku)

    def stop_counting(self, sku: str) -> None:
        self.sim.people.set_manage_stock(sku, False)

    def set_clock_ahead(self, seconds: float) -> None:
        self.sim.settings.clock_skew_seconds = seconds

    def expire_credentials(self, *, for_good: bool) -> None:
        self.sim.settings.keys = ()


@contextmanager
def open_memory(
    catalogue: Sequence[CatalogueProduct],
    *,
    patience_s: float = 10.0,  # noqa: ARG001 - nothing to wait for in memory
) -> Iterator[SideDriver]:
    yield MemoryDriver(catalogue)


@contextmanager
def open_inventorum(
    catalogue: Sequence[CatalogueProduct], *, patience_s: float = 10.0, settings: Mapping[str, Any] | None = None
) -> Iterator[SideDriver]:
    """Open an account; ``settings`` are readings of what is doubtful about the real one."""
    clock = Clock()
    sim = InventorumSim(
        InventorumSettings.model_validate({"rate_limit_per_second": 0, **(settings or {})}), clock=clock.now
    )
    sim.seed(catalogue)
    for product in sim.state.products.values():
        product.in_shop = True
    with SimServer(sim) as server, closing(InventorumDriver(sim, server, clock, patience_s)) as driver:
        yield driver


@contextmanager
def open_woocommerce(
    catalogue: Sequence[CatalogueProduct], *, patience_s: float = 10.0, settings: Mapping[str, Any] | None = None
) -> Iterator[SideDriver]:
    """Open a shop; ``settings`` make it an older one."""
    clock = Clock()
    sim = WooCommerceSim(WooCommerceSettings(clock=clock, **(settings or {})))
    sim.seed(catalogue)
    with SimServer(sim) as server, closing(WooCommerceDriver(sim, server, clock, patience_s)) as driver:
        yield driver


DRIVERS: dict[str, OpenSide] = {
    "memory": open_memory,
    "inventorum": open_inventorum,
    "woocommerce": open_woocommerce,
    "shopware6": open_shopware6,
    "shopify": open_shopify,
    "vendure": open_vendure,
}

OTHER_ROUTES: dict[str, OpenSide] = {
    "inventorum-other readings": partial(
        open_inventorum,
        settings={"delta_variation_rows": "variation", "page_beyond_end": "not_found", "variation_detail": False},
    ),
    "woocommerce-older": partial(
        open_woocommerce,
        settings={"has_variations_route": False, "has_refunds_route": False, "orders_bump_dates": False},
    ),
    "shopware6-older": partial(open_shopware6, settings={"version": "6.6.7.1", "max_limit": 100}),
    "shopify-on hand": partial(open_shopify, values={"quantity": "on_hand"}),
}
"""Sides that differ from those above in their routes alone: in how they are read and addressed."""

OTHER_MONEY: dict[str, OpenSide] = {
    "woocommerce-net prices": partial(open_woocommerce, settings={"prices_include_tax": False}),
}
"""Sides that differ from those above in their prices and taxes alone."""


def opener(kind: str) -> OpenSide:
    """Return how to open the side of one adapter.

    Raises:
        LookupError: The adapter has no driver.
    """
    if kind not in DRIVERS:
        raise LookupError(f"adapter {kind} is registered, but tests/conformance/drivers.py has no driver for it")
    return DRIVERS[kind]


def all_kinds() -> list[str]:
    """Every adapter that must pass: the registered ones, and the one in memory that other tests build on."""
    return sorted({*installed(), *DRIVERS})
