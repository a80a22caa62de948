"""What is asked about the whole shop now and then: its channel, its stock locations, whether stock is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.adapters.answers import Row, flag_of, row_of, rows_of, text_of
from syncd.adapters.base import Counting
from syncd.adapters.vendure.operations import FACTS
from syncd.adapters.vendure.wire import id_of, number_of
from syncd.core.model import Refused
from syncd.core.prices import NoTaxClass, canonical_rate, tax_class_for
from syncd.errors import Rejected, Transient

if TYPE_CHECKING:
    from syncd.adapters.vendure.client import VendureClient
    from syncd.adapters.vendure.settings import VendureSettings

_KEPT_S = 600.0


@dataclass(frozen=True, slots=True)
class Facts:
    """The shop itself.

    Attributes:
        channel: Code of the channel that is synced.
        language: Its default language.
        currency: Its default currency.
        gross: Whether prices are entered with tax.
        tracked: Whether variants that do not say otherwise are counted.
        location: Id of the stock location that counts.
        place: Its name.
        alone: Whether it is the only one, so that no order takes stock from elsewhere.
        taxes: Rate in per cent and name by id of those tax categories that have one rate where the channel sells.
    """

    channel: str
    language: str
    currency: str
    gross: bool
    tracked: bool
    location: str
    place: str
    alone: bool
    taxes: Mapping[str, tuple[Decimal, str]]


class ShopFacts:
    """Facts of one shop, asked for once in ten minutes. Safe to use from several threads.

    Args:
        client: Calls.
        settings: Which stock location and tax categories are meant.
    """

    def __init__(self, client: VendureClient, settings: VendureSettings) -> None:
        self._client = client
        self._wanted = settings.stock_location
        self._tax_categories = settings.chosen_tax_categories
        self._lock = threading.Lock()
        self._known: Facts | None = None
        self._until = 0.0
        self._told: str | None = None

    def now(self) -> Facts:
        """The facts.

        Raises:
            Malformed: The answer is not what the contract says. Rejected: It is not clear which location counts.
            Transient: It is not the one that ``counts`` has told. SideError: They cannot be had now.
        """
        with self._lock:
            facts = self._fresh()
            if self._told not in (None, facts.location):
                raise Transient(self._client.side, self._client.request, "the stock location has changed just now")
            return facts

    def counts(self, *, anew: bool = False) -> Counting:
        """Which stock location counts: by its id, for its name may change.

        Args:
            anew: Ask the shop again.

        Raises:
            Malformed, Rejected, SideError: As ``now``.
        """
        with self._lock:
            if anew:
                self._known = None
            facts = self._fresh()
            self._told = facts.location
            return Counting(facts.location, f"what can be sold at the stock location {facts.place}")

    def _fresh(self) -> Facts:
        if self._known is None or time.monotonic() >= self._until:
            self._known = None
            self._known = self._read()
            self._until = time.monotonic() + _KEPT_S
        return self._known

    @property
    def known(self) -> Facts | None:
        """What was asked last, without a request."""
        return self._known

    def forget(self) -> None:
        """Ask anew next time."""
        self._known = None

    def _read(self) -> Facts:
        data = self._client.query(FACTS).data
        channel = row_of(data, "activeChannel")
        places = {id_of(row): text_of(row, "name") for row in rows_of(row_of(data, "stockLocations"), "items")}
        location = self._choose(places)
        return Facts(
            channel=text_of(channel, "code"),
            language=text_of(channel, "defaultLanguageCode"),
            currency=text_of(channel, "defaultCurrencyCode"),
            gross=flag_of(channel, "pricesIncludeTax"),
            tracked=flag_of(row_of(data, "globalSettings"), "trackInventory"),
            location=location,
            place=places[location],
            alone=len(places) == 1,
            taxes=_taxes(rows_of(row_of(data, "taxRates"), "items"), row_of(channel, "defaultTaxZone")),
        )

    def tax_category(self, rate: Decimal | None) -> str | Refused:
        """Id of the tax category that means a rate; never the next best one.

        Raises:
            SideError: The shop cannot be asked now. Malformed: Its answer is not what the contract says.
        """
        if rate is None:
            return Refused("tax_rate_unknown", "the till does not say the tax rate of the product")
        taxes = self.now().taxes
        chosen: dict[Decimal, str] = {}
        for said, name in self._tax_categories.items():
            named = [
                key for key, (known, label) in taxes.items() if (known, label.casefold()) == (said, name.casefold())
            ]
            if not named and said == rate:
                return Refused("no_tax", f"tax_categories names {name}, and the shop has no such category of {said} %")
            chosen |= {said: named[0]} if named else {}
        found = tax_class_for(rate, {key: known for key, (known, _) in taxes.items()}, chosen)
        if isinstance(found, NoTaxClass):
            key = canonical_rate(rate) or str(rate)
            names = ", ".join(taxes[each][1] for each in found.candidates)
            which = f"several have it: {names}" if found.candidates else "none has it"
            advice = f'say which one is meant: tax_categories = {{ "{key}" = "…" }} in the shop\'s table'
            return Refused("no_tax", f"no tax category of the shop is the one for {key} %: {which}; {advice}")
        return found

    def _choose(self, places: dict[str, str]) -> str:
        wanted = (self._wanted or "").strip().casefold()
        if not wanted and len(places) == 1:
            return next(iter(places))
        found = [one for one, name in places.items() if wanted and wanted in {one.casefold(), name.casefold()}]
        if len(found) == 1:
            return found[0]
        names = ", ".join(places.values()) or "none"
        detail = f"which stock location counts is not clear: name one in stock_location (the channel has: {names})"
        raise Rejected(self._client.side, self._client.request, detail, key="stock_location")


def _taxes(rows: Sequence[Row], zone: Row) -> dict[str, tuple[Decimal, str]]:
    """Categories with the one rate that they have in a zone."""
    found: dict[str, tuple[Decimal, str]] = {}
    several: set[str] = set()
    for row in rows:
        if not flag_of(row, "enabled") or id_of(row_of(row, "zone")) != id_of(zone):
            continue
        category = row_of(row, "category")
        key = id_of(category)
        several |= {key} & found.keys()
        found[key] = number_of(row, "value"), text_of(category, "name")
    return {key: value for key, value in found.items() if key not in several}
