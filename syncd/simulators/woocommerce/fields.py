"""``_fields``: which parts of an answer the client wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Wanted = dict[str, Any]
"""Nested names; ``True`` keeps the whole value."""


def parse(value: Any) -> Wanted | None:
    """Read ``_fields``; ``None`` if everything is wanted."""
    names = value if isinstance(value, list) else str(value or "").split(",")
    wanted: Wanted = {}
    for name in names:
        parts = [part for part in str(name).strip().split(".") if part]
        node = wanted
        for at, part in enumerate(parts):
            if node.get(part) is True:
                break
            if at == len(parts) - 1:
                node[part] = True
            else:
                node = node.setdefault(part, {})
    return wanted or None


def prune(data: Any, wanted: Wanted | None) -> Any:
    """Keep the wanted parts.

    A dotted name looks into objects only, never into lists: ``update.id`` empties the list of a batch answer
    (seen, 04-batch 3). An object with nothing left is an empty list, as PHP writes it.
    """
    if wanted is None:
        return data
    if isinstance(data, list):
        return [prune(item, wanted) for item in data]
    return _cut(data, wanted)


def _cut(data: Any, wanted: Wanted) -> Any:
    if not isinstance(data, Mapping):
        return []
    kept: dict[str, Any] = {}
    for name, value in data.items():
        inner = wanted.get(name)
        if inner is True or (inner and not isinstance(value, dict | list)):
            kept[name] = value
        elif inner:
            kept[name] = _cut(value, inner)
    return kept or []
