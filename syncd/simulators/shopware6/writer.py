"""Writes of entities, all or nothing (shopware6-api.md sections 5, 6 and 9).

An upsert without a row of its id is an insertion, so it needs all that is required then. The violations of all rows
come together, each with the place of its row; what only the database finds out comes alone and names no row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape, unescape
from typing import TYPE_CHECKING, Any

import nh3

from syncd.simulators.shopware6.criteria import IS_ID
from syncd.simulators.shopware6.model import ENTITIES, READ_ONLY, SYSTEM_CURRENCY, Entity, Field, Row
from syncd.simulators.shopware6.problems import BLANK, TOO_LONG, WRONG_TYPE, ApiError, error
from syncd.simulators.shopware6.state import Key, new_id

if TYPE_CHECKING:
    from syncd.simulators.shopware6.state import Shop

_TAG = re.compile(r"</?[A-Za-z!][^<>]*>")
_STRIPPED = re.compile(r"<(?=\S)[^>]*(?:>|$)")
"""As PHP's ``strip_tags``: what does not end is cut to the end."""
_PRICE_KEYS = {"currencyId", "gross", "net", "linked", "listPrice", "regulationPrice"}
_INT_LIMIT = 2**31
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "html": (str,), "int": (int,), "float": (int, float), "bool": (bool,), "json": (dict, list),
    "list": (list,), "price": (list,), "date": (str,),
}  # fmt: skip


class Writer:
    """Writes rows; called inside a transaction of the shop."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def rights(self, entity: str, action: str, payload: list[Any]) -> set[str]:
        """What one operation needs."""
        if action == "delete":
            return {f"{entity}:delete"}
        needed = set()
        for row in payload:
            known = isinstance(row, dict) and self._key(entity, row) in self._shop.rows(entity)
            needed.add(f"{entity}:{'update' if known else 'create'}")
            for name in row if isinstance(row, dict) else ():
                association = ENTITIES[entity].associations.get(name)
                if association is not None:
                    needed.add(f"{association.through or association.entity}:create")
        return needed

    def upsert(self, entity: str, payload: list[Any], pointer: str) -> tuple[list[Any], list[dict[str, Any]]]:
        """Write rows; returns their ids, and the violations.

        Raises:
            ApiError: The database refuses: a number that is taken, an id that refers to nothing.
        """
        if entity in READ_ONLY:
            raise ApiError(405, "FRAMEWORK__NOT_SIMULATED", f"{entity} is not written in this simulation")
        ids, errors = [], []
        for at, row in enumerate(payload):
            if not isinstance(row, dict):
                raise ApiError(400, "0", "Invalid payload. Should contain a list of associative arrays")
            written, found = self._row(entity, row, f"{pointer}/{at}")
            ids.append(written)
            errors += found
        return ids, errors

    def delete(self, entity: str, payload: list[Any]) -> tuple[list[Any], list[Any]]:
        """Delete rows; returns what was there and what was not."""
        deleted: list[Any] = []
        missing: list[Any] = []
        for row in payload:
            key = self._key(entity, row)
            shown = row if len(ENTITIES[entity].key) > 1 else row["id"]
            (deleted if self._shop.delete(entity, key) else missing).append(shown)
            if entity in {"product_option", "product_category", "product_media"} and "productId" in row:
                self._touch(row["productId"])
        return deleted, missing

    def _key(self, entity: str, row: Mapping[str, Any]) -> Key:
        return tuple(str(row.get(name) or "") for name in ENTITIES[entity].key)

    def _row(self, entity: str, given: Row, pointer: str) -> tuple[Any, list[dict[str, Any]]]:
        definition = ENTITIES[entity]
        if "id" in definition.fields and "id" not in given:
            given = {"id": new_id(), **given}
        known = self._shop.rows(entity).get(self._key(entity, given))
        errors = self._violations(definition, given, known, pointer)
        shown = given["id"] if "id" in definition.fields else {name: given.get(name) for name in definition.key}
        if errors:
            return shown, errors
        values = {name: _stored(definition.fields[name], value) for name, value in given.items()
                  if name in definition.fields}  # fmt: skip
        self._check_references(definition, values)
        self._check_unique(entity, definition, values, known)
        if known is None:
            if values.get("parentId") and entity == "product":
                values = {"active": None, "isCloseout": None, **values}
            row = self._shop.insert(entity, values)
        else:
            row = known
            if entity == "product" and "stock" in values and self._shop.settings.between_read_and_write:
                self._shop.settings.between_read_and_write(row["id"])
            if isinstance(row.get("customFields"), dict) and isinstance(values.get("customFields"), dict):
                values["customFields"] = row["customFields"] | values["customFields"]  # one by one
            row.update(values)
            if "updatedAt" in definition.fields:
                row["updatedAt"] = self._shop.stamp()
        self._after(entity, row)
        for name, association in definition.associations.items():
            if name in given and association.to_many:
                errors += self._nested(row, name, given[name], f"{pointer}/{name}", entity)
        return shown, errors

    def _nested(self, row: Row, name: str, given: Any, pointer: str, entity: str) -> list[dict[str, Any]]:
        """Rows within a row: of the association's entity, or links to rows that are there. They only add."""
        association = ENTITIES[entity].associations[name]
        if not isinstance(given, list):
            return [error(400, WRONG_TYPE, "This value should be of type array.", pointer)]
        if association.through:
            for other in given:
                link = {association.foreign: row["id"], association.other: other["id"]}
                if self._key(association.through, link) not in self._shop.rows(association.through):
                    self._check_references(ENTITIES[association.through], link)
                    self._shop.insert(association.through, link)
            return []
        payload = [{**other, association.foreign: row["id"]} for other in given]
        return self.upsert(association.entity, payload, pointer)[1]

    def _violations(self, definition: Entity, given: Row, known: Row | None, pointer: str) -> list[dict[str, Any]]:
        errors = []
        variant = bool(given.get("parentId") or (known or {}).get("parentId"))
        for name, field in definition.fields.items():
            needed = field.required and not (variant and field.inherited)
            absent = known is None and name not in given
            empty = name in given and given[name] in (None, "")
            if needed and (absent or empty):
                errors.append(error(400, BLANK, "This value should not be blank.", f"{pointer}/{name}"))
        for name, value in given.items():
            if name in definition.associations:
                continue
            if name not in definition.fields:
                errors.append(error(400, "FRAMEWORK__UNKNOWN_FIELD", f"There is no field {name}.", f"{pointer}/{name}"))
            elif definition.fields[name].protected:
                code = "FRAMEWORK__WRITE_PROTECTED"
                errors.append(error(400, code, "This field is write-protected.", f"{pointer}/{name}"))
            elif value is not None:
                errors += _wrong(definition.fields[name], value, f"{pointer}/{name}")
        return errors

    def _check_references(self, definition: Entity, values: Row) -> None:
        for name, value in values.items():
            to = definition.fields[name].to
            if to and value is not None and self._shop.get(to, value) is None:
                raise ApiError(500, "0", "SQLSTATE[23000]: Integrity constraint violation: 1452 a foreign key fails")

    def _check_unique(self, entity: str, definition: Entity, values: Row, known: Row | None) -> None:
        whole = {**(known or {}), **values}
        if entity == "product" and "productNumber" in values:
            number = values["productNumber"].casefold()
            for row in self._shop.rows("product").values():
                if row["id"] != whole["id"] and row["productNumber"].casefold() == number:
                    detail = f'Product with number "{values["productNumber"]}" already exists.'
                    found = error(400, "CONTENT__DUPLICATE_PRODUCT_NUMBER", detail, number=values["productNumber"])
                    raise ApiError(400, errors=[found])
        for names in definition.unique:
            for row in self._shop.rows(entity).values():
                if row["id"] != whole["id"] and all(row[name] == whole.get(name) for name in names):
                    raise ApiError(500, "0", "SQLSTATE[23000]: Integrity constraint violation: 1062 Duplicate entry")

    def _after(self, entity: str, row: Row) -> None:
        """What the indexers do."""
        if entity == "product":
            self._shop.keep_available(row)
            if row["parentId"]:
                self._shop.count_children(row["parentId"])
        elif entity == "category":
            self._shop.keep_breadcrumb(row)
        elif entity in {"product_media", "product_configurator_setting", "product_option", "product_category"}:
            self._touch(row["productId"])

    def _touch(self, product_id: str) -> None:
        row = self._shop.get("product", product_id)
        if row is not None:
            row["updatedAt"] = self._shop.stamp()


