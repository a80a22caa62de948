"""A shop's rows to words of the core. Pure.

Source: shopware6-api.md sections 2, 4 and 6. A variant's empty fields are its parent's; what tells it apart (number,
stock, options) is its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from syncd.adapters import texts
from syncd.adapters.answers import Row
from syncd.adapters.shopware6.wire import (
    LONGEST_READ,
    optional_id,
    plain,
    quantity,
    row_id,
    row_of,
    rows_of,
    text_of,
    whole,
)
from syncd.core.attributes import attributes_text
from syncd.core.fields import (
    ATTRIBUTES,
    BRAND,
    CATEGORIES,
    DESCRIPTION,
    EMPTY,
    GTIN,
    IMAGES,
    NAME,
    NO,
    PRICE,
    PUBLISHED,
    SKU,
    TAX_RATE,
    YES,
)
from syncd.core.images import keys_text
from syncd.core.model import ListingRef, RemoteListing, StockMode
from syncd.core.paths import Path, paths_text
from syncd.core.prices import canonical, canonical_rate
from syncd.http import shorten

SYSTEM_CURRENCY = "b7d2554b0ce847cd82f3ac9bd1c0dfca"
"""Id of the shop's own currency, whichever it is."""

IMAGE_KEY = "syncd_key"
"""Custom field of a product's image with its key at the hub."""

IMAGES_MARK = "syncd_images"
"""Custom field of a product whose images syncd has once written: those without a key are known to be the shop's own."""

_PRODUCT_FIELDS = [
    "id", "parentId", "autoIncrement", "productNumber", "ean", "name", "description", "active", "stock", "childCount",
    "price", "taxId", "tax", "manufacturerId", "manufacturer", "options", "categories", "media", "coverId",
    "customFields", "createdAt", "updatedAt", "states",
]  # fmt: skip
PRODUCTS: Mapping[str, Any] = {
    "associations": {
        "tax": {},
        "manufacturer": {},
        "options": {"associations": {"group": {}}},
        "categories": {},
        "media": {},
    },
    "includes": {
        "product": _PRODUCT_FIELDS,
        "price": ["currencyId", "net", "gross", "linked", "listPrice", "regulationPrice"],
        "tax": ["id", "taxRate"],
        "product_manufacturer": ["id", "name"],
        "property_group_option": ["id", "name", "groupId", "group"],
        "property_group": ["id", "name"],
        "category": ["id", "breadcrumb"],
        "product_media": ["id", "mediaId", "position", "customFields"],
    },
}
"""How products and variants are asked for."""


@dataclass(frozen=True, slots=True)
class Parent:
    """What variants take over from their product.

    Attributes:
        name: Of the product.
        money: Its gross price and tax rate, as far as they are known.
    """

    name: str
    money: Mapping[str, str]


def parent_of(row: Row) -> Parent:
    """What variants may take over from this product."""
    return Parent(name_of(row), money_of(row))


def parent_id(row: Row) -> str | None:
    """Id of the product that this is a variant of.

    Raises:
        Malformed: The row does not say.
    """
    return optional_id(row, "parentId")


def is_group(row: Row) -> bool:
    """Whether the product only groups variants.

    Raises:
        Malformed: The row does not say.
    """
    if row.get("childCount") is None and "childCount" in row:
        return False  # never counted: it never had a variant
    return whole(row, "childCount") > 0


def listing(row: Row, parent: Parent | None = None) -> RemoteListing:
    """Read a product or a variant.

    Args:
        row: As asked for by ``PRODUCTS``.
        parent: Of a variant.

    Raises:
        Malformed: A value needed for stock is missing or of a wrong kind.
    """
    above = parent_id(row)
    group = above is None and is_group(row)
    units = quantity(row, "stock")
    return RemoteListing(
        ref=ListingRef(row_id(row), above),
        name=_variant_name(row, parent) if above else name_of(row),
        sku=text_of(row, "productNumber"),
        gtin=text_of(row, "ean"),
        stock_mode=StockMode.GROUP if group else StockMode.OWN,
        quantity=None if group else units,
        published=row.get("active") is not False if above else row.get("active") is True,
        fields=_fields(row, parent, is_variant=above is not None, group=group),
    )


def _fields(row: Row, parent: Parent | None, *, is_variant: bool, group: bool) -> dict[str, str]:
    if is_variant:
        inherited = parent.money if parent is not None else {}
        return {**codes_of(row), **inherited, **money_of(row), **images_of(row), **attributes_of(row)}
    words = {**words_of(row), **images_of(row)}
    return words if group else {**words, **codes_of(row), **money_of(row)}


def name_of(row: Row) -> str:
    """For people."""
    return shorten(plain(row.get("name")))


def _variant_name(row: Row, parent: Parent | None) -> str:
    """Its own, or the product's with what makes the variant differ."""
    above, own = parent.name if parent is not None else "", name_of(row)
    told = own or " / ".join(options_of(row).values()) or str(row.get("productNumber") or "")
    return told if not above or told.startswith(above) else f"{above} – {told}"


