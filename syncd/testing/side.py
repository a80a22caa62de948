"""What the conformance suite needs of a side: its adapter, the people who work there, and the network in between.

A ``SideDriver`` is written once per adapter, for a simulator or for a real system. It tells the truth about the side
(what it really holds) without asking the adapter, and acts there as people do. Listings are named by SKU.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from syncd.adapters.base import SideAdapter
from syncd.core.model import ListingRef
from syncd.simulators.catalogue import CatalogueProduct, CatalogueVariation


class Trouble(StrEnum):
    """What happens to requests on their way."""

    LOST_BEFORE = "lost_before"
    """The connection closes; the side has done nothing."""
    LOST_AFTER = "lost_after"
    """The side has done it; the connection closes without an answer."""
    ERROR_BEFORE = "error_before"
    """500 with an HTML page; the side has done nothing."""
    ERROR_AFTER = "error_after"
    """500 with an HTML page, although the side has done it."""
    HTML = "html"
    """200 with an HTML page from something in front of the side, which has done nothing."""
    TRUNCATED = "truncated"
    """The side has done it; its answer breaks off in the middle."""
    WRONG_SHAPE = "wrong_shape"
    """The side has done it; its answer is JSON of another kind (a list for an object, an object for a list)."""
    EMPTY_LIST = "empty_list"
    """A list comes without its rows, though with the count of them."""
    TOO_MANY = "too_many"
    """429 with ``Retry-After`` of one second."""
    TOO_MANY_FOR_LONG = "too_many_for_long"
    """429 with ``Retry-After`` of one hour."""
    SLOW = "slow"
    """The answer comes after ``SLOW_S`` seconds."""


SLOW_S = 1.0
SHORT_PAUSE_S = 1.0
LONG_PAUSE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Traits:
    """What people and networks can do to this side; promises that need more are skipped.

    Attributes:
        wire: The adapter sends requests, so that they can be counted and troubled.
        variations: Products can have variations. A side without sells each as a product of its own.
        deletions_in_changes: ``read_changes`` reports what was deleted for good; otherwise only ``fetch`` proves it.
        trash: Listings can be moved to a trash and back.
        uncounted: Listings can exist whose stock is not counted.
        renews_credentials: Expired credentials can be renewed without a person.
        own_images: Products can have images that are not the hub's.
        varied_images: A variation has an image of its own.
        unique_codes: No two products can have the same SKU.
        marks: What is made carries the mark of its making.
        lacks: Fields that products of this side do not have.
        hides_variations: One variation alone can be taken from customers.
        adds_attributes: A variation can have an attribute that its siblings lack.
        adds_variations: More variations can be made beside those of a product; otherwise one request makes all of it.
        makes_at_once: One request makes a product with all its variations, also where more can be added later.
        lost_variations_in_changes: The loss of a variation shows at its parent; otherwise only a full read misses it.
        needs_sku: Nothing can be there without a SKU: taking it away is refused.
        longest_name: In characters; a longer one is refused. 0: there is no limit worth a test.
    """

    wire: bool = True
    variations: bool = True
    deletions_in_changes: bool = True
    trash: bool = False
    uncounted: bool = False
    renews_credentials: bool = False
    own_images: bool = False
    varied_images: bool = True
    unique_codes: bool = True
    marks: bool = True
    adds_variations: bool = True
    makes_at_once: bool = False
    lost_variations_in_changes: bool = True
    needs_sku: bool = False
    longest_name: int = 0
    hides_variations: bool = True
    adds_attributes: bool = True
    lacks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that reached the side: when (monotonic seconds), and whether it can change listings."""

    at: float
    write: bool


