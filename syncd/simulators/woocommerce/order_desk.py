"""Orders and refunds: their lines, their statuses, and what they do to stock.

Everything here expects the shop's lock. Source: 02, 02b and 10 of the recordings.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from syncd.simulators.woocommerce import php, text
from syncd.simulators.woocommerce.problems import ApiError, invalid_id
from syncd.simulators.woocommerce.rows import Order, OrderLine, Product, Refund, get_meta
from syncd.simulators.woocommerce.state import Shop

REDUCING = {"processing", "on-hold", "completed"}
RETURNING = {"cancelled", "pending"}
PAID = {"processing", "completed"}
_TEXTS = ("customer_note", "payment_method", "payment_method_title", "transaction_id", "billing", "shipping")


class OrderDesk:
    """Takes orders, moves them through their statuses, refunds them."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def find(self, order_id: int, missing_status: int = 404) -> Order:
        """The order, in the trash too.

        Raises:
            ApiError: ``woocommerce_rest_shop_order_invalid_id``.
        """
        order = self.shop.orders.rows.get(order_id) or self.shop.trashed_orders.rows.get(order_id)
        if order is None:
            raise invalid_id("shop_order", missing_status)
        return order

    def create(self, values: dict[str, Any]) -> Order:
        """A new order; stock is not checked: more than there is may be ordered (seen, 02b #7)."""
        now = self.shop.now()
        order = Order(self.shop.take_id(), "pending", now, now)
        for item in php.as_list(values.get("line_items")):
            if isinstance(item, dict):
                order.lines.append(self._line(item))
        self._texts(order, values)
        self.shop.orders.add(order)
        self._move(order, self._wanted_status(order, values))
        return order

    def update(self, order: Order, values: dict[str, Any]) -> Order:
        """Change lines, texts and status."""
        for item in php.as_list(values.get("line_items")):
            if isinstance(item, dict):
                self._change_line(order, item)
        self._texts(order, values)
        self._move(order, self._wanted_status(order, values))
        self._touch(order)
        return order

    def set_status(self, order: Order, status: str) -> None:
        """Move an order on, as an administrator does."""
        self._move(order, status)
        self._touch(order)

    def delete(self, order: Order, *, force: bool) -> None:
        """Trash or delete; neither returns stock (seen, 02b #0 to #3).

        Raises:
            ApiError: 410 if it is in the trash already.
        """
        trashed = order.status == "trash"
        if force:
            (self.shop.trashed_orders if trashed else self.shop.orders).remove(order)
            for refund_id in order.refunds:
                self.shop.refunds.remove(self.shop.refunds.rows[refund_id])
            return
        if trashed:
            raise ApiError(410, "woocommerce_rest_already_trashed", "The order has already been deleted.")
        self.shop.orders.remove(order)
        order.status_before_trash, order.status = order.status, "trash"
        order.modified = self.shop.now()
        self.shop.trashed_orders.add(order)

    def refund(self, order: Order, values: dict[str, Any]) -> Refund:
        """Refund some pieces; ``api_restock`` returns them to stock and is on when left out.

        Raises:
            ApiError: 500 for an impossible amount, or when the gateway is asked to pay back.
        """
        lines = [self._refund_line(order, item) for item in _objects(values.get("line_items"))]
        given = values.get("amount")
        amount = _money(given) if given not in {None, ""} else -sum((line.total for line in lines), Decimal(0))
        paid_back = sum((self.shop.refunds.rows[refund_id].amount for refund_id in order.refunds), Decimal(0))
        if amount < 0 or amount > order.total - paid_back:
            raise _refund_error("Invalid refund amount.")
        if values.get("api_refund", True):
            raise _refund_error("The payment gateway for this order does not exist.")
        refund = self._add_refund(order, amount, str(values.get("reason") or ""), lines)
        if values.get("api_restock", True):
            for line in lines:
                self._restock(order, refund, line)
        if amount and amount == order.total - paid_back:
            self.set_status(order, "refunded")
        elif self.shop.settings.refund_bumps_order:
            self._touch(order)
        return refund

    def _touch(self, order: Order) -> None:
        table = self.shop.trashed_orders if order.status == "trash" else self.shop.orders
        table.touch(order, self.shop.now())

    def _texts(self, order: Order, values: dict[str, Any]) -> None:
        order.extra.update({name: values[name] for name in _TEXTS if values.get(name) is not None})
        self.shop.write_meta(order.meta, values.get("meta_data"))

    def _wanted_status(self, order: Order, values: dict[str, Any]) -> str:
        status = str(values.get("status") or order.status)
        if values.get("set_paid") and status in {"pending", "failed", "on-hold"}:
            return "processing"
        return status

    def _move(self, order: Order, status: str) -> None:
        """Change the status with its effects on stock, payment dates and refunds."""
        if order.status == "trash" and status != "trash":
            self.shop.trashed_orders.remove(order)
            order.status = status
            self.shop.orders.add(order)
        changed, order.status = status != order.status, status
        now = self.shop.now()
        if status in PAID and order.paid is None:
            order.paid = now
        if status == "completed" and order.completed is None:
            order.completed = now
        if status in REDUCING and not order.stock_reduced:
            self._reduce(order)
        elif status in RETURNING and order.stock_reduced:
            self._return(order)
        if changed and status == "refunded":
            self._refund_rest(order)

    def _reduce(self, order: Order) -> None:
        order.stock_reduced = True
        for line in order.lines:
            product = self._sold(line)
            if product is None or self.shop.reduced(line.meta):
                continue
            if self.shop.move_stock(product, -line.quantity, "order", f"order {order.id}"):
                self.shop.write_meta(line.meta, [{"key": "_reduced_stock", "value": str(line.quantity)}])

    def _return(self, order: Order) -> None:
        order.stock_reduced = False
        for line in order.lines:
            product, taken = self._sold(line), self.shop.reduced(line.meta)
            if product is not None and taken:
                self.shop.move_stock(product, taken, "cancel", f"order {order.id}")
                self.shop.write_meta(line.meta, [{"key": "_reduced_stock", "value": None}])

    def _sold(self, line: OrderLine) -> Product | None:
        return self.shop.by_id.get(line.variation_id or line.product_id)

    def _refund_rest(self, order: Order) -> None:
        """Status ``refunded`` alone: a refund without lines, no stock returned."""
        paid_back = sum((self.shop.refunds.rows[refund_id].amount for refund_id in order.refunds), Decimal(0))
        if order.total > paid_back:
            self._add_refund(order, order.total - paid_back, "Order fully refunded.", [])

    def _add_refund(self, order: Order, amount: Decimal, reason: str, lines: list[OrderLine]) -> Refund:
        now = self.shop.now()
        refund = Refund(self.shop.take_id(), order.id, now, now, amount, reason, lines)
        self.shop.write_meta(refund.meta, [{"key": "_refund_type", "value": "partial" if lines else "full"}])
        self.shop.refunds.add(refund)
        order.refunds.append(refund.id)
        return refund

    def _restock(self, order: Order, refund: Refund, refunded: OrderLine) -> None:
        line_id = int(get_meta(refunded.meta, "_refunded_item_id"))
        line = next(line for line in order.lines if line.id == line_id)
        product, taken, back = self._sold(line), self.shop.reduced(line.meta), -refunded.quantity
        if product is None or not taken or not back:
            return
        if self.shop.move_stock(product, back, "refund", f"refund {refund.id} of order {order.id}"):
            before = int(get_meta(line.meta, "_restock_refunded_items") or 0)
            entries = {"_reduced_stock": str(taken - back), "_restock_refunded_items": str(before + back)}
            self.shop.write_meta(line.meta, [{"key": key, "value": value} for key, value in entries.items()])

    def _refund_line(self, order: Order, item: dict[str, Any]) -> OrderLine:
        line = next((line for line in order.lines if line.id == php.intval(item.get("id"))), None)
        if line is None:
            raise ApiError(400, "woocommerce_rest_invalid_line_item", "Line item ID provided is not associated.")
        total = -_money(item.get("refund_total") or 0)
        made = OrderLine(
            next(self.shop.line_ids),
            line.product_id,
            line.variation_id,
            line.name,
            -php.intval(item.get("quantity")),
            line.sku,
            line.gtin,
            total,
            Decimal(0),
            line.tax_class,
            0,
            line.parent_name,
        )
        self.shop.write_meta(made.meta, [{"key": "_refunded_item_id", "value": str(line.id)}])
        return made

    def _line(self, item: dict[str, Any]) -> OrderLine:
        """A line by ids or SKU; an unknown product makes an empty line (seen, 10-orders 7)."""
        product = self.shop.by_id.get(php.intval(item.get("variation_id")) or php.intval(item.get("product_id")))
        if product is None and item.get("sku"):
            product = next((p for p in self.shop.with_sku(str(item["sku"])) if p.status != "trash"), None)
        quantity = php.intval(item.get("quantity", 1))
        line_id = next(self.shop.line_ids)
        if product is None:
            return OrderLine(line_id, 0, 0, "", quantity, None, None, Decimal(0), Decimal(19))
        parent = self.shop.parent(product)
        tax_class = product.tax_class
        if parent is not None and tax_class == "parent":
            tax_class = parent.tax_class
        rate_id, rate = self.shop.tax(tax_class)
        children = [child.price for child in self.shop.children(product) if child.price]
        price = product.price or next(iter(children), "0")
        options = ", ".join(str(attribute["option"]) for attribute in product.attributes if "option" in attribute)
        line = OrderLine(
            line_id,
            parent.id if parent is not None else product.id,
            product.id if parent is not None else 0,
            product.name if parent is None else f"{parent.name} - {options}",
            quantity,
            product.sku or (parent.sku if parent is not None else ""),
            product.gtin,
            self._gross(price, rate) * quantity,
            rate,
            tax_class,
            rate_id,
            parent.name if parent is not None else None,
        )
        if parent is not None:
            chosen = [{"key": a["slug"], "value": a["option"]} for a in product.attributes]
            self.shop.write_meta(line.meta, chosen)
        return line

    def _gross(self, price: str, rate: Decimal) -> Decimal:
        """What a customer pays for one piece."""
        if not self.shop.settings.net_prices:
            return _money(price)
        return (Decimal(price or "0") * (1 + rate / 100)).quantize(Decimal("0.01"), ROUND_HALF_UP)

    def _change_line(self, order: Order, item: dict[str, Any]) -> None:
        """Add, change or (quantity 0) remove a line; reduced stock follows by the difference (seen, 02b #4 to #6)."""
        line = next((line for line in order.lines if line.id == php.intval(item.get("id"))), None)
        if line is None:
            line = self._line(item)
            order.lines.append(line)
        elif "quantity" in item:
            quantity = php.intval(item["quantity"])
            line.total = line.total / line.quantity * quantity if line.quantity else line.total
            line.quantity = quantity
        self._adjust(order, line)
        if line.quantity <= 0:
            order.lines.remove(line)

    def _adjust(self, order: Order, line: OrderLine) -> None:
        product = self._sold(line)
        taken = self.shop.reduced(line.meta)
        if order.status not in REDUCING or not order.stock_reduced or product is None:
            return
        returned = int(get_meta(line.meta, "_restock_refunded_items") or 0)
        difference = taken + returned - max(line.quantity, 0)
        if difference and self.shop.move_stock(product, difference, "order", f"order {order.id}"):
            entry = {"key": "_reduced_stock", "value": str(taken - difference)}
            self.shop.write_meta(line.meta, [entry])


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in php.as_list(value) if isinstance(item, dict)]


def _money(value: Any) -> Decimal:
    try:
        return Decimal(text.price(value, ",") or "0").quantize(Decimal("0.01"), ROUND_HALF_UP)
    except InvalidOperation:
        return Decimal(0)


def _refund_error(message: str) -> ApiError:
    error = ApiError(500, "woocommerce_rest_cannot_create_order_refund", message)
    error.data = 500
    return error
