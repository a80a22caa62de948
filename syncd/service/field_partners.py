"""Whose fields belong together: linked listings, and products whose variations are linked. No calls to sides."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update
from sqlalchemy.orm import aliased

from syncd.core.model import StockMode
from syncd.state.bulk import UNSEEN
from syncd.state.hints import no_index
from syncd.state.models import Listing
from syncd.state.product_models import FieldPair
from syncd.state.projections import FIELDS, only

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import Session

_CHUNK = 500

_Family = tuple[int, str]
"""A product with variations: its side, and its id there."""


def partners_of(
    session: Session, side_id: int, others: Collection[int], ids: Sequence[int]
) -> list[tuple[Listing, Listing]]:
    """Listings of a side, each with its partners on other sides.

    Args:
        session: Any session.
        side_id: Whose listings these are.
        others: Row ids of the other sides.
        ids: Row ids of the listings.
    """
    row, other = aliased(Listing), aliased(Listing)
    query = (
        select(row, other)
        .options(only(FIELDS, row), only(FIELDS, other))
        .join(other, other.item_id == row.item_id)
        .where(row.id.in_(ids), row.gone_at.is_(None), other.gone_at.is_(None), no_index(other.side_id).in_(others))
        .order_by(row.id, other.side_id)
    )
    found = [(one, two) for one, two in session.execute(query)]
    return [*found, *_group_partners(session, side_id, others, ids)]


def offer_to_others(session: Session, rows: Sequence[Listing]) -> None:
    """These listings of one side show other fields: have their partners' ones compared."""
    side_ids = {row.side_id for row in rows}
    item_ids = [row.item_id for row in rows if row.item_id is not None]
    for start in range(0, len(item_ids), _CHUNK):
        partners = Listing.item_id.in_(item_ids[start : start + _CHUNK]), Listing.side_id.not_in(side_ids)
        session.execute(update(Listing).where(*partners).values(fields_pending=True), execution_options=UNSEEN)
    families = [row.external_id for row in rows if row.stock_mode == StockMode.GROUP]
    for start in range(0, len(families), _CHUNK):
        _offer_families(session, side_ids, families[start : start + _CHUNK])


def offer_to_siblings(session: Session, hub_id: int, parents: Collection[str]) -> None:
    """These products of the hub have new variations: unlinked ones of what they are in the shops may be the same."""
    here, there, left = aliased(Listing), aliased(Listing), aliased(Listing)
    families = sorted(parents)
    for start in range(0, len(families), _CHUNK):
        query = (
            select(left.id)
            .join(there, (there.parent_external_id == left.parent_external_id) & (there.side_id == left.side_id))
            .join(here, here.item_id == there.item_id)
            .where(here.side_id == hub_id, here.parent_external_id.in_(families[start : start + _CHUNK]))
            .where(there.side_id != hub_id, no_index(left.item_id).is_(None), left.gone_at.is_(None))
        )
        ids = set(session.scalars(query))
        session.execute(update(Listing).where(Listing.id.in_(ids)).values(link_pending=True))


def link_families(session: Session, side_id: int, rows: Sequence[Listing]) -> None:
    """Variations were linked: their products are compared with the hub's, from the beginning if they are the first.

    Args:
        session: A writing session.
        side_id: Whose listings these are.
        rows: What was linked just now, variations or not.
    """
    families = {row.parent_external_id for row in rows} - {None}
    if not families:
        return
    parents = session.scalars(
        select(Listing).where(Listing.side_id == side_id, Listing.external_id.in_(families))
    ).all()
    siblings = select(Listing.parent_external_id).where(
        Listing.side_id == side_id,
        Listing.parent_external_id.in_(families),
        Listing.item_id.is_not(None),
        Listing.id.not_in([row.id for row in rows]),
    )
    known = set(session.scalars(siblings.distinct()))
    for parent in parents:
        parent.fields_pending = True
    first = [parent.id for parent in parents if parent.external_id not in known]
    session.execute(delete(FieldPair).where(FieldPair.listing_id.in_(first)))


def _offer_families(session: Session, side_ids: Collection[int], families: Collection[str]) -> None:
    here, there, parent = aliased(Listing), aliased(Listing), aliased(Listing)
    query = (
        select(parent.id)
        .join(there, (there.parent_external_id == parent.external_id) & (there.side_id == parent.side_id))
        .join(here, here.item_id == there.item_id)
        .where(here.side_id.in_(side_ids), here.parent_external_id.in_(families), there.side_id.not_in(side_ids))
    )
    ids = set(session.scalars(query))
    session.execute(update(Listing).where(Listing.id.in_(ids)).values(fields_pending=True))


def _group_partners(
    session: Session, side_id: int, others: Collection[int], ids: Sequence[int]
) -> list[tuple[Listing, Listing]]:
    """Products belong together if their variations are linked with each other, and with no other product's."""
    groups = select(Listing).where(
        Listing.id.in_(ids), Listing.stock_mode == StockMode.GROUP, Listing.gone_at.is_(None)
    )
    rows = {row.external_id: row for row in session.scalars(groups.order_by(Listing.id))}
    if not rows:
        return []
    forth = _families(session, side_id, set(rows), others)
    reached = {(other, parent) for found in forth.values() for other, parent in found if parent is not None}
    back: dict[_Family, set[_Family]] = {}
    for other in {other for other, _ in reached}:
        families = _families(session, other, {parent for each, parent in reached if each == other}, [side_id])
        back |= {(other, parent): _whole(found) for parent, found in families.items()}
    pairs = []
    for external_id, found in forth.items():
        by_side: defaultdict[int, set[str | None]] = defaultdict(set)
        for other, parent in found:
            by_side[other].add(parent)
        for other, parents in sorted(by_side.items()):
            (parent, *more) = parents
            if parent is None or more or back.get((other, parent)) != {(side_id, external_id)}:
                continue
            partner = select(Listing).where(
                Listing.side_id == other, Listing.external_id == parent, Listing.stock_mode == StockMode.GROUP
            )
            row = session.scalars(partner.where(Listing.gone_at.is_(None))).one_or_none()
            if row is not None:
                pairs.append((rows[external_id], row))
    return pairs


def _whole(found: set[tuple[int, str | None]]) -> set[_Family]:
    return {(side, parent or "") for side, parent in found}


def _families(
    session: Session, side_id: int, parents: Collection[str], others: Collection[int]
) -> dict[str, set[tuple[int, str | None]]]:
    """For products of a side: of which products their variations' partners are variations, ``None``: of none."""
    here, there = aliased(Listing), aliased(Listing)
    query = (
        select(here.parent_external_id, there.side_id, there.parent_external_id)
        .join(there, there.item_id == here.item_id)
        .where(here.side_id == side_id, here.parent_external_id.in_(parents), there.side_id.in_(others))
        .where(here.gone_at.is_(None), there.gone_at.is_(None))
        .distinct()
    )
    found: defaultdict[str, set[tuple[int, str | None]]] = defaultdict(set)
    for parent, other, partner in session.execute(query):
        found[str(parent)].add((other, partner))
    return found
