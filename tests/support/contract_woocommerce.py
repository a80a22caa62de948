"""A WooCommerce shop over plain http after the contract (woocommerce-api.md), in the less friendly of its readings.

Where shops differ, this one asks more of a client:

- keys work by OAuth 1.0a only, a nonce once, and settings are not for this key's user (a shop manager);
- an order changes the stock without touching the product's date; a refund touches not even the order's;
- dates have whole seconds, ``modified_after`` is exclusive, and the order within one second is another in every answer;
- a ``Z`` together with ``dates_are_gmt`` is shifted by the shop's two hours, a naive date without it is local time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from tests.support.contract_http import Answer, Call, ContractServer

KEY, SECRET = "ck_acceptance", "cs_acceptance"
ZONE_S = 7200
_REDUCING = {"processing", "on-hold", "completed"}
_ROUTES = ("products", "products/batch", "products/(?P<id>[\\d]+)", "orders", "orders/(?P<id>[\\d]+)")


@dataclass
class Product:
    """A simple product, a variable product or a variation."""

    id: int
    name: str
    sku: str
    stock: int | None
    modified: int
    type: str = "simple"
    parent: int = 0
    status: str = "publish"
    gtin: str = ""
    meta: dict[str, str] = field(default_factory=dict)


@dataclass
class Order:
    """An order with its lines: product or variation id to units, and units whose stock was taken."""

    id: int
    status: str
    lines: dict[int, int]
    modified: int
    reduced: dict[int, int] = field(default_factory=dict)
    refunds: list[dict[str, Any]] = field(default_factory=list)


class ContractWooCommerce(ContractServer):
    """One shop; methods that are not named after a route are what customers and the shop's staff do."""

    def __init__(self, *, modern: bool = True, orders_touch_products: bool = False) -> None:
        super().__init__()
        self.modern = modern
        self.orders_touch_products = orders_touch_products
        self.products: dict[int, Product] = {}
        self.orders: dict[int, Order] = {}
        self._ids = itertools.count(11)
        self._nonces: set[str] = set()
        self._dice = random.Random(5)  # noqa: S311 - the order of rows, no secret

    # What people do

    def add(self, name: str, sku: str, stock: int | None, *, variable: bool = False, parent: int = 0) -> int:
        """Create a product; a variation has a ``parent``."""
        with self.lock:
            kind = "variation" if parent else "variable" if variable else "simple"
            product = Product(next(self._ids), name, sku, stock, int(self.now()), kind, parent)
            self.products[product.id] = product
            return product.id

    def set_stock(self, product_id: int, stock: int) -> None:
        """Type a number into the shop's back office."""
        with self.lock:
            self.products[product_id].stock = stock
            self._touch(product_id)

    def order(self, lines: dict[int, int], status: str = "processing") -> Order:
        """Order in the shop."""
        with self.lock:
            order = Order(next(self._ids), status, lines, int(self.now()))
            self.orders[order.id] = order
            self._book(order)
            return order

    def set_status(self, order: Order, status: str) -> None:
        """Move an order on, or cancel it."""
        with self.lock:
            order.status, order.modified = status, int(self.now())
            self._book(order)

    def refund(self, order: Order, product_id: int, units: int, *, restock: bool = True) -> None:
        """Refund units of a line."""
        with self.lock:
            line = {"product_id": product_id, "quantity": -units}
            order.refunds.append({"id": next(self._ids), "at": int(self.now()), "line": line, "restocked": restock})
            if restock:
                order.reduced[product_id] -= units
                self._stock_by_order(product_id, units)

    def stocks(self) -> dict[str, int | None]:
        """Stock by SKU."""
        with self.lock:
            return {p.sku: p.stock for p in self.products.values() if p.sku and p.type != "variable"}

    def _book(self, order: Order) -> None:
        for product_id, units in order.lines.items():
            before = order.reduced.get(product_id, 0)
            takes = order.status in _REDUCING and not before
            returns = order.status in {"cancelled", "pending"} and before
            if takes or returns:
                order.reduced[product_id] = units if takes else 0
                self._stock_by_order(product_id, before - order.reduced[product_id])

    def _stock_by_order(self, product_id: int, units: int) -> None:
        product = self.products[product_id]
        if product.stock is not None:
            product.stock += units
        if self.orders_touch_products:
            self._touch(product_id)

    def _touch(self, product_id: int) -> None:
        product = self.products[product_id]
        product.modified = int(self.now())
        if product.parent:
            self.products[product.parent].modified = product.modified

    # Routes

    def answer(self, call: Call) -> Answer:
        match = re.fullmatch(r"/wp-json(?:/wc/v3(/.*?)?)?/?", call.path)
        if match is None:
            return _error(404, "rest_no_route")
        path = (match[1] or "").rstrip("/")
        if not path:
            return self._index()
        refused = self._refused(call)
        if refused is not None:
            return refused
        for pattern, route in self._table():
            found = re.fullmatch(pattern, f"{call.method} {path}")
            if found is not None:
                return route(call, *(int(group) for group in found.groups()))
        if path.startswith("/settings") or path == "/system_status":
            return _error(403, "woocommerce_rest_cannot_view")
        return _error(404, "rest_no_route")

    def _table(self) -> list[tuple[str, Callable[..., Answer]]]:
        modern: list[tuple[str, Callable[..., Answer]]] = [
            ("GET /variations", self._all_variations),
            ("GET /refunds", self._all_refunds),
        ]
        return [
            ("GET /products", self._products),
            (r"GET /products/(\d+)", self._one),
            (r"GET /products/(\d+)/variations", self._variations),
            (r"GET /products/(\d+)/variations/(\d+)", self._one_variation),
            (r"(?:PUT|POST) /products/(\d+)", self._write_one),
            (r"(?:PUT|POST) /products/(\d+)/variations/(\d+)", self._write_variation),
            ("POST /products/batch", lambda call: self._batch(call, None)),
            (r"POST /products/(\d+)/variations/batch", self._batch),
            ("GET /orders", self._orders),
            (r"GET /orders/(\d+)", self._one_order),
            (r"GET /orders/(\d+)/refunds", self._refunds),
            *(modern if self.modern else []),
        ]

    def _index(self) -> Answer:
        names = [*_ROUTES, *(("variations", "refunds") if self.modern else ())]
        routes = {f"/wc/v3/{name}": {"namespace": "wc/v3", "methods": ["GET"]} for name in names}
        return Answer({"namespace": "wc/v3", "namespaces": ["wc/v3"], "routes": {"/wc/v3": {}, **routes}})

    def _refused(self, call: Call) -> Answer | None:
        """OAuth 1.0a one-legged, in the query or the header; Basic is not even looked at without TLS."""
        named = dict(call.query)
        header = call.headers.get("authorization", "")
        if header.startswith("OAuth "):
            named |= dict(re.findall(r'(\w+)="([^"]*)"', header))
        given = {name: value for name, value in named.items() if name.startswith("oauth_")}
        if not given:
            return _error(401, "woocommerce_rest_cannot_view")
        signature = given.pop("oauth_signature", "")
        pairs = sorted(
            (quote(name, safe="~"), quote(value, safe="~"))
            for name, value in [*((n, v) for n, v in call.query if not n.startswith("oauth_")), *given.items()]
        )
        joined = "&".join(f"{name}={value}" for name, value in pairs)
        base = "&".join((call.method, quote(f"{self.url}{call.path}", safe="~"), quote(joined, safe="~")))
        digest = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}.get(given.get("oauth_signature_method", ""))
        late = abs(self.now() - int(given.get("oauth_timestamp", "0"))) > 900
        nonce = given.get("oauth_nonce", "")
        if digest is None or late or not nonce or nonce in self._nonces or given.get("oauth_consumer_key") != KEY:
            return _error(401, "woocommerce_rest_authentication_error")
        self._nonces.add(nonce)
        right = base64.b64encode(hmac.new(f"{SECRET}&".encode(), base.encode(), digest).digest()).decode()
        fine = hmac.compare_digest(right, signature)
        return None if fine else _error(401, "woocommerce_rest_authentication_error")

    def _products(self, call: Call) -> Answer:
        sku, status = call.first("sku"), call.first("status", "any")
        ids = [int(number) for number in call.first("include").split(",") if number]
        found = [p for p in self.products.values() if sku or p.type != "variation"]
        found = [p for p in found if not sku or p.sku.lower() in sku.lower().split(",")]
        found = [p for p in found if (p.status != "trash" if status == "any" else p.status == status)]
        found = [p for p in found if not ids or p.id in ids]
        return self._rows(call, [(p.modified, p.id, self._product(p)) for p in found])

    def _all_variations(self, call: Call) -> Answer:
        found = [p for p in self.products.values() if p.type == "variation" and p.status != "trash"]
        return self._rows(call, [(p.modified, p.id, self._product(p)) for p in found])

    def _variations(self, call: Call, parent: int) -> Answer:
        found = [p for p in self.products.values() if p.parent == parent and p.status != "trash"]
        return self._rows(call, [(p.modified, p.id, self._product(p)) for p in found])

    def _one(self, call: Call, product_id: int) -> Answer:
        product = self.products.get(product_id)
        if product is None:
            return _error(404, "woocommerce_rest_product_invalid_id")
        return Answer(_fields(call, self._product(product)))

    def _one_variation(self, call: Call, parent: int, product_id: int) -> Answer:
        if product_id not in self.products or self.products[product_id].parent != parent:
            return _error(404, "woocommerce_rest_product_variation_invalid_id")
        return self._one(call, product_id)

    def _orders(self, call: Call) -> Answer:
        wanted = {part for part in call.first("status", "any").split(",") if part != "any"}
        ids = [int(number) for number in call.first("include").split(",") if number]
        orders = [o for o in self.orders.values() if (not wanted or o.status in wanted) and (not ids or o.id in ids)]
        return self._rows(call, [(order.modified, order.id, self._order(order)) for order in orders])

    def _one_order(self, call: Call, order_id: int) -> Answer:
        if order_id not in self.orders:
            return _error(404, "woocommerce_rest_shop_order_invalid_id")
        return Answer(_fields(call, self._order(self.orders[order_id])))

    def _refunds(self, call: Call, order_id: int) -> Answer:
        order = self.orders[order_id]
        return self._rows(call, [(r["at"], r["id"], self._refund(order, r)) for r in order.refunds])

    def _all_refunds(self, call: Call) -> Answer:
        rows = [(r["at"], r["id"], self._refund(order, r)) for order in self.orders.values() for r in order.refunds]
        return self._rows(call, rows)

    def _write_one(self, call: Call, product_id: int) -> Answer:
        product = self.products.get(product_id)
        if product is None or product.type == "variation":
            return _error(404 if product else 400, "woocommerce_rest_product_invalid_id")
        self._write(product, call.json())
        return Answer(_fields(call, self._product(product)))

    def _write_variation(self, call: Call, parent: int, product_id: int) -> Answer:
        product = self.products.get(product_id)
        if product is None or product.parent != parent:
            return _error(400, "woocommerce_rest_product_variation_invalid_id")
        self._write(product, call.json())
        return Answer(_fields(call, self._product(product)))

    def _batch(self, call: Call, parent: int | None) -> Answer:
        body = call.json()
        if sum(len(body.get(name, [])) for name in ("create", "update", "delete")) > 100:
            return _error(413, "woocommerce_rest_request_entity_too_large")
        rows: list[dict[str, Any]] = []
        for item in body.get("update", []):
            product = self.products.get(int(item.get("id", 0)))
            if product is None or product.parent != (parent or 0):
                code = "woocommerce_rest_product_invalid_id"
                rows.append({"id": item.get("id", 0), "error": {"code": code, "message": "-", "data": {"status": 400}}})
                continue
            self._write(product, item)
            rows.append(self._product(product))
        return Answer({"update": rows})

    def _write(self, product: Product, fields: dict[str, Any]) -> None:
        """Absolute wins over relative; what is not counted stays uncounted; null is zero on single routes only."""
        if fields.get("manage_stock") is True and product.stock is None:
            product.stock = 0
        if product.stock is not None and "stock_quantity" in fields:
            product.stock = int(fields["stock_quantity"] or 0)
        elif product.stock is not None and "inventory_delta" in fields:
            product.stock += int(fields["inventory_delta"])
        for entry in fields.get("meta_data", []):
            product.meta[str(entry["key"])] = str(entry["value"])
        self._touch(product.id)

    # Wire forms

    def _rows(self, call: Call, rows: list[tuple[int, int, dict[str, Any]]]) -> Answer:
        """Filter by date, order, cut into pages. A row is (date, id, object)."""
        size, page = int(call.first("per_page", "10")), int(call.first("page", "1"))
        if not 1 <= size <= 100 or page < 1:
            return _error(400, "rest_invalid_param")
        for name in ("modified_after", "after"):
            if call.first(name):
                rows = [row for row in rows if row[0] > _bound(call, name)]
        for name in ("modified_before", "before"):
            if call.first(name):
                rows = [row for row in rows if row[0] < _bound(call, name)]
        self._dice.shuffle(rows)
        column = 1 if call.first("orderby") == "id" else 0
        rows.sort(key=lambda row: (row[0], row[1])[column], reverse=call.first("order") != "asc")
        part = [_fields(call, row[2]) for row in rows[(page - 1) * size : page * size]]
        pages = -(-len(rows) // size)
        return Answer(part, headers={"X-WP-Total": str(len(rows)), "X-WP-TotalPages": str(pages)})

    def _product(self, product: Product) -> dict[str, Any]:
        counted = product.stock is not None
        children = [p.id for p in self.products.values() if p.parent == product.id and p.status != "trash"]
        return {
            "id": product.id,
            "name": product.name,
            "type": product.type,
            "status": product.status,
            "parent_id": product.parent,
            "sku": product.sku,
            "global_unique_id": product.gtin,
            "manage_stock": counted,
            "stock_quantity": product.stock,
            "stock_status": "instock" if product.stock is None or product.stock > 0 else "outofstock",
            "backorders": "no",
            "variations": children if product.type == "variable" else [],
            "meta_data": [{"id": n, "key": key, "value": value} for n, (key, value) in enumerate(product.meta.items())],
            **_dates(product.modified, "modified"),
        }

    def _order(self, order: Order) -> dict[str, Any]:
        lines = []
        for number, (product_id, units) in enumerate(order.lines.items()):
            taken = str(order.reduced.get(product_id, 0))
            lines.append(
                self._line(product_id, units)
                | {"id": order.id * 10 + number, "meta_data": [{"id": 1, "key": "_reduced_stock", "value": taken}]}
            )
        refunds = [{"id": refund["id"], "reason": "", "total": "-1.00"} for refund in order.refunds]
        head = {"id": order.id, "number": str(order.id), "status": order.status, "line_items": lines}
        return head | {"refunds": refunds} | _dates(order.modified, "modified") | _dates(order.modified, "created")

    def _refund(self, order: Order, refund: dict[str, Any]) -> dict[str, Any]:
        line = refund["line"]
        item = order.id * 10 + list(order.lines).index(line["product_id"])
        meta = [{"id": 1, "key": "_refunded_item_id", "value": str(item)}]
        lines = [self._line(line["product_id"], line["quantity"]) | {"id": refund["id"] * 10, "meta_data": meta}]
        head = {"id": refund["id"], "parent_id": order.id, "amount": "1.00", "line_items": lines}
        return head | _dates(refund["at"], "created")

    def _line(self, product_id: int, units: int) -> dict[str, Any]:
        product = self.products[product_id]
        ids = (product.parent, product.id) if product.parent else (product.id, 0)
        return {
            "name": product.name,
            "product_id": ids[0],
            "variation_id": ids[1],
            "quantity": units,
            "sku": product.sku,
        }


def _error(status: int, code: str) -> Answer:
    return Answer({"code": code, "message": "No.", "data": {"status": status}}, status)


def _dates(at: int, name: str) -> dict[str, str]:
    def text(seconds: int) -> str:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")

    return {f"date_{name}": text(at + ZONE_S), f"date_{name}_gmt": text(at)}


def _bound(call: Call, name: str) -> float:
    at = datetime.fromisoformat(call.first(name))
    gmt = call.first("dates_are_gmt") == "true"
    if at.tzinfo is not None:
        return at.timestamp() + (ZONE_S if gmt else 0)
    return at.replace(tzinfo=UTC).timestamp() - (0 if gmt else ZONE_S)


def _fields(call: Call, row: dict[str, Any]) -> dict[str, Any]:
    wanted = {name.split(".")[0] for name in call.first("_fields").split(",") if name}
    return {name: value for name, value in row.items() if not wanted or name in wanted}
