"""Prices of a shop: gross or net is a setting of the whole shop, asked once (woocommerce-api.md section 5)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from loguru import logger

from syncd.core.fields import PRICE
from syncd.core.prices import canonical
from syncd.errors import SideError

if TYPE_CHECKING:
    from syncd.adapters.woocommerce.client import WooClient
    from syncd.adapters.woocommerce.feeds import Row

_TAXES = "settings/general/woocommerce_calc_taxes"
_INCLUDED = "settings/tax/woocommerce_prices_include_tax"

ASK_AGAIN_S = 600.0
"""After the settings could not be read they are asked for again at the earliest by then."""


class ShopPrices:
    """Reads prices of rows as gross. Stock never waits for it: what cannot be asked is a price that nobody compares."""

    def __init__(self, client: WooClient) -> None:
        self._client = client
        self._are_gross: bool | None = None
        self._ask_at = 0.0

    def of(self, row: Row) -> dict[str, str]:
        """The field ``price``, or nothing: of net prices, and while the settings cannot be read."""
        text = row.get("regular_price")
        price = canonical(text) if isinstance(text, str) else None
        return {PRICE: price} if price is not None and self._gross() else {}

    def are_gross(self) -> bool:
        """Whether prices are to be written as gross; asks the shop's settings if that is not known.

        Raises:
            SideError: They cannot be read now.
        """
        if self._are_gross is None:
            self._are_gross = self._ask()
        return self._are_gross

    def _gross(self) -> bool:
        if self._are_gross is None and time.monotonic() >= self._ask_at:
            try:
                self._are_gross = self._ask()
            except SideError as error:
                # A key for stock alone, a security plugin, a busy shop.
                self._ask_at = time.monotonic() + ASK_AGAIN_S
                logger.bind(side=error.side, detail=error.detail).debug("woocommerce.prices_not_compared")
        return self._are_gross or False

    def _ask(self) -> bool:
        """Without taxes a price is what the customer pays, whatever the other setting says."""
        return self._setting(_TAXES) == "no" or self._setting(_INCLUDED) == "yes"

    def _setting(self, route: str) -> str | None:
        body = self._client.get(route).json(lenient=True)
        value = body.get("value") if isinstance(body, Mapping) else None
        return value if isinstance(value, str) else None
