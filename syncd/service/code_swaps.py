"""Codes that products of one side are to swap: no product can have its own before another one gave it away.

A code in between would solve it, and a daemon that dies after its first step would leave the product with that one, or
with none, in front of customers. So a person is told what to do. No calls to sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.fields import GTIN, SKU
from syncd.core.keys import gtin_key, sku_key
from syncd.service.field_plan import shown
from syncd.state.models import Listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import InstrumentedAttribute, Session

_KEYS: dict[str, tuple[Callable[[str | None], str | None], InstrumentedAttribute[str | None]]] = {
    SKU: (sku_key, Listing.sku_key),
    GTIN: (gtin_key, Listing.gtin_key),
}
_LONGEST = 20


def in_the_way(session: Session, row: Listing, source_side: int, field: str, wanted: str) -> list[tuple[Listing, str]]:
    """Products that wait for each other's codes, and so for ever: who has the code that this one is to have, and so on.

    Args:
        session: Any session.
        row: The product whose code was refused, as its side has it.
        source_side: Row id of the side that the codes come from.
        field: ``sku`` or ``gtin``.
        wanted: The code that it is to have.

    Returns:
        The others, each with the code that it is to have; the last one is to have that of ``row``. Empty if the code is
        free, or one of them keeps its own: then another code, or a word of a person, moves the others.
    """
    if field not in _KEYS:
        return []
    key_of, column = _KEYS[field]
    chain: list[tuple[Listing, str]] = []
    code: str | None = wanted
    while code is not None and len(chain) < _LONGEST:
        has_it = select(Listing).where(
            Listing.side_id == row.side_id, column == key_of(code), Listing.gone_at.is_(None)
        )
        holders = session.scalars(has_it.limit(2)).all()
        if len(holders) != 1:
            return []
        holder = holders[0]
        if holder.id == row.id:
            return chain
        code = _wanted(session, holder, source_side, field)
        if code is None or key_of(code) == key_of(shown(holder).get(field)) or holder in (each for each, _ in chain):
            return []
        chain.append((holder, code))
    return []


def _wanted(session: Session, holder: Listing, source_side: int, field: str) -> str | None:
    if holder.item_id is None:
        return None
    query = select(Listing).where(
        Listing.side_id == source_side, Listing.item_id == holder.item_id, Listing.gone_at.is_(None)
    )
    partner = session.scalars(query.limit(1)).one_or_none()
    return None if partner is None else shown(partner).get(field) or None
