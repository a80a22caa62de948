"""From rows of a feed to readings: parents and variations are read from the parent's detail, once per read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from syncd.adapters.inventorum import mapping
from syncd.core.model import FetchResult, GoneListing, ListingRef, Proof, RemoteListing
from syncd.errors import InvalidResponse, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from syncd.adapters.inventorum.client import InventorumClient
    from syncd.adapters.inventorum.wire import Fields

A = TypeVar("A")
R = TypeVar("R")

POOL_SIZE = 4


@dataclass(slots=True)
class Resolver:
    """Resolves the rows of one read. Keeps ids only, so that memory stays flat however large the catalogue is.

    Attributes:
        client: Wire calls.
        rate_of: Rate of a tax type; never fails.
        products: Ids of products seen, as rows or as parents, without variations.
        variations: Ids of variations seen, as rows or in details.
        parents: Ids of parents whose detail was read.
    """

    client: InventorumClient
    rate_of: mapping.RateOf
    products: set[str] = field(default_factory=set)
    variations: set[str] = field(default_factory=set)
    parents: set[str] = field(default_factory=set)

    def resolve(self, rows: Sequence[Fields]) -> FetchResult:
        """Read what the rows leave open.

        A change of a variation may show as its own row, its parent's row or both (unverified), so either leads to the
        parent's detail. A variation that the detail does not hold, though a row names it, is read by its own id.

        Raises:
            SideError: A detail could not be read; nothing of these rows may count as read.
        """
        listings: dict[str, RemoteListing] = {}
        gone: dict[str, GoneListing] = {}
        wanted: dict[str, None] = {}
        owed: dict[str, ListingRef] = {}
        for row in rows:
            row_id, parent = mapping.row_id(row), row.identifier_or_none("parent")
            if parent is not None:
                wanted[parent] = None
                owed[row_id] = ListingRef(row_id, parent)
                continue
            self.products.add(row_id)
            if mapping.is_group(row):
                wanted[row_id] = None
            else:
                listings[row_id] = mapping.listing(row, rate_of=self.rate_of, more=self.client.categories.of)
        for parent_id, found in self._details([parent for parent in wanted if parent not in self.parents]):
            if found is None:
                gone[parent_id] = GoneListing(ListingRef(parent_id), Proof.NOT_FOUND)
                continue
            self._note(found)
            listings |= {listing.ref.external_id: listing for listing in found}
        self.parents.update(wanted)
        orphans = [ref for external_id, ref in owed.items() if external_id not in self.variations]
        self.variations.update(owed)
        rest = fetch(self.client, self.rate_of, orphans, strict=True)
        listings |= {listing.ref.external_id: listing for listing in rest.listings}
        return FetchResult(tuple(listings.values()), (*gone.values(), *rest.gone))

    def by_id(self, external_ids: Sequence[str]) -> tuple[RemoteListing, ...]:
        """Read products by id, with their variations; an id that does not exist brings nothing."""
        listings: dict[str, RemoteListing] = {}
        for external_id, found in self._details(external_ids):
            self.products.add(external_id)
            if found is not None:
                self._note(found)
                listings |= {listing.ref.external_id: listing for listing in found}
        return tuple(listings.values())

    def _note(self, found: tuple[RemoteListing, ...]) -> None:
        self.products.add(found[0].ref.external_id)
        self.variations.update(listing.ref.external_id for listing in found[1:])

    def _details(self, external_ids: Sequence[str]) -> Iterable[tuple[str, tuple[RemoteListing, ...] | None]]:
        return zip(
            external_ids, in_pool(lambda one: _detail(self.client, self.rate_of, one), external_ids), strict=True
        )


def fetch(
    client: InventorumClient, rate_of: mapping.RateOf, refs: Sequence[ListingRef], *, strict: bool = False
) -> FetchResult:
    """Read listings by id: variations from their parent's detail (once per parent), everything else from its own.

    A variation counts as gone only if its parent's detail does not hold it and its own id is not found: servers are
    imaginable that do not answer for the ids of living variations.

    Args:
        client: Wire calls.
        rate_of: Rate of a tax type; never fails.
        refs: What to read.
        strict: Raise for the first body that breaks the contract, instead of leaving that listing out.

    Raises:
        InvalidResponse: A body breaks the contract and ``strict`` is set, or every body does.
        SideError: As the reads.
    """
    groups: dict[str, list[ListingRef]] = {}
    for ref in dict.fromkeys(refs):
        groups.setdefault(ref.parent_external_id or ref.external_id, []).append(ref)
    listings: list[RemoteListing] = []
    gone: list[GoneListing] = []
    broken: list[InvalidResponse] = []
    for result in in_pool(lambda group: _fetch_group(client, rate_of, *group), list(groups.items())):
        if isinstance(result, InvalidResponse):
            broken.append(result)
        else:
            listings.extend(result.listings)
            gone.extend(result.gone)
    if broken and (strict or not (listings or gone)):
        raise broken[0]
    return FetchResult(tuple(listings), tuple(gone))


def _fetch_group(
    client: InventorumClient, rate_of: mapping.RateOf, root: str, refs: Sequence[ListingRef]
) -> FetchResult | InvalidResponse:
    try:
        detail = _detail(client, rate_of, root)
        found = {listing.ref.external_id: listing for listing in detail or ()}
        listings = [found[ref.external_id] for ref in refs if ref.external_id in found]
        gone: list[GoneListing] = []
        for ref in refs:
            if ref.external_id in found:
                continue
            own = None if ref.external_id == root else _own_detail(client, rate_of, ref)
            if own is None:
                gone.append(GoneListing(ref, Proof.NOT_FOUND))
            else:
                listings.append(own)
    except InvalidResponse as error:
        return error
    return FetchResult(tuple(listings), tuple(gone))


def _detail(client: InventorumClient, rate_of: mapping.RateOf, external_id: str) -> tuple[RemoteListing, ...] | None:
    """Read a product with its variations, or ``None`` for a 404."""
    try:
        return mapping.detail_listings(client.product(external_id), rate_of, client.categories.of)
    except NotFound:
        return None


def _own_detail(client: InventorumClient, rate_of: mapping.RateOf, ref: ListingRef) -> RemoteListing | None:
    try:
        product, more = client.product(ref.external_id), client.categories.of
        return mapping.listing(product, parent=ref.parent_external_id, rate_of=rate_of, more=more)
    except NotFound:
        return None


def in_pool(function: Callable[[A], R], values: Sequence[A]) -> list[R]:
    """Apply ``function`` with up to ``POOL_SIZE`` requests under way; results in order.

    Raises:
        SideError: The first error; calls that have not begun are dropped.
    """
    if len(values) <= 1:
        return [function(value) for value in values]
    with ThreadPoolExecutor(min(POOL_SIZE, len(values)), thread_name_prefix="inventorum") as pool:
        futures = [pool.submit(function, value) for value in values]
        try:
            return [future.result() for future in futures]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
