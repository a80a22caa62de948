"""What is asked about the whole shop now and then: its channel, its stock locations, whether stock is counted."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.adapters.vendure.operations import FACTS
from syncd.adapters.vendure.wire import flag_of, id_of, row_of, rows_of, text_of
from syncd.errors import Rejected

if TYPE_CHECKING:
    from syncd.adapters.vendure.client import VendureClient

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
    """

    channel: str
    language: str
    currency: str
    gross: bool
    tracked: bool
    location: str
    place: str
    alone: bool


class ShopFacts:
    """Facts of one shop, asked for once in ten minutes. Safe to use from several threads.

    Args:
        client: Calls.
        location: Name or id of the stock location from the configuration.
    """

    def __init__(self, client: VendureClient, location: str | None) -> None:
        self._client = client
        self._wanted = location
        self._lock = threading.Lock()
        self._known: Facts | None = None
        self._until = 0.0

    def now(self) -> Facts:
        """The facts.

        Raises:
            Malformed: The answer is not what the contract says. Rejected: It is not clear which location counts.
            SideError: They cannot be had now.
        """
        with self._lock:
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
        )

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
