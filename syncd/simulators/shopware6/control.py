"""What people do in the shop: customers order, administrators edit. The control interface and tests call this."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from syncd.simulators.pictures import image_kind
from syncd.simulators.shopware6.model import SYSTEM_CURRENCY, Row

if TYPE_CHECKING:
    from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation
    from syncd.simulators.shopware6.state import Shop

Lines = list[dict[str, Any]]
_NET_PLACES = Decimal("0.000001")


class Control:
    """The actions of the control interface, as methods. Each takes the lock itself.

    Raises:
        KeyError: Unknown product number or order.
    """

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def act(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Carry out an action by name.

        Raises:
            ValueError: No such action.
        """
        actions: dict[str, Callable[..., Any]] = {
            "order": self.order,
            "cancel_order": self.cancel_order,
            "set_order_state": self.set_order_state,
            "edit_line": self.edit_line,
            "delete_line": self.delete_line,
            "set_stock": self.set_stock,
            "set_name": self.set_name,
            "set_price": self.set_price,
            "set_active": self.set_active,
            "delete": self.delete,
            "delete_category": self.delete_category,
            "add_image": self.add_image,
            "stock": self.stock,
            "fields": self.fields,
        }
        if action == "set":
            return self.shop.settings.change(dict(arguments))
        if action not in actions:
            raise ValueError(f"no such action: {action}; known: {', '.join(sorted([*actions, 'set']))}")
        return actions[action](**arguments)

    # -- customers

    def order(self, lines: Lines) -> dict[str, str]:
        """A customer orders ``[{sku, quantity}]``: stock falls at once. Returns ``{"order": number}``."""
        with self.shop.lock:
            products = [(self.shop.with_number(line["sku"]), int(line["quantity"])) for line in lines]
            number = str(10_000 + self.shop.next_number("order_number"))
            order = self.shop.insert(
                "order",
                {"orderNumber": number, "orderDateTime": self.shop.stamp(), "stateId": self._state("open"),
                 "currencyId": SYSTEM_CURRENCY, "taxStatus": "gross"},
            )  # fmt: skip
            for product, quantity in products:
                self.shop.insert("order_line_item", {
                    "orderId": order["id"], "productId": product["id"], "referencedId": product["id"],
                    "identifier": product["id"], "label": product["name"] or product["productNumber"],
                    "type": "product", "quantity": quantity,
                    "payload": {"productNumber": product["productNumber"]},
                })  # fmt: skip
                self.shop.move_stock(product["id"], -quantity)
            return {"order": number}

    def cancel_order(self, order: str) -> dict[str, str]:
        """An administrator cancels it: its units are back in stock."""
        return self.set_order_state(order, "cancelled")

    def set_order_state(self, order: str, state: str) -> dict[str, str]:
        """Move an order on; out of ``cancelled`` its units go again."""
        with self.shop.lock:
            found, before = self._order(order), self._order(order)["stateId"]
            found["stateId"], found["updatedAt"] = self._state(state), self.shop.stamp()
            back = (found["stateId"] == self._state("cancelled")) - (before == self._state("cancelled"))
            if back:
                for line in self._lines(found):
                    self.shop.move_stock(line["productId"], back * line["quantity"])
            return {"order": order, "state": state}

    def edit_line(self, order: str, sku: str, quantity: int) -> dict[str, Any]:
        """Change the quantity of a line through its own route: the order's row stays as it is."""
        with self.shop.lock:
            line = self._line(order, sku)
            self.shop.move_stock(line["productId"], line["quantity"] - quantity)
            line["quantity"], line["updatedAt"] = quantity, self.shop.stamp()
            return {"order": order, "quantity": quantity}

    def delete_line(self, order: str, sku: str) -> dict[str, str]:
        """Take a line out in the administration, which recalculates the order."""
        with self.shop.lock:
            line = self._line(order, sku)
            self.shop.move_stock(line["productId"], line["quantity"])
            self.shop.delete("order_line_item", (line["id"],))
            self._order(order)["updatedAt"] = self.shop.stamp()
            return {"order": order}

    # -- administrators

    def create(self, product: CatalogueProduct) -> None:
        """Make a product of the invented catalogue; its variants leave price, tax and name to it."""
        with self.shop.lock:
            rate = product.tax_rate
            net = (product.price / (1 + rate / 100)).quantize(_NET_PLACES, ROUND_HALF_UP)
            price = {"currencyId": SYSTEM_CURRENCY, "gross": float(product.price), "net": float(net), "linked": True}
            row = self.shop.insert("product", {
                "productNumber": product.sku, "ean": product.gtin or None, "name": product.name,
                "taxId": self.shop.tax_id(int(rate)), "price": [price],
                "stock": 0 if product.variations else product.quantity,
            })  # fmt: skip
            self.shop.keep_available(row)
            for channel in self.shop.rows("sales_channel").values():
                values = {"productId": row["id"], "salesChannelId": channel["id"], "visibility": 30}
                self.shop.insert("product_visibility", values)
            for variation in product.variations:
                self.add_variation(product.sku, variation)

    def add_variation(self, parent: str, variation: CatalogueVariation) -> None:
        """One more variant of a product."""
        with self.shop.lock:
            above = self.shop.with_number(parent)
            row = self.shop.insert("product", {
                "productNumber": variation.sku, "ean": variation.gtin or None, "parentId": above["id"],
                "stock": variation.quantity, "active": None, "isCloseout": None,
            })  # fmt: skip
            self.shop.keep_available(row)
            self.shop.count_children(above["id"])
            for name, value in variation.attributes.items():
                option = self._option(name, value)
                self.shop.insert("product_option", {"productId": row["id"], "optionId": option})
                settings = self.shop.rows("product_configurator_setting").values()
                if (above["id"], option) not in {(each["productId"], each["optionId"]) for each in settings}:
                    self.shop.insert("product_configurator_setting", {"productId": above["id"], "optionId": option})

    def set_stock(self, sku: str, quantity: int) -> dict[str, int]:
        """Type a quantity into the product's form."""
        row = self._edit(sku, stock=quantity)
        with self.shop.lock:
            self.shop.keep_available(row)
        return {"stock": quantity}

    def set_name(self, sku: str, name: str) -> dict[str, str]:
        """Rename."""
        self._edit(sku, name=name)
        return {"name": name}

    def set_price(self, sku: str, gross: str, net: str) -> dict[str, str]:
        """Type a price."""
        price = {"currencyId": SYSTEM_CURRENCY, "gross": float(gross), "net": float(net), "linked": False}
        self._edit(sku, price=[price])
        return {"gross": gross}

    def set_active(self, sku: str, active: bool | None) -> dict[str, bool | None]:
        """Show or hide; ``None`` leaves it to the parent."""
        self._edit(sku, active=active)
        return {"active": active}

    def delete(self, sku: str) -> dict[str, str]:
        """Delete for good, with all variants."""
        with self.shop.lock:
            self.shop.delete("product", (self.shop.with_number(sku)["id"],))
            return {"deleted": sku}

    def delete_category(self, name: str) -> dict[str, str]:
        """Delete a category; products are in it no more."""
        with self.shop.lock:
            found = next(row["id"] for row in self.shop.rows("category").values() if row["name"] == name)
            self.shop.delete("category", (found,))
            return {"deleted": found}

    def add_image(self, sku: str, content: str, first: bool = False) -> dict[str, str]:
        """Give a product an image (base64) of the shop's own."""
        data = b64decode(content)
        with self.shop.lock:
            row = self.shop.with_number(sku)
            media = self.shop.insert("media", {"mimeType": image_kind(data), "fileExtension": "png"})
            media["fileName"] = f"own-{media['id']}"
            media["url"] = f"/media/{media['fileName']}.png"
            self.shop.files[media["id"]] = data
            places = [each["position"] or 0 for each in self._media(row)]
            position = (min(places, default=0) - 1) if first else (max(places, default=0) + 1)
            values = {"productId": row["id"], "mediaId": media["id"], "position": position}
            made = self.shop.insert("product_media", values)
            if first or row["coverId"] is None:
                row["coverId"] = made["id"]
            row["updatedAt"] = self.shop.stamp()
            return {"media": media["id"]}

    # -- looking

    def stock(self) -> dict[str, int]:
        """Units of everything that can be sold, by product number."""
        with self.shop.lock:
            rows = list(self.shop.rows("product").values())
            return {row["productNumber"]: row["stock"] for row in rows if not row["childCount"]}

    def fields(self) -> dict[str, dict[str, str]]:
        """Gross price of everything that can be sold, and more of what is no variant, by product number.

        Categories by name, images by the digest of their content, options of variants by name of the group.
        """
        with self.shop.lock:
            rows = [row for row in self.shop.rows("product").values() if not row["childCount"]]
            return {
                row["productNumber"]: {"price": self._price(row)}
                | ({"options": self._options(row)} if row["parentId"] else self._words(row))
                for row in rows
            }

    def _price(self, row: Row) -> str:
        prices = row["price"] or (self.shop.get("product", row["parentId"]) or {}).get("price") or []
        own = next((each["gross"] for each in prices if each["currencyId"] == SYSTEM_CURRENCY), 0)
        return f"{Decimal(str(own)):.2f}"

    def _options(self, row: Row) -> str:
        links = self.shop.rows("product_option").values()
        options = [self.shop.get("property_group_option", each["optionId"]) for each in links
                   if each["productId"] == row["id"]]  # fmt: skip
        named = [
            ((self.shop.get("property_group", option["groupId"]) or {})["name"], option["name"])
            for option in options
            if option is not None
        ]
        return " / ".join(value for _, value in sorted(named))

    def _words(self, row: Row) -> dict[str, str]:
        links = self.shop.rows("product_category").values()
        categories = [self.shop.get("category", each["categoryId"]) for each in links if each["productId"] == row["id"]]
        maker = self.shop.get("product_manufacturer", row["manufacturerId"])
        return {
            "name": row["name"],
            "description": row["description"] or "",
            "brand": maker["name"] if maker else "",
            "categories": ", ".join(sorted(each["name"] for each in categories if each is not None)),
            "images": " ".join(sha256(content).hexdigest()[:8] for content in self.images(row["productNumber"])),
        }

    def images(self, sku: str) -> list[bytes]:
        """What a product shows: the cover first, then by position."""
        with self.shop.lock:
            row = self.shop.with_number(sku)
            media = sorted(self._media(row), key=lambda each: (each["id"] != row["coverId"], each["position"] or 0))
            return [self.shop.files[each["mediaId"]] for each in media]

    def categories(self) -> list[list[str]]:
        """Names of all below the storefront's root, from the top down."""
        with self.shop.lock:
            channel = next(iter(self.shop.rows("sales_channel").values()))
            root = self.shop.get("category", channel["navigationCategoryId"])
            top = root["name"] if root else ""
            rows = [row["breadcrumb"] for row in self.shop.rows("category").values()]
            return sorted(path[1:] for path in rows if path[0] == top and len(path) > 1)

    def _media(self, row: Row) -> list[Row]:
        return [each for each in self.shop.rows("product_media").values() if each["productId"] == row["id"]]

    def _edit(self, sku: str, **values: Any) -> Row:
        with self.shop.lock:
            row = self.shop.with_number(sku)
            row.update(values, updatedAt=self.shop.stamp())
            return row

    def _option(self, name: str, value: str) -> str:
        groups = [row for row in self.shop.rows("property_group").values() if row["name"] == name]
        group = groups[0] if groups else self.shop.insert("property_group", {"name": name})
        for row in self.shop.rows("property_group_option").values():
            if (row["groupId"], row["name"]) == (group["id"], value):
                return str(row["id"])
        return str(self.shop.insert("property_group_option", {"groupId": group["id"], "name": value})["id"])

    def _state(self, name: str) -> str:
        states = self.shop.rows("state_machine_state").values()
        return next(str(row["id"]) for row in states if row["technicalName"] == name)

    def _order(self, number: str) -> Row:
        for row in self.shop.rows("order").values():
            if row["orderNumber"] == number:
                return row
        raise KeyError(f"order {number}")

    def _lines(self, order: Row) -> list[Row]:
        return [row for row in self.shop.rows("order_line_item").values() if row["orderId"] == order["id"]]

    def _line(self, order: str, sku: str) -> Row:
        for line in self._lines(self._order(order)):
            if line["payload"]["productNumber"] == sku:
                return line
        raise KeyError(f"{sku} in order {order}")