def _wrong(field: Field, value: Any, pointer: str) -> list[dict[str, Any]]:
    if field.kind == "id":
        if isinstance(value, str) and IS_ID.fullmatch(value):
            return []
        return [error(400, "FRAMEWORK__INVALID_UUID", f"Value is not a valid UUID: {value}", pointer)]
    fits = isinstance(value, _TYPES[field.kind]) and not (field.kind in {"int", "float"} and isinstance(value, bool))
    if not fits or (field.kind == "int" and abs(int(value)) >= _INT_LIMIT):
        return [error(400, WRONG_TYPE, f"This value should be of type {field.kind}.", pointer)]
    if isinstance(value, str) and len(value) > field.longest:
        return [error(400, TOO_LONG, f"This value is too long. It should have {field.longest} characters.", pointer)]
    return _wrong_prices(list(value), pointer) if field.kind == "price" else []


def _wrong_prices(value: list[Any], pointer: str) -> list[dict[str, Any]]:
    errors = []
    for at, each in enumerate(value):
        place = f"{pointer}/{at}"
        if not isinstance(each, dict) or each.keys() - _PRICE_KEYS:
            errors.append(error(400, WRONG_TYPE, "This is no price.", place))
            continue
        for name in ("gross", "net"):
            amount = each.get(name)
            if isinstance(amount, bool) or not isinstance(amount, int | float):
                errors.append(error(400, WRONG_TYPE, "This value should be of type numeric.", f"{place}/{name}"))
        if not isinstance(each.get("linked"), bool):
            errors.append(error(400, BLANK, "This value should not be blank.", f"{place}/linked"))
    if SYSTEM_CURRENCY not in [each.get("currencyId") for each in value if isinstance(each, dict)]:
        errors.append(error(400, BLANK, "No price for default currency defined", pointer))
    return errors


def _stored(field: Field, value: Any) -> Any:
    """Plain texts lose their tags, HTML what is dangerous in it; blank ones are none."""
    if not isinstance(value, str):
        return value
    if field.kind == "string":
        value = _STRIPPED.sub("", value)
    elif field.kind == "html":
        value = nh3.clean(value) if _TAG.search(value) else escape(unescape(value), quote=False)
    return value if value.strip() else None
