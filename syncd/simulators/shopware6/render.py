"""Rows as the shop shows them in ``application/json``: flat, with the associations that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from syncd.simulators.shopware6.model import ENTITIES, LANGUAGE, LIVE_VERSION, Row

if TYPE_CHECKING:
    from syncd.simulators.shopware6.criteria import Criteria, Search

_VERSIONED = frozenset({"product", "order", "order_line_item", "category"})
_PRICE: dict[str, Any] = {
    "listPrice": None,
    "percentage": None,
    "regulationPrice": None,
    "extensions": [],
    "apiAlias": "price",
}
_LOADED = {"product": ("tax", "manufacturer")}
"""Associations that the shop loads without being asked."""


class View:
    """Shows rows of one search."""

    def __init__(self, search: Search, criteria: Criteria) -> None:
        self._search = search
        self._includes = criteria.includes
        self._associations = criteria.associations

    def show(self, entity: str, row: Row) -> dict[str, Any]:
        """One row with what belongs to it."""
        return self._show(entity, row, self._associations)

    def _show(self, entity: str, row: Row, wanted: Mapping[str, Any]) -> dict[str, Any]:
        definition = ENTITIES[entity]
        shown: dict[str, Any] = {"_uniqueIdentifier": row["id"], "apiAlias": entity, "extensions": []}
        if entity in _VERSIONED:
            shown["versionId"] = LIVE_VERSION
        shown |= row
        translated = [name for name, field in definition.fields.items() if field.translated]
        if translated:
            shown["translated"] = {name: row[name] for name in translated}
            shown["languageId"] = LANGUAGE
        if row.get("price") is not None:
            shown["price"] = [{**_PRICE, **each} for each in row["price"]]
        for name, association in definition.associations.items():
            if name not in wanted and name not in _LOADED.get(entity, ()):
                shown[name] = None
                continue
            nested = (wanted.get(name) or {}).get("associations") or {}
            others = [self._show(association.entity, each, nested) for each in self._search.related(row, association)]
            shown[name] = others if association.to_many else (others[0] if others else None)
        included = self._includes.get(entity)
        if included is None:
            return shown
        return {name: value for name, value in shown.items() if name in included or name == "apiAlias"}
