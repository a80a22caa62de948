"""INVENTORUM as a side: ties wire calls, paging and mapping together and keeps the promises of ``SideAdapter``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from loguru import logger

from syncd.adapters.base import AdapterContext, Capabilities, CheckReport, PlainSide
from syncd.adapters.evidence import by_our_clock
from syncd.adapters.inventorum import check, events, products, resolver
from syncd.adapters.inventorum.auth import BearerApi
from syncd.adapters.inventorum.booking import book
from syncd.adapters.inventorum.client import QUANTITY_BATCH, InventorumClient
from syncd.adapters.inventorum.field_writes import WRITABLE, TaxRates, set_fields
from syncd.adapters.inventorum.making import ProductMaker
from syncd.adapters.inventorum.mapping import row_id
from syncd.adapters.inventorum.paging import read_growing, read_newest_last
from syncd.adapters.inventorum.settings import InventorumSettings
from syncd.adapters.inventorum.times import BEFORE_EVERYTHING, start_of, to_wire
from syncd.adapters.openly import open_files
from syncd.core.fields import IMAGES
from syncd.core.model import ChangePage, FetchResult, GoneListing, ListingRef, Proof
from syncd.errors import PermissionMissing, Rejected, StateError
from syncd.http import HttpSession, RateBudget

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from syncd.adapters.inventorum.wire import Fields
    from syncd.core.model import (
        Cursor,
        FieldsResult,
        FieldsWrite,
        Refused,
        StockEvent,
        StockWrite,
        Unknown,
        WriteResult,
    )
    from syncd.core.products import Made, MakeResult, NewProduct, Product

T = TypeVar("T")

MODIFIED = "modified"
DELETED = "deleted"
PAGE_SIZE = 100
_REMEMBERED_LINES = 50_000

WHY_NOT = {
    "marker": "a booking has no place for a word of ours",
    "key_life_s": "the API takes no keys of requests",
    "trash": "what is deleted is gone",
    "uncounted": "every product has a quantity",
    IMAGES: "images go with the making of a product; what is there later was put there at the till",
    "withdraws": "the till is the hub: products are withdrawn from shops",
}
"""Why the platform lacks what it lacks (inventorum-api.md)."""

CAPABILITIES = Capabilities(
    relative=True,
    marker=False,
    atomic=True,
    fractions=True,
    batch_size=1,
    parallel_writes=8,
    events=True,
    reports_quantity=True,
    fields=WRITABLE,
    describes=True,
    creates=True,
    makes_images=True,
    why_not=WHY_NOT,
)


class InventorumAdapter(PlainSide):
    """One INVENTORUM account.

    Args:
        context: Name, settings, token store, clock and so on. No request is made here.
    """

    def __init__(self, context: AdapterContext) -> None:
        settings = context.settings
        if not isinstance(settings, InventorumSettings) or context.tokens is None:
            raise StateError("the INVENTORUM adapter needs its own settings and a token store")
        self._context = context
        http = HttpSession(
            side=context.side,
            base_url=settings.base_url,
            budget=RateBudget(settings.requests_per_second),
            stop=context.stop,
            timeout_s=settings.request_timeout_seconds,
            deadline_s=3 * settings.request_timeout_seconds,
            on_request=context.on_request,
            now=context.now,
            may_write=context.may_write,
            verify=context.trust,
        )
        self._http = http
        self._images = open_files(
            context,
            settings.base_url,
            requests_per_second=settings.requests_per_second,
            timeout_s=settings.request_timeout_seconds,
        )
        self._api = BearerApi(http, context.tokens, settings, context.now)
        self._client = InventorumClient(self._api)
        self._rates = TaxRates(self._client)
        self._maker = ProductMaker(self._client, self._rates)
        self._zone: ZoneInfo | None = None
        self._confirmed_gone: set[str] = set()
        self._product_of_line: dict[str, str] = {}
        self._confirmed_for: dict[str, str] = {}

    @property
    def name(self) -> str:
        """Name of the side as configured."""
        return self._context.side

    @property
    def capabilities(self) -> Capabilities:
        """Relative bookings, one per call, with the resulting quantity in the answer; nothing can carry a marker."""
        return CAPABILITIES

    def close(self) -> None:
        """Release connections."""
        self._api.close()
        self._images.close()

    def check(self) -> CheckReport:
        """Test token, rights, account, products, delta and clock; see ``SideAdapter.check``.

        Raises:
            AuthRejected: A new token is needed. Transient: The server cannot be reached.
        """
        report = check.run(self._api, self._client, self._context.now)
        self._use_zone(report.facts.get("timezone"))
        return report

    def read_all(self) -> Iterator[ChangePage]:
        """Read every listing; see ``SideAdapter.read_all``.

        A verbose delta from before any account gives one row per living product, 100 a page, with article numbers,
        which rows of ``/products/`` are not proved to have. Its distinct ids are compared with ``total`` of
        ``/products/``; products that only that list knows are read one by one.

        Source: section 13, first row.
        """
        count = self._client.products_total()
        if count.date is None:
            raise self._client.where("products/").invalid("the answer has no Date header to continue from")
        position = to_wire(count.date)
        resolved = resolver.Resolver(self._client, self._rates.if_possible)
        read = partial(self._client.modified, BEFORE_EVERYTHING)
        for page in read_newest_last(read, row_id, self._client.where("products/delta/modified/")):
            yield from _pages(resolved, resolved.resolve(page.rows), page.total)
        if count.total is not None and len(resolved.products) < count.total:
            yield from self._read_missing(resolved, count.total)
        yield ChangePage(cursor={MODIFIED: position, DELETED: position})

    def _read_missing(self, resolved: resolver.Resolver, total_before: int) -> Iterator[ChangePage]:
        """Read products that the delta did not list, if the list really has more of them.

        Not more: some were deleted meanwhile, or the list counts variations, too.
        """
        total = self._client.products_total().total or 0
        missing = min(total, total_before) - len(resolved.products)
        if missing <= 0 or total == len(resolved.products | resolved.variations):
            return
        logger.bind(side=self.name, missing=missing, total=total).warning("inventorum.delta_incomplete")
        for page in read_growing(self._client.products, row_id, self._client.where("products/")):
            known = resolved.products | resolved.variations
            unknown = [external_id for row in page.rows if (external_id := row_id(row)) not in known]
            yield from _pages(resolved, FetchResult(resolved.by_id(unknown)), page.total)

    def read_changes(self, cursor: Cursor) -> Iterator[ChangePage]:
        """Read what changed since ``cursor``; two requests when nothing did. See ``SideAdapter.read_changes``.

        Raises:
            StateError: The cursor lacks a feed: ``read_all`` comes first.
        """
        missing = [feed for feed in (MODIFIED, DELETED) if feed not in cursor]
        if missing:
            raise StateError(f"the cursor of {self.name} lacks {', '.join(missing)}: read everything first")
        position = dict(cursor)
        resolved = resolver.Resolver(self._client, self._rates.if_possible)
        start = start_of(cursor[MODIFIED], self._context.overlap_s)
        where = self._client.where("products/delta/modified/")
        for number, page in enumerate(read_newest_last(partial(self._client.modified, start), row_id, where)):
            if number == 0:
                position[MODIFIED] = _moved(cursor[MODIFIED], page.date)
            yield from _pages(resolved, resolved.resolve(page.rows), page.total)
        start = start_of(cursor[DELETED], self._context.overlap_s)
        where = self._client.where("products/delta/deleted/")
        known = self._confirmed_gone if cursor == self._confirmed_for else set()
        confirmed: set[str] = set()
        for number, ids in enumerate(read_growing(partial(self._client.deleted, start), str, where)):
            if number == 0:
                position[DELETED] = _moved(cursor[DELETED], ids.date)
            confirmed.update(known.intersection(ids.rows))
            for proved in self._confirm([one for one in ids.rows if one not in known]):
                yield proved
                confirmed.update(one.ref.external_id for one in proved.gone)
        yield ChangePage(cursor=dict(position))
        # Confirmed ids of the overlap cost no request again, but only for the read that continues from here: one that
        # was abandoned, or that begins at an older cursor, confirms (and reports) them anew.
        self._confirmed_gone, self._confirmed_for = confirmed, position

    def _confirm(self, deleted: Sequence[str]) -> Iterator[ChangePage]:
        """Report listed deletions that a 404 confirms; one that can still be read is a reading, not a deletion."""
        for part in _chunks(deleted, PAGE_SIZE):
            found = resolver.fetch(
                self._client, self._rates.if_possible, [ListingRef(external_id) for external_id in part], strict=True
            )
            gone = tuple(GoneListing(one.ref, Proof.DELETED_FEED) for one in found.gone)
            yield ChangePage(listings=found.listings, gone=gone)

    def fetch(self, refs: Sequence[ListingRef]) -> FetchResult:
        """Read listings by id from product details; see ``SideAdapter.fetch``."""
        return resolver.fetch(self._client, self._rates.if_possible, refs)

    def fetch_quantities(self, refs: Sequence[ListingRef]) -> dict[str, Decimal]:
        """Read quantities alone, 50 per request, by external id; what the server leaves out is missing.

        The sum of a parent is in the answer if a parent is asked for.
        """
        found: dict[str, Decimal] = {}
        for part in _chunks([ref.external_id for ref in dict.fromkeys(refs)], QUANTITY_BATCH):
            found |= self._client.quantities(part)
        return {ref.external_id: found[ref.external_id] for ref in refs if ref.external_id in found}

    def read_events(self, since: datetime) -> list[StockEvent]:
        """Read orders and returns changed since ``since``, as evidence. Several requests per channel.

        Times are given by our clock: what the server's clock is ahead is taken off.

        Raises:
            PermissionMissing: The token may not read orders.
        """
        info: Fields | None = None
        try:
            info = self._client.info()
        except (PermissionMissing, Rejected):
            logger.bind(side=self.name).debug("inventorum.info_not_allowed")
        offset = self._http.clock_offset
        if len(self._product_of_line) > _REMEMBERED_LINES:
            self._product_of_line.clear()
        channels = events.channels_of(info)
        found = events.read_events(self._client, since + offset, channels, self._product_of_line)
        return by_our_clock(found, offset)

    def write_stock(self, writes: Sequence[StockWrite]) -> list[WriteResult]:
        """Book one difference, relative and once; see ``SideAdapter.write_stock``.

        Raises:
            OutcomeUnknown: Sent, and no trustworthy answer came.
            PermissionMissing: The token may not book stock.
        """
        if len(writes) > CAPABILITIES.batch_size:
            raise StateError(f"{len(writes)} writes in a call that takes {CAPABILITIES.batch_size}")
        return [book(self._client, write, self._context.now().astimezone(self._zone)) for write in writes]

    def write_fields(self, writes: Sequence[FieldsWrite]) -> list[FieldsResult]:
        """Change fields of one product; see ``SideAdapter.write_fields``.

        Raises:
            OutcomeUnknown: Sent, and no trustworthy answer came.
            PermissionMissing: The token may not change products.
        """
        if len(writes) > CAPABILITIES.batch_size:
            raise StateError(f"{len(writes)} writes in a call that takes {CAPABILITIES.batch_size}")
        return [set_fields(self._client, self._rates, write) for write in writes]

    def read_product(self, product_id: str) -> Product | None:
        """Read a product's detail with its variations and tax rates; see ``SideAdapter.read_product``."""
        return products.read_product(self._client, self._rates, product_id)

    def read_image(self, address: str) -> bytes | None:
        """Fetch an image from the address that its product names, without the token: addresses are open to everybody.

        Source: section 6.4.
        """
        return self._images.read(address)

    def bring_images(self, new: NewProduct) -> Mapping[str, Refused]:
        """Upload what the product will name; see ``SideAdapter.bring_images``."""
        return self._maker.bring_images(new)

    def create_product(self, new: NewProduct) -> MakeResult:
        """Make a product with its variations, in one request; see ``SideAdapter.create_product``.

        Raises:
            OutcomeUnknown: Sent, and no trustworthy answer came.
            PermissionMissing: The token may not make products, or not read tax types.
        """
        return self._maker.make(new)

    def find_product(self, new: NewProduct, since: datetime) -> Made | Unknown | None:
        """Look among what changed since then for a new product like it: nothing here can keep a mark.

        The server's clock is asked for anew: by a wrong one, what was made would seem older than the call.
        """
        date = self._client.products_total().date
        if date is None:
            raise self._client.where("products/").invalid("the answer has no Date header to look back from")
        return self._maker.find(new, to_wire(date - (self._context.now() - since)))

    def _use_zone(self, name: str | None) -> None:
        if name:
            try:
                self._zone = ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError):
                logger.bind(side=self.name, timezone=name).debug("inventorum.unknown_timezone")


def _moved(before: str, date: datetime | None) -> str:
    """Return the new position: the server's clock; without one the old position stays, which only reads more."""
    return to_wire(date) if date else before


def _chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _pages(resolved: resolver.Resolver, found: FetchResult, products: int | None) -> Iterator[ChangePage]:
    """Readings in pages; the feed counts products, and their variations are known as far as they were read."""
    total = None if products is None else products + len(resolved.variations)
    for part in _chunks(found.listings, PAGE_SIZE):
        yield ChangePage(listings=tuple(part), total=total)
    if found.gone:
        yield ChangePage(gone=found.gone, total=total)
