"""Edits of attributes: what a variation's siblings show of the other side's words, and edits that cannot be placed.

No calls to sides. The rule itself is ``core.attributes``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from syncd.core.fields import ATTRIBUTES, Pair, kept, told
from syncd.service.findings import Found, close_finding, open_finding
from syncd.state.models import Finding, Listing, Side
from syncd.state.product_models import FieldPair

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from syncd.service.side import SideContext


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
            self._known[family] = self._pairs(*family)
        return [pair for listing_id, pair in self._known[family].items() if listing_id != shop.id]

    def _pairs(self, side_id: int, parent: str) -> dict[int, Pair]:
        query = (
            select(FieldPair)
            .join(Listing, Listing.id == FieldPair.listing_id)
            .where(Listing.side_id == side_id, Listing.parent_external_id == parent, Listing.gone_at.is_(None))
            .where(Listing.item_id.is_not(None), FieldPair.field == ATTRIBUTES)
            .order_by(FieldPair.listing_id)
        )
        rows = self._session.scalars(query)
        return {
            row.listing_id: Pair(row.agreed_hub, row.agreed_shop)
            for row in rows
            if row.agreed_hub is not None and row.agreed_shop is not None
        }


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
    row.refused_hub, row.refused_shop = kept(shows.hub), kept(shows.shop)
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
