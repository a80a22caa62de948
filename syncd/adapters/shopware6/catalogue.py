"""Products and variants of a shop as listings: all of them, or some by id (shopware6-api.md sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from syncd.adapters.answers import Row
from syncd.adapters.shopware6 import mapping
from syncd.adapters.shopware6.paging import LOWEST_LIMIT, Walk, any_of, by_ids
from syncd.adapters.shopware6.wire import row_id
from syncd.core.model import ChangePage, FetchResult, GoneListing, ListingRef, Proof, RemoteListing
from syncd.errors import NotFound

if TYPE_CHECKING:
    from syncd.adapters.shopware6.client import ShopClient

Parents = dict[str, mapping.Parent]


class Catalogue:
    """Reads listings. Nothing is remembered from one read to the next: a parent may have changed meanwhile."""

    def __init__(self, client: ShopClient) -> None:
        self._client = client

    def walk(self) -> Walk:
        """A walk through products and variants, which are one list."""
        return Walk(self._client, "product", mapping.PRODUCTS)

    def everything(self, walk: Walk) -> Iterator[ChangePage]:
        """Read all of them in pages without cursor."""
        parents: Parents = {}
        for rows in walk.pages():
            yield ChangePage(listings=tuple(self.listings(rows, parents)), total=walk.total)

    def listings(self, rows: Sequence[Row], parents: Parents | None = None) -> list[RemoteListing]:
        """Read rows; parents of variants that are neither among them nor known are read first.

        Args:
            rows: From any list of products.
            parents: What is known of parents, by id; what is learnt is added.
        """
        known = {} if parents is None else parents
        above = [mapping.parent_id(row) for row in rows]
        known |= {row_id(row): mapping.parent_of(row) for row, parent in zip(rows, above, strict=True) if not parent}
        strangers = [parent for parent in above if parent and parent not in known]
        for parent_id, row in by_ids(self._client, "product", strangers, mapping.PRODUCTS).items():
            known[parent_id] = mapping.parent_of(row)
        return [
            mapping.listing(row, known.get(parent) if parent else None) for row, parent in zip(rows, above, strict=True)
        ]

    def variants_of(self, parents: Sequence[str]) -> Iterator[list[Row]]:
        """Read all variants of some products."""
        for start in range(0, len(parents), LOWEST_LIMIT):
            yield from self.walk().pages([any_of("parentId", parents[start : start + LOWEST_LIMIT])])

    def rows(self, ids: Iterable[str]) -> dict[str, Row]:
        """Read rows by id; those that the shop does not list are left out."""
        return by_ids(self._client, "product", ids, mapping.PRODUCTS)

    def fetch(self, refs: Iterable[ListingRef]) -> FetchResult:
        """Read listings by id; what the list does not show is asked for alone, and gone only by the shop's own word."""
        wanted = {ref.external_id: ref for ref in refs}
        rows = self.rows(wanted)
        gone = []
        for ref in wanted.values():
            if ref.external_id in rows:
                continue
            if self.is_gone(ref.external_id):
                gone.append(GoneListing(ref, Proof.NOT_FOUND))
            else:
                rows |= self.rows([ref.external_id])  # it came meanwhile
        return FetchResult(tuple(self.listings(list(rows.values()))), tuple(gone))

    def is_gone(self, product_id: str) -> bool:
        """Whether the shop says that a product does not exist."""
        try:
            self._client.item("product", product_id)
        except NotFound:
            return True
        return False


def groups(rows: Iterable[Row]) -> list[str]:
    """Ids of those rows that group variants."""
    return [row_id(row) for row in rows if mapping.parent_id(row) is None and mapping.is_group(row)]
