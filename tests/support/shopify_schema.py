"""The vendor's schema of the Admin API: where it lies, and the part of it that the simulated shop answers.

``python -m tests.support.shopify_schema`` writes that part anew after the adapter has learned another operation. It is
cut out of the schema of one version; types, arguments and enumerations come from there, texts for people are left out.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from graphql import (
    FieldNode,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_client_schema,
    parse,
    print_schema,
    visit,
)

from syncd.adapters.shopify.operations import every_operation
from syncd.simulators.shopify.schema import SCHEMA_FILE

FOLDER = Path(__file__).parents[3] / "shared" / "reference" / "schemas"
CUT_FROM = "2026-10"
_BUILT_IN = {"String", "Int", "Float", "Boolean", "ID"}
_LARGE_ENUM = 60
_LEFT_OUT = {
    "SEOInput",
    "InventoryItemMeasurementInput",
    "CountryHarmonizedSystemCodeInput",
    "UnitPriceMeasurementInput",
}
_LEFT_OUT |= {"ProductClaimOwnershipInput", "LinkedMetafieldCreateInput", "InventoryScheduledChangeInput"}


def schema_file(version: str) -> Path:
    """Where the schema of a version lies, if the reference folder is there."""
    return FOLDER / f"shopify-admin-{version}.introspection.json.gz"


def introspection(version: str) -> dict[str, Any]:
    """The schema of a version, as the vendor answers."""
    with gzip.open(schema_file(version)) as file:
        data: dict[str, Any] = json.load(file)["data"]
    return data


def whole_schema(data: dict[str, Any]) -> GraphQLSchema:
    """The schema to check texts against; a few deprecated fields of it break GraphQL's own rules."""
    return build_client_schema(data, assume_valid=True)  # type: ignore[arg-type]  # a dict of the right shape


class _Used(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self._info = info
        self.fields: defaultdict[str, set[str]] = defaultdict(set)
        self.arguments: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self._info.get_parent_type()
        if parent is not None and not node.name.value.startswith("__"):
            self.fields[parent.name].add(node.name.value)
            names = {argument.name.value for argument in node.arguments}
            self.arguments[parent.name, node.name.value] |= names


def extract(data: dict[str, Any], texts: Iterable[str]) -> str:
    """Cut out of a schema what the texts ask for, with everything that their inputs may hold."""
    info = TypeInfo(whole_schema(data))
    used = _Used(info)
    for text in texts:
        visit(parse(text), TypeInfoVisitor(info, used))
    used.fields["Node"].add("id")
    types = {one["name"]: one for one in data["__schema"]["types"]}
    kept: dict[str, dict[str, Any]] = {}
    open_names = [*used.fields]
    while open_names:
        name = open_names.pop()
        if name in kept or name not in types:
            continue
        kept[name] = _cut(types, name, used)
        open_names += _named(kept[name])
    for one in kept.values():
        one["interfaces"] = [each for each in one.get("interfaces") or [] if each["name"] in kept]
        if one["kind"] == "INTERFACE":
            one["possibleTypes"] = [each for each in one["possibleTypes"] if each["name"] in kept]
            fields = {field["name"]: field for field in one["fields"]}
            for each in one["possibleTypes"]:
                there = kept[each["name"]]["fields"]
                there += [fields[missing] for missing in sorted(fields.keys() - {field["name"] for field in there})]
    directives = [one for one in data["__schema"]["directives"] if one["name"] == "idempotent"]
    reduced = {
        "__schema": {
            "queryType": {"name": "QueryRoot"},
            "mutationType": {"name": "Mutation"} if "Mutation" in kept else None,
            "subscriptionType": None,
            "types": [*(types[name] for name in sorted(_BUILT_IN)), *(kept[name] for name in sorted(kept))],
            "directives": directives,
        }
    }
    return print_schema(whole_schema(_without_words(reduced))) + "\n"


def _cut(types: dict[str, dict[str, Any]], name: str, used: _Used) -> dict[str, Any]:
    one = dict(types[name])
    if one.get("fields"):
        one["fields"] = [
            {**field, "args": [arg for arg in field["args"] if arg["name"] in used.arguments[name, field["name"]]]}
            for field in one["fields"]
            if field["name"] in used.fields[name]
        ]
    if one.get("inputFields"):
        one["inputFields"] = [field for field in one["inputFields"] if _fits(types[_base(field["type"])])]
    return one


def _fits(one: dict[str, Any]) -> bool:
    return one["name"] not in _LEFT_OUT and len(one.get("enumValues") or []) <= _LARGE_ENUM


def _named(one: dict[str, Any]) -> list[str]:
    fields = [*(one.get("fields") or []), *(one.get("inputFields") or [])]
    names = [_base(field["type"]) for field in fields]
    return names + [_base(arg["type"]) for field in one.get("fields") or [] for arg in field["args"]]


def _base(found: dict[str, Any]) -> str:
    return _base(found["ofType"]) if found.get("ofType") else str(found["name"])


def _without_words(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: None if key in {"description", "deprecationReason", "specifiedByURL"} else _without_words(each)
            for key, each in value.items()
        }
    return [_without_words(each) for each in value] if isinstance(value, list) else value


def main() -> None:
    """Write the part that the simulated shop answers."""
    text = extract(introspection(CUT_FROM), [one.text for one in every_operation()])
    SCHEMA_FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
