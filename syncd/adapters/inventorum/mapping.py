"""INVENTORUM's bodies to syncd's values: pure, no I/O.

Unknown fields are ignored, optional ones may be missing (the vendor adds fields without a new version). What stock
depends on (id, quantity, whether a product only groups variations) must be there and right, or the answer is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from syncd.adapters import texts
from syncd.adapters.inventorum.paging import ListPage
from syncd.adapters.inventorum.wire import Fields, Where
from syncd.core.attributes import attributes_text
from syncd.core.fields import (
    ATTRIBUTES,
    BRAND,
    DESCRIPTION,
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
from syncd.core.images import Image, keys_text
from syncd.core.model import ListingRef, RemoteListing, StockMode
from syncd.core.prices import canonical, canonical_rate
from syncd.errors import InvalidResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from syncd.http import Reply

_KEY = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_MOST_FIELDS = 50
_LONGEST_NAME = 4000
"""In characters; one that is longer is not compared."""
_MOST_IMAGES = 200
_BEST_SIZES = ("original", "image", "ipad_retina", "ipad", "thumb_retina", "thumb")
"""Sizes in which an image is offered, the largest first (section 6.4)."""
_DEEPEST = 5
"""Real errors nest their fields once or twice."""


RateOf: TypeAlias = "Callable[[str], Decimal | None]"
"""Rate of a tax type of the account in per cent; ``None`` if it is not known."""


def _no_rate(tax_type: str) -> Decimal | None:
    """Tax types mean nothing where the account's rates are not at hand; what is read is the rest."""


def list_page(body: object, where: Where, date: datetime | None) -> ListPage[Any]:
    """Read a list answer: ``total`` with ``data`` (to version 12) or ``results`` (from 13).

    Raises:
        InvalidResponse: Neither list is there, or ``total`` is not a count.
    """
    fields = Fields(body, where)
    name = "data" if isinstance(fields.raw.get("data"), list) else "results"
    if not isinstance(fields.raw.get(name), list):
        raise where.invalid("body has neither a list `data` nor a list `results`")
    total = fields.integer("total") if fields.has("total") else None
    if total is not None and total < 0:
        raise fields.invalid("total", f"is {total}")
    return ListPage(tuple(fields.array(name)), total, date)


def object_rows(page: ListPage[Any], where: Where) -> ListPage[Fields]:
    """View the rows of a list as objects."""
    rows = tuple(Fields(row, where, f"row {at}") for at, row in enumerate(page.rows))
    return ListPage(rows, page.total, page.date)


def id_rows(page: ListPage[Any], where: Where) -> ListPage[str]:
    """View the rows of a list of bare integers as ids."""
    rows = tuple(Fields({"id": row}, where, f"row {at}").identifier("id") for at, row in enumerate(page.rows))
    return ListPage(rows, page.total, page.date)


def row_id(row: Fields) -> str:
    """Return the id of a row."""
    return row.identifier("id")


def is_group(product: Fields) -> bool:
    """Whether a product only groups variations, from ``variation_count`` or the variations themselves.

    Raises:
        InvalidResponse: Neither is there, or they contradict each other: a parent's sum must never be taken for stock
            of its own, and the stock of a product not be forgotten because it looks like a parent.
    """
    listed = product.raw.get("variations")
    if not product.has("variation_count") and isinstance(listed, list):
        return bool(listed)
    count = product.integer("variation_count")
    if isinstance(listed, list) and listed and count <= 0:
        raise product.invalid("variation_count", f"is {count}, but there are {len(listed)} variations")
    return count > 0


def _nothing_more(product: Fields) -> Mapping[str, str]:  # noqa: ARG001 - whatever the product is
    return {}


def listing(
    product: Fields,
    *,
    parent: str | None = None,
    rate_of: RateOf = _no_rate,
    more: Callable[[Fields], Mapping[str, str]] = _nothing_more,
) -> RemoteListing:
    """Read one product: a row of the verbose delta, a detail, or the answer to a stock booking.

    Args:
        product: The object.
        parent: Id of the parent product, if the object does not say it itself.
        rate_of: Rate of a tax type of the account in per cent.
        more: Gives the fields of a product (not of a variation) that need more than the object to be read.
    """
    parent = product.identifier_or_none("parent") or parent
    group = parent is None and is_group(product)
    found = _reading(product, parent, rate_of, group=group, counted=not product.flag("is_giftcard"))
    return replace(found, fields={**found.fields, **more(product)}) if parent is None and found.fields else found


