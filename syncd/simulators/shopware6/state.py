"""The rows of the simulated shop, and what the shop itself keeps up to date."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from syncd.simulators.shopware6.model import ENTITIES, STOREFRONT, SYSTEM_CURRENCY, Row

if TYPE_CHECKING:
    from syncd.simulators.shopware6.settings import Shopware6Settings

Key = tuple[str, ...]


def new_id() -> str:
    """32 hex digits."""
    return uuid4().hex


class Shop:
    """All rows by entity and key, and the lock that guards them.

    Attributes:
        lock: Held while rows are looked at or changed.
        tables: Rows by entity, then by primary key.
        files: Content of uploaded media by media id.
    """

    def __init__(self, settings: Shopware6Settings) -> None:
        self.settings = settings
        self.lock = threading.RLock()
        self.tables: dict[str, dict[Key, Row]] = {name: {} for name in ENTITIES}
        self.files: dict[str, bytes] = {}
        self._counters: dict[str, int] = {}
        self._install()

    # -- time and numbers

    def stamp(self, *, whole: bool = False) -> str:
        """Now, as the shop writes instants; ``whole`` for what plain SQL stamps."""
        moment = datetime.fromtimestamp(self.settings.now(), UTC)
        return (moment.replace(microsecond=0) if whole else moment).isoformat(timespec="milliseconds")

    def next_number(self, name: str) -> int:
        """Count up."""
        self._counters[name] = self._counters.get(name, 0) + 1
        return self._counters[name]

    # -- rows

    def rows(self, entity: str) -> dict[Key, Row]:
        """All rows of an entity."""
        return self.tables[entity]

    def get(self, entity: str, row_id: str | None) -> Row | None:
        """A row by its id."""
        return self.tables[entity].get((row_id,)) if row_id else None

    def insert(self, entity: str, values: Mapping[str, Any]) -> Row:
        """Put a row in, with its defaults, stamps and numbers; nothing is checked."""
        definition = ENTITIES[entity]
        row: Row = dict.fromkeys(definition.fields)
        row |= copy.deepcopy(definition.defaults) | dict(values)
        if "id" in definition.fields and row["id"] is None:
            row["id"] = new_id()
        if "createdAt" in definition.fields and row["createdAt"] is None:
            row["createdAt"] = self.stamp()
        if "autoIncrement" in definition.fields:
            row["autoIncrement"] = self.next_number(entity)
        self.tables[entity][tuple(row[name] for name in definition.key)] = row
        return row

    def delete(self, entity: str, key: Key) -> bool:
        """Take a row out, with all that belongs to it; whether it was there."""
        row = self.tables[entity].pop(key, None)
        if row is None:
            return False
        if "id" in row:
            for other, definition in ENTITIES.items():
                for name, field in definition.fields.items():
                    if field.to == entity:
                        self._orphan(other, name, row["id"], keep=other == "order_line_item")
        if entity == "product" and row["parentId"]:
            self.count_children(row["parentId"])
        return True

    def _orphan(self, entity: str, field: str, row_id: str, *, keep: bool) -> None:
        for key, row in list(self.tables[entity].items()):
            if row[field] != row_id:
                continue
            if keep:
                row[field] = None
            else:
                self.delete(entity, key)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What fails inside leaves nothing behind."""
        with self.lock:
            # Values of a row are replaced and never changed in place, so rows need no deeper copies.
            before = {name: {key: dict(row) for key, row in rows.items()} for name, rows in self.tables.items()}
            counters = dict(self._counters)
            try:
                yield
            except BaseException:
                self.tables, self._counters = before, counters
                raise

    # -- what the shop keeps up to date by plain SQL

    def count_children(self, parent_id: str) -> None:
        """Moves no date of the parent."""
        parent = self.get("product", parent_id)
        if parent is not None:
            parent["childCount"] = sum(row["parentId"] == parent_id for row in self.rows("product").values())

    def keep_available(self, row: Row) -> None:
        """The mirror of the stock, and whether it can be bought."""
        row["availableStock"] = row["stock"]
        row["available"] = not row["isCloseout"] or row["stock"] >= 1

    def move_stock(self, product_id: str | None, units: int) -> None:
        """What an order does: an increment in SQL."""
        row = self.get("product", product_id)
        if row is None:
            return
        row["stock"] += units
        self.keep_available(row)
        if self.settings.orders_touch_products:
            row["updatedAt"] = self.stamp(whole=True)

    def keep_breadcrumb(self, row: Row) -> None:
        """Names of a category and those above it."""
        parent = self.get("category", row["parentId"])
        if parent is not None and not parent["breadcrumb"]:
            self.keep_breadcrumb(parent)
        row["breadcrumb"] = [*(parent["breadcrumb"] if parent else []), row["name"]]
        row["level"] = len(row["breadcrumb"])

    # -- a new shop

    def _install(self) -> None:
        settings = self.settings
        self.insert(
            "currency", {"id": SYSTEM_CURRENCY, "isoCode": settings.currency, "factor": 1, "name": settings.currency}
        )
        for rate in (19, 7, 0):
            self.insert("tax", {"taxRate": rate, "name": f"{rate} %"})
        for name in ("open", "in_progress", "completed", "cancelled"):
            self.insert("state_machine_state", {"technicalName": name, "name": name})
        root = self.insert("category", {"name": "Catalogue #1"})
        footer = self.insert("category", {"name": "Footer"})
        self.keep_breadcrumb(root)
        self.keep_breadcrumb(footer)
        self.insert(
            "sales_channel",
            {"typeId": STOREFRONT, "name": "Storefront", "active": True, "navigationCategoryId": root["id"],
             "currencyId": SYSTEM_CURRENCY},
        )  # fmt: skip
        folder = self.insert("media_default_folder", {"entity": "product"})
        self.insert("media_folder", {"defaultFolderId": folder["id"], "name": "Product Media"})
        role = self.insert("acl_role", {"name": "sync", "privileges": list(settings.privileges or ())})
        integration = self.insert(
            "integration", {"label": "sync", "accessKey": settings.client_id, "admin": settings.privileges is None}
        )
        if settings.privileges is not None:
            self.insert("integration_role", {"integrationId": integration["id"], "aclRoleId": role["id"]})

    def tax_id(self, rate: int) -> str:
        """Of a rate that the shop has.

        Raises:
            KeyError: It has none.
        """
        for row in self.rows("tax").values():
            if row["taxRate"] == rate:
                return str(row["id"])
        raise KeyError(f"tax rate {rate}")

    def with_number(self, number: str) -> Row:
        """The product with a number.

        Raises:
            KeyError: There is none.
        """
        for row in self.rows("product").values():
            if row["productNumber"] == number:
                return row
        raise KeyError(f"product number {number}")
