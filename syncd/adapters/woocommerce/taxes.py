"""Tax classes of a shop and their rates (woocommerce-api.md section 6). Never guessed: one class with the rate or none.

A class means the rate that a customer at the shop's own place pays. What nobody can tell from the table alone (several
rates of one class, no rate for the country at all) is unknown, not zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from syncd.adapters.woocommerce.asked import CALC_TAXES, Asked, setting
from syncd.adapters.woocommerce.feeds import PER_PAGE
from syncd.core.model import Refused
from syncd.core.prices import NoTaxClass, canonical_rate, tax_class_for

if TYPE_CHECKING:
    from syncd.adapters.answers import Row
    from syncd.adapters.woocommerce.client import WooClient

_COUNTRY = "settings/general/woocommerce_default_country"
_MOST_PAGES = 20
_STANDARD = "standard"
"""Reads back as an empty text."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Tax classes of a shop.

    Attributes:
        calculates: Whether the shop calculates taxes at all.
        slugs: All classes.
        rates: Those of which one rate is known.
        has_rates: Whether there is any rate for the shop's own place.
    """

    calculates: bool
    slugs: frozenset[str] = frozenset()
    rates: Mapping[str, Decimal] | None = None
    has_rates: bool = False


class TaxClasses:
    """Chooses the shop's tax class for a rate, and tells the rate of a class.

    Args:
        client: Sends.
        chosen: What the configuration says, by rate in per cent.
    """

    def __init__(self, client: WooClient, chosen: Mapping[Decimal, str]) -> None:
        self._client = client
        self._chosen = chosen
        self._table = Asked(self._read)

    def of(self, rate: Decimal | None) -> str | Refused | None:
        """Slug of the tax class; ``None`` if the shop calculates no taxes, so that none is needed.

        Raises:
            SideError: The shop's settings cannot be read.
        """
        table = self._table.now()
        if not table.calculates:
            return None
        if rate is None:
            return Refused("tax_rate_unknown", "the till does not say the tax rate of the product")
        found = tax_class_for(rate, table.rates or {}, self._chosen)
        key = canonical_rate(rate) or str(rate)
        if isinstance(found, NoTaxClass):
            which = f"several have it: {', '.join(found.candidates)}" if found.candidates else "none has it"
            advice = f'say which one is meant: tax_classes = {{ "{key}" = "…" }} in the shop\'s table'
            return Refused("no_tax_class", f"no tax class of the shop is the one for {key} %: {which}; {advice}")
        if found not in table.slugs:  # the shop would take its standard rate without a word (section 6)
            known = ", ".join(sorted(table.slugs))
            return Refused("no_tax_class", f"tax_classes names {found}, which the shop does not have: it has {known}")
        return found

    def rate_of(self, slug: str) -> Decimal | None:
        """Rate of a tax class in per cent, by its slug (standard may be empty); ``None`` if it cannot be told.

        What the configuration says of a class counts first: what was written as 7 % is to be read as 7 %.

        Raises:
            SideError: The shop's settings cannot be read.
        """
        return self._rate(self._table.now(), slug)

    def rate_if_possible(self, slug: str) -> Decimal | None:
        """As ``rate_of``; ``None``, too, while the shop's settings cannot be read. For reads: never raises for that."""
        table = self._table.if_possible()
        return None if table is None else self._rate(table, slug)

    def _rate(self, table: _Table, slug: str) -> Decimal | None:
        slug = slug or _STANDARD
        if not table.calculates or slug not in table.slugs:
            return None
        said = [rate for rate, name in self._chosen.items() if name == slug]
        if len(said) == 1:
            return said[0]
        # Rates that a plugin computes elsewhere are in no table: nothing is known then.
        return (table.rates or {}).get(slug) if table.has_rates else None

    def _read(self) -> _Table:
        if setting(self._client, CALC_TAXES) == "no":
            return _Table(calculates=False)
        country, _, state = (setting(self._client, _COUNTRY) or "").partition(":")
        found: defaultdict[str, set[tuple[Decimal, str]]] = defaultdict(set)
        for row in self._list("taxes/classes"):
            found[str(row.get("slug"))] = set()
        for row in self._list("taxes"):
            here = row.get("country") in ("", country) and row.get("state") in ("", None, state)
            if here and _is_everywhere(row):
                # Two rates of different priority are added up by the shop: that class has no rate of its own.
                found[str(row.get("class"))].add((_rate(row), str(row.get("priority"))))
        # A class without a rate for the shop's country is one that takes no tax.
        single = {name: min(rates)[0] if rates else Decimal(0) for name, rates in found.items() if len(rates) <= 1}
        known = {name: rate for name, rate in single.items() if canonical_rate(rate) is not None}
        return _Table(calculates=True, slugs=frozenset(found), rates=known, has_rates=any(found.values()))

    def _list(self, route: str) -> list[Row]:
        rows: list[Row] = []
        for page in range(1, _MOST_PAGES + 1):
            params = {"per_page": str(PER_PAGE), "page": str(page)} if route == "taxes" else {}
            body = self._client.get(route, params).json(lenient=True)
            found = [row for row in body if isinstance(row, Mapping)] if isinstance(body, list) else []
            rows += found
            if route != "taxes" or len(found) < PER_PAGE:
                break
        return rows


def _is_everywhere(row: Row) -> bool:
    """Whether a rate is for the whole country or state, not for some places in it (islands, free ports)."""
    return not any(row.get(name) for name in ("postcode", "city", "postcodes", "cities"))


def _rate(row: Row) -> Decimal:
    try:
        return Decimal(str(row.get("rate")))
    except InvalidOperation:
        return Decimal("NaN")
