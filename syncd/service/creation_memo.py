"""What was sent to make a product, kept until it is settled: after a lost answer it is looked for as it was sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from syncd.core.model import Refused
from syncd.core.products import Product, Unit


@dataclass(frozen=True, slots=True)
class Memo:
    """What one call sent.

    Attributes:
        product: The product, as far as it can be known again by it.
        last_listing: Newest row in ``listings`` when it was sent: what has an older one was there before.
        left_out: Images that it was sent without, by key; told of when it is known to be there.
    """

    product: Product
    last_listing: int
    left_out: Mapping[str, Refused] = field(default_factory=dict)


def as_json(memo: Memo) -> str:
    """For ``creations.sent``."""
    product = memo.product
    units = [
        {
            "source_id": unit.source_id,
            "sku": unit.sku,
            "gtin": unit.gtin,
            "price": unit.price,
            "tax_rate": None if unit.tax_rate is None else str(unit.tax_rate),
            "attributes": dict(unit.attributes),
        }
        for unit in product.units
    ]
    words = {"source_id": product.source_id, "name": product.name, "description": product.description}
    document = {"last_listing": memo.last_listing, **words, "is_group": product.is_group, "units": units}
    left_out = {key: [refused.code, refused.message] for key, refused in memo.left_out.items()}
    return json.dumps({**document, "left_out": left_out}, ensure_ascii=False)


def from_json(text: str) -> Memo:
    """What ``as_json`` wrote."""
    raw = json.loads(text)
    units = tuple(
        Unit(**{**unit, "tax_rate": None if unit["tax_rate"] is None else Decimal(unit["tax_rate"])})
        for unit in raw["units"]
    )
    product = Product(raw["source_id"], raw["name"], units, raw["description"], raw["is_group"])
    left_out = {key: Refused(code, message) for key, (code, message) in raw.get("left_out", {}).items()}
    return Memo(product, raw["last_listing"], left_out)
