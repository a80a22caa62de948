"""Reading JSON bodies field by field: lenient where a field is optional, strict and precise where it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from syncd.core.quantity import is_usable
from syncd.errors import InvalidResponse
from syncd.http import shorten

if TYPE_CHECKING:
    from syncd.core.model import Quantity

_LARGEST_EXPONENT = 20
"""Prices have at most 10 places and far fewer than 20 digits; anything beyond is damage."""
_LONGEST_ID = 18
"""Digits; ids are integers of a database."""
_LONGEST_CODE = 255
"""The vendor takes far shorter article numbers and barcodes."""


@dataclass(frozen=True, slots=True)
class Where:
    """What was asked of whom, for error messages."""

    side: str
    request: str

    def invalid(self, problem: str) -> InvalidResponse:
        """Return the error to raise for an answer that breaks the contract."""
        return InvalidResponse(self.side, self.request, problem)


class Fields:
    """One JSON object of an answer.

    Args:
        value: Decoded JSON; must be an object.
        where: For error messages.
        path: Where in the body the object stands.

    Raises:
        InvalidResponse: ``value`` is not an object.
    """

    __slots__ = ("path", "raw", "where")

    def __init__(self, value: object, where: Where, path: str = "body") -> None:
        if not isinstance(value, dict):
            raise where.invalid(f"{path} is {_kind(value)}, not an object")
        self.raw: dict[str, Any] = value
        self.where = where
        self.path = path

    def invalid(self, name: str, problem: str) -> InvalidResponse:
        """Return the error to raise for field ``name``."""
        return self.where.invalid(f"{self.path}.{name} {problem}")

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.raw.get(name) is not None

    def identifier(self, name: str) -> str:
        """Return a needed id as text. Ids are positive integers; digits in a string are taken too."""
        value = self.raw.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_ID:
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**_LONGEST_ID:
            return str(value)
        raise self.invalid(name, f"is {_kind(value)}, not an id")

    def identifier_or_none(self, name: str) -> str | None:
        """Return an optional id as text."""
        return self.identifier(name) if self.has(name) else None

    def integer(self, name: str) -> int:
        """Return a needed whole number, in any form a number takes on the wire."""
        value = self.decimal(name)
        if value != value.to_integral_value():
            raise self.invalid(name, f"is {value:f}, not a whole number")
        return int(value)

    def decimal(self, name: str) -> Decimal:
        """Return a needed number: JSON number, or text in any decimal form ("12.00", "0E-10", "1E+3")."""
        value = self.raw.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise self.invalid(name, f"is {_kind(value)}, not a decimal number")
        try:
            number = Decimal(value.strip() if isinstance(value, str) else value)
        except InvalidOperation:
            raise self.invalid(name, "is not a decimal number") from None
        if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
            raise self.invalid(name, "is not a usable decimal number")
        return number

    def quantity(self, name: str) -> Quantity:
        """Return a needed number of units, exactly as it can be kept."""
        number = self.decimal(name)
        if not is_usable(number):
            raise self.invalid(name, f"is {number}, which cannot be a quantity")
        return number

    def text(self, name: str) -> str | None:
        """Return an optional text as it came; ``None`` if missing, null or blank."""
        value = self.raw.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) and value.strip() else None

    def name(self, name: str) -> str | None:
        """Return an optional text for people, cut to a readable length."""
        value = self.text(name)
        return shorten(value) if value else None

    def code(self, name: str) -> str | None:
        """Return an optional code; one that is too long to be one counts as missing, never as its beginning."""
        value = self.text(name)
        return value if value and len(value) <= _LONGEST_CODE else None

    def flag(self, name: str) -> bool:
        """Return an optional yes or no, false if missing or null."""
        value = self.raw.get(name)
        if isinstance(value, str):
            value = {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower(), value)
        match value:
            case None | False | 0:
                return False
            case True | 1:
                return True
        raise self.invalid(name, f"is {_kind(value)}, not yes or no")

    def array(self, name: str) -> list[Any]:
        """Return a needed list."""
        value = self.raw.get(name)
        if not isinstance(value, list):
            raise self.invalid(name, f"is {_kind(value)}, not a list")
        return value

    def objects(self, name: str) -> list[Fields]:
        """Return a needed list of objects."""
        return [Fields(entry, self.where, f"{self.path}.{name}[{at}]") for at, entry in enumerate(self.array(name))]

    def nested(self, name: str) -> Fields:
        """Return a needed object."""
        return Fields(self.raw.get(name), self.where, f"{self.path}.{name}")


def _kind(value: object) -> str:
    match value:
        case None:
            return "missing or null"
        case bool():
            return "true or false"
        case int() | Decimal():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
    return "an object"
