"""Writes to products, each sent once, in as few requests as the shop's routes allow.

Source: woocommerce-api.md sections 4 to 6; recordings 03-inventory-delta, 04-batch and 05b-text-round-trip.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from syncd.adapters.answers import Malformed
from syncd.adapters.woocommerce import mapping
from syncd.adapters.woocommerce.attributes import AttributeWriter, attributes_field
from syncd.adapters.woocommerce.client import NO_ROUTE, WooClient
from syncd.adapters.woocommerce.image_note import images_field
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
)
from syncd.core.model import (
    FieldsResult,
    FieldsWrite,
    ListingRef,
    NotSent,
    Refused,
    StockWrite,
    Unknown,
    WriteResult,
    Written,
)
from syncd.errors import InvalidResponse, NotFound, OutcomeUnknown, Rejected, SideError, Stopped
from syncd.http.session import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.adapters.woocommerce.catalogue import Catalogue
    from syncd.adapters.woocommerce.images import ImageWriter
    from syncd.adapters.woocommerce.prices import ShopPrices
    from syncd.adapters.woocommerce.terms import ShopTerms

_STOCK_ANSWER = "id,manage_stock,stock_quantity,meta_data"
_FIELDS_ANSWER = (
    "id,type,name,description,categories,brands,sku,global_unique_id,parent_id,regular_price,tax_status,tax_class,"
    "images,image,meta_data,attributes,status"
)

WRITABLE = frozenset({NAME, DESCRIPTION, BRAND, CATEGORIES, IMAGES, SKU, GTIN, PRICE, TAX_RATE, ATTRIBUTES, PUBLISHED})
"""Fields that ``FieldWriter`` can write."""

_MONEY = frozenset({PRICE, TAX_RATE})

Write = TypeVar("Write", StockWrite, FieldsWrite)
Result = TypeVar("Result", WriteResult, FieldsResult)


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Write, Result]):
    """How one kind of writes looks on the wire.

    Attributes:
        item: The entry of one write.
        result: What the shop's answer to it says; of an answer that is missing, too.
        answer_fields: What a single write asks to be answered.
    """

    item: Callable[[Write], dict[str, Any]]
    result: Callable[[object, Write], Result]
    answer_fields: str


class StockWriter:
    """Sends stock writes of one call, one request at a time."""

    def __init__(self, client: WooClient) -> None:
        self._client = client
        self._kind = _Kind(mapping.write_item, mapping.write_result, _STOCK_ANSWER)

    def write(self, writes: Sequence[StockWrite]) -> list[WriteResult]:
        """Send each write at most once; see ``_send_all``.

        Raises:
            SideError: Nothing of this call was applied.
        """
        refused: dict[int, WriteResult] = {}
        for index, write in enumerate(writes):
            try:
                mapping.write_item(write)
            except ValueError as error:
                refused[index] = Refused("fraction", str(error))
        return _send_all(self._client, self._kind, writes, refused)


class FieldWriter:
    """Sends fields of products; a request without a stock field does not disturb stock (section 4)."""

    def __init__(
        self, client: WooClient, catalogue: Catalogue, prices: ShopPrices, terms: ShopTerms, images: ImageWriter
    ) -> None:
        self._client = client
        self._catalogue = catalogue
        self._prices = prices
        self._terms = terms
        self._images = images
        self._attributes = AttributeWriter(client)

    def write(self, writes: Sequence[FieldsWrite]) -> list[FieldsResult]:
        """Send each write once; see ``_send_all``.

        Raises:
            SideError: Nothing of this call was applied.
        """
        self._terms.begin()
        # Asked before anything is sent: the answer could not be read otherwise.
        asked = self._money({index: write for index, write in enumerate(writes) if _MONEY & write.values.keys()})
        bodies: dict[ListingRef, dict[str, Any]] = {}
        refused: dict[int, FieldsResult] = {}
        for index, write in enumerate(writes):
            body = self._body(write, asked.get(index, {}))
            if isinstance(body, dict):
                bodies[write.ref] = body
            else:
                refused[index] = body

        def item(write: FieldsWrite) -> dict[str, Any]:
            return {**mapping.fields_item(write), **bodies[write.ref]}

        def result(answer: object, write: FieldsWrite) -> FieldsResult:
            return self._result(answer, write, bodies[write.ref])

        return _send_all(self._client, _Kind(item, result, _FIELDS_ANSWER), writes, refused)

    def _body(
        self, write: FieldsWrite, money: dict[str, str] | Refused | NotSent
    ) -> dict[str, Any] | Refused | NotSent | Unknown:
        """What is sent besides plain fields, unless something of the write cannot be stored."""
        if not mapping.is_storable_gtin(write.values.get(GTIN, EMPTY)):
            return Refused("not_a_gtin", "of a GTIN the shop keeps digits and hyphens only")
        if not mapping.is_storable_sku(write.values.get(SKU, EMPTY)):
            return Refused("not_a_sku", "the shop cuts < and backslashes out of SKUs")
        if not isinstance(money, dict):
            return money
        named = self._named(write)
        return {**named, **money} if isinstance(named, dict) else named

    def _named(self, write: FieldsWrite) -> dict[str, object] | Refused | NotSent | Unknown:
        """What is sent of fields that name something; what the shop lacks is made first, and found again if lost."""
        try:
            named: dict[str, object] = {}
            for part in (self._terms.item(write.values), *self._of_one(write)):
                if not isinstance(part, dict):
                    return part
                named |= part
            return named
        except (Rejected, NotFound) as error:
            return mapping.refusal(error.key, error.detail)
        except SideError as error:
            return NotSent(describe(error))

    def _of_one(self, write: FieldsWrite) -> Iterator[dict[str, Any] | Refused | NotSent | Unknown]:
        """Parts that need looks at the product itself."""
        if IMAGES in write.values:
            yield self._images.item(write)
        if ATTRIBUTES in write.values:
            yield self._attributes.item(write)

    def _money(self, writes: Mapping[int, FieldsWrite]) -> dict[int, dict[str, str] | Refused | NotSent]:
        """Price and tax class of each write that has them; of net prices the rows are looked at before.

        Raises:
            SideError: The shop's settings cannot be read.
        """
        if not writes:
            return {}
        if self._prices.are_gross():
            return {index: self._prices.item(write.values) for index, write in writes.items()}
        try:
            found = self._catalogue.fetch([write.ref for write in writes.values()])
        except (Malformed, InvalidResponse) as error:  # nothing was sent
            return dict.fromkeys(writes, NotSent(f"net prices need the products' tax classes: {error}"))
        shown = {listing.ref.external_id: listing.fields for listing in found.listings}
        return {
            index: self._prices.item(write.values, shown[write.ref.external_id])
            if write.ref.external_id in shown
            else Refused("not_found", "the shop does not have it any more", gone=True)
            for index, write in writes.items()
        }

    def _result(self, item: object, write: FieldsWrite, sent: Mapping[str, object]) -> FieldsResult:
        row = mapping.answered(item, write.ref)
        if not isinstance(row, Mapping):
            return row
        variation = write.ref.parent_external_id is not None
        inherited = self._catalogue.tax_class_of(write.ref.parent_external_id)
        shown = {**self._prices.of(row, inherited), **mapping.codes_of(row), **images_field(row, variation=variation)}
        if not variation:
            shown |= {**mapping.words_of(row), **self._terms.of(row)}
        else:
            # A variation without a code shows its parent's.
            shown |= {field: EMPTY for field in (SKU, GTIN) if write.values.get(field) == EMPTY}
            shown |= attributes_field(row)
        missing = sorted(write.values.keys() - shown.keys())
        if missing:
            return Unknown(f"the answer does not show {', '.join(missing)}")
        lost, kept = self._terms.stored(row, sent)
        return Written({field: shown[field] for field in write.values}, lost, kept)


def _send_all(
    client: WooClient,
    kind: _Kind[Write, Result],
    writes: Sequence[Write],
    refused: dict[int, Result],
) -> list[Result]:
    """Send each write at most once; results in the same order.

    Products share one request, variations one per parent. After a request without a trustworthy answer, or one
    that did not get through, the rest is left unsent and says so; what the shop has answered is kept.
    """
    results: dict[int, Result] = {**refused}
    groups: defaultdict[str | None, list[int]] = defaultdict(list)
    for index, write in enumerate(writes):
        if index not in refused:
            groups[write.ref.parent_external_id].append(index)
    sent_any, trouble = False, ""
    for parent, members in groups.items():
        if trouble:
            results |= dict.fromkeys(members, NotSent(trouble))
            continue
        answers: Sequence[Result]
        try:
            answers = _send(client, kind, parent, [writes[index] for index in members])
        except OutcomeUnknown as error:
            trouble = describe(error)
            answers = [Unknown(trouble)] * len(members)
        except Stopped as error:
            trouble = str(error)
            answers = [NotSent(trouble)] * len(members)
        except SideError as error:
            if not sent_any:
                raise
            trouble = describe(error)
            answers = [NotSent(trouble)] * len(members)
        sent_any = True
        results |= dict(zip(members, answers, strict=True))
    return [results[index] for index in range(len(writes))]


def _send(client: WooClient, kind: _Kind[Write, Result], parent: str | None, group: Sequence[Write]) -> list[Result]:
    base = "products" if parent is None else f"products/{parent}/variations"
    items = [kind.item(write) for write in group]
    try:
        if len(group) == 1:
            answer = client.post(f"{base}/{items[0]['id']}", items[0], {"_fields": kind.answer_fields})
            return [kind.result(answer, group[0])]
        answer = client.post(f"{base}/batch", {"update": items})
    except Rejected as error:
        if error.key == NO_ROUTE:
            raise InvalidResponse(error.side, error.request, "the shop does not know this route") from error
        return [mapping.refusal(error.key, error.detail) for _ in group]
    entries = answer.get("update") if isinstance(answer, Mapping) else None
    listed: list[object] = entries if isinstance(entries, list) else []
    # Same order as sent; an answer that is too short leaves its writes unknown, never refused.
    padded = [*listed, *([None] * len(group))]
    return [kind.result(padded[at], write) for at, write in enumerate(group)]