class SideDriver(Protocol):
    """One side under test. Times of the side and of the adapter come from one clock, moved by ``pass_time``."""

    @property
    def traits(self) -> Traits:
        """What can be done here."""

    @property
    def adapter(self) -> SideAdapter:
        """The adapter under test, named ``conformance``."""

    @property
    def stop(self) -> threading.Event:
        """The adapter's stop event."""

    @property
    def leads(self) -> bool:
        """What the adapter hears when it asks ``may_write`` (``traits.wire``)."""

    @leads.setter
    def leads(self, leads: bool) -> None: ...

    def reopen(self) -> None:
        """Close the adapter and make a new one, as a new process does; stored credentials stay."""

    def ref(self, sku: str) -> ListingRef:
        """How the side addresses a listing or a parent."""

    def unknown_ref(self, parent: str | None = None) -> ListingRef:
        """An id that the side never gave out, on request as a variation of ``parent``."""

    def stock(self) -> dict[str, Decimal]:
        """What the side really holds: units of everything sellable that it counts."""

    def secrets(self) -> list[str]:
        """Texts that must never be shown, as they are now."""

    def told_paths(self) -> list[str]:
        """Method and path of each exchange as the adapter told ``on_request``."""

    # What people do

    def create(self, product: CatalogueProduct) -> None:
        """Create a product."""

    def add_variation(self, parent: str, variation: CatalogueVariation) -> None:
        """Add a variation to a parent that has some."""

    def categories(self) -> list[str]:
        """Names of all categories that products are in, or were once, as a person reads them."""

    def images(self, sku: str) -> list[bytes]:
        """Content of all images that a product or variation shows, in order."""

    def add_image(self, sku: str, content: bytes, *, first: bool = False) -> None:
        """Give a product an image that is not the hub's."""

    def rename(self, sku: str, name: str) -> None:
        """Change the name."""

    def sell(self, sku: str, quantity: Decimal) -> str:
        """Sell; where the side has documents, with one. Returns what ``cancel`` takes."""

    def cancel(self, document: str) -> None:
        """Cancel a sale: its units are back in stock."""

    def receive(self, sku: str, quantity: Decimal) -> None:
        """Receive goods."""

    def count(self, sku: str, quantity: Decimal) -> None:
        """Take stock: the counted quantity becomes the stock."""

    def delete(self, sku: str) -> None:
        """Delete a product with its variations, or one variation, for good."""

    def trash(self, sku: str) -> None:
        """Move to the trash (``traits.trash``)."""

    def restore(self, sku: str) -> None:
        """Take out of the trash (``traits.trash``)."""

    def stop_counting(self, sku: str) -> None:
        """Count the stock of a listing no longer (``traits.uncounted``)."""

    def now(self) -> datetime:
        """The time of side and adapter, aware UTC."""

    def set_clock_ahead(self, seconds: float) -> None:
        """Let the side's clock differ from the adapter's (``traits.wire``)."""

    def pass_time(self, seconds: float) -> None:
        """Move the clock of side and adapter."""

    # What happens on the wire (``traits.wire``); requests for credentials are left alone and not counted

    def trouble(self, kind: Trouble, *, write: bool = False, times: int = 1, after: int = 0) -> None:
        """Trouble the next ``times`` reads or writes (-1: all), after ``after`` that pass."""

    def calm(self) -> None:
        """End all troubles and hooks."""

    def at_each_request(self, action: Callable[[Exchange], None]) -> None:
        """Call ``action`` before the side looks at a request."""

    def exchanges(self) -> list[Exchange]:
        """All requests so far."""

    def go_down(self) -> None:
        """Refuse connections from now on."""

    def expire_credentials(self, *, for_good: bool) -> None:
        """End what the adapter shows to the side; ``for_good``: a person must authorise again."""


class OpenSide(Protocol):
    """Opens a side that sells a catalogue.

    ``patience_s`` is how long the adapter waits for an answer.
    """

    def __call__(
        self, catalogue: Sequence[CatalogueProduct], *, patience_s: float = 10.0
    ) -> AbstractContextManager[SideDriver]:
        """Open it; closed at the end, with its adapter."""
