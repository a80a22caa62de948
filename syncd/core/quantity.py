"""Which numbers can be quantities at all. Pure."""

from __future__ import annotations

from decimal import Decimal

PLACES = 4
"""Decimal places that are kept; more are never rounded away but refused."""

_QUANTUM = Decimal(1).scaleb(-PLACES)
_DIGITS = 11
"""Digits before the point. No shop holds a hundred billion units: such a number is damage."""


def is_usable(number: Decimal) -> bool:
    """Whether a number can be stored and added exactly as a quantity.

    >>> is_usable(Decimal("12.5000000000")), is_usable(Decimal("0.00001")), is_usable(Decimal("1E+400"))
    (True, False, False)
    """
    if not number.is_finite() or (number and number.adjusted() >= _DIGITS):
        return False
    return number == number.quantize(_QUANTUM)
