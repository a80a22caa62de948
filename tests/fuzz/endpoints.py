"""Every endpoint that the clients read or write: how to recognise it, what is read of it, how to have it called."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from syncd.adapters.base import CheckReport
from syncd.adapters.inventorum.times import to_wire
from syncd.adapters.woocommerce.positions import api_time
from syncd.core.model import (
    ChangePage,
    GoneListing,
    ListingRef,
    RemoteListing,
    StockEvent,
    StockWrite,
    WriteResult,
)
from syncd.simulators.server import SimRequest
from tests.fuzz.corpus import hub_example, shop_bodies
from tests.fuzz.scenes import CATALOGUE, Hub, Shop

Scene = Hub | Shop

SIMPLE = [product.sku for product in CATALOGUE if not product.variations]
FAMILIES = [[variation.sku for variation in product.variations] for product in CATALOGUE if product.variations]
TRASHED, TRASHED_PARENT = SIMPLE[-1], CATALOGUE[-1].sku


@dataclass
class Seen:
    """What an adapter made of what it read or wrote."""

    readings: list[RemoteListing] = field(default_factory=list)
    gone: list[GoneListing] = field(default_factory=list)
    events: list[StockEvent] = field(default_factory=list)
    numbers: dict[str, Decimal] = field(default_factory=dict)
    writes: list[tuple[StockWrite, str, WriteResult]] = field(default_factory=list)
    report: CheckReport | None = None

    def take(self, pages: Iterable[ChangePage]) -> None:
        """Collect pages to the end."""
        for page in pages:
            self.readings += page.listings
            self.gone += page.gone
            self.events += page.events


Probe = Callable[[Any, Seen], None]


@dataclass(frozen=True)
class Endpoint:
    """One endpoint of a vendor in one use.

    Attributes:
        name: For people, unique.
        side: ``till`` or ``web``.
        method: Of the request.
        match: Whether path and query belong to it.
        probe: Calls the adapter so that it is asked.
        needed: Keys of the body that the client reads.
        examples: Valid bodies from the reference data.
        engine: How the engine comes to ask it: ``poll``, ``full``, ``settle``, or empty if it never does.
        older: Only shops of an older version are asked so.
        write: It changes stock.
    """

    name: str
    side: str
    method: str
    match: Callable[[SimRequest], bool]
    probe: Probe
    needed: frozenset[str] = frozenset()
    examples: tuple[Any, ...] = ()
    engine: str = ""
    older: bool = False
    write: bool = False

    def matches(self, request: SimRequest) -> bool:
        """Whether a request is one to this endpoint."""
        return request.method == self.method and self.match(request)


def _path(ending: str, **query: str) -> Callable[[SimRequest], bool]:
    def match(request: SimRequest) -> bool:
        return request.path.endswith(ending) and all(
            request.param(name) == value if value else bool(request.param(name)) for name, value in query.items()
        )

    return match


def _item(request: SimRequest) -> bool:
    parts = request.path.rstrip("/").split("/")
    return parts[-1].isdigit() and parts[-2] == "products"


def _variation_item(request: SimRequest) -> bool:
    parts = request.path.rstrip("/").split("/")
    return parts[-1].isdigit() and parts[-2] == "variations"


def _plain_list(ending: str, *without: str) -> Callable[[SimRequest], bool]:
    def match(request: SimRequest) -> bool:
        return request.path.endswith(ending) and not any(request.param(name) for name in without)

    return match


def _own_variations(request: SimRequest) -> bool:
    return "/products/" in request.path and request.path.endswith("/variations") and not request.param("status")


# -- probes of the till


def _hub_cursor(hub: Hub) -> dict[str, str]:
    start = to_wire(hub.clock() - timedelta(hours=30))
    return {"modified": start, "deleted": start}


def _hub_all(hub: Hub, seen: Seen) -> None:
    seen.take(hub.adapter.read_all())


def _hub_all_incomplete(hub: Hub, seen: Seen) -> None:
    hub.hidden = int(hub.ref(SIMPLE[0]).external_id)
    try:
        seen.take(hub.adapter.read_all())
    finally:
        hub.hidden = None


def _hub_changes(hub: Hub, seen: Seen) -> None:
    hub.adapter._confirmed_gone.clear()
    seen.take(hub.adapter.read_changes(_hub_cursor(hub)))


def _hub_fetch(*skus: str) -> Probe:
    def probe(hub: Hub, seen: Seen) -> None:
        found = hub.adapter.fetch([hub.ref(sku) for sku in skus])
        seen.take([ChangePage(found.listings, found.gone)])

    return probe


def _hub_missing(hub: Hub, seen: Seen) -> None:
    found = hub.adapter.fetch([ListingRef("999999")])
    seen.take([ChangePage(found.listings, found.gone)])


def _hub_token(hub: Hub, seen: Seen) -> None:
    hub.sim.expire_access_tokens()
    _hub_fetch(SIMPLE[0])(hub, seen)


def _hub_events(hub: Hub, seen: Seen) -> None:
    seen.events += hub.adapter.read_events(hub.clock() - timedelta(hours=1))


def _hub_check(hub: Hub, seen: Seen) -> None:
    seen.report = hub.adapter.check()


def _hub_quantities(hub: Hub, seen: Seen) -> None:
    refs = [hub.ref(sku) for sku in (*SIMPLE[:3], *FAMILIES[0])]
    seen.numbers |= hub.adapter.fetch_quantities(refs)


def _write(scene: Scene, seen: Seen, *skus: str) -> None:
    """One unit more or one less, so that stock stays where it is."""
    writes = []
    for sku in skus:
        before = scene.stock(sku)
        step = Decimal(-1 if before > 5 else 1)
        writes.append(StockWrite(scene.ref(sku), f"op{sku}{before}".replace("-", ""), step, before))
    results = scene.adapter.write_stock(writes)
    seen.writes += zip(writes, skus, results, strict=True)


def _writing(*skus: str) -> Probe:
    def probe(scene: Scene, seen: Seen) -> None:
        _write(scene, seen, *skus)

    return probe


# -- probes of the shop


def _shop_cursor(shop: Shop) -> dict[str, str]:
    start = api_time(shop.clock() - timedelta(hours=2))
    return dict.fromkeys(("products", "variations", "orders", "refunds", "trash"), start)


def _shop_all(shop: Shop, seen: Seen) -> None:
    seen.take(shop.adapter.read_all())


def _shop_changes(shop: Shop, seen: Seen) -> None:
    changes = shop.adapter._changes
    changes._done_orders, changes._done_refunds, changes._done_rows = {}, set(), set()
    seen.take(shop.adapter.read_changes(_shop_cursor(shop)))


def _shop_fetch(*skus: str) -> Probe:
    def probe(shop: Shop, seen: Seen) -> None:
        found = shop.adapter.fetch([shop.ref(sku) for sku in skus])
        seen.take([ChangePage(found.listings, found.gone)])

    return probe


def _shop_missing(shop: Shop, seen: Seen) -> None:
    found = shop.adapter.fetch([ListingRef("999999")])
    seen.take([ChangePage(found.listings, found.gone)])


def _shop_missing_variation(shop: Shop, seen: Seen) -> None:
    parent = shop.ref(FAMILIES[0][0]).parent_external_id
    found = shop.adapter.fetch([ListingRef("999999", parent)])
    seen.take([ChangePage(found.listings, found.gone)])


def _shop_events(shop: Shop, seen: Seen) -> None:
    seen.events += shop.adapter.read_events(shop.clock() - timedelta(hours=2))


def _shop_late_refunds(shop: Shop, seen: Seen) -> None:
    """Since after the orders, before their refunds: the orders are asked for by id."""
    seen.events += shop.adapter.read_events(shop.clock() - timedelta(minutes=15))


def _shop_check(shop: Shop, seen: Seen) -> None:
    seen.report = shop.adapter.check()


_PRODUCT = frozenset({"id", "quantity", "variation_count", "variations", "parent", "product_code", "name", "ean",
                      "gtin", "is_giftcard", "total", "data"})  # fmt: skip
_ROW = frozenset({"id", "type", "status", "name", "sku", "global_unique_id", "manage_stock", "stock_quantity",
                  "date_modified_gmt", "parent_id", "meta_data", "key", "value", "variations"})  # fmt: skip
_ORDER = frozenset({"id", "state", "completed_at", "time_added", "basket", "items", "product", "original_quantity",
                    "quantity", "total", "data", "order", "delta_state", "basket_item"})  # fmt: skip
_WOO_ORDER = frozenset({"id", "number", "status", "date_modified_gmt", "line_items", "refunds", "product_id",
                        "variation_id", "meta_data", "key", "value", "parent_id", "date_created_gmt"})  # fmt: skip

TILL: tuple[Endpoint, ...] = (
    Endpoint("token", "till", "POST", _path("/auth/token/"), _hub_token,
             frozenset({"access_token", "refresh_token", "expires_in", "scope"}), ("token-response",), "token"),
    Endpoint("info", "till", "GET", _path("/info/"), _hub_events, frozenset({"channels", "name"}), ("info",), "settle"),
    Endpoint("info for check", "till", "GET", _path("/info/"), _hub_check,
             frozenset({"account", "name", "timezone", "currency", "country"}), ("info",)),
    Endpoint("products count", "till", "GET", _path("/products/", limit="1"), _hub_all, _PRODUCT,
             ("product-list-page",), "full"),
    Endpoint("products list", "till", "GET", _path("/products/", limit="40"), _hub_all_incomplete, _PRODUCT,
             ("product-list-page", "product-list-page-v13")),
    Endpoint("modified delta, all", "till", "GET", _path("/delta/modified/"), _hub_all, _PRODUCT,
             ("delta-modified-page",), "full"),
    Endpoint("modified delta", "till", "GET", _path("/delta/modified/"), _hub_changes, _PRODUCT,
             ("delta-modified-page", "delta-modified-page-v9", "delta-empty-page"), "poll"),
    Endpoint("deleted delta", "till", "GET", _path("/delta/deleted/"), _hub_changes, _PRODUCT,
             ("delta-deleted-page",), "poll"),
    Endpoint("product detail", "till", "GET", _item, _hub_fetch(SIMPLE[0]), _PRODUCT,
             ("product-simple", "product-simple-v9"), "settle"),
    Endpoint("product detail with variations", "till", "GET", _item, _hub_fetch(*FAMILIES[0]), _PRODUCT,
             ("product-with-variations",), "settle family"),
    Endpoint("product detail, deleted", "till", "GET", _item, _hub_missing, frozenset({"error", "key", "detail"}),
             ("error-404-product",)),
    Endpoint("quantities", "till", "GET", _path("/products/quantity/"), _hub_quantities, _PRODUCT, ("quantity-list",)),
    Endpoint("orders delta", "till", "GET", _path("/orders/delta/", channel="ipad"), _hub_events, _ORDER,
             (), "settle"),
    Endpoint("returns delta", "till", "GET", _path("/returns/delta/", channel="ipad"), _hub_events, _ORDER,
             ("returns-delta-page",), "settle"),
    Endpoint("stock booking", "till", "PUT", _path("/adjust_inventory/"), _writing(SIMPLE[1]),
             frozenset({"id", "quantity"}), ("adjust-inventory-response",), "write", write=True),
)  # fmt: skip

WEB: tuple[Endpoint, ...] = (
    Endpoint("index", "web", "GET", _path("/wc/v3/"), _shop_check, frozenset({"namespace", "routes"})),
    Endpoint("settings", "web", "GET", _path("/woocommerce_manage_stock"), _shop_check, frozenset({"value"})),
    Endpoint("system status", "web", "GET", _path("/system_status"), _shop_check,
             frozenset({"environment", "version", "wp_version", "php_version"})),
    Endpoint("empty batch", "web", "POST", _path("/products/batch"), _shop_check, frozenset({"update"}), write=True),
    Endpoint("products, all", "web", "GET", _plain_list("/products", "status", "include", "modified_after"),
             _shop_all, _ROW, ("/products",), "full"),
    Endpoint("variations, all", "web", "GET", _plain_list("/v3/variations", "include", "modified_after"), _shop_all,
             _ROW, ("/variations",), "full"),
    Endpoint("products, changed", "web", "GET",
             lambda r: _path("/products", modified_after="")(r) and r.param("status") != "trash", _shop_changes, _ROW,
             ("/products",), "poll"),
    Endpoint("variations, changed", "web", "GET", _path("/v3/variations", modified_after=""), _shop_changes, _ROW,
             ("/variations",), "poll"),
    Endpoint("trash", "web", "GET", _path("/products", status="trash"), _shop_changes, _ROW, ("/products",), "poll"),
    Endpoint("trash of a parent", "web", "GET", _path("/variations", status="trash"), _shop_changes, _ROW),
    Endpoint("orders, changed", "web", "GET", _path("/orders", modified_after=""), _shop_changes, _WOO_ORDER,
             ("/orders",), "poll"),
    Endpoint("orders of refunds", "web", "GET", _path("/orders", include=""), _shop_late_refunds, _WOO_ORDER,
             ("/orders",)),
    Endpoint("refunds", "web", "GET", _path("/v3/refunds", modified_after=""), _shop_changes, _WOO_ORDER,
             ("/refunds",), "poll"),
    Endpoint("products by id", "web", "GET", _path("/products", include=""), _shop_fetch(*SIMPLE[:3]), _ROW,
             ("/products",), "settle"),
    Endpoint("variations by id", "web", "GET", _path("/v3/variations", include=""), _shop_fetch(*FAMILIES[0]), _ROW,
             ("/variations",), "settle family"),
    Endpoint("product alone, trashed", "web", "GET", _item, _shop_fetch(TRASHED), _ROW),
    Endpoint("product alone, deleted", "web", "GET", _item, _shop_missing, frozenset({"code", "message", "data"})),
    Endpoint("variation alone, trashed", "web", "GET", _variation_item, _shop_fetch(FAMILIES[-1][0]), _ROW),
    Endpoint("variation alone, deleted", "web", "GET", _variation_item, _shop_missing_variation,
             frozenset({"code", "message", "data"})),
    Endpoint("variations of a parent", "web", "GET", _own_variations, _shop_all, _ROW, ("/variations",), older=True),
    Endpoint("variations of a parent by id", "web", "GET", _own_variations, _shop_fetch(*FAMILIES[0]), _ROW,
             ("/variations",), older=True),
    Endpoint("product write", "web", "POST", _item, _writing(SIMPLE[1]), _ROW, engine="write", write=True),
    Endpoint("variation write", "web", "POST", _variation_item, _writing(FAMILIES[0][0]), _ROW, engine="write family",
             write=True),
    Endpoint("products batch", "web", "POST", _path("/products/batch"), _writing(*SIMPLE[1:4]),
             _ROW | {"update", "error"}, engine="write many", write=True),
    Endpoint("variations batch", "web", "POST", _path("/variations/batch"), _writing(*FAMILIES[0]),
             _ROW | {"update", "error"}, engine="write families", write=True),
)  # fmt: skip

ENDPOINTS = {endpoint.name: endpoint for endpoint in (*TILL, *WEB)}


def examples_of(endpoint: Endpoint) -> tuple[Any, ...]:
    """Valid bodies of the reference data for an endpoint."""
    if endpoint.side == "till":
        return tuple(hub_example(name) for name in endpoint.examples)
    return tuple(body for part in endpoint.examples for body in shop_bodies(part, list))


def foreign_to(endpoint: Endpoint) -> tuple[Any, ...]:
    """Bodies of other kinds of things."""
    if endpoint.side == "till":
        names = ("category-list-page", "category", "customer-create-request", "taxes", "ledger-month", "info", "order",
                 "returns-delta-page", "delta-deleted-page", "quantity-list", "token-response", "product-simple",
                 "image-upload-response", "delta-modified-page")  # fmt: skip
        return tuple(hub_example(name) for name in names)
    parts = ("/orders", "/refunds", "/products", "/variations")
    return tuple(body for part in parts for body in shop_bodies(part, list)) or ([{"id": 7_000_000}],)


HUB_ERRORS: tuple[tuple[int, Any], ...] = (
    (400, {"error": {"fields": {"quantity": ["Wrong."]}, "description": "Serialization error",
                     "key": "common.serializer_error"}}),
    (400, {"error": "invalid_request"}),
    (403, {"error": {"fields": {}, "description": None, "key": "scope.wrong"}}),
    (404, {"error": {"fields": {}, "description": None, "key": "common.unknown"}}),
    (400, {"detail": "Malformed request."}),
)  # fmt: skip
SHOP_ERRORS: tuple[tuple[int, Any], ...] = (
    (400, {"code": "rest_invalid_param", "message": "Invalid parameter(s): id", "data": {"status": 400}}),
    (403, {"code": "woocommerce_rest_cannot_edit", "message": "Sorry.", "data": {"status": 403}}),
    (404, {"code": "rest_no_route", "message": "No route.", "data": {"status": 404}}),
    (500, {"code": "internal_server_error", "message": "<p>Critical error</p>", "data": {"status": 500}}),
)
