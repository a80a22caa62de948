"""Products and variants of a shop as listings: all of them, or some by id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from syncd.adapters.answers import Malformed, Row, mapping_of, row_of, rows_of, whole_of
from syncd.adapters.vendure.mapping import GROUP, Unit, family_of, group_of, is_plain, unit_of
from syncd.adapters.vendure.operations import IDS_PER_REQUEST, PRODUCTS_PER_PAGE
from syncd.adapters.vendure.paging import Walk
from syncd.adapters.vendure.wire import id_of, is_id
from syncd.core.model import ChangePage, FetchResult, GoneListing, ListingRef, Proof, RemoteListing

if TYPE_CHECKING:
    from syncd.adapters.vendure.client import VendureClient
    from syncd.adapters.vendure.facts import ShopFacts
    from syncd.adapters.vendure.operations import Operation, Operations

Found = Unit | RemoteListing
"""A variant, or a product with options."""


class Catalogue:
    """Reads listings; keeps nothing from one read to the next."""

    def __init__(self, client: VendureClient, facts: ShopFacts, operations: Operations) -> None:
        self._client = client
        self._facts = facts
        self.operations = operations

    def walk(self) -> Walk:
        """A walk through products with their variants."""
        return Walk(self._client, self.operations.products, PRODUCTS_PER_PAGE)

    def everything(self, walk: Walk, filters: Mapping[str, Any] | None = None) -> Iterator[ChangePage]:
        """Read products with all their variants, in pages without cursor."""
        facts = self._facts.now()
        for rows in walk.pages(filters):
            units = int(whole_of(row_of(walk.beside, "units"), "totalItems"))
            listings = [listing for row in rows for listing in family_of(row, facts)]
            yield ChangePage(listings=tuple(listings), total=walk.total + units)

    def fetch(self, refs: Sequence[ListingRef]) -> FetchResult:
        """Read listings by id."""
        listings, gone = [], []
        by_id = {ref.external_id: ref for ref in refs}
        for external_id, one in self.look(refs).items():
            if one is None:
                gone.append(GoneListing(by_id[external_id], Proof.NOT_FOUND))
            else:
                listings.append(one.listing if isinstance(one, Unit) else one)
        return FetchResult(tuple(listings), tuple(gone))

    def look(self, refs: Iterable[ListingRef]) -> dict[str, Found | None]:
        """What there is under some listings' ids now; what is gone, by the shop's own word, is ``None``."""
        return {key: found and found[0] for key, found in self.look_with_heads(refs).items()}

    def look_with_heads(self, refs: Iterable[ListingRef]) -> dict[str, tuple[Found, Row] | None]:
        """The same with each one's product."""
        found: dict[str, tuple[Found, Row] | None] = dict.fromkeys(ref.external_id for ref in refs)
        products = {one: one.removeprefix(GROUP) for one in found if one.startswith(GROUP)}
        asked = [one for one in found if is_id(products.get(one, one))]
        for chunk in chunks(asked, IDS_PER_REQUEST):
            found |= self._ask(chunk, products)
        return found

    def unit(self, variant: str) -> Row | None:
        """A variant with its product; ``None`` if it is gone."""
        return _named(self._client.query(self.operations.by_id([variant], [])).data, "u0", variant)

    def whole(self, product: str) -> Row | None:
        """A product with its variants; ``None`` if it is gone."""
        return _named(self._client.query(self.operations.by_id([], [product])).data, "p0", product)

    def by_slug(self, slug: str) -> Row | None:
        """A product with its variants, by the last part of its address."""
        data = self._client.query(self.operations.by_slug, {"slug": slug}).data
        if data.get("product", 0) is None:
            return None
        return mapping_of(data.get("product"), "product")

    def _ask(self, ids: Sequence[str], products: Mapping[str, str]) -> dict[str, tuple[Found, Row] | None]:
        facts = self._facts.now()
        units, groups = [one for one in ids if one not in products], [one for one in ids if one in products]
        data = self._client.query(self.operations.by_id(units, [products[one] for one in groups])).data
        found: dict[str, tuple[Found, Row] | None] = {}
        for at, one in enumerate(units):
            row = _named(data, f"u{at}", one)
            found[one] = None
            if row is not None:
                head = row_of(row, "product")
                found[one] = unit_of(row, head, facts), head
        for at, one in enumerate(groups):
            row = _named(data, f"p{at}", products[one])
            found[one] = None  # without options it is no group any more: its variant is the listing
            if row is not None and not is_plain(row):
                found[one] = group_of(row, [id_of(unit) for unit in rows_of(row, "variants")]), row
        return found


def _named(data: Row, alias: str, wanted: str) -> Row | None:
    """The object that was asked for by its id; null is the API's word for "not there"."""
    if alias not in data:
        raise Malformed(f"the answer lacks {alias}")
    if data[alias] is None:
        return None
    row = mapping_of(data[alias], alias)
    if row.get("id") != wanted:
        raise Malformed(f"asked for {wanted}, got something else")
    return row


def chunks(ids: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Cut a list into lists that fit one request."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def by_ids(client: VendureClient, operation: Operation, ids: Sequence[str]) -> dict[str, Row]:
    """Read variants by id from the list; those that it does not show are left out."""
    found: dict[str, Row] = {}
    for chunk in chunks(list(dict.fromkeys(ids)), IDS_PER_REQUEST):
        for rows in Walk(client, operation, IDS_PER_REQUEST).pages({"id": {"in": list(chunk)}}):
            found |= {id_of(row): row for row in rows}
    return found
