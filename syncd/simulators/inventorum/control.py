"""The control interface: what a cashier, a merchant or a test does to the simulated account.

Quantities and prices may be numbers or text. Products are named by article number or id.
"""

from __future__ import annotations

import functools
import threading
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any, Concatenate, ParamSpec, TypeVar

from syncd.simulators.inventorum.auth import Auth
from syncd.simulators.inventorum.model import Category, Image, Order, Product
from syncd.simulators.inventorum.orders import OrderBook
from syncd.simulators.inventorum.product_writes import Values, describe_adjustment, insert_product
from syncd.simulators.inventorum.settings import InventorumSettings
from syncd.simulators.inventorum.state import State
from syncd.simulators.inventorum.values import read_decimal, read_quantity, to_net, two_places
from syncd.simulators.pictures import image_kind

Amount = int | float | str | Decimal
"""A number as tests and JSON give it; a float only ever comes from JSON and is read by its shortest text."""

_C = TypeVar("_C", bound="Control")
_P = ParamSpec("_P")
_R = TypeVar("_R")
_PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


def _locked(method: Callable[Concatenate[_C, _P], _R]) -> Callable[Concatenate[_C, _P], _R]:
    @functools.wraps(method)
    def run(self: _C, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self.lock:
            return method(self, *args, **kwargs)

    return run


class Control:
    """The actions; each holds the lock. All raise ValueError for what does not exist or cannot be."""

    def __init__(self, state: State, orders: OrderBook, auth: Auth) -> None:
        self.lock = threading.RLock()
        self.state = state
        self.orders = orders
        self.auth = auth

    # Till and stock room

    @_locked
    def sale(self, sku: str | int, quantity: Amount = 1, channel: str = "ipad") -> dict[str, Any]:
        """A completed sale; stock may fall below zero. Returns the order's id."""
        product = self.state.find_unit(sku)
        return {"order": self.orders.sell(product, read_quantity(quantity), channel).id}

    @_locked
    def cancel_order(self, order: int) -> dict[str, Any]:
        """Cancel an order; what was not returned goes back to stock."""
        self.orders.cancel(self._order(order))
        return {"order": order}

    @_locked
    def return_items(
        self, order: int, sku: str | int, quantity: Amount = 1, *, to_stock: bool = True
    ) -> dict[str, Any]:
        """Take units of an order back. Returns the return's id."""
        product = self.state.find_unit(sku)
        for item in self._order(order).items:
            if item.product == product.id:
                lines = [(item, read_quantity(quantity))]
                made = self.orders.give_back(self._order(order), lines, to_stock=to_stock, kind="0")
                return {"return": made.id}
        raise ValueError(f"order {order} has no {sku!r}")

    def _order(self, order: int) -> Order:
        if int(order) not in self.orders.orders:
            raise ValueError(f"no order {order!r}")
        return self.orders.orders[int(order)]

    @_locked
    def receive(self, sku: str | int, quantity: Amount) -> dict[str, Any]:
        """A goods receipt. Returns the new stock."""
        product = self.state.find_unit(sku)
        self.state.move(product, read_quantity(quantity), "receive")
        return {"quantity": two_places(product.quantity)}

    @_locked
    def count(self, sku: str | int, quantity: Amount) -> dict[str, Any]:
        """A stock-take: the counted quantity becomes the stock. Returns the new stock."""
        product = self.state.find_unit(sku)
        self.state.move(product, read_quantity(quantity) - product.quantity, "count")
        return {"quantity": two_places(product.quantity)}

    # Catalogue

    @_locked
    def set_price(self, sku: str | int, price: Amount) -> dict[str, Any]:
        """Set a gross price."""
        product = self.state.find(sku)
        product.price = to_net(read_decimal(price), self.state.rate(product))
        self.state.touch(product)
        return {"id": product.id}

    @_locked
    def set_name(self, sku: str | int, name: str) -> dict[str, Any]:
        """Rename a product."""
        product = self.state.find(sku)
        product.name = name
        self.state.touch(product)
        return {"id": product.id}

    @_locked
    def set_description(self, sku: str | int, text: str) -> dict[str, Any]:
        """Write another text."""
        product = self.state.find(sku)
        product.description = text
        self.state.touch(product)
        return {"id": product.id}

    @_locked
    def set_brand(self, sku: str | int, brand: str) -> dict[str, Any]:
        """Say who makes a product."""
        product = self.state.find(sku)
        product.brand = brand
        self.state.touch(product)
        return {"id": product.id}

    @_locked
    def set_option(self, sku: str | int, name: str, value: str) -> dict[str, Any]:
        """Let a variation differ from its siblings by something else."""
        product = self.state.find(sku)
        self.state.change_attributes(product, {**product.attributes, name: [value]})
        self.state.touch(product)
        return {"id": product.id}

    @_locked
    def set_categories(self, sku: str | int, names: Sequence[str]) -> dict[str, Any]:
        """Put a product into categories, made where they are missing."""
        product = self.state.find(sku)
        known = {category.name: category.id for category in self.state.categories.values()}
        for name in names:
            if name not in known:
                known[name] = self.create_category(name)["id"]
        self.state.change_categories(product, [known[name] for name in names])
        self.state.touch(product)
        return {"id": product.id}

    @_locked
    def set_images(self, sku: str | int, contents: Sequence[str]) -> dict[str, Any]:
        """Give a product images, in base64; those that it has with the same content stay. Returns their ids.

        The same content twice is two images.
        """
        product = self.state.find(sku)
        present = [(self.state.images[number].content, number) for number in product.images]
        images = []
        for content in map(b64decode, contents):
            known = next((pair for pair in present if pair[0] == content), None)
            if known is None:
                known = (content, next(self.state.ids.image))
                self.state.images[known[1]] = Image(known[1], 0, content, image_kind(content))
            else:
                present.remove(known)
            images.append(known[1])
        product.images = images
        self.state.touch(product)
        return {"images": product.images}

    @_locked
    def create_product(
        self,
        sku: str,
        name: str,
        quantity: Amount = 0,
        price: Amount = "9.99",
        gtin: str | None = None,
        tax_rate: Amount = 19,
        variations: Sequence[Mapping[str, Any]] = (),
        description: str = "",
        in_shop: bool = False,
    ) -> dict[str, Any]:
        """Create a product at a gross price; variations have sku, quantity, attributes (name to text) and gtin."""
        tax = self.state.tax_for(read_decimal(tax_rate))
        net = to_net(read_decimal(price), tax.rate)
        values: Values = {"tax_type": tax.id, "name": name, "product_code": sku, "ean": gtin}
        values |= {"description": description, "in_shop": in_shop}
        if not variations:
            values |= {"price": net, "quantity": read_quantity(quantity)}
        values["variations"] = [(None, _variation(each, tax.id, net)) for each in variations]
        return {"id": insert_product(self.state, values).id}

    @_locked
    def delete_product(self, sku: str | int) -> dict[str, Any]:
        """Delete a product with its variations, or one variation."""
        product = self.state.find(sku)
        self.state.delete(product)
        return {"id": product.id}

    @_locked
    def create_category(self, name: str, *, image: bool = False) -> dict[str, Any]:
        """Create a category, on request with an image."""
        category = Category(next(self.state.ids.category), name)
        if image:
            category.image = next(self.state.ids.image)
            self.state.images[category.image] = Image(category.image, 3, _PIXEL, "image/gif")
        self.state.categories[category.id] = category
        return {"id": category.id}

    # Tokens and settings

    @_locked
    def expire_access_tokens(self) -> dict[str, Any]:
        """End all access tokens."""
        self.auth.expire_access()
        return {}

    @_locked
    def revoke_refresh_token(self) -> dict[str, Any]:
        """End all refresh tokens."""
        self.auth.revoke_refresh()
        return {}

    @_locked
    def issue_refresh_token(self) -> dict[str, Any]:
        """Make a fresh refresh token, as the merchant does in the account."""
        return {"refresh_token": self.auth.issue_refresh()}

    @_locked
    def set(self, /, **changes: Any) -> dict[str, Any]:
        """Change settings; all are checked before the first is changed."""
        settings = self.state.settings
        checked = InventorumSettings.model_validate(settings.model_dump() | changes)
        for name in changes:
            setattr(settings, name, getattr(checked, name))
        return dict(changes)

    # What happened

    @_locked
    def stock(self) -> dict[str, str]:
        """Stock of every sellable unit by article number."""
        return {
            self.state.sku(product): two_places(product.quantity)
            for product in self.state.products.values()
            if not product.variations
        }

    @_locked
    def fields(self) -> dict[str, dict[str, str]]:
        """Gross price of every sellable unit, and more of what is no variation, by article number.

        Categories by name, images by the digest of their content, options of variations by name of the attribute.
        """
        return {
            self.state.sku(product): {"price": two_places(self.state.gross(product))}
            | ({"options": _options(product)} if product.parent else self._words(product))
            for product in self.state.products.values()
            if not product.variations
        }

    def _words(self, product: Product) -> dict[str, str]:
        images = (self.state.images[number].content for number in product.images)
        return {
            "name": product.name,
            "description": product.description,
            "brand": product.brand,
            "categories": ", ".join(sorted(self.state.categories[number].name for number in product.categories)),
            "images": " ".join(sha256(content).hexdigest()[:8] for content in images),
        }

    @_locked
    def history(self, sku: str | int | None = None) -> list[dict[str, Any]]:
        """Every change of stock, or those of one unit, oldest first."""
        return [
            {
                "at": each.at.isoformat(),
                "id": each.product,
                "sku": each.sku,
                "quantity": two_places(each.quantity),
                "kind": each.kind,
                "reference": each.reference,
            }
            for each in self.state.history
            if sku is None or str(sku) in (each.sku, str(each.product))
        ]

    @_locked
    def adjustments(self) -> list[dict[str, Any]]:
        """Every ``adjust_inventory`` that was applied, oldest first."""
        return [describe_adjustment(each) for each in self.state.adjustments]


def _options(product: Product) -> str:
    return " / ".join(value for _, values in sorted(product.attributes.items()) for value in values)


def _variation(sent: Mapping[str, Any], tax_type: int, net: Decimal) -> Values:
    return {
        "tax_type": tax_type,
        "product_code": sent["sku"],
        "ean": sent.get("gtin"),
        "price": net,
        "quantity": read_quantity(sent.get("quantity", 0)),
        "attributes": {key: [value] for key, value in sent.get("attributes", {}).items()},
    }


ACTIONS = (
    "sale",
    "cancel_order",
    "return_items",
    "receive",
    "count",
    "set_price",
    "set_name",
    "set_description",
    "set_brand",
    "set_option",
    "set_categories",
    "set_images",
    "create_product",
    "delete_product",
    "create_category",
    "expire_access_tokens",
    "revoke_refresh_token",
    "issue_refresh_token",
    "set",
    "stock",
    "history",
    "adjustments",
)
