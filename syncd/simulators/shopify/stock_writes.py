"""Mutations of stock, as the API carries them out: relative, compare-and-set, once under a key.

Source: shopify-api.md section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLResolveInfo, get_directive_values

from syncd.simulators.shopify.rows import Level, Location, Remembered, Variant
from syncd.simulators.shopify.search import failed
from syncd.simulators.shopify.state import Shop
from syncd.simulators.shopify.views import View, Views

_REASONS = frozenset({
    "correction", "cycle_count_available", "received", "restock", "damaged", "shrinkage", "promotion", "other",
    "quality_control", "safety_stock", "movement_created", "movement_updated", "movement_received",
    "movement_canceled", "reservation_created", "reservation_updated", "reservation_deleted",
})  # fmt: skip
_MOST_ROWS = 250
_LARGEST = 2_000_000_000
_LARGEST_SET = 1_000_000_000


class _Refused(Exception):
    def __init__(self, code: str, message: str, *field: str) -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, list(field)


class StockWrites:
    """The mutations; ``strict`` versions demand a key and a stated ``changeFromQuantity``."""

    def __init__(self, shop: Shop, views: Views) -> None:
        self._shop = shop
        self._views = views

    def adjust(self, info: GraphQLResolveInfo, input: Mapping[str, Any]) -> View:  # noqa: A002 - the API's name
        """``inventoryAdjustQuantities``."""
        return self._once(info, input, "inventoryAdjustmentGroup", lambda: self._adjust(info, input))

    def set_to(self, info: GraphQLResolveInfo, input: Mapping[str, Any]) -> View:  # noqa: A002 - the API's name
        """``inventorySetQuantities``."""
        return self._once(info, input, "inventoryAdjustmentGroup", lambda: self._set(info, input))

    def activate(self, info: GraphQLResolveInfo, **given: Any) -> View:
        """``inventoryActivate``: the answer's errors have no code."""

        def make() -> View:
            variant = self._variant(given["inventoryItemId"], "inventoryItemId")
            location = self._location(given["locationId"], "locationId")
            if location.id in variant.levels and {"available", "onHand"} & given.keys():
                raise _Refused(
                    "", "Not allowed to set available quantity when the item is already active.", "available"
                )
            level = self._shop.level(variant, location)
            self._shop.move(level, available=given.get("available") or given.get("onHand") or 0)
            return {"inventoryLevel": self._views.level(level, variant)}

        return self._once(info, given, "inventoryLevel", make)

    def update_item(self, _: GraphQLResolveInfo, id: str, input: Mapping[str, Any]) -> View:  # noqa: A002
        """``inventoryItemUpdate``."""
        try:
            variant = self._variant(id, "id")
        except _Refused as refused:
            return _refusal("inventoryItem", refused)
        variant.tracked = input.get("tracked", variant.tracked)
        variant.sku = input.get("sku", variant.sku)
        self._shop.touch(variant.product, variant)
        return {"inventoryItem": self._views.item(variant), "userErrors": []}

    # -- Once

    def _once(self, info: GraphQLResolveInfo, what: Any, result: str, do: Callable[[], View]) -> View:
        directive = info.schema.get_directive("idempotent")
        values = get_directive_values(directive, info.field_nodes[0], info.variable_values) if directive else None
        key = values["key"] if values else ""
        if not key.strip():
            if info.context["strict"] or values:
                raise failed("The @idempotent directive is required for this mutation.", "BAD_REQUEST")
            return self._carry_out(result, do)
        known = self._shop.keys.get(key)
        if known is not None:
            if known.what != (info.field_name, what):
                mismatch = "The same idempotency key was used with different parameters."
                return _refusal(result, _Refused("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", mismatch))
            return known.result  # type: ignore[no-any-return]  # what this method returned the first time
        answer = self._carry_out(result, do)
        self._shop.keys[key] = Remembered((info.field_name, what), answer)
        return answer

    @staticmethod
    def _carry_out(result: str, do: Callable[[], View]) -> View:
        try:
            return {**do(), "userErrors": []}
        except _Refused as refused:
            return _refusal(result, refused)

    # -- Quantities

    def _adjust(self, info: GraphQLResolveInfo, given: Mapping[str, Any]) -> View:
        self._head(given, {"available", "damaged", "quality_control", "reserved", "safety_stock"}, given["changes"])
        moves = []
        for at, change in enumerate(given["changes"]):
            path = ("input", "changes", str(at))
            variant, level = self._target(info, change, *path)
            self._compare(change, level.quantity(given["name"]), *path)
            if abs(change["delta"]) > _LARGEST:
                code = "INVALID_QUANTITY_TOO_HIGH" if change["delta"] > 0 else "INVALID_QUANTITY_TOO_LOW"
                raise _Refused(code, "The quantity is out of range.", *path, "delta")
            moves.append((variant, level, change["delta"]))
        return self._moved([move for move in moves if move[2]])

    def _set(self, info: GraphQLResolveInfo, given: Mapping[str, Any]) -> View:
        self._head(given, {"available", "on_hand"}, given["quantities"])
        moves = []
        for at, row in enumerate(given["quantities"]):
            path = ("input", "quantities", str(at))
            variant, level = self._target(info, row, *path)
            before = level.quantity(given["name"])
            self._compare(row, before, *path)
            if row["quantity"] > _LARGEST_SET:
                raise _Refused("INVALID_QUANTITY_TOO_HIGH", "The quantity can't be higher than 1,000,000,000.", *path)
            if row["quantity"] < -_LARGEST_SET:
                raise _Refused("INVALID_QUANTITY_TOO_LOW", "The quantity can't be lower than -1,000,000,000.", *path)
            moves.append((variant, level, row["quantity"] - before))
        return self._moved([move for move in moves if move[2]])

    def _moved(self, moves: list[tuple[Variant, Level, int]]) -> View:
        """Carry out what has been found good; without any change there is no group."""
        changes = []
        for variant, level, delta in moves:
            self._shop.move(level, available=delta)
            changes += [
                {
                    "name": name,
                    "delta": delta,
                    "quantityAfterChange": level.quantity(name),
                    "item": self._views.item(variant),
                    "location": self._views.location(level.location),
                }
                for name in ("available", "on_hand")
            ]
        if not changes:
            return {"inventoryAdjustmentGroup": None}
        self._shop.adjustments += 1

        def named(_: Any, quantityNames: list[str] | None = None) -> list[View]:  # noqa: N803 - the API's name
            return [one for one in changes if quantityNames is None or one["name"] in quantityNames]

        group = f"gid://shopify/InventoryAdjustmentGroup/{self._shop.adjustments}"
        return {"inventoryAdjustmentGroup": {"id": group, "changes": named}}

    @staticmethod
    def _head(given: Mapping[str, Any], names: set[str], rows: list[Any]) -> None:
        if len(rows) > _MOST_ROWS:
            raise failed(f"The input array size of {len(rows)} is greater than the maximum allowed of 250.")
        if given["name"] not in names:
            code = "INVALID_NAME" if "on_hand" in names else "INVALID_QUANTITY_NAME"
            raise _Refused(code, "The specified quantity name is invalid.", "input", "name")
        if given["reason"] not in _REASONS:
            raise _Refused("INVALID_REASON", "The specified reason is invalid.", "input", "reason")
        reference = given.get("referenceDocumentUri")
        if reference is not None and "://" not in reference:
            raise _Refused("INVALID_REFERENCE_DOCUMENT", "The specified reference document is invalid.", "input")
        pairs = [(row["inventoryItemId"], row["locationId"]) for row in rows]
        if len(pairs) != len(set(pairs)):
            code = "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"
            raise _Refused(code, "The combination of inventoryItemId and locationId must be unique.", "input")

    def _target(self, info: GraphQLResolveInfo, row: Mapping[str, Any], *path: str) -> tuple[Variant, Level]:
        if info.context["strict"] and "changeFromQuantity" not in row:
            raise failed("changeFromQuantity argument is required", "BAD_REQUEST")
        variant = self._variant(row["inventoryItemId"], *path, "inventoryItemId")
        location = self._location(row["locationId"], *path, "locationId")
        if variant.bundle:
            raise _Refused("NON_MUTABLE_INVENTORY_ITEM", "The specified inventory item is not allowed.", *path)
        if location.id not in variant.levels:
            message = "The specified inventory item is not stocked at the location."
            raise _Refused("", message, *path, "locationId")
        return variant, variant.levels[location.id]

    @staticmethod
    def _compare(row: Mapping[str, Any], before: int, *path: str) -> None:
        expected = row.get("changeFromQuantity")
        if expected is not None and expected != before:
            message = "The changeFromQuantity argument no longer matches the persisted quantity."
            raise _Refused("CHANGE_FROM_QUANTITY_STALE", message, *path, "changeFromQuantity")

    def _variant(self, wanted: str, *field: str) -> Variant:
        kind, number = self._views.parse(wanted)
        found = self._shop.item(number) if kind == "InventoryItem" else None
        if found is None:
            raise _Refused("INVALID_INVENTORY_ITEM", "The specified inventory item could not be found.", *field)
        return found

    def _location(self, wanted: str, *field: str) -> Location:
        kind, number = self._views.parse(wanted)
        found = self._shop.locations.get(number) if kind == "Location" else None
        if found is None or not found.active:
            raise _Refused("INVALID_LOCATION", "The specified location could not be found.", *field)
        return found


def _refusal(result: str, refused: _Refused) -> View:
    error = {"code": refused.code or None, "field": refused.field, "message": refused.message}
    return {result: None, "userErrors": [error]}
