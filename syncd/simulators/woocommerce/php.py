"""How PHP reads values: request parameters with brackets, loose numbers and truth."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any


def parse_pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Nest ``a[b][0]=x`` as PHP does; lists come out as lists."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        head, _, rest = name.partition("[")
        keys = [head, *re.findall(r"\[?([^\[\]]*)\]", rest)] if rest else [head]
        node = tree
        for key in keys[:-1]:
            step = key or str(len(node))
            inner = node.get(step)
            if not isinstance(inner, dict):
                inner = node[step] = {}
            node = inner
        node[keys[-1] or str(len(node))] = value
    return {key: _listed(value) for key, value in tree.items()}


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    inner = {key: _listed(value) for key, value in node.items()}
    if inner and list(inner) == [str(at) for at in range(len(inner))]:
        return list(inner.values())
    return inner


def intval(value: Any) -> int:
    """PHP's ``intval``: fractions are cut towards zero, text without leading digits is 0."""
    if isinstance(value, bool | int | float):
        return int(value)
    if isinstance(value, str):
        number = re.match(r"\s*([+-]?\d+(?:\.\d+)?)", value)
        return int(float(number[1])) if number else 0
    return 1 if value else 0


def string_to_bool(value: Any) -> bool:
    """WooCommerce's reading of a switch outside the schema."""
    if isinstance(value, str):
        return value.lower() in {"yes", "true", "1"}
    return bool(value)


def as_list(value: Any) -> list[Any]:
    """A list parameter: given as list, or as text with commas."""
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return list(value.values())
    return [part.strip() for part in str(value).split(",") if part.strip()]
