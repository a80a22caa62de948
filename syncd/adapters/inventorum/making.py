"""Making products at the till, and finding again what was made (inventorum-api.md sections 8.1, 7.1 and 13).

One request makes a product with all its variations. Nothing of it can carry a mark, so a product whose answer was lost
is looked for among those that are new since the call: by its codes, and without codes by all that it is. Neither codes
nor names are unique at the till, so what fits twice is told, and never made again.
"""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from syncd.adapters import texts
from syncd.adapters.inventorum import booking, mapping
from syncd.adapters.inventorum.field_writes import KEPT_S
from syncd.adapters.inventorum.paging import read_newest_last
from syncd.adapters.inventorum.products import attributes_of
from syncd.adapters.inventorum.uploads import Uploads
from syncd.adapters.inventorum.wire import Fields, Where
from syncd.core.fields import PRICE
from syncd.core.keys import gtin_key, sku_key
from syncd.core.model import Refused, Unknown
from syncd.core.prices import net_of
from syncd.core.products import Made
from syncd.errors import InvalidResponse, NotFound, OutcomeUnknown, SideError, Stopped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.adapters.inventorum.client import InventorumClient
    from syncd.adapters.inventorum.field_writes import TaxRates
    from syncd.core.images import Image
    from syncd.core.model import RemoteListing
    from syncd.core.products import MakeResult, NewProduct, Product, Unit
    from syncd.http import Reply

_Place = tuple[str | None, str]
"""Source id of a variation, ``None`` for the product, and the key of one of its images."""

LONGEST_CODE = 30
"""Characters of an article number or EAN (section 11, no. 13)."""


