"""Fields of products: what is sent, and what each answer means.

Source: sections 8.2 (a partial body changes only what it names) and 8.5 (net and gross are sent together).
"""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from loguru import logger

from syncd.adapters import texts
from syncd.adapters.inventorum import booking, mapping
from syncd.adapters.inventorum.wire import Fields, Where
from syncd.core.attributes import attributes_of
from syncd.core.fields import (
    ATTRIBUTES,
    BRAND,
    CATEGORIES,
    DESCRIPTION,
    GTIN,
    NAME,
    PRICE,
    PUBLISHED,
    SKU,
    TAX_RATE,
    YES,
)
from syncd.core.model import NotSent, Refused, Unknown, Written
from syncd.core.prices import canonical_rate, net_of
from syncd.errors import InvalidResponse, NotFound, OutcomeUnknown, PermissionMissing, Rejected, SideError

if TYPE_CHECKING:
    from syncd.adapters.inventorum.client import InventorumClient
    from syncd.core.model import FieldsResult, FieldsWrite, ListingRef
    from syncd.http import Reply

WRITABLE = frozenset({NAME, DESCRIPTION, BRAND, CATEGORIES, SKU, GTIN, PRICE, TAX_RATE, ATTRIBUTES, PUBLISHED})
"""Fields that ``set_fields`` can write."""


_KEYS = {NAME: "name", BRAND: "brand", SKU: "product_code", GTIN: "ean"}

KEPT_S = 600.0
"""How long the account's tax rates are not asked for again; they change with the law."""


