"""A Vendure shop as a side."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.adapters.answers import Malformed, strict_pages, strictly
from syncd.adapters.base import AdapterContext, AdapterFactory, Capabilities, CheckReport, Counting, PlainSide
from syncd.adapters.evidence import by_our_clock
from syncd.adapters.vendure.catalogue import Catalogue
from syncd.adapters.vendure.changes import ChangeReader, position
from syncd.adapters.vendure.check import Check
from syncd.adapters.vendure.client import VendureClient
from syncd.adapters.vendure.describing import describe_product
from syncd.adapters.vendure.facts import ShopFacts
from syncd.adapters.vendure.fields import WRITABLE, FieldWriter
from syncd.adapters.vendure.making import ProductMaker
from syncd.adapters.vendure.operations import Operations
from syncd.adapters.vendure.options import OptionWriter
from syncd.adapters.vendure.settings import VendureSettings
from syncd.adapters.vendure.stock import StockWriter
from syncd.adapters.vendure.withdrawing import withdraw
from syncd.core.fields import BRAND, CATEGORIES, GTIN, IMAGES, PRICE
from syncd.core.model import ChangePage
from syncd.errors import StateError

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

_strictly = strictly(lambda side: side._client.request)

WHY_NOT = {
    "marker": "the shop has no custom field for it (marker_field)",
    "key_life_s": "the Admin API takes no keys of requests",
    "atomic": "with several stock locations nobody says which one a movement was about",
    "events": "with several stock locations nobody says which one an order took from",
    "fractions": "quantities are whole numbers",
    "makes_images": "images follow as a write of fields",
    "trash": "what is deleted is shown to nobody",
    "lost_variations_in_changes": "a deletion leaves no trace in what the shop lists",
    BRAND: "facets are not kept the same in this version",
    CATEGORIES: "collections are not kept the same in this version",
    IMAGES: "assets are not kept the same in this version",
    GTIN: "the shop has no custom field for it (gtin_field)",
    PRICE: "prices are entered without tax",
}
"""Why the platform lacks what it lacks; facts are from the sources of Vendure 3.7.3."""


class VendureAdapter(PlainSide):
    """See ``syncd.adapters.base`` for the promises, ``docs/vendure.md`` for what the platform allows.

    Stock is written as a difference although the shop is told a number: see ``stock``.
    """

    def __init__(self, context: AdapterContext) -> None:
        settings: VendureSettings = context.settings
        self._side = context.side
        self._now = context.now
        self._settings = settings
        self._client = VendureClient(context)
        self._facts = ShopFacts(self._client, settings)
        self._catalogue = Catalogue(self._client, self._facts, Operations(settings.gtin_field, settings.marker_field))
        self._changes = ChangeReader(self._client, self._catalogue, self._facts, timedelta(seconds=context.overlap_s))
        self._writer = StockWriter(self._client, self._catalogue, self._facts, settings.marker_field)
        options = OptionWriter(self._client, self._facts, settings.language)
        gtin_field, language = settings.gtin_field, settings.language
        self._field_writer = FieldWriter(self._client, self._catalogue, self._facts, options, gtin_field, language)
        self._maker = ProductMaker(self._client, self._catalogue, self._facts, options, gtin_field)

    @property
    def name(self) -> str:
        """Name of the side as configured."""
        return self._side

    @property
    def capabilities(self) -> Capabilities:
        """With several stock locations nobody says which one an order or a movement was about."""
        known = self._facts.known
        alone = known is None or known.alone
        fields = WRITABLE if known is None or known.gross else WRITABLE - {PRICE}
        return Capabilities(
            relative=True,
            marker=self._settings.marker_field is not None,
            atomic=alone,
            fractions=False,
            batch_size=self._settings.batch_size,
            parallel_writes=1,
            events=alone,
            reports_quantity=True,
            fields=fields if self._settings.gtin_field else fields - {GTIN},
            describes=True,
            creates=True,
            withdraws=True,
            why_not=WHY_NOT,
        )

    def check(self) -> CheckReport:
        """Ask who we are, what we may do, and for the shop's channel, location and orders."""
        settings = self._settings
        operations, has_key = self._catalogue.operations, settings.api_key is not None
        check = Check(self._client, self._facts, operations, self._now, settings.channel, has_key=has_key)
        return check.run()

    @_strictly
    def counts(self, *, anew: bool = False) -> Counting:
        """Which stock location."""
        return self._facts.counts(anew=anew)

    def read_all(self) -> Iterator[ChangePage]:
        """Read every product with its variants; the cursor is the shop's clock at the first answer."""
        return strict_pages(self._read_all(), self._client, self._client.request)

    def read_changes(self, cursor: Cursor) -> Iterator[ChangePage]:
        """Read orders, products and variants since ``cursor``: three requests when nothing changed."""
        return strict_pages(self._changes.read(cursor), self._client, self._client.request)

    @_strictly
    def fetch(self, refs: Sequence[ListingRef]) -> FetchResult:
        """Read by id; an id that the shop does not know comes back as null."""
        return self._catalogue.fetch(refs)

    @_strictly
    def read_events(self, since: datetime) -> list[StockEvent]:
        """Read orders that changed since then, by our clock, with what was cancelled of them."""
        self._facts.now()  # the first answer of all tells how far the shop's clock is from ours
        found = self._changes.events_since(since + self._client.clock_offset)
        return by_our_clock(found, self._client.clock_offset)

    @_strictly
    def write_stock(self, writes: Sequence[StockWrite]) -> list[WriteResult]:
        """Look at the variants, then add all differences in one request, and check what came of it."""
        return self._writer.write(writes)

    @_strictly
    def write_fields(self, writes: Sequence[FieldsWrite]) -> list[FieldsResult]:
        """Send words, codes, prices and options of one product after the other."""
        if not writes:
            return []
        return self._field_writer.write(writes)

    @_strictly
    def read_product(self, product_id: str) -> Product | None:
        """Read a product by the id of its listing, with all its variants."""
        return describe_product(self._catalogue, self._facts, product_id)

    def read_image(self, address: str) -> bytes | None:
        """Not yet: images of the shop stay there."""
        raise StateError(f"{self._side} hands out no images ({address})")

    @_strictly
    def create_product(self, new: NewProduct) -> MakeResult:
        """Make a product (disabled, unless it is to be published), or more variations of one."""
        return self._maker.make(new)

    @_strictly
    def find_product(self, new: NewProduct, since: datetime) -> Made | None:
        """Look for the product by its slug, and among its variants."""
        return self._maker.find(new)

    @_strictly
    def withdraw(self, ref: ListingRef, way: Way) -> WithdrawResult:
        """Disable it, or delete it: the shop shows to nobody what was deleted."""
        return withdraw(self._client, self._catalogue, ref, way)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _read_all(self) -> Iterator[ChangePage]:
        walk = self._catalogue.walk()
        yield from self._catalogue.everything(walk)
        if walk.opened_at is None:
            raise Malformed("the list of products never began")
        yield ChangePage(cursor=position(walk.opened_at))


FACTORY = AdapterFactory(
    kind="vendure",
    title="Vendure",
    settings_model=VendureSettings,
    build=VendureAdapter,
)
