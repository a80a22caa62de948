"""Fields of products: what hub and shop show, what they agreed on, and what would be written. No calls to sides."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from syncd.core import fields as core
from syncd.core.fields import (
    ALL,
    ATTRIBUTES,
    EMPTY,
    NO,
    PRICE,
    PUBLISHED,
    Agree,
    End,
    Owner,
    Pair,
    Past,
    WriteField,
    kept,
)
from syncd.core.guard import FieldChange, SafetyLimits, Stop, check_fields
from syncd.core.model import ListingRef
from syncd.service.attribute_edits import Siblings, tell_unplaced, was_refused_by_a_side
from syncd.service.beside import FIELDS
from syncd.service.field_partners import partners_of
from syncd.service.findings import close_finding, gone_subject, open_stops_among, reported_subject
from syncd.state.bulk import UNSEEN, insert_rows
from syncd.state.models import Finding, Listing, Side
from syncd.state.product_models import Creation, FieldPair

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from syncd.service.side import SideContext

_CHUNK = 500
FIELD_KINDS = ("field_refused", "field_conflict", "field_altered", "images_left_out")
"""Findings about one field of one listing of a shop; their subject is ``SHOP ID FIELD``."""


@dataclass(frozen=True, slots=True)
class PlannedField:
    """One field that would be written.

    Attributes:
        shop_listing_id: The shop's listing, which the pair belongs to; ``shop_id`` is the shop.
        field: Name of the field.
        source: Listing of the other end, which the value comes from.
        shows: What the side shows now.
        wants: What it would show.
        now: What both ends show, as it is remembered (``core.fields.kept``).
        verdict: The decision.
        past: What was known before.
        reason: The rule in words.
    """

    shop_listing_id: int
    shop_id: int
    field: str
    source: ListingRef
    shows: str
    wants: str
    now: Pair
    verdict: WriteField
    past: Past
    reason: str


@dataclass(frozen=True, slots=True)
class PlannedFields:
    """Fields of one listing that would be written now."""

    listing_id: int
    item_id: int
    ref: ListingRef
    sku: str | None
    name: str
    fields: tuple[PlannedField, ...]

    @property
    def label(self) -> str:
        """The product, for people."""
        return self.sku or self.name


def shown(row: Listing) -> dict[str, str]:
    """Fields of a listing as it was read last."""
    fields: dict[str, str] = json.loads(row.fields) if row.fields else {}
    return fields


def as_json(fields: Mapping[str, str]) -> str | None:
    """Fields as a listing's row keeps them."""
    return json.dumps(dict(sorted(fields.items())), ensure_ascii=False) if fields else None


def can_be_compared() -> ColumnElement[bool]:
    """Condition "this listing's fields wait to be compared, and what it shows is not the echo of a write"."""
    return Listing.fields_pending & Listing.fields_recheck_at.is_(None)


def pending_ids(session: Session, side: SideContext) -> list[int]:
    """Listings of a side whose fields can be compared now."""
    query = select(Listing.id).where(Listing.side_id == side.id, can_be_compared())
    return list(session.scalars(query.order_by(Listing.id)))


