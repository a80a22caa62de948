"""The simulated WooCommerce shop: routing, credentials and the answers to errors."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from syncd.simulators.server import SimResponse
from syncd.simulators.woocommerce import php
from syncd.simulators.woocommerce.auth import Authenticator
from syncd.simulators.woocommerce.call import Call, Handler, read_body
from syncd.simulators.woocommerce.control import Control
from syncd.simulators.woocommerce.media import MediaLibrary
from syncd.simulators.woocommerce.order_desk import OrderDesk
from syncd.simulators.woocommerce.orders import OrderApi
from syncd.simulators.woocommerce.problems import ApiError, no_route
from syncd.simulators.woocommerce.products import ProductApi
from syncd.simulators.woocommerce.rows import Product
from syncd.simulators.woocommerce.settings import WooCommerceSettings
from syncd.simulators.woocommerce.state import Shop
from syncd.simulators.woocommerce.store_info import StoreInfo
from syncd.simulators.woocommerce.writer import ProductWriter

if TYPE_CHECKING:
    from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation
    from syncd.simulators.server import SimRequest

NAMESPACE = "wc/v3"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_NO_CACHE = "no-cache, must-revalidate, max-age=0, no-store, private"
_REFUSALS = {
    "GET": ("woocommerce_rest_cannot_view", "Sorry, you cannot list resources."),
    "POST": ("woocommerce_rest_cannot_create", "Sorry, you are not allowed to create resources."),
    "PUT": ("woocommerce_rest_cannot_edit", "Sorry, you are not allowed to edit this resource."),
    "PATCH": ("woocommerce_rest_cannot_edit", "Sorry, you are not allowed to edit this resource."),
    "DELETE": ("woocommerce_rest_cannot_delete", "Sorry, you are not allowed to delete this resource."),
}
_TAX_CLASSES = {7: "reduced-rate", 0: "zero-rate"}
_NET_PLACES = Decimal("0.000001")


class WooCommerceSim:
    """A shop that keeps state; plugs into ``SimServer``.

    ``control`` is the control interface; the same actions are methods of ``people``.
    """

    def __init__(self, settings: WooCommerceSettings | None = None) -> None:
        self.settings = settings or WooCommerceSettings()
        self.shop = Shop(self.settings)
        self.writer = ProductWriter(self.shop)
        self.desk = OrderDesk(self.shop)
        self._media = MediaLibrary(self.shop)
        self.people = Control(self.shop, self.writer, self.desk, self._media)
        self._auth = Authenticator(self.settings)
        self._routes: dict[str, dict[str, Handler]] = {}
        self._info = StoreInfo(self.shop)
        for api in (ProductApi(self.shop, self.writer), OrderApi(self.shop, self.desk), self._info):
            for methods, pattern, handler in api.routes():
                self._routes.setdefault(pattern, {}).update(dict.fromkeys(methods.split(), handler))
        self._patterns = [(re.compile(pattern), handlers) for pattern, handlers in self._routes.items()]

    # -- filling the shop

    def seed(self, catalogue: Sequence[CatalogueProduct], quantities: str = "same") -> None:
        """Create the catalogue's products, all with managed stock.

        Args:
            catalogue: What to create; products with variations become variable products.
            quantities: ``same`` as in the catalogue, ``zero``, or ``random`` (deterministic, 0 to 60).

        Raises:
            ValueError: Another value of ``quantities``.
        """
        if quantities not in {"same", "zero", "random"}:
            raise ValueError(f"quantities: {quantities}")
        rng = random.Random(len(catalogue))  # noqa: S311 - invented stock, not secrets
        with self.shop.lock:
            for item in catalogue:
                self._seed_product(item, quantities, rng)

    def _seed_product(self, item: CatalogueProduct, quantities: str, rng: random.Random) -> None:
        product = self._seeded("variable" if item.variations else "simple", item, quantities, rng)
        product.name = item.name
        product.slug = self.shop.take_slug(item.name)
        product.categories = [self.shop.default_category]
        product.tax_class = _TAX_CLASSES.get(int(item.tax_rate), "")
        price = _net(item) if self.shop.settings.net_prices else str(item.price)
        if not item.variations:
            product.regular_price = price
        names = list(dict.fromkeys(name for variation in item.variations for name in variation.attributes))
        for position, name in enumerate(names):
            options = list(dict.fromkeys(variation.attributes[name] for variation in item.variations))
            head = {"id": 0, "name": name, "slug": name, "position": position}
            product.attributes.append({**head, "visible": True, "variation": True, "options": options})
        for variation in item.variations:
            child = self._seeded("variation", variation, quantities, rng, product.id)
            child.tax_class = "parent"
            child.regular_price = price
            pairs = variation.attributes.items()
            child.attributes = [{"id": 0, "name": n, "slug": n.lower(), "option": option} for n, option in pairs]

    def _seeded(
        self,
        kind: str,
        item: CatalogueProduct | CatalogueVariation,
        quantities: str,
        rng: random.Random,
        parent_id: int = 0,
    ) -> Product:
        now = self.shop.now()
        product = Product(self.shop.take_id(), kind, "", now, now, parent_id, sku=item.sku, gtin=item.gtin)
        if kind != "variable":
            product.manage_stock = True
            product.stock = {"same": item.quantity, "zero": 0}.get(quantities, rng.randint(0, 60))
            self.shop.derive_status(product)
        self.shop.add_product(product)
        return product

    # -- Simulator

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Act as customer or administrator.

        Raises:
            ValueError: No such action, or the shop refuses it.
            KeyError: Unknown SKU, order, form or setting.
            TypeError: Wrong arguments.
        """
        try:
            return self.people.act(action, arguments)
        except ApiError as error:
            raise ValueError(f"{error.code}: {error.message}") from error

    def handle(self, request: SimRequest) -> SimResponse:
        """Answer one request."""
        if self.settings.latency_seconds > 0:
            time.sleep(self.settings.latency_seconds)
        root = f"{request.url.partition('/wp-json')[0].removesuffix('/index.php')}/wp-json"
        allow: list[str] = []
        try:
            response = self._dispatch(request, root, allow)
        except ApiError as error:
            response = SimResponse(error.status, error.body())
        headers = {
            "Date": formatdate(self.shop.now(), usegmt=True),
            "Content-Type": "application/json; charset=UTF-8",
            "Link": f'<{root}/>; rel="https://api.w.org/"',
            **({"Allow": ", ".join(allow)} if allow else {}),
            "Cache-Control": _NO_CACHE,
            **response.headers,
        }
        return SimResponse(response.status, response.body, headers)

    def _dispatch(self, request: SimRequest, root: str, allow: list[str]) -> SimResponse:
        if request.method == "GET" and (file := self._media.file(request.path)) is not None:
            return file
        before, marker, path = request.path.partition("/wp-json")
        keyless = not marker
        if keyless:
            if before.rstrip("/") not in {"", "/index.php"} or not request.param("rest_route"):
                raise no_route()
            path = request.param("rest_route")
        path = re.sub(r"/{2,}", "/", path).strip("/")
        with self.shop.lock:
            # The key is looked at only where the address contains wp-json/wc/ (seen, 07 #19, #36 and #41) or wc-.
            looked_at = not keyless and path.startswith(("wc/", "wc-"))
            key = self._auth.identify(request, self.shop.now()) if looked_at else None
        if key is not None:
            self._auth.check_permission(key, request.method)
        query = php.parse_pairs(request.query)
        if path in {"", NAMESPACE}:
            allow.append("GET")
            return Call(request, root, {}, query).reply(self._index(root) if path else self._site(root))
        if path.startswith("wp/v2/") and (answer := self._media.answer(request, path)) is not None:
            return answer
        if path == "wc-admin/options" and request.method == "GET":
            return self._info.options(Call(request, root, {}, query), known=key is not None)
        handlers, args = self._match(path)
        if handlers is None:
            raise no_route()
        handler = handlers.get(request.method)
        if handler is None:
            raise no_route()
        if key is None:
            code, message = _REFUSALS[request.method]
            raise ApiError(401, code, message)
        allow.extend(method for method in _METHODS if method in handlers)
        return handler(Call(request, root, args, query, read_body(request)))

    def _match(self, path: str) -> tuple[dict[str, Handler] | None, dict[str, str]]:
        space, _, rest = path.partition(f"{NAMESPACE}/")
        if space or not rest or not self._exists(rest):
            return None, {}
        for pattern, handlers in self._patterns:
            found = pattern.fullmatch(rest)
            if found:
                return handlers, found.groupdict()
        return None, {}

    def _exists(self, pattern: str) -> bool:
        missing = {"variations": not self.settings.has_variations_route, "refunds": not self.settings.has_refunds_route}
        return not missing.get(pattern, False)

    def _index(self, root: str) -> dict[str, Any]:
        """``GET /wc/v3``: the routes of this shop."""
        routes: dict[str, Any] = {f"/{NAMESPACE}": self._route_entry(["GET"])}
        for pattern, handlers in self._routes.items():
            if self._exists(pattern):
                routes[f"/{NAMESPACE}/{pattern}".replace(r"\d+", r"[\d]+")] = self._route_entry(list(handlers))
        return {"namespace": NAMESPACE, "routes": routes, "_links": {"up": [{"href": f"{root}/"}]}}

    def _route_entry(self, methods: list[str]) -> dict[str, Any]:
        return {"namespace": NAMESPACE, "methods": methods, "endpoints": [{"methods": methods, "args": {}}]}

    def _site(self, root: str) -> dict[str, Any]:
        """``GET /wp-json``, open to everybody."""
        site = root.removesuffix("/wp-json")
        return {
            "name": "Simulated shop",
            "description": "",
            "url": site,
            "home": site,
            "gmt_offset": self.settings.utc_offset_minutes / 60,
            "timezone_string": self.settings.timezone,
            "namespaces": ["oembed/1.0", "wc/v3", "wc/v2", "wc/v1", "wc/store", "wc/store/v1", "wp/v2"],
            "authentication": [],
            "routes": {},
        }


def _net(item: CatalogueProduct) -> str:
    """The price as somebody enters it who works with net prices: as exact as the shop shows line prices."""
    return str((item.price / (1 + item.tax_rate / 100)).quantize(_NET_PLACES, ROUND_HALF_UP))
