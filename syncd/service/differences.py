"""Fields of products that differ between the hub and a shop: what their owner would have written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import aliased

from syncd.core.fields import End, Owner, Past, WriteField, reconcile
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
    session: Session, shop_id: int, hub_id: int, linkable: Sequence[tuple[int, int]], owners: Mapping[str, Owner]
) -> Iterator[Difference]:
    """Compare linked listings, and those that will be linked, field by field.

    Args:
        session: A reading session.
        shop_id: The shop's row id.
        hub_id: The hub's row id.
        linkable: Row ids of shop and hub listings that will be linked.
        owners: Who may change which field; others are not looked at.
    """
    shop, hub = aliased(Listing), aliased(Listing)
    linked = select(shop, hub).join(hub, hub.item_id == shop.item_id).order_by(shop.id)
    linked = linked.where(shop.side_id == shop_id, hub.side_id == hub_id, shop.gone_at.is_(None), hub.gone_at.is_(None))
    pairs = [(one, other) for one, other in session.execute(linked)]
    pairs += [(session.get_one(Listing, here), session.get_one(Listing, there)) for here, there in linkable]
    for one, other in pairs:
        here, there = shown(one), shown(other)
        for field, owner in owners.items():
            if field not in here or field not in there:
                continue
            verdict = reconcile(owner, there[field], here[field], Past())
            if isinstance(verdict, WriteField):
                yield Difference(one, field, there[field], here[field], verdict.to)
