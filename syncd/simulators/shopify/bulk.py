"""Exports of the simulated shop: a query without sizes, carried out behind the answer, its result a file of lines.

Source: shopify-api.md section 3: up to five connections, two of them in one another; nested rows name their parent.
Lines of children stand behind all parents here: nobody may rely on an order that was not asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLResolveInfo,
    OperationDefinitionNode,
    SelectionSetNode,
    execute,
    parse,
    print_ast,
    validate,
)

from syncd.simulators.server import SimRequest, SimResponse
from syncd.simulators.shopify.search import failed
from syncd.simulators.shopify.state import Shop
from syncd.simulators.shopify.views import View, Views, gid

EXPORTS = "/exports/"


@dataclass(slots=True)
class _Export:
    id: str
    ready_at: float
    lines: list[bytes]
    error: str | None = None


class Exports:
    """Runs queries in bulk, and serves their files."""

    def __init__(self, shop: Shop, views: Views) -> None:
        self._shop = shop
        self._views = views
        self._made: dict[str, _Export] = {}

    def run(self, info: GraphQLResolveInfo, query: str, groupObjects: bool = False) -> View:  # noqa: N803
        """``bulkOperationRunQuery``: what is there now is what the file will hold."""
        if self._shop.settings.exports_at_once <= sum(self._state(one) == "RUNNING" for one in self._made.values()):
            words = "A bulk query operation for this app and shop is already in progress."
            return _refused("OPERATION_IN_PROGRESS", words)
        try:
            lines = [json.dumps(row).encode() + b"\n" for row in self._rows(info, query)]
        except GraphQLError as error:
            return _refused("INVALID", error.message)
        number = self._shop.take_id()
        made = _Export(gid("BulkOperation", number), self._shop.now() + self._shop.settings.work_seconds, lines)
        made.error = self._shop.settings.export_error or None
        self._made[made.id] = made
        return {"bulkOperation": self._view(info, made), "userErrors": []}

    def state(self, info: GraphQLResolveInfo, id: str) -> View | None:  # noqa: A002 - the API's name
        """``bulkOperation``."""
        return self._view(info, self._made[id]) if id in self._made else None

    def serve(self, request: SimRequest) -> SimResponse | None:
        """The file of an export; its address is all that is needed."""
        if request.method != "GET" or not request.path.startswith(EXPORTS):
            return None
        found = self._made.get(gid("BulkOperation", int(request.path.removeprefix(EXPORTS).removesuffix(".jsonl"))))
        if found is None or self._state(found) != "COMPLETED":
            return SimResponse(404, b"not found")
        return SimResponse(200, b"".join(found.lines), {"Content-Type": "application/jsonl"})

    def _state(self, made: _Export) -> str:
        if self._shop.now() < made.ready_at:
            return "RUNNING"
        return "FAILED" if made.error else "COMPLETED"

    def _view(self, info: GraphQLResolveInfo, made: _Export) -> View:
        state, number = self._state(made), made.id.rpartition("/")[2]
        done = state == "COMPLETED" and made.lines
        return {
            "id": made.id,
            "status": state,
            "errorCode": made.error if state == "FAILED" else None,
            "objectCount": str(len(made.lines)),
            "url": f"{info.context['base']}{EXPORTS}{number}.jsonl" if done else None,
        }

    def _rows(self, info: GraphQLResolveInfo, query: str) -> Iterator[dict[str, Any]]:
        document = parse(query)
        problems = validate(info.schema, document)
        if problems:
            raise problems[0]
        (operation,) = document.definitions
        if not isinstance(operation, OperationDefinitionNode) or operation.variable_definitions:
            raise failed("Invalid bulk query")
        (root,) = operation.selection_set.selections
        if not isinstance(root, FieldNode) or root.name.value != "products" or root.arguments:
            raise failed("this simulated shop exports products, all of them")
        plain, nested = _parts(root)
        products = [gid("Product", one.id) for one in self._shop.products.values()]
        yield from self._asked(info, "Product", products, plain)
        for connection in nested:
            inner, deeper = _parts(connection)
            if deeper or connection.name.value != "variants":
                raise failed("Bulk queries cannot contain connections with a nesting depth greater than 2.")
            variants = {gid("ProductVariant", one.id): one for one in self._shop.variants.values()}
            for row in self._asked(info, "ProductVariant", list(variants), inner):
                yield {**row, "__parentId": gid("Product", variants[row["id"]].product.id)}

    @staticmethod
    def _asked(info: GraphQLResolveInfo, kind: str, ids: list[str], selected: str) -> list[dict[str, Any]]:
        document = parse(f"query Q($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind} {selected} }} }}")
        result = execute(info.schema, document, info.root_value, info.context, {"ids": ids})
        if not isinstance(result, ExecutionResult) or result.errors or result.data is None:
            raise failed("Internal error")
        return list(result.data["nodes"])


def _parts(connection: FieldNode) -> tuple[str, list[FieldNode]]:
    """What a connection asks of its rows, and the connections within."""
    (edges,) = _fields(connection)
    (node,) = _fields(edges)
    nested = [each for each in _fields(node) if any(one.name.value == "edges" for one in _fields(each))]
    rest = tuple(each for each in _fields(node) if each not in nested)
    return print_ast(SelectionSetNode(selections=rest)), nested


def _fields(node: FieldNode) -> list[FieldNode]:
    selected = node.selection_set.selections if node.selection_set else ()
    return [one for one in selected if isinstance(one, FieldNode)]


def _refused(code: str, message: str) -> View:
    error = {"code": code, "field": ["query"], "message": message}
    return {"bulkOperation": None, "userErrors": [error]}
