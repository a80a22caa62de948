"""Writes of products' fields: each product's rows belong together, and many products share a request.

Products are read before, for a net price needs its rate and a list that only grows needs what is to go, and read after,
for the shop's answer names ids alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from syncd.adapters import texts
from syncd.adapters.answers import Malformed, Row
from syncd.adapters.shopware6 import bulk, mapping, options
from syncd.adapters.shopware6.bulk import Piece
from syncd.adapters.shopware6.prices import gross_shown, price_rows, rate_shown
from syncd.adapters.shopware6.terms import Names
from syncd.adapters.shopware6.wire import row_id, rows_of
from syncd.adapters.shopware6.writes import declined, refusal
from syncd.core.attributes import attributes_of
from syncd.core.fields import (
    ATTRIBUTES,
    BRAND,
    CATEGORIES,
    DESCRIPTION,
    EMPTY,
    GTIN,
    IMAGES,
    NAME,
    PRICE,
    PUBLISHED,
    SKU,
    TAX_RATE,
    YES,
)
from syncd.core.model import FieldsResult, FieldsWrite, NotSent, Refused, Unknown, Written
from syncd.core.paths import paths_of
from syncd.errors import OutcomeUnknown, SideError, Stopped
from syncd.http.session import describe

if TYPE_CHECKING:
    from syncd.adapters.shopware6.bulk import Line, PartResult
    from syncd.adapters.shopware6.catalogue import Catalogue
    from syncd.adapters.shopware6.client import ShopClient
    from syncd.adapters.shopware6.images import ImageWriter
    from syncd.adapters.shopware6.options import Family
    from syncd.adapters.shopware6.shop import ShopFacts
    from syncd.adapters.shopware6.terms import Categories

WRITABLE = frozenset({NAME, DESCRIPTION, BRAND, CATEGORIES, IMAGES, SKU, GTIN, PRICE, TAX_RATE, ATTRIBUTES, PUBLISHED})
"""Fields that ``FieldWriter`` can write."""

LONGEST_NAME = 255
LONGEST_NUMBER = 64
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_CUT = re.compile(r"<(?=\S)")
"""From here on the shop takes a plain text for a tag and cuts it out, also if it never ends."""


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of a product before a write: its row, that of its product, and what its variants choose from."""

    row: Row
    parent: Row | None
    family: Family


