"""Which products of the hub are to be made in a shop. No calls to sides (design 4, rule 4)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from syncd.core.guard import Stop, check_creations
from syncd.core.model import StockMode
from syncd.service.findings import close_finding, open_subjects
from syncd.service.linking import ready_to_link
from syncd.state.models import Listing, Tombstone
from syncd.state.product_models import Creation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from syncd.service.side import SideContext

_CHUNK = 500
_SELLABLE = (StockMode.OWN, StockMode.UNMANAGED)
NEVER = "never"
PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class PlannedUnit:
    """One sellable unit to be made: its row of the hub, and its id there."""

    hub_listing_id: int
    external_id: str
    sku: str | None
    name: str


@dataclass(frozen=True, slots=True)
class PlannedProduct:
    """A product to be made in a shop, or more variations of one.

    Attributes:
        source_id: The hub's id of the product, or of the parent.
        name: For people.
        units: What is to be made.
        is_group: Whether the units are variations.
        into: The shop's product that they are variations of; ``None`` to make it, too.
        reason: The rule in words.
    """

    source_id: str
    name: str
    units: tuple[PlannedUnit, ...]
    is_group: bool
    into: str | None
    reason: str

    @property
    def label(self) -> str:
        """The product, for people."""
        return self.name if self.is_group else self.units[0].sku or self.name


def consider(session: Session, side: SideContext, hub_id: int) -> bool:
    """Note the hub's listings that came since this was asked last and have no partner in the shop.

    Each listing is considered once: what a person deletes in the shop is not made again.

    Returns:
        Whether anything may be made now: both catalogues are known, and nothing waits to be linked.
    """
    waits_for_link = select(Listing.id).where(Listing.side_id == side.id, Listing.link_pending).limit(1)
    if not ready_to_link(session, side) or session.scalar(waits_for_link) is not None:
        return False
    row = side.row(session)
    if row.creation != side.creation:
        undecided = Creation.side_id == side.id, Creation.state.in_(("waiting", "unwanted"))
        session.execute(delete(Creation).where(*undecided))
        row.creation, row.considered_through = side.creation, 0
    last = session.scalar(select(func.max(Listing.id)).where(Listing.side_id == hub_id)) or 0
    if side.creation != NEVER and last > row.considered_through:
        _note_new(session, side, hub_id, row.considered_through)
        row.considered_through = last
    return side.creation != NEVER


def is_idle(session: Session, side: SideContext, hub_id: int) -> bool:
    """Whether nothing is to be considered, made or told: most passes end here, without a writing transaction."""
    left = select(Creation.side_id).where(Creation.side_id == side.id, Creation.state.in_(("waiting", "refused")))
    is_new = side.row(session).creation != side.creation or has_new(session, side, hub_id)
    return not is_new and session.scalar(left.limit(1)) is None


def has_new(session: Session, side: SideContext, hub_id: int) -> bool:
    """Whether listings of the hub wait to be considered."""
    if side.creation == NEVER or not ready_to_link(session, side):
        return False
    row = side.row(session)
    last = session.scalar(select(func.max(Listing.id)).where(Listing.side_id == hub_id)) or 0
    return row.creation != side.creation or last > row.considered_through


def _note_new(session: Session, side: SideContext, hub_id: int, after: int) -> None:
    known = select(Creation.hub_listing_id).where(Creation.side_id == side.id)
    buried = select(Tombstone.item_id).where(Tombstone.side_id == side.id, Tombstone.item_id.is_not(None))
    query = select(Listing).where(
        Listing.side_id == hub_id,
        Listing.id > after,
        Listing.gone_at.is_(None),
        Listing.item_id.is_not(None),
        Listing.stock_mode.in_(_SELLABLE),
        ~_has_partner(side),
        Listing.id.not_in(known),
        Listing.item_id.not_in(buried),
    )
    rows = session.scalars(query).all()
    published = _published(session, side, hub_id, rows)
    for row in rows:
        wanted = _family(row) in published
        session.add(Creation(side_id=side.id, hub_listing_id=row.id, state="waiting" if wanted else "unwanted"))
    session.flush()


def _family(row: Listing) -> str:
    """The hub's id of the product that a listing is, or is a variation of."""
    return row.parent_external_id or row.external_id


