"""What became of making a product on a side: listings, links, pairs and findings, in one transaction after the call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.attributes import attributes_text
from syncd.core.fields import (
    ATTRIBUTES,
    DESCRIPTION,
    EMPTY,
    GTIN,
    IMAGES,
    NAME,
    PRICE,
    PUBLISHED,
    SKU,
    TAX_RATE,
    End,
    Pair,
    kept,
)
from syncd.core.model import ChangePage, NotSent, Refused, Unknown
from syncd.core.prices import canonical_rate
from syncd.core.products import Made
from syncd.service.creation_plan import not_made_subject, shop_of
from syncd.service.field_outcome import tell_if_altered
from syncd.service.field_plan import note_agreed, shown
from syncd.service.findings import Found, close_finding, open_finding
from syncd.service.ledger import lock_items
from syncd.service.linking import link
from syncd.service.observe import Observer, current_write_seq, load_listings
from syncd.state.models import Listing
from syncd.state.product_models import Creation, FieldPair

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.orm import Session

    from syncd.core.model import RemoteListing
    from syncd.core.products import MakeResult, Product, Unit
    from syncd.service.creation_plan import PlannedProduct, PlannedUnit
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

RULE = "made"
"""``link_rule`` of listings that syncd made for their partner."""
_TOLD_IMAGES = 5


def record(
    session: Session,
    side: SideContext,
    source: SideContext,
    run: RunLog,
    planned: PlannedProduct,
    product: Product | None,
    result: MakeResult,
) -> None:
    """Record the outcome of one call.

    Args:
        session: A writing session.
        side: Where it was made.
        source: Where it comes from.
        run: The pass.
        planned: What was asked for.
        product: What was sent; ``None`` if that is not known any more.
        result: The answer.
    """
    if not isinstance(result, Made):
        for unit in planned.units:
            _not_made(session, side, source, planned, unit, result)
        return
    readings = [*result.units.values(), *([result.parent] if result.parent is not None else [])]
    observer = Observer(side, run, current_write_seq(session, side.id))
    observer.apply(session, ChangePage(tuple(readings)))
    session.flush()
    rows = load_listings(session, side.id, [reading.ref.external_id for reading in readings])
    creations = [session.get_one(Creation, (side.id, unit.listing_id)) for unit in planned.units]
    sent = next((creation.sent for creation in creations if creation.sent), None)
    for unit, creation in zip(planned.units, creations, strict=True):
        creation.product_id = result.product_id if planned.is_group else None
        reading = result.units.get(unit.external_id)
        if reading is None:
            missing = result.missing.get(unit.external_id, NotSent("not asked for"))
            _not_made(session, side, source, planned, unit, missing)
            continue
        _made(session, side, source, run, unit, rows[reading.ref.external_id], product, reading)
        creation.state, creation.error, creation.sent, creation.settled_at = "made", None, None, side.now()
        run.counts.made += 1
    for creation in [each for each in creations if each.state == "unknown"][:1]:
        creation.sent = sent  # what is still in doubt is looked for by it
    if product is not None and result.parent is not None and planned.into is None:
        _agree_on_words(session, side, source, product, rows[result.parent.ref.external_id])


def release(session: Session, side: SideContext, source: SideContext, planned: PlannedProduct, reason: str) -> None:
    """Nothing was made: it is to be made as before."""
    for unit in planned.units:
        _not_made(session, side, source, planned, unit, NotSent(reason))


def leave_to_a_person(
    session: Session, side: SideContext, source: SideContext, planned: PlannedProduct, reason: str
) -> None:
    """It may have been made, and cannot be told from what others made: it is not made again by itself."""
    for unit in planned.units:
        creation = session.get_one(Creation, (side.id, unit.listing_id))
        creation.state, creation.error, creation.settled_at = "unknown", reason, side.now()
        found = _finding(session, side, source, unit)
        name = unit.sku or planned.name
        message = f"it is not known whether {side.name} has made {name} of {source.name}: {reason}"
        advice = (
            f"Look there. Delete what is there twice; or pair the right one: `syncd link {source.name} "
            f"{unit.external_id} ID`. Until then it is not made again."
        )
        open_finding(session, replace(found, message=message, advice=advice), side.now())


def tell_of_images(
    session: Session,
    side: SideContext,
    source: SideContext,
    planned: PlannedProduct,
    left_out: Mapping[str, Refused],
) -> None:
    """Tell which images a product was made without: they do not come later by themselves."""
    if not left_out:
        return
    reasons = "; ".join(f"{key}: {refused.message}" for key, refused in sorted(left_out.items())[:_TOLD_IMAGES])
    more = f"; and {len(left_out) - _TOLD_IMAGES} more" if len(left_out) > _TOLD_IMAGES else ""
    without = f"without {len(left_out)} of its images"
    found = Found(
        kind="images_left_out",
        subject=f"{shop_of(side, source).name} {planned.source_id} {IMAGES}",
        severity="info",
        side_id=shop_of(side, source).id,
        item_id=session.get_one(Listing, planned.units[0].listing_id).item_id,
        message=f"{side.name} has the new product {planned.label} {without}: {reasons}{more}",
        advice="Add what you miss there by hand; then `syncd findings resolve {id}` closes this.",
    )
    open_finding(session, found, side.now())


def _made(
    session: Session,
    side: SideContext,
    source: SideContext,
    run: RunLog,
    unit: PlannedUnit,
    made: Listing,
    product: Product | None,
    reading: RemoteListing,
) -> None:
    """Link what was made with what it was made for; its quantity is none of anybody's and counts nothing."""
    origin = session.get_one(Listing, unit.listing_id)
    shop, new = (source, End.HUB) if side.is_hub else (side, End.SHOP)
    hub_row, shop_row = (made, origin) if side.is_hub else (origin, made)
    shop_row.link_pending = False
    is_free = shop_row.item_id is None and shop_row.gone_at is None and hub_row.gone_at is None
    if is_free and hub_row.item_id is not None and not _has_partner(session, shop, hub_row):
        item = lock_items(session, [hub_row.item_id])[hub_row.item_id]
        link(session, shop, shop_row, item, RULE, run, new=new)
        if product is not None:
            (found,) = (each for each in product.units if each.source_id == unit.external_id)
            said = {**({} if product.is_group else _words(product)), **_said(found)}
            asked = {ATTRIBUTES: attributes_text(found.attributes)}  # in the words of the side where it was made
            _agree(session, shop, said, hub_row, shop_row, new, reading.fields.keys(), asked)
    close_finding(session, "not_made", not_made_subject(side, source, unit.external_id), side.now())