def detail_listings(
    detail: Fields, rate_of: RateOf = _no_rate, more: Callable[[Fields], Mapping[str, str]] = _nothing_more
) -> tuple[RemoteListing, ...]:
    """Read a product's detail: the product itself, then its variations; ``rate_of`` and ``more`` as for ``listing``.

    Raises:
        InvalidResponse: A needed field is missing, or the variations of a parent are.
    """
    product = listing(detail, rate_of=rate_of, more=more)
    if product.stock_mode is not StockMode.GROUP:
        return (product,)
    variations = detail.objects("variations")
    if not variations:
        raise detail.invalid("variations", "is empty although variation_count is not zero")
    parent = product.ref.external_id
    counted = not detail.flag("is_giftcard")
    found = [_reading(variation, parent, rate_of, group=False, counted=counted) for variation in variations]
    if len({parent, *(each.ref.external_id for each in found)}) <= len(found):
        raise detail.invalid("variations", "holds an id twice")
    return (replace(product, children=tuple(each.ref.external_id for each in found)), *found)


def _reading(product: Fields, parent: str | None, rate_of: RateOf, *, group: bool, counted: bool) -> RemoteListing:
    own = counted and not group
    mode = StockMode.GROUP if group else StockMode.OWN if own else StockMode.UNMANAGED
    external_id = product.identifier("id")
    return RemoteListing(
        ref=ListingRef(external_id, parent),
        name=product.name("name") or external_id,
        sku=product.code("product_code"),
        gtin=product.code("ean") or product.code("gtin"),
        stock_mode=mode,
        quantity=product.quantity("quantity") if own else None,
        # A variation has no such mark: what is meant for shops is the whole product.
        published=parent is not None or product.raw.get("in_shop") is True,
        fields=_words(product) if group else _fields(product, rate_of, named=parent is None) if own else {},
    )


def fields_of(product: Fields, rate_of: RateOf = _no_rate, *, variation: bool = False) -> dict[str, str]:
    """Fields of the answer to a write, of a product or a variation."""
    return _fields(product, rate_of, named=not variation)


def gross_of(product: Fields) -> str | None:
    """Gross price as it is compared; ``None`` if the product does not say."""
    amount = product.raw.get("gross_price")
    return canonical(amount) if isinstance(amount, str | int | Decimal) else None


def _fields(product: Fields, rate_of: RateOf, *, named: bool) -> dict[str, str]:
    """Fields as canonical texts; a price that is typed in at the till (``custom_price``) cannot be compared.

    What a row does not have (older versions) or what is too long to be compared is left out, never taken for empty.
    """
    fields = {**_codes(product), **(_words(product) if named else _of_variation(product))}
    price = None if product.raw.get("custom_price") is True else gross_of(product)
    money = {PRICE: price, TAX_RATE: canonical_rate(_rate(product, rate_of))}
    return {**fields, **{field: value for field, value in money.items() if value is not None}}


def _of_variation(product: Fields) -> dict[str, str]:
    found = attributes_text(attributes_of(product) or {})
    return {**_images_field(product, most=1), **({ATTRIBUTES: found} if found else {})}


def attributes_of(product: Fields) -> dict[str, str] | None:
    """Attributes of a variation by name: each is a list with one value. ``None`` if the object has none."""
    given = product.raw.get("attributes")
    found = {
        str(name): ", ".join(str(each) for each in (value if isinstance(value, list) else [value]))
        for name, value in (given.items() if isinstance(given, dict) else ())
    }
    return {name: value for name, value in found.items() if name.strip() and value.strip()} or None


def _rate(product: Fields, rate_of: RateOf) -> Decimal | None:
    """Tax rate in per cent, of the unit itself: a variation has a tax type of its own (section 6.3)."""
    try:
        tax_type = product.identifier_or_none("tax_type")
    except InvalidResponse:
        return None  # stock does not depend on it
    return rate_of(tax_type) if tax_type else None


def _words(product: Fields) -> dict[str, str]:
    name = " ".join((product.text("name") or "").split())
    fields = {NAME: name} if 0 < len(name) <= _LONGEST_NAME else {}
    text = texts.canonical(product.text("description") or "")
    if _says(product, "description") and len(text) <= texts.LONGEST:
        fields[DESCRIPTION] = text
    brand = " ".join((product.text("brand") or "").split())
    if _says(product, "brand") and len(brand) <= _LONGEST_NAME:
        fields[BRAND] = brand
    if isinstance(product.raw.get("in_shop"), bool):
        fields[PUBLISHED] = YES if product.raw["in_shop"] else NO
    return {**fields, **_images_field(product)}