class ProductMaker:
    """Makes products, each sent once."""

    def __init__(self, client: InventorumClient, rates: TaxRates) -> None:
        self._client = client
        self._rates = rates
        self._uploads = Uploads(client)
        self._types: dict[Decimal, list[int]] = {}
        self._until = 0.0

    def bring_images(self, new: NewProduct) -> dict[str, Refused]:
        """Upload the images of a product that ``make`` is asked for next, unless that would be refused.

        Raises:
            SideError: The till takes nothing now; what it has taken is used by the next try.
        """
        images = _images_of(new.product)
        if not images or isinstance(self._units(new), Refused):
            return {}
        refused = zip(images, self._uploads.prepare(list(images.values())), strict=True)
        return {key: reason for (_, key), reason in refused if reason is not None}

    def make(self, new: NewProduct) -> MakeResult:
        """Make what is asked for.

        Raises:
            OutcomeUnknown: Sent, and no trustworthy answer came.
            SideError: Nothing was made.
        """
        units = self._units(new)
        if isinstance(units, Refused):
            return units
        images = _images_of(new.product)
        ids = dict(zip(images, self._uploads.take(new.mark, images.values()), strict=True))
        left_out = {key: number for (_, key), number in ids.items() if isinstance(number, Refused)}
        try:
            reply = self._client.create_product(_body(new, units, ids))
        except (OutcomeUnknown, InvalidResponse):
            raise  # it is looked for; ``find`` says what becomes of the images
        except (SideError, Stopped):
            self._uploads.give_back(new.mark)
            raise
        if reply.status in {200, 201}:
            self._uploads.used(new.mark)
            made = self._read_made(reply, new)
            return replace(made, left_out=left_out) if isinstance(made, Made) else made
        if 200 <= reply.status < 300:
            return Unknown(f"status {reply.status}: taken for later, without a result")
        self._uploads.give_back(new.mark)
        return booking.refused(reply, "products:create")

    def _units(self, new: NewProduct) -> list[dict[str, Any]] | Refused:
        """What is sent of each unit."""
        if new.into is not None:
            labels = ", ".join(unit.label for unit in new.product.units)
            message = (
                f"the till takes no new variations of a product that is there ({new.into}) without its other ones "
                f"being written, too; add {labels} there by hand, with the same SKU or EAN"
            )
            return Refused("variations_by_hand", message)
        units: list[dict[str, Any]] = []
        for unit in new.product.units:
            body = self._unit(unit)
            if isinstance(body, Refused):
                return body
            units.append(body)
        return units

    def find(self, new: NewProduct, start_date: str) -> Made | Unknown | None:
        """Look for what was made since a moment of the server's clock: one new product like it, or none.

        Raises:
            SideError: The till could not be asked.
        """
        read = partial(self._client.modified, start_date)
        pages = read_newest_last(read, mapping.row_id, self._client.where("products/delta/modified/"))
        rows = [row for page in pages for row in page.rows]
        fresh = [row for row in rows if not row.has("parent") and mapping.row_id(row) not in new.known]
        found: dict[str, Made | Unknown] = {}
        for row in fresh:
            made = self._like(row, new.product)
            if made is not None:
                found[mapping.row_id(row)] = made
        if not found:
            self._uploads.give_back(new.mark)
            return None
        self._uploads.used(new.mark)
        if len(found) > 1:
            return Unknown(f"the till has {len(found)} new products that may be it: {', '.join(sorted(found))}")
        return next(iter(found.values()))

    def _like(self, row: Fields, product: Product) -> Made | Unknown | None:
        """The product of a row, if it can be the one that was sent."""
        product_id, is_group = mapping.row_id(row), mapping.is_group(row)
        if is_group is not product.is_group:
            same = _name(row) == product.name or any(_has_a_code(row, unit) for unit in product.units)
            return (
                Unknown(f"product {product_id} of the till is called the same, but is of another kind")
                if same
                else None
            )
        unit = product.units[0]
        if not is_group and not _is_unit(row, unit, product.name):
            if not (unit.sku or unit.gtin) and _name(row) == product.name:
                # Only its name tells what it is; somebody may have given it a code or another price meanwhile.
                return Unknown(f"product {product_id} of the till is called the same, but differs in price or codes")
            return None
        try:
            detail = self._client.product(product_id)
        except NotFound:
            return None
        if not is_group:
            return self._made(detail, product)
        made = self._made(detail, product)
        if _name(detail) != product.name and not any(_has_a_code(each, unit) for each, unit in _pairs(detail, product)):
            return None
        if not made.units or (made.missing and _name(detail) != product.name):
            return Unknown(f"product {product_id} of the till has other variations")
        return made

    def _read_made(self, reply: Reply, new: NewProduct) -> MakeResult:
        """Read what was made by its id, in a version whose answers are known; the answer itself need not show all."""
        try:
            product_id = Fields(reply.json(), Where(reply.side, reply.request)).identifier("id")
        except InvalidResponse as error:
            return Unknown(f"status {reply.status}, but {error.detail}")
        try:
            detail = self._client.product(product_id)
            if mapping.is_group(detail) is not new.product.is_group:
                return Unknown(f"product {product_id} was made, but it is of another kind")
            return self._made(detail, new.product)
        except SideError as error:
            return Unknown(f"product {product_id} was made, but cannot be read: {error.detail}")

    def _made(self, detail: Fields, product: Product) -> Made:
        """What of a product a detail shows."""
        first, *rest = mapping.detail_listings(detail, self._rates.if_possible, self._client.categories.of)
        product_id = first.ref.external_id
        if not product.is_group:
            return Made(product_id, {product.units[0].source_id: first})
        by_id = {each.ref.external_id: each for each in rest}
        units: dict[str, RemoteListing] = {
            unit.source_id: by_id[mapping.row_id(row)] for row, unit in _pairs(detail, product)
        }
        missing = {
            unit.source_id: Unknown("the till shows nothing of it")
            for unit in product.units
            if unit.source_id not in units
        }
        return Made(product_id, units, missing, first)

    def _unit(self, unit: Unit) -> dict[str, Any] | Refused:
        for name, code in (("SKU", unit.sku), ("EAN", unit.gtin)):
            if code and len(code) > LONGEST_CODE:
                return Refused("code_too_long", f"the till takes {name}s of {LONGEST_CODE} characters at most: {code}")
        gross = Decimal(unit.price or 0)
        if not gross:
            return Refused("no_price", f"{unit.label} has no price, and the till would sell it for nothing")
        tax_type = self._tax_type(unit)
        if isinstance(tax_type, Refused):
            return tax_type
        return {
            **{key: code for key, code in (("product_code", unit.sku), ("ean", unit.gtin)) if code},
            "price": f"{net_of(gross, unit.tax_rate or Decimal(0)):f}",
            "gross_price": f"{gross:.2f}",
            "tax_type": tax_type,
            "quantity": "0",
            "attributes": dict(unit.attributes),
        }

    def _tax_type(self, unit: Unit) -> int | Refused:
        """The account's tax type with the rate: one, or it is refused. Nothing is guessed, ids are the merchant's."""
        if unit.tax_rate is None:
            return Refused("tax_rate_unknown", f"the shop does not say the tax rate of {unit.label}")
        if time.monotonic() >= self._until or unit.tax_rate not in self._types:
            self._types = {}
            for row in self._client.taxes():
                self._types.setdefault(row.decimal("tax_rate"), []).append(int(row.identifier("id")))
            self._until = time.monotonic() + KEPT_S
        types = self._types.get(unit.tax_rate, [])
        if len(types) == 1:
            return types[0]
        rate = f"{unit.tax_rate.normalize():f} %"
        which = f"{len(types)} tax types with" if types else "no tax type with"
        return Refused("no_tax_type", f"the account has {which} {rate}, the tax rate of {unit.label} in the shop")


