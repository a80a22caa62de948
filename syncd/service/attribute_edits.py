"""Edits of attributes: what a variation's siblings show of the other side's words, and edits that cannot be placed.

No calls to sides. The rule itself is ``core.attributes``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from syncd.core.attributes import attributes_text, named_there
from syncd.core.fields import ATTRIBUTES, Pair, is_cut, told
from syncd.core.model import Refused
from syncd.service.findings import Found, close_finding, open_finding
from syncd.state.models import Finding, Listing, Side
from syncd.state.product_models import FieldPair

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from syncd.core.products import Product
    from syncd.service.side import SideContext


_UNKNOWN = "which attributes of its other variations there those of the new one are cannot be known"


class Siblings:
    """What both ends of a shop's variations showed when they agreed last; asked once for each product."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[tuple[int, str], dict[int, Pair]] = {}

    def of(self, shop: Listing) -> list[Pair]:
        """The pairs of the other variations of a variation's product in the shop."""
        if shop.parent_external_id is None:
            return []
        family = shop.side_id, shop.parent_external_id
        if family not in self._known:
            self._known[family] = agreed_in(self._session, *family)
        return [pair for listing_id, pair in self._known[family].items() if listing_id != shop.id]


def agreed_in(session: Session, shop_id: int, parent: str) -> dict[int, Pair]:
    """What both ends of the variations of a shop's product showed when they agreed last, by row id of the listing."""
    query = (
        select(FieldPair)
        .join(Listing, Listing.id == FieldPair.listing_id)
        .where(Listing.side_id == shop_id, Listing.parent_external_id == parent, Listing.gone_at.is_(None))
        .where(Listing.item_id.is_not(None), FieldPair.field == ATTRIBUTES)
        .order_by(FieldPair.listing_id)
    )
    pairs = {row.listing_id: (row.agreed_hub, row.agreed_shop) for row in session.scalars(query)}
    return {row: Pair(hub, shop) for row, (hub, shop) in pairs.items() if hub is not None and shop is not None}


def named_as_there(
    session: Session, side: SideContext, source: SideContext, family: str, product: Product
) -> Product | Refused:
    """A product's new variations with the attributes that their siblings on a side show.

    Args:
        session: Any session.
        side: Where they are to be made, in a product that is there.
        source: Where they come from.
        family: The shop's id of the product, whichever of the two is the shop.
        product: What is to be made.
    """
    shop = source if side.is_hub else side
    pairs = agreed_in(session, shop.id, family).values()
    siblings = [(one.shop, one.hub) if side.is_hub else (one.hub, one.shop) for one in pairs if not is_cut(one)]
    units = []
    for unit in product.units:
        attributes = named_there(unit.attributes, siblings)
        if attributes is None:
            shows = told(ATTRIBUTES, attributes_text(unit.attributes))
            return Refused(
                "attributes_unknown", f"{_UNKNOWN}: “{shows}”; add it there by hand, with the same SKU or EAN"
            )
        units.append(replace(unit, attributes=attributes))
    return replace(product, units=tuple(units))


def tell_unplaced(session: Session, side: SideContext, shop: Listing, row: FieldPair, shows: Pair) -> None:
    """An edit of attributes cannot be placed at ``side``: nothing is written, and both values are told.

    As after a refusal it is looked at again when one of the two changes.
    """
    name = session.get_one(Side, shop.side_id).name
    at_hub, at_shop = told(ATTRIBUTES, shows.hub), told(ATTRIBUTES, shows.shop)
    here, there = (f"in {name}", "at the till") if side.is_hub else ("at the till", f"in {name}")
    found = Found(
        kind="field_conflict",
        subject=f"{name} {shop.external_id} {ATTRIBUTES}",
        side_id=shop.side_id,
        item_id=shop.item_id,
        message=f"the {ATTRIBUTES} of {shop.sku or shop.name} were edited {here}, and which attribute {there} it is "
        f"about cannot be known: “{at_hub}” at the till, “{at_shop}” in {name}; nothing was written",
        advice=f"Enter it {there} by hand, if it is to be there; what you enter stays. Attributes that both sides call "
        "alike are carried over. `syncd findings resolve {id}` closes this.",
    )
    close_finding(session, "field_refused", found.subject, side.now())
    row.refused_hub, row.refused_shop = shows.hub, shows.shop
    open_finding(session, found, side.now())


def was_refused_by_a_side(side_id: int) -> ColumnElement[bool]:
    """Condition on pairs of a shop: not merely unplaced, which no other try would change.

    Every refusal by a side has an open finding, as long as the pair that was refused is shown.
    """
    told_of = select(Finding.item_id).where(
        Finding.kind == "field_refused", Finding.closed_at.is_(None), Finding.subject.endswith(f" {ATTRIBUTES}")
    )
    listings = select(Listing.id).where(Listing.side_id == side_id, Listing.item_id.in_(told_of))
    return or_(FieldPair.field != ATTRIBUTES, FieldPair.listing_id.in_(listings))
