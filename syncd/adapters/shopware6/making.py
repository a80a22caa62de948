"""Making products in a shop, and finding again what was made (shopware6-api.md sections 5 and 6).

Ids are derived from the mark of the making, so the shop itself refuses to have one thing twice, and what was made
without an answer is found by asking for those ids. A product with all its variants is one request; nothing is half
made. Stock begins at zero: how much there is, is written by the same means as ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from syncd.adapters import texts
from syncd.adapters.answers import Malformed, Row
from syncd.adapters.shopware6 import bulk, mapping, options
from syncd.adapters.shopware6.bulk import Declined, Line, Part, Taken
from syncd.adapters.shopware6.fields import LONGEST_NAME, number_refused, plain_name
from syncd.adapters.shopware6.ids import derived
from syncd.adapters.shopware6.prices import gross_shown, price_rows, rate_shown
from syncd.adapters.shopware6.terms import Names
from syncd.adapters.shopware6.writes import refusal
from syncd.core.model import NotSent, Refused, StockMode, Unknown
from syncd.core.products import Made
from syncd.errors import OutcomeUnknown, SideError, Stopped, Transient

if TYPE_CHECKING:
    from syncd.adapters.shopware6.bulk import PartResult
    from syncd.adapters.shopware6.catalogue import Catalogue
    from syncd.adapters.shopware6.client import ShopClient
    from syncd.adapters.shopware6.options import Family
    from syncd.adapters.shopware6.shop import ShopFacts
    from syncd.core.model import RemoteListing
    from syncd.core.products import MakeResult, NewProduct, Unit

_EVERYWHERE = 30
"""Seen in lists, in searches and by its address."""

Missing = Refused | Unknown | NotSent


class ProductMaker:
    """Makes products and variants, each sent once."""

    def __init__(self, client: ShopClient, catalogue: Catalogue, facts: ShopFacts) -> None:
        self._client = client
        self._catalogue = catalogue
        self._facts = facts

    def make(self, new: NewProduct) -> MakeResult:
        """Make what is asked for; what is there already is not touched.

        Raises:
            SideError: Nothing was made. OutcomeUnknown: It may have been made.
        """
        there = self._find(new)
        if there is not None and not there.missing:
            return there
        plan = self._grouped(new) if new.product.is_group else self._single(new)
        if isinstance(plan, Refused):
            return plan
        results = dict(zip(plan, bulk.send(self._client, list(plan.values()), bulk.FIELD_HEADERS), strict=True))
        return self._made(new, results)

    def find(self, new: NewProduct) -> Made | None:
        """Look for what was made, by the ids that it would have.

        Raises:
            SideError: The shop cannot be asked now.
        """
        return self._find(new)

    def _find(self, new: NewProduct) -> Made | None:
        product, units = _ids(new)
        rows = self._catalogue.rows([product, *units.values()])
        if not rows or (new.into is None and product not in rows):
            return None
        found = self._listings(new, rows)
        missing = {key: Unknown("the shop shows nothing of it") for key in units if key not in found}
        if new.into is not None and not found:
            return None
        return Made(product, found, missing, self._parent(new, rows))

    def _listings(self, new: NewProduct, rows: Mapping[str, Row]) -> dict[str, RemoteListing]:
        _, units = _ids(new)
        listings = {one.ref.external_id: one for one in self._catalogue.listings(list(rows.values()))}
        return {key: listings[each] for key, each in units.items() if each in listings}

    def _parent(self, new: NewProduct, rows: Mapping[str, Row]) -> RemoteListing | None:
        product, _ = _ids(new)
        if not new.product.is_group or product not in rows:
            return None
        (listing,) = self._catalogue.listings([rows[product]])
        # It is made to group variants, also if the shop did not take any of them.
        return replace(listing, stock_mode=StockMode.GROUP, quantity=None)

    # -- what is sent

    def _single(self, new: NewProduct) -> dict[str, Part] | Refused:
        (unit,) = new.product.units
        product, _ = _ids(new)
        head, codes = self._head(new, unit), self._codes(unit)
        for each in (head, codes):
            if isinstance(each, Refused):
                return each
        row = {"id": product, "stock": 0, **_known(head), **_known(codes)}
        return {unit.source_id: Part([Line("product", row)], product)}

    def _grouped(self, new: NewProduct) -> dict[str, Part] | Refused:
        """A part for the product (of the key ``""``), unless it is there, and one for each unit."""
        product, units = _ids(new)
        names, plan = Names(self._client), dict[str, Part]()
        family, above = options.NO_FAMILY, None
        if new.into is None:
            priced = next((unit for unit in new.product.units if unit.price), new.product.units[0])
            head = self._head(new, priced)
            if isinstance(head, Refused):
                return head
            number = self._client.reserve_number(self._channel())
            row = {"id": product, "stock": 0, "productNumber": number, **head}
            plan[""] = Part([Line("product", row)], product)
            inherited = (Decimal(priced.price or 0), priced.tax_rate)
        else:
            above = self._catalogue.rows([new.into]).get(new.into)
            refused = self._unfit(new.into, above)
            if refused is not None or above is None:
                return refused or refusal((), gone=True)
            family = options.families(self._client, [new.into]).get(new.into, family)
            inherited = (gross_shown(above, None) or Decimal(0), rate_shown(above, None))
        for unit in new.product.units:
            part = self._variant(unit, units[unit.source_id], product, family, names, inherited)
            if isinstance(part, Refused):
                return part
            plan[unit.source_id] = replace(part, needs=product if new.into is None else None)
        return plan

    def _unfit(self, product_id: str, row: Row | None) -> Refused | None:
        """Why a product of the shop can be given no variants."""
        if row is None:
            return refusal((), gone=True) if self._catalogue.is_gone(product_id) else Refused(
                "not_shown", f"product {product_id} is there, and the shop does not list it"
            )  # fmt: skip
        if mapping.parent_id(row) is not None or not mapping.is_group(row):
            return Refused("no_variants", f"product {product_id} of the shop has no variants")
        return None

    def _variant(
        self,
        unit: Unit,
        own: str,
        product: str,
        family: Family,
        names: Names,
        inherited: tuple[Decimal, Decimal | None],
    ) -> Part | Refused:
        codes = self._codes(unit)
        chosen = options.chosen(names, family, product, unit.attributes)
        for each in (codes, chosen):
            if isinstance(each, Refused):
                return each
        terms = chosen if not isinstance(chosen, Refused) else []
        row: dict[str, Any] = {"id": own, "parentId": product, "stock": 0, **_known(codes)}
        row["options"] = [{"id": term.id} for term in terms]
        if unit.tax_rate is not None and unit.tax_rate != inherited[1]:
            tax = self._facts.tax(unit.tax_rate)
            if isinstance(tax, Refused):
                return tax
            row["taxId"] = tax.id
        rate = unit.tax_rate if unit.tax_rate is not None else inherited[1]
        gross = Decimal(unit.price) if unit.price else inherited[0]
        if rate is not None and (gross != inherited[0] or "taxId" in row):
            row["price"] = price_rows(gross, rate)
        lines = [line for term in terms for line in term.lines]
        return Part([*lines, Line("product", row)], own)

    def _head(self, new: NewProduct, unit: Unit) -> dict[str, Any] | Refused:
        """What a product has whether it has variants or not."""
        name, tax = plain_name(new.product.name), self._facts.tax(unit.tax_rate)
        if isinstance(name, Refused):
            return name
        if isinstance(tax, Refused):
            return tax
        if not unit.price:
            return Refused("price_needed", "Shopware has no products without a price")
        product, _ = _ids(new)
        return {
            "name": name,
            "active": new.publish,
            "taxId": tax.id,
            "price": price_rows(Decimal(unit.price), tax.rate),
            "description": texts.as_html(new.product.description) or None,
            # As soon as it is active it is seen.
            "visibilities": [
                {"id": derived("visibility", product, channel.id), "salesChannelId": channel.id,
                 "visibility": _EVERYWHERE}
                for channel in self._facts.channels()
            ],
        }  # fmt: skip

    def _codes(self, unit: Unit) -> dict[str, Any] | Refused:
        """Number and EAN; a unit without a number gets the shop's next one."""
        if unit.sku:
            refused = number_refused(unit.sku)
            if refused is not None:
                return refused
        number = unit.sku or self._client.reserve_number(self._channel())
        fits = unit.gtin is not None and len(unit.gtin) <= LONGEST_NAME
        return {"productNumber": number, **({"ean": unit.gtin} if fits else {})}

    def _channel(self) -> str | None:
        channels = self._facts.channels()
        return channels[0].id if channels else None

    # -- what came of it

    def _made(self, new: NewProduct, results: Mapping[str, PartResult]) -> MakeResult:
        product, units = _ids(new)
        first = results[""] if "" in results else next(iter(results.values()))
        alone = "" in results or not new.product.is_group
        if alone and not isinstance(first, Taken):
            lost = _missing(first)
            if isinstance(lost, NotSent):
                raise Transient(self._client.side, "POST _action/sync", lost.reason)
            return lost
        missing = {key: _missing(each) for key, each in results.items() if key and not isinstance(each, Taken)}
        try:
            rows = self._catalogue.rows([product, *(units[key] for key in units if key not in missing)])
            found = self._listings(new, rows)
            parent = self._parent(new, rows)
        except (SideError, Stopped, Malformed) as error:
            raise OutcomeUnknown(
                self._client.side, "POST search/product", f"made, but not read back: {error}"
            ) from error
        missing |= {
            key: Unknown("the shop does not show it") for key in units if key not in found and key not in missing
        }
        return Made(product, found, missing, parent)


def _ids(new: NewProduct) -> tuple[str, dict[str, str]]:
    """Id of the product, and of each unit by ``Unit.source_id``."""
    product = new.into or derived("product", new.mark)
    if not new.product.is_group:
        return product, {unit.source_id: product for unit in new.product.units}
    return product, {unit.source_id: derived("unit", new.unit_mark(unit)) for unit in new.product.units}


def _missing(result: PartResult) -> Missing:
    match result:
        case Declined(errors=errors):
            return refusal(errors)
        case Unknown() | NotSent():
            return result
        case Taken():
            return Unknown("the shop does not show it")


def _known(value: Mapping[str, Any] | Refused) -> Mapping[str, Any]:
    return value if not isinstance(value, Refused) else {}
