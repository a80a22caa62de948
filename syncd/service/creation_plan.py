"""Which products of one side are to be made on another. No calls to sides (design 4, rule 4)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import aliased

from syncd.core.guard import Stop, check_creations
from syncd.core.model import StockMode
from syncd.service.creation_route import NEVER, PUBLISHED, Route
from syncd.service.findings import close_finding, open_subjects
from syncd.service.linking import PARTED, ready_to_link
from syncd.state.models import Listing, Tombstone
from syncd.state.product_models import Creation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from syncd.service.side import SideContext

_CHUNK = 500
_SELLABLE = (StockMode.OWN, StockMode.UNMANAGED)


@dataclass(frozen=True, slots=True)
class PlannedUnit:
    """One sellable unit to be made: its row of the source, and its id there."""

    source_listing_id: int
    external_id: str
    sku: str | None
    name: str


@dataclass(frozen=True, slots=True)
class PlannedProduct:
    """A product to be made, or more variations of one.

    Attributes:
        source_id: The source's id of the product, or of the parent.
        name: For people.
        units: What is to be made.
        is_group: Whether the units are variations.
        into: The target's product that they are variations of; ``None`` to make it, too.
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


def consider(session: Session, route: Route) -> bool:
    """Note the source's listings that came since this was asked last and have no partner.

    Each listing is considered once: what a person deletes where it was made is not made again.

    Returns:
        Whether anything may be made now: both catalogues are known, and nothing waits to be linked.
    """
    waits_for_link = select(Listing.id).where(Listing.side_id == route.shop.id, Listing.link_pending).limit(1)
    if not ready_to_link(session, route.shop) or session.scalar(waits_for_link) is not None:
        return False
    policy, through = route.position(session)
    if policy != route.policy:
        here = select(Listing.id).where(route.is_of_source())
        undecided = Creation.side_id == route.target.id, Creation.state.in_(("waiting", "unwanted"))
        session.execute(delete(Creation).where(*undecided, Creation.source_listing_id.in_(here)))
        through = 0
    last = session.scalar(select(func.max(Listing.id)).where(route.is_of_source())) or 0
    if route.policy != NEVER and last > through:
        _note_new(session, route, through)
        through = last
    if route.position(session) != (route.policy, through):
        route.keep(session, route.policy, through)
    return route.policy != NEVER


def is_idle(session: Session, route: Route) -> bool:
    """Whether nothing is to be considered, made or told: most passes end here, without a writing transaction."""
    left = (
        select(Creation.side_id)
        .join(Listing, Listing.id == Creation.source_listing_id)
        .where(Creation.side_id == route.target.id, Creation.state.in_(("waiting", "refused")), route.is_of_source())
    )
    is_new = route.position(session)[0] != route.policy or has_new(session, route)
    return not is_new and session.scalar(left.limit(1)) is None


def has_new(session: Session, route: Route) -> bool:
    """Whether listings of the source wait to be considered."""
    if route.policy == NEVER or not ready_to_link(session, route.shop):
        return False
    policy, through = route.position(session)
    last = session.scalar(select(func.max(Listing.id)).where(route.is_of_source())) or 0
    return policy != route.policy or last > through


def _note_new(session: Session, route: Route, after: int) -> None:
    known = select(Creation.source_listing_id).where(Creation.side_id == route.target.id)
    query = select(Listing).where(
        route.is_of_source(),
        Listing.id > after,
        Listing.gone_at.is_(None),
        *_unpaired(route),
        Listing.id.not_in(known),
    )
    rows = session.scalars(query).all()
    published = _published(session, route, rows)
    for row in rows:
        state = "waiting" if _family(row) in published else "unwanted"
        session.add(Creation(side_id=route.target.id, source_listing_id=row.id, state=state))
    session.flush()


def _unpaired(route: Route) -> tuple[ColumnElement[bool], ...]:
    """Conditions "it can be sold, and has no partner where it would be made".

    A shop's listing has none while it is not linked; one that a person parted is not made either. What nobody counts
    in a shop stays there: its number at the hub would be an invented one.
    """
    if route.to_hub:
        parted = Listing.link_rule.is_not(None) & (Listing.link_rule == PARTED)
        return Listing.item_id.is_(None), Listing.stock_mode == StockMode.OWN, ~parted
    buried = select(Tombstone.item_id).where(Tombstone.side_id == route.target.id, Tombstone.item_id.is_not(None))
    return (
        Listing.item_id.is_not(None),
        Listing.stock_mode.in_(_SELLABLE),
        ~_has_partner(route.target),
        Listing.item_id.not_in(buried),
    )


