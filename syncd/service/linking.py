"""Linking: unlinked shop listings find their hub listing; what that means for quantities is policy."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import aliased
from sqlalchemy.orm.attributes import set_committed_value

from syncd.core.fields import End
from syncd.core.keys import sku_key
from syncd.core.link import Candidate, Match, MatchClass, match_listings
from syncd.core.model import StockMode
from syncd.core.stock import project
from syncd.service.families import alike
from syncd.service.field_partners import link_families
from syncd.service.findings import Found, close_finding, open_finding
from syncd.service.ledger import lock_items, move
from syncd.service.withdrawal_plan import tell_hidden
from syncd.state.bulk import UNSEEN
from syncd.state.hints import no_index
from syncd.state.models import Finding, Item, Listing, Movement, Operation, Side, StockEventRow, Tombstone
from syncd.state.product_models import Creation, FieldPair, Withdrawal, is_unsettled
from syncd.state.projections import STOCK, only, without_times

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

PARTED = "parted"
"""``link_rule`` of a listing that a person parted from its partner: it is not linked by itself."""

ALIKE = "attributes"
"""``link_rule`` of a variation that was linked because no other one of its product is like it."""

_CHUNK = 400
_SELLABLE = (StockMode.OWN, StockMode.UNMANAGED)
_NOT_EQUAL = "different_quantity"


def ready_to_link(session: Session, side: SideContext) -> bool:
    """Both catalogues must have been read whole: a duplicate on a page not yet read would make a wrong link."""
    query = select(Side.last_full_read_at).where(or_(Side.role == "hub", Side.id == side.id))
    times = session.scalars(query).all()
    return len(times) > 1 and all(time is not None for time in times)


def link_pending(side: SideContext, hub_id: int, run: RunLog) -> int:
    """Match everything that waits for it; returns how many listings were linked."""
    linked = handled = last = 0
    while True:
        with side.db.write() as session:
            query = select(Listing).where(Listing.side_id == side.id, Listing.link_pending, Listing.id > last)
            query = query.order_by(Listing.id).limit(_CHUNK).options(*without_times())
            rows = session.scalars(query).all()
            if not rows:
                break
            last = rows[-1].id
            done = update(Listing).where(Listing.id.in_([row.id for row in rows])).values(link_pending=False)
            session.execute(done, execution_options=UNSEEN)
            for row in rows:
                set_committed_value(row, "link_pending", False)
            linked += _link_rows(session, side, hub_id, rows, run)
            handled += len(rows)
    if handled:
        with side.db.write() as session:
            report_unlinked(session, side, hub_id)
            report_not_counted(session, side)
    return linked


def _link_rows(session: Session, side: SideContext, hub_id: int, rows: Sequence[Listing], run: RunLog) -> int:
    free = [row for row in rows if row.item_id is None and row.gone_at is None and row.stock_mode in _SELLABLE]
    in_doubt = _codes_in_doubt(session, (side.id, hub_id))
    being_made, left_to_a_person = _made_at_hub(session, side, hub_id)
    for row in free:
        # It may be what we made ourselves without hearing so, or its partner may be: that is looked for first.
        row.link_pending = row.id in being_made or (row.sku_key in in_doubt or row.gtin_key in in_doubt)
    free = [row for row in free if row.link_rule != PARTED and not row.link_pending and row.id not in left_to_a_person]
    matches = find_matches(session, side.id, hub_id, free)
    by_id = {row.id: row for row in free}
    pairs = [(by_id[match.shop_id], match) for match in matches if match.hub_id is not None]
    hub_rows = {
        row.id: row
        for row in session.scalars(
            select(Listing).where(Listing.id.in_([match.hub_id for _, match in pairs])).options(only(STOCK))
        )
    }
    items = lock_items(session, [row.item_id for row in hub_rows.values() if row.item_id is not None])
    found = [(row, items[hub_rows[match.hub_id or 0].item_id or 0], match.rule or "manual") for row, match in pairs]
    linked = len(link_all(session, side, found, run))
    alike_rows = _link_alike(session, side, hub_id, free, run)
    linked += len(alike_rows)
    _close_deletions(session, side, hub_id, [row for row in (*by_id.values(), *alike_rows) if row.item_id is not None])
    if side.offers:
        _offer(session, hub_id, [row.id for row in free if row.item_id is None])
    return linked


def _link_alike(
    session: Session, side: SideContext, hub_id: int, rows: Sequence[Listing], run: RunLog
) -> list[Listing]:
    """Link variations by their attributes: of these rows, and siblings of those that were linked just now."""
    parents = {row.parent_external_id for row in rows if row.item_id is not None} - {None}
    siblings = select(Listing).where(
        Listing.side_id == side.id,
        Listing.parent_external_id.in_(parents),
        Listing.item_id.is_(None),
        Listing.gone_at.is_(None),
        Listing.stock_mode.in_(_SELLABLE),
        or_(Listing.link_rule.is_(None), Listing.link_rule != PARTED),
        ~Listing.link_pending,
    )
    session.flush()
    left = {row.id: row for row in (*rows, *session.scalars(siblings)) if row.item_id is None}
    left_to_a_person = set().union(*_made_at_hub(session, side, hub_id))
    pairs = alike(session, side.id, hub_id, [row for row in left.values() if row.id not in left_to_a_person])
    items = lock_items(session, [hub.item_id for _, hub in pairs if hub.item_id is not None])
    return link_all(session, side, [(row, items[hub.item_id or 0], ALIKE) for row, hub in pairs], run)


def _offer(session: Session, hub_id: int, listing_ids: Sequence[int]) -> None:
    """What has no partner may be made at the hub; each listing is offered once."""
    known = set(
        session.scalars(
            select(Creation.listing_id).where(Creation.side_id == hub_id, Creation.listing_id.in_(listing_ids))
        )
    )
    session.add_all(
        Creation(side_id=hub_id, listing_id=listing_id, state="waiting")
        for listing_id in listing_ids
        if listing_id not in known
    )


def _made_at_hub(session: Session, side: SideContext, hub_id: int) -> tuple[set[int], set[int]]:
    """Listings of a shop that may have been made at the hub: those looked for, and those that a person looks at."""
    query = select(Listing.id, Creation.settled_at).join(Creation, Creation.listing_id == Listing.id)
    query = query.where(Listing.side_id == side.id, Creation.side_id == hub_id)
    found = session.execute(query.where(is_unsettled("sent", "unknown"))).all()
    return {row for row, looked in found if looked is None}, {row for row, looked in found if looked is not None}


def _codes_in_doubt(session: Session, side_ids: Collection[int]) -> set[str]:
    """Codes of products that may have been made on these sides without an answer."""
    query = (
        select(Listing.sku_key, Listing.gtin_key)
        .join(Creation, Creation.listing_id == Listing.id)
        .where(Creation.side_id.in_(side_ids), is_unsettled("sent", "unknown"), Creation.settled_at.is_(None))
    )
    return {code for found in session.execute(query) for code in found if code}


def _close_deletions(session: Session, side: SideContext, hub_id: int, rows: Sequence[Listing]) -> None:
    """A product that was deleted and made again is linked again: nothing is left to tell."""
    open_subjects = set(
        session.scalars(select(Finding.subject).where(Finding.kind == "deleted_on_side", Finding.closed_at.is_(None)))
    )
    if not open_subjects:
        return
    keys = {row.sku_key for row in rows} - {None}
    query = select(Tombstone, Side.name).join(Side, Side.id == Tombstone.side_id)
    for tombstone, name in session.execute(query.where(Tombstone.side_id.in_((side.id, hub_id)))):
        subject = f"{name} {tombstone.external_id}"
        if subject in open_subjects and sku_key(tombstone.sku) in keys:
            close_finding(session, "deleted_on_side", subject, side.now())


def find_matches(session: Session, shop_id: int, hub_id: int, rows: Sequence[Listing]) -> list[Match]:
    """Match ``rows`` of one shop against the hub, looking up only the codes that occur in them."""
    matches: list[Match] = []
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        skus = [row.sku_key for row in chunk if row.sku_key]
        gtins = [row.gtin_key for row in chunk if row.gtin_key]
        same_code = select(Listing.id, Listing.side_id, Listing.item_id, Listing.sku_key, Listing.gtin_key).where(
            no_index(Listing.side_id).in_((shop_id, hub_id)),
            Listing.gone_at.is_(None),
            Listing.stock_mode.in_(_SELLABLE),
            or_(Listing.sku_key.in_(skus), Listing.gtin_key.in_(gtins)),
        )
        found = session.execute(same_code).all()
        hub = [row for row in found if row.side_id == hub_id and row.item_id is not None]
        taken_query = select(Listing.item_id).where(
            Listing.side_id == shop_id, Listing.item_id.in_([row.item_id for row in hub]), Listing.gone_at.is_(None)
        )
        taken = set(session.scalars(taken_query))
        matches += match_listings(
            [Candidate(row.id, row.sku_key, row.gtin_key) for row in chunk],
            [Candidate(row.id, row.sku_key, row.gtin_key, row.item_id in taken) for row in hub],
            [Candidate(row.id, row.sku_key, row.gtin_key) for row in found if row.side_id == shop_id],
        )
    return matches


def link(
    session: Session, side: SideContext, row: Listing, item: Item, rule: str, run: RunLog, *, new: End | None = None
) -> bool:
    """Link one shop listing to a locked item; as ``link_all``.

    Returns:
        False if the policy is ``equal_only`` and the quantities differ.
    """
    return bool(link_all(session, side, [(row, item, rule)], run, new=new))


def _held(session: Session, items: Sequence[int]) -> dict[int | None, datetime | None]:
    """Since when a person is asked how many there are, of those of the items of which one is asked."""
    since = (
        select(Listing.item_id, func.min(Listing.held_at).label("since"))
        .where(Listing.item_id.in_(items), Listing.held_at.is_not(None))
        .group_by(Listing.item_id)
    )
    return {row.item_id: row.since for row in session.execute(since)}


def link_all(
    session: Session,
    side: SideContext,
    pairs: Sequence[tuple[Listing, Item, str]],
    run: RunLog,
    *,
    new: End | None = None,
) -> list[Listing]:
    """Link shop listings to locked items by the policy ``initial_stock``; nothing moves unless the shop counts.

    ``new``: the end that syncd itself just made. The quantity of a new listing in a shop is nobody's word; at the hub
    there were none when it was made, so the shop's are added to whatever happened at the hub since.

    Args:
        session: A writing session.
        side: The shop.
        pairs: At most ``_CHUNK`` listings, each with an item of its own and the rule that found it.
        run: The pass.
        new: See above.

    Returns:
        Those that were linked: all but those that differ where the policy is ``equal_only``.
    """
    if new is None and side.initial_stock == "equal_only":
        pairs = [pair for pair in pairs if pair[0].shadow == project(pair[1].on_hand, side.policy, pair[0].sku_key)]
    if not pairs:
        return []
    rows = [row for row, _, _ in pairs]
    # What lies in the trash gives way to the product that was made in its place.
    items = Listing.item_id.in_([item.id for _, item, _ in pairs])
    session.execute(
        update(Listing)
        .where(Listing.side_id == side.id, items, Listing.gone_at.is_not(None))
        .values(item_id=None, linked_at=None, link_rule=None, pending=False),
        execution_options=UNSEEN,
    )
    now = side.now()
    held = _held(session, [item.id for _, item, _ in pairs])
    for row, item, rule in pairs:
        row.item_id, row.linked_at, row.link_rule, row.pending = item.id, now, rule, True
        # Made anew while a person is asked how many there are: it waits with the others.
        row.held_at = held.get(item.id)
        row.fields_pending = True
    session.flush()
    # What they agreed on with another product, if at all, is void.
    session.execute(delete(FieldPair).where(FieldPair.listing_id.in_([row.id for row in rows])))
    link_families(session, side.id, rows)
    tell_hidden(session, side, rows)
    session.execute(
        update(StockEventRow)
        .where(StockEventRow.side_id == side.id, StockEventRow.external_id.in_([row.external_id for row in rows]))
        .values(explained=StockEventRow.quantity),
        execution_options=UNSEEN,
    )
    for row, item, _ in pairs:
        _count(session, side, row, item, run, new)
    return rows


def _count(session: Session, side: SideContext, row: Listing, item: Item, run: RunLog, new: End | None) -> None:
    """Count what a shop holds of an item that was just linked, if its quantity counts."""
    if row.shadow is None:
        return
    if new is End.HUB:
        units, why = row.shadow, f"made at the till from {side.name}, which holds {row.shadow:f}"
    elif new is None and side.initial_stock == "shop" and not _was_linked(session, side, item):
        units = row.shadow - item.on_hand
        why = f"first link: {side.name} holds {row.shadow:f} and its quantity counts (initial_stock)"
    else:
        return
    if units:
        move(
            session, item, units, cause="initial_stock", evidence=why, listing=row, run=run, now=side.now()
        )  # fmt: skip


def _was_linked(session: Session, side: SideContext, item: Item) -> bool:
    """Whether the item had a listing on this side before: a listing made anew knows nothing of its quantity."""
    marks = (
        select(Tombstone.id).where(Tombstone.side_id == side.id, Tombstone.item_id == item.id),
        select(Operation.id).where(Operation.side_id == side.id, Operation.item_id == item.id),
        select(Movement.id).where(Movement.side_id == side.id, Movement.item_id == item.id),
    )
    return any(session.scalar(mark.limit(1)) is not None for mark in marks)


def unlinked_rows(session: Session, side_id: int) -> list[Listing]:
    """Present, sellable listings of a side without an item."""
    query = select(Listing).where(
        Listing.side_id == side_id,
        Listing.item_id.is_(None),
        Listing.gone_at.is_(None),
        Listing.stock_mode.in_(_SELLABLE),
    )
    return list(session.scalars(query.order_by(Listing.id)))


def report_unlinked(session: Session, side: SideContext, hub_id: int) -> None:
    """Keep one finding per shop that counts what is not linked, by class."""
    withdrawn = _withdrawn(session, side)
    rows = [row for row in unlinked_rows(session, side.id) if not row.link_pending and row.id not in withdrawn]
    being_made = select(Creation.listing_id).where(
        Creation.side_id == side.id, Creation.state.in_(("waiting", "sent", "unknown", "refused"))
    )
    classes = _by_class(session, side, hub_id, rows)
    only_hub = session.scalars(
        select(Listing.id).where(
            Listing.side_id == hub_id,
            Listing.gone_at.is_(None),
            Listing.item_id.is_not(None),
            Listing.id.not_in(being_made),
            Listing.item_id.not_in(
                select(Listing.item_id).where(Listing.side_id == side.id, Listing.item_id.is_not(None))
            ),
        )
    ).all()
    if not classes and not only_hub:
        close_finding(session, "unlinked", side.name, side.now())
        return
    words = [f"{count} {_WORDS[kind]}" for kind, count in sorted(classes.items())]
    if only_hub:
        words.append(f"{len(only_hub)} of the till are not in {side.name}")
    open_finding(
        session,
        Found(
            kind="unlinked",
            subject=side.name,
            severity="info",
            side_id=side.id,
            message=f"not linked with {side.name}: " + "; ".join(words),
            advice="`syncd match` lists them. Give both sides the same SKU or EAN; they are then linked by themselves.",
        ),
        side.now(),
    )


def _by_class(session: Session, side: SideContext, hub_id: int, rows: Sequence[Listing]) -> Counter[str]:
    """How many of a shop's unlinked listings are so for which reason; what is to be made at the hub has none."""
    parted = [row for row in rows if row.link_rule == PARTED]
    classes = Counter([PARTED] * len(parted))
    offered = _offered(session, side, hub_id, rows)
    twice = codes_twice(session, side, list(offered.values()))
    for match in find_matches(session, side.id, hub_id, [row for row in rows if row not in parted]):
        if match.shop_id in offered and match.kind in (MatchClass.ONLY_HERE, MatchClass.MISSING_CODE):
            row = offered[match.shop_id]
            classes.update([MatchClass.DUPLICATE] if twice & {row.sku_key, row.gtin_key} else [])
            continue
        classes[_NOT_EQUAL if match.kind is MatchClass.LINKABLE else str(match.kind)] += 1
    return classes


