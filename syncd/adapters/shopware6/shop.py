"""What is asked about the whole shop now and then: its taxes, and the sales channels that products are shown in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from syncd.adapters.answers import Malformed
from syncd.adapters.shopware6.paging import equals, small_list
from syncd.adapters.shopware6.wire import is_id, plain, row_id
from syncd.core.model import Refused
from syncd.core.prices import NoTaxClass, canonical_rate, tax_class_for

if TYPE_CHECKING:
    from syncd.adapters.shopware6.client import ShopClient
    from syncd.adapters.shopware6.settings import Shopware6Settings

T = TypeVar("T")

KEPT_S = 600.0
"""How long an answer counts."""

STOREFRONT = "8a243080f92e4c719546314b577cf82b"
"""Type of sales channels that customers visit."""

_TAXES: Mapping[str, Any] = {"includes": {"tax": ["id", "name", "taxRate"]}}
_CHANNELS: Mapping[str, Any] = {"includes": {"sales_channel": ["id", "name", "typeId", "navigationCategoryId"]}}


class Asked(Generic[T]):
    """An answer of the shop that is kept for a while. Safe to use from several threads.

    Args:
        ask: Asks the shop.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._answer: T | None = None
        self._until = 0.0

    def now(self) -> T:
        """The answer.

        Raises:
            SideError: It cannot be had now.
        """
        with self._lock:
            if self._answer is None or time.monotonic() >= self._until:
                self._answer = None
                self._answer = self._ask()
                self._until = time.monotonic() + KEPT_S
            return self._answer

    def forget(self) -> None:
        """Ask anew next time."""
        with self._lock:
            self._answer = None


@dataclass(frozen=True, slots=True)
class Tax:
    """One tax of the shop."""

    id: str
    name: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Channel:
    """One sales channel that customers visit; ``root`` is the category above all that it shows."""

    id: str
    name: str
    root: str


class ShopFacts:
    """Taxes and sales channels of one shop."""

    def __init__(self, client: ShopClient, settings: Shopware6Settings) -> None:
        self._client = client
        self._chosen_taxes = settings.chosen_tax_classes
        self._chosen_channels = [name.casefold() for name in settings.sales_channels]
        self._taxes = Asked(self._read_taxes)
        self._channels = Asked(self._read_channels)

    def tax(self, rate: Decimal | None) -> Tax | Refused:
        """The tax that means a rate; never the next best one.

        Raises:
            SideError: The shop cannot be asked now.
        """
        if rate is None:
            return Refused("tax_rate_unknown", "the till does not say the tax rate of the product")
        taxes = {tax.id: tax for tax in self._taxes.now()}
        chosen: dict[Decimal, str] = {}
        for said, name in self._chosen_taxes.items():
            named = [tax.id for tax in taxes.values() if tax.name.casefold() == name.casefold() and tax.rate == said]
            if not named and said == rate:
                return Refused("no_tax", f"tax_classes names {name}, and the shop has no such tax of {said} %")
            chosen |= {said: named[0]} if named else {}
        found = tax_class_for(rate, {tax.id: tax.rate for tax in taxes.values()}, chosen)
        if isinstance(found, NoTaxClass):
            key = canonical_rate(rate) or str(rate)
            names = ", ".join(taxes[each].name for each in found.candidates)
            which = f"several have it: {names}" if found.candidates else "none has it"
            advice = f'say which one is meant: tax_classes = {{ "{key}" = "…" }} in the shop\'s table'
            return Refused("no_tax", f"no tax of the shop is the one for {key} %: {which}; {advice}")
        return taxes[found]

    def channels(self) -> list[Channel]:
        """Sales channels that products are shown in: those that the configuration names, else all storefronts.

        Raises:
            SideError: The shop cannot be asked now.
        """
        return self._channels.now()

    def forget(self) -> None:
        """Ask anew for both next time."""
        self._taxes.forget()
        self._channels.forget()

    def root(self) -> str | Refused:
        """The category that all of the till's are below.

        Raises:
            SideError: The shop cannot be asked now.
        """
        channels = self.channels()
        roots = {channel.root for channel in channels}
        if len(roots) == 1:
            return roots.pop()
        names = ", ".join(channel.name for channel in channels) or "none"
        return Refused(
            "no_root", f"it is not clear which catalogue categories belong to (sales channels: {names}); name one of "
            "them in sales_channels",
        )  # fmt: skip

    def _read_taxes(self) -> list[Tax]:
        found = []
        for row in small_list(self._client, "tax", _TAXES):
            rate = row.get("taxRate")
            if isinstance(rate, bool) or not isinstance(rate, int | Decimal):
                raise Malformed(f"the rate of tax {row.get('id')} is no number")
            found.append(Tax(row_id(row), plain(row.get("name")), Decimal(rate)))
        return found

    def _read_channels(self) -> list[Channel]:
        filters = [equals("active", True)]
        if not self._chosen_channels:
            filters.append(equals("typeId", STOREFRONT))
        rows = small_list(self._client, "sales_channel", _CHANNELS, filters)
        found = [
            Channel(row_id(row), plain(row.get("name")), row["navigationCategoryId"])
            for row in rows
            if is_id(row.get("navigationCategoryId"))
        ]
        if not self._chosen_channels:
            return found
        return [
            each for each in found if each.name.casefold() in self._chosen_channels or each.id in self._chosen_channels
        ]
