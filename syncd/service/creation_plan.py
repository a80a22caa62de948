"""Which products of the hub are to be made in a shop, and what making in any direction has in common.

No calls to sides (design 4, rule 4). The other direction is ``till_plan``; both offer the same functions (``Plans``).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, func, or_, select, union_all, update
from sqlalchemy.orm import aliased

from syncd.core.guard import Stop, check_creations
from syncd.core.model import StockMode
from syncd.service.findings import close_finding, open_subjects
from syncd.service.linking import ready_to_link
from syncd.state.hints import no_index
from syncd.state.models import Listing, Tombstone
from syncd.state.product_models import Creation, is_unsettled, is_waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from syncd.service.side import SideContext

_CHUNK = 500
_SELLABLE = (StockMode.OWN, StockMode.UNMANAGED)
IN_DOUBT = ("sent", "unknown")
NEVER = "never"
PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class PlannedUnit:
    """One sellable unit to be made: its row on the side that it comes from, and its id there."""

    listing_id: int
    external_id: str
    sku: str | None
    name: str


@dataclass(frozen=True, slots=True)
class PlannedProduct:
    """A product to be made on a side, or more variations of one.

    Attributes:
        source_id: The id of the product, or of the parent, where it comes from.
        name: For people.
        units: What is to be made.
        is_group: Whether the units are variations.
        into: The side's product that they are variations of; ``None`` to make it, too.
        reason: The rule in words.
        origin: Name of the side that it comes from.
    """

    source_id: str
    name: str
    units: tuple[PlannedUnit, ...]
    is_group: bool
    into: str | None
    reason: str
    origin: str

    @property
    def label(self) -> str:
        """The product, for people."""
        return self.name if self.is_group else self.units[0].sku or self.name


def consider(session: Session, side: SideContext, source: SideContext) -> bool:
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
    last = session.scalar(select(func.max(Listing.id))) or 0  # of any side: to look for the hub's takes all of them
    if side.creation != NEVER and last > row.considered_through:
        _note_new(session, side, source, row.considered_through)
        row.considered_through = last
    return side.creation != NEVER


def is_wanted(side: SideContext, source: SideContext) -> bool:  # noqa: ARG001 - as ``Plans``
    """Whether the configuration has products made at all."""
    return side.creation != NEVER


def is_idle(session: Session, side: SideContext, source: SideContext) -> bool:
    """Whether nothing is to be considered, made or told: most passes end here, without a writing transaction."""
    here = select(Creation.side_id).where(Creation.side_id == side.id)
    left = union_all(here.where(is_waiting()), here.where(is_unsettled("refused")))
    is_new = side.row(session).creation != side.creation or has_new(session, side, source)
    return not is_new and session.scalar(left.limit(1)) is None


def has_new(session: Session, side: SideContext, source: SideContext) -> bool:
    """Whether listings of the hub wait to be considered."""
    if side.creation == NEVER or not ready_to_link(session, side):
        return False
    row = side.row(session)
    newer = no_index(Listing.side_id) == source.id, Listing.id > row.considered_through
    return row.creation != side.creation or session.scalar(select(Listing.id).where(*newer).limit(1)) is not None


def _note_new(session: Session, side: SideContext, source: SideContext, after: int) -> None:
    known = select(Creation.listing_id).where(Creation.side_id == side.id)
    buried = select(Tombstone.item_id).where(Tombstone.side_id == side.id, Tombstone.item_id.is_not(None))
    query = select(Listing).where(
        Listing.side_id == source.id,
        Listing.id > after,
        Listing.gone_at.is_(None),
        Listing.item_id.is_not(None),
        Listing.stock_mode.in_(_SELLABLE),
        ~_has_partner(side),
        Listing.id.not_in(known),
        Listing.item_id.not_in(buried),
    )
    rows = session.scalars(query).all()
    published = _published(session, side, source, rows)
    for row in rows:
        wanted = _family(row) in published
        session.add(Creation(side_id=side.id, listing_id=row.id, state="waiting" if wanted else "unwanted"))
    session.flush()


def _family(row: Listing) -> str:
    """The hub's id of the product that a listing is, or is a variation of."""
    return row.parent_external_id or row.external_id


