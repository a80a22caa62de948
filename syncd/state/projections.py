"""Which columns of a listing, or of an operation, a piece of work reads.

A first sync and a sweep load every listing several times; most of the time of loading goes into times and long texts
that are not looked at. What is left out here is still there: it is asked for row by row, slowly, if somebody reads it
inside the session after all, so what such work reads is named here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.orm import defer, load_only

from syncd.state.models import Listing, Operation

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from sqlalchemy.orm.interfaces import ORMOption


class Stocked(Protocol):
    """What planning reads of a listing, be it an object of the session or a plain row (``PLAN``)."""

    @property
    def id(self) -> int:
        """Row id."""

    @property
    def item_id(self) -> int | None:
        """Item that it is linked to."""

    @property
    def external_id(self) -> str:
        """Id at its side."""

    @property
    def parent_external_id(self) -> str | None:
        """Id of the product that it is a variation of."""

    @property
    def sku(self) -> str | None:
        """As written there."""

    @property
    def sku_key(self) -> str | None:
        """As compared."""

    @property
    def name(self) -> str:
        """As shown there."""

    @property
    def stock_mode(self) -> str:
        """How its side counts it."""

    @property
    def shadow(self) -> Decimal | None:
        """Units that the side holds as far as we know."""

    @property
    def gone_at(self) -> datetime | None:
        """Since when it is gone."""

    @property
    def held_at(self) -> datetime | None:
        """Since when a person is asked."""


PLAN = (
    Listing.id,
    Listing.item_id,
    Listing.external_id,
    Listing.parent_external_id,
    Listing.sku,
    Listing.sku_key,
    Listing.name,
    Listing.stock_mode,
    Listing.shadow,
    Listing.gone_at,
    Listing.held_at,
)
"""``Stocked`` as columns: plain rows cost a third of what objects do."""

STOCK = (
    Listing.side_id,
    Listing.item_id,
    Listing.external_id,
    Listing.parent_external_id,
    Listing.sku,
    Listing.sku_key,
    Listing.gtin_key,
    Listing.name,
    Listing.stock_mode,
    Listing.shadow,
    Listing.wanted,
    Listing.pending,
    Listing.held_at,
    Listing.write_seq,
    Listing.gone_at,
)
"""What writing and confirming stock reads, and what links are found by."""

FIELDS = (
    Listing.side_id,
    Listing.item_id,
    Listing.external_id,
    Listing.parent_external_id,
    Listing.sku,
    Listing.name,
    Listing.stock_mode,
    Listing.fields,
    Listing.fields_pending,
    Listing.fields_recheck_at,
)
"""What comparing fields reads."""

WRITE = (
    Operation.uid,
    Operation.run_id,
    Operation.item_id,
    Operation.listing_id,
    Operation.difference,
    Operation.expected_before,
    Operation.start_managing,
    Operation.reported,
    Operation.state,
    Operation.error,
)
"""What recording the outcome of a write reads of its operation."""

_TIMES = (Listing.shadow_at, Listing.linked_at, Listing.first_seen_at, Listing.fields_recheck_at)


def only(columns: tuple[Any, ...], model: Any = Listing) -> ORMOption:
    """Load only these columns of ``model`` (their class, or an alias of it)."""
    return load_only(*(getattr(model, column.key) for column in columns))


def without_times() -> tuple[ORMOption, ...]:
    """Load everything but the times at which something was done, which only people look at."""
    return tuple(defer(column) for column in _TIMES)
