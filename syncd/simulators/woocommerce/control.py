"""What people do in the shop: customers order, administrators edit. The control interface and tests call this."""

from __future__ import annotations

import itertools
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from html import unescape
from typing import TYPE_CHECKING, Any

from syncd.simulators.woocommerce.render import View
from syncd.simulators.woocommerce.rows import Order, Product
from syncd.simulators.woocommerce.state import Category
from syncd.simulators.woocommerce.text import html, slug, title

if TYPE_CHECKING:
    from syncd.simulators.woocommerce.media import MediaLibrary
    from syncd.simulators.woocommerce.order_desk import OrderDesk
    from syncd.simulators.woocommerce.state import Shop
    from syncd.simulators.woocommerce.writer import ProductWriter

Lines = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class EditForm:
    """A product form that an administrator opened: it remembers the quantity that it shows."""

    product_id: int
    original: int | None


class Control:
    """The actions of the control interface, as methods. Each takes the lock itself.

    Raises:
        KeyError: Unknown SKU, order or form.
    """

    def __init__(self, shop: Shop, writer: ProductWriter, desk: OrderDesk, media: MediaLibrary) -> None:
        self.shop = shop
        self.media = media
        self.writer = writer
        self.desk = desk
        self._forms: dict[int, EditForm] = {}
        self._form_ids = itertools.count(1)

    def act(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Carry out an action by name.

        Raises:
            ValueError: No such action.
        """
        actions: dict[str, Callable[..., Any]] = {
            "order": self.order,
            "set_order_status": self.set_order_status,
            "cancel_order": self.cancel_order,
            "refund": self.refund,
            "set_stock": self.set_stock,
            "open_edit_form": self.open_edit_form,
            "save_edit_form": self.save_edit_form,
            "create_product": self.create_product,
            "trash": self.trash,
            "restore": self.restore,
            "delete": self.delete,
            "set_manage_stock": self.set_manage_stock,
            "set_price": self.set_price,
            "set_name": self.set_name,
            "set_description": self.set_description,
            "set_brand": self.set_brand,
            "set_option": self.set_option,
            "set_categories": self.set_categories,
            "rename_category": self.rename_category,
            "make_default_category": self.make_default_category,
            "delete_term": self.delete_term,
            "add_image": self.add_image,
            "remove_image": self.remove_image,
            "order_images": self.order_images,
            "fields": self.fields,
            "on_sale": self.on_sale,
            "stock": self.stock,
            "history": self.history,
            "lost_updates": self.lost_updates,
        }
        if action == "set":
            return self.set(**arguments)
        if action not in actions:
            raise ValueError(f"no such action: {action}; known: {', '.join(sorted([*actions, 'set']))}")
        return actions[action](**arguments)

    def _by_sku(self, sku: str, *, trashed: bool = False) -> Product:
        for product in self.shop.with_sku(sku):
            if trashed or product.status != "trash":
                return product
        raise KeyError(f"SKU {sku}")

    def _order(self, order_id: int) -> Order:
        found = self.shop.orders.rows.get(order_id) or self.shop.trashed_orders.rows.get(order_id)
        if found is None:
            raise KeyError(f"order {order_id}")
        return found

    def order(self, lines: Lines, status: str = "processing") -> dict[str, int]:
        """A customer orders ``[{sku, quantity}]``; returns ``{"order": id}``."""
        with self.shop.lock:
            items = []
            for line in lines:
                product = self._by_sku(line["sku"])
                items.append({"product_id": product.id, "quantity": int(line["quantity"])})
            order = self.desk.create({"status": status, "line_items": items})
            order.extra["created_via"] = "checkout"
            return {"order": order.id}

    def set_order_status(self, order: int, status: str) -> dict[str, Any]:
        """An administrator moves an order on."""
        with self.shop.lock:
            found = self._order(order)
            self.desk.set_status(found, status)
            return {"order": found.id, "status": found.status}

    def cancel_order(self, order: int) -> dict[str, Any]:
        """Cancel: what the order took goes back to stock."""
        return self.set_order_status(order, "cancelled")

    def refund(self, order: int, lines: Lines, restock: bool = True) -> dict[str, int]:
        """Refund ``[{sku, quantity}]`` of an order, at the price paid; returns ``{"refund": id}``."""
        with self.shop.lock:
            found = self._order(order)
            items, amount = [], Decimal(0)
            for wanted in lines:
                line = next((line for line in found.lines if line.sku == wanted["sku"]), None)
                if line is None:
                    raise KeyError(f"SKU {wanted['sku']} in order {order}")
                pieces = int(wanted["quantity"])
                worth = (line.total / line.quantity * pieces).quantize(Decimal("0.01"))
                amount += worth
                items.append({"id": line.id, "quantity": pieces, "refund_total": str(worth)})
            values = {"amount": str(amount), "api_refund": False, "api_restock": restock, "line_items": items}
            return {"refund": self.desk.refund(found, values).id}

    def set_stock(self, sku: str, quantity: int) -> dict[str, int | None]:
        """An administrator saves an absolute quantity (quick edit)."""
        with self.shop.lock:
            product = self._by_sku(sku)
            product.manage_stock = True
            self.shop.set_stock(product, quantity, "admin", "quick edit")
            self.shop.touch(product)
            return {"quantity": product.stock}

    def open_edit_form(self, sku: str) -> dict[str, Any]:
        """An administrator opens the product's page; returns ``{"form": id, "quantity": shown}``."""
        with self.shop.lock:
            product = self._by_sku(sku)
            form_id = next(self._form_ids)
            self._forms[form_id] = EditForm(product.id, product.stock)
            return {"form": form_id, "quantity": product.stock}

    def save_edit_form(self, form: int, quantity: int | None = None) -> dict[str, Any]:
        """Save the page: ``quantity`` if typed, else the one that it showed.

        WooCommerce posts the original quantity along and leaves stock alone if it is no longer the stored one; without
        ``edit_form_guard`` the old quantity overwrites whatever happened since. The rest of the form is saved anyway.
        """
        with self.shop.lock:
            opened = self._forms.pop(form)
            product = self.shop.by_id[opened.product_id]
            changed = product.stock != opened.original
            saved = not (changed and self.shop.settings.edit_form_guard)
            if saved and product.manage_stock:
                typed = opened.original if quantity is None else quantity
                self.shop.lost(product, opened.original or 0, typed or 0, "admin")
                self.shop.set_stock(product, typed, "admin", "edit form")
            self.shop.touch(product)
            return {"stock_saved": saved, "quantity": product.stock}

    def create_product(self, sku: str, name: str = "", quantity: int | None = 0, price: str = "1.00") -> dict[str, Any]:
        """An administrator creates a simple product; ``quantity`` ``None`` leaves stock unmanaged."""
        values: dict[str, Any] = {"sku": sku, "name": name or sku, "regular_price": price}
        if quantity is not None:
            values |= {"manage_stock": True, "stock_quantity": quantity}
        show = View(self.shop, "").product
        made = self.writer.create(values, "product page", lambda product: show(product, {"id"}))
        return {"id": made["id"]}

    def trash(self, sku: str) -> dict[str, Any]:
        """Move to the trash."""
        with self.shop.lock:
            product = self._by_sku(sku)
            self.writer.trash(product)
            return {"id": product.id}

    def restore(self, sku: str) -> dict[str, Any]:
        """Take out of the trash."""
        with self.shop.lock:
            product = self._by_sku(sku, trashed=True)
            if product.status == "trash":
                self.writer.restore(product)
            return {"id": product.id}

    def delete(self, sku: str) -> dict[str, Any]:
        """Delete for good."""
        with self.shop.lock:
            product = self._by_sku(sku, trashed=True)
            self.shop.remove_product(product)
            return {"id": product.id}

    def set_manage_stock(self, sku: str, manage: bool) -> dict[str, Any]:
        """Switch stock management; off drops the quantity, on starts without one."""
        with self.shop.lock:
            product = self._by_sku(sku)
            product.manage_stock = manage
            if manage:
                self.shop.derive_status(product)
            else:
                self.shop.set_stock(product, None, "admin", "stock management off")
            self.shop.touch(product)
            return {"id": product.id, "quantity": product.stock}

    def set_price(self, sku: str, price: str) -> dict[str, Any]:
        """An administrator saves another regular price."""
        with self.shop.lock:
            product = self._by_sku(sku)
            product.regular_price = price
            self.shop.touch(product)
            return {"id": product.id}

    def set_name(self, sku: str, name: str) -> dict[str, Any]:
        """An administrator renames a product."""
        with self.shop.lock:
            product = self._by_sku(sku)
            product.name = title(name)
            self.shop.touch(product)
            return {"id": product.id}

    def set_description(self, sku: str, text: str) -> dict[str, Any]:
        """An administrator writes another text."""
        with self.shop.lock:
            product = self._by_sku(sku)
            product.extra["description"] = html(text)
            self.shop.touch(product)
            return {"id": product.id}

    def set_brand(self, sku: str, brand: str) -> dict[str, Any]:
        """An administrator chooses a brand, made if it is missing."""
        with self.shop.lock:
            product = self._by_sku(sku)
            product.brands = [self._term(self.shop.brands, brand)] if brand else []
            self.shop.touch(product)
            return {"id": product.id}

    def set_option(self, sku: str, name: str, value: str) -> dict[str, Any]:
        """An administrator chooses another option of a variation, which its product then offers."""
        with self.shop.lock:
            product = self._by_sku(sku)
            for attribute in (each for each in product.attributes if each["name"] == name):
                attribute["option"] = value
            parent = self.shop.by_id[product.parent_id]
            for attribute in (each for each in parent.attributes if each["name"] == name):
                attribute["options"] = list(dict.fromkeys([*attribute["options"], value]))
            self.shop.touch(product)
            return {"id": product.id}

    def set_categories(self, sku: str, names: list[str]) -> dict[str, Any]:
        """An administrator ticks categories, made if they are missing."""
        with self.shop.lock:
            product = self._by_sku(sku)
            product.categories = [self._term(self.shop.categories, name) for name in names]
            product.categories = product.categories or [self.shop.default_category]
            self.shop.touch(product)
            return {"id": product.id}

    def rename_category(self, name: str, to: str) -> dict[str, Any]:
        """An administrator renames a category, with its slug; no product's date moves."""
        with self.shop.lock:
            term = self.shop.categories[self._term(self.shop.categories, name)]
            term.name, term.slug = title(to), slug(to)
            return {"id": term.id}

    def make_default_category(self, name: str) -> dict[str, Any]:
        """An administrator has products without a category put into another one, made if it is missing."""
        with self.shop.lock:
            self.shop.default_category = self._term(self.shop.categories, name)
            return {"id": self.shop.default_category}

    def delete_term(self, kind: str, name: str) -> dict[str, Any]:
        """An administrator deletes one of the ``categories`` or ``brands``."""
        with self.shop.lock:
            number = self._term(self.shop.categories if kind == "categories" else self.shop.brands, name)
            self.shop.remove_term(kind, number)
            return {"id": number}

    def _term(self, terms: dict[int, Category], name: str) -> int:
        found = next((term.id for term in terms.values() if term.name == title(name)), None)
        if found is None:
            found = self.shop.next_term_id
            self.shop.next_term_id += 1
            terms[found] = Category(found, title(name), slug(name))
        return found

    def add_image(self, sku: str, content: str, first: bool = False) -> dict[str, Any]:
        """An administrator adds an image of the shop's own, in base64; ``first`` as the cover."""
        with self.shop.lock:
            product = self._by_sku(sku)
            image = self.media.store(b64decode(content), f"{sku}.png", {})
            product.images.insert(0 if first else len(product.images), image)
            self.shop.touch(product)
            return {"id": image["id"]}

    def remove_image(self, sku: str, image: int) -> dict[str, Any]:
        """An administrator takes an image away from a product."""
        with self.shop.lock:
            product = self._by_sku(sku)
            product.images = [each for each in product.images if each["id"] != image]
            self.shop.touch(product)
            return {"id": product.id}

    def order_images(self, sku: str, images: list[int]) -> dict[str, Any]:
        """An administrator puts a product's images into another order, given by their numbers."""
        with self.shop.lock:
            product = self._by_sku(sku)
            product.images.sort(key=lambda image: images.index(image["id"]))
            self.shop.touch(product)
            return {"id": product.id}

    def set(self, **values: Any) -> dict[str, Any]:
        """Change settings by name; returns what is now in force."""
        with self.shop.lock:
            return self.shop.settings.change(values)

    def stock(self) -> dict[str, int | None]:
        """Quantity by SKU of everything that can be sold; ``None`` without a quantity of its own."""
        with self.shop.lock:
            units = [p for p in self.shop.products if p.type != "variable" or p.manage_stock]
            units += list(self.shop.variations)
            return {self.shop.label(unit): unit.stock for unit in units}

    def on_sale(self) -> list[str]:
        """SKUs of all products that customers can see, without variations."""
        with self.shop.lock:
            return [self.shop.label(product) for product in self.shop.products if product.status == "publish"]

    def names(self) -> list[str]:
        """Names of all products that are no variations, as often as they are there."""
        with self.shop.lock:
            return [product.name for product in self.shop.products if product.status != "trash"]

    def fields(self) -> dict[str, dict[str, str]]:
        """Regular price of everything that can be sold, and more of what is no variation, by SKU.

        Categories by name, images by the digest of their content, options of variations by name of the attribute.
        """
        with self.shop.lock:
            units = [product for product in self.shop.by_id.values() if product.type != "variable"]
            return {
                self.shop.label(unit): {"price": f"{Decimal(unit.regular_price or 0):.2f}"}
                | ({"options": _options(unit)} if unit.is_variation else self._words(unit))
                for unit in units
            }

    def _words(self, product: Product) -> dict[str, str]:
        numbers = [] if product.categories == [self.shop.default_category] else product.categories
        categories = [self.shop.categories[number].name for number in numbers]
        contents = (self.shop.files.get(image["src"], b"") for image in product.images)
        return {
            "name": unescape(product.name),
            "description": str(product.extra.get("description", "")),
            "brand": ", ".join(unescape(self.shop.brands[number].name) for number in product.brands),
            "categories": ", ".join(sorted(unescape(name) for name in categories)),
            "images": " ".join(sha256(content).hexdigest()[:8] for content in contents),
        }

    def history(self) -> list[dict[str, Any]]:
        """Every change of stock since the shop was filled."""
        with self.shop.lock:
            return self.shop.report(self.shop.history)

    def lost_updates(self) -> list[dict[str, Any]]:
        """Changes that stale writes have swallowed."""
        with self.shop.lock:
            return self.shop.report(self.shop.lost_updates)


def _options(product: Product) -> str:
    chosen = sorted((each["name"], unescape(str(each["option"]))) for each in product.attributes)
    return " / ".join(option for _, option in chosen)
