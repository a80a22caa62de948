"""Products and variations of a shop as listings: all of them, or some by id.

Source: woocommerce-api.md sections 2 and 3; recordings 01-listing, 05-create-and-images and 06-deletion.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.adapters.answers import Malformed
from syncd.adapters.woocommerce import mapping
from syncd.adapters.woocommerce.client import NO_ROUTE, ListRequest, WooClient
from syncd.adapters.woocommerce.feeds import PER_PAGE, Query, whole_list
from syncd.core.model import ChangePage, FetchResult, GoneListing, ListingRef, Proof, RemoteListing, StockMode
from syncd.errors import InvalidResponse, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from syncd.adapters.answers import Row
    from syncd.adapters.woocommerce.feeds import Batch
    from syncd.adapters.woocommerce.positions import Tally
    from syncd.adapters.woocommerce.prices import ShopPrices
    from syncd.adapters.woocommerce.terms import ShopTerms

_AS_STORED = {"_fields": mapping.PRODUCT_FIELDS, **mapping.AS_STORED}


class Catalogue:
    """Reads listings and remembers what variations need to know of their parents (a few words per variable product).

    Attributes:
        global_route: Whether ``GET /variations`` exists (WooCommerce 10.3 on); ``None`` until it was tried.
    """

    def __init__(self, client: WooClient, prices: ShopPrices, terms: ShopTerms) -> None:
        self._client = client
        self._prices = prices
        self._terms = terms
        self._parents: dict[int, mapping.Parent] = {}
        self._children: dict[int, frozenset[int]] = {}
        self._pooled: dict[int, bool] = {}
        self._suspects: dict[str, ListingRef] = {}
        self._followed: set[int] = set()
        self.global_route: bool | None = None

    def everything(self, products: Tally, variations: Tally) -> Iterator[ChangePage]:
        """Read all products, then all variations, in pages without cursor.

        Args:
            products: Counts product rows.
            variations: Counts variation rows, by the clock of the first product page.
        """
        parents: list[int] = []
        request = ListRequest(self._client, "products", mapping.PRODUCT_FIELDS, tally=products, **mapping.AS_STORED)
        for rows in whole_list(request, Query()):
            parents += [mapping.row_id(row) for row in rows if mapping.is_group(row)]
            yield ChangePage(listings=tuple(self.products(rows)), total=request.total)
        variations.clock = products.clock
        for listings, total in self._all_variations(parents, variations):
            sums = None if total is None or request.total is None else request.total + total
            yield ChangePage(listings=tuple(listings), total=sums)
        self._followed.update(parents)

    def products(self, rows: Iterable[Row]) -> list[RemoteListing]:
        """Read product rows, and remember those that are parents."""
        listings = []
        for row in rows:
            self._learn(row)
            listings.append(mapping.product_listing(row, self._prices.of(row), self._terms.of(row)))
        return listings

    def changed_products(self, rows: Sequence[Row]) -> list[RemoteListing]:
        """Read product rows of a feed. A parent that it shows first since the start has its variations read again.

        What it was when they were read last, by another process, is not known; how it was met since does not say it.
        """
        listings = self.products(rows)
        for parent in {mapping.row_id(row) for row in rows if mapping.is_group(row)} - self._followed:
            self._suspect(parent)
        return listings

    def variations(self, rows: Sequence[Row], parent_id: int | None = None) -> list[RemoteListing]:
        """Read variation rows; parents not met yet are read first.

        Args:
            rows: From any list of variations.
            parent_id: Their parent, for shops whose rows do not tell.
        """
        parents = [mapping.parent_id_of(row) or parent_id for row in rows]
        self._meet(parent for parent in parents if parent is not None)
        listings = []
        for row, parent in zip(rows, parents, strict=True):
            if parent is None:
                raise Malformed(f"variation {row['id']} without a parent")
            known = self._parents.get(parent)
            money = self._prices.of(row, known.tax_class if known else None)
            listing = mapping.variation_listing(row, parent, known, money)
            self._pooled[mapping.row_id(row)] = listing.stock_mode is StockMode.PARENT
            listings.append(listing)
        return listings

    def variations_of(self, parents: Iterable[int]) -> Iterator[list[RemoteListing]]:
        """Read the variations of some parents, one list each, gathered into pages."""
        page: list[RemoteListing] = []
        for parent in parents:
            request = ListRequest(self._client, f"products/{parent}/variations", mapping.VARIATION_FIELDS)
            for rows in whole_list(request, Query()):
                page += self.variations(rows, parent)
            if len(page) >= PER_PAGE:
                yield page
                page = []
        if page:
            yield page

    def keeps_pool(self, variation_id: int) -> bool | None:
        """Whether a variation's stock is its parent's pool; ``None`` if the variation was not met yet."""
        return self._pooled.get(variation_id)

    def tax_class_of(self, parent_id: str | None) -> str | None:
        """Tax class that variations of a product inherit; ``None`` if the product was not met yet."""
        known = self._parents.get(int(parent_id)) if parent_id is not None else None
        return known.tax_class if known else None

    def known_children(self, parent_id: int) -> list[ListingRef]:
        """Variations that a parent was last seen to list."""
        return [ListingRef(str(child), str(parent_id)) for child in sorted(self._children.get(parent_id, ()))]

    def suspects(self) -> list[ListingRef]:
        """Variations whose parent's row hints at a change that moves no date of theirs: read them by id.

        The parent began or ceased to keep their stock, is taxed otherwise, or has another code, which those without one
        of their own show: read before their parent, they seemed to have it themselves. (Those that leave their
        parent's list are the engine's to look after, by ``RemoteListing.children``; new and restored ones have new
        dates.) A parent that nobody knew before it changed hints at all of that.
        """
        return list(self._suspects.values())

    def clear_suspects(self, refs: Iterable[ListingRef]) -> None:
        """Forget suspects that were read."""
        for ref in refs:
            self._suspects.pop(ref.external_id, None)

    def fetch(self, refs: Iterable[ListingRef]) -> FetchResult:
        """Read listings by id, past caches; what no list shows is asked for alone and gone only by 404 or trash."""
        wanted = {ref.external_id: ref for ref in refs}
        plain = [int(ref.external_id) for ref in wanted.values() if ref.parent_external_id is None]
        children = [ref for ref in wanted.values() if ref.parent_external_id is not None]
        found: dict[str, RemoteListing] = {}
        for ids in chunks(plain):
            batch = self._client.included("products", ids, _AS_STORED)
            found |= _by_id(self.products(row for row in batch.rows if not mapping.is_variation(row)))
        found |= _by_id(self._included_variations(children))
        gone = []
        for ref in wanted.values():
            if ref.external_id not in found:
                one = self._one(ref)
                if isinstance(one, GoneListing):
                    gone.append(one)
                else:
                    found[ref.external_id] = one
        return FetchResult(tuple(found.values()), tuple(gone))

    def _all_variations(self, parents: list[int], tally: Tally) -> Iterator[tuple[list[RemoteListing], int | None]]:
        if self.global_route is not False:
            request = ListRequest(self._client, "variations", mapping.VARIATION_FIELDS, tally=tally)
            try:
                for rows in whole_list(request, Query()):
                    yield self.variations(rows), request.total
            except NotFound as error:
                self.note_no_global_route(error)
            else:
                self.global_route = True
                return
        for page in self.variations_of(parents):
            yield page, None

    def note_no_global_route(self, error: NotFound) -> None:
        """Remember an older shop.

        Raises:
            NotFound: The error does not mean that, or the route did exist before.
        """
        if error.key != NO_ROUTE or self.global_route:
            raise error
        self.global_route = False

    def _included_variations(self, refs: list[ListingRef]) -> list[RemoteListing]:
        listings: list[RemoteListing] = []
        fields = {"_fields": mapping.VARIATION_FIELDS}
        if self.global_route is not False:
            try:
                for ids in chunks([int(ref.external_id) for ref in refs]):
                    listings += self.variations(self._client.included("variations", ids, fields).rows)
                    self.global_route = True
                return listings
            except NotFound as error:
                self.note_no_global_route(error)
        families: defaultdict[str, list[int]] = defaultdict(list)
        for ref in refs:
            families[str(ref.parent_external_id)].append(int(ref.external_id))
        for parent, members in families.items():
            for ids in chunks(members):
                batch = self._client.included(f"products/{parent}/variations", ids, fields)
                listings += self.variations(batch.rows, int(parent))
        return listings

    def _one(self, ref: ListingRef) -> RemoteListing | GoneListing:
        """Read one id alone. ``/products/{id}`` answers for variations too, whatever their parent."""
        routes = [f"products/{ref.external_id}"]
        if ref.parent_external_id is not None:
            routes.insert(0, f"products/{ref.parent_external_id}/variations/{ref.external_id}")
        for route in routes:
            try:
                row = self._client.item(route, mapping.PRODUCT_FIELDS, mapping.AS_STORED)
            except NotFound as error:
                if not mapping.says_no_such_id(error.key):
                    raise InvalidResponse(error.side, error.request, f"404 for another reason: {error.key}") from error
                continue
            if str(mapping.row_id(row)) != ref.external_id:
                raise Malformed(f"asked for {ref.external_id}, the shop answers with {mapping.row_id(row)}")
            if row.get("status") == "trash":
                return GoneListing(ref, Proof.TRASHED)
            if mapping.is_variation(row) or mapping.parent_id_of(row):
                return self.variations([row])[0]
            if ref.parent_external_id is not None and "/variations/" in route:
                return self.variations([row], int(ref.parent_external_id))[0]
            return self.products([row])[0]
        return GoneListing(ref, Proof.NOT_FOUND)

    def _learn(self, row: Row) -> None:
        if not mapping.is_group(row):
            return
        parent, now = mapping.row_id(row), mapping.parent_of(row)
        before, self._parents[parent] = self._parents.get(parent), now
        children = mapping.variation_ids(row)
        if children is None:
            return
        self._children[parent] = children
        if before is None:
            return
        if replace(before, name=now.name) != now:
            self._suspect(parent)

    def _suspect(self, parent: int) -> None:
        if parent not in self._children:
            return
        self._followed.add(parent)
        for child in self._children[parent]:
            self._pooled.pop(child, None)
            self._suspects[str(child)] = ListingRef(str(child), str(parent))

    def _meet(self, parents: Iterable[int]) -> None:
        for ids in chunks(sorted(set(parents) - self._parents.keys())):
            batch: Batch = self._client.included("products", ids, _AS_STORED)
            for row in batch.rows:
                self._learn(row)
                self._parents.setdefault(mapping.row_id(row), mapping.parent_of(row))


def chunks(ids: Sequence[int], size: int = PER_PAGE) -> Iterator[list[int]]:
    """Cut a list of ids into lists that fit one request."""
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])


def _by_id(listings: Iterable[RemoteListing]) -> dict[str, RemoteListing]:
    return {listing.ref.external_id: listing for listing in listings}
