"""What the sides under test sell."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation, make_catalogue

_MADE = make_catalogue(7, 2, seed=4)

GOODS: list[CatalogueProduct] = [
    replace(
        product,
        quantity=10 + at,
        variations=tuple(replace(one, quantity=20 + 3 * at + number) for number, one in enumerate(product.variations)),
    )
    for at, product in enumerate(_MADE)
]
"""Five products and two more with variations, all in stock."""

MANY = make_catalogue(215, 12, seed=9)
"""More than fit two pages of 100."""

SIMPLE = GOODS[0].sku
VARIED = GOODS[-1]
VARIATION = VARIED.variations[0].sku

SOLD = CatalogueProduct("NEW-1", "4006381333931", "Brand new thing", Decimal("4.50"), Decimal(19), 7)
"""A product that comes later."""

SIZE = CatalogueVariation("NEW-V", "4006381333948", {"color": "Mauve", "size": "XXL"}, 4)
"""A variation that comes later."""
