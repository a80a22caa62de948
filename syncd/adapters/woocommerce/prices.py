"""Prices and tax rates of a shop: gross or net is a setting of the whole shop (woocommerce-api.md section 6).

Where the shop's prices are net, gross is net and the rate of the row's tax class, and the other way round: a price
cannot be read or written there without knowing the class. What cannot be known is a price that nobody compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.adapters.woocommerce.asked import CALC_TAXES, Asked, setting
from syncd.core.fields import PRICE, TAX_RATE
from syncd.core.model import Refused
from syncd.core.prices import canonical, canonical_rate, gross_text, net_text

if TYPE_CHECKING:
    from syncd.adapters.answers import Row
    from syncd.adapters.woocommerce.client import WooClient
    from syncd.adapters.woocommerce.taxes import TaxClasses

_INCLUDED = "settings/tax/woocommerce_prices_include_tax"

INHERITED = "parent"
"""Tax class of a variation that has none of its own, in answers to writes; lists show the parent's instead."""

_NOTHING: Mapping[str, str] = {}
_TAXED = "taxable"
_UNTAXED = ("none", "shipping")


class ShopPrices:
    """Reads prices of rows as gross, and their tax rates. Stock never waits for it.

    Args:
        client: Sends.
        taxes: Tells rates of classes and classes of rates.
    """

    def __init__(self, client: WooClient, taxes: TaxClasses) -> None:
        self._client = client
        self._taxes = taxes
        self._gross = Asked(self._ask)

    def of(self, row: Row, inherited: str | None = None) -> dict[str, str]:
        """The fields ``price`` (gross) and ``tax_rate`` of a row, each only if it is known.

        A product that is taken out of taxation (``tax_status``) says no rate: it is not the same as a rate of zero, and
        no class that we could write would change it. Its price is what customers pay.

        Args:
            row: Of a product or variation.
            inherited: Tax class of the parent, for rows that say no more than "the parent's".
        """
        gross, status = self._gross.if_possible(), row.get("tax_status")
        if gross is None:
            return {}
        rate = self._rate(row, inherited) if status == _TAXED else None
        factor = Decimal(0) if gross or status in _UNTAXED else rate
        text, price = row.get("regular_price"), None
        if isinstance(text, str) and factor is not None:
            price = canonical(text) if gross else gross_text(text, factor)
        said = {PRICE: price, TAX_RATE: canonical_rate(rate)}
        return {field: value for field, value in said.items() if value is not None}

    def are_gross(self) -> bool:
        """Whether prices are to be written as gross; asks the shop's settings if that is not known.

        Raises:
            SideError: They cannot be read now.
        """
        return self._gross.now()

    def price_to_make(self, gross: str, tax_class: str | None) -> str | Refused:
        """A gross price as the shop is to store it for a product of a tax class.

        Raises:
            SideError: The shop's settings cannot be read.
        """
        if self.are_gross():
            return gross
        rate = self._taxes.rate_of(tax_class) if tax_class is not None else None
        return _unknown_rate() if rate is None else net_text(gross, rate)

    def item(self, values: Mapping[str, str], shown: Mapping[str, str] = _NOTHING) -> dict[str, str] | Refused:
        """Price and tax class as a write of fields sends them: texts, for a number is refused (section 6).

        Args:
            values: Fields to write.
            shown: Price and rate that the row shows now; needed where prices are net: a price of its own is made with
                the rate that it has, and a new rate leaves the gross price as it is.

        Raises:
            SideError: The shop's settings cannot be read.
        """
        body: dict[str, str] = {}
        if TAX_RATE in values:
            tax_class = self._taxes.of(Decimal(values[TAX_RATE]))
            if isinstance(tax_class, Refused):
                return tax_class
            if tax_class is None:
                return Refused("no_taxes", "the shop calculates no taxes")
            body["tax_class"] = tax_class
        if self.are_gross():
            return {**body, "regular_price": values[PRICE]} if PRICE in values else body
        gross = values.get(PRICE, shown.get(PRICE))
        if gross is None:
            return _unknown_rate()
        rate = self._rate_to_write(body.get("tax_class"), shown)
        return _unknown_rate() if rate is None else {**body, "regular_price": net_text(gross, rate)}

    def _rate_to_write(self, tax_class: str | None, shown: Mapping[str, str]) -> Decimal | None:
        if PRICE in shown and TAX_RATE not in shown:
            return Decimal(0)  # a net price is shown as gross with its rate, or without one if it is not taxed at all
        if tax_class is not None:
            return self._taxes.rate_of(tax_class)
        return Decimal(shown[TAX_RATE]) if TAX_RATE in shown else None

    def _rate(self, row: Row, inherited: str | None) -> Decimal | None:
        slug = row.get("tax_class")
        slug = inherited if slug == INHERITED else slug
        return self._taxes.rate_if_possible(slug) if isinstance(slug, str) else None

    def _ask(self) -> bool:
        """Without taxes a price is what the customer pays, whatever the other setting says."""
        return setting(self._client, CALC_TAXES) == "no" or setting(self._client, _INCLUDED) == "yes"


def _unknown_rate() -> Refused:
    return Refused(
        "tax_rate_unknown", "the shop's prices are net, and the rate of the product's tax class is not known"
    )
