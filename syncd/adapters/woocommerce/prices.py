"""Prices of a shop: gross or net is a setting of the whole shop, asked once (woocommerce-api.md section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from syncd.core.fields import PRICE
from syncd.core.prices import canonical
from syncd.errors import AuthRejected, InvalidResponse, NotFound, PermissionMissing

if TYPE_CHECKING:
    from syncd.adapters.woocommerce.client import WooClient
    from syncd.adapters.woocommerce.feeds import Row

_TAXES = "settings/general/woocommerce_calc_taxes"
_INCLUDED = "settings/tax/woocommerce_prices_include_tax"


class ShopPrices:
    """Reads prices of rows as gross."""

    def __init__(self, client: WooClient) -> None:
        self._client = client
        self._are_gross: bool | None = None

    def of(self, row: Row) -> dict[str, str]:
        """The field ``price``, or nothing: of net prices, and if the key may not read the setting.

        Raises:
            SideError: The setting could not be read now.
        """
        text = row.get("regular_price")
        price = canonical(text) if isinstance(text, str) else None
        return {PRICE: price} if price is not None and self._gross() else {}

    def _gross(self) -> bool:
        if self._are_gross is None:
            # Without taxes a price is what the customer pays, whatever the other setting says.
            self._are_gross = self._setting(_TAXES) == "no" or self._setting(_INCLUDED) == "yes"
        return self._are_gross

    def _setting(self, route: str) -> str | None:
        try:
            body = self._client.get(route).json(lenient=True)
        except (AuthRejected, PermissionMissing, NotFound, InvalidResponse):
            return None  # a key for stock alone, or a security plugin: stock is read all the same
        value = body.get("value") if isinstance(body, Mapping) else None
        return value if isinstance(value, str) else None