class FieldWriter:
    """Sends fields of products; stock is never among them."""

    def __init__(
        self, client: ShopClient, catalogue: Catalogue, facts: ShopFacts, categories: Categories, images: ImageWriter
    ) -> None:
        self._client = client
        self._catalogue = catalogue
        self._facts = facts
        self._categories = categories
        self._images = images

    def write(self, writes: Sequence[FieldsWrite]) -> list[FieldsResult]:
        """Send each write once.

        Raises:
            SideError: Nothing of this call was applied.
        """
        if not writes:
            return []
        before = self._before(writes)
        names = Names(self._client)
        parts: dict[int, bulk.Part] = {}
        results: dict[int, FieldsResult] = {}
        for at, write in enumerate(writes):
            part = self._part(write, before.get(write.ref.external_id), names)
            if isinstance(part, bulk.Part):
                parts[at] = part
            else:
                results[at] = part
        answers = bulk.send(self._client, list(parts.values()), bulk.FIELD_HEADERS)
        if not all(isinstance(answer, bulk.Taken) for answer in answers):
            # A category, channel or tax may have been deleted since the lists were read: the next try reads them.
            self._categories.forget()
            self._facts.forget()
        results |= self._results({at: (writes[at], answer) for at, answer in zip(parts, answers, strict=True)})
        return [results[at] for at in range(len(writes))]

    def _before(self, writes: Sequence[FieldsWrite]) -> dict[str, Before]:
        rows = self._catalogue.rows([write.ref.external_id for write in writes])
        above = {mapping.parent_id(row) for row in rows.values()} - {None}
        parents = self._catalogue.rows([each for each in above if each])
        optional = [write.ref.external_id for write in writes if ATTRIBUTES in write.values]
        listed = {rows[each]["parentId"] for each in optional if each in rows and rows[each]["parentId"]}
        families = options.families(self._client, sorted(listed)) if listed else {}
        found = {}
        for each, row in rows.items():
            parent = mapping.parent_id(row)
            family = families.get(parent, options.NO_FAMILY) if parent else options.NO_FAMILY
            found[each] = Before(row, parents.get(parent) if parent else None, family)
        return found

    def _part(self, write: FieldsWrite, before: Before | None, names: Names) -> bulk.Part | Refused | NotSent | Unknown:
        """All rows of one write, unless something of it cannot be stored."""
        try:
            if before is None:
                if self._catalogue.is_gone(write.ref.external_id):
                    return refusal((), gone=True)
                return NotSent("the shop showed it only when it was asked for alone: the next pass looks again")
            found: dict[str, Any] = {"id": row_id(before.row)}
            lines: list[Line] = []
            for piece in (_words(write.values), self._money(write.values, before)):
                if isinstance(piece, Refused):
                    return piece
                found |= piece
            for more in self._named(write, before, names):
                if not isinstance(more, Piece):
                    return more
                found |= more.row
                lines += more.lines
            return bulk.Part([*lines, bulk.Line("product", found)], write.ref.external_id)
        except OutcomeUnknown as error:
            # Of the product nothing was sent yet; what it names may be there, and is found at the next try.
            return NotSent(describe(error))
        except (SideError, Stopped, Malformed) as error:
            return NotSent(str(error))

    def _money(self, values: Mapping[str, str], before: Before) -> dict[str, Any] | Refused:
        if not {PRICE, TAX_RATE} & values.keys():
            return {}
        if values.get(PRICE) == EMPTY:
            return Refused("price_needed", "Shopware has no products without a price")
        found: dict[str, Any] = {}
        rate = rate_shown(before.row, before.parent)
        if TAX_RATE in values:
            tax = self._facts.tax(Decimal(values[TAX_RATE]))
            if isinstance(tax, Refused):
                return tax
            found["taxId"], rate = tax.id, tax.rate
        gross = Decimal(values[PRICE]) if PRICE in values else gross_shown(before.row, before.parent)
        if rate is None:
            return Refused("tax_rate_unknown", "the shop does not tell the tax rate of the product")
        if gross is not None:
            found["price"] = price_rows(gross, rate, before.row, before.parent)
        return found

    def _named(self, write: FieldsWrite, before: Before, names: Names) -> list[Piece | Refused | Unknown]:
        """What is sent of fields that name something, and of lists that only grow."""
        found: list[Piece | Refused | Unknown] = []
        values = write.values
        if BRAND in values:
            brand = values[BRAND]
            term = names.term("product_manufacturer", brand) if brand != EMPTY else None
            found.append(Piece({"manufacturerId": term.id if term else None}, term.lines if term else ()))
        if CATEGORIES in values:
            found.append(self._in_categories(values[CATEGORIES], before.row))
        if ATTRIBUTES in values:
            found.append(_with_options(names, values[ATTRIBUTES], before))
        if values.get(PUBLISHED, YES) != YES:
            found.append(Piece({}, hidden_variants(self._catalogue, write.ref.external_id)))
        if IMAGES in values and not [each for each in found if not isinstance(each, Piece)]:
            found.append(self._images.piece(write, before.row))
        return found

    def _in_categories(self, value: str, row: Row) -> Piece | Refused:
        terms = self._categories.terms(paths_of(value))
        if isinstance(terms, Refused):
            return terms
        product, wanted = row_id(row), {term.id for term in terms}
        lines = [line for term in terms for line in term.lines]
        for each in rows_of(row, "categories") or ():
            # The root is no category of the till's, whoever put the product there.
            if row_id(each) not in wanted and mapping.path_of(each):
                link = {"productId": product, "categoryId": row_id(each)}
                lines.append(bulk.Line("product_category", link, bulk.DELETE))
        return Piece({"categories": [{"id": each} for each in sorted(wanted)]} if wanted else {}, lines)

    def _results(self, sent: Mapping[int, tuple[FieldsWrite, PartResult]]) -> dict[int, FieldsResult]:
        taken = [write.ref.external_id for write, answer in sent.values() if isinstance(answer, bulk.Taken)]
        results: dict[int, FieldsResult] = {}
        shown: Mapping[str, Mapping[str, str]] = {}
        trouble = "the shop does not show it after the write"
        try:
            rows = self._catalogue.rows(taken)
            listings = self._catalogue.listings(list(rows.values()))
            shown = {listing.ref.external_id: listing.fields for listing in listings}
        except (SideError, Stopped, Malformed) as error:
            trouble = f"written, but not read back: {error}"
        for at, (write, answer) in sent.items():
            match answer:
                case bulk.Taken():
                    fields = shown.get(write.ref.external_id, {})
                    missing = sorted(write.values.keys() - fields.keys())
                    told = f"the shop does not show {', '.join(missing)}" if fields else trouble
                    results[at] = Unknown(told) if missing else Written({name: fields[name] for name in write.values})
                case bulk.Declined(errors=errors):
                    results[at] = declined(errors, self._catalogue, write.ref.external_id)
                case Unknown() | NotSent():
                    results[at] = answer
        return results


