"""From a request to its handler: slash, token, rate limit, version, method and scope, in this order.

Source: contract 1 to 3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import format_datetime
from itertools import count
from urllib.parse import urlencode

from syncd.simulators.inventorum import order_routes, other_routes, product_reads, product_writes
from syncd.simulators.inventorum.auth import Auth, RateLimit, has_scope
from syncd.simulators.inventorum.call import ApiError, Call, invalid
from syncd.simulators.inventorum.orders import OrderBook
from syncd.simulators.inventorum.state import State
from syncd.simulators.server import SimRequest, SimResponse

_BASE = "/api"
_OLDEST_VERSION = 3
_TOKEN_PATH = f"{_BASE}/auth/token/"
_HTML = {"Content-Type": "text/html; charset=utf-8"}
_LOST = SimResponse(404, b"<html><body><h1>Seite nicht gefunden</h1></body></html>", _HTML)

Handler = Callable[[Call], SimResponse]


@dataclass(frozen=True, slots=True)
class Route:
    """A path below the base, and for each method the scope that it needs and its handler."""

    pattern: re.Pattern[str]
    methods: Mapping[str, tuple[str, Handler]]
    reports_version: bool = False


def _route(path: str, *, reports_version: bool = False, **methods: tuple[str, Handler]) -> Route:
    pattern = re.compile(_BASE + path.replace("{}", r"(\d+)"))
    return Route(pattern, methods, reports_version)


_REFUSED = product_reads.refuse_collection_write
_ROUTES = (
    _route("/products/quantity/", GET=("products:read", product_reads.read_quantities)),
    _route("/products/delta/modified/", GET=("products:read", product_reads.read_modified)),
    _route("/products/delta/deleted/", GET=("products:read", product_reads.read_deleted)),
    _route(
        "/products/",
        GET=("products:read", product_reads.list_products),
        POST=("products:create", product_writes.create_product),
        PUT=("products:update", _REFUSED),
        DELETE=("products:delete", _REFUSED),
    ),
    _route(
        "/products/{}/",
        GET=("products:read", product_reads.read_product),
        PUT=("products:update", product_writes.change_product),
        DELETE=("products:delete", product_writes.delete_product),
    ),
    _route("/products/{}/adjust_inventory/", PUT=("products:update", product_writes.adjust_inventory)),
    _route("/products/{}/state/", POST=("products:update", product_writes.post_state)),
    _route(
        "/orders/",
        reports_version=True,
        GET=("orders:read", order_routes.read_orders),
        POST=("orders:create", order_routes.create_order),
    ),
    _route("/orders/delta/", reports_version=True, GET=("orders:read", order_routes.read_orders_delta)),
    _route("/basket/{}/items/return/", POST=("orders:update", order_routes.return_basket_items)),
    _route("/returns/create/", POST=("orders:update", order_routes.create_return)),
    _route("/returns/delta/", GET=("orders:read", order_routes.read_returns_delta)),
    _route("/info/", GET=("basic:read", other_routes.read_info)),
    _route(
        "/taxes/",
        GET=("tax_types:read", other_routes.read_taxes),
        POST=("tax_types:create", other_routes.create_tax),
    ),
    _route(
        "/taxes/{}/",
        GET=("tax_types:read", other_routes.read_tax),
        PUT=("tax_types:update", other_routes.change_tax),
    ),
    _route(
        "/categories/",
        GET=("categories:read", other_routes.read_categories),
        POST=("categories:create", other_routes.create_category),
    ),
    _route("/categories/{}/", GET=("categories:read", other_routes.read_category)),
    _route("/images/", POST=("images:create", other_routes.upload_image)),
    _route("/ledger/", GET=("basic:read", other_routes.read_ledger)),
    _route("/ledger/{}/{}/", GET=("basic:read", other_routes.read_ledger_month)),
)


class Router:
    """Answers vendor requests. Call under the simulator's lock."""

    def __init__(self, state: State, orders: OrderBook, auth: Auth) -> None:
        self.state = state
        self.orders = orders
        self.auth = auth
        self._rate = RateLimit()
        self._rid = count(1)

    def answer(self, request: SimRequest) -> SimResponse:
        """The answer with the headers that every answer of the vendor has."""
        try:
            response = self._answer(request)
        except ApiError as error:
            response = error.response
        headers = {
            "Date": format_datetime(self.state.now().replace(microsecond=0), usegmt=True),
            "Server": "nginx",
            "Vary": "Accept, Cookie",
            "X-Rid": f"sim-{next(self._rid)}",
        }
        return replace(response, headers={**headers, **response.headers})

    def _answer(self, request: SimRequest) -> SimResponse:
        if request.path.startswith("/uploads/"):
            return self._upload(request.path)
        if not request.path.endswith("/"):
            return self._without_slash(request)
        if request.path == _TOKEN_PATH and request.method == "POST":
            self._limit_rate()
            return self.auth.token(request)
        for route in _ROUTES:
            match = route.pattern.fullmatch(request.path)
            if match:
                return self._routed(request, route, match.groups())
        return _LOST

    def _without_slash(self, request: SimRequest) -> SimResponse:
        """Redirect before authentication; a redirected write has no effect."""
        if request.method != "GET" and self.state.settings.write_without_slash == "refuse":
            return _LOST
        query = f"?{urlencode(request.query)}" if request.query else ""
        headers = {"Location": f"{request.url}/{query}", "X-Inv-User": "Anonymous", "X-Inv-Account": "Anonymous"}
        return SimResponse(301, None, _HTML | headers)

    def _routed(self, request: SimRequest, route: Route, ids: tuple[str, ...]) -> SimResponse:
        settings = self.state.settings
        scope = self.auth.scope_of(request)
        if scope is None:
            raise ApiError(settings.invalid_token_status, "token.invalid")
        self._limit_rate()
        allow = ", ".join(route.methods)
        if request.method not in route.methods:
            raise ApiError(405, "common.method_not_allowed", headers={"Allow": allow})
        needed, handler = route.methods[request.method]
        if not has_scope(scope, needed):
            raise ApiError(403, "scope.wrong")
        version = self._version(request)
        headers = {
            "Allow": allow,
            "Set-Cookie": "sn=simulated; Max-Age=7200; Path=/; HttpOnly",
            "X-Inv-Account": str(settings.account_id),
            "X-Inv-User": "2001",
        }
        if route.reports_version:
            version = settings.orders_processed_version or version
            headers["X-Inv-Processed-Version"] = str(version)
        base_url = request.url.removesuffix(request.path)
        response = handler(Call(request, version, self.state, self.orders, base_url, ids))
        return replace(response, headers=headers | dict(response.headers))

    def _version(self, request: SimRequest) -> int:
        text = request.headers.get("x-api-version", "")
        if not text and self.state.settings.missing_version is not None:
            return self.state.settings.missing_version
        if not text.isdecimal() or int(text) < _OLDEST_VERSION:
            raise invalid("X-Api-Version", "Unknown version.")
        return int(text)

    def _limit_rate(self) -> None:
        settings = self.state.settings
        if not self._rate.allows(settings.rate_limit_per_second):
            headers = {"Retry-After": "1"} if settings.rate_limit_retry_after else {}
            raise ApiError(429, "common.throttled", description="Request was throttled.", headers=headers)

    def _upload(self, path: str) -> SimResponse:
        """Serve an image: ``/uploads/ACCOUNT/ID_SIZE``, every size the same bytes."""
        number = path.rpartition("/")[2].partition("_")[0]
        image = self.state.images.get(int(number)) if number.isdecimal() else None
        if image is None:
            return _LOST
        return SimResponse(200, image.content, {"Content-Type": image.content_type})