def compare(session: Session, side: SideContext, hub_id: int, ids: Sequence[int]) -> list[PlannedFields]:
    """Decide on all fields of some listings of a side; a writing session.

    What both ends show already is noted as agreed, what the other side is to be told is handed over to it, and
    listings of which nothing is to be written are not pending any more.

    Args:
        session: A writing session.
        side: Whose listings these are; what is planned is written there.
        hub_id: Row id of the hub.
        ids: Listings of the side.
    """
    planned: list[PlannedFields] = []
    settled = set(ids)
    pairs = _partners(session, side, hub_id, ids)
    past = _past(session, [shop.id for _, _, shop in pairs])
    copied = _copied_to_hub(session, side.id if side.is_hub else hub_id, [shop for _, _, shop in pairs])
    found: dict[int, list[PlannedField]] = {}
    rows = {row.id: row for row, _, _ in pairs}
    siblings = Siblings(session)
    fresh: list[dict[str, object]] = []
    for row, hub, shop in pairs:
        if row.fields_recheck_at is not None:
            settled.discard(row.id)
            continue
        if _other(row, hub, shop).fields_recheck_at is not None:
            continue  # as soon as the other end was read again this one is compared anew
        writes = list(_decide(session, side, hub, shop, past, siblings, fresh, is_copied=shop.id in copied))
        taken = {write.field for write in found.get(row.id, [])}
        found.setdefault(row.id, []).extend(write for write in writes if write.field not in taken)
    insert_rows(session, FieldPair, fresh)
    for listing_id, fields in found.items():
        if fields:
            row = rows[listing_id]
            ref = ListingRef(row.external_id, row.parent_external_id)
            planned.append(PlannedFields(row.id, row.item_id or 0, ref, row.sku, row.name, tuple(fields)))
            settled.discard(listing_id)
    if settled:
        done = update(Listing).where(Listing.id.in_(settled)).values(fields_pending=False)
        session.execute(done, execution_options=UNSEEN)
    return planned


def check_plan_of_fields(session: Session, side: SideContext, planned: Sequence[PlannedFields]) -> Stop | None:
    """Ask the guard about all fields that would be written to a side; to the hub, by the shop that they come from."""
    if not planned:
        return None
    by_shop: dict[int, list[FieldChange]] = {}
    for write in planned:
        for field in write.fields:
            by_shop.setdefault(field.shop_id, []).append(
                FieldChange(
                    label=f"{write.label} ({write.ref.external_id})",
                    shows=field.shows,
                    wants=field.wants,
                    is_price=field.field == PRICE,
                    is_first=field.past.agreed is None,
                    hides=field.field == PUBLISHED and field.wants == NO,
                )
            )
    linked = side.linked_count(session)
    for shop_id, changes in by_shop.items():
        limits = side.shop_limits.get(shop_id, SafetyLimits()) if side.is_hub else side.limits
        if stop := check_fields(changes, linked, limits):
            return stop
    return None


def _partners(
    session: Session, side: SideContext, hub_id: int, ids: Sequence[int]
) -> list[tuple[Listing, Listing, Listing]]:
    """Listings of the side, each with hub's and shop's end of its link; it is one of the two itself."""
    others = _believed(session, side) if side.is_hub else [hub_id]
    found = partners_of(session, side.id, others, ids)
    return [(one, one, two) if side.is_hub else (one, two, one) for one, two in found]


def _believed(session: Session, hub: SideContext) -> list[int]:
    """Shops whose word counts now: not those of which a person must first say whether what they report is true."""
    names = {row.id: row.name for row in session.scalars(select(Side).where(Side.id.in_(hub.shop_owners)))}
    stops = open_stops_among(session, {subject for name in names.values() for subject in _stops_on(name)})
    return [shop_id for shop_id, name in names.items() if not stops.intersection(_stops_on(name))]


def _stops_on(shop: str) -> tuple[str, ...]:
    return reported_subject(shop), gone_subject(shop)


def _other(row: Listing, hub: Listing, shop: Listing) -> Listing:
    return shop if row is hub else hub


def _past(session: Session, listing_ids: Sequence[int]) -> dict[tuple[int, str], FieldPair]:
    query = select(FieldPair).where(FieldPair.listing_id.in_(listing_ids))
    return {(pair.listing_id, pair.field): pair for pair in session.scalars(query)}


