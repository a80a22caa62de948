"""Which products of a shop are to be withdrawn because the hub's were deleted. No calls to sides (design 4, rule 5)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import aliased

from syncd.core.guard import Stop, check_withdrawals
from syncd.core.model import ListingRef
from syncd.core.products import Way
from syncd.service.findings import APPROVED, Found, close_finding, open_finding, withdrawals_subject
from syncd.state.hints import no_index
from syncd.state.models import Finding, Listing, Side
from syncd.state.product_models import Withdrawal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from syncd.service.side import SideContext

IGNORE = "ignore"
_LATELY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PlannedWithdrawal:
    """A product of a shop, or one variation, to be taken from the customers.

    Attributes:
        listing_ids: Rows that it settles: of the product, or of all its variations.
        ref: What is told to the shop.
        name: For people.
        sku: Of what is sold; ``None`` for a product with variations.
        way: How.
    """

    listing_ids: tuple[int, ...]
    ref: ListingRef
    name: str
    sku: str | None
    way: Way

    @property
    def label(self) -> str:
        """The product, for people."""
        return self.sku or self.name


def note_deleted(session: Session, side: SideContext, source: str, partners: Iterable[Listing]) -> None:
    """A product of the hub was deleted, with proof: its shops' listings are to be withdrawn, as their policy says."""
    for partner in partners:
        row = session.get(Withdrawal, partner.id)
        if row is None:
            row = Withdrawal(listing_id=partner.id)
            session.add(row)
        row.source, row.state, row.noted_at = source, "waiting", side.now()
        row.how = row.run_id = row.error = row.sent_at = row.settled_at = None


def is_idle(session: Session, side: SideContext) -> bool:
    """Whether nothing is to be withdrawn, or to be settled otherwise: nearly all passes end here."""
    # Asked so that it goes from the few withdrawals to their listings, and not through all listings of the side.
    here = select(Listing.id).where(Listing.id == Withdrawal.listing_id, no_index(Listing.side_id) == side.id)
    open_states = Withdrawal.state.in_(("waiting", "sent", "unknown", "refused")) & here.exists()
    ignored = (Withdrawal.state == "ignored") & here.where(_is_settled()).exists()
    left = select(Withdrawal.listing_id).where(open_states | ignored)
    return session.scalar(left.limit(1)) is None


def _is_settled() -> ColumnElement[bool]:
    """Condition "it is linked again, or gone from the shop as well"."""
    return Listing.item_id.is_not(None) | Listing.gone_at.is_not(None)


def plan_withdrawals(session: Session, side: SideContext) -> list[PlannedWithdrawal]:
    """What is to be withdrawn now; a writing session. What lapsed is forgotten.

    A write whose answer was lost is planned again once the shop cannot be at work on it any more: it is absolute.
    """
    _lapse(session, side)
    if side.deletion == IGNORE:
        return []
    query = select(Withdrawal, Listing).join(Listing, Listing.id == Withdrawal.listing_id)
    query = query.where(Listing.side_id == side.id, Listing.item_id.is_(None), ~_keeps_others(side))
    query = query.where(Withdrawal.state.in_(("waiting", "sent", "unknown")))
    families: defaultdict[str | None, list[Listing]] = defaultdict(list)
    for row, listing in session.execute(query.order_by(Listing.id)):
        if row.state == "waiting" or _is_over(side, row):
            families[listing.parent_external_id].append(listing)
    way = Way(side.deletion)
    planned = [_single(listing, way) for listing in families.pop(None, [])]
    for parent, members in families.items():
        whole = parent is not None and _is_whole(session, side, parent, members)
        planned += [_family(session, side, parent or "", members, way)] if whole else [_single(m, way) for m in members]
    return planned


def hidden_already(session: Session, side: SideContext, planned: Sequence[PlannedWithdrawal]) -> set[ListingRef]:
    """Those of which customers saw nothing when they were read last: what is to be unpublished needs no write then."""
    ids = [one.ref.external_id for one in planned if one.way is Way.UNPUBLISH]
    query = select(Listing.external_id, Listing.parent_external_id).where(
        Listing.side_id == side.id, Listing.external_id.in_(ids), ~Listing.published
    )
    return {ListingRef(external_id, parent) for external_id, parent in session.execute(query)}


def _keeps_others(side: SideContext) -> ColumnElement[bool]:
    """Condition "variations of it are linked": they would leave with it. That it is gone from the hub stays told."""
    child = aliased(Listing)
    return exists().where(
        child.side_id == side.id, child.parent_external_id == Listing.external_id, child.item_id.is_not(None)
    )


def _single(listing: Listing, way: Way) -> PlannedWithdrawal:
    ref = ListingRef(listing.external_id, listing.parent_external_id)
    return PlannedWithdrawal((listing.id,), ref, listing.name, listing.sku, way)


def _family(
    session: Session, side: SideContext, parent: str, members: Sequence[Listing], way: Way
) -> PlannedWithdrawal:
    query = select(Listing.name).where(Listing.side_id == side.id, Listing.external_id == parent)
    ids = tuple(listing.id for listing in members)
    return PlannedWithdrawal(ids, ListingRef(parent), session.scalar(query) or members[0].name, None, way)


def _is_whole(session: Session, side: SideContext, parent: str, members: Sequence[Listing]) -> bool:
    """Whether these are all variations that the shop's product has: then it leaves as one."""
    query = select(func.count()).where(
        Listing.side_id == side.id, Listing.parent_external_id == parent, Listing.gone_at.is_(None)
    )
    return session.scalar(query) == len(members)


