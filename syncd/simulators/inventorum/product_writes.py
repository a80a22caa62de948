"""Writing products: create, change, delete, adjust the inventory, publishing states.

Source: contract 7.4 and 8. Bodies are checked as a whole before anything changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from syncd.simulators.inventorum.call import Call, invalid
from syncd.simulators.inventorum.model import CHANNELS, Adjustment, Override, Product
from syncd.simulators.inventorum.product_reads import find_product, renderer
from syncd.simulators.inventorum.state import State
from syncd.simulators.inventorum.values import read_decimal, read_quantity, to_net, two_places
from syncd.simulators.server import SimResponse

_TEXTS = ("name", "description", "brand", "supplier")
_CODES = ("product_code", "ean", "gtin")
_LEVELS = ("reorder_level", "safety_stock")
_FLAGS = ("custom_price", "custom_sale", "is_favourite", "is_giftcard", "in_shop")
_CODE_LENGTH = 30
_STATES = ("in_progress", "published", "unpublished", "failed")

Values = dict[str, Any]
"""Checked values by attribute of ``Product``; ``variations`` is a list of pairs of an id or ``None`` and values."""


def create_product(call: Call) -> SimResponse:
    """``POST /products/``: 200, not 201."""
    body = call.body()
    if not body.get("name"):
        raise invalid("name", "This field is required.")
    values = _Reader(call.state, None).read(body)
    product = insert_product(call.state, values)
    return SimResponse(200, renderer(call).detail(product))


def insert_product(state: State, values: Values) -> Product:
    """Create a product with its variations from checked values."""
    product = state.new_product(tax_type=values.get("tax_type"))
    variations = values.pop("variations", [])
    if variations:
        values.pop("quantity", None)
    _apply(state, product, values)
    product.quantity = values.get("quantity", product.quantity)
    state.insert(product)
    for _, each in variations:
        _insert_variation(state, product, each)
    return product


def _insert_variation(state: State, parent: Product, values: Values) -> None:
    product = state.new_product(parent, values.get("tax_type"))
    _apply(state, product, values)
    if product.name == parent.name:
        product.name = ""  # named after the parent and its values, as the vendor does (contract 6.3)
    product.quantity = values.get("quantity", product.quantity)
    state.insert(product)


def change_product(call: Call) -> SimResponse:
    """``PUT /products/{id}/``: a partial body changes only what it names."""
    state = call.state
    product = find_product(call)
    values = _Reader(state, product).read(call.body())
    variations = values.pop("variations", None)
    _apply(state, product, values)
    _put_quantity(call, product, values)
    state.touch(product)
    if variations is not None:
        _replace_variations(call, product, variations)
    return SimResponse(200, renderer(call).detail(product))


def _put_quantity(call: Call, product: Product, values: Values) -> None:
    if "quantity" in values and not product.variations and call.settings.put_quantity == "overwrite":
        call.state.move(product, values["quantity"] - product.quantity, "put")


def _replace_variations(call: Call, parent: Product, variations: list[tuple[int | None, Values]]) -> None:
    """The list sent is the new list: what it does not name is deleted."""
    state = call.state
    kept = {number for number, _ in variations if number is not None}
    for old in [each for each in parent.variations if each not in kept]:
        state.delete(state.products[old])
    for number, values in variations:
        if number is None:
            _insert_variation(state, parent, values)
            continue
        _apply(state, state.products[number], values)
        _put_quantity(call, state.products[number], values)
        state.touch(state.products[number])


def _apply(state: State, product: Product, values: Values) -> None:
    """Set checked values, except the quantity."""
    for name, value in values.items():
        match name:
            case "product_code":
                state.change_code(product, value)
            case "categories":
                state.change_categories(product, value)
            case "attributes":
                state.change_attributes(product, value)
            case "purchase_price":
                product.purchase_price = product.average_purchase_price = value
            case "quantity":
                continue
            case _:
                setattr(product, name, value)


def delete_product(call: Call) -> SimResponse:
    """``DELETE /products/{id}/``: 200 with an empty object; 404 the second time."""
    call.state.delete(find_product(call))
    return SimResponse(200, {})


def adjust_inventory(call: Call) -> SimResponse:
    """``PUT /products/{id}/adjust_inventory/``: a relative booking; a price changes the purchase price."""
    state, settings = call.state, call.settings
    product = find_product(call)
    stock = call.body().get("stock")
    if not isinstance(stock, dict) or "quantity" not in stock:
        raise invalid("stock", "This field is required.")
    quantity = _checked("quantity", stock["quantity"], read_quantity)
    date = str(stock.get("date") or "")
    if date and not re.fullmatch(r"\d\d\.\d\d\.\d{4}", date):
        raise invalid("date", "Date has wrong format. Use DD.MM.YYYY.")
    sent = stock.get("price", stock.get("cost"))
    if sent is None and settings.adjust_requires_price:
        raise invalid("price", "This field is required.")
    price = None if sent is None else _checked("price", sent, read_decimal)
    if product.variations:
        if settings.adjust_on_parent == "refuse":
            raise invalid("stock", "The product has variations.")
    else:
        _book(state, product, quantity, date, str(stock.get("note") or ""), price)
    return SimResponse(200, renderer(call).detail(product, flat_images=True))


def _book(state: State, product: Product, quantity: Decimal, date: str, note: str, price: Decimal | None) -> None:
    if price is not None:
        product.purchase_price = product.average_purchase_price = price
    state.move(product, quantity, "adjust", note)
    sku = state.sku(product)
    state.adjustments.append(Adjustment(state.now(), product.id, sku, quantity, date, note, price))


def post_state(call: Call) -> SimResponse:
    """``POST /products/{id}/state/``: 200 with an empty body."""
    product = find_product(call)
    body = call.body()
    if body.get("state") not in _STATES:
        raise invalid("state", "Not a valid choice.")
    if body.get("channel") not in CHANNELS:
        raise invalid("channel", "Not a valid choice.")
    channel = str(body["channel"])
    # Read again with plain numbers: the details are answered as they came.
    details = json.loads(call.request.body).get("details")
    product.states[channel] = {"channel": channel, "details": details, "state": body["state"]}
    call.state.touch(product)
    return SimResponse(200)


def _checked(field: str, value: object, read: Any) -> Decimal:
    try:
        number: Decimal = read(value)
    except ValueError as error:
        raise invalid(field, str(error)) from error
    return number


class _Reader:
    """Checks the body of a product or variation."""

    def __init__(self, state: State, product: Product | None, tax_type: int | None = None) -> None:
        self.state = state
        self.product = product
        self.tax_type = product.tax_type if product else tax_type

    def read(self, body: Mapping[str, Any]) -> Values:
        """Checked values of the fields that are there.

        Raises:
            ApiError: 400 naming the first field that is wrong.
        """
        values: Values = {name: str(body[name] or "") for name in _TEXTS if name in body}
        values |= {name: self._code(name, body[name]) for name in _CODES if name in body}
        values |= {name: bool(body[name]) for name in _FLAGS if name in body}
        for name in _LEVELS:
            if body.get(name) is not None:
                values[name] = _checked(name, body[name], read_quantity)
        if body.get("quantity") is not None:
            values["quantity"] = _checked("quantity", body["quantity"], read_quantity)
        for name in ("purchase_price", "package_size_value"):
            if body.get(name) is not None:
                values[name] = _checked(name, body[name], read_decimal)
        if "package_size_unit" in body:
            values["package_size_unit"] = body["package_size_unit"]
        self._read_price(body, values)
        if "attributes" in body:
            values["attributes"] = self._attributes(body["attributes"])
        if "categories" in body:
            values["categories"] = self._links("categories", body["categories"], self.state.categories)
        if "images" in body:
            values["images"] = self._links("images", body["images"], self.state.images)
        if isinstance(body.get("meta"), dict):
            values["meta"] = {name: self._override(name, each) for name, each in body["meta"].items()}
        if body.get("variations") is not None:
            values["variations"] = self._variations(body["variations"], values.get("tax_type", self.tax_type))
        return values

    def _code(self, name: str, value: object) -> str | None:
        if value is None:
            return None
        text = str(value)
        if len(text) > _CODE_LENGTH:
            raise invalid(name, f"Ensure this field has no more than {_CODE_LENGTH} characters.")
        if name == "product_code" and text and self.state.settings.unique_codes:
            others = [each for each in self.state.by_code.get(text, ()) if not self.product or each != self.product.id]
            if others:
                raise invalid(name, "This field must be unique.")
        return text

    def _read_price(self, body: Mapping[str, Any], values: Values) -> None:
        if body.get("tax_type") is not None:
            if body["tax_type"] not in self.state.taxes:
                raise invalid("tax_type", "Object does not exist.")
            values["tax_type"] = body["tax_type"]
        present = [name for name in ("price", "gross_price") if body.get(name) is not None]
        if not present:
            return
        winner = self.state.settings.price_winner if len(present) > 1 else present[0]
        price = _checked(winner, body[winner], read_decimal)
        if winner == "gross_price":
            tax_type = values.get("tax_type", self.tax_type)
            rate = self.state.taxes[tax_type].rate if tax_type is not None else Decimal(19)
            price = to_net(price, rate)
        values["price"] = price

    def _attributes(self, sent: Any) -> dict[str, list[str]]:
        if not isinstance(sent, dict):
            raise invalid("attributes", "Expected a dictionary of items.")
        return {
            str(name): [str(each) for each in value] if isinstance(value, list) else [str(value)]
            for name, value in sent.items()
        }

    def _links(self, field: str, sent: Any, known: Mapping[int, object]) -> list[int]:
        """Ids from ``[{"id": 1}]`` or ``[1]``; null is empty."""
        ids: list[int] = [each.get("id", 0) if isinstance(each, dict) else each for each in sent or []]
        if any(each not in known for each in ids):
            raise invalid(field, "Object does not exist.")
        return ids

    def _override(self, channel: str, sent: Mapping[str, Any]) -> Override:
        if channel not in CHANNELS:
            raise invalid("meta", f"{channel} is no channel.")
        price, images = sent.get("price"), sent.get("images")
        return Override(
            id=next(self.state.ids.meta),
            channel=CHANNELS[channel],
            name=sent.get("name"),
            description=sent.get("description"),
            price=None if price is None else _checked("price", price, read_decimal),
            images=None if images is None else self._links("images", images, self.state.images),
        )

    def _variations(self, sent: Any, tax_type: int | None) -> list[tuple[int | None, Values]]:
        rows: list[tuple[int | None, Values]] = []
        for each in sent:
            number = each.get("id")
            product = None
            if number is not None:
                if not self.product or number not in self.product.variations:
                    raise invalid("variations", "Object does not exist.")
                product = self.state.products[number]
            rows.append((number, _Reader(self.state, product, tax_type).read(each)))
        return rows


def describe_adjustment(adjustment: Adjustment) -> dict[str, Any]:
    """An adjustment as the control interface shows it."""
    return {
        "at": adjustment.at.isoformat(),
        "id": adjustment.product,
        "sku": adjustment.sku,
        "quantity": two_places(adjustment.quantity),
        "date": adjustment.date,
        "note": adjustment.note,
        "price": None if adjustment.price is None else str(adjustment.price),
    }