def _published(session: Session, side: SideContext, source: SideContext, rows: Sequence[Listing]) -> set[str]:
    """Of the products of some listings those that are meant for the shop."""
    families = sorted({_family(row) for row in rows})
    if side.creation != PUBLISHED:
        return set(families)
    found: set[str] = set()
    for start in range(0, len(families), _CHUNK):
        here = Listing.external_id.in_(families[start : start + _CHUNK])
        found.update(
            session.scalars(select(Listing.external_id).where(Listing.side_id == source.id, here, Listing.published))
        )
    return found


def _has_partner(side: SideContext) -> ColumnElement[bool]:
    """Condition "this listing of the hub has a partner in the shop", which may lie in the trash there."""
    partner = aliased(Listing)
    return exists().where(partner.item_id == Listing.item_id, partner.side_id == side.id)


def reconsider(session: Session, rows: Iterable[Listing]) -> None:
    """Listings of a side changed: what another side refused may be taken now, what was not wanted may be."""
    ids = [row.id for row in rows]
    for row in rows:
        if row.stock_mode == StockMode.GROUP:
            children = select(Listing.id).where(
                Listing.side_id == row.side_id, Listing.parent_external_id == row.external_id
            )
            ids += session.scalars(children)
    for start in range(0, len(ids), _CHUNK):
        here = Creation.listing_id.in_(ids[start : start + _CHUNK])
        states = Creation.state.in_(("unwanted", "refused"))
        session.execute(update(Creation).where(here, states).values(state="waiting"))


def plan_creations(
    session: Session, side: SideContext, source: SideContext, only: Sequence[int] | None = None
) -> list[PlannedProduct]:
    """What is to be made in the shop now; a writing session. What turns out not to be wanted is noted as such.

    ``only``: of these listings of the hub; ``None`` for all.
    """
    if side.creation == NEVER:
        return []
    query = (
        select(Listing)
        .join(Creation, Creation.listing_id == Listing.id)
        .where(Creation.side_id == side.id, is_waiting())
        .order_by(Listing.id)
    )
    rows = session.scalars(query if only is None else query.where(Listing.id.in_(only))).all()
    if not rows:
        return []
    published = _published(session, side, source, rows)
    families: defaultdict[str, list[Listing]] = defaultdict(list)
    lapsed: list[int] = []
    for row in rows:
        if _family(row) in published:
            families[_family(row)].append(row)
        else:
            lapsed.append(row.id)
    free = _free(session, side, source, [row for members in families.values() for row in members], lapsed)
    lapse(session, side, source, lapsed)
    planned = []
    for family, members in families.items():
        units = [row for row in members if row.id in free]
        if units:
            planned.append(_planned(session, side, source, family, units))
    return planned


def is_still_planned(session: Session, side: SideContext, source: SideContext, planned: PlannedProduct) -> bool:
    """Whether all of a planned product is still to be made, and in the same place; a writing session."""
    now = plan_creations(session, side, source, [unit.listing_id for unit in planned.units])
    return len(now) == 1 and now[0].into == planned.into and set(now[0].units) == set(planned.units)


def _free(
    session: Session, side: SideContext, source: SideContext, rows: Sequence[Listing], lapsed: list[int]
) -> set[int]:
    """Ids of listings that have no partner in the shop, and whose codes nothing there has."""
    free: set[int] = set()
    doubt = any_in_doubt(session, source.id, side.id)
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        here = select(Listing.item_id).where(Listing.side_id == side.id)
        paired = set(session.scalars(here.where(Listing.item_id.in_([row.item_id for row in chunk]))))
        buried = select(Tombstone.item_id).where(Tombstone.side_id == side.id)
        # What a person deleted there is not made again, whatever became of it before.
        paired |= set(session.scalars(buried.where(Tombstone.item_id.in_([row.item_id for row in chunk]))))
        codes = codes_there(session, side, chunk)
        for row in chunk:
            if row.item_id is None or row.gone_at is not None or row.item_id in paired:
                lapsed.append(row.id)
            elif doubt and not has_code(row):
                continue  # it may be what was made at the till from the shop's own product
            elif row.sku_key not in codes and row.gtin_key not in codes:
                free.add(row.id)
    return free


def has_code(row: Listing) -> bool:
    """Whether a listing can be known again by SKU or GTIN."""
    return bool(row.sku_key or row.gtin_key)


