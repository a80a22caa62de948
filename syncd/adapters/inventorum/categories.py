"""Categories of an account: their paths for readings, their ids for writes.

Source: section 10 [docs:categories v12]; product details of version 10 embed whole categories, later lists only ids.
The API makes categories without parents [odoo client]; how one with a parent is made is not documented, so that is left
to a person.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from loguru import logger

from syncd.adapters.inventorum.wire import Fields
from syncd.core.fields import CATEGORIES
from syncd.core.model import Refused
from syncd.core.paths import Path, paths_of, paths_text
from syncd.errors import SideError

if TYPE_CHECKING:
    from syncd.adapters.inventorum.client import InventorumClient

KEPT_S = 600.0
"""How long the account's categories are not listed again, also after they could not be listed."""
FRESH_S = 60.0
"""How long they are neither listed again to write by them, nor for a category that is not among them."""

_DEEPEST = 20


class Categories:
    """Knows the account's categories, as far as they are needed. Safe to use from several threads."""

    def __init__(self, client: InventorumClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._rows: dict[str, tuple[str, str | None]] = {}
        self._listed_at = self._asked_at = -KEPT_S

    def of(self, product: Fields) -> dict[str, str]:
        """The field ``categories`` of a row, or nothing if it does not say or they cannot be named."""
        given = product.raw.get("categories")
        if not isinstance(given, list):
            return {}
        paths = [self._path(each) for each in given]
        known = [path for path in paths if path is not None]
        return {CATEGORIES: paths_text(known)} if len(known) == len(paths) else {}

    def ids_of(self, text: str) -> list[int] | Refused:
        """Ids of the categories that a canonical text names; those without a parent are made if they are missing.

        Raises:
            SideError: The account's categories cannot be read or made now; no product was touched.
        """
        with self._lock:
            if time.monotonic() >= self._listed_at + FRESH_S:
                self._list()
        ids: list[int] = []
        for path in paths_of(text):
            found = self._find(path)
            if found is None and len(path) > 1:
                where = " > ".join(path)
                return Refused("category_unknown", f"the till has no category {where}; make it there by hand")
            if found is None:
                found = self._make(path[0])
            ids.append(int(found))
        return ids

    def _path(self, given: object) -> Path | None:
        row = given if isinstance(given, Mapping) else {"id": given}
        name = row.get("name")
        if isinstance(name, str) and name.strip() and "parent" in row and row["parent"] is None:
            return (name,)
        number = row.get("id")
        return self._known(str(number)) if isinstance(number, int) and not isinstance(number, bool) else None

    def _known(self, number: str) -> Path | None:
        with self._lock:
            now = time.monotonic()
            patience = FRESH_S if number not in self._rows and self._listed_at >= self._asked_at else KEPT_S
            if now >= self._asked_at + patience:
                self._asked_at = now
                try:
                    self._list()
                except SideError as error:  # a token for products alone
                    logger.bind(side=error.side, detail=error.detail).debug("inventorum.categories_not_read")
            names: list[str] = []
            at: str | None = number
            while at is not None and len(names) < _DEEPEST:
                if at not in self._rows:
                    return None
                name, at = self._rows[at]
                names.insert(0, name)
            return tuple(names)

    def _make(self, name: str) -> str:
        try:
            number = self._client.create_category(name)
        except SideError:
            with self._lock:
                self._listed_at = -KEPT_S  # it may have been made: the next try looks first
            raise
        with self._lock:
            self._rows[number] = (name, None)
        return number

    def _find(self, path: Path) -> str | None:
        """The category with this path, whatever the case of its letters."""
        wanted = tuple(name.casefold() for name in path)
        with self._lock:
            numbers = list(self._rows)
        found = [number for number in numbers if _folded(self._known(number)) == wanted]
        return min(found, key=int) if found else None

    def _list(self) -> None:
        self._rows = {
            row.identifier("id"): (" ".join((row.text("name") or "").split()), row.identifier_or_none("parent"))
            for row in self._client.category_rows()
        }
        self._listed_at = time.monotonic()


def _folded(path: Path | None) -> Path | None:
    return None if path is None else tuple(name.casefold() for name in path)
