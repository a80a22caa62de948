"""What chaos needs of a simulated shop: its people, the truth about it, and what its requests are."""

from __future__ import annotations

import re
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from syncd.simulators.server import SimServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncd.simulators.catalogue import CatalogueProduct
    from syncd.simulators.server import SimRequest, Simulator

Lines = list[tuple[str, int]]
"""SKUs and units of an order."""


class SoldOut(Exception):
    """The shop does not sell so much just now: the customer leaves, and nothing has happened."""


EVERY_LABEL = frozenset({"name", "description", "brand", "categories", "images", "price", "options"})


@dataclass(frozen=True, slots=True)
class Event:
    """One change of stock that people wanted; ``units`` signed, also if a stale write swallowed them afterwards."""

    at: datetime
    sku: str
    units: Decimal
    kind: str
    reference: str


class ChaosShop(ABC):
    """One shop. Its people act in one thread; whatever they want is in ``events``. ``close`` it after its server."""

    kind: ClassVar[str]
    """Name of its adapter."""
    labels: ClassVar[frozenset[str]] = EVERY_LABEL
    """Of what the till shows of a product, what this shop shows too (as ``fields`` calls it)."""
    edits_can_vanish: ClassVar[bool] = False
    """Stock is set and not added to: an edit by hand in the moment of a write is overwritten (docs/guarantees.md)."""

    refunds_are_edits: ClassVar[bool] = False
    """What comes back leaves no document: nobody can tell it from an edit by hand."""

    sends_orders: ClassVar[bool] = False
    """Orders are sent, which moves what is on hand and nothing that can be sold."""

    products: ClassVar[int] = 96
    """How many products a longer run has."""

    @classmethod
    def missing(cls) -> str:
        """Why it cannot be opened on this machine; empty if it can."""
        return ""

    def __init__(self, catalogue: Sequence[CatalogueProduct], opening: Mapping[str, int]) -> None:
        """Sell ``catalogue``; ``opening`` has the units of everything that can be sold."""
        self._events: list[Event] = []
        self._lock = threading.Lock()
        self.server = self.serve(self.open(catalogue, opening))

    @abstractmethod
    def open(self, catalogue: Sequence[CatalogueProduct], opening: Mapping[str, int]) -> Simulator:
        """Make the simulated shop."""

    def serve(self, simulator: Simulator) -> SimServer:
        """Make its server, not started yet."""
        return SimServer(simulator)

    def close(self) -> None:
        """Close what stands behind its server."""
        return

    @abstractmethod
    def settings(self) -> Mapping[str, str]:
        """Keys of ``[shops.NAME]`` that are the adapter's, without secrets."""

    @abstractmethod
    def secrets(self) -> Mapping[str, str]:
        """Those that are secret: each goes into a file of its own."""

    def begin_races(self, seconds: float) -> None:
        """From now on the shop waits so long between reading and writing a quantity.

        Raises:
            ValueError: It is asked to wait, and has nothing to do in between.
        """
        if seconds:
            raise ValueError(f"{self.kind} has no gap between reading and writing here")

    def land_inside(self, act: Callable[[str], None]) -> None:
        """From now on do something with the SKU between its reading and its writing of a quantity.

        Raises:
            ValueError: There is nothing in between.
        """
        raise ValueError(f"{self.kind} has no gap between reading and writing here")

    def overwritten(self) -> Sequence[Event] | None:
        """What our own writes to it overwrote so far: net units of each write; ``None`` if it does not know."""
        return None

    # What it shows

    @abstractmethod
    def stock(self) -> dict[str, int | None]:
        """Units of everything that can be sold, by SKU."""

    @abstractmethod
    def fields(self) -> Mapping[str, Mapping[str, str]]:
        """What customers read, by SKU."""

    @abstractmethod
    def names(self) -> list[str]:
        """Names of all products that are no variations, as often as they are there."""

    def events(self) -> list[Event]:
        """Everything that people wanted so far, oldest first; what syncd wrote is not in it."""
        with self._lock:
            return list(self._events)

    def note(self, sku: str, units: Decimal | int, kind: str, reference: str = "") -> None:
        """Remember what somebody wanted, for shops that keep no history."""
        with self._lock:
            self._events.append(Event(datetime.now(UTC), sku, Decimal(units), kind, reference))

    # What people do

    @abstractmethod
    def order(self, lines: Lines) -> str:
        """A customer orders; returns its number.

        Raises:
            SoldOut: The shop has not enough.
        """

    def send(self, order: str) -> None:
        """Send an order whole.

        Raises:
            LookupError: Orders are not sent here.
        """
        raise LookupError(f"{self.kind} sends no orders here: {order}")

    @abstractmethod
    def cancel(self, order: str, lines: Lines) -> None:
        """Cancel an order: what it took goes back to stock."""

    @abstractmethod
    def refund(self, order: str, sku: str, bought: int, back: int) -> None:
        """Take some of the bought units back into stock."""

    @abstractmethod
    def type_stock(self, sku: str, units: int) -> None:
        """Somebody types a quantity into the admin."""

    @abstractmethod
    def type_price(self, sku: str, gross: str) -> None:
        """Somebody types a price into the admin."""

    # What a request is

    def writes(self, request: SimRequest) -> bool:
        """Whether it can change goods; a request for a token cannot."""
        return request.method != "GET" and "token" not in request.path

    def target(self, request: SimRequest) -> str:
        """Pattern for requests of its kind, for a fault that shall hit it."""
        return "^" + re.escape(request.path)
