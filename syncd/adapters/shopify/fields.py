"""Writes of products' fields, each sent once. Stock never travels with them.

Source: shopify-api.md section 6. Words belong to the product, codes, price and options to its variants: a write that
has both goes out as two mutations, variants first, because they are refused more often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from syncd.adapters import texts
from syncd.adapters.answers import LONGEST_CODE, Malformed, Row, row_of, rows_of
from syncd.adapters.shopify.mapping import Unit, codes_of, options_of, words_of
from syncd.adapters.shopify.operations import UPDATE_PRODUCT, UPDATE_VARIANTS
from syncd.adapters.shopify.stock import refused_field
from syncd.core.attributes import attributes_of, attributes_text
from syncd.core.fields import ATTRIBUTES, BRAND, DESCRIPTION, GTIN, IMAGES, NAME, PRICE, PUBLISHED, SKU, YES
from syncd.core.model import FieldsResult, FieldsWrite, NotSent, Refused, RemoteListing, Unknown, Written, WrittenInPart
from syncd.errors import OutcomeUnknown, Rejected, SideError, Stopped
from syncd.http.session import describe

if TYPE_CHECKING:
    from syncd.adapters.shopify.catalogue import Catalogue
    from syncd.adapters.shopify.client import ShopifyClient
    from syncd.adapters.shopify.images import ImageWriter
    from syncd.adapters.shopify.publishing import Channels

WORDS = frozenset({NAME, DESCRIPTION, BRAND, PUBLISHED})
CODES = frozenset({SKU, GTIN, PRICE, ATTRIBUTES})
WRITABLE = WORDS | CODES | {IMAGES}

_Answered = dict[str, str] | Refused | Unknown | NotSent
"""What a request shows of the fields that it wrote, or what became of all of them."""

_GONE = Refused("not_found", "the shop does not have it any more", gone=True)
_SEEN = "ACTIVE"
_KEYS = {NAME: "title", BRAND: "vendor"}


class FieldWriter:
    """Sends fields of products, one product at a time."""

    def __init__(self, client: ShopifyClient, catalogue: Catalogue, images: ImageWriter, channels: Channels) -> None:
        self._client = client
        self._catalogue = catalogue
        self._images = images
        self._channels = channels

    def write(self, writes: Sequence[FieldsWrite]) -> list[FieldsResult]:
        """Look at the listings, then send each write once; after one without an answer the rest is left unsent.

        Raises:
            SideError: Nothing of this call was applied. Malformed: The look failed, nothing was sent.
        """
        shown = self._catalogue.look(write.ref for write in writes)
        results: list[FieldsResult] = []
        trouble = ""
        for write in writes:
            if trouble:
                results.append(NotSent(trouble))
                continue
            try:
                results.append(self._one(write, shown[write.ref.external_id]))
            except OutcomeUnknown as error:
                trouble = describe(error)
                results.append(Unknown(trouble))
            except Rejected as error:
                results.append(Refused(error.key or "refused", error.detail))
            except (SideError, Stopped) as error:
                if not any(isinstance(one, Written | WrittenInPart | Unknown) for one in results):
                    raise
                trouble = str(error)
                results.append(NotSent(trouble))
        return results

    def _one(self, write: FieldsWrite, found: Unit | RemoteListing | None) -> FieldsResult:
        if found is None:
            return _GONE
        listing = found.listing if isinstance(found, Unit) else found
        codes = self._codes(write, found)
        if isinstance(codes, Refused):
            return codes
        parts: list[tuple[frozenset[str], Callable[[], _Answered]]] = []
        words = _words(write, listing)
        if words.get("status") == _SEEN and self._channels.any:
            # Before it becomes visible: what is refused leaves everything as it is.
            parts.append((frozenset({PUBLISHED}), partial(self._channels.publish, listing.ref.external_id)))
        if codes and isinstance(found, Unit):
            parts.append((CODES, partial(self._send_codes, found, codes)))
        if words:
            parts.append((WORDS, partial(self._send_words, listing, words)))
        if IMAGES in write.values:
            if listing.ref.parent_external_id is not None:
                return Refused("variation", "images of the shop belong to products, and variations choose among them")
            parts.append((frozenset({IMAGES}), partial(self._images.write, listing.ref.external_id, write)))
        return _in_turn(write, listing.fields, parts)

    def _codes(self, write: FieldsWrite, found: Unit | RemoteListing) -> dict[str, Any] | Refused:
        """What is sent of a variant."""
        values = {field: value for field, value in write.values.items() if field in CODES}
        if not values:
            return {}
        if not isinstance(found, Unit):
            return Refused("group", "the product has variations: they have codes and prices")
        if any(len(values.get(field, "")) > LONGEST_CODE for field in (SKU, GTIN)):
            return Refused("too_long", f"the shop takes codes of up to {LONGEST_CODE} characters")
        sent: dict[str, Any] = {}
        if SKU in values:
            sent["inventoryItem"] = {"sku": values[SKU]}
        if GTIN in values:
            sent["barcode"] = values[GTIN]
        if PRICE in values:
            if not values[PRICE]:
                return Refused("no_price", "a variant of the shop cannot be without a price")
            if not self._catalogue.view().gross:
                return Refused("net_prices", "the shop's prices are net, and no product of it says its tax rate")
            sent["price"] = values[PRICE]
        if ATTRIBUTES in values:
            options = _options(values[ATTRIBUTES], found.listing.fields.get(ATTRIBUTES, ""))
            if isinstance(options, Refused):
                return options
            sent["optionValues"] = options
        return sent

    def _send_codes(self, unit: Unit, sent: Mapping[str, Any]) -> _Answered:
        variables = {"product": unit.product, "variants": [{"id": unit.variant, **sent}]}
        answer = self._client.mutate(UPDATE_VARIANTS, variables)
        refused = refused_field(answer, "productVariantsBulkUpdate")
        if refused is not None:
            return refused
        try:
            payload = row_of(answer.data, "productVariantsBulkUpdate")
            rows = rows_of(payload, "productVariants")
            (row,) = [row for row in rows if row.get("id") == unit.variant]
            shown = codes_of(row, self._catalogue.view())
            return {**shown, ATTRIBUTES: attributes_text(options_of(row))}
        except ValueError as error:
            return Unknown(f"the answer cannot be read: {error}")

    def _send_words(self, listing: RemoteListing, sent: Mapping[str, Any]) -> _Answered:
        product = listing.ref.external_id
        answer = self._client.mutate(UPDATE_PRODUCT, {"product": {"id": product, **sent}})
        refused = refused_field(answer, "productUpdate")
        if refused is not None:
            return refused
        try:
            return words_of(updated(answer.data, product))
        except Malformed as error:
            return Unknown(f"the answer cannot be read: {error}")


def _in_turn(
    write: FieldsWrite, before: Mapping[str, str], parts: Sequence[tuple[frozenset[str], Callable[[], _Answered]]]
) -> FieldsResult:
    """Send one request after the other; once one was carried out, each field has its own outcome.

    Raises:
        SideError: Nothing was applied. OutcomeUnknown: The first may have been.
    """
    shown = dict(before)
    rest: dict[str, Refused | Unknown | NotSent] = {}
    for at, (names, send) in enumerate(parts):
        answered: _Answered | NotSent
        try:
            answered = send()
        except (SideError, Stopped) as error:
            if at == 0:
                raise
            answered = _after_others(error)
        if isinstance(answered, dict):
            shown |= answered
        elif at == 0:
            return answered
        else:
            rest |= dict.fromkeys(write.values.keys() & names, answered)
    taken = write.values.keys() - rest.keys()
    missing = sorted(taken - shown.keys())
    rest |= dict.fromkeys(missing, Unknown(f"the answer does not show {', '.join(missing)}"))
    fields = {field: shown[field] for field in write.values if field not in rest}
    if rest and fields:
        return WrittenInPart(fields, rest)
    return next(iter(rest.values())) if rest else Written(fields)


def _after_others(error: SideError | Stopped) -> Refused | Unknown | NotSent:
    """What became of a request that failed when others of its write were carried out."""
    match error:
        case OutcomeUnknown():
            return Unknown(describe(error))
        case Rejected():
            return Refused(error.key or "refused", error.detail)
        case _:
            return NotSent(str(error))


def updated(data: Row, product: str) -> Row:
    """The product in the answer to an update.

    Raises:
        Malformed: It is not there, or another.
    """
    row = row_of(row_of(data, "productUpdate"), "product")
    if row.get("id") != product:
        raise Malformed("the answer is about another product")
    return row


def _words(write: FieldsWrite, listing: RemoteListing) -> dict[str, Any]:
    """What is sent of a product. One that customers see or do not see already keeps its status, whichever it is."""
    sent: dict[str, Any] = {_KEYS[field]: value for field, value in write.values.items() if field in _KEYS}
    if DESCRIPTION in write.values:
        sent["descriptionHtml"] = texts.as_html(write.values[DESCRIPTION])
    if PUBLISHED in write.values and (write.values[PUBLISHED] == YES) is not listing.published:
        sent["status"] = _SEEN if write.values[PUBLISHED] == YES else "DRAFT"
    return sent


def _options(wanted: str, there: str) -> list[dict[str, str]] | Refused:
    """Values of a variant's options. An option is one of all variants of a product: none is added or taken away."""
    new, old = attributes_of(wanted), attributes_of(there)
    named = {name.casefold(): name for name in old}
    if {name.casefold() for name in new} != named.keys():
        words = "the product has other options than the variation; in this shop all variations have the same ones"
        return Refused("other_options", words)
    return [{"optionName": named[name.casefold()], "name": value} for name, value in new.items()]