def _body(new: NewProduct, units: Sequence[dict[str, Any]], ids: Mapping[_Place, int | Refused]) -> dict[str, Any]:
    """What is sent. A product with variations has neither codes nor stock of its own.

    ``ids`` are those of its images: one that no product has yet is named as new (section 10).
    """
    product = new.product
    head = {
        "name": product.name,
        "description": texts.as_text(product.description),
        "in_shop": new.publish,
        "images": _named(None, ids),
    }
    if not product.is_group:
        return {**head, **units[0]}
    shared = {key: units[0][key] for key in ("price", "gross_price", "tax_type")}
    variations = [
        {"name": product.name, "images": _named(each.source_id, ids), **unit}
        for each, unit in zip(product.units, units, strict=True)
    ]
    return {**head, **shared, "quantity": "0", "attributes": {}, "variations": variations}


def _images_of(product: Product) -> dict[_Place, Image]:
    """All images of a product and its variations, each at its place: no two places share an upload."""
    found: dict[_Place, Image] = {(None, image.key): image for image in product.images}
    if product.is_group:
        found |= {(unit.source_id, image.key): image for unit in product.units for image in unit.images[:1]}
    return found


def _named(source_id: str | None, ids: Mapping[_Place, int | Refused]) -> list[dict[str, Any]]:
    places = ((number, place) for place, number in ids.items() if place[0] == source_id)
    return [{"id": number, "new": True} for number, _ in places if not isinstance(number, Refused)]


def _pairs(detail: Fields, product: Product) -> list[tuple[Fields, Unit]]:
    """Variations of a detail with the units that they are: by article number, else by what makes them differ."""
    rows = detail.objects("variations")
    pairs: list[tuple[Fields, Unit]] = []
    for unit in product.units:
        left = [row for row in rows if all(row is not taken for taken, _ in pairs)]
        same = [row for row in left if unit.sku and _sku(row) == sku_key(unit.sku)]
        same = same or [row for row in left if not (unit.sku and _sku(row)) and _same(row, unit.attributes)]
        if len(same) == 1:
            pairs.append((same[0], unit))
    return pairs


def _same(row: Fields, attributes: Mapping[str, str]) -> bool:
    return attributes_of(row) == dict(attributes)


def _is_unit(row: Fields, unit: Unit, name: str) -> bool:
    """Whether a product without variations is the one that was sent: by its codes; without any by all that it is."""
    if unit.sku or unit.gtin:
        return _has_a_code(row, unit)
    price = mapping.fields_of(row).get(PRICE)
    return not _sku(row) and not _gtin(row) and _name(row) == name and price == unit.price


def _has_a_code(row: Fields, unit: Unit) -> bool:
    if unit.sku and _sku(row) == sku_key(unit.sku):
        return True
    return bool(unit.gtin) and _gtin(row) == _as_gtin(unit.gtin)


def _sku(row: Fields) -> str | None:
    return sku_key(row.code("product_code"))


def _gtin(row: Fields) -> str | None:
    return _as_gtin(row.code("ean") or row.code("gtin"))


def _as_gtin(code: str | None) -> str | None:
    """As it is compared; a number of the merchant's own as it is."""
    return gtin_key(code) or sku_key(code)


def _name(row: Fields) -> str:
    return " ".join((row.text("name") or "").split())
