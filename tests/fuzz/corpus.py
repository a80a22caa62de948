"""Valid bodies of the vendors, from the reference data, with ids of an account that is not ours."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.woocommerce import recordings, whole

_EXAMPLES = Path(__file__).parents[1] / "data" / "reference" / "inventorum-examples"
_FAR_AWAY = 5_000_000
_IDS = frozenset({"id", "parent", "parent_id", "product_id", "variation_id", "product", "order", "basket_item"})


@cache
def hub_example(name: str) -> Any:
    """One INVENTORUM body by its file name, with ids that no simulator gives out."""
    return moved_away(json.loads((_EXAMPLES / f"{name}.json").read_text()))


@cache
def shop_bodies(part: str, kind: type) -> tuple[Any, ...]:
    """Bodies of recorded reads of WooCommerce whose path ends in ``part``."""
    found = [
        moved_away(whole(entry["response"]["body"]))
        for _, entry in recordings()
        if entry["request"]["method"] == "GET"
        and entry["response"]["status"] == 200
        and entry["request"]["path"].rstrip("/").endswith(part)
        and isinstance(entry["response"]["body"], kind)
    ]
    return tuple(body for body in found if body)


def moved_away(value: Any) -> Any:
    """The same with every id far from those of the simulators, also in lists of bare ids."""
    if isinstance(value, list):
        return [each + _FAR_AWAY if _is_id(each) else moved_away(each) for each in value]
    if not isinstance(value, dict):
        return value
    moved: dict[str, Any] = {}
    for name, each in value.items():
        far = name in _IDS and _is_id(each) and each > 0
        moved[name] = each + _FAR_AWAY if far else moved_away(each)
    return moved


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