def _copied_to_hub(session: Session, hub_id: int, shops: Sequence[Listing]) -> set[int]:
    """Listings of shops that the hub's products were made from, and products whose variations were."""
    if not shops:
        return set()
    by_id = {(shop.side_id, shop.external_id): shop.id for shop in shops}
    made = select(Listing.id, Listing.side_id, Listing.parent_external_id).join(
        Creation, Creation.listing_id == Listing.id
    )
    ids = [shop.external_id for shop in shops]
    here = or_(Listing.external_id.in_(ids), Listing.parent_external_id.in_(ids))
    found: set[int] = set()
    for listing_id, shop_id, parent in session.execute(
        made.where(Creation.side_id == hub_id, Creation.state == "made", here)
    ):
        found.add(listing_id)
        if parent is not None and (shop_id, parent) in by_id:
            found.add(by_id[shop_id, parent])
    return found


def _decide(
    session: Session,
    side: SideContext,
    hub: Listing,
    shop: Listing,
    known: Mapping[tuple[int, str], FieldPair],
    siblings: Siblings,
    fresh: list[dict[str, object]],
    *,
    is_copied: bool,
) -> Iterator[PlannedField]:
    """Decide on the fields of one pair. Rows of what is agreed for the first time are left in ``fresh``."""
    end = End.HUB if side.is_hub else End.SHOP
    there, here = shown(hub), shown(shop)
    for field, owned_by in side.owners_of(shop.side_id).items():
        row = known.get((shop.id, field))
        past = past_of(row)
        now = _pair(field, there.get(field), here.get(field))
        stale = row if past.refused not in (None, now) else None
        if stale is not None and field != ATTRIBUTES:
            forget_refusal(session, side, shop, stale)
        if now is None:
            continue  # one of the two says nothing of it
        full = Pair(there[field], here[field])
        # What the product was made without comes to it, whoever owns it from then on.
        owner = Owner.BOTH if is_copied and owned_by is Owner.HUB and past.agreed is None else owned_by
        is_edit = field == ATTRIBUTES and past.agreed not in (None, now)
        verdict = core.judge(field, owner, full, past, siblings.of(shop) if is_edit else ())
        if stale is not None and field == ATTRIBUTES and isinstance(verdict, core.Keep | Agree):
            forget_refusal(session, side, shop, stale)  # else what a person was told is needed until it is written
        match verdict:
            case Agree():
                if past.agreed is not None and past.agreed.hub != past.agreed.shop:
                    close_finding(session, "field_altered", _subject(session, shop, field), side.now())
                if row is None and field != ATTRIBUTES:  # of these, siblings may be asked for at once
                    fresh.append(_agreed_row(side, shop.id, field, now))
                else:
                    note_agreed(session, side, shop.id, field, now, row)
            case WriteField(to=to) | core.Unplaced(to=to) if to is not end:
                hub.fields_pending = hub.fields_pending or to is End.HUB
                shop.fields_pending = shop.fields_pending or to is End.SHOP
            case core.Unplaced() if row is not None and field in side.adapter.capabilities.fields:
                tell_unplaced(session, side, shop, row, full)
            case WriteField() if field in side.adapter.capabilities.fields:
                other = shop if side.is_hub else hub
                yield PlannedField(
                    shop.id,
                    shop.side_id,
                    field,
                    ListingRef(other.external_id, other.parent_external_id),
                    full.at(end),
                    verdict.value,
                    now,
                    verdict,
                    past,
                    _reason(owner, verdict, past),
                )


def forget_refusal(session: Session, side: SideContext, shop: Listing, pair: FieldPair) -> None:
    """The pair that was refused is not shown any more: what is there now is tried, or needs no write."""
    pair.refused_hub = pair.refused_shop = None
    subject = _subject(session, shop, pair.field)
    if not close_finding(session, "field_refused", subject, side.now()) and pair.field == ATTRIBUTES:
        close_finding(session, "field_conflict", subject, side.now())  # it was no side that refused it


def _subject(session: Session, shop: Listing, field: str) -> str:
    return f"{session.get_one(Side, shop.side_id).name} {shop.external_id} {field}"


