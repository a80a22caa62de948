"""The API's search syntax, as far as it is answered here, and connections over what was found.

Source: shopify-api.md section 3. Pages follow a row, not a number: what leaves or joins the list moves no page.
"""

from __future__ import annotations

import base64
import binascii
import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from graphql import GraphQLError

Row = TypeVar("Row")

_TERM = re.compile(r"([a-z_.]+):(>=|<=|>|<)?('[^']*'|\"[^\"]*\"|[^\s'\"<>][^\s'\"]*)\s*(?:AND\s+)?")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "": operator.eq,
}  # fmt: skip
_UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

Filter = Callable[[Row, str, str], bool]
"""Whether a row fits an operator and a value."""


def failed(message: str, code: str = "") -> GraphQLError:
    """An error of a whole field, as the API words it."""
    return GraphQLError(message, extensions={"code": code} if code else {})


def search(rows: Iterable[Row], query: str | None, filters: Mapping[str, Filter[Row]]) -> list[Row]:
    """Rows that fit all terms.

    Raises:
        GraphQLError: A term is empty, or asks for something that is not answered here.
    """
    found = list(rows)
    rest = (query or "").strip()
    while rest:
        match = _TERM.match(rest)
        if match is None:
            raise failed("Internal error. Looks like something went wrong on our end.", "INTERNAL_SERVER_ERROR")
        name, comparison, value = match[1], match[2] or "", match[3].strip("'\"")
        fits = filters.get(name)
        if fits is None:
            raise failed(f"{name} is no filter of this simulated shop")
        found = [row for row in found if fits(row, comparison, value)]
        rest = rest[match.end() :].strip()
    return found


def by_time(of: Callable[[Row], float], lag_s: float, now: float) -> Filter[Row]:
    """Compare times; one that is not UTC is ignored, and what changed just now is not indexed yet."""

    def fits(row: Row, comparison: str, value: str) -> bool:
        if not _UTC_TIME.fullmatch(value):
            return True
        moment = datetime.fromisoformat(value).astimezone(UTC).timestamp()
        return of(row) <= now - lag_s and _COMPARE[comparison](int(of(row)), moment)

    return fits


def by_number(of: Callable[[Row], int]) -> Filter[Row]:
    """Compare ids; also one of several, separated by commas."""

    def fits(row: Row, comparison: str, value: str) -> bool:
        if comparison:
            return _COMPARE[comparison](of(row), int(value))
        return str(of(row)) in value.split(",")

    return fits


def by_word(of: Callable[[Row], Sequence[str]]) -> Filter[Row]:
    """Compare words, without regard to capitals."""
    return lambda row, _, value: value.casefold() in {one.casefold() for one in of(row)}


def connection(
    rows: Iterable[Row],
    arguments: Mapping[str, Any],
    view: Callable[[Row], Any],
    key: Callable[[Row], tuple[Any, ...]],
) -> dict[str, Any]:
    """One page of rows in the order of their keys.

    Raises:
        GraphQLError: ``first`` is missing or too large, or the cursor is none.
    """
    first = arguments.get("first")
    if first is None:
        raise failed("you must provide one of first or last", "BAD_REQUEST")
    if not 0 < first <= 250:
        raise failed("first must be between 1 and 250", "BAD_REQUEST")
    ordered = sorted(rows, key=key)
    after = arguments.get("after")
    if after is not None:
        start = _position(after)
        ordered = [row for row in ordered if list(key(row)) > start]
    page = ordered[:first]
    end = base64.b64encode(json.dumps(key(page[-1])).encode()).decode() if page else None
    return {
        "nodes": [view(row) for row in page],
        "pageInfo": {"hasNextPage": len(ordered) > first, "endCursor": end},
    }


def _position(cursor: str) -> list[Any]:
    try:
        found = json.loads(base64.b64decode(cursor, validate=True))
    except (ValueError, binascii.Error):
        raise failed("Invalid cursor for current pagination sort.", "BAD_REQUEST") from None
    return list(found)
