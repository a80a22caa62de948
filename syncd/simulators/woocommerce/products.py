"""Routes of products and variations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from syncd.simulators.woocommerce import listing, php, schema, text
from syncd.simulators.woocommerce.batch import Batch
from syncd.simulators.woocommerce.call import WRITE, Call, Route
from syncd.simulators.woocommerce.problems import ApiError, invalid_id, no_route
from syncd.simulators.woocommerce.render import View, stock_status
from syncd.simulators.woocommerce.rows import Product, Table
from syncd.simulators.woocommerce.writer import ProductWriter

if TYPE_CHECKING:
    from syncd.simulators.server import SimResponse
    from syncd.simulators.woocommerce.state import Shop

_LIVE = {"future", "draft", "pending", "private", "publish"}
_VARIATIONS = r"products/(?P<product_id>\d+)/variations"

_SORT_KEYS: dict[str, Callable[[Product], Any]] = {
    "title": lambda product: (product.name.casefold(), product.id),
    "slug": lambda product: (product.slug, product.id),
    "price": lambda product: (len(product.price.partition(".")[0]), product.price, product.id),
    "menu_order": lambda product: (product.extra.get("menu_order", 0), product.id),
}


class ProductApi:
    """Lists, reads, writes and deletes products and variations."""

    def __init__(self, shop: Shop, writer: ProductWriter) -> None:
        self.shop = shop
        self.writer = writer

    def routes(self) -> list[Route]:
        """Methods, pattern, handler."""
        return [
            ("GET", "products", self.list_products),
            ("POST", "products", self.create_product),
            ("GET", r"products/(?P<id>\d+)", self.read_product),
            (WRITE, r"products/(?P<id>\d+)", self.update_product),
            ("DELETE", r"products/(?P<id>\d+)", self.delete_product),
            (WRITE, "products/batch", self.batch_products),
            ("GET", _VARIATIONS, self.list_variations),
            ("POST", _VARIATIONS, self.create_variation),
            ("GET", _VARIATIONS + r"/(?P<id>\d+)", self.read_variation),
            (WRITE, _VARIATIONS + r"/(?P<id>\d+)", self.update_variation),
            ("DELETE", _VARIATIONS + r"/(?P<id>\d+)", self.delete_variation),
            (WRITE, _VARIATIONS + "/batch", self.batch_variations),
            ("GET", "variations", self.all_variations),
        ]

    # -- reading

    def list_products(self, call: Call) -> SimResponse:
        """``GET /products``; ``sku`` finds variations too, ``include`` does not (seen, 01-listing)."""
        query = listing.parse(call.query, self.shop.offset_s, listing.PRODUCT_ORDERBY)
        with self.shop.lock:
            tables = self._tables(call, self.shop.products, self.shop.trashed_products)
            candidates = None
            if "sku" in call.query:
                candidates = self._with_skus(php.as_list(call.query["sku"]))
                tables += self._tables(call, self.shop.variations, self.shop.trashed_variations)
            elif call.query.get("global_unique_id"):
                candidates = [p.id for p in self.shop.with_gtin(text.gtin(call.query["global_unique_id"]))]
            rows = listing.select(tables, query, self._filter(call), candidates, _SORT_KEYS)
            view, wanted = View(self.shop, call.root, edit=call.edit), call.wanted
            data = [view.product(row, wanted) for row in listing.page_of(rows, query)]
        return listing.answer(call, query, len(rows), data)

    def list_variations(self, call: Call) -> SimResponse:
        """``GET /products/{id}/variations``; an unknown parent is an empty list."""
        with self.shop.lock:
            parent = self.shop.by_id.get(call.id("product_id"))
            return self._variation_list(call, list(parent.variations) if parent is not None else [])

    def all_variations(self, call: Call) -> SimResponse:
        """``GET /variations`` of all parents; newer shops only."""
        if not self.shop.settings.has_variations_route:
            raise no_route()
        with self.shop.lock:
            found = self._with_skus(php.as_list(call.query["sku"])) if "sku" in call.query else None
            return self._variation_list(call, found)

    def _variation_list(self, call: Call, candidates: list[int] | None) -> SimResponse:
        query = listing.parse(call.query, self.shop.offset_s, [*listing.ORDERBY, "menu_order"])
        tables = self._tables(call, self.shop.variations, self.shop.trashed_variations)
        rows = listing.select(tables, query, self._filter(call), candidates, _SORT_KEYS)
        view, wanted = View(self.shop, call.root), call.wanted
        data = [view.variation(row, wanted) for row in listing.page_of(rows, query)]
        return listing.answer(call, query, len(rows), data)

    def read_product(self, call: Call) -> SimResponse:
        """``GET /products/{id}``, of a variation too."""
        with self.shop.lock:
            product = self.shop.by_id.get(call.id())
            if product is None:
                raise invalid_id("product", 404)
            return call.reply(View(self.shop, call.root, edit=call.edit).product(product, call.wanted))

    def read_variation(self, call: Call) -> SimResponse:
        """``GET /products/{id}/variations/{id}``."""
        with self.shop.lock:
            product = self._variation(call.id("product_id"), call.id())
            return call.reply(View(self.shop, call.root).variation(product, call.wanted))

    def _tables(self, call: Call, live: Table[Product], trashed: Table[Product]) -> list[Table[Product]]:
        wanted = self._statuses(call)
        return [table for table, hit in ((live, bool(wanted - {"trash"})), (trashed, "trash" in wanted)) if hit]

    def _statuses(self, call: Call) -> set[str]:
        status = schema.choice("status", call.query.get("status", "any"), schema.PRODUCT_STATUS)
        listed = {str(name) for name in php.as_list(call.query.get("include_status"))}
        for name in listed:
            schema.choice("include_status[0]", name, schema.PRODUCT_STATUS)
        if listed:
            return (listed - {"any"}) | (_LIVE if "any" in listed else set())
        return set(_LIVE) if status == "any" else {status}

    def _with_skus(self, skus: list[Any]) -> list[int]:
        return [product.id for sku in skus for product in self.shop.with_sku(str(sku))]

    def _filter(self, call: Call) -> Callable[[Product], bool] | None:
        """The filters that need a look at each row, or ``None``."""
        query = call.query
        tests: list[Callable[[Product], bool]] = []
        wanted = self._statuses(call)
        if not wanted >= _LIVE:
            tests.append(lambda product: product.status in wanted)
        if "type" in query:
            kind = schema.choice("type", query["type"], schema.PRODUCT_TYPES)
            tests.append(lambda product: product.type == kind)
        if "stock_status" in query:
            status = schema.choice("stock_status", query["stock_status"], schema.STOCK_STATUS)
            tests.append(lambda product: stock_status(self.shop, product) == status)
        if query.get("search"):
            needle = str(query["search"]).casefold()
            tests.append(lambda product: needle in product.name.casefold())
        if query.get("search_sku"):
            part = str(query["search_sku"]).casefold()
            tests.append(lambda product: part in product.sku.casefold())
        if query.get("category"):
            category = php.intval(query["category"])
            tests.append(lambda product: category in product.categories)
        if query.get("slug"):
            tests.append(lambda product: product.slug == query["slug"])
        if not tests:
            return None
        return lambda product: all(test(product) for test in tests)

    # -- writing

    def _product(self, product_id: int, missing_status: int) -> Product:
        product = self.shop.by_id.get(product_id)
        if product is None:
            raise invalid_id("product", missing_status)
        if product.is_variation:
            message = (
                "To manipulate product variations you should use the "
                "/products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint."
            )
            raise ApiError(404, "woocommerce_rest_invalid_product_id", message)
        return product

    def _variation(self, parent_id: int, variation_id: int) -> Product:
        product = self.shop.by_id.get(variation_id)
        if product is None or not product.is_variation or product.parent_id != parent_id:
            raise invalid_id("product_variation", 404)
        return product

    def create_product(self, call: Call) -> SimResponse:
        """``POST /products``."""
        values = schema.check(call.body, schema.PRODUCT_BODY)
        data = self.writer.create(values, "POST /products", View(self.shop, call.root, edit=True).product)
        return call.created(data, f"products/{data['id']}")

    def update_product(self, call: Call) -> SimResponse:
        """``PUT /products/{id}``."""
        values = schema.check(call.body, schema.PRODUCT_BODY)
        show = View(self.shop, call.root, edit=True).product
        product_id = call.id()
        return call.reply(
            self.writer.update(lambda: self._product(product_id, 400), values, f"PUT /products/{product_id}", show)
        )

    def create_variation(self, call: Call) -> SimResponse:
        """``POST /products/{id}/variations``; the address in ``Location`` is the route's pattern (seen)."""
        values = schema.check(call.body, schema.VARIATION_BODY)
        parent_id, show = call.id("product_id"), View(self.shop, call.root, edit=True).variation
        data = self.writer.create_variation(parent_id, values, f"POST /products/{parent_id}/variations", show)
        return call.created(data, rf"products/(?P<product_id>[\d]+)/variations/{data['id']}")

    def update_variation(self, call: Call) -> SimResponse:
        """``PUT /products/{id}/variations/{id}``."""
        values = schema.check(call.body, schema.VARIATION_BODY)
        show = View(self.shop, call.root, edit=True).variation
        parent_id, variation_id = call.id("product_id"), call.id()
        reference = f"PUT /products/{parent_id}/variations/{variation_id}"
        find = lambda: self._variation(parent_id, variation_id)  # noqa: E731 - a closure over two ids, used once
        return call.reply(self.writer.update(find, values, reference, show))

    def delete_product(self, call: Call) -> SimResponse:
        """``DELETE /products/{id}``: to the trash, or for good with ``force``."""
        with self.shop.lock:
            product = self._product(call.id(), 404)
            return call.reply(self._delete(product, call.force, View(self.shop, call.root).product))

    def delete_variation(self, call: Call) -> SimResponse:
        """``DELETE /products/{id}/variations/{id}``."""
        with self.shop.lock:
            product = self._variation(call.id("product_id"), call.id())
            return call.reply(self._delete(product, call.force, View(self.shop, call.root).variation))

    def _delete(self, product: Product, force: bool, show: Callable[[Product], dict[str, Any]]) -> dict[str, Any]:
        data = show(product)
        if force:
            self.shop.remove_product(product)
        elif product.status == "trash":
            raise ApiError(410, "woocommerce_rest_already_trashed", "The product has already been deleted.")
        else:
            self.writer.trash(product)
        return data

    # -- batches

    def batch_products(self, call: Call) -> SimResponse:
        """``POST /products/batch``."""
        show = View(self.shop, call.root, edit=True).product
        reference = "POST /products/batch"

        def update(item: dict[str, Any]) -> dict[str, Any]:
            product_id = php.intval(item.get("id"))
            return self.writer.update(lambda: self._product(product_id, 400), item, reference, show)

        def delete(item_id: int) -> dict[str, Any]:
            with self.shop.lock:
                return self._delete(self._product(item_id, 404), True, show)

        return Batch(lambda item: self.writer.create(item, reference, show), update, delete).run(call)

    def batch_variations(self, call: Call) -> SimResponse:
        """``POST /products/{id}/variations/batch``."""
        show = View(self.shop, call.root, edit=True).variation
        parent_id = call.id("product_id")
        reference = f"POST /products/{parent_id}/variations/batch"

        def update(item: dict[str, Any]) -> dict[str, Any]:
            variation_id = php.intval(item.get("id"))
            return self.writer.update(lambda: self._variation(parent_id, variation_id), item, reference, show)

        def delete(item_id: int) -> dict[str, Any]:
            with self.shop.lock:
                return self._delete(self._variation(parent_id, item_id), True, show)

        create = lambda item: self.writer.create_variation(parent_id, item, reference, show)  # noqa: E731 - as above
        return Batch(create, update, delete).run(call)