def _family(row: Listing) -> str:
    """The source's id of the product that a listing is, or is a variation of."""
    return row.parent_external_id or row.external_id


def _published(session: Session, route: Route, rows: Sequence[Listing]) -> set[str]:
    """Of the products of some listings those that are meant for shops, or that a shop's customers see."""
    families = sorted({_family(row) for row in rows})
    if route.policy != PUBLISHED:
        return set(families)
    found: set[str] = set()
    for start in range(0, len(families), _CHUNK):
        here = Listing.external_id.in_(families[start : start + _CHUNK])
        found.update(session.scalars(select(Listing.external_id).where(route.is_of_source(), here, Listing.published)))
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
        here = Creation.source_listing_id.in_(ids[start : start + _CHUNK])
        states = Creation.state.in_(("unwanted", "refused"))
        session.execute(update(Creation).where(here, states).values(state="waiting"))


def plan_creations(session: Session, route: Route, only: Sequence[int] | None = None) -> list[PlannedProduct]:
    """What is to be made now; a writing session. What turns out not to be wanted is noted as such.

    ``only``: of these listings of the source; ``None`` for all.
    """
    if route.policy == NEVER:
        return []
    query = (
        select(Listing)
        .join(Creation, Creation.source_listing_id == Listing.id)
        .where(Creation.side_id == route.target.id, Creation.state == "waiting", route.is_of_source())
        .order_by(Listing.id)
    )
    rows = session.scalars(query if only is None else query.where(Listing.id.in_(only))).all()
    if not rows:
        return []
    published = _published(session, route, rows)
    families: defaultdict[str, list[Listing]] = defaultdict(list)
    lapsed: list[int] = []
    for row in rows:
        if _family(row) in published:
            families[_family(row)].append(row)
        else:
            lapsed.append(row.id)
    free = _free(session, route, [row for members in families.values() for row in members], lapsed)
    _lapse(session, route, lapsed)
    planned = []
    for family, members in families.items():
        units = [row for row in members if row.id in free]
        if units:
            planned.append(_planned(session, route, family, units))
    return planned


def is_still_planned(session: Session, route: Route, planned: PlannedProduct) -> bool:
    """Whether all of a planned product is still to be made, and in the same place; a writing session."""
    now = plan_creations(session, route, [unit.source_listing_id for unit in planned.units])
    return len(now) == 1 and now[0].into == planned.into and set(now[0].units) == set(planned.units)


def _free(session: Session, route: Route, rows: Sequence[Listing], lapsed: list[int]) -> set[int]:
    """Ids of listings that have no partner where they would be made, and whose codes nothing there has."""
    free: set[int] = set()
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        paired = _paired(session, route, chunk)
        codes = _codes_on(session, route.target.id, chunk)
        if route.to_hub:
            codes |= _codes_on(session, route.source_id, chunk, at_least=2)  # which of the two would it be?
        for row in chunk:
            if row.gone_at is not None or row.id in paired:
                lapsed.append(row.id)
            elif row.sku_key not in codes and row.gtin_key not in codes:
                free.add(row.id)
    return free


def _paired(session: Session, route: Route, rows: Sequence[Listing]) -> set[int]:
    """Ids of listings with a partner by now, or with one that a person deleted."""
    if route.to_hub:
        free = select(Listing.id).where(Listing.id.in_([row.id for row in rows]), *_unpaired(route))
        return {row.id for row in rows} - set(session.scalars(free))
    item_ids = [row.item_id for row in rows]
    here = select(Listing.item_id).where(Listing.side_id == route.target.id)
    paired = set(session.scalars(here.where(Listing.item_id.in_(item_ids))))
    buried = select(Tombstone.item_id).where(Tombstone.side_id == route.target.id)
    # What a person deleted there is not made again, whatever became of it before.
    paired |= set(session.scalars(buried.where(Tombstone.item_id.in_(item_ids))))
    return {row.id for row in rows if row.item_id is None or row.item_id in paired}


