"""Making products in a shop, each at most once (shopify-api.md section 6).

A product is made whole by one request. Its handle, the last part of its address, ends in a digest of the mark: the shop
refuses a handle that is taken, so even a second request could not make a second product, and it is found by its handle
past the search index. The mark itself is kept in a metafield, and one with each variation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from loguru import logger

from syncd.adapters import texts
from syncd.adapters.answers import Malformed, mapping_of, row_of, text_of
from syncd.adapters.shopify.describing import Whole, WholeReader, mark_of
from syncd.adapters.shopify.mapping import group_of, is_plain
from syncd.adapters.shopify.operations import BY_HANDLE, MAKE_PRODUCT, MAKE_VARIANTS, NEWEST
from syncd.adapters.shopify.stock import refused_field
from syncd.adapters.shopify.wire import api_time, gid_of
from syncd.core.model import Refused, Unknown
from syncd.core.products import Made, MakeResult, NewProduct, Unit
from syncd.errors import OutcomeUnknown, Rejected, SideError, Stopped
from syncd.http.session import describe

if TYPE_CHECKING:
    from syncd.adapters.shopify.client import ShopifyClient
    from syncd.adapters.shopify.facts import ShopFacts
    from syncd.adapters.shopify.publishing import Channels

_NAMESPACE, _KEY, _TYPE = "syncd", "made", "single_line_text_field"
_MOST_OPTIONS = 3
_LONGEST_SLUG = 80
_DIGITS = 10
_DEFAULT = {"optionName": "Title", "name": "Default Title"}
_INDEX_LAG = timedelta(minutes=5)
_PER_PAGE = 100


class ProductMaker:
    """Makes products and variations, and finds them again."""

    def __init__(self, client: ShopifyClient, reader: WholeReader, facts: ShopFacts, channels: Channels) -> None:
        self._client = client
        self._channels = channels
        self._reader = reader
        self._facts = facts

    def make(self, new: NewProduct) -> MakeResult:
        """Make it; what was made is read again.

        Raises:
            SideError: Nothing was made. OutcomeUnknown: It may have been made.
            Malformed: The shop's settings could not be read; nothing was made.
        """
        refused = self._unfit(new)
        if refused is not None:
            return refused
        try:
            return self._product(new) if new.into is None else self._variations(new, new.into)
        except Rejected as error:
            return Refused(error.key or "refused", error.detail)

    def find(self, new: NewProduct, since: datetime) -> Made | None:
        """Look for what was made since a moment of the shop's clock: by its handle, then among the newest.

        Raises:
            Malformed: An answer is not what the contract says.
        """
        product = new.into if new.into is not None else self._marked(new, since)
        whole = self._reader.read(product) if product is not None else None
        if product is None or whole is None:
            return None
        made = _made(new, product, whole)
        self._offer(new, product)
        return made if made.units or new.into is None else None

    def _marked(self, new: NewProduct, since: datetime) -> str | None:
        row = self._client.query(BY_HANDLE, {"handle": handle_of(new)}).data.get("product")
        if row is not None and mark_of(mapping_of(row, "product")) == new.mark:
            return gid_of(mapping_of(row, "product"), "Product")
        # Somebody may have changed its address since.
        variables = {"first": _PER_PAGE, "query": f"created_at:>='{api_time(since - _INDEX_LAG)}'"}
        for page in self._client.pages(NEWEST, variables):
            for each in page.rows:
                if mark_of(each) == new.mark:
                    return gid_of(each, "Product")
        return None

    def _unfit(self, new: NewProduct) -> Refused | None:
        """What the shop cannot store as it is."""
        if not self._facts.shop().gross:
            return Refused("net_prices", "the shop's prices are net, and no product of it says its tax rate")
        trouble = self._channels.trouble() if new.publish and new.into is None else None
        if trouble is not None:
            return trouble
        names = list(options_of(new.product.units))
        if new.product.is_group and not 0 < len(names) <= _MOST_OPTIONS:
            return Refused("options", f"the shop takes one to three options of a product, not {len(names)}")
        for unit in new.product.units:
            if not unit.price:
                return Refused(
                    "no_price", f"the till names no price of {unit.label}, and the shop would sell it for none"
                )
            if new.product.is_group and set(unit.attributes) != set(names):
                return Refused("options", f"{unit.label} lacks an option that its siblings have")
        return None

    def _product(self, new: NewProduct) -> MakeResult:
        options = options_of(new.product.units)
        given = {
            "title": new.product.name,
            "handle": handle_of(new),
            "descriptionHtml": texts.as_html(new.product.description),
            "vendor": "",
            "status": "ACTIVE" if new.publish else "DRAFT",
            "metafields": [_mark(new.mark)],
            "productOptions": [
                {"name": name, "values": [{"name": value} for value in values]} for name, values in options.items()
            ]
            or [{"name": _DEFAULT["optionName"], "values": [{"name": _DEFAULT["name"]}]}],
            "variants": [self._unit(new, unit) for unit in new.product.units],
        }
        answer = self._client.mutate(MAKE_PRODUCT, {"input": given})
        refused = refused_field(answer, "productSet")
        if refused is not None:
            return refused
        try:
            payload = row_of(answer.data, "productSet")
            product = gid_of(row_of(payload, "product"), "Product")
        except Malformed as error:
            return Unknown(f"the answer cannot be read: {error}")
        self._offer(new, product)
        return self._read_again(new, product)

    def _offer(self, new: NewProduct, product: str) -> None:
        """Offer what customers are to see; until that is done, the next look finds the product and tries again.

        Raises:
            OutcomeUnknown: It is there, and perhaps not offered.
        """
        if not new.publish or new.into is not None:
            return
        try:
            refused = self._channels.publish(product)
        except (SideError, Stopped, Malformed) as error:
            words = describe(error) if isinstance(error, SideError) else str(error)
            raise OutcomeUnknown(self._client.side, "POST graphql.json", f"made, but not offered: {words}") from error
        if isinstance(refused, Refused | Unknown):
            words = refused.message if isinstance(refused, Refused) else refused.reason
            logger.bind(side=self._client.side, product=product, error=words).warning("shopify.not_offered")

    def _variations(self, new: NewProduct, into: str) -> MakeResult:
        whole = self._reader.read(into)
        if whole is None:
            return Refused("not_found", "the shop does not have the product any more", gone=True)
        if is_plain(whole.head):
            return Refused("not_variable", f"product {text_of(whole.head, 'title')} of the shop has no variations")
        units = [{**self._unit(new, unit), "optionValues": _values(unit)} for unit in new.product.units]
        for given in units:
            sku = given.pop("sku")
            given["inventoryItem"] = {**given["inventoryItem"], "sku": sku}
            given["inventoryQuantities"] = [{"locationId": self._location, "availableQuantity": 0}]
        answer = self._client.mutate(MAKE_VARIANTS, {"product": into, "variants": units})
        refused = refused_field(answer, "productVariantsBulkCreate")
        return refused if refused is not None else self._read_again(new, into)

    def _unit(self, new: NewProduct, unit: Unit) -> dict[str, Any]:
        quantity = {"locationId": self._location, "name": "available", "quantity": 0}
        given: dict[str, Any] = {
            "optionValues": _values(unit) if new.product.is_group else [_DEFAULT],
            "price": unit.price,
            "sku": unit.sku or "",
            "barcode": unit.gtin or "",
            "inventoryItem": {"tracked": True},
            "inventoryPolicy": "DENY",
            "inventoryQuantities": [quantity],
        }
        if unit.tax_rate is not None:
            given["taxable"] = unit.tax_rate != 0
        if new.product.is_group:
            given["metafields"] = [_mark(new.unit_mark(unit))]
        return given

    @property
    def _location(self) -> str:
        return self._facts.counted().gids[0]

    def _read_again(self, new: NewProduct, product: str) -> MakeResult:
        try:
            whole = self._reader.read(product)
        except (SideError, Stopped, Malformed) as error:
            words = describe(error) if isinstance(error, SideError) else str(error)
            raise OutcomeUnknown(self._client.side, "POST graphql.json", f"made, but not shown: {words}") from error
        if whole is None:
            return Unknown("the shop made it and does not show it")
        return _made(new, product, whole)


def handle_of(new: NewProduct) -> str:
    """The last part of a new product's address: its name, and a digest of its mark."""
    plain = unicodedata.normalize("NFKD", new.product.name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_SLUG].strip("-") or "product"
    return f"{slug}-{sha256(new.mark.encode()).hexdigest()[:_DIGITS]}"


