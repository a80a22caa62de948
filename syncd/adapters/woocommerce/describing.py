"""Whole products of a shop, for a till that is to have them (woocommerce-api.md sections 2, 5 and 6; recording 05).

Read past caches, as they are stored. What a variation leaves to its product (tax class, codes that it merely shows) is
the product's. Of several prices the regular one is told.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from syncd.adapters.woocommerce import mapping
from syncd.adapters.woocommerce.attributes import options_of
from syncd.adapters.woocommerce.client import ListRequest, WooClient
from syncd.adapters.woocommerce.feeds import Query, is_id, whole_list
from syncd.core.fields import DESCRIPTION, GTIN, NAME, PRICE, SKU
from syncd.core.images import Image
from syncd.core.model import StockMode
from syncd.core.products import Product, Unit
from syncd.errors import InvalidResponse, NotFound

if TYPE_CHECKING:
    from decimal import Decimal

    from syncd.adapters.answers import Row
    from syncd.adapters.woocommerce.prices import ShopPrices
    from syncd.adapters.woocommerce.taxes import TaxClasses

_PRODUCT = f"{mapping.PRODUCT_FIELDS},attributes"
_TAXABLE = "taxable"
_AS_PARENT = "parent"
_NAMELESS = "Variation"
_PLAIN = frozenset({"simple", "variable"})
"""Kinds of products that are sold as they are. Others are bundles, links to other shops, plugins' own kinds."""


class ProductReader:
    """Reads products with their variations."""

    def __init__(self, client: WooClient, prices: ShopPrices, taxes: TaxClasses) -> None:
        self._client = client
        self._prices = prices
        self._taxes = taxes

    def read(self, product_id: str) -> Product | None:
        """Read a product; ``None`` if it is gone, in the trash, or of a kind that cannot be made elsewhere.

        Raises:
            SideError: The shop could not be asked. Malformed: A row is not what the contract says.
        """
        try:
            row = self._client.item(f"products/{product_id}", _PRODUCT, mapping.AS_STORED)
        except NotFound as error:
            if not mapping.says_no_such_id(error.key):
                raise InvalidResponse(error.side, error.request, f"404 for another reason: {error.key}") from error
            return None
        listing = mapping.product_listing(row)
        is_group = mapping.is_group(row)
        if row.get("status") == "trash" or row.get("type") not in _PLAIN:
            return None
        if is_group is not (listing.stock_mode is StockMode.GROUP):
            return None  # one pool for all variations
        self._prices.are_gross()  # asked first: a price is not to be missing because the shop did not answer just now
        words = mapping.words_of(row)
        rows = self._variations(product_id) if is_group else [row]
        return Product(
            source_id=product_id,
            name=words.get(NAME) or listing.name,
            units=tuple(self._unit(each, row) for each in rows),
            description=words.get(DESCRIPTION, ""),
            is_group=is_group,
            images=_images(row.get("images")),
        )

    def _variations(self, product_id: str) -> list[Row]:
        """All variations, in the shop's order of ids."""
        request = ListRequest(
            self._client,
            f"products/{product_id}/variations",
            mapping.VARIATION_FIELDS,
            context=mapping.AS_STORED["context"],
        )
        rows = [row for page in whole_list(request, Query()) for row in page]
        return sorted(rows, key=mapping.row_id)

    def _unit(self, row: Row, product: Row) -> Unit:
        is_variation = row is not product
        codes = mapping.codes_of(row, mapping.parent_of(product) if is_variation else None)
        rate, inherited = self._rate(row, product), product.get("tax_class")
        money = self._prices.of(row, inherited if isinstance(inherited, str) else None)
        return Unit(
            source_id=str(mapping.row_id(row)),
            sku=codes.get(SKU) or None,
            gtin=codes.get(GTIN) or None,
            price=money.get(PRICE) or None,
            tax_rate=rate,
            attributes=_attributes(row, product) if is_variation else {},
            images=_images([row.get("image")]) if is_variation else (),
        )

    def _rate(self, row: Row, product: Row) -> Decimal | None:
        """Rate of the tax class; a product that is not taxed at all has none, which is not 0 %."""
        status, name = row.get("tax_status", product.get("tax_status")), row.get("tax_class")
        if name is None or name == _AS_PARENT:
            name = product.get("tax_class")
        if status not in (_TAXABLE, _AS_PARENT) or not isinstance(name, str):
            return None
        return self._taxes.rate_of(name)


def _attributes(row: Row, product: Row) -> dict[str, str]:
    """What makes a variation differ, in the order of the product's attributes; one left open to customers is none."""
    chosen = options_of(row)
    order = [_text(each.get("name")) for each in _entries(product, "attributes")]
    found = {name: chosen[name] for name in [*order, *chosen] if name in chosen}
    # Without any its id is all that tells it from its siblings.
    return found or {_NAMELESS: _text(row.get("name")) or str(mapping.row_id(row))}


def _images(given: object) -> tuple[Image, ...]:
    """Images in the shop's order; what has no address cannot be shown elsewhere (recording 05)."""
    rows = [each for each in given if isinstance(each, Mapping)] if isinstance(given, list) else []
    found = [
        Image(str(each["id"]), str(each["src"]), _text(each.get("alt")) or _text(each.get("name")))
        for each in rows
        if is_id(each.get("id")) and isinstance(each.get("src"), str) and each["src"]
    ]
    return tuple({image.key: image for image in found}.values())


def _entries(row: Row, field: str) -> list[Mapping[str, Any]]:
    value = row.get(field)
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return " ".join(html.unescape(value).split()) if isinstance(value, str) else ""
