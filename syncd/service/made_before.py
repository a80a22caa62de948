"""Products that may have been made in the time that a restored database does not know of.

What has a SKU or an EAN is linked by it. Without either, nothing tells the product that was made from a stranger, and
it would be made a second time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select

from syncd.core.model import Refused
from syncd.service.creation_outcome import record
from syncd.service.creation_plan import has_code
from syncd.state.models import Listing, Restore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from syncd.service.creation_plan import PlannedProduct
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext


def leave_out_made(
    session: Session, side: SideContext, source: SideContext, run: RunLog, planned: Sequence[PlannedProduct]
) -> list[PlannedProduct]:
    """Return what is to be made; what may be there since before a restore is told to a person instead.

    Args:
        session: A writing session.
        side: Where it would be made.
        source: Where it comes from.
        run: The pass.
        planned: All that is planned.
    """
    left = []
    for product, there in made_already(session, side, source, planned):
        if there is None:
            left.append(product)
            continue
        shop, hub = (product.source_id, there) if side.is_hub else (there, product.source_id)
        name = (source if side.is_hub else side).name
        message = (
            f"the database was put back from a backup, and {there} of the same name is new to it: it may be what was "
            f"made already. If so: `syncd link {name} {shop} {hub}`; if not, give it a SKU"
        )
        record(session, side, source, run, product, None, Refused("maybe_made", message))
    return left


def made_already(
    session: Session, side: SideContext, source: SideContext, planned: Sequence[PlannedProduct]
) -> Iterator[tuple[PlannedProduct, str | None]]:
    """Each of what is planned, with the id of what may be it and is there since a restore; ``None`` if nothing is."""
    restored_at = session.scalar(select(func.max(Restore.restored_at)))
    for product in planned:
        yield product, None if restored_at is None else _same_name(session, side, source, product, restored_at)


def _same_name(
    session: Session, side: SideContext, source: SideContext, product: PlannedProduct, since: object
) -> str | None:
    """Id of a listing without a partner that is new since a moment and has the name of a product without codes."""
    ids = [unit.listing_id for unit in product.units]
    if all(has_code(row) for row in session.scalars(select(Listing).where(Listing.id.in_(ids)))):
        return None
    shop = source if side.is_hub else side
    linked = select(Listing.item_id).where(Listing.side_id == shop.id, Listing.item_id.is_not(None))
    query = select(Listing.external_id).where(
        Listing.side_id == side.id,
        Listing.gone_at.is_(None),
        Listing.first_seen_at >= since,
        Listing.name.in_({product.name, *(unit.name for unit in product.units)}),
        or_(Listing.item_id.is_(None), Listing.item_id.not_in(linked)),
    )
    return session.scalar(query.order_by(Listing.id).limit(1))
