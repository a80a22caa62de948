"""What became of making a product: listings, links, pairs and findings, in one transaction after the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.fields import DESCRIPTION, EMPTY, GTIN, NAME, PRICE, SKU, TAX_RATE, Pair, kept
from syncd.core.model import ChangePage, NotSent, Refused, Unknown
from syncd.core.prices import canonical_rate
from syncd.core.products import Made
from syncd.service.field_outcome import tell_if_altered
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
    from syncd.service.creation_route import Route
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

RULE = "made"
"""``link_rule`` of listings that syncd made for their partner."""


def record(
    session: Session,
    route: Route,
    run: RunLog,
    planned: PlannedProduct,
    product: Product | None,
    result: MakeResult,
) -> None:
    """Record the outcome of one call.

    Args:
        session: A writing session.
        route: From where to where.
        run: The pass.
        planned: What was asked for.
        product: What was sent; ``None`` if it was found later, and what was sent is not known any more.
        result: The answer.
    """
    side = route.target
    if not isinstance(result, Made):
        for unit in planned.units:
            _not_made(session, route, planned, unit, result)
        return
    readings = [*result.units.values(), *([result.parent] if result.parent is not None else [])]
    observer = Observer(side, run, current_write_seq(session, side.id))
    observer.apply(session, ChangePage(tuple(readings)))
    session.flush()
    rows = load_listings(session, side.id, [reading.ref.external_id for reading in readings])
    for unit in planned.units:
        creation = session.get_one(Creation, (side.id, unit.source_listing_id))
        creation.product_id = result.product_id if planned.is_group else None
        reading = result.units.get(unit.external_id)
        if reading is None:
            _not_made(session, route, planned, unit, result.missing.get(unit.external_id, NotSent("not asked for")))
            continue
        _made(session, route, run, unit, rows[reading.ref.external_id], product, reading)
        creation.state, creation.error, creation.settled_at = "made", None, side.now()
        run.counts.made += 1


def release(session: Session, route: Route, planned: PlannedProduct, reason: str) -> None:
    """Nothing was made: it is to be made as before."""
    for unit in planned.units:
        _not_made(session, route, planned, unit, NotSent(reason))


def _made(
    session: Session,
    route: Route,
    run: RunLog,
    unit: PlannedUnit,
    row: Listing,
    product: Product | None,
    reading: RemoteListing,
) -> None:
    """Link what was made with what it was made for.

    Its quantity is none of anybody's and counts nothing: of what was made at the hub, the shop's is the only one.
    """
    source = session.get_one(Listing, unit.source_listing_id)
    hub, shop = (row, source) if route.to_hub else (source, row)
    shop.link_pending = False
    is_free = shop.item_id is None and hub.item_id is not None and hub.gone_at is None
    if is_free and shop.gone_at is None and not _has_partner(session, route.shop, hub):
        item = lock_items(session, [hub.item_id or 0])[hub.item_id or 0]
        if route.to_hub:
            link(session, route.shop, shop, item, RULE, run, hub_is_new=True)
        else:
            link(session, route.shop, shop, item, RULE, run, is_new=True)
        if product is not None:
            _agree(session, route, (hub, shop), product, unit, reading)
    close_finding(session, "not_made", route.subject(unit.external_id), route.target.now())


def _has_partner(session: Session, side: SideContext, hub: Listing) -> bool:
    """Whether a person linked another listing of the shop meanwhile; the one that was made is told of as unlinked."""
    query = select(Listing.id).where(
        Listing.side_id == side.id, Listing.item_id == hub.item_id, Listing.gone_at.is_(None)
    )
    return session.scalar(query.limit(1)) is not None


def _agree(
    session: Session,
    route: Route,
    rows: tuple[Listing, Listing],
    product: Product,
    unit: PlannedUnit,
    reading: RemoteListing,
) -> None:
    """What the one side shows was made of what the other said: however it is spelled, it is no edit.

    What the source has and the target has not at all was left out: that is compared, and told of if it cannot be
    stored. ``rows``: the hub's and the shop's.
    """
    hub, shop = rows
    source, target = (shop, hub) if route.to_hub else (hub, shop)
    there, here = shown(source), shown(target)
    said = {**there, **_said(product, unit)}
    for field in route.target.owners_of(shop.side_id):
        left_out = said.get(field, EMPTY) != EMPTY and here.get(field) == EMPTY
        if field in there and field in here and field in reading.fields and not left_out:
            made_of, made = kept(said[field]), kept(here[field])
            pair = Pair(made, made_of) if route.to_hub else Pair(made_of, made)
            note_agreed(session, route.target, shop.id, field, pair, session.get(FieldPair, (shop.id, field)))
            tell_if_altered(session, route.target, shop.id, unit.sku or target.name, field, said[field], here[field])


def _said(product: Product, unit: PlannedUnit) -> dict[str, str]:
    """Fields that the product was made with, where they may have changed at the hub since it was read."""
    (found,) = (each for each in product.units if each.source_id == unit.external_id)
    words = {} if product.is_group else {NAME: product.name, DESCRIPTION: product.description}
    said = {**words, SKU: found.sku or EMPTY, GTIN: found.gtin or EMPTY}
    money = {PRICE: found.price, TAX_RATE: canonical_rate(found.tax_rate)}
    return {**said, **{field: value for field, value in money.items() if value is not None}}


def _not_made(
    session: Session,
    route: Route,
    planned: PlannedProduct,
    unit: PlannedUnit,
    result: Refused | Unknown | NotSent,
) -> None:
    side = route.target
    creation = session.get_one(Creation, (side.id, unit.source_listing_id))
    match result:
        case Refused(code=code, message=message):
            creation.state, creation.error = "refused", f"{code}: {message}"
            if result.gone:
                creation.product_id = None
            _tell(session, route, planned, unit, creation.error)
        case Unknown(reason=reason):
            creation.state, creation.error = "unknown", reason
        case NotSent(reason=reason):
            creation.state, creation.error = "waiting", reason
    creation.settled_at = side.now() if creation.state != "unknown" else None


def _tell(session: Session, route: Route, planned: PlannedProduct, unit: PlannedUnit, error: str) -> None:
    source = session.get_one(Listing, unit.source_listing_id)
    target = "the till" if route.to_hub else route.target.name
    here, there = (route.source_name, "at the till") if route.to_hub else ("the till", "in the shop")
    found = Found(
        kind="not_made",
        subject=route.subject(unit.external_id),
        side_id=route.target.id,
        item_id=source.item_id,
        message=f"{target} does not take the new product {unit.sku or planned.name}: {error}",
        advice=f"Change it in {here}, or make it {there} by hand with the same SKU. It is tried again when it "
        "changes there, and when syncd starts."
        if route.to_hub
        else f"Change it at {here}, or make it {there} by hand with the same SKU. It is tried again when it "
        "changes at the till, and when syncd starts.",
    )
    open_finding(session, found, route.target.now())
