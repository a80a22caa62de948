"""Answers of APIs, value by value: what is not of its kind is never guessed. For adapters whose answers are JSON.

A reader of values raises ``Malformed``, which knows neither side nor request; methods of the adapter that read with it
are marked ``strictly``, and say both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

from syncd.adapters.evidence import by_our_clock
from syncd.errors import InvalidResponse

if TYPE_CHECKING:
    from syncd.core.model import ChangePage

Row = Mapping[str, Any]

LONGEST_CODE = 255
"""Of an article number or barcode, in characters: no shop system takes longer ones."""

_FIRST_YEAR, _LAST_YEAR = 1970, 2200
"""Beyond these, sums with an overlap would leave the calendar."""
_LARGEST = 10**12 - 1


class Malformed(ValueError):
    """An answer is not what the contract says."""


def mapping_of(value: object, what: str) -> Row:
    """An object.

    Raises:
        Malformed: It is something else.
    """
    if not isinstance(value, Mapping):
        raise Malformed(f"{what} is {type(value).__name__} instead of an object")
    return value


def row_of(row: Row, field: str) -> Row:
    """An object of an object.

    Raises:
        Malformed: It is something else.
    """
    return mapping_of(row.get(field), field)


def rows_of(row: Row, field: str) -> Sequence[Row]:
    """A list of objects.

    Raises:
        Malformed: It is something else.
    """
    value = row.get(field)
    if not isinstance(value, list):
        raise Malformed(f"{field} is {type(value).__name__} instead of a list")
    return [mapping_of(each, f"an entry of {field}") for each in value]


def text_of(row: Row, field: str) -> str:
    """A text, empty if it is null.

    Raises:
        Malformed: It is something else, or missing.
    """
    value = row.get(field, 0)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(f"{field} is {type(value).__name__} instead of a text")
    return value


def code_of(row: Row, field: str) -> str | None:
    """A merchant's code; one that is too long to be one counts as missing, never as its beginning."""
    code = text_of(row, field).strip()
    return code if 0 < len(code) <= LONGEST_CODE else None


def flag_of(row: Row, field: str) -> bool:
    """A yes or no.

    Raises:
        Malformed: It is neither.
    """
    value = row.get(field)
    if not isinstance(value, bool):
        raise Malformed(f"{field} is {type(value).__name__} instead of a yes or no")
    return value


def whole_of(row: Row, field: str, *, most: int = _LARGEST) -> Decimal:
    """A whole number: units, or an amount in hundredths; ``most`` is the largest that can be meant.

    Raises:
        Malformed: It is none.
    """
    value = row.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > most:
        raise Malformed(f"{field} is no whole number")
    return Decimal(value)


def moment_of(value: object) -> datetime | None:
    """A moment with a zone, in UTC; ``None`` if it is something else."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return None if moment is None or moment.tzinfo is None else moment.astimezone(UTC)


def time_of(row: Row, field: str) -> datetime:
    """A moment of this age, aware UTC.

    Raises:
        Malformed: There is none.
    """
    moment = moment_of(row.get(field))
    if moment is None or not _FIRST_YEAR < moment.year < _LAST_YEAR:
        raise Malformed(f"{field} is no time")
    return moment


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class _Client(Protocol):
    @property
    def side(self) -> str: ...

    @property
    def clock_offset(self) -> timedelta: ...


SideT = TypeVar("SideT", bound=_Named)
P = ParamSpec("P")
R = TypeVar("R")


def strictly(
    request: str | Callable[[Any], str],
) -> Callable[[Callable[Concatenate[SideT, P], R]], Callable[Concatenate[SideT, P], R]]:
    """Mark a method of an adapter: ``Malformed`` leaves it as ``InvalidResponse``.

    Args:
        request: What is asked there, or how the adapter says it.
    """

    def mark(method: Callable[Concatenate[SideT, P], R]) -> Callable[Concatenate[SideT, P], R]:
        @wraps(method)
        def call(side: SideT, /, *args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return method(side, *args, **kwargs)
            except Malformed as error:
                asked = request if isinstance(request, str) else request(side)
                raise InvalidResponse(side.name, asked, str(error)) from error

        return call

    return mark


def strict_pages(pages: Iterator[ChangePage], client: _Client, request: str) -> Iterator[ChangePage]:
    """Yield pages of a read, their documents by our clock; ``Malformed`` leaves it as ``InvalidResponse``."""
    try:
        for page in pages:
            events = by_our_clock(page.events, client.clock_offset) if page.events else ()
            yield replace(page, events=tuple(events)) if events else page
    except Malformed as error:
        raise InvalidResponse(client.side, request, str(error)) from error