def words_of(row: Row) -> dict[str, str]:
    """Name, description, brand, categories and state of a product; nothing of endless ones."""
    name, text = row.get("name"), row.get("description")
    fields = {}
    if isinstance(name, str) and len(name) <= LONGEST_READ:
        fields[NAME] = plain(name)
    if "description" in row and text is None:
        fields[DESCRIPTION] = EMPTY
    elif isinstance(text, str) and len(text) <= texts.LONGEST:
        fields[DESCRIPTION] = texts.canonical(text)
    if isinstance(row.get("active"), bool):
        fields[PUBLISHED] = YES if row["active"] else NO
    maker = row_of(row, "manufacturer")
    if maker is not None:
        fields[BRAND] = plain(maker.get("name"))
    elif "manufacturerId" in row and row["manufacturerId"] is None:
        fields[BRAND] = EMPTY
    paths = [path_of(each) for each in rows_of(row, "categories") or ()]
    if rows_of(row, "categories") is not None and None not in paths:
        fields[CATEGORIES] = paths_text(path for path in paths if path)
    return fields


def path_of(category: Row) -> Path | None:
    """Names from the top down, without the root, which is the way into a whole catalogue; ``None`` if not told."""
    names = category.get("breadcrumb")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return None
    return tuple(plain(name) for name in names[1:])


def codes_of(row: Row) -> dict[str, str]:
    """Number and EAN of its own."""
    fields = {}
    for field, key in ((SKU, "productNumber"), (GTIN, "ean")):
        value, code = row.get(key), text_of(row, key)
        # What is too long to be a code is not taken for none.
        if key in row and (code or value is None or (isinstance(value, str) and not value.strip())):
            fields[field] = code or EMPTY
    return fields


def money_of(row: Row) -> dict[str, str]:
    """Gross price in the shop's own currency, and tax rate, of its own."""
    fields = {}
    entry = price_entry(row)
    price = canonical(_amount(entry.get("gross"))) if entry is not None else None
    if price:
        fields[PRICE] = price
    rate = rate_of(row)
    if rate is not None:
        fields[TAX_RATE] = canonical_rate(rate) or EMPTY
    return {field: value for field, value in fields.items() if value}


def price_entry(row: Row) -> Row | None:
    """The row's price in the shop's own currency."""
    entries = rows_of(row, "price") or ()
    return next((each for each in entries if each.get("currencyId") == SYSTEM_CURRENCY), None)


def rate_of(row: Row) -> Decimal | None:
    """Tax rate of its own in per cent."""
    tax = row_of(row, "tax")
    return _amount(tax.get("taxRate")) if tax is not None else None


def options_of(row: Row) -> dict[str, str]:
    """A variant's options by the name of their group."""
    found = {}
    for option in rows_of(row, "options") or ():
        group = row_of(option, "group")
        name, value = plain(group.get("name")) if group is not None else "", plain(option.get("name"))
        if name and value:
            found[name] = value
    return found


def attributes_of(row: Row) -> dict[str, str]:
    """The field ``attributes``; nothing if the variant has no options."""
    text = attributes_text(options_of(row))
    return {ATTRIBUTES: text} if text else {}


@dataclass(frozen=True, slots=True)
class Shown:
    """One image of a product.

    Attributes:
        row_id: Of the product's image.
        media_id: Of what it shows.
        key: At the hub, if it came from there.
    """

    row_id: str
    media_id: str
    key: str | None


def shown_images(row: Row) -> list[Shown] | None:
    """All images of a row, the cover first.

    ``None`` if it does not say, or if they are not for syncd to change: a product that has images of its own, and never
    had one from the till, keeps them as they are.
    """
    if rows_of(row, "media") is None:
        return None
    kept_here = row.get("customFields")
    written = isinstance(kept_here, Mapping) and kept_here.get(IMAGES_MARK) is True
    shown = images_in_order(row)
    return shown if written or not shown or any(each.key is not None for each in shown) else None


def images_in_order(row: Row) -> list[Shown]:
    """All images that a row says of, the cover first, whoever they are from."""
    cover = row.get("coverId")
    ordered = sorted(
        rows_of(row, "media") or [], key=lambda each: (each.get("id") != cover, _position(each), str(each.get("id")))
    )
    shown = []
    for each in ordered:
        kept = each.get("customFields")
        key = kept.get(IMAGE_KEY) if isinstance(kept, Mapping) else None
        shown.append(Shown(row_id(each), row_id(each, "mediaId"), key if isinstance(key, str) and key else None))
    return shown


def images_of(row: Row) -> dict[str, str]:
    """The field ``images``: those that came from the till; nothing where ``shown_images`` says nothing."""
    images = shown_images(row)
    return {} if images is None else {IMAGES: keys_text(image.key for image in images if image.key)}


def _position(row: Row) -> int:
    value = row.get("position")
    return value if isinstance(value, int) else 0


def _amount(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value)