def _published(session: Session, side: SideContext, hub_id: int, rows: Sequence[Listing]) -> set[str]:
    """Of the products of some listings those that are meant for the shop."""
    families = sorted({_family(row) for row in rows})
    if side.creation != PUBLISHED:
        return set(families)
    found: set[str] = set()
    for start in range(0, len(families), _CHUNK):
        here = Listing.external_id.in_(families[start : start + _CHUNK])
        found.update(
            session.scalars(select(Listing.external_id).where(Listing.side_id == hub_id, here, Listing.published))
        )
    return found


def _has_partner(side: SideContext) -> ColumnElement[bool]:
    """Condition "this listing of the hub has a partner in the shop", which may lie in the trash there."""
    partner = aliased(Listing)
    return exists().where(partner.item_id == Listing.item_id, partner.side_id == side.id)


def reconsider(session: Session, rows: Iterable[Listing]) -> None:
    """Listings of the hub changed: what a shop refused may be taken now, what was not wanted may be."""
    ids = [row.id for row in rows]
    for row in rows:
        if row.stock_mode == StockMode.GROUP:
            children = select(Listing.id).where(
                Listing.side_id == row.side_id, Listing.parent_external_id == row.external_id
            )
            ids += session.scalars(children)
    for start in range(0, len(ids), _CHUNK):
        here = Creation.hub_listing_id.in_(ids[start : start + _CHUNK])
        states = Creation.state.in_(("unwanted", "refused"))
        session.execute(update(Creation).where(here, states).values(state="waiting"))


def plan_creations(
    session: Session, side: SideContext, hub_id: int, only: Sequence[int] | None = None
) -> list[PlannedProduct]:
    """What is to be made in the shop now; a writing session. What turns out not to be wanted is noted as such.

    ``only``: of these listings of the hub; ``None`` for all.
    """
    if side.creation == NEVER:
        return []
    query = (
        select(Listing)
        .join(Creation, Creation.hub_listing_id == Listing.id)
        .where(Creation.side_id == side.id, Creation.state == "waiting")
        .order_by(Listing.id)
    )
    rows = session.scalars(query if only is None else query.where(Listing.id.in_(only))).all()
    if not rows:
        return []
    published = _published(session, side, hub_id, rows)
    families: defaultdict[str, list[Listing]] = defaultdict(list)
    lapsed: list[int] = []
    for row in rows:
        if _family(row) in published:
            families[_family(row)].append(row)
        else:
            lapsed.append(row.id)
    free = _free(session, side, [row for members in families.values() for row in members], lapsed)
    _lapse(session, side, lapsed)
    planned = []
    for family, members in families.items():
        units = [row for row in members if row.id in free]
        if units:
            planned.append(_planned(session, side, hub_id, family, units))
    return planned


def is_still_planned(session: Session, side: SideContext, hub_id: int, planned: PlannedProduct) -> bool:
    """Whether all of a planned product is still to be made, and in the same place; a writing session."""
    now = plan_creations(session, side, hub_id, [unit.hub_listing_id for unit in planned.units])
    return len(now) == 1 and now[0].into == planned.into and set(now[0].units) == set(planned.units)


def _free(session: Session, side: SideContext, rows: Sequence[Listing], lapsed: list[int]) -> set[int]:
    """Ids of listings that have no partner in the shop, and whose codes nothing there has."""
    free: set[int] = set()
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        here = select(Listing.item_id).where(Listing.side_id == side.id)
        paired = set(session.scalars(here.where(Listing.item_id.in_([row.item_id for row in chunk]))))
        buried = select(Tombstone.item_id).where(Tombstone.side_id == side.id)
        # What a person deleted there is not made again, whatever became of it before.
        paired |= set(session.scalars(buried.where(Tombstone.item_id.in_([row.item_id for row in chunk]))))
        codes = _codes_there(session, side, chunk)
        for row in chunk:
            if row.item_id is None or row.gone_at is not None or row.item_id in paired:
                lapsed.append(row.id)
            elif row.sku_key not in codes and row.gtin_key not in codes:
                free.add(row.id)
    return free


