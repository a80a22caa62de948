"""Routes of orders and refunds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncd.simulators.woocommerce import listing, php, schema
from syncd.simulators.woocommerce.batch import Batch
from syncd.simulators.woocommerce.call import WRITE, Call, Route
from syncd.simulators.woocommerce.order_view import OrderView
from syncd.simulators.woocommerce.problems import ApiError, no_route
from syncd.simulators.woocommerce.rows import Order, Refund

if TYPE_CHECKING:
    from syncd.simulators.server import SimResponse
    from syncd.simulators.woocommerce.order_desk import OrderDesk
    from syncd.simulators.woocommerce.state import Shop

_STATUS = ["any", "trash", "auto-draft", *schema.ORDER_STATUS]


class OrderApi:
    """Lists, reads and writes orders and refunds."""

    def __init__(self, shop: Shop, desk: OrderDesk) -> None:
        self.shop = shop
        self.desk = desk

    def routes(self) -> list[Route]:
        """Methods, pattern, handler."""
        refunds = r"orders/(?P<order_id>\d+)/refunds"
        return [
            ("GET", "orders", self.list_orders),
            ("POST", "orders", self.create_order),
            ("GET", r"orders/(?P<id>\d+)", self.read_order),
            (WRITE, r"orders/(?P<id>\d+)", self.update_order),
            ("DELETE", r"orders/(?P<id>\d+)", self.delete_order),
            (WRITE, "orders/batch", self.batch_orders),
            ("GET", refunds, self.order_refunds),
            ("POST", refunds, self.create_refund),
            ("GET", refunds + r"/(?P<id>\d+)", self.read_refund),
            ("GET", "refunds", self.all_refunds),
        ]

    def list_orders(self, call: Call) -> SimResponse:
        """``GET /orders``; ``status`` takes several, ``any`` leaves out the trash."""
        query = listing.parse(call.query, self.shop.offset_s, listing.ORDERBY)
        statuses = {str(name) for name in php.as_list(call.query.get("status", "any"))}
        for name in statuses:
            schema.choice("status[0]", name, _STATUS)

        def keep(order: Order) -> bool:
            return order.status in statuses or ("any" in statuses and order.status != "trash")

        with self.shop.lock:
            tables = [self.shop.orders, *([self.shop.trashed_orders] if "trash" in statuses else [])]
            rows = listing.select(tables, query, None if statuses == {"any"} else keep)
            data = [self._show(call, order) for order in listing.page_of(rows, query)]
        return listing.answer(call, query, len(rows), data)

    def _show(self, call: Call, order: Order) -> dict[str, Any]:
        return OrderView(self.shop, call.root).order(order)

    def create_order(self, call: Call) -> SimResponse:
        """``POST /orders``."""
        values = schema.check(call.body, schema.ORDER_BODY)
        with self.shop.lock:
            order = self.desk.create(values)
            return call.created(self._show(call, order), f"orders/{order.id}")

    def read_order(self, call: Call) -> SimResponse:
        """``GET /orders/{id}``."""
        with self.shop.lock:
            return call.reply(self._show(call, self.desk.find(call.id())))

    def update_order(self, call: Call) -> SimResponse:
        """``PUT /orders/{id}``."""
        values = schema.check(call.body, schema.ORDER_BODY)
        with self.shop.lock:
            order = self.desk.update(self.desk.find(call.id(), 400), values)
            return call.reply(self._show(call, order))

    def delete_order(self, call: Call) -> SimResponse:
        """``DELETE /orders/{id}``."""
        with self.shop.lock:
            order = self.desk.find(call.id())
            data = self._show(call, order)
            self.desk.delete(order, force=call.force)
            return call.reply(data)

    def batch_orders(self, call: Call) -> SimResponse:
        """``POST /orders/batch``."""

        def create(item: dict[str, Any]) -> dict[str, Any]:
            with self.shop.lock:
                return self._show(call, self.desk.create(item))

        def update(item: dict[str, Any]) -> dict[str, Any]:
            with self.shop.lock:
                order = self.desk.find(php.intval(item.get("id")), 400)
                return self._show(call, self.desk.update(order, item))

        def delete(order_id: int) -> dict[str, Any]:
            with self.shop.lock:
                order = self.desk.find(order_id)
                data = self._show(call, order)
                self.desk.delete(order, force=True)
                return data

        return Batch(create, update, delete).run(call)

    def order_refunds(self, call: Call) -> SimResponse:
        """``GET /orders/{id}/refunds``."""
        with self.shop.lock:
            order = self.desk.find(call.id("order_id"))
            return self._refund_list(call, list(order.refunds), with_parent=False)

    def all_refunds(self, call: Call) -> SimResponse:
        """``GET /refunds`` of all orders; newer shops only."""
        if not self.shop.settings.has_refunds_route:
            raise no_route()
        with self.shop.lock:
            return self._refund_list(call, None, with_parent=True)

    def _refund_list(self, call: Call, candidates: list[int] | None, *, with_parent: bool) -> SimResponse:
        query = listing.parse(call.query, self.shop.offset_s, listing.ORDERBY)
        rows: list[Refund] = listing.select([self.shop.refunds], query, None, candidates)
        view = OrderView(self.shop, call.root)
        data = [view.refund(refund, with_parent=with_parent) for refund in listing.page_of(rows, query)]
        return listing.answer(call, query, len(rows), data)

    def create_refund(self, call: Call) -> SimResponse:
        """``POST /orders/{id}/refunds``."""
        values = schema.check(call.body, schema.REFUND_BODY)
        with self.shop.lock:
            order = self._refunded_order(call)
            refund = self.desk.refund(order, values)
            data = OrderView(self.shop, call.root).refund(refund)
            return call.created(data, rf"orders/(?P<order_id>[\d]+)/refunds/{refund.id}")

    def read_refund(self, call: Call) -> SimResponse:
        """``GET /orders/{id}/refunds/{id}``."""
        with self.shop.lock:
            order = self._refunded_order(call)
            if call.id() not in order.refunds:
                message = "Invalid order refund ID."
                raise ApiError(404, "woocommerce_rest_invalid_order_refund_id", message)
            return call.reply(OrderView(self.shop, call.root).refund(self.shop.refunds.rows[call.id()]))

    def _refunded_order(self, call: Call) -> Order:
        try:
            return self.desk.find(call.id("order_id"))
        except ApiError:
            raise ApiError(404, "woocommerce_rest_invalid_order_id", "Invalid order ID.") from None
