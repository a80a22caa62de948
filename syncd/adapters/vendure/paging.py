"""The walk through a list, by numbers of rows, for lists have no other: what is deleted meanwhile pushes rows forward.

So each page begins some rows before the end of the one before and must begin with a row that is known; if it does not,
more was deleted than the overlap is long, and the walk goes back. Rows come in order of their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from syncd.adapters.answers import Malformed, Row, row_of, rows_of, whole_of
from syncd.adapters.vendure.wire import id_of
from syncd.errors import InvalidResponse

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.adapters.vendure.client import VendureClient
    from syncd.adapters.vendure.operations import Operation

_OVERLAP = 10
_SHORT_ANSWER_TRIES = 3


class Walk:
    """Reads a list in pages; each row once.

    Args:
        client: Calls.
        operation: Has the variable ``options`` and calls its list ``page``.
        take: Rows per page.

    Attributes:
        total: Rows that the shop counted last.
        beside: Data of the last answer, for what was asked beside the list.
        opened_at: The server's clock at the first answer.
    """

    def __init__(self, client: VendureClient, operation: Operation, take: int) -> None:
        self._client = client
        self._operation = operation
        self._take = take
        self.total = 0
        self.beside: Row = {}
        self.opened_at: datetime | None = None

    def pages(self, filters: Mapping[str, Any] | None = None) -> Iterator[list[Row]]:
        """Yield the rows of each page that are new; a page may have none.

        Raises:
            Malformed: An answer is not what the contract says. InvalidResponse: Rows stay missing.
        """
        seen: set[str] = set()
        skip = 0
        while True:
            rows = self._page(skip, filters)
            if skip and (not rows or id_of(rows[0]) not in seen):
                skip = max(0, min(skip, self.total) - self._take // 2)
                continue
            yield [row for row in rows if id_of(row) not in seen]
            seen |= {id_of(row) for row in rows}
            if skip + len(rows) >= self.total:
                return
            skip += len(rows) - min(_OVERLAP, len(rows) - 1)

    def _page(self, skip: int, filters: Mapping[str, Any] | None) -> list[Row]:
        """Ask for a page; one with fewer rows than the shop's own count promises is asked for again."""
        options: dict[str, Any] = {"skip": skip, "take": self._take, "sort": {"id": "ASC"}}
        if filters:
            options["filter"] = dict(filters)
        found = 0
        for _ in range(_SHORT_ANSWER_TRIES):
            answer = self._client.query(self._operation, {"options": options})
            page = row_of(answer.data, "page")
            rows, self.total, self.beside = list(rows_of(page, "items")), int(whole_of(page, "totalItems")), answer.data
            if answer.date is None:
                raise Malformed("an answer without a Date header")
            self.opened_at = self.opened_at or answer.date
            found = len(rows)
            if found >= min(self._take, max(0, self.total - skip)):
                return rows
        raise InvalidResponse(
            self._client.side, self._client.request,
            f"{self._operation.name}: {found} rows from {skip} where the shop counts {self.total}",
        )  # fmt: skip


def changed_since(moment: datetime, render: Callable[[datetime], str]) -> dict[str, Any]:
    """Rows that changed since."""
    return {"updatedAt": {"after": render(moment)}}