def _lapse(session: Session, side: SideContext) -> None:
    """Settle what needs no withdrawal: linked again (made anew at the hub), gone from the shop as well, or ignored."""
    query = select(Withdrawal, Listing).join(Listing, Listing.id == Withdrawal.listing_id)
    settled = _is_settled()
    if side.deletion == IGNORE:
        settled |= Withdrawal.state.in_(("waiting", "refused"))
    not_done = Withdrawal.state != "done"
    for row, listing in session.execute(query.where(Listing.side_id == side.id, not_done, settled)).all():
        if listing.gone_at is not None:
            row.state, row.settled_at = "done", side.now()
            close_if_nowhere_left(session, side, row.source)
        elif listing.item_id is None:
            row.state = "ignored"
        elif row.state in ("waiting", "refused", "ignored"):
            session.delete(row)
        elif _is_over(side, row):
            # It was linked while a withdrawal was under way: by now a reading shows what became of that.
            row.state = "done"
            tell_hidden(session, side, [listing])
        else:
            continue
        close_finding(session, "not_withdrawn", not_withdrawn_subject(side.name, listing.external_id), side.now())


def _is_over(side: SideContext, row: Withdrawal) -> bool:
    """Whether the shop cannot be at work any more on what was sent."""
    return row.sent_at is None or not side.now() - side.in_doubt < row.sent_at <= side.now()


def close_if_nowhere_left(session: Session, side: SideContext, source: str) -> None:
    """Nothing is left to be told of a product of the hub once no shop sells it any more."""
    session.flush()
    left = select(Withdrawal.listing_id).where(Withdrawal.source == source, Withdrawal.state != "done")
    if session.scalar(left.limit(1)) is None:
        hub = session.scalars(select(Side).where(Side.role == "hub")).one()
        close_finding(session, "deleted_on_side", f"{hub.name} {source}", side.now())


def in_doubt(session: Session, side: SideContext) -> bool:
    """Whether withdrawals are under way: the plan is not carried out yet, though nothing else is planned."""
    query = select(Withdrawal.listing_id).join(Listing, Listing.id == Withdrawal.listing_id)
    doubtful = query.where(Listing.side_id == side.id, Withdrawal.state.in_(("sent", "unknown")))
    return session.scalar(doubtful.limit(1)) is not None


def check_plan_of_withdrawals(session: Session, side: SideContext, planned: Sequence[PlannedWithdrawal]) -> Stop | None:
    """Ask the guard about everything that would be withdrawn."""
    count = sum(len(one.listing_ids) for one in planned)
    if not count:
        return None
    lately = _withdrawn_lately(session, side)
    return check_withdrawals(count, side.linked_count(session) + count, side.limits, lately=lately)


def _withdrawn_lately(session: Session, side: SideContext) -> int:
    """How many left one by one: a till that is being emptied slowly looks like that.

    After a person approved withdrawals from a shop it counts none of them for a day.
    """
    since = side.now() - _LATELY
    approved = select(Finding.id).where(
        Finding.kind == "safety_stop",
        Finding.subject == withdrawals_subject(side.name),
        Finding.closed_at >= since,
        Finding.closed_by.startswith(APPROVED),
    )
    if session.scalar(approved.limit(1)) is not None:
        return 0
    query = select(func.count()).select_from(Withdrawal).join(Listing, Listing.id == Withdrawal.listing_id)
    query = query.where(Listing.side_id == side.id, Withdrawal.state == "done", Withdrawal.run_id.is_not(None))
    return session.scalar(query.where(Withdrawal.settled_at >= since)) or 0


def try_refused_again(session: Session, side_id: int) -> None:
    """The process starts, maybe with another configuration or key: what a shop refused may be done now."""
    here = select(Listing.id).where(Listing.side_id == side_id)
    refused = Withdrawal.listing_id.in_(here), Withdrawal.state == "refused"
    session.execute(update(Withdrawal).where(*refused).values(state="waiting"))


def tell_hidden(session: Session, side: SideContext, rows: Sequence[Listing]) -> None:
    """Listings that were withdrawn are linked again: nobody sees them before somebody publishes them, and that is told.

    Args:
        session: A writing session.
        side: The shop.
        rows: What was linked just now, withdrawn or not.
    """
    by_id = {row.id: row for row in rows}
    query = select(Withdrawal).where(Withdrawal.listing_id.in_(by_id), Withdrawal.state.not_in(("sent", "unknown")))
    for withdrawal in session.scalars(query).all():
        _tell_if_hidden(session, side, by_id[withdrawal.listing_id], withdrawal)


def _tell_if_hidden(session: Session, side: SideContext, row: Listing, withdrawal: Withdrawal) -> None:
    session.delete(withdrawal)
    parent = select(Listing).where(Listing.side_id == side.id, Listing.external_id == row.parent_external_id)
    hidden = next((each for each in (row, *session.scalars(parent)) if not each.published), None)
    if withdrawal.state != "done" or hidden is None:
        return
    found = Found(
        kind="left_unpublished",
        subject=left_unpublished_subject(side.name, hidden.external_id),
        side_id=side.id,
        message=f"{hidden.name} is at the till again and linked, but customers of {side.name} do not see it: syncd "
        "unpublished it when the till had deleted it",
        advice="Publish it in the shop if it is to be sold there; its stock is right already.",
    )
    open_finding(session, found, side.now())


def left_unpublished_subject(shop: str, external_id: str) -> str:
    """Subject of the finding that a product is linked again and still unpublished."""
    return f"{shop} {external_id}"


def not_withdrawn_subject(shop: str, external_id: str) -> str:
    """Subject of the finding that a product could not be withdrawn from a shop."""
    return f"{shop} {external_id}"
