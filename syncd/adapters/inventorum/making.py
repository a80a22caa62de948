"""Making products at the till, and finding again what was made.

Source: sections 8.1 (bodies of POST products/, by version) and 10 (tax types). Nothing at the till can carry a mark, so
what was made without an answer is known by its codes, or, without any, by its name, among what changed since. A
variation cannot be added to a product: the only way known is to send the whole list, which overwrites the others.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from syncd.adapters import texts
from syncd.adapters.inventorum import booking, mapping
from syncd.adapters.inventorum.paging import read_newest_last
from syncd.adapters.inventorum.products import attributes_of
from syncd.adapters.inventorum.times import to_wire
from syncd.adapters.inventorum.wire import Fields, Where
from syncd.core.model import Refused, Unknown
from syncd.core.prices import net_of
from syncd.core.products import Made
from syncd.errors import InvalidResponse, NotFound, OutcomeUnknown, PermissionMissing, Rejected, SideError

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.adapters.inventorum.client import InventorumClient
    from syncd.adapters.inventorum.field_writes import TaxRates
    from syncd.core.model import RemoteListing
    from syncd.core.products import MakeResult, NewProduct, Unit

LONGEST_CODE = 30
"""Characters of an article number or barcode (section 11)."""
_CREATED = "created"


def make(client: InventorumClient, rates: TaxRates, new: NewProduct) -> MakeResult:
    """Send a product with its variations, once, and read what became of it.

    Raises:
        OutcomeUnknown: Sent, and no trustworthy answer came.
        PermissionMissing: The token may not make products.
        SideError: Nothing was made.
    """
    if new.into is not None:
        return Refused("no_more_variations", "the till takes no variation beside others: add it there by hand")
    body = _body(rates, new)
    if isinstance(body, Refused):
        return body
    reply = client.create_product(body)
    if reply.status not in {200, 201}:
        if 200 <= reply.status < 300:
            return Unknown(f"status {reply.status}: taken for later, without a result")
        refused = booking.refused(reply)
        return replace(refused, gone=False) if isinstance(refused, Refused) else refused
    try:
        number = Fields(reply.json(), Where(reply.side, reply.request)).identifier("id")
        found = _made(client, rates, new, number)
    except (InvalidResponse, NotFound, SideError) as error:
        raise OutcomeUnknown(reply.side, reply.request, f"answered, but {error.detail}") from error
    return found or Unknown("the answer is about another product")


def find(client: InventorumClient, rates: TaxRates, new: NewProduct, since: datetime) -> Made | None:
    """Look for what may have been made among what changed since then.

    Raises:
        SideError: The till cannot be asked.
    """
    if new.into is not None:
        return None
    read = partial(client.modified, to_wire(since))
    rows = [
        row
        for page in read_newest_last(read, mapping.row_id, client.where("products/delta/modified/"))
        for row in page.rows
    ]
    tops = {row.identifier_or_none("parent") or mapping.row_id(row): row for row in rows}
    for number in sorted(tops, key=int):
        if _may_be(tops[number], new) and (made := _read(client, rates, new, number)) is not None:
            return made
    return None


def _may_be(row: Fields, new: NewProduct) -> bool:
    """Whether a row may be what was made: new, with the same codes; a product with variations has none of its own."""
    if new.product.is_group:
        return True
    (unit,) = new.product.units
    if unit.sku or unit.gtin:
        return (row.code("product_code") or None, row.code("ean") or None) == (unit.sku, unit.gtin)
    return row.raw.get("state") == _CREATED and row.code("product_code") is None


def _read(client: InventorumClient, rates: TaxRates, new: NewProduct, number: str) -> Made | None:
    try:
        return _made(client, rates, new, number)
    except NotFound:
        return None


def _made(client: InventorumClient, rates: TaxRates, new: NewProduct, number: str) -> Made | None:
    """The product as it is there; ``None`` if it is another one than was asked for."""
    detail = client.product(number)
    if mapping.is_group(detail) != new.product.is_group or not (_has_codes(new) or _is_named(detail, new)):
        return None
    listings = mapping.detail_listings(detail, rates.if_possible, client.categories.of)
    if not new.product.is_group:
        return Made(number, {new.product.units[0].source_id: listings[0]})
    there = {one.ref.external_id: one for one in listings[1:]}
    rows = {mapping.row_id(row): row for row in detail.objects("variations")}
    units = {
        unit.source_id: found for unit in new.product.units if (found := _variation(unit, rows, there)) is not None
    }
    missing = {
        unit.source_id: Unknown("the till shows nothing of it")
        for unit in new.product.units
        if unit.source_id not in units
    }
    by_code = any((unit.sku or unit.gtin) and unit.source_id in units for unit in new.product.units)
    return Made(number, units, missing, listings[0]) if units and by_code == _has_codes(new) else None


def _has_codes(new: NewProduct) -> bool:
    """Whether it can be told by its codes; then its name does not matter, which the till may spell in its own way."""
    return any(unit.sku or unit.gtin for unit in new.product.units)


def _is_named(detail: Fields, new: NewProduct) -> bool:
    return (detail.text("name") or "").split() == new.product.name.split()


def _variation(unit: Unit, rows: dict[str, Fields], there: dict[str, RemoteListing]) -> RemoteListing | None:
    """By its codes, else by what makes it differ."""
    for number, listing in there.items():
        if unit.sku or unit.gtin:
            same = (listing.sku, listing.gtin) == (unit.sku, unit.gtin)
        else:
            same = listing.sku is None and attributes_of(rows[number]) == dict(unit.attributes)
        if same:
            return listing
    return None


def _body(rates: TaxRates, new: NewProduct) -> dict[str, Any] | Refused:
    product = new.product
    head: dict[str, Any] = {
        "name": " ".join(product.name.split()),
        "description": texts.as_text(product.description),
        "in_shop": new.publish,
    }
    if not product.is_group:
        unit = _unit(rates, product.units[0])
        return unit if isinstance(unit, Refused) else {**head, **unit}
    variations = []
    for each in product.units:
        unit = _unit(rates, each)
        if isinstance(unit, Refused):
            return unit
        variations.append({**unit, "attributes": dict(each.attributes)})
    return {**head, "tax_type": variations[0]["tax_type"], "variations": variations}


def _unit(rates: TaxRates, unit: Unit) -> dict[str, Any] | Refused:
    """Codes, price and tax of what can be sold; net and gross are sent together (section 8.5)."""
    for code in (unit.sku, unit.gtin):
        if code is not None and len(code) > LONGEST_CODE:
            return Refused(
                "code_too_long", f"the till takes codes of up to {LONGEST_CODE} characters; {code} is longer"
            )
    if not unit.price:
        return Refused("no_price", f"the shop says no gross price of {unit.label}")
    if unit.tax_rate is None:
        return Refused("tax_rate_unknown", f"the shop does not say the tax rate of {unit.label}")
    try:
        tax_types = rates.tax_types(unit.tax_rate)
    except (PermissionMissing, Rejected) as error:
        return Refused("tax_rate_unknown", f"the till's tax rates cannot be read: {error.detail}")
    if len(tax_types) != 1:
        count = f"{len(tax_types)} tax types" if tax_types else "no tax type"
        return Refused("no_tax_type", f"the till has {count} with {unit.tax_rate.normalize():f} %")
    gross = Decimal(unit.price)
    body: dict[str, Any] = {
        "price": f"{net_of(gross, unit.tax_rate):f}",
        "gross_price": f"{gross:.2f}",
        "tax_type": int(tax_types[0]),
        "quantity": "0",
    }
    body |= {"product_code": unit.sku} if unit.sku else {}
    return body | ({"ean": unit.gtin} if unit.gtin else {})