def options_of(units: Sequence[Unit]) -> dict[str, list[str]]:
    """Values of each option, in the order of the units."""
    options: dict[str, list[str]] = {}
    for unit in units:
        for name, value in unit.attributes.items():
            values = options.setdefault(name, [])
            if value not in values:
                values.append(value)
    return options


def _values(unit: Unit) -> list[dict[str, str]]:
    return [{"optionName": name, "name": value} for name, value in unit.attributes.items()]


def _mark(value: str) -> dict[str, str]:
    return {"namespace": _NAMESPACE, "key": _KEY, "type": _TYPE, "value": value}


def _made(new: NewProduct, product: str, whole: Whole) -> Made:
    """Units by their marks; a product without variations has one."""
    if is_plain(whole.head):
        return Made(product, {new.product.units[0].source_id: whole.units[0][0].listing} if whole.units else {})
    marks: Mapping[str, str] = {new.unit_mark(unit): unit.source_id for unit in new.product.units}
    found = {marks[mark]: unit.listing for unit, _, mark in whole.units if mark in marks}
    units = {unit.source_id: found[unit.source_id] for unit in new.product.units if unit.source_id in found}
    missing = {key: Unknown("the shop shows nothing of it") for key in marks.values() if key not in units}
    return Made(product, units, missing, group_of(whole.head, [unit.variant for unit, _, _ in whole.units]))
