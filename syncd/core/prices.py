"""Prices: gross in cents is what customers pay and what is compared; net follows from it (design 4, rule 2). Pure.

Amounts are ``Decimal`` in the currency of the account, rates are per cent (``Decimal(19)``). Rounding is half up, as
the till does it (inventorum-api.md section 8.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING

from syncd.core.fields import EMPTY

if TYPE_CHECKING:
    from collections.abc import Mapping

CENT = Decimal("0.01")
NET_PLACES = 10
"""Decimal places of net prices: enough that every gross price to 10 million comes back to the cent."""

_EXACT = Context(prec=40, rounding=ROUND_HALF_UP)
_HUNDRED = Decimal(100)
_MOST_DIGITS = 12
_HIGHEST_RATE = Decimal(100)


def gross_of(net: Decimal, rate: Decimal) -> Decimal:
    """Gross price with two places.

    >>> gross_of(Decimal("1.6722689076"), Decimal(19))
    Decimal('1.99')
    """
    return _EXACT.divide(_EXACT.multiply(net, _HUNDRED + rate), _HUNDRED).quantize(CENT, context=_EXACT)


def net_of(gross: Decimal, rate: Decimal) -> Decimal:
    """Net price with ten places.

    >>> net_of(Decimal("150.00"), Decimal(7))
    Decimal('140.1869158879')
    """
    net = _EXACT.divide(_EXACT.multiply(gross, _HUNDRED), _HUNDRED + rate)
    return net.quantize(Decimal(1).scaleb(-NET_PLACES), context=_EXACT)


def canonical(amount: str | int | Decimal | None) -> str | None:
    """A gross price as it is compared; ``None`` for what is no price, ``""`` for none.

    >>> canonical("1E+1"), canonical(" 2.5"), canonical(""), canonical("12,5"), canonical(Decimal("-1"))
    ('10.00', '2.50', '', None, None)
    """
    if amount is None or isinstance(amount, bool):
        return None
    try:
        number = Decimal(amount.strip() or "NaN") if isinstance(amount, str) else Decimal(amount)
    except InvalidOperation:
        return None
    if number.is_nan():
        return EMPTY if isinstance(amount, str) and not amount.strip() else None
    if not number.is_finite() or number < 0 or number.adjusted() > _MOST_DIGITS:
        return None
    return f"{number.quantize(CENT, context=_EXACT):f}"


def gross_text(net: str, rate: Decimal) -> str | None:
    """Net price as a side keeps it to gross as it is compared; as ``canonical`` for what is no price, and for none.

    >>> gross_text("8.4033613445", Decimal(19)), gross_text("", Decimal(19)), gross_text("8,40", Decimal(19))
    ('10.00', '', None)
    """
    price = canonical(net)
    return canonical(gross_of(Decimal(net.strip()), rate)) if price else price


def net_text(gross: str, rate: Decimal) -> str:
    """Gross price as it is compared to the net price that comes back to it; ``""`` for none.

    >>> net_text("10.00", Decimal(19)), net_text("10.00", Decimal(25)), net_text("", Decimal(19))
    ('8.4033613445', '8', '')
    """
    return _plain(net_of(Decimal(gross), rate)) if gross else EMPTY


def canonical_rate(rate: Decimal | None) -> str | None:
    """A tax rate in per cent as it is compared; ``None`` for what cannot be one.

    >>> [canonical_rate(Decimal(text)) for text in ("19.000", "0E-5", "1E+1", "10.50", "-1", "NaN")]
    ['19', '0', '10', '10.5', None, None]
    """
    if rate is None or not rate.is_finite() or not 0 <= rate <= _HIGHEST_RATE:
        return None
    return _plain(rate)


def _plain(number: Decimal) -> str:
    """Digits without an exponent and without zeros at the end."""
    return f"{number.normalize(_EXACT):f}"


@dataclass(frozen=True, slots=True)
class NoTaxClass:
    """No tax class can be chosen without guessing; ``candidates`` are those with the rate (none, or several)."""

    rate: Decimal
    candidates: tuple[str, ...]


def tax_class_for(rate: Decimal, classes: Mapping[str, Decimal], chosen: Mapping[Decimal, str]) -> str | NoTaxClass:
    """Tax class of a side for a rate.

    Args:
        rate: Per cent.
        classes: The side's tax classes with the rate that each means where the shop is.
        chosen: What the configuration says, by rate; it counts even if a class with that rate exists.

    >>> tax_class_for(Decimal(7), {"standard": Decimal(19), "reduced": Decimal("7.000")}, {})
    'reduced'
    """
    if rate in chosen:
        return chosen[rate]
    candidates = tuple(sorted(name for name, of_class in classes.items() if of_class == rate))
    return candidates[0] if len(candidates) == 1 else NoTaxClass(rate, candidates)
