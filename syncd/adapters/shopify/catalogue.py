"""Products and variants of a shop as listings: all of them, or some by id.

Source: shopify-api.md sections 2 and 3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from syncd.adapters.answers import Malformed, Row, mapping_of, row_of
from syncd.adapters.shopify import library, operations
from syncd.adapters.shopify.bulk import BulkFailed
from syncd.adapters.shopify.client import page_of
from syncd.adapters.shopify.mapping import Unit, View, group_of, is_plain, unit_of
from syncd.adapters.shopify.pictures import LISTED, is_listing_needed, listed_in
from syncd.adapters.shopify.wire import gid_of, is_gid, nodes_of, number_in
from syncd.core.model import ChangePage, FetchResult, GoneListing, ListingRef, Proof, RemoteListing

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.adapters.shopify.bulk import BulkReader, Export
    from syncd.adapters.shopify.client import Page, ShopifyClient
    from syncd.adapters.shopify.facts import ShopFacts
    from syncd.adapters.shopify.operation import Operation

_PASSES = 3
_ROWS_PER_CONNECTION = 20_000
"""A connection ends at 25,000 objects (section 3): before that a new one begins behind the last id."""
_PRODUCTS_PER_SEARCH = 50


class Catalogue:
    """Reads listings, and remembers which variants each product was last seen to have."""

    def __init__(
        self, client: ShopifyClient, facts: ShopFacts, quantity: str, bulk: BulkReader, bulk_from: int
    ) -> None:
        self._client = client
        self._bulk = bulk
        self._bulk_from = bulk_from
        self._facts = facts
        self._quantity = quantity
        self._children: dict[str, tuple[str, ...]] = {}
        self.began: datetime | None = None

    def everything(self) -> Iterator[ChangePage]:
        """Read all variants, then all products with options, in pages without cursor.

        Raises:
            Malformed: An answer is not what the contract says, or rows stay missing.
        """
        self.began = None
        export = yield from self._exported()
        if export is not None:
            with closing(export.file):
                yield from self._from_export(export)
            return
        view, names = self._view()
        children: defaultdict[str, list[str]] = defaultdict(list)
        size = operations.variants_per_page(view.locations)
        variables = {**names, "first": size}
        units_there = 0
        for rows, total in self._whole(operations.variants(view.locations), variables, "ProductVariant"):
            units = [unit_of(row, view) for row in self._with_images(rows, "product", exact=False)]
            units_there = total
            for unit in units:
                children[unit.product].append(unit.variant)
            yield ChangePage(listings=_distinct(units), total=total)
        variables = {"first": operations.PRODUCTS_PER_PAGE}
        for rows, total in self._whole(operations.PRODUCTS, variables, "Product"):
            heads = self._with_images([row for row in rows if not is_plain(row)], exact=False)
            groups = [self._group(row, children[gid_of(row, "Product")]) for row in heads]
            yield ChangePage(listings=tuple(groups), total=total + units_there)

    def _exported(self) -> Generator[ChangePage, None, Export | None]:
        """All of a large shop by its own export; ``None`` if it is small, or if that fails.

        While the shop is at work it yields pages without rows: whoever waits for them sees that something goes on.
        """
        if not self._bulk_from:
            return None
        there = self._client.query(operations.COUNT).data
        count = row_of(there, "total").get("count")
        if not isinstance(count, int) or count < self._bulk_from:
            return None
        try:
            waiting = self._bulk.export(self._facts.counted().gids, self._quantity)
            while True:
                try:
                    next(waiting)
                except StopIteration as done:
                    return done.value  # type: ignore[no-any-return]  # what the generator returns
                yield ChangePage()
        except BulkFailed as error:
            self._bulk.note_failure(error)
            return None

    def _from_export(self, export: Export) -> Iterator[ChangePage]:
        view, _ = self._view()
        self.began = export.began
        for rows in export.variants():
            units = [unit_of(row, view) for row in self._with_images(rows, "product", exact=False)]
            yield ChangePage(listings=_distinct(units), total=export.total)
        for rows in export.heads():
            heads = self._with_images([row for row in rows if not is_plain(row)], exact=False)
            groups = [self._group(row, export.children.get(gid_of(row, "Product"), ())) for row in heads]
            yield ChangePage(listings=tuple(groups), total=export.total)

    def of_products(self, heads: Sequence[Row]) -> Iterator[list[Unit | RemoteListing]]:
        """Read all variants of some products, and those with options themselves."""
        view, names = self._view()
        operation = operations.variants_of(view.locations)
        size = operations.variants_per_page(view.locations)
        for chunk in chunks(heads, _PRODUCTS_PER_SEARCH):
            children: defaultdict[str, list[str]] = defaultdict(list)
            query = f"product_ids:{','.join(str(number_in(gid_of(head, 'Product'))) for head in chunk)}"
            for page in self._client.pages(operation, {**names, "first": size, "query": query}):
                units = [unit_of(row, view) for row in self._with_images(page.rows, "product", exact=True)]
                for unit in units:
                    children[unit.product].append(unit.variant)
                yield [*units]
            groups = self._with_images([head for head in chunk if not is_plain(head)], exact=True)
            yield [self._group(head, children[gid_of(head, "Product")]) for head in groups]

    def units(self, ids: Sequence[str]) -> Iterator[list[Unit]]:
        """Read variants by their ids; those that are gone are left out."""
        if not ids:
            return
        view, names = self._view()
        for chunk in chunks(ids, operations.variants_per_page(view.locations)):
            found = self._nodes(operations.variant_nodes(view.locations), names, chunk)
            variants = [row for row in found.values() if row is not None]
            yield [unit_of(row, view) for row in self._with_images(variants, "product", exact=False)]

    def look(self, refs: Iterable[ListingRef], *, images: bool = False) -> dict[str, Unit | RemoteListing | None]:
        """What there is under some listings' ids now: a product with options is a group, what is gone ``None``.

        Without ``images`` they are not looked at closely, and perhaps not told of.
        """
        wanted = list(dict.fromkeys(ref.external_id for ref in refs))
        if not wanted:
            return {}
        view, names = self._view()
        found: dict[str, Unit | RemoteListing | None] = dict.fromkeys(wanted)
        for chunk in chunks(
            [gid for gid in wanted if is_gid(gid, "Product")], operations.products_per_request(view.locations)
        ):
            rows = self._nodes(operations.product_nodes(view.locations), names, chunk)
            there = {gid: row for gid, row in rows.items() if row is not None}
            heads = self._with_images([*there.values()], exact=True) if images else [*there.values()]
            found |= {gid: self._product(gid, head, view) for gid, head in zip(there, heads, strict=True)}
        for chunk in chunks(
            [gid for gid in wanted if is_gid(gid, "ProductVariant")], operations.variants_per_page(view.locations)
        ):
            rows = self._nodes(operations.variant_nodes(view.locations), names, chunk)
            units = {gid: unit_of(row, view) for gid, row in rows.items() if row is not None}
            # Of a product that has lost its options the listing is the product itself.
            found |= {gid: unit for gid, unit in units.items() if unit.listing.ref.external_id == gid}
        return found

    def fetch(self, refs: Sequence[ListingRef]) -> FetchResult:
        """Read listings by id, past the search index."""
        listings, gone = [], []
        by_id = {ref.external_id: ref for ref in refs}
        for gid, one in self.look(refs, images=True).items():
            if one is None:
                gone.append(GoneListing(by_id[gid], Proof.NOT_FOUND))
            else:
                listings.append(one.listing if isinstance(one, Unit) else one)
        return FetchResult(tuple(listings), tuple(gone))

    def known_children(self, product: str) -> tuple[str, ...]:
        """Variants that a product was last seen to have."""
        return self._children.get(product, ())

    def exists(self, ids: Sequence[str]) -> set[str]:
        """Which of some ids of products and variants are still there."""
        return {gid for gid, one in self.look(ListingRef(one) for one in ids).items() if one is not None}

    def view(self) -> View:
        """How rows are read in this shop."""
        return self._view()[0]

    def names(self) -> dict[str, Any]:
        """Variables that ask for quantities."""
        return self._view()[1]

    def _product(self, gid: str, row: Row, view: View) -> Unit | RemoteListing:
        if is_plain(row):
            variants = nodes_of(row, "variants")
            if not variants:
                raise Malformed(f"{gid} has no variant")
            return unit_of({**variants[0], "product": row}, view)
        return self._group(row, self._children_of(gid))

    def _children_of(self, product: str) -> list[str]:
        children: list[str] = []
        after: str | None = None
        while True:
            data = self._client.query(operations.CHILDREN, {"id": product, "after": after}).data
            if data.get("product", 0) is None:
                return children  # deleted since
            rows, after = page_of(row_of(row_of(data, "product"), "variants"))
            children += [gid_of(row, "ProductVariant") for row in rows]
            if after is None:
                return children

    def _group(self, head: Row, children: Sequence[str]) -> RemoteListing:
        self._children[gid_of(head, "Product")] = tuple(children)
        return group_of(head, sorted(children, key=number_in))

    def _nodes(self, operation: Operation, names: Mapping[str, Any], ids: Sequence[str]) -> dict[str, Row | None]:
        """Objects by the ids that were asked for; null is the API's word for "not there"."""
        answer = self._client.query(operation, {**names, "ids": list(ids)})
        listed = answer.data.get("nodes")
        if not isinstance(listed, list) or len(listed) != len(ids):
            raise Malformed(f"asked for {len(ids)} objects, got {len(listed) if isinstance(listed, list) else 'none'}")
        found: dict[str, Row | None] = {}
        for gid, row in zip(ids, listed, strict=True):
            if row is not None and mapping_of(row, "node").get("id") != gid:
                raise Malformed(f"asked for {gid}, got something else")
            found[gid] = row
        return found

    def complete(self, heads: Sequence[Row], *, exact: bool) -> list[Row]:
        """Add to heads of products what they show, where it has to be listed (``pictures.is_listing_needed``)."""
        wanted = [gid_of(head, "Product") for head in heads if is_listing_needed(head, exact=exact)]
        shown: dict[str, list[str] | None] = {}
        for chunk in chunks(list(dict.fromkeys(wanted)), library.MEDIA_PER_REQUEST):
            listed = self._client.query(library.MEDIA, {"ids": list(chunk)}).data.get("nodes")
            for row in listed if isinstance(listed, list) else []:
                if row is not None:
                    shown[gid_of(row, "Product")] = listed_in(row)
        return [{**head, LISTED: shown[gid]} if (gid := head.get("id")) in shown else head for head in heads]

    def _with_images(self, rows: Sequence[Row], inside: str = "", *, exact: bool) -> list[Row]:
        """Heads of products, or rows that hold them ``inside``, with what they show."""
        heads = [mapping_of(row.get(inside), inside) if inside else row for row in rows]
        ours = self.complete([head for head in heads if not inside or is_plain(head)], exact=exact)
        found = {head.get("id"): head for head in ours}
        whole = [found.get(head.get("id"), head) for head in heads]
        return [{**row, inside: head} if inside else head for row, head in zip(rows, whole, strict=True)]

    def _view(self) -> tuple[View, dict[str, Any]]:
        """How rows are read, and the variables that ask for their quantities."""
        counted = self._facts.counted()
        names: dict[str, Any] = {"names": [self._quantity]}
        names |= {f"l{at}": gid for at, gid in enumerate(counted.gids)}
        return View(self._quantity, len(counted.gids), self._facts.shop().gross), names

    def _whole(self, operation: Operation, variables: Mapping[str, Any], kind: str) -> Iterator[tuple[list[Row], int]]:
        """Walk a whole list by id until there are as many distinct rows as the shop counts.

        Ids only grow, so what is new comes last; pages follow a row and not a number, so what is deleted moves none.
        """
        seen: set[str] = set()
        found = total = 0
        for _ in range(_PASSES):
            this_pass: set[str] = set()
            for page in self._by_id(operation, variables, kind):
                fresh = [row for row in page.rows if gid_of(row, kind) not in seen]
                ids = {gid_of(row, kind) for row in page.rows}
                seen |= ids
                this_pass |= ids
                total = page.total or 0
                yield fresh, total
            found = len(this_pass)
            if found >= total:
                return
        raise Malformed(f"the shop counts {total} rows but shows {found}")

    def _by_id(self, operation: Operation, variables: Mapping[str, Any], kind: str) -> Iterator[Page]:
        query: str | None = None
        while True:
            count, last = 0, ""
            for page in self._client.pages(operation, {**variables, "query": query}):
                self.began = self.began or page.date
                count += len(page.rows)
                last = gid_of(page.rows[-1], kind) if page.rows else last
                yield page
                if count >= _ROWS_PER_CONNECTION and page.after is not None:
                    break
            else:
                return
            query = f"id:>{number_in(last)}"


def chunks(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Cut a list into lists that fit one request."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _distinct(units: Iterable[Unit]) -> tuple[RemoteListing, ...]:
    """Listings, each once: two variants of a product without options would be one."""
    return tuple({unit.listing.ref.external_id: unit.listing for unit in units}.values())
