"""A product as one side says it and another is to make it (design 4, rule 4). Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from syncd.core.model import NotSent, Refused, RemoteListing, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from syncd.core.images import Image


@dataclass(frozen=True, slots=True)
class Unit:
    """One sellable unit of a product: the product itself, or one of its variations.

    Attributes:
        source_id: Its id on the side that it comes from.
        sku: Merchant's code, ``None`` if it has none.
        gtin: EAN/GTIN/UPC.
        price: Gross price as a canonical text (``core.prices``), ``None`` if it has none of its own.
        tax_rate: Per cent, ``None`` if the side does not say.
        attributes: What makes it differ from its siblings, by name in the order that the side gives; empty for a
            product without variations.
        images: Of a variation; as those of the product.
    """

    source_id: str
    sku: str | None
    gtin: str | None
    price: str | None
    tax_rate: Decimal | None
    attributes: Mapping[str, str] = field(default_factory=dict)
    images: tuple[Image, ...] = ()

    @property
    def label(self) -> str:
        """The unit, for people."""
        return self.sku or " / ".join(self.attributes.values()) or self.source_id


@dataclass(frozen=True, slots=True)
class Product:
    """A whole product. Stock is no part of it.

    Attributes:
        source_id: Its id on the side that it comes from (of the parent, if it has variations).
        name: For customers.
        description: HTML or plain text as the side keeps it; to be sanitised by whoever shows it.
        units: What can be sold; one without attributes if the product has no variations.
        is_group: Whether the units are variations.
        images: Of the product; with content only where it is to be made with them (``Capabilities.makes_images``).
    """

    source_id: str
    name: str
    units: tuple[Unit, ...]
    description: str = ""
    is_group: bool = False
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product, or some more variations of one, to be made.

    Attributes:
        mark: Kept by the side with what it makes, so that it can be found again if the answer is lost.
        product: What to make; only these units.
        into: The side's id of the product that the units are to be variations of; ``None`` to make the product, too.
        publish: Whether customers may see it at once; at a till, whether it is meant for shops.
        known: The side's ids of products that were there before the call, when it is looked for what was made: none of
            them can be it. For sides that cannot keep a mark.
    """

    mark: str
    product: Product
    into: str | None = None
    publish: bool = False
    known: frozenset[str] = field(default=frozenset(), repr=False)

    def unit_mark(self, unit: Unit) -> str:
        """What the side keeps with one variation."""
        return f"{self.mark}/{unit.source_id}"


@dataclass(frozen=True, slots=True)
class Made:
    """The side has the product.

    Attributes:
        product_id: The side's id of it.
        units: Readings of the units that it has, by ``Unit.source_id``.
        missing: What became of the others.
        parent: Reading of a product with variations.
        left_out: Images that the side did not take, by key.
    """

    product_id: str
    units: Mapping[str, RemoteListing]
    missing: Mapping[str, Refused | Unknown | NotSent] = field(default_factory=dict)
    parent: RemoteListing | None = None
    left_out: Mapping[str, Refused] = field(default_factory=dict)


class Way(StrEnum):
    """How a product leaves a shop when it was deleted at the hub."""

    UNPUBLISH = "unpublish"
    """Customers do not see it any more; everything stays for the shop's owner."""
    DELETE = "delete"
    """Into the trash, where there is one."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Customers cannot buy it any more."""


WithdrawResult = Withdrawn | Refused | Unknown

MakeResult = Made | Refused | Unknown
