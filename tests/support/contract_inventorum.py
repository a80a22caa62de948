"""An INVENTORUM account after the contract (inventorum-api.md), in the less friendly of its possible readings.

Where the contract leaves a point open, this server takes the reading that asks more of a client:

- the delta shows a variation as its own row and not its parent, on a full read all of them beside each other;
- ``start_date`` is exclusive and needs an offset; pages are clamped to 40 rows; a page past the end is 404;
- the deleted list names variations too, and products that nobody ever saw;
- ``/info/`` is not for app tokens; an old refresh token dies at once; the answer to it may be 400 or 401;
- an answer never says when something changed, and ``Date`` has whole seconds only.
"""

from __future__ import annotations

import base64
import itertools
import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

from tests.support.contract_http import Answer, Call, ContractServer

CLIENT_ID, CLIENT_SECRET = "app-1", "app-secret-1"
SCOPES = "products:read products:update orders:read"
CLOSED_SALE = 360
CANCELED = 4


@dataclass
class Product:
    """A simple product, a product that groups variations, or a variation."""

    id: int
    name: str
    code: str | None
    quantity: Decimal
    created_at: float
    changed_at: float
    parent: int | None = None
    children: list[int] = field(default_factory=list)


@dataclass
class Order:
    """A till sale."""

    id: int
    lines: dict[int, Decimal]
    changed_at: float
    state: int = CLOSED_SALE


