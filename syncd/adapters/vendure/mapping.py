"""Rows of the Admin API as listings. Pure.

Every product has variants, and they are what is sold. A product without option groups has one: the two are one listing,
under the variant's id. One with option groups is a group under ``product-ID``, and its variants are its variations.

The quantity that both sides agree upon is what can still be sold: on hand less what placed orders have allocated. An
order that is placed allocates, a fulfilment takes from both, a cancellation gives back. The out-of-stock threshold is
left out: it is a reserve of the shop's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from syncd.adapters import texts
from syncd.adapters.answers import Row, code_of, flag_of, row_of, rows_of, text_of, whole_of
from syncd.adapters.vendure.facts import Facts
from syncd.adapters.vendure.wire import id_of, number_of
from syncd.core.attributes import attributes_text
from syncd.core.fields import ATTRIBUTES, DESCRIPTION, EMPTY, GTIN, NAME, NO, PRICE, PUBLISHED, SKU, TAX_RATE, YES
from syncd.core.model import ListingRef, RemoteListing, StockMode
from syncd.core.prices import canonical_rate

GROUP = "product-"
_CENTS = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Unit:
    """One variant: its listing, and what writing its stock needs.

    Attributes:
        on_hand: Units at the location that counts.
        allocated: How many of them placed orders have taken.
        tracked: Whether the shop counts it.
        enabled: Whether it is for sale if its product is.
    """

    listing: RemoteListing
    variant: str
    product: str
    on_hand: Decimal
    allocated: Decimal
    tracked: bool
    enabled: bool


def group_id(product: str) -> str:
    """Id of the listing of a product with options."""
    return f"{GROUP}{product}"


def is_plain(head: Row) -> bool:
    """Whether a product has no options."""
    return not rows_of(head, "optionGroups")


def unit_of(row: Row, head: Row, facts: Facts) -> Unit:
    """Read a variant.

    Raises:
        Malformed: The row is not what the contract says.
    """
    variant, product, plain = id_of(row), id_of(head), is_plain(head)
    on_hand, allocated = level_of(row, facts.location)
    tracked = is_tracked(row, facts)
    fields = codes_of(row, facts)
    if plain:
        ref, name = ListingRef(variant), text_of(head, "name")
        fields |= {**words_of(head), PUBLISHED: YES if _is_sold(row, head) else NO}
    else:
        options = options_of(row)
        ref = ListingRef(variant, group_id(product))
        name = ", ".join([text_of(head, "name"), *options.values()])
        fields |= {ATTRIBUTES: attributes_text(options)}
    listing = RemoteListing(
        ref=ref,
        name=name,
        sku=code_of(row, "sku"),
        gtin=fields.get(GTIN) or None,
        stock_mode=StockMode.OWN if tracked else StockMode.UNMANAGED,
        quantity=on_hand - allocated if tracked else None,
        published=_is_sold(row, head) if plain else flag_of(row, "enabled"),
        marker=marker_of(row),
        fields=fields,
    )
    return Unit(listing, variant, product, on_hand, allocated, tracked, flag_of(row, "enabled"))


def group_of(head: Row, variants: Sequence[str]) -> RemoteListing:
    """Read a product with options.

    Raises:
        Malformed: The row is not what the contract says.
    """
    sold = flag_of(head, "enabled")
    return RemoteListing(
        ref=ListingRef(group_id(id_of(head))),
        name=text_of(head, "name"),
        sku=None,
        gtin=None,
        stock_mode=StockMode.GROUP,
        quantity=None,
        published=sold,
        children=tuple(variants),
        fields={**words_of(head), PUBLISHED: YES if sold else NO},
    )


def family_of(head: Row, facts: Facts) -> list[RemoteListing]:
    """Read a product with all its variants, the group first.

    Raises:
        Malformed: A row is not what the contract says.
    """
    units = [unit_of(row, head, facts).listing for row in rows_of(head, "variants")]
    if is_plain(head):
        return units
    return [group_of(head, [unit.ref.external_id for unit in units]), *units]


def level_of(row: Row, location: str) -> tuple[Decimal, Decimal]:
    """Units on hand and allocated at a location; a location that is not named has none."""
    for level in rows_of(row, "stockLevels"):
        if id_of(level, "stockLocationId") == location:
            return whole_of(level, "stockOnHand"), whole_of(level, "stockAllocated")
    return Decimal(0), Decimal(0)


def is_tracked(row: Row, facts: Facts) -> bool:
    """Whether the shop counts a variant."""
    return {"TRUE": True, "FALSE": False}.get(text_of(row, "trackInventory"), facts.tracked)


def words_of(head: Row) -> dict[str, str]:
    """Fields of a product that is no variation; a text that is too long to compare is left out."""
    words = {NAME: text_of(head, "name")}
    description = text_of(head, "description")
    return words if len(description) > texts.LONGEST else {**words, DESCRIPTION: texts.canonical(description)}


def codes_of(row: Row, facts: Facts) -> dict[str, str]:
    """Fields of a sellable unit; a price that is entered without tax is left out."""
    fields = {SKU: code_of(row, "sku") or EMPTY}
    custom = row_of(row, "customFields") if "customFields" in row else {}
    if "gtin" in custom:
        fields[GTIN] = code_of(custom, "gtin") or EMPTY
    rate = canonical_rate(number_of(row_of(row, "taxRateApplied"), "value"))
    if rate is not None:
        fields[TAX_RATE] = rate
    if facts.gross:
        fields[PRICE] = f"{whole_of(row, 'priceWithTax') * _CENTS:.2f}"
    return fields


def options_of(row: Row) -> dict[str, str]:
    """Options of a variant by the name of their group, in order of the names: the shop's own order changes."""
    found = {text_of(row_of(one, "group"), "name"): text_of(one, "name") for one in rows_of(row, "options")}
    return dict(sorted(found.items(), key=lambda each: each[0].casefold()))


def marker_of(row: Row) -> str | None:
    """The id of our last stock write, if the shop keeps it."""
    custom = row_of(row, "customFields") if "customFields" in row else {}
    return code_of(custom, "marker") if "marker" in custom else None


def _is_sold(row: Row, head: Row) -> bool:
    return flag_of(head, "enabled") and flag_of(row, "enabled")
