"""Whole products of a shop, with the marks of their making (shopify-api.md sections 2 and 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.adapters.answers import Row, flag_of, mapping_of, row_of, text_of
from syncd.adapters.shopify import operations
from syncd.adapters.shopify.client import page_of
from syncd.adapters.shopify.mapping import Unit, is_plain, options_of, unit_of, words_of
from syncd.adapters.shopify.wire import is_gid
from syncd.core import products
from syncd.core.fields import DESCRIPTION, NAME, PRICE
from syncd.core.products import Product

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.adapters.shopify.catalogue import Catalogue
    from syncd.adapters.shopify.client import ShopifyClient


@dataclass(frozen=True, slots=True)
class Rates:
    """Tax rates in percent, as a person has configured them: the shop itself says of none.

    What it does not call taxable has no rate, which is not 0 %.
    """

    usual: Decimal | None = None
    by_type: Mapping[str, Decimal] = field(default_factory=dict)

    def of(self, product_type: str, *, taxable: bool) -> Decimal | None:
        """The rate of a product; ``None``: nobody knows.

        >>> rates = Rates(Decimal(19), {"books": Decimal(7)})
        >>> rates.of("Books", taxable=True), rates.of("", taxable=True), rates.of("Books", taxable=False)
        (Decimal('7'), Decimal('19'), None)
        """
        return self.by_type.get(product_type.strip().casefold(), self.usual) if taxable else None


@dataclass(frozen=True, slots=True)
class Whole:
    """A product with all its variants, each with the mark of its making, empty if it has none."""

    head: Row
    units: Sequence[tuple[Unit, Row, str]]


class WholeReader:
    """Reads products with all their variants, by id and past the search index."""

    def __init__(self, client: ShopifyClient, catalogue: Catalogue, rates: Rates) -> None:
        self._client = client
        self._catalogue = catalogue
        self._rates = rates

    def read(self, product: str) -> Whole | None:
        """Read a product; ``None`` if it is gone.

        Raises:
            Malformed: An answer is not what the contract says.
        """
        if not is_gid(product, "Product"):
            return None
        view, names = self._catalogue.view(), self._catalogue.names()
        operation = operations.whole_product(view.locations)
        first = operations.variants_per_page(view.locations) - 5
        head: Row = {}
        found: list[tuple[Unit, Row, str]] = []
        after: str | None = None
        while True:
            variables = {**names, "id": product, "first": first, "after": after}
            data = self._client.query(operation, variables).data
            if data.get("product", 0) is None:
                return None
            head = row_of(data, "product")
            rows, after = page_of(mapping_of(head.get("page"), "variants"))
            (head,) = self._catalogue.complete([head], exact=True)
            rows = [{**row, "product": head} for row in rows]
            found += [(unit_of(row, view), row, mark_of(row)) for row in rows]
            if after is None:
                return Whole(head, found)

    def describe(self, product: str) -> Product | None:
        """Describe a product for another side; ``None`` if it is gone or cannot be made elsewhere."""
        whole = self.read(product)
        if whole is None or flag_of(whole.head, "isGiftCard") or any(unit.pooled for unit, _, _ in whole.units):
            return None
        plain, words = is_plain(whole.head), words_of(whole.head)
        kind = text_of(whole.head, "productType")
        return Product(
            source_id=product,
            name=words[NAME],
            units=tuple(
                _unit(unit, {} if plain else options_of(row), self._rates.of(kind, taxable=flag_of(row, "taxable")))
                for unit, row, _ in whole.units
            ),
            description=words.get(DESCRIPTION, ""),
            is_group=not plain,
        )


def mark_of(row: Row) -> str:
    """The mark of its making."""
    return "" if row.get("mark") is None else text_of(row_of(row, "mark"), "value")


def _unit(unit: Unit, options: dict[str, str], rate: Decimal | None) -> products.Unit:
    return products.Unit(
        source_id=unit.listing.ref.external_id,
        sku=unit.listing.sku,
        gtin=unit.listing.gtin,
        price=unit.listing.fields.get(PRICE) or None,
        tax_rate=rate,
        attributes=options,
    )