class TaxRates:
    """Rates of an account's tax types in per cent, asked for once in a while; for all threads that read details."""

    def __init__(self, client: InventorumClient) -> None:
        self._client = client
        self._rates: dict[str, Decimal] = {}
        self._unlisted: set[str] = set()
        self._until = 0.0
        self._ask_at = 0.0
        self._lock = threading.Lock()

    def of(self, tax_type: str) -> Decimal | None:
        """The rate of a tax type; ``None`` if the account does not list it.

        Raises:
            SideError: The account's answer cannot be had.
        """
        return self._known(tax_type).get(tax_type)

    def if_possible(self, tax_type: str) -> Decimal | None:
        """As ``of``; ``None``, too, while the rates cannot be read. For reads of stock, which never fail for them."""
        if time.monotonic() < self._ask_at:
            return None
        try:
            return self.of(tax_type)
        except SideError as error:
            self._ask_at = time.monotonic() + KEPT_S
            logger.bind(side=error.side, detail=error.detail).debug("inventorum.tax_rates_not_told")
            return None

    def tax_types(self, rate: Decimal) -> list[str]:
        """Tax types with a rate, by id.

        Raises:
            SideError: As ``of``.
        """
        return sorted(tax_type for tax_type, of_type in self._known().items() if of_type == rate)

    def _known(self, needed: str | None = None) -> dict[str, Decimal]:
        """All rates. One that is not listed is asked for at once, but not again and again."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._unlisted.clear()
                self._read()
            if needed is not None and needed not in self._rates and needed not in self._unlisted:
                self._unlisted.add(needed)
                self._read()
            return self._rates

    def _read(self) -> None:
        listed = self._client.info().objects("tax_types")
        self._rates = {row.identifier("id"): row.decimal("tax_rate") for row in listed}
        self._until = time.monotonic() + KEPT_S


def set_fields(client: InventorumClient, rates: TaxRates, write: FieldsWrite) -> FieldsResult:
    """Send the fields of one product, once, and judge the answer.

    Raises:
        OutcomeUnknown: Sent, and no trustworthy answer came.
        PermissionMissing: The token may not change products.
        SideError: As ``InventorumClient.change_product``, or the tax rate could not be read; nothing was sent then.
    """
    body: dict[str, Any] = {_KEYS[field]: value for field, value in write.values.items() if field in _KEYS}
    if DESCRIPTION in write.values:
        body["description"] = texts.as_text(write.values[DESCRIPTION])
    if ATTRIBUTES in write.values:
        body["attributes"] = {name: [value] for name, value in attributes_of(write.values[ATTRIBUTES]).items()}
    if PUBLISHED in write.values:
        body["in_shop"] = write.values[PUBLISHED] == YES
    if CATEGORIES in write.values:
        ids = _category_ids(client, write.values[CATEGORIES])
        if not isinstance(ids, list):
            return ids
        body["categories"] = [{"id": number} for number in ids]
    if PRICE in write.values or TAX_RATE in write.values:
        money = _money(client, rates, write)
        if not isinstance(money, dict):
            return money
        body |= money
    reply = client.change_product(write.ref.external_id, body)
    if reply.status in {200, 201}:
        return _written(client, reply, write, rates)
    if 200 <= reply.status < 300:
        return Unknown(f"status {reply.status}: taken for later, without a result")
    return booking.refused(reply)


def _category_ids(client: InventorumClient, text: str) -> list[int] | Refused | NotSent:
    """Ids of categories, made where they are missing; what became of that without an answer shows at the next try."""
    try:
        return client.categories.ids_of(text)
    except (PermissionMissing, Rejected) as error:
        return Refused("categories", f"the till's categories cannot be read or made: {error.detail}")
    except (InvalidResponse, OutcomeUnknown) as error:
        return NotSent(f"the till's categories cannot be read or made: {error.detail}")


def _money(client: InventorumClient, rates: TaxRates, write: FieldsWrite) -> dict[str, str | int] | Refused | NotSent:
    """Price and tax type of a product, sent together and consistent: neither may move the other.

    What a new tax type does to a price that is not sent is not known (section 8.2); with its gross price it stays.
    """
    try:
        row = _row(client, write.ref)
        tax_type = row.identifier_or_none("tax_type")
        if TAX_RATE in write.values:
            rate: Decimal | None = Decimal(write.values[TAX_RATE])
            chosen = _tax_type(rates, Decimal(write.values[TAX_RATE]), tax_type)
            if isinstance(chosen, Refused):
                return chosen
            body: dict[str, str | int] = {"tax_type": int(chosen)}
        else:
            rate, body = rates.of(tax_type) if tax_type else None, {}
    except NotFound as error:
        return Refused("not_found", error.detail, gone=True)
    except InvalidResponse as error:
        return NotSent(f"a price needs the tax rates of the account: {error.detail}")  # something else answered
    except (PermissionMissing, Rejected) as error:
        return Refused("tax_rate_unknown", f"a price needs the tax rates of the account: {error.detail}")
    if rate is None:
        return Refused("tax_rate_unknown", f"the account does not list the rate of tax type {tax_type or 'none'}")
    price = write.values.get(PRICE, mapping.gross_of(row))
    if price is None:
        return Refused("price_unknown", "a tax rate is written with the gross price, and the product does not say it")
    gross = Decimal(price or 0)
    return {**body, "gross_price": f"{gross:.2f}", "price": f"{net_of(gross, rate):f}"}


def _row(client: InventorumClient, ref: ListingRef) -> Fields:
    """The product as it is now.

    A variation is looked up in its parent: not every server has a detail of its own for it (section 6.2).
    """
    product = client.product(ref.parent_external_id or ref.external_id)
    if ref.parent_external_id is None:
        return product
    variations = {row.identifier("id"): row for row in product.objects("variations")}
    return variations[ref.external_id] if ref.external_id in variations else client.product(ref.external_id)


def _tax_type(rates: TaxRates, rate: Decimal, present: str | None) -> str | Refused:
    """Tax type for a rate: the product's own if it has that rate, else the only one that has it."""
    found = rates.tax_types(rate)
    if present in found:
        return present
    if len(found) == 1:
        return found[0]
    which = f"several have it: {', '.join(found)}" if found else "none has it"
    return Refused("no_tax_type", f"no tax type of the account is the one for {canonical_rate(rate)} %: {which}")


def _written(client: InventorumClient, reply: Reply, write: FieldsWrite, rates: TaxRates) -> FieldsResult:
    """Read what the product shows now; an answer about another product, or without a field, proves nothing."""
    try:
        product = Fields(reply.json(), Where(reply.side, reply.request))
        if product.identifier("id") != write.ref.external_id:
            return Unknown(f"the answer is about product {product.identifier('id')}")
    except InvalidResponse as error:
        return Unknown(f"status {reply.status}, but {error.detail}")
    variation = write.ref.parent_external_id is not None
    shown = {**mapping.fields_of(product, rates.if_possible, variation=variation), **client.categories.of(product)}
    missing = sorted(write.values.keys() - shown.keys())
    if missing:
        return Unknown(f"the answer does not show {', '.join(missing)}")
    return Written({field: shown[field] for field in write.values})
