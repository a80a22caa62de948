"""Fields of products: what is sent, and what each answer means.

Source: sections 8.2 (a partial body changes only what it names) and 8.5 (net and gross are sent together).
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from syncd.adapters import texts
from syncd.adapters.inventorum import booking, mapping
from syncd.adapters.inventorum.wire import Fields, Where
from syncd.core.fields import BRAND, CATEGORIES, DESCRIPTION, GTIN, NAME, PRICE, SKU
from syncd.core.model import NotSent, Refused, Unknown, Written
from syncd.core.prices import net_of
from syncd.errors import InvalidResponse, NotFound, OutcomeUnknown, PermissionMissing, Rejected

if TYPE_CHECKING:
    from syncd.adapters.inventorum.client import InventorumClient
    from syncd.core.model import FieldsResult, FieldsWrite, ListingRef
    from syncd.http import Reply

WRITABLE = frozenset({NAME, DESCRIPTION, BRAND, CATEGORIES, SKU, GTIN, PRICE})
"""Fields that ``set_fields`` can write."""


_KEYS = {NAME: "name", BRAND: "brand", SKU: "product_code", GTIN: "ean"}

KEPT_S = 600.0
"""How long the account's tax rates are not asked for again; they change with the law."""


class TaxRates:
    """Rates of an account's tax types in per cent, asked for once in a while."""

    def __init__(self, client: InventorumClient) -> None:
        self._client = client
        self._rates: dict[str, Decimal] = {}
        self._until = 0.0

    def of(self, tax_type: str) -> Decimal | None:
        """The rate of a tax type; ``None`` if the account does not list it.

        Raises:
            SideError: The account's answer cannot be had.
        """
        if time.monotonic() >= self._until or tax_type not in self._rates:
            self._read()
        return self._rates.get(tax_type)

    def types_of(self, rate: Decimal) -> list[str]:
        """Tax types with a rate in per cent.

        Raises:
            SideError: The account's answer cannot be had.
        """
        if time.monotonic() >= self._until:
            self._read()
        return [tax_type for tax_type, percent in self._rates.items() if percent == rate]

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
    if CATEGORIES in write.values:
        ids = _category_ids(client, write.values[CATEGORIES])
        if not isinstance(ids, list):
            return ids
        body["categories"] = [{"id": number} for number in ids]
    if PRICE in write.values:
        rate = _rate_of(client, rates, write.ref)
        if not isinstance(rate, Decimal):
            return rate
        gross = Decimal(write.values[PRICE] or 0)
        body |= {"gross_price": f"{gross:.2f}", "price": f"{net_of(gross, rate):f}"}
    reply = client.change_product(write.ref.external_id, body)
    if reply.status in {200, 201}:
        return _written(client, reply, write)
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


def _rate_of(client: InventorumClient, rates: TaxRates, ref: ListingRef) -> Decimal | Refused | NotSent:
    """Tax rate of a product in per cent: its tax type is one of the account's.

    A variation is looked up in its parent: not every server has a detail of its own for it (section 6.2).
    """
    try:
        product = client.product(ref.parent_external_id or ref.external_id)
        if ref.parent_external_id is not None:
            variations = {row.identifier("id"): row for row in product.objects("variations")}
            product = variations.get(ref.external_id, product)
        tax_type = product.identifier_or_none("tax_type")
        rate = rates.of(tax_type) if tax_type else None
    except NotFound as error:
        return Refused("not_found", error.detail, gone=True)
    except InvalidResponse as error:
        return NotSent(f"a price needs the tax rates of the account: {error.detail}")  # something else answered
    except (PermissionMissing, Rejected) as error:
        return Refused("tax_rate_unknown", f"a price needs the tax rates of the account: {error.detail}")
    if rate is None:
        return Refused("tax_rate_unknown", f"the account does not list the rate of tax type {tax_type or 'none'}")
    return rate


def _written(client: InventorumClient, reply: Reply, write: FieldsWrite) -> FieldsResult:
    """Read what the product shows now; an answer about another product, or without a field, proves nothing."""
    try:
        product = Fields(reply.json(), Where(reply.side, reply.request))
        if product.identifier("id") != write.ref.external_id:
            return Unknown(f"the answer is about product {product.identifier('id')}")
    except InvalidResponse as error:
        return Unknown(f"status {reply.status}, but {error.detail}")
    shown = {**mapping.fields_of(product), **client.categories.of(product)}
    missing = sorted(write.values.keys() - shown.keys())
    if missing:
        return Unknown(f"the answer does not show {', '.join(missing)}")
    return Written({field: shown[field] for field in write.values})
