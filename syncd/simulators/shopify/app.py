"""The simulated shop: one address that answers GraphQL, one that hands out tokens."""

from __future__ import annotations

import functools
import json
import re
import time
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationType,
    execute,
    get_operation_ast,
    parse,
    validate,
)

from syncd.simulators.server import SimRequest, SimResponse
from syncd.simulators.shopify.auth import TOKEN_PATH, Authenticator
from syncd.simulators.shopify.bulk import Exports
from syncd.simulators.shopify.control import Control
from syncd.simulators.shopify.costs import MOST_POINTS, Bucket, Cost, used
from syncd.simulators.shopify.files import Files
from syncd.simulators.shopify.product_writes import ProductWrites
from syncd.simulators.shopify.queries import Queries
from syncd.simulators.shopify.schema import load_schema
from syncd.simulators.shopify.settings import ShopifySettings
from syncd.simulators.shopify.state import Shop
from syncd.simulators.shopify.stock_writes import StockWrites
from syncd.simulators.shopify.views import Views

if TYPE_CHECKING:
    from syncd.simulators.catalogue import CatalogueProduct

_API = re.compile(r"/admin/api/(\d{4}-\d\d)/graphql\.json")
_STRICT_SINCE = "2026-04"


class ShopifySim:
    """A shop that keeps state; plugs into ``SimServer``. The people in it are ``people``."""

    def __init__(self, settings: ShopifySettings | None = None) -> None:
        self.settings = settings or ShopifySettings()
        self.shop = Shop(self.settings)
        self.people = Control(self.shop)
        self.auth = Authenticator(self.settings)
        self._schema = load_schema()
        self._bucket = Bucket(self.settings.points, self.settings.points_per_second)
        views = Views(self.shop)
        queries = Queries(self.shop, views)
        stock = StockWrites(self.shop, views)
        products = ProductWrites(self.shop, views)
        self._files = files = Files(self.shop, views)
        self._exports = exports = Exports(self.shop, views)
        self._root: dict[str, Any] = {
            "shop": queries.shop,
            "currentAppInstallation": queries.installation,
            "locations": queries.locations,
            "location": queries.location,
            "node": queries.node,
            "nodes": queries.nodes,
            "product": queries.node,
            "order": queries.node,
            "products": queries.products,
            "productByIdentifier": queries.product_by,
            "productsCount": queries.products_count,
            "productVariants": queries.variants,
            "productVariantsCount": queries.variants_count,
            "orders": queries.orders,
            "events": queries.events,
            "inventoryAdjustQuantities": stock.adjust,
            "inventorySetQuantities": stock.set_to,
            "inventoryActivate": stock.activate,
            "inventoryItemUpdate": stock.update_item,
            "files": files.files,
            "job": files.job,
            "bulkOperationRunQuery": exports.run,
            "bulkOperation": exports.state,
            "stagedUploadsCreate": files.stage,
            "fileCreate": files.create,
            "fileUpdate": files.update,
            "productReorderMedia": files.reorder,
            "productUpdate": products.update,
            "publications": products.publications,
            "publishablePublish": products.publish,
            "productDelete": products.delete,
            "productSet": products.make,
            "productVariantsBulkCreate": products.add_variants,
            "productVariantsBulkUpdate": products.update_variants,
            "productVariantsBulkDelete": products.delete_variants,
        }

    def seed(self, catalogue: Sequence[CatalogueProduct], quantities: str = "same") -> None:
        """Create the catalogue's products."""
        self.people.seed(catalogue, quantities)

    def control(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Act as customer or administrator.

        Raises:
            ValueError: No such action.
            KeyError: Unknown SKU, order or setting.
            TypeError: Wrong arguments.
        """
        return self.people.act(action, arguments)

    def handle(self, request: SimRequest) -> SimResponse:
        """Answer one request."""
        if self.settings.latency_seconds > 0:
            time.sleep(self.settings.latency_seconds)
        response = self._answer(request)
        headers = {"Date": formatdate(self.shop.now(), usegmt=True), **response.headers}
        return SimResponse(response.status, response.body, headers)

    def _answer(self, request: SimRequest) -> SimResponse:
        if request.path == TOKEN_PATH:
            return self.auth.exchange(request)
        with self.shop.lock:
            self._files.work()
            served = self._files.serve(request) or self._exports.serve(request)
        if served is not None:
            return served
        address = _API.fullmatch(request.path)
        if address is None:
            return SimResponse(404, {"errors": "Not Found"})
        if not self.auth.accepts(request):
            words = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return SimResponse(401, {"errors": words})
        if request.method != "POST":
            return SimResponse(404, {"errors": "Not Found"})
        version = address[1] if address[1] in self.settings.versions else self.settings.versions[0]
        try:
            body = json.loads(request.body)
            text, variables = body["query"], body.get("variables") or {}
        except (ValueError, KeyError, TypeError):
            return SimResponse(400, {"errors": "Bad Request"})
        with self.shop.lock:
            context = {
                "strict": self.settings.strict or version >= _STRICT_SINCE,
                "base": request.url.removesuffix(request.path),
            }
            found = self._run(text, variables, body.get("operationName"), context)
        return SimResponse(200, found, {"X-Shopify-API-Version": version})

    def _run(self, text: str, variables: dict[str, Any], name: str | None, context: Any) -> dict[str, Any]:
        document, problems = _parsed(text)
        if problems or document is None:
            return {"errors": [one.formatted for one in problems]}
        if get_operation_ast(document, name) is None:
            return {"errors": [{"message": f"No operation named {name!r}"}]}
        cost = Cost(self._schema, document, variables).points()
        extensions = {"cost": {"requestedQueryCost": cost, "actualQueryCost": None}}
        if cost > MOST_POINTS:
            words = f"Query cost is {cost}, which exceeds the single query max cost limit ({MOST_POINTS})."
            return {"errors": [{"message": words, "extensions": {"code": "MAX_COST_EXCEEDED", "cost": cost}}]}
        taken = self._bucket.take(cost)
        if not taken:
            extensions["cost"]["throttleStatus"] = self._bucket.status()  # type: ignore[assignment]  # a nested object
            error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return {"errors": [error], "extensions": extensions}
        result = execute(self._schema, document, self._root, context, variables, name)
        assert isinstance(result, ExecutionResult)  # noqa: S101 - nothing here is asynchronous
        actual = cost if is_mutation(document, name) else min(cost, used(result.data))
        self._bucket.give_back(cost - actual)
        status: Any = self._bucket.status()
        extensions["cost"] |= {"actualQueryCost": actual, "throttleStatus": status}
        answer: dict[str, Any] = {} if result.data is None and _refused(result) else {"data": result.data}
        if result.errors:
            answer["errors"] = [one.formatted for one in result.errors]
        return {**answer, "extensions": extensions}


def is_mutation(document: DocumentNode, name: str | None) -> bool:
    """Whether an operation changes something."""
    operation = get_operation_ast(document, name)
    return operation is not None and operation.operation is OperationType.MUTATION


def _refused(result: ExecutionResult) -> bool:
    """Whether the variables were refused, before anything was carried out."""
    return all(error.path is None for error in result.errors or [])


@functools.lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[DocumentNode | None, tuple[GraphQLError, ...]]:
    try:
        document = parse(text)
    except GraphQLError as error:
        return None, (error,)
    return document, tuple(validate(load_schema(), document))
