"""Which products of a shop are to be made at the hub. No calls to sides (design 4, rule 4).

Only where the shop's configuration says so; the side is always the hub, the source a shop. Variations cannot be added
later, so a product is made whole or not at all.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import or_, select, union_all, update
from sqlalchemy.orm import aliased

from syncd.config.schema import CREATE_IN_HUB
from syncd.core.keys import sku_key
from syncd.core.model import StockMode
from syncd.service.creation_plan import (
    IN_DOUBT,
    PlannedProduct,
    PlannedUnit,
    any_in_doubt,
    codes_there,
    has_code,
    lapse,
)
from syncd.service.linking import PARTED, codes_twice, ready_to_link
from syncd.state.models import Listing, Operation, Tombstone
from syncd.state.product_models import Creation, FieldPair, Withdrawal, is_unsettled, is_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import InstrumentedAttribute, Session

    from syncd.service.side import SideContext

T = TypeVar("T")

_CHUNK = 400
_SELLABLE = (StockMode.OWN, StockMode.UNMANAGED)


def offer_at_start(session: Session, hub_id: int, shop: SideContext) -> None:
    """The process starts, maybe with another configuration: what is linked with nothing is considered once.

    ``linking`` offers whatever it finds no partner for.
    """
    known = select(Creation.listing_id).where(Creation.side_id == hub_id)
    alone = Listing.side_id == shop.id, Listing.item_id.is_(None), Listing.gone_at.is_(None)
    left = update(Listing).where(*alone, Listing.stock_mode.in_(_SELLABLE), Listing.id.not_in(known))
    session.execute(left.values(link_pending=True))


def consider(session: Session, side: SideContext, source: SideContext) -> bool:  # noqa: ARG001 - as ``Plans``
    """Whether anything may be made now: both catalogues are known, and nothing of the shop waits to be linked."""
    waits_for_link = select(Listing.id).where(Listing.side_id == source.id, Listing.link_pending).limit(1)
    return source.offers and ready_to_link(session, source) and session.scalar(waits_for_link) is None


def is_wanted(side: SideContext, source: SideContext) -> bool:  # noqa: ARG001 - as ``Plans``
    """Whether the configuration has products made at all."""
    return source.offers


def is_idle(session: Session, side: SideContext, source: SideContext) -> bool:
    """Whether nothing is to be made or told: most passes end here, without a writing transaction."""
    here = _of(side, source)
    left = union_all(here.where(is_waiting()), here.where(is_unsettled("refused", "unknown")))
    return session.scalar(left.limit(1)) is None


def waiting_ids(session: Session, side: SideContext) -> frozenset[int]:
    """Listings of shops that wait to be made at the hub."""
    shops = [source.id for source in side.sources if source.offers]
    query = select(Creation.listing_id).join(Listing, Listing.id == Creation.listing_id)
    query = query.where(Creation.side_id == side.id, is_waiting(), Listing.side_id.in_(shops))
    return frozenset(session.scalars(query)) if shops else frozenset()


def _of(side: SideContext, source: SideContext) -> Select[int]:
    query = select(Creation.listing_id).join(Listing, Listing.id == Creation.listing_id)
    return query.where(Creation.side_id == side.id, Listing.side_id == source.id)


def close_settled(session: Session, side: SideContext, source: SideContext) -> None:
    """Close what was told of products that need not be made any more: they are linked by now, or gone."""
    told = (Creation.state == "refused") | ((Creation.state == "unknown") & Creation.settled_at.is_not(None))
    over = Listing.gone_at.is_not(None) | Listing.item_id.is_not(None)
    lapse(session, side, source, list(session.scalars(_of(side, source).where(told, over))))


def plan_creations(
    session: Session, side: SideContext, source: SideContext, only: Sequence[int] | None = None
) -> list[PlannedProduct]:
    """What is to be made at the hub now; a writing session. What turns out not to be wanted is noted as such.

    ``only``: products that these listings of the shop belong to; ``None`` for all.
    """
    if not source.offers:
        return []
    rows = _waiting(session, side, source, only)
    if not rows:
        return []
    unwanted = _unwanted(session, side, source, rows)
    lapse(session, side, source, [row.id for row in rows if row.id in unwanted])
    rows = [row for row in rows if row.id not in unwanted]
    held = _held(session, side, source, rows)
    families: defaultdict[str, list[Listing]] = defaultdict(list)
    for row in rows:
        families[row.parent_external_id or row.external_id].append(row)
    return [
        _planned(session, side, source, family, members)
        for family, members in families.items()
        if not any(row.id in held for row in members)
    ]


def is_still_planned(session: Session, side: SideContext, source: SideContext, planned: PlannedProduct) -> bool:
    """Whether all of a planned product is still to be made, and in the same place; a writing session."""
    now = plan_creations(session, side, source, [unit.listing_id for unit in planned.units])
    return len(now) == 1 and now[0].into == planned.into and set(now[0].units) == set(planned.units)


def is_known_whole(session: Session, source: SideContext, external_ids: Sequence[str]) -> bool:
    """Whether all units of a product were read by now: a variation that comes later could not be added any more."""
    return len(set(external_ids)) == len(_rows(session, source, Listing.external_id, external_ids))


def _waiting(session: Session, side: SideContext, source: SideContext, only: Sequence[int] | None) -> list[Listing]:
    query = select(Listing).join(Creation, Creation.listing_id == Listing.id)
    query = query.where(Creation.side_id == side.id, is_waiting(), Listing.side_id == source.id)
    if only is not None:
        families = select(Listing.parent_external_id).where(
            Listing.id.in_(only), Listing.parent_external_id.is_not(None)
        )
        query = query.where(or_(Listing.id.in_(only), Listing.parent_external_id.in_(families)))
    return list(session.scalars(query.order_by(Listing.id)))


def _unwanted(session: Session, side: SideContext, source: SideContext, rows: Sequence[Listing]) -> set[int]:
    """Of some listings those that are not made as they are now; they are looked at again when they change.

    Linked, gone, parted by a person; not counted by themselves; deleted at the hub before; not seen by customers,
    itself (a draft, a variation that is switched off) or with its product.
    """
    hidden = {
        row.external_id
        for row in _rows(session, source, Listing.external_id, _families(rows))
        if not row.published or row.gone_at is not None or row.stock_mode != StockMode.GROUP
    }
    pools = {
        row.parent_external_id
        for row in _rows(session, source, Listing.parent_external_id, [row.external_id for row in rows])
        if row.gone_at is None
    }
    buried = _was_at_hub(session, side, source, rows)
    return {
        row.id
        for row in rows
        if row.item_id is not None
        or row.gone_at is not None
        or row.link_rule == PARTED
        or row.stock_mode != StockMode.OWN
        or row.external_id in pools
        or not row.published
        or row.parent_external_id in hidden
        or row.id in buried
    }


def _families(rows: Sequence[Listing]) -> list[str]:
    """Ids of the products that some listings are variations of."""
    return sorted({row.parent_external_id for row in rows if row.parent_external_id is not None})


def _rows(
    session: Session,
    side: SideContext,
    column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None],
    values: Sequence[str],
) -> list[Listing]:
    found: list[Listing] = []
    for chunk in _chunks(values):
        found += session.scalars(select(Listing).where(Listing.side_id == side.id, column.in_(chunk)))
    return found


def _was_at_hub(session: Session, side: SideContext, source: SideContext, rows: Sequence[Listing]) -> set[int]:
    """Of some listings those that were at the hub, or a sibling was: a person deleted the product, and it stays so."""
    siblings = _rows(session, source, Listing.parent_external_id, _families(rows))
    family = {row.id: row for row in [*rows, *siblings]}
    linked: set[int] = set()
    for chunk in _chunks(sorted(family)):
        for column in (Withdrawal.listing_id, Operation.listing_id, FieldPair.listing_id):
            linked.update(session.scalars(select(column).where(column.in_(chunk))))
    deleted = select(Tombstone.sku).where(Tombstone.side_id == side.id, Tombstone.sku.is_not(None))
    codes = {sku_key(sku) for sku in session.scalars(deleted)}
    unlinked = {row.id for row in family.values() if row.item_id is None}
    was = {row.id for row in family.values() if (row.id in linked & unlinked) or (row.sku_key and row.sku_key in codes)}
    left = {family[each].parent_external_id for each in was} - {None}
    return {row.id for row in rows if row.id in was or row.parent_external_id in left}


def _held(session: Session, side: SideContext, source: SideContext, rows: Sequence[Listing]) -> set[int]:
    """Of some listings those that wait: their code is somewhere already, or they may be what was made just now."""
    doubt = any_in_doubt(session, source.id, side.id)
    families = _families(rows)
    siblings = _rows(session, source, Listing.parent_external_id, families)
    unread = set(families) - {row.external_id for row in _rows(session, source, Listing.external_id, families)}
    unread |= {str(row.parent_external_id) for row in siblings if row.link_pending and row.gone_at is None}
    held: set[int] = set()
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        codes = codes_there(session, side, chunk) | _codes_in_doubt(session, side) | codes_twice(session, source, chunk)
        held |= {
            row.id
            for row in chunk
            if row.link_pending
            or row.shadow is None
            or row.parent_external_id in unread
            or (doubt and not has_code(row))
            or row.sku_key in codes
            or row.gtin_key in codes
        }
    return held


def _codes_in_doubt(session: Session, side: SideContext) -> set[str]:
    """Codes of what may have been made at the hub without an answer, from any shop."""
    query = select(Listing.sku_key, Listing.gtin_key).join(Creation, Creation.listing_id == Listing.id)
    query = query.where(Creation.side_id == side.id, is_unsettled(*IN_DOUBT))
    return {code for found in session.execute(query) for code in found if code}


def _planned(
    session: Session, side: SideContext, source: SideContext, family: str, rows: Sequence[Listing]
) -> PlannedProduct:
    units = tuple(PlannedUnit(row.id, row.external_id, row.sku, row.name) for row in rows)
    name, into, is_group = rows[0].name, None, rows[0].parent_external_id is not None
    if is_group:
        (parent,) = _rows(session, source, Listing.external_id, [family])
        name, into = parent.name, _product_of(session, side, source, family)
    rule = f"{CREATE_IN_HUB} makes published products of {source.name} at the till"
    reason = rule if into is None else f"a new variation in {source.name}"
    return PlannedProduct(family, name, units, is_group, into, reason, source.name)


def _product_of(session: Session, side: SideContext, source: SideContext, family: str) -> str | None:
    """The hub's product that siblings in the shop are linked with, or were made in."""
    hub, shop = aliased(Listing), aliased(Listing)
    linked = select(hub.parent_external_id, hub.external_id).join(shop, shop.item_id == hub.item_id)
    linked = linked.where(shop.side_id == source.id, shop.parent_external_id == family, shop.gone_at.is_(None))
    found = session.execute(linked.where(hub.side_id == side.id, hub.gone_at.is_(None)).limit(1)).first()
    if found is not None:
        parent, own = found
        return str(parent or own)
    made = select(Creation.product_id).join(Listing, Listing.id == Creation.listing_id)
    made = made.where(Listing.side_id == source.id, Listing.parent_external_id == family, Creation.side_id == side.id)
    return session.scalar(made.where(Creation.product_id.is_not(None)).limit(1))


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