class ContractInventorum(ContractServer):
    """One merchant's account; methods that are not named after a route are what people do at the till."""

    def __init__(self, *, refused_refresh: int = 400) -> None:
        super().__init__()
        self.refused_refresh = refused_refresh
        self.products: dict[int, Product] = {}
        self.deleted: list[tuple[int, float]] = [(31, self.now())]
        self.orders: list[Order] = []
        self.returns: list[dict[str, Any]] = []
        self.bookings: list[tuple[int, Decimal, str]] = []
        self._ids = itertools.count(700101)
        self._token_count = itertools.count(1)
        self.access: set[str] = set()
        self.refresh = self.new_token()

    # What people do

    def new_token(self) -> str:
        """A new token made on the page "API & Apps": the former ones are revoked."""
        self.access.clear()
        self.refresh = f"refresh-{next(self._token_count)}-of-the-till"
        return self.refresh

    def add(self, name: str, code: str | None, quantity: int | str = 0, parent: int | None = None) -> int:
        """Create a product; with ``parent`` a variation."""
        with self.lock:
            now = self.now()
            product = Product(next(self._ids), name, code, Decimal(quantity), now, now, parent)
            self.products[product.id] = product
            if parent is not None:
                self.products[parent].children.append(product.id)
            return product.id

    def move(self, product_id: int, units: int | str) -> None:
        """Change a quantity by something that is neither sale nor return: goods receipt, breakage."""
        with self.lock:
            product = self.products[product_id]
            product.quantity += Decimal(units)
            product.changed_at = self.now()

    def count_stock(self, product_id: int, quantity: int | str) -> None:
        """Stock-take: say what is on the shelf."""
        with self.lock:
            self.move(product_id, str(Decimal(quantity) - self.products[product_id].quantity))

    def sell(self, product_id: int, units: int = 1) -> Order:
        """Sell at the till."""
        with self.lock:
            self.move(product_id, -units)
            order = Order(next(self._ids), {product_id: Decimal(units)}, self.now())
            self.orders.append(order)
            return order

    def cancel(self, order: Order) -> None:
        """Cancel a till sale; quantities in the order stay positive."""
        with self.lock:
            order.state, order.changed_at = CANCELED, self.now()
            for product_id, units in order.lines.items():
                self.move(product_id, str(units))

    def delete(self, product_id: int) -> None:
        """Delete a product with its variations."""
        with self.lock:
            product = self.products.pop(product_id)
            self.deleted.append((product_id, self.now()))
            if product.parent in self.products:
                self.products[product.parent].children.remove(product_id)
            for child in list(product.children):
                self.delete(child)

    def quantities(self) -> dict[str, Decimal]:
        """Quantity by product code."""
        with self.lock:
            return {product.code: product.quantity for product in self.products.values() if product.code}

    # Routes

    def answer(self, call: Call) -> Answer:
        path = call.path.removeprefix("/api")
        if not path.endswith("/"):
            redirect = {"location": f"{self.url}{call.path}/", "content-type": "text/html; charset=utf-8"}
            return Answer(status=301 if call.method == "GET" else 404, headers=redirect if call.method == "GET" else {})
        if path == "/auth/token/":
            return self._token(call)
        if call.headers.get("authorization", "").removeprefix("Bearer ") not in self.access:
            return _error(401, "token.invalid")
        match = re.fullmatch(r"/products/(\d+)/(adjust_inventory/)?", path)
        if match is not None:
            return self._product(call, int(match[1]), adjust=match[2] is not None)
        routes = {
            "/products/": self._list,
            "/products/delta/modified/": self._modified,
            "/products/delta/deleted/": self._deleted,
            "/products/quantity/": self._quantity,
            "/orders/delta/": self._orders,
            "/returns/delta/": self._returns,
        }
        if path not in routes:
            return _error(403, "scope.wrong")
        return routes[path](call) if call.method == "GET" else _error(405, "common.unknown")

    def _token(self, call: Call) -> Answer:
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if call.headers.get("authorization") != f"Basic {basic}":
            return Answer({"error": "invalid_client"}, 401)
        form = dict(parse_qsl(call.body.decode()))
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != self.refresh:
            plain = _error(401, "token.invalid")
            return Answer({"error": "invalid_grant"}, 400) if self.refused_refresh == 400 else plain
        refresh = self.new_token()
        access = f"access-{next(self._token_count)}-of-the-till"
        self.access.add(access)
        return Answer(
            {
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": 36000,
                "refresh_token": refresh,
                "scope": SCOPES,
            }
        )

    def _list(self, call: Call) -> Answer:
        """Simple products and groups, without article numbers; from version 13 under another name."""
        rows = [_row(self, product, verbose=False) for product in self.products.values() if product.parent is None]
        return _page(call, rows, most=40, name="results" if _version(call) >= 13 else "data")

    def _modified(self, call: Call) -> Answer:
        since = _instant(call.first("start_date"))
        if since is None:
            return _error(400, "common.serializer_error")
        changed = [p for p in self.products.values() if p.changed_at > since]
        changed.sort(key=lambda p: (p.changed_at, p.id))
        verbose = call.first("verbose") == "True"
        rows = [_row(self, p, verbose=verbose, since=since, version=_version(call)) for p in changed]
        if _version(call) >= 13:
            return Answer({"total": len(rows), "results": rows[:40]})
        return _page(call, rows, most=40)

    def _deleted(self, call: Call) -> Answer:
        since = _instant(call.first("start_date"))
        if since is None:
            return _error(400, "common.serializer_error")
        return _page(call, sorted(number for number, at in self.deleted if at > since), most=10000)

    def _quantity(self, call: Call) -> Answer:
        ids = [int(value) for name, value in call.query if name == "id" and value.isdigit()]
        if len(ids) > 50:
            return _error(400, "common.serializer_error")
        known = [self.products[number] for number in ids if number in self.products]
        return Answer([{"quantity": _two(_shown(self, product)), "id": product.id} for product in known])

    def _product(self, call: Call, product_id: int, *, adjust: bool) -> Answer:
        product = self.products.get(product_id)
        if product is None:
            return _error(404, "product.not_found")
        if not adjust:
            return Answer(_detail(self, product)) if call.method == "GET" else _error(403, "scope.wrong")
        stock = call.json().get("stock", {})
        try:
            units = Decimal(str(stock["quantity"]))
        except (KeyError, InvalidOperation):
            return _error(400, "common.serializer_error")
        if product.children or not re.fullmatch(r"\d\d\.\d\d\.\d{4}", stock.get("date", "")):
            return _error(400, "common.serializer_error")
        self.move(product_id, str(units))
        self.bookings.append((product_id, units, str(stock.get("note", ""))))
        return Answer(_detail(self, product))

    def _orders(self, call: Call) -> Answer:
        """Pages count from 0, and without a channel one hears of shop orders only."""
        since = _instant(call.first("start_date")) or 0.0
        wanted = call.first("channel", "shop") == "ipad"
        orders = [order for order in self.orders if wanted and order.changed_at > since]
        rows = [_order(self, order) for order in orders]
        return _page(call, rows, most=100, first=0)

    def _returns(self, call: Call) -> Answer:
        return _page(call, self.returns if call.first("channel", "shop") == "ipad" else [], most=100)


