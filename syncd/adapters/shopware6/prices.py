"""Prices and taxes of products: gross and net are both stored, so both are sent (shopware6-api.md section 6). Pure.

The till's price is gross; net follows from it and the rate. A variant without a price or tax of its own has its
product's: it is given its own as soon as one of the two is to differ, because a net price belongs to one rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from syncd.adapters.shopware6.mapping import SYSTEM_CURRENCY, price_entry, rate_of
from syncd.adapters.shopware6.wire import rows_of
from syncd.core.prices import net_of

if TYPE_CHECKING:
    from syncd.adapters.answers import Row

_KEPT = ("currencyId", "gross", "net", "linked")
_BESIDE = ("listPrice", "regulationPrice")


def price_rows(
    gross: Decimal, rate: Decimal, row: Row | None = None, parent: Row | None = None
) -> list[dict[str, Any]]:
    """All prices of a row with a new one in the shop's own currency; those in others and list prices stay."""
    before = next((each for each in (row, parent) if each is not None and rows_of(each, "price")), None)
    entries = list(rows_of(before, "price") or ()) if before is not None else []
    own = price_entry(before) if before is not None else None
    new = {"currencyId": SYSTEM_CURRENCY, "gross": _number(gross), "net": _number(net_of(gross, rate)), "linked": True}
    return [
        {**new, **_beside(own or {})},
        *(_plain(each) for each in entries if each.get("currencyId") != SYSTEM_CURRENCY),
    ]


def rate_shown(row: Row, parent: Row | None) -> Decimal | None:
    """The rate that counts for a row: its own, or its product's."""
    own = rate_of(row)
    return own if own is not None or parent is None else rate_of(parent)


def gross_shown(row: Row, parent: Row | None) -> Decimal | None:
    """The gross price that counts for a row: its own, or its product's."""
    for each in (row, parent):
        entry = price_entry(each) if each is not None else None
        gross = entry.get("gross") if entry is not None else None
        if isinstance(gross, int | Decimal) and not isinstance(gross, bool):
            return Decimal(gross)
    return None


def _plain(entry: Row) -> dict[str, Any]:
    return {**{name: _number(entry[name]) for name in _KEPT if name in entry}, **_beside(entry)}


def _beside(entry: Row) -> dict[str, Any]:
    found = {}
    for name in _BESIDE:
        value = entry.get(name)
        if isinstance(value, Mapping):
            found[name] = {each: _number(value[each]) for each in _KEPT if each in value}
    return found


def _number(value: Any) -> Any:
    """As JSON: a number of the shortest digits that mean it."""
    return float(value) if isinstance(value, Decimal) else value
