"""Whole products of the till, for shops that are to make them.

Source: sections 6.2 and 6.3 [rec v10]. Variations have no name or text of their own; what makes them differ are their
attributes, by name in the order of the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.adapters import texts
from syncd.adapters.inventorum import mapping
from syncd.core.fields import PRICE
from syncd.core.products import Product, Unit
from syncd.errors import NotFound, PermissionMissing, Rejected

if TYPE_CHECKING:
    from decimal import Decimal

    from syncd.adapters.inventorum.client import InventorumClient
    from syncd.adapters.inventorum.field_writes import TaxRates
    from syncd.adapters.inventorum.wire import Fields


def read_product(client: InventorumClient, rates: TaxRates, product_id: str) -> Product | None:
    """Read a product with its variations; ``None`` for a 404.

    Raises:
        SideError: As ``InventorumClient.product``.
    """
    try:
        detail = client.product(product_id)
    except NotFound:
        return None
    is_group = mapping.is_group(detail)
    rows = detail.objects("variations") if is_group else [detail]
    return Product(
        source_id=product_id,
        name=" ".join((detail.text("name") or product_id).split()),
        units=tuple(_unit(row, rates, is_group=is_group) for row in rows),
        description=texts.canonical(detail.text("description") or ""),
        is_group=is_group,
        images=mapping.images_of(detail) or (),
    )


def _unit(row: Fields, rates: TaxRates, *, is_group: bool) -> Unit:
    return Unit(
        source_id=row.identifier("id"),
        sku=row.code("product_code"),
        gtin=row.code("ean") or row.code("gtin"),
        price=mapping.fields_of(row).get(PRICE),
        tax_rate=_rate(row, rates),
        attributes=attributes_of(row) if is_group else {},
        images=(mapping.images_of(row) or ())[:1] if is_group else (),
    )


def _rate(row: Fields, rates: TaxRates) -> Decimal | None:
    tax_type = row.identifier_or_none("tax_type")
    try:
        return rates.of(tax_type) if tax_type else None
    except (PermissionMissing, Rejected):
        return None  # the shop says so if it needs one


def attributes_of(row: Fields) -> dict[str, str]:
    """What makes a variation differ, by name."""
    # Without attributes its name is all that tells it from its siblings.
    return mapping.attributes_of(row) or {"Variation": row.text("name") or row.identifier("id")}
