"""Search criteria: read strictly, and carried out on rows (shopware6-api.md section 2; OpenAPI schema ``Criteria``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from syncd.simulators.shopware6.model import ENTITIES, Association, Row
from syncd.simulators.shopware6.problems import ApiError

if TYPE_CHECKING:
    from syncd.simulators.shopware6.state import Shop

IS_ID = re.compile(r"[0-9a-f]{32}")
_KNOWN = {"page", "limit", "filter", "sort", "associations", "includes", "ids", "total-count-mode"}
_EXACT = {1, "1", "exact"}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda one, other: one > other,
    "gte": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "lte": lambda one, other: one <= other,
}
Test = Callable[[Row], bool]


@dataclass(slots=True)
class Criteria:
    """What a search asks for."""

    tests: list[Test] = field(default_factory=list)
    sort: list[tuple[str, bool]] = field(default_factory=list)
    associations: Mapping[str, Any] = field(default_factory=dict)
    includes: Mapping[str, list[str]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    limit: int = 500
    page: int = 1
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Hits:
    """Rows of one page, and what the answer says of their number."""

    rows: list[Row]
    total: int


class Search:
    """Reads and carries out searches over one shop."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def read(self, entity: str, body: Mapping[str, Any]) -> Criteria:
        """Read criteria.

        Raises:
            ApiError: 400: a field or association that there is not, a limit beyond the highest, a filter of no kind.
        """
        strange = body.keys() - _KNOWN
        if strange:
            raise _bad("FRAMEWORK__INVALID_CRITERIA", f"this simulation does not know {sorted(strange)}")
        found = Criteria(limit=self._shop.settings.max_limit)
        found.ids = body.get("ids") or []
        for row_id in found.ids:
            _require_id(row_id)
        found.exact = body.get("total-count-mode", 0) in _EXACT and not found.ids
        found.includes = body.get("includes") or {}
        found.associations = body.get("associations") or {}
        self._check_associations(entity, found.associations)
        for name in ("limit", "page"):
            value = body.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
                raise _bad(f"FRAMEWORK__INVALID_{name.upper()}_QUERY", f"{name} is not valid")
            setattr(found, name, value)
        if found.limit > self._shop.settings.max_limit:
            highest = self._shop.settings.max_limit
            raise _bad("FRAMEWORK__QUERY_LIMIT_EXCEEDED", f"The limit must be lower than or equal to {highest}.")
        for sorting in body.get("sort") or []:
            self._path(entity, sorting["field"])
            found.sort.append((sorting["field"], str(sorting.get("order", "ASC")).upper() == "DESC"))
        found.tests = [self._filter(entity, each) for each in body.get("filter") or []]
        return found

    def find(self, entity: str, criteria: Criteria) -> Hits:
        """One page."""
        rows = list(self._shop.rows(entity).values())
        if criteria.ids:
            wanted = set(criteria.ids)
            rows = [row for row in rows if row["id"] in wanted]
        rows = [row for row in rows if all(test(row) for test in criteria.tests)]
        for name, descending in reversed(criteria.sort):
            rows.sort(key=lambda row: _sortable(row[name]), reverse=descending)
        if criteria.ids:
            return Hits(rows, len(rows))
        start = (criteria.page - 1) * criteria.limit
        page = rows[start : start + criteria.limit]
        return Hits(page, len(rows) if criteria.exact else len(page))

    def related(self, row: Row, association: Association) -> list[Row]:
        """Rows that belong to a row."""
        if association.own:
            other = self._shop.get(association.entity, row[association.own])
            return [other] if other is not None else []
        if association.through:
            links = self._shop.rows(association.through).values()
            ids = [link[association.other] for link in links if link[association.foreign] == row["id"]]
            return [other for each in ids if (other := self._shop.get(association.entity, each)) is not None]
        rows = self._shop.rows(association.entity).values()
        return [other for other in rows if other[association.foreign] == row["id"]]

    def _check_associations(self, entity: str, wanted: Mapping[str, Any]) -> None:
        for name, nested in wanted.items():
            association = ENTITIES[entity].associations.get(name)
            if association is None:
                raise _bad("FRAMEWORK__ASSOCIATION_NOT_FOUND", f"Can not find association by name {name}")
            self._check_associations(association.entity, (nested or {}).get("associations") or {})

    def _path(self, entity: str, path: str) -> list[str]:
        """The parts of a field's name; associations lead to fields of other entities."""
        parts, here = path.split("."), ENTITIES[entity]
        for part in parts[:-1]:
            if part not in here.associations:
                raise _bad("FRAMEWORK__UNMAPPED_FIELD", f'Field "{path}" in entity "{entity}" was not found.')
            here = ENTITIES[here.associations[part].entity]
        if parts[-1] not in here.fields:
            raise _bad("FRAMEWORK__UNMAPPED_FIELD", f'Field "{path}" in entity "{entity}" was not found.')
        return parts

    def _kind(self, entity: str, parts: list[str]) -> str:
        here = ENTITIES[entity]
        for part in parts[:-1]:
            here = ENTITIES[here.associations[part].entity]
        return here.fields[parts[-1]].kind

    def _values(self, entity: str, row: Row, parts: list[str]) -> list[Any]:
        rows, here = [row], ENTITIES[entity]
        for part in parts[:-1]:
            association = here.associations[part]
            rows = [other for each in rows for other in self.related(each, association)]
            here = ENTITIES[association.entity]
        return [each[parts[-1]] for each in rows] or [None]

    def _filter(self, entity: str, body: Mapping[str, Any]) -> Test:
        kind = body.get("type")
        if kind in {"multi", "not"}:
            tests = [self._filter(entity, each) for each in body.get("queries") or []]
            joined = all if str(body.get("operator", "and")).lower() == "and" else any
            if kind == "not":
                return lambda row: not joined(test(row) for test in tests)
            return lambda row: joined(test(row) for test in tests)
        if not isinstance(body.get("field"), str):
            raise _bad("FRAMEWORK__INVALID_FILTER_QUERY", 'Parameter "field" is missing.')
        parts = self._path(entity, body["field"])
        if kind == "range":
            return self._range(entity, parts, body)
        wanted: list[Any]
        match kind:
            case "equals":
                wanted = [body.get("value")]
            case "equalsAny":
                value = body.get("value")
                wanted = value.split("|") if isinstance(value, str) else list(value or [])
            case _:
                raise _bad("FRAMEWORK__INVALID_FILTER_QUERY", f"this simulation has no filter {kind!r}")
        if self._kind(entity, parts) == "id":
            for value in wanted:
                if value is not None:
                    _require_id(value)
        folded = [_folded(value) for value in wanted]
        return lambda row: any(_folded(value) in folded for value in self._values(entity, row, parts))

    def _range(self, entity: str, parts: list[str], body: Mapping[str, Any]) -> Test:
        kind, limits = self._kind(entity, parts), body.get("parameters")
        if not isinstance(limits, Mapping) or not limits or limits.keys() - _COMPARE.keys():
            raise _bad("FRAMEWORK__INVALID_FILTER_QUERY", 'Parameter "parameters" is missing.')
        if kind == "id":
            # The real shop compares the id's bytes with the text, which finds anything: nobody may rely on it.
            raise _bad("FRAMEWORK__INVALID_FILTER_QUERY", "ranges of ids mean nothing")
        read: Callable[[Any], Any] = datetime.fromisoformat if kind == "date" else float
        bounds = [(_COMPARE[name], read(value)) for name, value in limits.items()]

        def test(row: Row) -> bool:
            values = [value for value in self._values(entity, row, parts) if value is not None]
            return any(all(compare(read(value), bound) for compare, bound in bounds) for value in values)

        return test


def _folded(value: Any) -> Any:
    """As the database compares: letters without their case."""
    return value.casefold() if isinstance(value, str) else value


def _sortable(value: Any) -> tuple[bool, Any]:
    return value is not None, value


def _require_id(value: Any) -> None:
    if not isinstance(value, str) or not IS_ID.fullmatch(value):
        raise _bad("FRAMEWORK__INVALID_UUID", f"Value is not a valid UUID: {value}")


def _bad(code: str, detail: str) -> ApiError:
    return ApiError(400, code, detail)
