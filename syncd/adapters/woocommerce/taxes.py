"""Tax classes of a shop by rate (woocommerce-api.md section 6). Never guessed: one class with the rate, or none."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from syncd.adapters.woocommerce.feeds import PER_PAGE
from syncd.core.model import Refused
from syncd.core.prices import NoTaxClass, tax_class_for

if TYPE_CHECKING:
    from syncd.adapters.woocommerce.client import WooClient
    from syncd.adapters.woocommerce.feeds import Row

KEPT_S = 600.0
"""How long the shop's tax table is not read again."""

_MOST_PAGES = 20


class TaxClasses:
    """Chooses the shop's tax class for a rate.

    Args:
        client: Sends.
        chosen: What the configuration says, by rate in per cent.
    """

    def __init__(self, client: WooClient, chosen: Mapping[Decimal, str]) -> None:
        self._client = client
        self._chosen = chosen
        self._classes: Mapping[str, Decimal] | None = {}
        self._slugs: frozenset[str] = frozenset()
        self._until = 0.0

    def of(self, rate: Decimal | None) -> str | Refused | None:
        """Slug of the tax class; ``None`` if the shop calculates no taxes, so that none is needed.

        Raises:
            SideError: The shop's settings cannot be read.
        """
        if time.monotonic() >= self._until:
            self._classes = self._read()
            self._until = time.monotonic() + KEPT_S
        if self._classes is None:
            return None
        if rate is None:
            return Refused("tax_rate_unknown", "the till does not say the tax rate of the product")
        found = tax_class_for(rate, self._classes, self._chosen)
        if isinstance(found, NoTaxClass):
            which = f"several have it: {', '.join(found.candidates)}" if found.candidates else "none has it"
            key = f"{rate.normalize():f}"
            advice = f'say which one is meant: tax_classes = {{ "{key}" = "…" }} in the shop\'s table'
            return Refused("no_tax_class", f"no tax class of the shop is the one for {key} %: {which}; {advice}")
        if found not in self._slugs:  # the shop would take its standard rate without a word (section 6)
            known = ", ".join(sorted(self._slugs))
            return Refused("no_tax_class", f"tax_classes names {found}, which the shop does not have: it has {known}")
        return found

    def rate_of(self, slug: str) -> Decimal | None:
        """Rate of a tax class in per cent; ``None`` if the shop calculates no taxes, or the class has none or several.

        Raises:
            SideError: The shop's settings cannot be read.
        """
        if time.monotonic() >= self._until:
            self._classes = self._read()
            self._until = time.monotonic() + KEPT_S
        rate = None if self._classes is None else self._classes.get(slug or "standard")
        return rate if rate is not None and rate.is_finite() else None

    def _read(self) -> Mapping[str, Decimal] | None:
        if self._setting("settings/general/woocommerce_calc_taxes") == "no":
            return None
        country = (self._setting("settings/general/woocommerce_default_country") or "").partition(":")[0]
        rates: defaultdict[str, set[Decimal]] = defaultdict(set)
        for row in self._list("taxes/classes"):
            rates[str(row.get("slug"))] = set()
        for row in self._list("taxes"):
            if row.get("country") in {"", country} and not row.get("state"):
                rates[str(row.get("class"))].add(_rate(row))
        self._slugs = frozenset(rates)
        # A class without a rate for the shop's country is one that takes no tax.
        return {name: min(found, default=Decimal(0)) for name, found in rates.items() if len(found) <= 1}

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

    def _setting(self, route: str) -> str | None:
        body = self._client.get(route).json(lenient=True)
        value = body.get("value") if isinstance(body, Mapping) else None
        return value if isinstance(value, str) else None


def _rate(row: Row) -> Decimal:
    try:
        return Decimal(str(row.get("rate")))
    except InvalidOperation:
        return Decimal("NaN")
