"""Words of the domain as frozen values, shared by adapters, engine and state.

Quantities are ``Decimal`` sellable units (pieces, or the unit the till sells by); never ``float``.
Instants are aware UTC datetimes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from syncd.core.images import Image

Quantity = Decimal

ZERO = Decimal(0)


class StockMode(StrEnum):
    """Who keeps the stock of a listing on its side."""

    OWN = "own"
    """The listing has a quantity of its own: it can be synced."""
    PARENT = "parent"
    """The parent product keeps one pool for all its variations: this listing has no quantity of its own."""
    UNMANAGED = "unmanaged"
    """The side does not count this listing."""
    GROUP = "group"
    """A parent that only groups variations: never sellable, never linked, never written."""


@dataclass(frozen=True, slots=True)
class ListingRef:
    """How a side addresses one sellable unit.

    Attributes:
        external_id: The side's own id as text (INVENTORUM product id, WooCommerce product or variation id, a GID).
        parent_external_id: Id of the parent product if the listing is a variation. Not part of the identity.
    """

    external_id: str
    parent_external_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RemoteListing:
    """What a side says about one listing at one moment: a reading.

    Attributes:
        ref: The listing.
        name: Name for people.
        sku: Merchant's code as the side gives it, ``None`` if empty.
        gtin: EAN/GTIN/UPC as the side gives it, ``None`` if empty.
        stock_mode: Who keeps the stock.
        quantity: Units the side holds; ``None`` unless ``stock_mode`` is ``OWN`` (or unknown for another reason).
        published: Whether customers of that side can buy it; at a till, whether it is meant for shops.
        marker: Operation id saved with our last stock write, where the side can carry one.
        fields: What the side shows of the product's fields, as canonical texts (``core.fields``); a field that it
            does not say is missing, one that is empty is ``""``.
        children: For ``GROUP`` listings, ids of all variations if the side lists them; a known variation that is not
            among them is read again by id.
    """

    ref: ListingRef
    name: str
    sku: str | None
    gtin: str | None
    stock_mode: StockMode
    quantity: Quantity | None
    published: bool = True
    marker: str | None = None
    children: tuple[str, ...] | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


class Proof(StrEnum):
    """Why we believe that a listing is gone; a missing row in a list is never enough."""

    NOT_FOUND = "not_found"
    """The side answered 404 (or its equivalent) for the id."""
    TRASHED = "trashed"
    """The side shows it in its trash."""
    DELETED_FEED = "deleted_feed"
    """The side's deletion feed names the id, and the id could not be read any more."""


@dataclass(frozen=True, slots=True)
class GoneListing:
    """A listing that its side no longer has, with the proof."""

    ref: ListingRef
    proof: Proof


class EventKind(StrEnum):
    """Documents of a side that move stock there."""

    ORDER = "order"
    REFUND = "refund"
    RETURN = "return"
    UNDONE = "undone"
    """Not for adapters: one of both steps of a document that was undone before anybody had read it."""


@dataclass(frozen=True, slots=True)
class StockEvent:
    """Evidence: a line of an order, refund or return that moved stock on its side.

    It never moves our stock by itself (readings do); it explains a reading, and settles unknown outcomes.

    Attributes:
        ref: Listing whose stock it moved.
        key: Unique and stable on the side, for example ``order:505:line:37``. The same key again replaces the value.
            Where writes carry no marker, part of a document that comes back must be a document of its own (a return).
        kind: What document.
        reference: What a person calls it, for example ``order 505``.
        quantity: Signed effect on the side's stock so far, in units; a sale of 2 is ``-2``. Zero when undone.
        occurred_at: When the side says it last changed (the side's clock).
        began_at: Earliest moment it may have moved stock (an order's creation); ``None`` if the side does not say.
        undone: Units that came back when the document was undone (an order was cancelled), at some moment between
            ``began_at``, when they went, and ``occurred_at``. For documents with ``quantity`` zero. If it cannot be
            told whether they ever went, as if they had: both steps together move nothing.
    """

    ref: ListingRef
    key: str
    kind: EventKind
    reference: str
    quantity: Quantity
    occurred_at: datetime
    began_at: datetime | None = None
    undone: Quantity = ZERO


Cursor = dict[str, str]
"""Feed name to position, both opaque to the engine; stored in table ``cursors``, one row per feed."""


@dataclass(frozen=True, slots=True)
class ChangePage:
    """One page of readings.

    Attributes:
        listings: Current readings, each listing at most once per page.
        gone: Listings proved to be gone.
        events: Evidence read on the way.
        total: How many listings the whole read will bring, if known (for progress only).
        cursor: Set on the last page only: where the next read continues. The engine stores it after the effects of
            all pages are committed.
    """

    listings: tuple[RemoteListing, ...] = ()
    gone: tuple[GoneListing, ...] = ()
    events: tuple[StockEvent, ...] = ()
    total: int | None = None
    cursor: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class FetchResult:
    """Answer to a read by id: every asked ref is in exactly one of the two, or missing if the side could not say."""

    listings: tuple[RemoteListing, ...]
    gone: tuple[GoneListing, ...] = ()


@dataclass(frozen=True, slots=True)
class StockWrite:
    """One intended stock write, already committed as an operation.

    Attributes:
        ref: Listing to write.
        operation_id: Unique id of the operation; the marker or idempotency key on sides that can carry one.
        difference: Signed units to add. Zero only together with ``start_managing``.
        expected_before: What we believe the side holds now (the shadow).
        start_managing: The listing is unmanaged: switch stock management on and count ``difference`` from zero.
    """

    ref: ListingRef
    operation_id: str
    difference: Quantity
    expected_before: Quantity
    start_managing: bool = False

    @property
    def expected_after(self) -> Quantity:
        """What the side should report if nothing else happened there."""
        return self.expected_before + self.difference


@dataclass(frozen=True, slots=True)
class FieldsWrite:
    """Fields of one product as a side should show them from now on; never its stock.

    Attributes:
        ref: Listing to write.
        values: Canonical texts by name of the field (``core.fields``).
        images: By key, those of the field ``images`` that the side does not show yet.
    """

    ref: ListingRef
    values: Mapping[str, str]
    images: Mapping[str, Image] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """The side took the fields.

    Attributes:
        fields: What it shows of them now, which may be spelled in its own way.
        lost: Fields of which something that was sent is not there, with the reason: a category that was deleted just
            now. They do not count as written, and are tried again.
        kept: Fields that it stored as they were sent, by the ids of their parts, however it shows them.
    """

    fields: Mapping[str, str]
    lost: Mapping[str, str] = field(default_factory=dict)
    kept: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True)
class Applied:
    """The side took the write. ``quantity`` is what it reports afterwards, ``None`` if it reports nothing."""

    quantity: Quantity | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The side refused this one write; nothing was applied. ``gone`` if because the listing does not exist."""

    code: str
    message: str
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The write may or may not have been applied."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """The write did not leave: an earlier one of the same call failed in a way that makes going on unwise."""

    reason: str


@dataclass(frozen=True, slots=True)
class WrittenInPart:
    """The side took some of the fields, as ``Written``; ``rest`` says what became of each of the others."""

    fields: Mapping[str, str]
    rest: Mapping[str, Refused | Unknown | NotSent]


WriteResult = Applied | Refused | Unknown | NotSent
FieldsResult = Written | WrittenInPart | Refused | Unknown | NotSent