def _error(status: int, key: str) -> Answer:
    return Answer({"error": {"fields": {}, "description": None, "key": key}}, status)


def _version(call: Call) -> int:
    return int(call.headers.get("x-api-version", "0"))


def _instant(text: str) -> float | None:
    """Seconds since the epoch; a time without offset is refused."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo is not None else None


def _page(call: Call, rows: list[Any], *, most: int, first: int = 1, name: str = "data") -> Answer:
    limit = min(int(call.first("limit", "40")), most)
    page = int(call.first("page", str(first))) - first
    if page < 0:
        return _error(400, "common.serializer_error")
    part = rows[page * limit : (page + 1) * limit]
    if page and not part:
        return _error(404, "common.unknown")
    return Answer({"total": len(rows), name: part})


def _two(number: Decimal) -> str:
    return str(number.quantize(Decimal("0.01")))


def _shown(shop: ContractInventorum, product: Product) -> Decimal:
    return sum((shop.products[child].quantity for child in product.children), product.quantity)


def _row(
    shop: ContractInventorum, product: Product, *, verbose: bool, since: float = 0.0, version: int = 10
) -> dict[str, Any]:
    group = bool(product.children)
    row: dict[str, Any] = {
        "name": product.name,
        "id": product.id,
        "quantity": _two(_shown(shop, product)),
        "reorder_level": None if group else "0.00",
        "safety_stock": None if group else "0.00",
        "price": "0E-10" if group else "8.3949579832",
        "gross_price": "0.00" if group else "9.99",
        "tax_type": 4672,
        "custom_price": False,
        "in_shop": True,
        "shop_url": None,
        "thumbnail": None,
        "variation_count": len(product.children),
        "is_giftcard": False,
        "state": "created" if product.created_at > since else "updated",
        "parent": product.parent,
        "ean": None,
        "custom_sale": False,
        "categories": [],
    }
    if verbose and version >= 10:
        inv_id = None if product.parent else str(1225140000000000000 + product.id)
        row |= {"product_code": product.code, "inv_id": inv_id, "attributes": {}, "attributes_str": ""}
        row |= {"description": "", "brand": "", "meta": {}, "images": [], "publish_states": []}
    return row


def _detail(shop: ContractInventorum, product: Product) -> dict[str, Any]:
    row = _row(shop, product, verbose=True)
    for name in ("state", "parent", "publish_states"):
        del row[name]
    row |= {"purchase_price": "1E+3", "average_purchase_price": "0", "supplier": "", "states": []}
    row["variations"] = [
        {key: value for key, value in _detail(shop, shop.products[child]).items() if key != "variations"}
        for child in product.children
    ]
    return row


def _order(shop: ContractInventorum, order: Order) -> dict[str, Any]:
    at = datetime.fromtimestamp(order.changed_at).astimezone().isoformat()
    items = [
        {
            "id": order.id * 10 + number,
            "name": shop.products[product_id].name,
            "discount": None,
            "original_quantity": _two(units),
            "price": "8.3949579832",
            "product": product_id,
            "quantity": int(units),
            "tax_rate": "19.000",
            "gross_price": "9.99",
            "unit_gross_price": "9.99",
        }
        for number, (product_id, units) in enumerate(order.lines.items())
    ]
    basket = {"note_internal": None, "note_external": "", "items": items, "discount": None, "receipt": None}
    return {
        "id": order.id,
        "state": order.state,
        "channel": "ipad",
        "basket": basket,
        "customer": None,
        "payments": [],
        "shipment": None,
        "amount_paid": "9.9900000000",
        "time_added": at,
        "completed_at": at,
    }