def codes_twice(session: Session, side: SideContext, rows: Sequence[Listing]) -> set[str]:
    """Codes of some listings of a side that another one there has as well."""
    twin = aliased(Listing)
    same = or_(twin.sku_key == Listing.sku_key, twin.gtin_key == Listing.gtin_key)
    found: set[str] = set()
    for start in range(0, len(rows), _CHUNK):
        query = select(Listing.sku_key, twin.sku_key, Listing.gtin_key, twin.gtin_key).join(twin, same)
        query = query.where(Listing.id.in_([row.id for row in rows[start : start + _CHUNK]]), twin.id != Listing.id)
        query = query.where(twin.side_id == side.id, twin.gone_at.is_(None), twin.stock_mode.in_(_SELLABLE))
        for sku, other_sku, gtin, other_gtin in session.execute(query):
            found |= {code for code, other in ((sku, other_sku), (gtin, other_gtin)) if code and code == other}
    return found


def _offered(session: Session, side: SideContext, hub_id: int, rows: Sequence[Listing]) -> dict[int, Listing]:
    """Listings of a shop that are about to be made at the hub, or that are told of because they could not be."""
    if not side.offers:
        return {}
    query = select(Listing.id).join(Creation, Creation.listing_id == Listing.id)
    query = query.where(Listing.side_id == side.id, Creation.side_id == hub_id)
    found = set(session.scalars(query.where(Creation.state.in_(("waiting", "sent", "unknown", "refused")))))
    return {row.id: row for row in rows if row.id in found}


