"""Whole products of a shop."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.adapters.answers import Row, mapping_of, rows_of
from syncd.adapters.vendure.mapping import GROUP, Unit, is_plain, options_of, unit_of, words_of
from syncd.adapters.vendure.wire import is_id
from syncd.core import products
from syncd.core.fields import DESCRIPTION, NAME, PRICE, TAX_RATE
from syncd.core.products import Product

if TYPE_CHECKING:
    from syncd.adapters.vendure.catalogue import Catalogue
    from syncd.adapters.vendure.facts import ShopFacts


def describe_product(catalogue: Catalogue, facts: ShopFacts, product_id: str) -> Product | None:
    """Describe a product for another side, by the id of its listing; ``None`` if it is gone, or has no such listing.

    Raises:
        Malformed: The shop's answer is not what the contract says. SideError: It cannot be asked now.
    """
    head = whole(catalogue, product_id)
    if head is None or is_plain(head) == product_id.startswith(GROUP):
        return None
    words, plain = words_of(head), is_plain(head)
    return Product(
        source_id=product_id,
        name=words[NAME],
        units=tuple(_unit(unit_of(row, head, facts.now()), row, plain=plain) for row in rows_of(head, "variants")),
        description=words.get(DESCRIPTION, ""),
        is_group=not plain,
    )


def whole(catalogue: Catalogue, product_id: str) -> Row | None:
    """A product with its variants, by the id of its listing; ``None`` if it is gone."""
    if product_id.startswith(GROUP):
        number = product_id.removeprefix(GROUP)
        return catalogue.whole(number) if is_id(number) else None
    if not is_id(product_id):
        return None
    found = catalogue.unit(product_id)
    return None if found is None else catalogue.whole(str(mapping_of(found.get("product"), "product")["id"]))


def _unit(unit: Unit, row: Row, *, plain: bool) -> products.Unit:
    fields = unit.listing.fields
    return products.Unit(
        source_id=unit.listing.ref.external_id,
        sku=unit.listing.sku,
        gtin=unit.listing.gtin,
        price=fields.get(PRICE) or None,
        tax_rate=Decimal(fields[TAX_RATE]) if TAX_RATE in fields else None,
        attributes={} if plain else options_of(row),
    )
