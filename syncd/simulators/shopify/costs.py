"""What an operation costs, and the bucket that it is taken from.

Source: shopify-api.md section 9: a query may cost 1,000 points; an object costs 1, a connection 2 and what it may
hold, a mutation 10. A query waits until there is room for all that it may cost, and what its answer did not hold is put
back afterwards (help.shopify.com/en/api/graphql-admin-api/call-limit).
"""

from __future__ import annotations

import time
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_leaf_type,
    value_from_ast_untyped,
)

MOST_POINTS = 1000
_MUTATION = 10
_CONNECTION = 2
_LIST = 1


class Cost:
    """Adds up one document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any]) -> None:
        self._schema = schema
        self._variables = variables
        definitions = document.definitions
        self._fragments = {one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)}
        self._operation = next(one for one in definitions if isinstance(one, OperationDefinitionNode))

    def points(self) -> int:
        """Points that are asked for at most."""
        mutation = self._operation.operation is OperationType.MUTATION
        root = self._schema.mutation_type if mutation else self._schema.query_type
        if mutation:
            return _MUTATION * len(self._operation.selection_set.selections)
        return self._selections(self._operation.selection_set, root)

    def _selections(self, selected: SelectionSetNode, parent: Any) -> int:
        total = 0
        for node in selected.selections:
            if isinstance(node, FieldNode):
                total += self._field(node, parent)
            elif isinstance(node, InlineFragmentNode):
                kind = self._schema.get_type(node.type_condition.name.value)
                total += self._selections(node.selection_set, kind)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                kind = self._schema.get_type(fragment.type_condition.name.value)
                total += self._selections(fragment.selection_set, kind)
        return total

    def _field(self, node: FieldNode, parent: Any) -> int:
        definition = parent.fields.get(node.name.value) if hasattr(parent, "fields") else None
        if definition is None or node.selection_set is None:
            return 0
        kind = get_named_type(definition.type)
        if is_leaf_type(kind):
            return 0
        given = {one.name.value: value_from_ast_untyped(one.value, self._variables) for one in node.arguments}
        if isinstance(kind, GraphQLObjectType) and kind.name.endswith("Connection"):
            return _CONNECTION + self._rows(node.selection_set, kind, int(given.get("first") or 0))
        inner = self._selections(node.selection_set, kind)
        if node.name.value in {"nodes", "edges"} and "ids" not in given:
            return _LIST + inner
        return max(len(given.get("ids", [])), 1) * (1 + inner)

    def _rows(self, selected: SelectionSetNode, kind: Any, first: int) -> int:
        """A connection's rows count as often as there may be some, what stands beside them once."""
        total = 0
        for node in selected.selections:
            points = self._selections(SelectionSetNode(selections=(node,)), kind)
            is_rows = isinstance(node, FieldNode) and node.name.value in {"nodes", "edges"}
            total += points * (first if is_rows else 1)
        return total


def used(data: Any) -> int:
    """What the data of an answer cost: its objects, and what connections cost by themselves."""
    return sum(_used(one) for one in data.values()) if isinstance(data, dict) else 0


def _used(value: Any) -> int:
    if isinstance(value, list):
        return sum(_used(one) for one in value)
    if not isinstance(value, dict):
        return 0
    return sum(_used(one) for one in value.values()) + (_CONNECTION if {"nodes", "edges"} & value.keys() else 1)


class Bucket:
    """Fills by itself; too expensive operations have to wait."""

    def __init__(self, size: float, per_second: float) -> None:
        self._size, self._per_second = size, per_second
        self._left, self._at = size, time.monotonic()

    def take(self, points: int) -> bool:
        """Take points, if there are enough."""
        now = time.monotonic()
        self._left = min(self._size, self._left + (now - self._at) * self._per_second)
        self._at = now
        if points > self._left:
            return False
        self._left -= points
        return True

    def give_back(self, points: float) -> None:
        """Put back what was asked for and not used."""
        self._left = min(self._size, self._left + points)

    def status(self) -> dict[str, float]:
        """As the API shows it."""
        return {
            "maximumAvailable": self._size,
            "currentlyAvailable": int(self._left),
            "restoreRate": self._per_second,
        }
