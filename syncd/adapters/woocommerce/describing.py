"""Whole products of the shop, for a till that is to make them (woocommerce-api.md section 6; recording 05)."""

from __future__ import annotations

import html
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.adapters.woocommerce import mapping
from syncd.adapters.woocommerce.client import ListRequest, WooClient
from syncd.adapters.woocommerce.feeds import Query, whole_list
from syncd.core.fields import DESCRIPTION, GTIN, NAME, PRICE, SKU, TAX_RATE
from syncd.core.products import Product, Unit
from syncd.errors import NotFound

if TYPE_CHECKING:
    from syncd.adapters.woocommerce.feeds import Row
    from syncd.adapters.woocommerce.prices import ShopPrices

_PRODUCT_FIELDS = f"{mapping.PRODUCT_FIELDS},attributes"
_VARIATION_FIELDS = f"{mapping.VARIATION_FIELDS},attributes"


class Describer:
    """Reads products with their variations."""

    def __init__(self, client: WooClient, prices: ShopPrices) -> None:
        self._client = client
        self._prices = prices

    def read(self, product_id: str) -> Product | None:
        """Read a product; ``None`` if it is gone, lies in the trash, or is a bundle.

        Raises:
            SideError: The shop cannot be asked. Malformed: Its answer is no product.
        """
        try:
            row = self._client.item(f"products/{product_id}", _PRODUCT_FIELDS, mapping.AS_STORED)
        except NotFound as error:
            if not mapping.says_no_such_id(error.key):
                raise
            return None
        listing = mapping.product_listing(row)
        has_pool = mapping.is_group(row) and listing.quantity is not None
        if row.get("status") == "trash" or has_pool or mapping.is_variation(row):
            return None
        words = mapping.words_of(row)
        units = self._variations(row, product_id) if mapping.is_group(row) else (self._unit(row, row),)
        return Product(
            source_id=product_id,
            name=words.get(NAME) or listing.name,
            units=units,
            description=words.get(DESCRIPTION, ""),
            is_group=mapping.is_group(row),
        )

    def _variations(self, parent: Row, product_id: str) -> tuple[Unit, ...]:
        request = ListRequest(self._client, f"products/{product_id}/variations", _VARIATION_FIELDS)
        rows = [row for page in whole_list(request, Query()) for row in page]
        return tuple(self._unit(row, parent) for row in sorted(rows, key=mapping.row_id))

    def _unit(self, row: Row, parent: Row) -> Unit:
        variation = row is not parent
        codes = mapping.codes_of(row, mapping.parent_of(parent) if variation else None)
        inherited = parent.get("tax_class")
        money = self._prices.of(row, inherited if isinstance(inherited, str) else None)
        return Unit(
            source_id=str(mapping.row_id(row)),
            sku=codes.get(SKU) or None,
            gtin=codes.get(GTIN) or None,
            price=money.get(PRICE) or None,
            tax_rate=Decimal(money[TAX_RATE]) if TAX_RATE in money else None,
            attributes=_attributes(row) if variation else {},
        )


def _attributes(row: Row) -> dict[str, str]:
    """What makes a variation differ, in the shop's order; by its name if it leaves every option open."""
    given = row.get("attributes")
    entries = [each for each in given if isinstance(each, Mapping)] if isinstance(given, list) else []
    pairs = {_plain(each.get("name")): _plain(each.get("option")) for each in entries}
    kept = {name: option for name, option in pairs.items() if name and option}
    return kept or {"Variation": _plain(row.get("name")) or str(mapping.row_id(row))}


def _plain(value: object) -> str:
    return " ".join(html.unescape(value).split()) if isinstance(value, str) else ""
