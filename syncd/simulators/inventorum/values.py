"""Decimals and prices as the vendor writes them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

ZERO = Decimal(0)
_CENT = Decimal("0.01")
_TEN_PLACES = Decimal("1E-10")


def read_decimal(value: object) -> Decimal:
    """A decimal from a JSON number or text.

    Raises:
        ValueError: It is neither, or not finite.
    """
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError("A valid number is required.") from error
    if not number.is_finite():
        raise ValueError("A valid number is required.")
    return number


def read_quantity(value: object) -> Decimal:
    """A quantity in pieces or units, with at most two places.

    Raises:
        ValueError: It is no number or has more places.
    """
    number = read_decimal(value)
    rounded = number.quantize(_CENT)
    if rounded != number:
        raise ValueError("Ensure that there are no more than 2 decimal places.")
    return rounded


def two_places(value: Decimal) -> str:
    """Quantities and gross prices: ``"12.00"``."""
    return str(value.quantize(_CENT, ROUND_HALF_UP))


def ten_places(value: Decimal) -> str:
    """Net prices: ten places, and ``"0E-10"`` for zero as the vendor writes it."""
    return str(value.quantize(_TEN_PLACES, ROUND_HALF_UP))


def shortest(value: Decimal) -> str:
    """Purchase prices: no trailing zeros, so that 1000 is ``"1E+3"`` as the vendor writes it."""
    return str(value.normalize())


def to_net(gross: Decimal, rate: Decimal) -> Decimal:
    """Net price with ten places.

    Source: contract 8.5 [vendor client].

    >>> to_net(Decimal("2.99"), Decimal(19))
    Decimal('2.5126050420')
    """
    return (gross / (1 + rate / 100)).quantize(_TEN_PLACES, ROUND_HALF_UP)


def to_gross(net: Decimal, rate: Decimal) -> Decimal:
    """Gross price in whole cents, half up.

    Source: contract 8.5.

    >>> to_gross(Decimal("2.5126050420"), Decimal(19))
    Decimal('2.99')
    """
    return (net * (1 + rate / 100)).quantize(_CENT, ROUND_HALF_UP)
