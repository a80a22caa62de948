"""What became of making a product in a shop: listings, links, pairs and findings, in one transaction after the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.fields import DESCRIPTION, EMPTY, GTIN, NAME, PRICE, SKU, TAX_RATE, Pair, kept
from syncd.core.model import ChangePage, NotSent, Refused, Unknown
from syncd.core.prices import canonical_rate
from syncd.core.products import Made
from syncd.service.creation_plan import not_made_subject
from syncd.service.field_plan import note_agreed, shown
from syncd.service.findings import Found, close_finding, open_finding
from syncd.service.ledger import lock_items
from syncd.service.linking import link
from syncd.service.observe import Observer, current_write_seq, load_listings
from syncd.state.models import Listing
from syncd.state.product_models import Creation, FieldPair

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from syncd.core.model import RemoteListing
    from syncd.core.products import MakeResult, Product
    from syncd.service.creation_plan import PlannedProduct, PlannedUnit
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

RULE = "made"
"""``link_rule`` of listings that syncd made for their partner."""


def record(
    session: Session,
    side: SideContext,
    run: RunLog,
    planned: PlannedProduct,
    product: Product | None,
    result: MakeResult,
) -> None:
    """Record the outcome of one call.

    Args:
        session: A writing session.
        side: The shop.
        run: The pass.
        planned: What was asked for.
        product: What was sent; ``None`` if it was found later, and what was sent is not known any more.
        result: The answer.
    """
    if not isinstance(result, Made):
        for unit in planned.units:
            _not_made(session, side, planned, unit, result)
        return
    readings = [*result.units.values(), *([result.parent] if result.parent is not None else [])]
    observer = Observer(side, run, current_write_seq(session, side.id))
    observer.apply(session, ChangePage(tuple(readings)))
    session.flush()
    rows = load_listings(session, side.id, [reading.ref.external_id for reading in readings])
    for unit in planned.units:
        creation = session.get_one(Creation, (side.id, unit.hub_listing_id))
        creation.product_id = result.product_id if planned.is_group else None
        reading = result.units.get(unit.external_id)
        if reading is None:
            _not_made(session, side, planned, unit, result.missing.get(unit.external_id, NotSent("not asked for")))
            continue
        _made(session, side, run, unit, rows[reading.ref.external_id], product, reading)
        creation.state, creation.error, creation.settled_at = "made", None, side.now()
        run.counts.made += 1


def release(session: Session, side: SideContext, planned: PlannedProduct, reason: str) -> None:
    """Nothing was made: it is to be made as before."""
    for unit in planned.units:
        _not_made(session, side, planned, unit, NotSent(reason))


def _made(
    session: Session,
    side: SideContext,
    run: RunLog,
    unit: PlannedUnit,
    row: Listing,
    product: Product | None,
    reading: RemoteListing,
) -> None:
    """Link what was made with what it was made for; its quantity is none of anybody's and counts nothing."""
    hub = session.get_one(Listing, unit.hub_listing_id)
    row.link_pending = False
    if hub.item_id is not None and hub.gone_at is None and row.item_id is None and not _has_partner(session, side, hub):
        item = lock_items(session, [hub.item_id])[hub.item_id]
        link(session, side, row, item, RULE, run, is_new=True)
        if product is not None:
            _agree(session, side, row, product, unit, reading)
    close_finding(session, "not_made", not_made_subject(side.name, unit.external_id), side.now())


def _has_partner(session: Session, side: SideContext, hub: Listing) -> bool:
    """Whether a person linked another listing of the shop meanwhile; the one that was made is told of as unlinked."""
    query = select(Listing.id).where(
        Listing.side_id == side.id, Listing.item_id == hub.item_id, Listing.gone_at.is_(None)
    )
    return session.scalar(query.limit(1)) is not None


def _agree(
    session: Session, side: SideContext, row: Listing, product: Product, unit: PlannedUnit, reading: RemoteListing
) -> None:
    """What the shop shows was made of what the hub said: however it is spelled, it is no edit.

    What the hub has and the shop has not at all was left out: that is compared, and told of if it cannot be stored.
    """
    hub, here = shown(session.get_one(Listing, unit.hub_listing_id)), shown(row)
    said = {**hub, **_said(product, unit)}
    for field in side.owners_of(side.id):
        left_out = said.get(field, EMPTY) != EMPTY and here.get(field) == EMPTY
        if field in hub and field in here and field in reading.fields and not left_out:
            pair = Pair(kept(said[field]), kept(here[field]))
            note_agreed(session, side, row.id, field, pair, session.get(FieldPair, (row.id, field)))


def _said(product: Product, unit: PlannedUnit) -> dict[str, str]:
    """Fields that the product was made with, where they may have changed at the hub since it was read."""
    (found,) = (each for each in product.units if each.source_id == unit.external_id)
    words = {} if product.is_group else {NAME: product.name, DESCRIPTION: product.description}
    said = {**words, SKU: found.sku or EMPTY, GTIN: found.gtin or EMPTY}
    money = {PRICE: found.price, TAX_RATE: canonical_rate(found.tax_rate)}
    return {**said, **{field: value for field, value in money.items() if value is not None}}


def _not_made(
    session: Session,
    side: SideContext,
    planned: PlannedProduct,
    unit: PlannedUnit,
    result: Refused | Unknown | NotSent,
) -> None:
    creation = session.get_one(Creation, (side.id, unit.hub_listing_id))
    match result:
        case Refused(code=code, message=message):
            creation.state, creation.error = "refused", f"{code}: {message}"
            if result.gone:
                creation.product_id = None
            _tell(session, side, planned, unit, creation.error)
        case Unknown(reason=reason):
            creation.state, creation.error = "unknown", reason
        case NotSent(reason=reason):
            creation.state, creation.error = "waiting", reason
    creation.settled_at = side.now() if creation.state != "unknown" else None


def _tell(session: Session, side: SideContext, planned: PlannedProduct, unit: PlannedUnit, error: str) -> None:
    hub = session.get_one(Listing, unit.hub_listing_id)
    found = Found(
        kind="not_made",
        subject=not_made_subject(side.name, unit.external_id),
        side_id=side.id,
        item_id=hub.item_id,
        message=f"{side.name} does not take the new product {unit.sku or planned.name}: {error}",
        advice="Change it at the till, or make it in the shop by hand with the same SKU. It is tried again when it "
        "changes at the till, and when syncd starts.",
    )
    open_finding(session, found, side.now())
