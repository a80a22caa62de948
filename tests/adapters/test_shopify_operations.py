"""Every text that the adapter can send is valid in each version, and stock writes say what those versions demand."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from graphql import FieldNode, OperationDefinitionNode, Visitor, parse, validate, visit
from pydantic.fields import FieldInfo

from syncd.adapters.shopify import operations
from syncd.adapters.shopify.library import MEDIA_PER_REQUEST
from syncd.adapters.shopify.operation import Operation
from syncd.adapters.shopify.operations import (
    MOST_WRITES,
    ORDERS_PER_PAGE,
    REFUNDS_PER_REQUEST,
    VERSIONS,
    adjust,
    every_operation,
    products_per_request,
    variants_per_page,
)
from syncd.adapters.shopify.settings import ShopifySettings
from syncd.core.model import Applied
from syncd.simulators.server import SimRequest
from syncd.simulators.shopify.costs import MOST_POINTS, Cost
from syncd.simulators.shopify.schema import SCHEMA_FILE, load_schema
from syncd.testing.goods import GOODS, SIMPLE, VARIATION
from syncd.testing.reading import write
from tests.conformance.drivers_shopify import open_shopify
from tests.support.shopify_schema import CUT_FROM, extract, introspection, schema_file, whole_schema

DEMAND_A_KEY = {
    "inventoryAdjustQuantities", "inventorySetQuantities", "inventorySetOnHandQuantities", "inventoryMoveQuantities",
    "inventoryActivate",
}  # fmt: skip


def needs_schema(version: str) -> None:
    if not schema_file(version).is_file():
        pytest.skip(f"the vendor's schema of {version} is not beside this checkout (../shared/reference/schemas)")


def some_operations() -> list[Operation]:
    """All texts, of those that repeat a part the shortest and the longest."""
    sizes = {adjust(size).text for size in range(2, MOST_WRITES)}
    return [one for one in every_operation() if one.text not in sizes]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_text_is_valid(version: str) -> None:
    needs_schema(version)
    schema = whole_schema(introspection(version))
    problems = [
        f"{one.name}: {problem.message}" for one in some_operations() for problem in validate(schema, parse(one.text))
    ]
    assert problems == []


def test_no_text_is_made_where_these_tests_do_not_look() -> None:
    """All that can be sent is a constant of two modules, or comes from a maker that ``every_operation`` calls."""
    folder = Path(operations.__file__).parent
    calls = {path.name: called(ast.parse(path.read_text("utf-8"))) for path in folder.glob("*.py")}
    assert {name for name, names in calls.items() if "Operation" in names} == {"operations.py", "library.py"}
    functions = {
        node.name: node for node in ast.walk(ast.parse(Path(operations.__file__).read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }  # fmt: skip
    makers = {name for name, node in functions.items() if node.returns and ast.unparse(node.returns) == "Operation"}
    assert makers
    assert makers <= called(functions["every_operation"])


def called(tree: ast.AST) -> set[str]:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {name.id for name in calls if isinstance(name, ast.Name)}


def test_the_simulated_shop_answers_a_part_of_the_real_schema() -> None:
    needs_schema(CUT_FROM)
    made = extract(introspection(CUT_FROM), [one.text for one in every_operation()])
    assert SCHEMA_FILE.read_text("utf-8") == made, "write it anew: python -m tests.support.shopify_schema"


def test_every_text_is_valid_in_the_simulated_shop() -> None:
    assert [problem.message for one in every_operation() for problem in validate(load_schema(), parse(one.text))] == []


def test_names_and_kinds_are_those_of_the_texts() -> None:
    for one in every_operation():
        (definition,) = (node for node in parse(one.text).definitions if isinstance(node, OperationDefinitionNode))
        assert definition.name is not None
        assert definition.name.value == one.name
        assert (definition.operation.value == "mutation") == one.write


class Fields(Visitor):
    """Mutations of a text with their directives."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        self.found.append((node.name.value, [one.name.value for one in node.directives]))


def test_stock_writes_carry_the_directive() -> None:
    """The schemas declare it and do not demand it; the shop does."""
    carried = 0
    for one in every_operation():
        fields = Fields()
        visit(parse(one.text), fields)
        for name, directives in fields.found:
            if name in DEMAND_A_KEY:
                assert directives == ["idempotent"], f"{name} in {one.name}"
                carried += 1
    assert carried > MOST_WRITES


def test_a_difference_is_sent_without_a_comparison_said_so() -> None:
    """The key ``changeFromQuantity`` is there, and null; a serialiser that drops nulls would break every write."""
    bodies: list[bytes] = []
    with open_shopify(GOODS) as side:
        server: Any = side.server  # type: ignore[attr-defined]  # of the simulated shop

        def note(request: SimRequest) -> None:
            if b'"mutation ' in request.body[:40]:
                bodies.append(request.body)

        server.hooks.append(note)
        results = side.adapter.write_stock([write(side.ref(SIMPLE), 2), write(side.ref(VARIATION), -1, key="op-2")])
    assert [type(one) for one in results] == [Applied, Applied]
    (body,) = bodies
    assert body.count(b'"changeFromQuantity":null') == 2


def test_no_text_costs_more_than_a_query_may() -> None:
    for one in every_operation():
        locations = one.text.count("inventoryLevel(locationId")
        units = variants_per_page(locations)
        sizes = {"Variants": units, "VariantsOf": units, "WholeProduct": units - 5, "Orders": ORDERS_PER_PAGE}
        first = sizes.get(one.name, 100)
        named = {"RefundLines": REFUNDS_PER_REQUEST, "Media": MEDIA_PER_REQUEST, "VariantNodes": units}
        ids = named.get(one.name, products_per_request(locations))
        points = Cost(load_schema(), parse(one.text), {"first": first, "ids": ["x"] * ids}).points()
        assert points <= MOST_POINTS, one.name


def test_the_adapter_does_not_load_what_only_the_simulated_shop_needs() -> None:
    code = "import sys, syncd.adapters.shopify; sys.exit('graphql' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_prices_are_exact() -> None:
    with open_shopify(GOODS) as side:
        listing = side.adapter.fetch([side.ref(SIMPLE)]).listings[0]
        assert Decimal(listing.fields["price"]) == GOODS[0].price


def test_the_page_names_every_key_with_its_default() -> None:
    text = (Path(__file__).parents[2] / "docs" / "shopify.md").read_text("utf-8")
    shown = dict(re.findall(r"(?m)^\| `(\w+)` \| `?([^|]*?)`? \|", text))
    assert shown == {name: _typed(field) for name, field in ShopifySettings.model_fields.items()}


def _typed(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "—" if value is None else json.dumps(int(value) if isinstance(value, float) else value)
