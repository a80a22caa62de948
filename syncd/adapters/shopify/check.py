"""Connection test of a Shopify shop: reads alone, because rights can be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.adapters.answers import Malformed
from syncd.adapters.base import CheckLine, CheckReport
from syncd.adapters.shopify.operations import LOCATIONS, VERSIONS
from syncd.errors import PermissionMissing, SideError
from syncd.http.session import describe

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from syncd.adapters.shopify.client import ShopifyClient
    from syncd.adapters.shopify.facts import Shop, ShopFacts
    from syncd.adapters.shopify.publishing import Channels

_TOLERATED_SKEW_S = 120.0
NEEDED = ("write_products", "write_inventory", "read_locations", "read_orders")
"""Rights that syncd cannot do without."""
FOR_IMAGES = "write_files"
FOR_CHANNELS = ("read_publications", "write_publications")
_CLICK = "Shopify Dev Dashboard > your app > Versions > Access scopes, then release and install it again"


class Check:
    """Collects lines; without a token that counts nothing else is tried."""

    def __init__(
        self,
        client: ShopifyClient,
        facts: ShopFacts,
        channels: Channels,
        now: Callable[[], datetime],
        version: str,
        quantity: str,
    ) -> None:
        self._client = client
        self._channels = channels
        self._facts = facts
        self._now = now
        self._version = version
        self._quantity = quantity
        self._lines: list[CheckLine] = []
        self._values: dict[str, str] = {}
        self._skew_s: float | None = None

    def run(self) -> CheckReport:
        """Try everything that syncd uses."""
        self._facts.forget()
        try:
            shop = self._facts.shop()
        except (SideError, Malformed) as error:
            self._failed("address and token", error)
            return CheckReport(tuple(self._lines), self._skew_s, self._values)
        self._add(True, "address and token", f"{shop.name} answers ({shop.plan})")
        self._values |= {"shop": shop.name, "plan": shop.plan, "currency": shop.currency}
        self._rights(shop)
        self._locations()
        self._prices(shop)
        if self._channels.any:
            self._publishing(shop)
        self._served()
        self._clock()
        return CheckReport(tuple(self._lines), self._skew_s, self._values)

    def _add(self, ok: bool, subject: str, message: str, exit_code: int = 1) -> None:
        self._lines.append(CheckLine(ok, subject, message, exit_code))

    def _failed(self, subject: str, error: SideError | Malformed) -> None:
        if isinstance(error, SideError):
            self._add(False, subject, describe(error), error.exit_code)
        else:
            self._add(False, subject, str(error))

    def _rights(self, shop: Shop) -> None:
        missing = [scope for scope in NEEDED if scope not in shop.scopes]
        if missing:
            words = f"the app lacks {', '.join(missing)}: {_CLICK}"
            self._add(False, "rights", words, PermissionMissing.exit_code)
        else:
            self._add(True, "rights", ", ".join(NEEDED))
        if not self._facts.may_write_files:
            self._add(True, "images", f"left alone, because the app lacks {FOR_IMAGES}: {_CLICK}")

    def _locations(self) -> None:
        try:
            counted = self._facts.counted()
            self._skew(self._client.query(LOCATIONS).date)
        except (SideError, Malformed) as error:
            self._failed("locations", error)
            return
        also = f", counted with {', '.join(counted.names[1:])}" if counted.names[1:] else ""
        self._add(True, "locations", f"{self._quantity} at {counted.names[0]} is kept the same{also}")
        if not counted.evidence:
            why = "orders take stock from other locations too"
            if self._quantity == "on_hand":
                why = "what is on hand goes down when the goods leave, not with the order"
            words = f"{why}: they are no evidence for writes in doubt"
            self._add(True, "orders", words)

    def _prices(self, shop: Shop) -> None:
        gross = f"gross, in {shop.currency}"
        net = "net: they are left alone, because no product says its tax rate (Settings > Taxes and duties)"
        self._add(True, "prices", gross if shop.gross else net)

    def _publishing(self, shop: Shop) -> None:
        lacking = [scope for scope in FOR_CHANNELS if scope not in shop.scopes]
        if lacking:
            words = f"the app lacks {', '.join(lacking)}: {_CLICK}"
            self._add(False, "sales channels", words, PermissionMissing.exit_code)
            return
        self._channels.forget()
        try:
            missing = self._channels.missing()
        except (SideError, Malformed) as error:
            self._failed("sales channels", error)
            return
        words = f"not there: {', '.join(missing)}" if missing else "there"
        self._add(not missing, "sales channels", words)

    def _served(self) -> None:
        served = self._client.served_version or self._version
        self._values["api"] = served
        if served != self._version:
            self._add(False, "version", f"the shop does not serve {self._version} any more and answers with {served}")
        elif served not in VERSIONS:
            self._add(True, "version", f"{served}; syncd was checked against {', '.join(VERSIONS)}")
        else:
            self._add(True, "version", served)

    def _skew(self, date: datetime | None) -> None:
        if date is not None:
            self._skew_s = (date - self._now()).total_seconds()

    def _clock(self) -> None:
        if self._skew_s is not None:
            ok = abs(self._skew_s) <= _TOLERATED_SKEW_S
            advice = "" if ok else ": set the time of this machine"
            self._add(ok, "clock", f"the shop's clock is {self._skew_s:+z.0f} s from ours{advice}")
