"""Writes of products' fields, each sent once. Stock never travels with them.

Words and the published state belong to the product, codes, price, tax and options to its variants. What a write has of
both goes out in one request, the variant first: that is refused more often, and then nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from syncd.adapters import texts
from syncd.adapters.answers import LONGEST_CODE, Row, row_of, rows_of
from syncd.adapters.vendure.mapping import Unit, group_of, unit_of
from syncd.adapters.vendure.wire import id_of
from syncd.core.attributes import attributes_of
from syncd.core.fields import ATTRIBUTES, DESCRIPTION, GTIN, NAME, PRICE, PUBLISHED, SKU, TAX_RATE, YES
from syncd.core.model import FieldsResult, FieldsWrite, NotSent, Refused, Unknown, Written
from syncd.errors import OutcomeUnknown, Rejected, SideError, Stopped
from syncd.http.session import describe

if TYPE_CHECKING:
    from syncd.adapters.vendure.catalogue import Catalogue, Found
    from syncd.adapters.vendure.client import VendureClient
    from syncd.adapters.vendure.facts import ShopFacts
    from syncd.adapters.vendure.options import OptionWriter
    from syncd.core.model import RemoteListing

WORDS = frozenset({NAME, DESCRIPTION, PUBLISHED})
CODES = frozenset({SKU, GTIN, PRICE, TAX_RATE, ATTRIBUTES})
WRITABLE = WORDS | CODES
LONGEST_NAME = 255
"""In characters: what every database that Vendure runs on takes."""

LARGEST_PRICE = 2**31 - 1
"""In hundredths."""

_GONE = Refused("not_found", "the shop does not have it any more", gone=True)


class FieldWriter:
    """Sends fields of products, one product at a time.

    Args:
        client: Calls.
        catalogue: Reads.
        facts: The shop's channel and taxes.
        options: Finds and makes values of options.
        gtin_field: Custom field of variants, or ``None``.
        language: Of names and descriptions; ``None`` for the channel's own.
    """

    def __init__(
        self,
        client: VendureClient,
        catalogue: Catalogue,
        facts: ShopFacts,
        options: OptionWriter,
        gtin_field: str | None,
        language: str | None,
    ) -> None:
        self._client = client
        self._catalogue = catalogue
        self._facts = facts
        self._options = options
        self._gtin_field = gtin_field
        self._language = language

    def write(self, writes: Sequence[FieldsWrite]) -> list[FieldsResult]:
        """Look at the listings, then send each write once; after one without an answer the rest is left unsent.

        Raises:
            SideError: Nothing of this call was applied. Malformed: The look failed, nothing was sent.
        """
        shown = self._catalogue.look_with_heads(write.ref for write in writes)
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
                results.append(Refused(error.key.lower() or "refused", error.detail))
            except (SideError, Stopped) as error:
                if not any(isinstance(one, Written | Unknown) for one in results):
                    raise
                trouble = str(error)
                results.append(NotSent(trouble))
        return results

    def _one(self, write: FieldsWrite, found: tuple[Found, Row] | None) -> FieldsResult:
        if found is None:
            return _GONE
        one, head = found
        codes = self._codes(write, one, head)
        if isinstance(codes, Refused):
            return codes
        if len(write.values.get(NAME, "")) > LONGEST_NAME:
            return Refused("too_long", f"the shop takes names of up to {LONGEST_NAME} characters")
        if isinstance(one, Unit) and one.listing.ref.parent_external_id is not None and WORDS & write.values.keys():
            return Refused("variation", "a variation has no words of its own: its product has them")
        words = self._words(write, head)
        if isinstance(one, Unit):
            codes |= self._words_of_variant(write, one)
        listing = self._send(one, head, codes, words)
        missing = sorted(write.values.keys() - listing.fields.keys())
        if missing:
            return Unknown(f"the answer does not show {', '.join(missing)}")
        return Written({field: listing.fields[field] for field in write.values})

    def _send(self, one: Found, head: Row, codes: Mapping[str, Any], words: Mapping[str, Any]) -> RemoteListing:
        operations, facts = self._catalogue.operations, self._facts.now()
        products = [{"id": id_of(head), **words}] if words else []
        if not isinstance(one, Unit):
            answer = self._client.mutate(operations.update, {"variants": [], "products": products})
            return self._shown(answer.data, "products", lambda row: group_of(row, one.children or ()))
        variants = [{"id": one.variant, **codes}] if codes else []
        if not products:
            answer = self._client.mutate(operations.update_variants, {"variants": variants})
            return self._shown(answer.data, "variants", lambda row: unit_of(row, row_of(row, "product"), facts).listing)

        def of_product(row: Row) -> RemoteListing:
            (mine,) = [each for each in rows_of(row, "variants") if id_of(each) == one.variant]
            return unit_of(mine, row, facts).listing

        answer = self._client.mutate(operations.update, {"variants": variants, "products": products})
        return self._shown(answer.data, "products", of_product)

    def _shown(self, data: Row, name: str, read: Callable[[Row], RemoteListing]) -> RemoteListing:
        """The listing in the answer.

        Raises:
            OutcomeUnknown: It cannot be read.
        """
        try:
            (row,) = rows_of(data, name)
            return read(row)
        except ValueError as error:  # Malformed, or not one row
            detail = f"the answer cannot be read: {error}"
            raise OutcomeUnknown(self._client.side, self._client.request, detail) from error

    def _words(self, write: FieldsWrite, head: Row) -> dict[str, Any]:
        """What is sent of a product. What it has in no translation yet is taken from the one that it shows."""
        words: dict[str, Any] = {}
        if NAME in write.values:
            words["name"] = write.values[NAME]
        if DESCRIPTION in write.values:
            words["description"] = texts.as_html(write.values[DESCRIPTION])
        sent: dict[str, Any] = {}
        if words:
            language = self._language or self._facts.now().language
            if head.get("languageCode") != language:
                words = {name: head.get(name) or "" for name in ("name", "slug", "description")} | words
            sent["translations"] = [{"languageCode": language, **words}]
        if PUBLISHED in write.values:
            sent["enabled"] = write.values[PUBLISHED] == YES
        return sent

    def _words_of_variant(self, write: FieldsWrite, unit: Unit) -> dict[str, Any]:
        """The only variant of a product is called as it is, and is for sale if it shall be."""
        sent: dict[str, Any] = {}
        if NAME in write.values:
            language = self._language or self._facts.now().language
            sent["translations"] = [{"languageCode": language, "name": write.values[NAME]}]
        if write.values.get(PUBLISHED) == YES and not unit.enabled:
            sent["enabled"] = True
        return sent

    def _codes(self, write: FieldsWrite, one: Found, head: Row) -> dict[str, Any] | Refused:
        """What is sent of a variant."""
        values = {field: value for field, value in write.values.items() if field in CODES}
        if not values:
            return {}
        if not isinstance(one, Unit):
            return Refused("group", "the product has variations: they have codes and prices")
        if any(len(values.get(field, "")) > LONGEST_CODE for field in (SKU, GTIN)):
            return Refused("too_long", f"the shop takes codes of up to {LONGEST_CODE} characters")
        sent: dict[str, Any] = {}
        if SKU in values:
            sent["sku"] = values[SKU]
        if GTIN in values:
            if self._gtin_field is None:
                return Refused("no_field", "the shop has no place for the EAN/GTIN: name one in gtin_field")
            sent["customFields"] = {self._gtin_field: values[GTIN] or None}
        money = self._money(values)
        if isinstance(money, Refused):
            return money
        sent |= money
        if ATTRIBUTES in values:
            options = self._options.ids(id_of(head), attributes_of(values[ATTRIBUTES]))
            if isinstance(options, Refused):
                return options
            sent["optionIds"] = options
        return sent

    def _money(self, values: Mapping[str, str]) -> dict[str, Any] | Refused:
        """What is sent of price and tax; the price is gross, so another tax leaves it as it is."""
        sent: dict[str, Any] = {}
        if PRICE in values:
            price = price_of(values[PRICE], gross=self._facts.now().gross)
            if isinstance(price, Refused):
                return price
            sent["price"] = price
        if TAX_RATE in values:
            category = self._facts.tax_category(Decimal(values[TAX_RATE]) if values[TAX_RATE] else None)
            if isinstance(category, Refused):
                return category
            sent["taxCategoryId"] = category
        return sent


def price_of(price: str, *, gross: bool) -> int | Refused:
    """A price in hundredths, as a channel takes it whose prices are entered with tax."""
    if not price:
        return Refused("no_price", "a variant of the shop cannot be without a price")
    if not gross:
        return Refused("net_prices", "prices are entered without tax there, and not every gross price can be")
    hundredths = int(Decimal(price) * 100)
    if hundredths > LARGEST_PRICE:
        return Refused("out_of_range", f"the shop takes prices of up to {Decimal(LARGEST_PRICE) / 100}")
    return hundredths