def _withdrawn(session: Session, side: SideContext) -> set[int]:
    """Listings that were deleted at the hub and are not seen by customers, or will not be soon."""
    parent = aliased(Listing)
    query = (
        select(Withdrawal.listing_id)
        .join(Listing, Listing.id == Withdrawal.listing_id)
        .outerjoin(parent, (parent.side_id == side.id) & (parent.external_id == Listing.parent_external_id))
        .where(Listing.side_id == side.id, Withdrawal.state != "ignored")
        .where((Withdrawal.state != "done") | ~Listing.published | (parent.published.is_(False)))
    )
    return set(session.scalars(query))


def report_not_counted(session: Session, side: SideContext) -> None:
    """Keep one finding per shop that counts linked listings whose stock is not counted there."""
    query = select(Listing.stock_mode, Listing.name).where(
        Listing.side_id == side.id,
        Listing.item_id.is_not(None),
        Listing.gone_at.is_(None),
        Listing.stock_mode != StockMode.OWN,
    )
    names = [
        name
        for mode, name in session.execute(query.order_by(Listing.id))
        if not (side.manage_unmanaged and mode == StockMode.UNMANAGED)
    ]
    if not names:
        close_finding(session, "not_counted", side.name, side.now())
        return
    examples = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    open_finding(
        session,
        Found(
            kind="not_counted",
            subject=side.name,
            side_id=side.id,
            message=f"{side.name} does not count the stock of {len(names)} linked products: {examples}",
            advice="They sell without limit there and are not synced. Switch stock management on for them in the shop, "
            "for each variation by itself, or set manage_unmanaged = true for this shop.",
        ),
        side.now(),
    )


_WORDS = {
    MatchClass.AMBIGUOUS: "with a code that several products share",
    MatchClass.DUPLICATE: "with a SKU that the shop uses twice",
    MatchClass.MISSING_CODE: "without SKU and EAN",
    MatchClass.ONLY_HERE: "exist only in the shop",
    PARTED: "parted by hand",
    _NOT_EQUAL: "with a different quantity (initial_stock is equal_only)",
}
