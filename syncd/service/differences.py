"""Fields of products that differ between the hub and a shop: what their owner would have written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import aliased

from syncd.core.fields import End, Owner, Pair, Past, WriteField, judge
from syncd.core.model import StockMode
from syncd.service.families import Linked, families
from syncd.service.field_plan import shown
from syncd.state.models import Listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that two linked listings show differently.

    Attributes:
        listing: The shop's.
        field: Name of the field.
        hub: What the hub shows.
        shop: What the shop shows.
        to: The end that would follow.
    """

    listing: Listing
    field: str
    hub: str
    shop: str
    to: End


def differences(
    session: Session, shop_id: int, hub_id: int, linkable: Sequence[Linked], owners: Mapping[str, Owner]
) -> Iterator[Difference]:
    """Compare linked listings, and those that will be linked, field by field.

    Args:
        session: A reading session.
        shop_id: The shop's row id.
        hub_id: The hub's row id.
        linkable: Listings of shop and hub that will be linked.
        owners: Who may change which field; others are not looked at.
    """
    shop, hub = aliased(Listing), aliased(Listing)
    linked = select(shop, hub).join(hub, hub.item_id == shop.item_id).order_by(shop.id)
    linked = linked.where(shop.side_id == shop_id, hub.side_id == hub_id, shop.gone_at.is_(None), hub.gone_at.is_(None))
    pairs = [(one, other) for one, other in session.execute(linked)]
    pairs += [*linkable, *_products(session, shop_id, hub_id, linkable)]
    for one, other in pairs:
        here, there = shown(one), shown(other)
        for field, owner in owners.items():
            if field not in here or field not in there:
                continue
            verdict = judge(field, owner, Pair(there[field], here[field]), Past())
            if isinstance(verdict, WriteField):
                yield Difference(one, field, there[field], here[field], verdict.to)


def _products(
    session: Session, shop_id: int, hub_id: int, linkable: Sequence[Linked]
) -> Iterator[tuple[Listing, Listing]]:
    """Products with variations that will be compared."""
    together = families(session, shop_id, hub_id, pairs=linkable)
    groups = select(Listing).where(Listing.stock_mode == StockMode.GROUP, Listing.gone_at.is_(None))
    rows = {
        side: {row.external_id: row for row in session.scalars(groups.where(Listing.side_id == side))}
        for side in (shop_id, hub_id)
    }
    for here, there in together.items():
        if here in rows[shop_id] and there in rows[hub_id]:
            yield rows[shop_id][here], rows[hub_id][there]