def try_refused_again(session: Session, side_id: int, fields: Collection[str] = ALL) -> None:
    """What a side refused may be taken now, such as a code that another product had.

    Asked for when the process starts, with each read of everything, and of codes when one was changed by us.
    """
    here = select(Listing.id).where(Listing.side_id == side_id)
    ours = FieldPair.listing_id.in_(here), FieldPair.field.in_(fields)
    refused = *ours, FieldPair.refused_hub.is_not(None), was_refused_by_a_side(side_id)
    listings = select(FieldPair.listing_id).where(*refused)
    session.execute(update(Listing).where(Listing.id.in_(listings)).values(fields_pending=True))
    session.execute(update(FieldPair).where(*refused).values(refused_hub=None, refused_shop=None))


def distrust_fields(session: Session, shop: Listing) -> None:
    """A person said that what the shop shows was put back: that its fields differ is no edit."""
    session.execute(update(FieldPair).where(FieldPair.listing_id == shop.id).values(unsure=End.SHOP.value))
    shop.fields_pending = True


def close_field_findings(session: Session, shop_name: str, external_id: str, now: datetime) -> None:
    """A shop's listing is gone or parted: nothing is to be said of its fields any more."""
    for kind in FIELD_KINDS:
        for field in ALL:
            close_finding(session, kind, f"{shop_name} {external_id} {field}", now)


def close_disowned(session: Session, side: SideContext) -> None:
    """The owners changed: of fields that nobody keeps the same any more nothing is left to be told."""
    query = select(Finding.kind, Finding.subject).where(
        Finding.kind.in_((*FIELD_KINDS, FIELDS)),
        Finding.closed_at.is_(None),
        Finding.subject.startswith(f"{side.name} "),
    )
    owned = side.owners_of(side.id)
    for kind, subject in session.execute(query).all():
        if subject.rpartition(" ")[2] not in owned:
            close_finding(session, kind, subject, side.now(), by="no longer kept the same")


def past_of(row: FieldPair | None) -> Past:
    """What is known of a field from its row."""
    if row is None:
        return Past()
    return Past(
        agreed=_pair(row.field, row.agreed_hub, row.agreed_shop),
        refused=_pair(row.field, row.refused_hub, row.refused_shop),
        unsure=End(row.unsure) if row.unsure else None,
    )


def _pair(field: str, hub: str | None, shop: str | None) -> Pair | None:
    """Two values as they are remembered. What is remembered already stays as it is."""
    return Pair(kept(hub, field), kept(shop, field)) if hub is not None and shop is not None else None


def note_agreed(
    session: Session, side: SideContext, shop_listing_id: int, field: str, pair: Pair, row: FieldPair | None
) -> None:
    """Keep what both ends show as agreed; nothing is refused or unsure any more."""
    if row is None:
        row = FieldPair(listing_id=shop_listing_id, field=field)
        session.add(row)
    row.agreed_hub, row.agreed_shop = pair.hub, pair.shop
    row.refused_hub = row.refused_shop = row.unsure = None
    row.changed_at = side.now()


def _agreed_row(side: SideContext, shop_listing_id: int, field: str, pair: Pair) -> dict[str, object]:
    """The same for a pair without a row yet: a first sync makes millions of them, too many for one object each."""
    return {
        "listing_id": shop_listing_id,
        "field": field,
        "agreed_hub": pair.hub,
        "agreed_shop": pair.shop,
        "changed_at": side.now(),
    }


def _reason(owner: Owner, verdict: WriteField, past: Past) -> str:
    if verdict.conflict:
        return "edited on both sides: the till's counts"
    if owner is Owner.BOTH:
        where = "shop" if verdict.to is End.HUB else "till"
        return f"edited in the {where}" if past.agreed is not None else f"only the {where} has it"
    who = "the shop" if owner is Owner.SHOP else "the till"
    edited = verdict.overwritten not in (None, EMPTY) and past.agreed is not None
    return f"{who} owns it; edited on the other side" if edited else f"{who} owns it"
