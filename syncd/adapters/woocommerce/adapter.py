"""A WooCommerce shop as a side."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.adapters.answers import Malformed, strict_pages, strictly
from syncd.adapters.base import AdapterContext, AdapterFactory, Capabilities, CheckReport, PlainSide
from syncd.adapters.evidence import by_our_clock
from syncd.adapters.openly import open_files
from syncd.adapters.woocommerce.catalogue import Catalogue
from syncd.adapters.woocommerce.changes import FEEDS, ChangeReader
from syncd.adapters.woocommerce.check import Check
from syncd.adapters.woocommerce.client import WooClient
from syncd.adapters.woocommerce.describing import ProductReader
from syncd.adapters.woocommerce.images import ImageWriter
from syncd.adapters.woocommerce.making import ProductMaker
from syncd.adapters.woocommerce.media import Media
from syncd.adapters.woocommerce.positions import Tally, api_time
from syncd.adapters.woocommerce.prices import ShopPrices
from syncd.adapters.woocommerce.settings import WooCommerceSettings
from syncd.adapters.woocommerce.taxes import TaxClasses
from syncd.adapters.woocommerce.terms import ShopTerms
from syncd.adapters.woocommerce.withdrawing import withdraw
from syncd.adapters.woocommerce.writes import WRITABLE, FieldWriter, StockWriter
from syncd.core.model import ChangePage
from syncd.errors import InvalidResponse, OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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

WHY_NOT = {
    "key_life_s": "the REST API takes no keys of requests",
    "atomic": "stock is read, added to and written back by the shop's own code, and an order in between is overwritten",
    "fractions": "quantities are whole numbers unless a plugin changes that",
    "makes_images": "images follow as a write of fields, so that none holds up a product",
    "renews_credentials": "a REST API key does not expire; a person makes a new one",
}
"""Why the platform lacks what it lacks (woocommerce-api.md)."""


class WooCommerceAdapter(PlainSide):
    """See ``syncd.adapters.base`` for the promises, ``docs/woocommerce.md`` for what the platform allows.

    Not atomic: ``inventory_delta`` is read, added and written back by the shop (recording 03), so a web order within
    the same milliseconds can be swallowed. One write at a time keeps that window as small as it can be.
    """

    def __init__(self, context: AdapterContext) -> None:
        settings: WooCommerceSettings = context.settings
        self._side = context.side
        self._now = context.now
        self._overlap = timedelta(seconds=context.overlap_s)
        self._client = WooClient(context)
        taxes = TaxClasses(self._client, settings.chosen_tax_classes)
        prices = ShopPrices(self._client, taxes)
        self._terms = terms = ShopTerms(
            self._client,
            make_categories=settings.create_categories,
            default_category=settings.default_category,
        )
        self._catalogue = Catalogue(self._client, prices, terms)
        self._changes = ChangeReader(self._client, self._catalogue, self._overlap)
        self._writer = StockWriter(self._client)
        self._files = open_files(
            context,
            settings.url,
            requests_per_second=settings.requests_per_second,
            timeout_s=settings.request_timeout_seconds,
        )
        self._media = Media(context) if settings.media_user else None
        images = ImageWriter(self._client, self._media)
        self._field_writer = FieldWriter(self._client, self._catalogue, prices, terms, images)
        self._reader = ProductReader(self._client, prices, taxes)
        self._maker = ProductMaker(self._client, self._catalogue, prices, taxes)
        self._capabilities = Capabilities(
            relative=True,
            marker=True,
            atomic=False,
            fractions=False,
            batch_size=settings.batch_size,
            parallel_writes=1,
            events=True,
            fields=WRITABLE,
            describes=True,
            creates=True,
            withdraws=True,
            image_content=self._media is not None,
            why_not=WHY_NOT,
        )

    @property
    def name(self) -> str:
        """Name of the side as configured."""
        return self._side

    @property
    def capabilities(self) -> Capabilities:
        """Fixed; see the class."""
        return self._capabilities

    def check(self) -> CheckReport:
        """Try all that syncd uses: index, products, orders, an empty batch, settings, system status."""
        return Check(self._client, self._now, self._terms, self._media).run()

    def read_all(self) -> Iterator[ChangePage]:
        """Read every product and variation; the cursor is the server's clock at the first answer."""
        return strict_pages(self._read_all(), self._client, "GET list")

    def read_changes(self, cursor: Cursor) -> Iterator[ChangePage]:
        """Read refunds, orders, products, variations and trash since ``cursor``: five requests when nothing changed."""
        return strict_pages(self._changes.read(cursor), self._client, "GET list")

    @strictly("GET products")
    def fetch(self, refs: Sequence[ListingRef]) -> FetchResult:
        """Read by id, past page caches, in lists of 100; ids that no list shows are asked for one by one."""
        return self._catalogue.fetch(refs)

    @strictly("GET orders")
    def read_events(self, since: datetime) -> list[StockEvent]:
        """Read orders changed and refunds made since then, by our clock, with what their lines did to stock."""
        found = self._changes.events_since(since + self._client.clock_offset)
        return by_our_clock(found, self._client.clock_offset)

    def write_stock(self, writes: Sequence[StockWrite]) -> list[WriteResult]:
        """Send relative writes with their markers: one batch for products, one per parent for variations."""
        return self._writer.write(writes)

    def write_fields(self, writes: Sequence[FieldsWrite]) -> list[FieldsResult]:
        """Send names, texts, codes, prices and tax classes: one batch for products, one per parent for variations."""
        return self._field_writer.write(writes)

    def read_product(self, product_id: str) -> Product | None:
        """Read a product by its id, with all its variations and the rates of their tax classes."""
        try:
            return self._reader.read(product_id)
        except Malformed as error:
            raise InvalidResponse(self._side, f"GET products/{product_id}", str(error)) from error

    def read_image(self, address: str) -> bytes | None:
        """Fetch an image as customers do, without the key."""
        return self._files.read(address)

    def create_product(self, new: NewProduct) -> MakeResult:
        """Make a product (a draft, unless it is to be published), or more variations of one."""
        try:
            return self._maker.make(new)
        except Malformed as error:
            raise OutcomeUnknown(self._side, "POST products", str(error)) from error

    @strictly("GET products")
    def find_product(self, new: NewProduct, since: datetime) -> Made | None:
        """Look among the newest products for one with the mark, and among its variations."""
        return self._maker.find(new, since + self._client.clock_offset)

    def withdraw(self, ref: ListingRef, way: Way) -> WithdrawResult:
        """Make it a draft (a variation: switch it off), or move it to the trash (variations have none)."""
        return withdraw(self._client, ref, way)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()
        self._files.close()
        if self._media is not None:
            self._media.close()

    def _read_all(self) -> Iterator[ChangePage]:
        products, variations = Tally(self._overlap), Tally(self._overlap)
        yield from self._catalogue.everything(products, variations)
        began = products.position()
        cursor = dict.fromkeys(FEEDS, api_time(began.clock))
        cursor |= {"products": began.text(), "variations": variations.position().text()}
        yield ChangePage(cursor=cursor)


FACTORY = AdapterFactory(
    kind="woocommerce",
    title="WooCommerce",
    settings_model=WooCommerceSettings,
    build=WooCommerceAdapter,
)
