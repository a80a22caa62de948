"""Making products in a shop, and finding again what was made (woocommerce-api.md section 6; recordings 04, 05).

A product carries the mark of its making in its metadata, so one whose answer was lost is found among the newest ones.
Stock is counted from zero: how much there is, is written by the same means as ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from syncd.adapters import texts
from syncd.adapters.woocommerce import mapping
from syncd.adapters.woocommerce.attributes import NOT_AN_OPTION, chosen, extended, is_storable
from syncd.adapters.woocommerce.client import ListRequest, WooClient
from syncd.adapters.woocommerce.feeds import PER_PAGE, Query, row_time, whole_list
from syncd.adapters.woocommerce.wire import stored_name, stored_text
from syncd.core.model import NotSent, Refused, Unknown
from syncd.core.products import Made
from syncd.errors import NotFound, OutcomeUnknown, Rejected, SideError, Stopped
from syncd.http.session import describe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from syncd.adapters.answers import Row
    from syncd.adapters.woocommerce.catalogue import Catalogue
    from syncd.adapters.woocommerce.prices import ShopPrices
    from syncd.adapters.woocommerce.taxes import TaxClasses
    from syncd.core.model import RemoteListing
    from syncd.core.products import MakeResult, NewProduct, Unit

MADE_KEY = "_syncd_made"
"""Metadata key that says which call of ours made the product or variation."""

_NEWEST = f"{mapping.PRODUCT_FIELDS},date_created_gmt"
_MOST_PAGES = 100
_TRASHED_SKU = "woocommerce_rest_product_not_created"


class ProductMaker:
    """Makes products and variations, each sent once."""

    def __init__(self, client: WooClient, catalogue: Catalogue, prices: ShopPrices, taxes: TaxClasses) -> None:
        self._client = client
        self._catalogue = catalogue
        self._prices = prices
        self._taxes = taxes

    def make(self, new: NewProduct) -> MakeResult:
        """Make what is asked for.

        Raises:
            SideError: Nothing was made. OutcomeUnknown: The product may have been made.
        """
        bodies: dict[str, dict[str, Any]] = {}
        for unit in new.product.units:
            body = self._unit(unit)
            if isinstance(body, Refused):
                return body
            bodies[unit.source_id] = body
        try:
            if not new.product.is_group:
                (body,) = bodies.values()
                return self._simple({**self._head(new), **body, "type": "simple"}, new)
            parent = self._parent(new) if new.into is None else self._extended(new, new.into)
        except (Rejected, NotFound) as error:
            return _refused(error)
        return parent if isinstance(parent, Refused) else self._variations(new, parent, bodies)

    def find(self, new: NewProduct, since: datetime) -> Made | None:
        """Look for what was made since a moment of the shop's clock, by its marks."""
        try:
            return self._find(new, since)
        except NotFound as error:
            if not mapping.says_no_such_id(error.key):
                raise
            return None  # the product that they were to be variations of is gone

    def _find(self, new: NewProduct, since: datetime) -> Made | None:
        product_id = new.into
        row: Row | None = None
        if product_id is None:
            row = self._marked(new.mark, since)
            if row is None:
                return None
            product_id = str(mapping.row_id(row))
        if row is not None and not new.product.is_group:
            return Made(product_id, {new.product.units[0].source_id: self._catalogue.products([row])[0]})
        parent = self._catalogue.products([row])[0] if row is not None else None
        request = ListRequest(self._client, f"products/{product_id}/variations", mapping.VARIATION_FIELDS)
        marks = {new.unit_mark(unit): unit.source_id for unit in new.product.units}
        units: dict[str, RemoteListing] = {}
        for rows in whole_list(request, Query()):
            found = [each for each in rows if _mark_of(each) in marks]
            listings = self._catalogue.variations(found, int(product_id))
            units |= {marks[_mark_of(each) or ""]: one for each, one in zip(found, listings, strict=True)}
        missing = {key: Unknown("the shop shows nothing of it") for key in marks.values() if key not in units}
        return Made(product_id, units, missing, parent) if units or row is not None else None

    def _marked(self, mark: str, since: datetime) -> Row | None:
        """The newest products first; every one that is as old as the call was looked at."""
        params = {**mapping.AS_STORED, "_fields": _NEWEST, "orderby": "id", "order": "desc"}
        for page in range(1, _MOST_PAGES + 1):
            rows = self._client.page("products", params, page=page).rows
            found = next((row for row in rows if _mark_of(row) == mark), None)
            if found is not None:
                return found
            made = [row_time({"date_modified_gmt": row.get("date_created_gmt")}) for row in rows]
            if len(rows) < PER_PAGE or all(at is not None and at < since for at in made):
                return None
        return None

    def _head(self, new: NewProduct) -> dict[str, Any]:
        head = {
            "name": stored_name(new.product.name),
            "status": "publish" if new.publish else "draft",
            "meta_data": [{"key": MADE_KEY, "value": new.mark}],
        }
        if new.product.description:
            head["description"] = stored_text(texts.as_html(new.product.description))
        return head

    def _unit(self, unit: Unit) -> dict[str, Any] | Refused:
        body: dict[str, Any] = {"manage_stock": True, "stock_quantity": 0}
        if not is_storable(unit.attributes):
            return NOT_AN_OPTION
        if unit.sku and mapping.is_storable_sku(unit.sku):
            body["sku"] = unit.sku
        if unit.gtin and mapping.is_storable_gtin(unit.gtin):  # of other codes the shop would keep the digits alone
            body["global_unique_id"] = unit.gtin
        tax_class = self._taxes.of(unit.tax_rate)
        if isinstance(tax_class, Refused):
            return tax_class
        if tax_class is not None:
            body["tax_class"] = tax_class
        if unit.price:
            price = self._prices.price_to_make(unit.price, tax_class)
            if isinstance(price, Refused):
                return price
            body["regular_price"] = price
        return body

    def _simple(self, body: dict[str, Any], new: NewProduct) -> MakeResult:
        row = self._post("products", body, mapping.PRODUCT_FIELDS)
        listing = self._catalogue.products([row])[0]
        return Made(listing.ref.external_id, {new.product.units[0].source_id: listing})

    def _parent(self, new: NewProduct) -> Row:
        attributes = [
            {"name": name, "visible": True, "variation": True, "options": options}
            for name, options in _options(new.product.units).items()
        ]
        body = {**self._head(new), "type": "variable", "attributes": attributes}
        return self._post("products", body, mapping.PRODUCT_FIELDS)

    def _extended(self, new: NewProduct, into: str) -> Row | Refused:
        """Give a product of the shop the options that more variations need; what it has stays."""
        row = self._client.item(f"products/{into}", f"{mapping.PRODUCT_FIELDS},attributes", mapping.AS_STORED)
        if row.get("status") == "trash":
            return Refused("trashed", f"product {into} lies in the shop's trash", gone=True)
        if not mapping.is_group(row):
            return Refused("not_variable", f"product {into} of the shop has no variations")
        more = extended(row, _options(new.product.units))
        if more is not None:
            row = self._post(f"products/{into}", {"attributes": more}, mapping.PRODUCT_FIELDS)
        return row

    def _variations(self, new: NewProduct, row: Row, bodies: Mapping[str, dict[str, Any]]) -> Made:
        parent = self._catalogue.products([row])[0]
        product_id = parent.ref.external_id
        made = Made(product_id, {}, {}, parent)
        trouble: Unknown | NotSent | None = None
        for start in range(0, len(new.product.units), PER_PAGE):
            units = new.product.units[start : start + PER_PAGE]
            answers: list[object] = []
            if trouble is None:
                try:
                    answer = self._client.post(
                        f"products/{product_id}/variations/batch",
                        {"create": [_variation(new, unit, bodies[unit.source_id], row) for unit in units]},
                    )
                    entries = answer.get("create") if isinstance(answer, Mapping) else None
                    answers = entries if isinstance(entries, list) else []
                except OutcomeUnknown as error:
                    trouble = Unknown(describe(error))
                except (SideError, Stopped) as error:
                    trouble = NotSent(str(error))
            made = self._with(made, new, units, answers, trouble)
        return made

    def _with(
        self,
        made: Made,
        new: NewProduct,
        units: Sequence[Unit],
        answers: Sequence[object],
        trouble: Unknown | NotSent | None,
    ) -> Made:
        """What was made so far, and what one more answer says: same order as sent."""
        found, missing = dict(made.units), dict(made.missing)
        for at, unit in enumerate(units):
            row = answers[at] if at < len(answers) else None
            error = row.get("error") if isinstance(row, Mapping) else None
            if trouble is not None:
                missing[unit.source_id] = trouble
            elif isinstance(row, Mapping) and isinstance(error, Mapping):
                missing[unit.source_id] = mapping.refusal(str(error.get("code")), str(error.get("message") or ""))
            elif isinstance(row, Mapping) and _mark_of(row) == new.unit_mark(unit):
                found[unit.source_id] = self._catalogue.variations([row], int(made.product_id))[0]
            else:
                missing[unit.source_id] = Unknown("the answer says nothing of it")
        return Made(made.product_id, found, missing, made.parent)

    def _post(self, route: str, body: Mapping[str, Any], fields: str) -> Row:
        """Send, and read the product in the answer.

        Raises:
            OutcomeUnknown: The answer is no product.
        """
        answer = self._client.post(route, body, {"_fields": fields})
        if not isinstance(answer, dict):
            raise OutcomeUnknown(self._client.side, f"POST {route}", "the answer is no product")
        return answer


def _variation(new: NewProduct, unit: Unit, body: Mapping[str, Any], product: Row) -> dict[str, Any]:
    return {
        **body,
        "status": "publish",  # a draft's variations are not seen; once it is published they are
        "attributes": chosen(unit.attributes, product),
        "meta_data": [{"key": MADE_KEY, "value": new.unit_mark(unit)}],
    }


def _options(units: Sequence[Unit]) -> dict[str, list[str]]:
    """All values of each attribute, in order."""
    options: dict[str, list[str]] = {}
    for unit in units:
        for name, value in unit.attributes.items():
            known = options.setdefault(name, [])
            if value not in known:
                known.append(value)
    return options


def _mark_of(row: Row) -> str | None:
    value = row.get("meta_data")
    entries = value if isinstance(value, list) else []
    found = [each.get("value") for each in entries if isinstance(each, Mapping) and each.get("key") == MADE_KEY]
    return found[0] if found and isinstance(found[0], str) else None


def _refused(error: Rejected | NotFound) -> Refused:
    refused = mapping.refusal(error.key, error.detail)
    if error.key == _TRASHED_SKU:
        return Refused(error.key, f"{refused.message} (its SKU belongs to a product in the shop's trash: restore that)")
    return refused
