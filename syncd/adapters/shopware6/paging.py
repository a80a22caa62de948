"""Filters, and the walk through a list by key (shopware6-api.md section 2).

A page begins behind the last key of the one before, not at a number of rows: whatever is made, changed or deleted
meanwhile pushes no row off its page. The key is ``autoIncrement``: ranges of ids compare bytes with a text there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from syncd.adapters.answers import Malformed
from syncd.adapters.shopware6.client import LIMIT_EXCEEDED
from syncd.adapters.shopware6.wire import api_time, row_id, whole
from syncd.errors import InvalidResponse, Rejected

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.adapters.answers import Row
    from syncd.adapters.shopware6.client import Answer, ShopClient

Filter = Mapping[str, Any]

KEY = "autoIncrement"
PER_PAGE = 200
LOWEST_LIMIT = 100
"""What every shop allows."""
_MOST_RESTARTS = 3


def equals(field: str, value: str | bool | None) -> Filter:
    """A field has a value."""
    return {"type": "equals", "field": field, "value": value}


def any_of(field: str, values: Sequence[str]) -> Filter:
    """A field has one of some values."""
    return {"type": "equalsAny", "field": field, "value": list(values)}


def changed_since(moment: datetime) -> Filter:
    """Rows that were made or changed since; ``updatedAt`` is empty before the first change."""
    since = {"gte": api_time(moment)}
    queries = [{"type": "range", "field": field, "parameters": since} for field in ("updatedAt", "createdAt")]
    return {"type": "multi", "operator": "or", "queries": queries}


class Walk:
    """Reads a list in pages by key.

    Args:
        client: Sends.
        entity: What is listed; it has the field ``autoIncrement``.
        criteria: Associations and fields.

    Attributes:
        total: Rows that matched at the first answer.
        opened_at: The server's clock then.
    """

    def __init__(self, client: ShopClient, entity: str, criteria: Mapping[str, Any]) -> None:
        self._client = client
        self._entity = entity
        self._criteria = criteria
        self._limit = PER_PAGE
        self.total: int | None = None
        self.opened_at: datetime | None = None

    def pages(self, filters: Sequence[Filter] = ()) -> Iterator[list[Row]]:
        """Yield pages until the shop says that no row is left; never for a page being short.

        Raises:
            Malformed: The rows do not come in order behind the last one.
        """
        last = 0
        while True:
            found = self._page([*filters, *self._behind(last)])
            if self.total is None:
                self.total, self.opened_at = found.total, found.date
            if found.rows:
                keys = [whole(row, KEY) for row in found.rows]
                if keys != sorted(set(keys)) or keys[0] <= last:
                    raise Malformed(f"rows of {self._entity} are not in order behind {last}")
                last = keys[-1]
            yield found.rows
            if len(found.rows) < self._limit and found.total <= len(found.rows):
                return

    @staticmethod
    def _behind(last: int) -> list[Filter]:
        return [{"type": "range", "field": KEY, "parameters": {"gt": last}}] if last else []

    def _page(self, filters: Sequence[Filter]) -> Answer:
        body = {**self._criteria, "sort": [{"field": KEY, "order": "ASC"}], "total-count-mode": "exact"}
        if filters:
            body["filter"] = list(filters)
        try:
            return self._client.search(self._entity, {**body, "limit": self._limit})
        except Rejected as error:
            if error.key != LIMIT_EXCEEDED or self._limit <= LOWEST_LIMIT:
                raise
            self._limit = LOWEST_LIMIT
            return self._client.search(self._entity, {**body, "limit": self._limit})


def by_ids(client: ShopClient, entity: str, ids: Iterable[str], criteria: Mapping[str, Any]) -> dict[str, Row]:
    """Read rows by id; those that the shop does not list are left out."""
    wanted, found = list(dict.fromkeys(ids)), {}
    for start in range(0, len(wanted), LOWEST_LIMIT):
        portion = wanted[start : start + LOWEST_LIMIT]
        for row in client.search(entity, {**criteria, "ids": portion}).rows:
            if row["id"] in portion:
                found[row_id(row)] = row
    return found


def small_list(
    client: ShopClient, entity: str, criteria: Mapping[str, Any], filters: Sequence[Filter] = ()
) -> list[Row]:
    """Read a list without a key, by page numbers in order of ids; anew if it moved meanwhile.

    Raises:
        InvalidResponse: It did not stand still.
    """
    for _ in range(_MOST_RESTARTS):
        rows: dict[str, Row] = {}
        page, total = 1, 1
        while (page - 1) * LOWEST_LIMIT < total:
            body = {**criteria, "sort": [{"field": "id", "order": "ASC"}], "total-count-mode": "exact",
                    "limit": LOWEST_LIMIT, "page": page}  # fmt: skip
            if filters:
                body["filter"] = list(filters)
            found = client.search(entity, body)
            rows |= {row_id(row): row for row in found.rows}
            total, page = found.total, page + 1
        if len(rows) >= total:
            return list(rows.values())
    raise InvalidResponse(client.side, f"POST search/{entity}", "the list changed while it was read, again and again")