def _has_partner(session: Session, shop: SideContext, hub: Listing) -> bool:
    """Whether a person linked another listing of the shop meanwhile; the one that was made is told of as unlinked."""
    query = select(Listing.id).where(
        Listing.side_id == shop.id, Listing.item_id == hub.item_id, Listing.gone_at.is_(None)
    )
    return session.scalar(query.limit(1)) is not None


def _agree(
    session: Session,
    shop: SideContext,
    sent: Mapping[str, str],
    hub_row: Listing,
    shop_row: Listing,
    new: End,
    told: Collection[str],
    asked: Mapping[str, str] | None = None,
) -> None:
    """What the new listing shows was made of what the other one said: however it is spelled, it is no edit.

    What the one has and the new one has not at all was left out: that is compared, and told of if it cannot be stored.
    """
    ends = {End.HUB: shown(hub_row), End.SHOP: shown(shop_row)}
    said, here = {**ends[new.other], **sent}, ends[new]
    for field in shop.owners_of(shop.id):
        left_out = said.get(field, EMPTY) != EMPTY and here.get(field) == EMPTY
        if field in ends[new.other] and field in here and field in told and not left_out:
            values = {new: kept(here[field], field), new.other: kept(said[field], field)}
            pair = Pair(values[End.HUB], values[End.SHOP])
            note_agreed(session, shop, shop_row.id, field, pair, session.get(FieldPair, (shop_row.id, field)))
            target, row = (shop, shop_row) if new is End.SHOP else (shop.sources[0], hub_row)
            # That it is made as a draft is our doing; and images get names of their own where they are uploaded.
            if field not in (PUBLISHED, IMAGES):
                tell_if_altered(
                    session,
                    target,
                    shop_row.id,
                    row.sku or row.name,
                    field,
                    (asked or {}).get(field, said[field]),
                    here[field],
                )


def _agree_on_words(session: Session, side: SideContext, source: SideContext, product: Product, made: Listing) -> None:
    """The same for name and text of a product with variations."""
    query = select(Listing).where(Listing.side_id == source.id, Listing.external_id == product.source_id)
    origin = session.scalars(query).one_or_none()
    if origin is None:
        return
    shop, new = (source, End.HUB) if side.is_hub else (side, End.SHOP)
    hub_row, shop_row = (made, origin) if side.is_hub else (origin, made)
    _agree(session, shop, _words(product), hub_row, shop_row, new, (NAME, DESCRIPTION))


def _words(product: Product) -> dict[str, str]:
    return {NAME: product.name, DESCRIPTION: product.description}


def _said(unit: Unit) -> dict[str, str]:
    """Fields that a unit was made with, where they may have changed since it was read."""
    said = {SKU: unit.sku or EMPTY, GTIN: unit.gtin or EMPTY}
    money = {PRICE: unit.price, TAX_RATE: canonical_rate(unit.tax_rate)}
    return {**said, **{field: value for field, value in money.items() if value is not None}}


def _not_made(
    session: Session,
    side: SideContext,
    source: SideContext,
    planned: PlannedProduct,
    unit: PlannedUnit,
    result: Refused | Unknown | NotSent,
) -> None:
    creation = session.get_one(Creation, (side.id, unit.listing_id))
    match result:
        case Refused(code=code, message=message):
            creation.state, creation.error = "refused", f"{code}: {message}"
            if result.gone:
                creation.product_id = None
            _tell(session, side, source, planned, unit, creation.error)
        case Unknown(reason=reason):
            creation.state, creation.error = "unknown", reason
        case NotSent(reason=reason):
            creation.state, creation.error = "waiting", reason
    creation.settled_at = side.now() if creation.state != "unknown" else None
    creation.sent = creation.sent if creation.state == "unknown" else None


def _tell(
    session: Session, side: SideContext, source: SideContext, planned: PlannedProduct, unit: PlannedUnit, error: str
) -> None:
    found = _finding(session, side, source, unit)
    name, origin = unit.sku or planned.name, f" of {source.name}" if side.is_hub else ""
    place, there = (f"in {source.name}", "at the till") if side.is_hub else ("at the till", "in the shop")
    advice = (
        f"Change it {place}, or make it {there} by hand with the same SKU. It is tried again when it changes {place}, "
        "and when syncd starts."
    )
    message = f"{side.name} does not take the new product {name}{origin}: {error}"
    open_finding(session, replace(found, message=message, advice=advice), side.now())


def _finding(session: Session, side: SideContext, source: SideContext, unit: PlannedUnit) -> Found:
    return Found(
        kind="not_made",
        subject=not_made_subject(side, source, unit.external_id),
        side_id=shop_of(side, source).id,
        item_id=session.get_one(Listing, unit.listing_id).item_id,
        message="",
        advice="",
    )
