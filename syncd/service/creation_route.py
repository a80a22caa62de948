"""Which way products are made: from the hub in a shop, or from a shop at the hub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.service.findings import creations_subject
from syncd.state.models import Listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from syncd.core.products import Product
    from syncd.service.side import SideContext

NEVER = "never"
PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class Route:
    """From whose catalogue products are made where: from the hub in a shop, or from a shop at the hub.

    Attributes:
        target: Where they are made.
        source_id: Row id of the side that has them.
        source_name: Its name.
        shop: The shop of the two, whose configuration and limits count.
        policy: Which products: ``never``, ``published`` or ``all``.
        publish: Whether what is made is seen by customers (in a shop), or meant for shops (at the hub), at once.
        read_product: Reads a whole product of the source by its id there; ``None`` if it is gone.
    """

    target: SideContext
    source_id: int
    source_name: str
    shop: SideContext
    policy: str
    publish: bool
    read_product: Callable[[str], Product | None]

    @property
    def to_hub(self) -> bool:
        """Whether products of a shop are made at the hub."""
        return self.target.is_hub

    @property
    def stop_subject(self) -> str:
        """Subject of the safety stop on what would be made."""
        return creations_subject(f"{self.target.name} from {self.source_name}" if self.to_hub else self.target.name)

    def subject(self, external_id: str) -> str:
        """Subject of the finding that a product of the source could not be made."""
        source = f"{self.source_name} " if self.to_hub else ""
        return f"{self.target.name} {source}{external_id}"

    def position(self, session: Session) -> tuple[str, int]:
        """The policy that products were considered with last, and the last listing that was."""
        row = self.shop.row(session)
        return (row.offering, row.offered_through) if self.to_hub else (row.creation, row.considered_through)

    def keep(self, session: Session, policy: str, through: int) -> None:
        """Note how far products were considered."""
        row = self.shop.row(session)
        if self.to_hub:
            row.offering, row.offered_through = policy, through
        else:
            row.creation, row.considered_through = policy, through

    def is_of_source(self) -> ColumnElement[bool]:
        """Condition "this listing is one of the source"."""
        return Listing.side_id == self.source_id


def into_shop(shop: SideContext, hub_id: int, hub_name: str = "") -> Route:
    """Products of the hub made in a shop, by its ``create_in_shop``."""
    return Route(shop, hub_id, hub_name, shop, shop.creation, shop.publish, shop.read_hub_product)


def into_hub(hub: SideContext, shop: SideContext) -> Route:
    """Products that customers of a shop see made at the hub, by its ``create_in_inventorum``."""
    return Route(hub, shop.id, shop.name, shop, PUBLISHED if shop.offers else NEVER, True, shop.adapter.read_product)
