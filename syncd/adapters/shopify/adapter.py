"""A Shopify shop as a side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.adapters.answers import Malformed, strict_pages, strictly
from syncd.adapters.base import AdapterContext, AdapterFactory, Capabilities, CheckReport, Counting, PlainSide
from syncd.adapters.evidence import by_our_clock
from syncd.adapters.shopify.bulk import BulkReader
from syncd.adapters.shopify.catalogue import Catalogue
from syncd.adapters.shopify.changes import ChangeReader, position
from syncd.adapters.shopify.check import Check
from syncd.adapters.shopify.client import ShopifyClient
from syncd.adapters.shopify.describing import Rates, WholeReader
from syncd.adapters.shopify.facts import ShopFacts
from syncd.adapters.shopify.fields import WRITABLE, FieldWriter
from syncd.adapters.shopify.images import ImageWriter
from syncd.adapters.shopify.making import ProductMaker
from syncd.adapters.shopify.publishing import Channels
from syncd.adapters.shopify.settings import ShopifySettings
from syncd.adapters.shopify.stock import StockWriter
from syncd.adapters.shopify.withdrawing import withdraw
from syncd.core.fields import CATEGORIES, IMAGES, PRICE, TAX_RATE
from syncd.core.model import ChangePage
from syncd.errors import StateError

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.core.model import (
        Cursor,
        FetchResult,
        FieldsResult,
        FieldsWrite,
        ListingRef,
        StockEvent,
        StockWrite,
        WriteResult,
    )
    from syncd.core.products import Made, MakeResult, NewProduct, Product, Way, WithdrawResult
_KEY_LIFE_S = 3600.0
"""The shop forgets keys after a time that its documentation does not name (shopify-api.md section 5): surely not within
the hour."""

_strictly = strictly("POST graphql.json")

WHY_NOT = {
    "marker": "a change of stock is kept in a history that variants do not show; keys of writes take its place",
    "fractions": "quantities are whole numbers",
    "makes_images": "images follow as a write of fields, so that none holds up a product",
    "trash": "what is deleted is gone",
    "events": "other locations fill orders too, or what is on hand moves only when the goods leave",
    TAX_RATE: "rates are settings of the shop, and no product has one",
    CATEGORIES: "collections are not kept the same in this version",
    IMAGES: "the app lacks the right write_files",
    PRICE: "prices are entered without tax",
}
"""Why the platform lacks what it lacks (shopify-api.md)."""


class ShopifyAdapter(PlainSide):
    """See ``syncd.adapters.base`` for the promises, ``docs/shopify.md`` for what the platform allows.

    The shop adds differences itself, and each carries a key under which it is applied once.
    """

    def __init__(self, context: AdapterContext) -> None:
        settings: ShopifySettings = context.settings
        self._side = context.side
        self._now = context.now
        self._settings = settings
        self._client = ShopifyClient(context)
        self._facts = ShopFacts(self._client, settings)
        bulk = BulkReader(self._client, context.stop)
        self._catalogue = Catalogue(self._client, self._facts, settings.quantity, bulk, settings.bulk_from)
        self._changes = ChangeReader(self._client, self._catalogue, self._facts, timedelta(seconds=context.overlap_s))
        self._reader = WholeReader(self._client, self._catalogue, Rates(settings.tax_rate, settings.tax_rates))
        self._channels = Channels(self._client, settings.publish_in)
        images = ImageWriter(self._client, context.stop)
        self._field_writer = FieldWriter(self._client, self._catalogue, images, self._channels)
        self._maker = ProductMaker(self._client, self._reader, self._facts, self._channels)
        self._writer = StockWriter(self._client, self._catalogue, self._facts, settings.quantity)

    @property
    def name(self) -> str:
        """Name of the side as configured."""
        return self._side

    @property
    def capabilities(self) -> Capabilities:
        """Orders are evidence of what is available, unless they take stock from locations that do not count."""
        known, settings = self._facts.known, self._settings
        return Capabilities(
            relative=True,
            key_life_s=_KEY_LIFE_S,
            atomic=True,
            fractions=False,
            batch_size=settings.batch_size,
            parallel_writes=1,
            events=settings.quantity == "available" if known is None else known.evidence,
            reports_quantity=not settings.also_count,
            fields=WRITABLE - self._not_writable(),
            describes=True,
            creates=True,
            withdraws=True,
            image_content=True,
            why_not=WHY_NOT,
        )

    def check(self) -> CheckReport:
        """Ask for the shop, the app's rights and the locations."""
        settings = self._settings
        return Check(
            self._client, self._facts, self._channels, self._now, settings.api_version, settings.quantity
        ).run()

    @_strictly
    def counts(self, *, anew: bool = False) -> Counting:
        """Which quantity of which locations."""
        return self._facts.counts(anew=anew)

    def read_all(self) -> Iterator[ChangePage]:
        """Read every variant and product; the cursor is the shop's clock at the first answer."""
        return strict_pages(self._read_all(), self._client, "POST graphql.json")

    def read_changes(self, cursor: Cursor) -> Iterator[ChangePage]:
        """Read orders, products, stock and deletions since ``cursor``: five requests when nothing changed."""
        return strict_pages(self._changes.read(cursor), self._client, "POST graphql.json")

    @_strictly
    def fetch(self, refs: Sequence[ListingRef]) -> FetchResult:
        """Read by id, past the search index; an id that the shop does not know comes back as null."""
        return self._catalogue.fetch(refs)

    @_strictly
    def read_events(self, since: datetime) -> list[StockEvent]:
        """Read orders that changed since then, by our clock, with their refunds."""
        found = self._changes.events_since(since + self._client.clock_offset)
        return by_our_clock(found, self._client.clock_offset)

    @_strictly
    def write_stock(self, writes: Sequence[StockWrite]) -> list[WriteResult]:
        """Look at the listings, then send differences in one request, each under the key of its operation."""
        return self._writer.write(writes)

    @_strictly
    def write_fields(self, writes: Sequence[FieldsWrite]) -> list[FieldsResult]:
        """Send words, codes, prices and options of one product after the other."""
        if not writes:
            return []
        return self._field_writer.write(writes)

    @_strictly
    def read_product(self, product_id: str) -> Product | None:
        """Read a product by its id, with all its variants."""
        return self._reader.describe(product_id)

    def read_image(self, address: str) -> bytes | None:
        """Not yet: images of the shop stay there."""
        raise StateError(f"{self._side} hands out no images ({address})")

    @_strictly
    def create_product(self, new: NewProduct) -> MakeResult:
        """Make a product whole (a draft, unless it is to be published), or more variations of one, in one request."""
        return self._maker.make(new)

    @_strictly
    def find_product(self, new: NewProduct, since: datetime) -> Made | None:
        """Look for the product by its handle and mark, and among its variants."""
        return self._maker.find(new, since + self._client.clock_offset)

    @_strictly
    def withdraw(self, ref: ListingRef, way: Way) -> WithdrawResult:
        """Make it a draft, or delete it for good: there is no trash."""
        return withdraw(self._client, self._catalogue, ref, way)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _not_writable(self) -> set[str]:
        """What this shop or its app does not allow, as far as they were asked."""
        refused = {PRICE: self._facts.gross is False, IMAGES: self._facts.may_write_files is False}
        return {field for field, is_refused in refused.items() if is_refused}

    def _read_all(self) -> Iterator[ChangePage]:
        self._facts.forget()
        self._channels.forget()
        yield from self._catalogue.everything()
        if self._catalogue.began is None:
            raise Malformed("no answer told the time")
        yield ChangePage(cursor=position(self._catalogue.began))


FACTORY = AdapterFactory(
    kind="shopify",
    title="Shopify",
    settings_model=ShopifySettings,
    build=ShopifyAdapter,
)
