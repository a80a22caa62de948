"""List requests: limits, order, pages and their headers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from syncd.simulators.woocommerce import dates, php, schema
from syncd.simulators.woocommerce.rows import R, Table

if TYPE_CHECKING:
    from syncd.simulators.server import SimResponse
    from syncd.simulators.woocommerce.call import Call

ORDERBY = ["date", "id", "include", "title", "slug", "modified"]
PRODUCT_ORDERBY = [
    *("date", "id", "include", "title", "slug", "modified", "popularity", "rating", "post__in", "price", "sales"),
    *("menu_order", "random", "popularity", "rating", "menu_order", "price", "popularity", "rating"),
]
"""The real list repeats itself, and so does its error text."""


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Parameters that every list takes; instants are seconds to compare with stored GMT seconds, exclusive."""

    page: int
    per_page: int
    offset: int | None
    descending: bool
    orderby: str
    include: list[int]
    exclude: set[int]
    after: int | None
    before: int | None
    modified_after: int | None
    modified_before: int | None


def parse(query: Mapping[str, Any], offset_s: int, orderby: list[str], default: str = "date") -> ListQuery:
    """Read and validate the common parameters.

    Raises:
        ApiError: 400 ``rest_invalid_param``.
    """
    gmt = schema.boolean("dates_are_gmt", query.get("dates_are_gmt", False))

    def bound(name: str) -> int | None:
        text = query.get(name)
        if text is None:
            return None
        return dates.parse_bound(name, str(text), dates_are_gmt=gmt, offset_s=offset_s)

    return ListQuery(
        page=schema.bounded("page", query.get("page", 1), 1),
        per_page=schema.bounded("per_page", query.get("per_page", 10), 1, 100),
        offset=schema.bounded("offset", query["offset"], 0) if "offset" in query else None,
        descending=schema.choice("order", query.get("order", "desc"), ["asc", "desc"]) == "desc",
        orderby=schema.choice("orderby", query.get("orderby", default), orderby),
        include=[php.intval(value) for value in php.as_list(query.get("include"))],
        exclude={php.intval(value) for value in php.as_list(query.get("exclude"))},
        after=bound("after"),
        before=bound("before"),
        modified_after=bound("modified_after"),
        modified_before=bound("modified_before"),
    )


def select(
    tables: Sequence[Table[R]],
    query: ListQuery,
    keep: Callable[[R], bool] | None = None,
    candidates: Iterable[int] | None = None,
    sort_keys: Mapping[str, Callable[[R], Any]] | None = None,
) -> list[R]:
    """Rows in the asked order.

    Args:
        tables: Where to look; usually one.
        query: The common parameters.
        keep: Further filter.
        candidates: Ids that an index already found; ``None`` for all.
        sort_keys: Orders other than by date, id, change and ``include``.
    """
    rows = [row for table in tables for row in _ordered(table, query, candidates)]
    if query.exclude:
        rows = [row for row in rows if row.id not in query.exclude]
    if query.after is not None or query.before is not None:
        low, high = query.after or 0, query.before or 1 << 62
        rows = [row for row in rows if low < row.created < high]
    if keep is not None:
        rows = [row for row in rows if keep(row)]
    if query.orderby == "include":
        position = {row_id: at for at, row_id in enumerate(query.include)}
        return sorted(rows, key=lambda row: position.get(row.id, len(position)))
    key = (sort_keys or {}).get(query.orderby)
    if key is not None:
        return sorted(rows, key=key, reverse=query.descending)
    if len(tables) > 1:
        modified = query.orderby == "modified"
        rows.sort(key=lambda row: (row.modified if modified else row.created, row.id))
    if query.descending:
        rows.reverse()
    return rows


def _ordered(table: Table[R], query: ListQuery, candidates: Iterable[int] | None) -> list[R]:
    """Rows of one table, oldest first, by change or by creation."""
    limited = query.modified_after is not None or query.modified_before is not None
    if candidates is None and query.include:
        candidates = query.include
    by_change = query.orderby == "modified"
    if candidates is None and (limited or by_change):
        ids = table.by_modified(query.modified_after, query.modified_before)
        rows = [table.rows[row_id] for row_id in ids]
        return rows if by_change else sorted(rows, key=lambda row: (row.created, row.id))
    if candidates is None:
        return [table.rows[row_id] for row_id in table.by_created()]
    low, high = query.modified_after, query.modified_before
    wanted = set(candidates) & set(query.include) if query.include else set(candidates)
    rows = [table.rows[row_id] for row_id in wanted if row_id in table.rows]
    rows = [r for r in rows if (low is None or r.modified > low) and (high is None or r.modified < high)]
    return sorted(rows, key=lambda row: (row.modified if by_change else row.created, row.id))


def page_of(rows: list[R], query: ListQuery) -> list[R]:
    """The asked page."""
    start = query.offset if query.offset is not None else (query.page - 1) * query.per_page
    return rows[start : start + query.per_page]


def answer(call: Call, query: ListQuery, total: int, data: list[Any]) -> SimResponse:
    """A page with its totals and neighbours."""
    pages = -(-total // query.per_page)
    links = []
    if query.page > 1:
        links.append((min(query.page - 1, max(pages, 1)), "prev"))
    if query.page < pages:
        links.append((query.page + 1, "next"))
    headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
    if links:
        headers["Link"] = ", ".join(f'<{_page_url(call, page)}>; rel="{name}"' for page, name in links)
    return call.reply(data, headers=headers)


def _page_url(call: Call, page: int) -> str:
    pairs = [(name, value) for name, value in call.request.query if name != "page"]
    at = next((at for at, (name, _) in enumerate(call.request.query) if name == "page"), len(pairs))
    pairs.insert(at, ("page", str(page)))
    path = call.request.path.partition("/wp-json")[2]
    return f"{call.root}{path}?{urlencode(pairs)}"