def _codes_there(session: Session, side: SideContext, rows: Sequence[Listing]) -> set[str]:
    skus = [row.sku_key for row in rows if row.sku_key]
    gtins = [row.gtin_key for row in rows if row.gtin_key]
    query = select(Listing.sku_key, Listing.gtin_key).where(
        Listing.side_id == side.id,
        Listing.gone_at.is_(None),
        or_(Listing.sku_key.in_(skus), Listing.gtin_key.in_(gtins)),
    )
    return {code for found in session.execute(query) for code in found if code}


def _lapse(session: Session, side: SideContext, hub_listing_ids: Sequence[int]) -> None:
    """These are not to be made, and nothing is left to be told of them."""
    told = open_subjects(session, "not_made", side.id) if hub_listing_ids else set()
    for external_id in _external_ids(session, hub_listing_ids) if told else ():
        if not_made_subject(side.name, external_id) in told:
            close_finding(session, "not_made", not_made_subject(side.name, external_id), side.now())
    for start in range(0, len(hub_listing_ids), _CHUNK):
        here = Creation.hub_listing_id.in_(hub_listing_ids[start : start + _CHUNK])
        session.execute(update(Creation).where(Creation.side_id == side.id, here).values(state="unwanted"))


def _external_ids(session: Session, listing_ids: Sequence[int]) -> list[str]:
    found: list[str] = []
    for start in range(0, len(listing_ids), _CHUNK):
        here = Listing.id.in_(listing_ids[start : start + _CHUNK])
        found += session.scalars(select(Listing.external_id).where(here))
    return found


def try_refused_again(session: Session, side_id: int) -> None:
    """The process starts, maybe with another configuration: what a shop refused may be taken now."""
    refused = Creation.side_id == side_id, Creation.state == "refused"
    session.execute(update(Creation).where(*refused).values(state="waiting"))


def _planned(session: Session, side: SideContext, hub_id: int, family: str, rows: Sequence[Listing]) -> PlannedProduct:
    units = tuple(PlannedUnit(row.id, row.external_id, row.sku, row.name) for row in rows)
    is_group = rows[0].parent_external_id is not None
    name, into = rows[0].name, None
    if is_group:
        query = select(Listing.name).where(Listing.side_id == hub_id, Listing.external_id == family)
        name = session.scalar(query) or name
        into = _product_of(session, side, hub_id, family)
    which = "published products" if side.creation == PUBLISHED else "all products"
    reason = f"create_in_shop makes {which} of the till" if into is None else "a new variation at the till"
    return PlannedProduct(family, name, units, is_group, into, reason)


def _product_of(session: Session, side: SideContext, hub_id: int, family: str) -> str | None:
    """The shop's product that variations of the hub's product are linked with or were made in."""
    hub, shop = aliased(Listing), aliased(Listing)
    siblings = hub.side_id == hub_id, hub.parent_external_id == family
    linked = select(shop.parent_external_id).join(hub, hub.item_id == shop.item_id)
    linked = linked.where(*siblings, shop.side_id == side.id, shop.parent_external_id.is_not(None))
    linked = linked.where(shop.gone_at.is_(None))
    made = select(Creation.product_id).join(hub, hub.id == Creation.hub_listing_id)
    made = made.where(*siblings, Creation.side_id == side.id, Creation.product_id.is_not(None))
    return session.scalar(linked.limit(1)) or session.scalar(made.limit(1))


def check_plan_of_creations(session: Session, side: SideContext, planned: Sequence[PlannedProduct]) -> Stop | None:
    """Ask the guard about everything that would be made."""
    count = sum(len(product.units) for product in planned)
    return check_creations(count, side.linked_count(session), side.limits) if count else None


def not_made_subject(shop: str, hub_external_id: str) -> str:
    """Subject of the finding that a product of the hub could not be made in a shop."""
    return f"{shop} {hub_external_id}"


def close_settled(session: Session, side: SideContext) -> None:
    """Close what was told of products that a shop refused, and that need not be made any more."""
    query = (
        select(Listing.id)
        .join(Creation, Creation.hub_listing_id == Listing.id)
        .where(Creation.side_id == side.id, Creation.state == "refused")
        .where(Listing.gone_at.is_not(None) | _has_partner(side))
    )
    _lapse(session, side, session.scalars(query).all())