def _images_field(product: Fields, most: int | None = None) -> dict[str, str]:
    images = images_of(product)
    return {} if images is None else {IMAGES: keys_text(image.key for image in images[:most])}


def images_of(product: Fields) -> tuple[Image, ...] | None:
    """Images of a product or variation in order, each in its largest size; ``None`` if the object does not say.

    An id names an image for good; up to version 7 it is negative (section 6.4).
    """
    given = product.raw.get("images")
    if not isinstance(given, list) or len(given) > _MOST_IMAGES:
        return None
    found = []
    for each in given:
        number = each.get("id") if isinstance(each, dict) else None
        if not isinstance(number, int) or isinstance(number, bool) or not number:
            return None
        sizes = each["urls"] if isinstance(each.get("urls"), dict) else each
        addresses = [sizes[size] for size in _BEST_SIZES if isinstance(sizes.get(size), str)]
        found.append(Image(str(abs(number)), addresses[0] if addresses else "", product.name("name") or ""))
    return tuple({image.key: image for image in found}.values())


def _codes(product: Fields) -> dict[str, str]:
    found = {}
    for field, names in ((SKU, ("product_code",)), (GTIN, ("ean", "gtin"))):
        given = [name for name in names if product.text(name)]
        code = next((product.code(name) for name in given), "")
        said = [_says(product, name) for name in names if name in product.raw]
        if code is not None and said and all(said):
            found[field] = code
    return found


def _says(product: Fields, name: str) -> bool:
    """Whether a row says something of a text, or that there is none; another kind of value is not taken for none."""
    value = product.raw.get(name, product)
    return value is None or (isinstance(value, str | int | Decimal) and not isinstance(value, bool))


def quantities(body: object, where: Where) -> dict[str, Decimal]:
    """Read the bare array of ``/products/quantity/``; matched by id, never by position."""
    if not isinstance(body, list):
        raise where.invalid("body is not a list of quantities")
    rows = [Fields(row, where, f"row {at}") for at, row in enumerate(body)]
    return {row.identifier("id"): row.quantity("quantity") for row in rows}


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What an error body says. Decisions use the status and ``key``; ``message`` is for people only.

    Attributes:
        is_ours: The body has the form of the API's errors, so the API itself refused and not something in front of it.
        key: The vendor's error key, such as ``product.not_found``; empty if there is none.
        fields: Names of the fields that the server complains about.
        message: Key and texts in one line.
    """

    is_ours: bool
    key: str
    fields: tuple[str, ...]
    message: str


def error_facts(reply: Reply) -> ErrorFacts:
    """Read an error body of any shape; never raises."""
    try:
        body = reply.json()
    except InvalidResponse:
        return ErrorFacts(is_ours=False, key="", fields=(), message=f"status {reply.status} without a readable reason")
    if not isinstance(body, dict) or not isinstance(body.get("error") or body.get("detail"), dict | str):
        return ErrorFacts(is_ours=False, key="", fields=(), message=f"status {reply.status} with an unexpected body")
    error = body.get("error")
    inner: dict[str, Any] = error if isinstance(error, dict) else {}
    key = inner.get("key") if isinstance(inner.get("key"), str) else error if isinstance(error, str) else ""
    named = inner.get("fields")
    fields: dict[str, Any] = named if isinstance(named, dict) else {}
    texts = [*_texts((body.get("detail"), inner.get("description"))), *_field_texts(fields)]
    message = "; ".join(dict.fromkeys(texts)) or f"status {reply.status}"
    safe_key = key if isinstance(key, str) and _KEY.fullmatch(key) else ""
    full = f"{safe_key}: {message}" if safe_key else message
    names = tuple(reply.shown(name) for name in _all_names(fields)[:_MOST_FIELDS])
    return ErrorFacts(is_ours=True, key=reply.shown(safe_key), fields=names, message=reply.shown(full))


def _texts(values: Iterable[object]) -> list[str]:
    return [value for value in values if isinstance(value, str) and value.strip()]


def _field_texts(fields: dict[str, Any], depth: int = 0) -> list[str]:
    found: list[str] = []
    for name, value in fields.items():
        inner = ", ".join(_texts(value if isinstance(value, list) else [value]))
        if not inner and isinstance(value, dict) and depth < _DEEPEST:
            inner = "; ".join(_field_texts(value, depth + 1))
        found.append(f"{name}: {inner}" if inner else name)
    return found


def _all_names(fields: dict[str, Any], depth: int = 0) -> list[str]:
    names: list[str] = []
    for name, value in fields.items():
        names.append(name)
        if isinstance(value, dict) and depth < _DEEPEST:
            names.extend(_all_names(value, depth + 1))
    return names
