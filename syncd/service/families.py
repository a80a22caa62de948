"""Variations that belong together though no code says so: of one product on both sides, and with the same attributes.

No calls to sides. Design section 4, rule 4: variations are matched by id, then SKU, then attribute values.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import aliased

from syncd.core.fields import ATTRIBUTES
from syncd.core.link import Variation, match_variations
from syncd.core.model import StockMode
from syncd.service.field_plan import shown
from syncd.state.models import Listing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy.orm import Session

Linked = tuple[Listing, Listing]
"""A shop's listing with the hub's."""

_Parents = tuple[str | None, str | None]
"""Products that linked variations belong to: in the shop, at the hub; ``None``: to none."""

_SELLABLE = (StockMode.OWN, StockMode.UNMANAGED)


def alike(
    session: Session, shop_id: int, hub_id: int, rows: Iterable[Listing], pairs: Sequence[Linked] = ()
) -> list[Linked]:
    """Unlinked variations of a shop with those of the hub that they are by their attributes.

    Args:
        session: Any session.
        shop_id: Row id of the shop.
        hub_id: Row id of the hub.
        rows: Unlinked variations of the shop.
        pairs: Listings that count as linked, though they are not yet.
    """
    by_parent: defaultdict[str, list[Listing]] = defaultdict(list)
    for row in rows:
        if row.parent_external_id is not None and shown(row).get(ATTRIBUTES):
            by_parent[row.parent_external_id].append(row)
    if not by_parent:
        return []
    together = families(session, shop_id, hub_id, set(by_parent), pairs)
    free = _free(session, shop_id, hub_id, set(together.values()), {hub.id for _, hub in pairs})
    found: list[Linked] = []
    for parent, at_hub in together.items():
        here = {row.id: row for row in by_parent[parent]}
        there = {row.id: row for row in free[at_hub]}
        matched = match_variations([_variation(row) for row in here.values()], [_variation(r) for r in there.values()])
        found += [(here[one], there[other]) for one, other in matched]
    return found


def families(
    session: Session, shop_id: int, hub_id: int, parents: Collection[str] | None = None, pairs: Sequence[Linked] = ()
) -> dict[str, str]:
    """Products of a shop with the hub's that they are: their variations are linked with each other's, and no other's.

    Where none is linked yet, products of the same SKU or EAN that nobody else has on either side.

    Args:
        session: Any session.
        shop_id: Row id of the shop.
        hub_id: Row id of the hub.
        parents: The shop's ids of products to look at; ``None``: all whose variations are linked.
        pairs: Listings that count as linked, though they are not yet.
    """
    new = {(shop.parent_external_id, hub.parent_external_id) for shop, hub in pairs}
    here, there = aliased(Listing), aliased(Listing)
    if parents is None:
        return _one_to_one(new | _links(session, shop_id, hub_id, here, there, here.parent_external_id.is_not(None)))
    links = {link for link in new if link[0] in parents}
    links |= _links(session, shop_id, hub_id, here, there, here.parent_external_id.in_(parents))
    reached = {at_hub for _, at_hub in links if at_hub is not None}
    links |= {link for link in new if link[1] in reached}
    links |= _links(session, shop_id, hub_id, here, there, there.parent_external_id.in_(reached))
    found = {shop: at_hub for shop, at_hub in _one_to_one(links).items() if shop in parents}
    unlinked = set(parents) - {shop for shop, _ in links}
    return {**_same_code(session, shop_id, hub_id, unlinked, new), **found}


def _links(
    session: Session,
    shop_id: int,
    hub_id: int,
    here: type[Listing],
    there: type[Listing],
    which: ColumnElement[bool],
) -> set[_Parents]:
    query = (
        select(here.parent_external_id, there.parent_external_id)
        .join(there, there.item_id == here.item_id)
        .where(here.side_id == shop_id, there.side_id == hub_id, here.gone_at.is_(None), there.gone_at.is_(None), which)
        .distinct()
    )
    return {(shop, at_hub) for shop, at_hub in session.execute(query)}


def _one_to_one(links: Iterable[_Parents]) -> dict[str, str]:
    forth: defaultdict[str | None, set[str | None]] = defaultdict(set)
    back: defaultdict[str | None, set[str | None]] = defaultdict(set)
    for shop, at_hub in links:
        forth[shop].add(at_hub)
        back[at_hub].add(shop)
    return {
        shop: at_hub
        for shop, (at_hub, *more) in forth.items()
        if shop is not None and at_hub is not None and not more and len(back[at_hub]) == 1
    }


def _same_code(
    session: Session, shop_id: int, hub_id: int, parents: Collection[str], links: Collection[_Parents]
) -> dict[str, str]:
    """Products without a linked variation that share a code."""
    taken = {at_hub for _, at_hub in links}
    found: dict[str, str] = {}
    for key in (Listing.gtin_key, Listing.sku_key):
        groups = select(key).where(Listing.stock_mode == StockMode.GROUP, Listing.gone_at.is_(None), key.is_not(None))
        unique = [
            groups.where(Listing.side_id == side).group_by(key).having(func.count() == 1) for side in (shop_id, hub_id)
        ]
        chosen = select(Listing.side_id, Listing.external_id, key).where(
            Listing.stock_mode == StockMode.GROUP,
            Listing.gone_at.is_(None),
            *(key.in_(one) for one in unique),
            (Listing.side_id == hub_id) | (Listing.side_id == shop_id) & Listing.external_id.in_(parents),
        )
        codes = session.execute(chosen).all()
        at_hub = {code: external_id for side, external_id, code in codes if side == hub_id}
        found |= {
            external_id: at_hub[code]
            for side, external_id, code in codes
            if side == shop_id and code in at_hub and at_hub[code] not in taken
        }
    children = select(Listing.parent_external_id).where(
        Listing.side_id == hub_id,
        Listing.parent_external_id.in_(found.values()),
        Listing.item_id.in_(select(Listing.item_id).where(Listing.side_id == shop_id, Listing.item_id.is_not(None))),
    )
    of_others = set(session.scalars(children))
    return {shop: at_hub for shop, at_hub in found.items() if at_hub not in of_others}


def _free(
    session: Session, shop_id: int, hub_id: int, parents: Collection[str], taken: Collection[int]
) -> dict[str, list[Listing]]:
    """Variations of the hub that no listing of the shop is linked with, by their product."""
    linked = select(Listing.item_id).where(
        Listing.side_id == shop_id, Listing.item_id.is_not(None), Listing.gone_at.is_(None)
    )
    query = select(Listing).where(
        Listing.side_id == hub_id,
        Listing.parent_external_id.in_(parents),
        Listing.gone_at.is_(None),
        Listing.stock_mode.in_(_SELLABLE),
        Listing.item_id.is_not(None),
        Listing.item_id.not_in(linked),
    )
    found: defaultdict[str, list[Listing]] = defaultdict(list)
    for row in session.scalars(query.order_by(Listing.id)):
        if row.id not in taken:
            found[str(row.parent_external_id)].append(row)
    return found


def _variation(row: Listing) -> Variation:
    return Variation(row.id, row.sku_key, row.gtin_key, shown(row).get(ATTRIBUTES, ""))