def any_in_doubt(session: Session, side_id: int, source_id: int) -> bool:
    """Whether something of one side may have been made on another without an answer."""
    query = select(Creation.side_id).join(Listing, Listing.id == Creation.listing_id)
    query = query.where(Creation.side_id == side_id, Listing.side_id == source_id)
    return session.scalar(query.where(is_unsettled(*IN_DOUBT)).limit(1)) is not None


def codes_there(session: Session, side: SideContext, rows: Sequence[Listing]) -> set[str]:
    """Of the codes of some listings those that something on a side has."""
    skus = [row.sku_key for row in rows if row.sku_key]
    gtins = [row.gtin_key for row in rows if row.gtin_key]
    query = select(Listing.sku_key, Listing.gtin_key).where(
        Listing.side_id == side.id,
        Listing.gone_at.is_(None),
        or_(Listing.sku_key.in_(skus), Listing.gtin_key.in_(gtins)),
    )
    return {code for found in session.execute(query) for code in found if code}


def lapse(session: Session, side: SideContext, source: SideContext, listing_ids: Sequence[int]) -> None:
    """These are not to be made, and nothing is left to be told of them."""
    told = open_subjects(session, "not_made", shop_of(side, source).id) if listing_ids else set()
    for external_id in _external_ids(session, listing_ids) if told else ():
        subject = not_made_subject(side, source, external_id)
        if subject in told:
            close_finding(session, "not_made", subject, side.now())
    for start in range(0, len(listing_ids), _CHUNK):
        here = Creation.listing_id.in_(listing_ids[start : start + _CHUNK])
        session.execute(update(Creation).where(Creation.side_id == side.id, here).values(state="unwanted", sent=None))


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


def _planned(
    session: Session, side: SideContext, source: SideContext, family: str, rows: Sequence[Listing]
) -> PlannedProduct:
    units = tuple(PlannedUnit(row.id, row.external_id, row.sku, row.name) for row in rows)
    is_group = rows[0].parent_external_id is not None
    name, into = rows[0].name, None
    if is_group:
        query = select(Listing.name).where(Listing.side_id == source.id, Listing.external_id == family)
        name = session.scalar(query) or name
        into = _product_of(session, side, source, family)
    which = "published products" if side.creation == PUBLISHED else "all products"
    reason = f"create_in_shop makes {which} of the till" if into is None else "a new variation at the till"
    return PlannedProduct(family, name, units, is_group, into, reason, source.name)


def _product_of(session: Session, side: SideContext, source: SideContext, family: str) -> str | None:
    """The shop's product that variations of the hub's product are linked with or were made in."""
    hub, shop = aliased(Listing), aliased(Listing)
    siblings = hub.side_id == source.id, hub.parent_external_id == family
    linked = select(shop.parent_external_id).join(hub, hub.item_id == shop.item_id)
    linked = linked.where(*siblings, shop.side_id == side.id, shop.parent_external_id.is_not(None))
    linked = linked.where(shop.gone_at.is_(None))
    made = select(Creation.product_id).join(hub, hub.id == Creation.listing_id)
    made = made.where(*siblings, Creation.side_id == side.id, Creation.product_id.is_not(None))
    return session.scalar(linked.limit(1)) or session.scalar(made.limit(1))


def check_plan_of_creations(
    session: Session, side: SideContext, source: SideContext, planned: Sequence[PlannedProduct]
) -> Stop | None:
    """Ask the guard about everything that would be made; the limits are the shop's, in either direction."""
    count, shop = sum(len(product.units) for product in planned), shop_of(side, source)
    where = " at the till" if side.is_hub else ""
    return check_creations(count, shop.linked_count(session), shop.limits, where) if count else None


def shop_of(side: SideContext, source: SideContext) -> SideContext:
    """Which of the two is the shop."""
    return source if side.is_hub else side


def not_made_subject(side: SideContext, source: SideContext, external_id: str) -> str:
    """Subject of the finding that a product could not be made on a side; its id is of where it comes from."""
    return f"{side.name} {source.name} {external_id}" if side.is_hub else f"{side.name} {external_id}"


def close_settled(session: Session, side: SideContext, source: SideContext) -> None:
    """Close what was told of products that a shop refused, and that need not be made any more."""
    query = (
        select(Listing.id)
        .join(Creation, Creation.listing_id == Listing.id)
        .where(Creation.side_id == side.id, is_unsettled("refused"))
        .where(Listing.gone_at.is_not(None) | _has_partner(side))
    )
    lapse(session, side, source, session.scalars(query).all())
