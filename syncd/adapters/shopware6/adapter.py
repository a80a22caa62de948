"""A Shopware 6 shop as a side."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.adapters.answers import Malformed, strict_pages, strictly
from syncd.adapters.base import AdapterContext, AdapterFactory, Capabilities, CheckReport, PlainSide
from syncd.adapters.evidence import by_our_clock
from syncd.adapters.openly import open_files
from syncd.adapters.shopware6.catalogue import Catalogue
from syncd.adapters.shopware6.changes import ORDERS, PRODUCTS, ChangeReader
from syncd.adapters.shopware6.check import Check
from syncd.adapters.shopware6.client import ShopClient
from syncd.adapters.shopware6.describing import ProductReader
from syncd.adapters.shopware6.fields import WRITABLE, FieldWriter
from syncd.adapters.shopware6.images import ImageWriter
from syncd.adapters.shopware6.making import ProductMaker
from syncd.adapters.shopware6.settings import Shopware6Settings
from syncd.adapters.shopware6.shop import ShopFacts
from syncd.adapters.shopware6.terms import Categories
from syncd.adapters.shopware6.wire import api_time
from syncd.adapters.shopware6.withdrawing import withdraw
from syncd.adapters.shopware6.writes import StockWriter
from syncd.core.model import ChangePage

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
    "relative": "the Admin API sets stock to a number",
    "marker": "not used in this version: quantity and orders settle a write that sets a number",
    "key_life_s": "the Admin API takes no keys of requests",
    "atomic": "an order between the look and the write is overwritten",
    "fractions": "quantities are whole numbers",
    "makes_images": "images follow as a write of fields, so that none holds up a product",
    "trash": "what is deleted is gone",
    "uncounted": "every product has a stock",
    "lost_variations_in_changes": "a deletion leaves no date and no list of what was deleted",
}
"""Why the platform lacks what it lacks (shopware6-api.md)."""


class Shopware6Adapter(PlainSide):
    """See ``syncd.adapters.base`` for the promises, ``docs/shopware6.md`` for what the platform allows.

    Neither relative nor atomic: a listing is set to a number, and an order that lands between the engine's look and the
    write is overwritten. Its document tells, and the engine puts it right.
    """

    def __init__(self, context: AdapterContext) -> None:
        settings: Shopware6Settings = context.settings
        self._side = context.side
        self._now = context.now
        self._client_id = settings.client_id
        self._client = ShopClient(context)
        self._files = open_files(
            context,
            settings.url,
            requests_per_second=settings.requests_per_second,
            timeout_s=settings.request_timeout_seconds,
        )
        self._catalogue = Catalogue(self._client)
        self._changes = ChangeReader(self._client, self._catalogue, timedelta(seconds=context.overlap_s))
        self._writer = StockWriter(self._client, self._catalogue)
        facts = ShopFacts(self._client, settings)
        categories = Categories(self._client, facts, make=settings.create_categories)
        images = ImageWriter(self._client)
        self._field_writer = FieldWriter(self._client, self._catalogue, facts, categories, images)
        self._reader = ProductReader(self._client, self._catalogue)
        self._maker = ProductMaker(self._client, self._catalogue, facts)
        self._capabilities = Capabilities(
            relative=False,
            atomic=False,
            fractions=False,
            batch_size=settings.batch_size,
            parallel_writes=1,
            events=True,
            reports_quantity=False,
            fields=WRITABLE,
            describes=True,
            creates=True,
            withdraws=True,
            image_content=True,
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
        """Try all that syncd uses: token, version, products, orders, currency, rights."""
        return Check(self._client, self._client_id, self._now).run()

    def read_all(self) -> Iterator[ChangePage]:
        """Read every product and variant; the cursor is the server's clock at the first answer."""
        return strict_pages(self._read_all(), self._client, "POST search")

    def read_changes(self, cursor: Cursor) -> Iterator[ChangePage]:
        """Read orders, products and variants since ``cursor``: two or three requests when nothing changed."""
        return strict_pages(self._changes.read(cursor), self._client, "POST search")

    @strictly("POST search/product")
    def fetch(self, refs: Sequence[ListingRef]) -> FetchResult:
        """Read by id, in lists of 100; ids that no list shows are asked for one by one."""
        return self._catalogue.fetch(refs)

    @strictly("POST search/order")
    def read_events(self, since: datetime) -> list[StockEvent]:
        """Read orders changed since then, by our clock, with what their lines did to stock."""
        # The first answer of all tells how far the shop's clock is from ours.
        self._client.version()
        found = self._changes.events_since(since + self._client.clock_offset)
        return by_our_clock(found, self._client.clock_offset)

    def write_stock(self, writes: Sequence[StockWrite]) -> list[WriteResult]:
        """Set listings to what is expected after each write, in one request."""
        return self._writer.write(writes)

    @strictly("POST search/product")
    def write_fields(self, writes: Sequence[FieldsWrite]) -> list[FieldsResult]:
        """Send fields of products in one request, with what they name and the shop lacks."""
        return self._field_writer.write(writes)

    @strictly("POST search/product")
    def read_product(self, product_id: str) -> Product | None:
        """Read a product by its id, with all its variants."""
        return self._reader.read(product_id)

    def read_image(self, address: str) -> bytes | None:
        """Fetch an image as customers do, without the token."""
        return self._files.read(address)

    @strictly("POST search/product")
    def create_product(self, new: NewProduct) -> MakeResult:
        """Make a product (inactive, unless it is to be published), or more variants of one."""
        return self._maker.make(new)

    @strictly("POST search/product")
    def find_product(self, new: NewProduct, since: datetime) -> Made | None:
        """Ask for the ids that it would have."""
        return self._maker.find(new)

    @strictly("POST search/product")
    def withdraw(self, ref: ListingRef, way: Way) -> WithdrawResult:
        """Make it inactive, or delete it for good: there is no trash."""
        return withdraw(self._client, self._catalogue, ref, way)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()
        self._files.close()

    def _read_all(self) -> Iterator[ChangePage]:
        walk = self._catalogue.walk()
        yield from self._catalogue.everything(walk)
        if walk.opened_at is None:
            raise Malformed("the list of products never began")
        yield ChangePage(cursor=dict.fromkeys((PRODUCTS, ORDERS), api_time(walk.opened_at)))


FACTORY = AdapterFactory(
    kind="shopware6",
    title="Shopware 6",
    settings_model=Shopware6Settings,
    build=Shopware6Adapter,
)