def plain_name(name: str) -> str | Refused:
    """A name as the shop keeps it whole: tags are cut out there, and what only looks like one as well.

    >>> plain_name("Mug <b>big</b> < 5")
    'Mug big < 5'
    >>> plain_name("Size <XL").code
    'not_a_name'
    """
    text = _TAG.sub("", name).strip()
    if not text:
        return Refused("not_a_name", "Shopware has no products without a name")
    if _CUT.search(text):
        return Refused("not_a_name", f"Shopware cuts out what follows a < without a blank: {name[:80]}")
    if len(text) > LONGEST_NAME:
        return Refused("name_too_long", f"Shopware keeps {LONGEST_NAME} characters of a name; this one has {len(text)}")
    return text


def number_refused(number: str) -> Refused | None:
    """Why a product number cannot be stored whole."""
    if not number.strip():
        return Refused("sku_needed", "Shopware has no products without a number")
    if _CUT.search(number) or len(number) > LONGEST_NUMBER:
        return Refused("not_a_sku", f"Shopware keeps {LONGEST_NUMBER} characters of a number, and no tags")
    return None


def _words(values: Mapping[str, str]) -> dict[str, Any] | Refused:
    """Name, text, codes and state as the row's own values."""
    found: dict[str, Any] = {}
    if NAME in values:
        name = plain_name(values[NAME])
        if isinstance(name, Refused):
            return name
        found["name"] = name
    if SKU in values:
        refused = number_refused(values[SKU])
        if refused is not None:
            return refused
        found["productNumber"] = values[SKU]
    if GTIN in values:
        if len(values[GTIN]) > LONGEST_NAME or _CUT.search(values[GTIN]):
            return Refused("not_a_gtin", f"Shopware keeps {LONGEST_NAME} characters of an EAN, and no tags")
        found["ean"] = values[GTIN] or None
    if DESCRIPTION in values:
        found["description"] = texts.as_html(values[DESCRIPTION]) or None
    if PUBLISHED in values:
        found["active"] = values[PUBLISHED] == YES
    return found


def _with_options(names: Names, value: str, before: Before) -> Piece | Refused:
    row = before.row
    parent = mapping.parent_id(row)
    if parent is None:
        return Refused("no_variant", "only variants have options")
    terms = options.chosen(names, before.family, parent, attributes_of(value))
    if isinstance(terms, Refused):
        return terms
    wanted, product = {term.id for term in terms}, row_id(row)
    lines = [line for term in terms for line in term.lines]
    present = {row_id(each) for each in rows_of(row, "options") or ()}
    lines += [
        bulk.Line("product_option", {"productId": product, "optionId": each}, bulk.DELETE)
        for each in sorted(present - wanted)
    ]
    more = sorted(wanted - present)
    return Piece({"options": [{"id": each} for each in more]} if more else {}, lines)


def hidden_variants(catalogue: Catalogue, product_id: str) -> list[Line]:
    """Rows that leave to a product whether its variants are shown: one that says so itself would stay in the shop."""
    return [
        bulk.Line("product", {"id": row_id(row), "active": None})
        for rows in catalogue.variants_of([product_id])
        for row in rows
        if row.get("active") is True
    ]
