"""Rows of the Admin API as listings. Pure.

A product without options is one listing under the product's id; one with options is a group, and its variants are
listings under their own ids. Source: shopify-api.md section 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from syncd.adapters import texts
from syncd.adapters.answers import Malformed, Row, code_of, flag_of, mapping_of, row_of, rows_of, text_of
from syncd.adapters.shopify.pictures import images_field
from syncd.adapters.shopify.wire import gid_of, nodes_of, pieces_of
from syncd.core.attributes import attributes_text
from syncd.core.fields import ATTRIBUTES, BRAND, DESCRIPTION, EMPTY, GTIN, NAME, NO, PRICE, PUBLISHED, SKU, YES
from syncd.core.model import ListingRef, RemoteListing, StockMode
from syncd.core.prices import canonical

_SEEN = frozenset({"ACTIVE", "UNLISTED"})


@dataclass(frozen=True, slots=True)
class View:
    """How rows are to be read.

    Attributes:
        quantity: Name of the quantity that counts.
        locations: How many locations were asked for; the first is written.
        gross: Whether prices are gross; net ones cannot be compared, because no product says its rate.
    """

    quantity: str
    locations: int
    gross: bool


@dataclass(frozen=True, slots=True)
class Unit:
    """One variant: its listing, and what writing its stock needs.

    Attributes:
        here: Quantity at the location that is written; ``None`` if it is not stocked there.
        pooled: Its inventory item is shared with other variants, or made of those of others.
    """

    listing: RemoteListing
    variant: str
    product: str
    item: str
    tracked: bool
    here: Decimal | None
    pooled: bool


def is_plain(head: Row) -> bool:
    """Whether a product has no options."""
    return flag_of(head, "hasOnlyDefaultVariant")


def unit_of(row: Row, view: View) -> Unit:
    """Read a variant.

    Raises:
        Malformed: The row is not what the contract says.
    """
    head, item = row_of(row, "product"), row_of(row, "inventoryItem")
    variant, product = gid_of(row, "ProductVariant"), gid_of(head, "Product")
    quantities = [_quantity(item, f"level{at}", view.quantity) for at in range(view.locations)]
    tracked = flag_of(item, "tracked")
    pooled = len(nodes_of(item, "variants")) > 1 or flag_of(row, "requiresComponents")
    mode = StockMode.PARENT if pooled else StockMode.OWN
    if not tracked or quantities[0] is None:
        mode = StockMode.UNMANAGED
    counted = sum((one for one in quantities if one is not None), Decimal(0)) if mode is StockMode.OWN else None
    listing = _listing(row, head, view, mode, counted)
    return Unit(listing, variant, product, gid_of(item, "InventoryItem"), tracked, quantities[0], pooled)


def group_of(head: Row, children: Sequence[str]) -> RemoteListing:
    """Read a product with options.

    Raises:
        Malformed: The row is not what the contract says.
    """
    words = words_of(head)
    return RemoteListing(
        ref=ListingRef(gid_of(head, "Product")),
        name=words[NAME],
        sku=None,
        gtin=None,
        stock_mode=StockMode.GROUP,
        quantity=None,
        published=is_seen(head),
        children=tuple(children),
        fields=words,
    )


def is_seen(head: Row) -> bool:
    """Whether customers may buy a product, if it is published in a channel of theirs."""
    return text_of(head, "status") in _SEEN


def words_of(head: Row) -> dict[str, str]:
    """Fields of a product that is no variation; a text that is too long to compare is left out."""
    words = {
        NAME: text_of(head, "title"),
        BRAND: text_of(head, "vendor"),
        PUBLISHED: YES if is_seen(head) else NO,
    }
    description = text_of(head, "descriptionHtml")
    words |= images_field(head)
    return words if len(description) > texts.LONGEST else {**words, DESCRIPTION: texts.canonical(description)}


def codes_of(row: Row, view: View) -> dict[str, str]:
    """Fields of a sellable unit; a price that is net is left out."""
    fields = {SKU: code_of(row, "sku") or EMPTY, GTIN: code_of(row, "barcode") or EMPTY}
    if not view.gross:
        return fields
    price = canonical(text_of(row, "price"))
    if price is None:
        raise Malformed("price is no amount")
    return {**fields, PRICE: price}


def options_of(row: Row) -> dict[str, str]:
    """Options of a variant by name, in order."""
    chosen = rows_of(row, "selectedOptions")
    return {text_of(one, "name"): text_of(one, "value") for one in chosen}


def _listing(row: Row, head: Row, view: View, mode: StockMode, counted: Decimal | None) -> RemoteListing:
    plain = is_plain(head)
    product, title = gid_of(head, "Product"), text_of(head, "title")
    fields: Mapping[str, str] = codes_of(row, view)
    if plain:
        ref, name, fields = ListingRef(product), title, {**words_of(head), **fields}
    else:
        options = options_of(row)
        ref = ListingRef(gid_of(row, "ProductVariant"), product)
        name = f"{title}, {', '.join(options.values())}"
        fields = {**fields, ATTRIBUTES: attributes_text(options)}
    return RemoteListing(
        ref=ref,
        name=name,
        sku=code_of(row, "sku"),
        gtin=code_of(row, "barcode"),
        stock_mode=mode,
        quantity=counted,
        published=is_seen(head) or not plain,  # a variation has no status: its product's is the group's
        fields=fields,
    )


def _quantity(item: Row, level: str, name: str) -> Decimal | None:
    """A quantity at one location; ``None`` if the item is not stocked there."""
    if level not in item:
        raise Malformed(f"{level} is missing")
    if item[level] is None:
        return None
    listed = rows_of(mapping_of(item[level], level), "quantities")
    found = [pieces_of(one, "quantity") for one in listed if one.get("name") == name]
    if len(found) != 1:
        raise Malformed(f"{len(found)} quantities are called {name}")
    return found[0]
