"""Whole products of a shop, for a till that is to have them (shopware6-api.md sections 2 and 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.adapters.shopware6 import mapping
from syncd.adapters.shopware6.prices import gross_shown, rate_shown
from syncd.adapters.shopware6.wire import row_id
from syncd.core.fields import DESCRIPTION, GTIN, NAME, SKU
from syncd.core.prices import canonical
from syncd.core.products import Product, Unit

if TYPE_CHECKING:
    from syncd.adapters.shopware6.catalogue import Catalogue
    from syncd.adapters.shopware6.wire import Row

_NAMELESS = "Variation"
_DOWNLOAD = "is-download"


class ProductReader:
    """Reads products with their variants."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def read(self, product_id: str) -> Product | None:
        """Read a product; ``None`` if it is gone, or of a kind that cannot be made elsewhere (a download, a variant).

        Raises:
            SideError: The shop could not be asked. Malformed: A row is not what the contract says.
        """
        row = self._catalogue.rows([product_id]).get(product_id)
        if row is None:
            if self._catalogue.is_gone(product_id):
                return None
            row = self._catalogue.rows([product_id])[product_id]  # it came meanwhile
        states = row.get("states")
        if mapping.parent_id(row) is not None or (isinstance(states, list) and _DOWNLOAD in states):
            return None
        is_group = mapping.is_group(row)
        words = mapping.words_of(row)
        rows = [each for page in self._catalogue.variants_of([product_id]) for each in page] if is_group else [row]
        return Product(
            source_id=product_id,
            name=words.get(NAME) or mapping.name_of(row),
            units=tuple(_unit(each, row) for each in rows),
            description=words.get(DESCRIPTION, ""),
            is_group=is_group,
        )


def _unit(row: Row, product: Row) -> Unit:
    codes, above = mapping.codes_of(row), product if row is not product else None
    attributes = mapping.options_of(row) if above is not None else {}
    if above is not None and not attributes:
        # Without options its number is all that tells it from its siblings.
        attributes = {_NAMELESS: codes.get(SKU) or row_id(row)}
    return Unit(
        source_id=row_id(row),
        sku=codes.get(SKU) or None,
        gtin=codes.get(GTIN) or None,
        price=canonical(gross_shown(row, above)) or None,
        tax_rate=rate_shown(row, above),
        attributes=attributes,
    )