def _codes_on(session: Session, side_id: int, rows: Sequence[Listing], at_least: int = 1) -> set[str]:
    """Codes of some listings that so many listings of a side have."""
    found: set[str] = set()
    for column, codes in (
        (Listing.sku_key, [row.sku_key for row in rows if row.sku_key]),
        (Listing.gtin_key, [row.gtin_key for row in rows if row.gtin_key]),
    ):
        query = select(column).where(Listing.side_id == side_id, Listing.gone_at.is_(None), column.in_(codes))
        found.update(code for code in session.scalars(query.group_by(column).having(func.count() >= at_least)) if code)
    return found


def _lapse(session: Session, route: Route, listing_ids: Sequence[int]) -> None:
    """These are not to be made, and nothing is left to be told of them."""
    told = open_subjects(session, "not_made", route.target.id) if listing_ids else set()
    for external_id in _external_ids(session, listing_ids) if told else ():
        if route.subject(external_id) in told:
            close_finding(session, "not_made", route.subject(external_id), route.target.now())
    for start in range(0, len(listing_ids), _CHUNK):
        here = Creation.source_listing_id.in_(listing_ids[start : start + _CHUNK])
        session.execute(update(Creation).where(Creation.side_id == route.target.id, here).values(state="unwanted"))


def try_refused_again(session: Session, side_id: int) -> None:
    """The process starts, maybe with another configuration: what a side refused may be taken now."""
    refused = Creation.side_id == side_id, Creation.state == "refused"
    session.execute(update(Creation).where(*refused).values(state="waiting"))


def _external_ids(session: Session, listing_ids: Sequence[int]) -> list[str]:
    found: list[str] = []
    for start in range(0, len(listing_ids), _CHUNK):
        here = Listing.id.in_(listing_ids[start : start + _CHUNK])
        found += session.scalars(select(Listing.external_id).where(here))
    return found


def _planned(session: Session, route: Route, family: str, rows: Sequence[Listing]) -> PlannedProduct:
    units = tuple(PlannedUnit(row.id, row.external_id, row.sku, row.name) for row in rows)
    is_group = rows[0].parent_external_id is not None
    name, into = rows[0].name, None
    if is_group:
        query = select(Listing.name).where(route.is_of_source(), Listing.external_id == family)
        name = session.scalar(query) or name
        into = _product_of(session, route, family)
    return PlannedProduct(family, name, units, is_group, into, _reason(route, is_new=into is None))


def _reason(route: Route, *, is_new: bool) -> str:
    if route.to_hub:
        what = f"create_in_inventorum makes what customers of {route.source_name} see"
        return what if is_new else f"a new variation in {route.source_name}"
    which = "published products" if route.policy == PUBLISHED else "all products"
    return f"create_in_shop makes {which} of the till" if is_new else "a new variation at the till"


def _product_of(session: Session, route: Route, family: str) -> str | None:
    """The target's product that variations of the source's product are linked with or were made in."""
    source, there = aliased(Listing), aliased(Listing)
    siblings = source.side_id == route.source_id, source.parent_external_id == family
    linked = select(there.parent_external_id).join(source, source.item_id == there.item_id)
    linked = linked.where(*siblings, there.side_id == route.target.id, there.parent_external_id.is_not(None))
    linked = linked.where(there.gone_at.is_(None))
    made = select(Creation.product_id).join(source, source.id == Creation.source_listing_id)
    made = made.where(*siblings, Creation.side_id == route.target.id, Creation.product_id.is_not(None))
    return session.scalar(linked.limit(1)) or session.scalar(made.limit(1))


def check_plan_of_creations(session: Session, route: Route, planned: Sequence[PlannedProduct]) -> Stop | None:
    """Ask the guard about everything that would be made."""
    count = sum(len(product.units) for product in planned)
    return check_creations(count, route.shop.linked_count(session), route.shop.limits) if count else None


def close_settled(session: Session, route: Route) -> None:
    """Close what was told of products that were refused, and that need not be made any more."""
    settled = Listing.item_id.is_not(None) if route.to_hub else _has_partner(route.target)
    query = (
        select(Listing.id)
        .join(Creation, Creation.source_listing_id == Listing.id)
        .where(Creation.side_id == route.target.id, Creation.state == "refused", route.is_of_source())
        .where(Listing.gone_at.is_not(None) | settled)
    )
    _lapse(session, route, session.scalars(query).all())
