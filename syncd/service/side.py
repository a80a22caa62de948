"""One side as the engine works with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from syncd.core.fields import Owner
from syncd.core.guard import SafetyLimits
from syncd.core.model import StockMode
from syncd.core.stock import StockPolicy
from syncd.state.models import Listing, Side

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from syncd.adapters.base import SideAdapter
    from syncd.state.engine import Database
    from syncd.state.projections import Stocked

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Present time, aware UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class SideContext:
    """Everything that work on one side needs.

    Attributes:
        id: Row id in ``sides``.
        adapter: The side itself.
        db: Where syncd remembers.
        policy: What the side should hold.
        limits: Safety limits (shops only).
        initial_stock: ``hub``, ``shop`` or ``equal_only``: whose quantity counts at the first link.
        manage_unmanaged: Switch stock management on for listings that do not count stock.
        shop_owners: Who may change which field of a product, by row id of the shop: of all shops for the hub, of itself
            for a shop. Empty: fields are left alone.
        shop_limits: Limits of the shops that values for the hub come from, by row id.
        creation: Which products of the hub are made here: ``never``, ``published`` or ``all`` (shops only).
        publish: Whether customers may see at once what is made here.
        sources: Sides whose products may be made here: the hub, for a shop; the shops, for the hub.
        offers: Whether its products are made at the hub (shops only).
        settle: How long the side may show the value before our write.
        in_doubt: How long the side may be working on a request whose answer we lost.
        now: Clock.
        may_write: Whether this process may still write to sides; ``False`` while its lease may be another's.
    """

    id: int
    name: str
    role: str
    adapter: SideAdapter
    db: Database
    policy: StockPolicy
    limits: SafetyLimits = field(default_factory=SafetyLimits)
    initial_stock: str = "hub"
    manage_unmanaged: bool = False
    shop_owners: Mapping[int, Mapping[str, Owner]] = field(default_factory=dict)
    shop_limits: Mapping[int, SafetyLimits] = field(default_factory=dict)
    creation: str = "never"
    publish: bool = False
    deletion: str = "ignore"
    sources: tuple[SideContext, ...] = field(default=(), repr=False, compare=False)
    offers: bool = False
    settle: timedelta = timedelta(seconds=10)
    in_doubt: timedelta = timedelta(seconds=60)
    now: Clock = utc_now
    may_write: Callable[[], bool] = lambda: True

    @property
    def is_hub(self) -> bool:
        """Whether this side holds the canonical quantities."""
        return self.role == "hub"

    @property
    def can_swallow(self) -> bool:
        """Whether an order inside our own write can be lost there, and its document tells."""
        capabilities = self.adapter.capabilities
        return capabilities.events and not capabilities.atomic

    @property
    def policy_text(self) -> str:
        """The policy as the side's row keeps it, to see whether it changed since it was last planned with."""
        policy = self.policy
        buffers = {key: str(units) for key, units in sorted(policy.buffers.items())}
        return json.dumps([str(policy.buffer), buffers, policy.allow_negative, policy.fractions, self.manage_unmanaged])

    @property
    def owners_text(self) -> str:
        """The owners as the side's row keeps them, to see whether they changed since fields were last compared."""
        return json.dumps({field: str(owner) for field, owner in sorted(self.owners_of(self.id).items())})

    def owners_of(self, shop_id: int) -> Mapping[str, Owner]:
        """Who may change which field of a product of a shop."""
        return self.shop_owners.get(shop_id, {})

    def writable(self, listing: Stocked) -> bool:
        """Whether stock of a linked listing may be written."""
        if listing.item_id is None or listing.gone_at is not None or listing.held_at is not None:
            return False
        if listing.stock_mode == StockMode.OWN:
            return listing.shadow is not None
        return listing.stock_mode == StockMode.UNMANAGED and self.manage_unmanaged and not self.is_hub

    def row(self, session: Session) -> Side:
        """The side's own row."""
        return session.get_one(Side, self.id)

    def linked_count(self, session: Session) -> int:
        """How many listings of this side are linked and present."""
        query = select(func.count()).where(
            Listing.side_id == self.id, Listing.item_id.is_not(None), Listing.gone_at.is_(None)
        )
        return session.scalar(query) or 0
