"""Whole products of a shop, for a till that is to have them (shopware6-api.md sections 2 and 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from syncd.adapters.shopware6 import mapping
from syncd.adapters.shopware6.paging import by_ids
from syncd.adapters.shopware6.prices import gross_shown, rate_shown
from syncd.adapters.shopware6.wire import row_id, rows_of
from syncd.core.fields import DESCRIPTION, GTIN, NAME, SKU
from syncd.core.images import Image
from syncd.core.prices import canonical
from syncd.core.products import Product, Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.adapters.answers import Row
    from syncd.adapters.shopware6.catalogue import Catalogue
    from syncd.adapters.shopware6.client import ShopClient

_MEDIA: Mapping[str, Any] = {"includes": {"media": ["id", "url", "alt", "title"]}}
_NAMELESS = "Variation"
_DOWNLOAD = "is-download"


class ProductReader:
    """Reads products with their variants."""

    def __init__(self, client: ShopClient, catalogue: Catalogue) -> None:
        self._client = client
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
        library = self._library([row, *rows])
        return Product(
            source_id=product_id,
            name=words.get(NAME) or mapping.name_of(row),
            units=tuple(_unit(each, row, library) for each in rows),
            description=words.get(DESCRIPTION, ""),
            is_group=is_group,
            images=_images(row, library),
        )

    def _library(self, rows: Sequence[Row]) -> dict[str, Image]:
        """What the shop's library says of all images that some rows show."""
        ids = {row_id(each, "mediaId") for row in rows for each in rows_of(row, "media") or []}
        found = by_ids(self._client, "media", sorted(ids), _MEDIA)
        return {
            number: Image(number, row["url"], row.get("alt") or row.get("title") or "")
            for number, row in found.items()
            if isinstance(row.get("url"), str) and row["url"]
        }


def _unit(row: Row, product: Row, library: Mapping[str, Image]) -> Unit:
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
        images=_images(row, library) if above is not None else (),
    )


def _images(row: Row, library: Mapping[str, Image]) -> tuple[Image, ...]:
    """Images of a row, the cover first; what has no file yet cannot be shown elsewhere."""
    shown = [image.media_id for image in mapping.images_in_order(row)]
    return tuple(library[number] for number in dict.fromkeys(shown) if number in library)
