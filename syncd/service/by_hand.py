"""Pairing and parting listings by a person's word.

Written beside a daemon at work, or without one: writers take turns. A parted listing is never linked by itself again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from syncd.core.keys import gtin_key, sku_key
from syncd.core.model import StockMode
from syncd.errors import SyncdError
from syncd.service.field_plan import close_field_findings
from syncd.service.ledger import lock_items
from syncd.service.linking import PARTED, link, report_unlinked
from syncd.service.runs import RunLog
from syncd.state.models import Listing, Operation, Run, is_open

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from syncd.service.side import SideContext

_LINKED_BY = "syncd link"
_SHOWN = 5
_SELLABLE = (StockMode.OWN, StockMode.UNMANAGED)


class NotLinkable(SyncdError):
    """The two cannot be paired, or the one not be parted; the message says why and what to do."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Pairing:
    """A pair that was made or parted, as it stands in the catalogues."""

    shop: str
    shop_id: str
    shop_name: str
    hub_id: str
    hub_name: str


def link_by_hand(shop: SideContext, hub: SideContext, shop_code: str, hub_code: str) -> Pairing:
    """Link a shop's listing with one of the hub; whose quantity counts is the shop's ``initial_stock``.

    Args:
        shop: The shop.
        hub: The hub.
        shop_code: SKU, EAN/GTIN or the shop's own id.
        hub_code: The same of the hub.

    Raises:
        NotLinkable: A code fits none or several, or one of the two is linked already, or has no stock of its own.
    """
    with shop.db.write(fenced=False) as session:
        here, there = _one(session, shop, shop_code), _one(session, hub, hub_code)
        _require_free(session, shop, here, there)
        item_id, now = there.item_id or 0, shop.now()
        run = Run(side_id=shop.id, kind="sync", cause=_LINKED_BY, result="ok", started_at=now, finished_at=now)
        session.add(run)
        session.flush()
        log = RunLog(run.id, shop.name, run.kind, run.cause)
        if not link(session, shop, here, lock_items(session, [item_id])[item_id], "manual", log):
            raise NotLinkable(
                f"{shop.name} holds {here.shadow} of it and the till another number; with initial_stock = "
                '"equal_only" the two must agree first'
            )
        run.movements = log.counts.movements
        here.link_pending = False
        report_unlinked(session, shop, hub.id)
        return Pairing(shop.name, here.external_id, here.name, there.external_id, there.name)


def unlink_by_hand(shop: SideContext, hub: SideContext, shop_code: str) -> Pairing:
    """Part a shop's listing from its partner: from now on neither is told of the other.

    What is on hand stays as it is, and nothing is written to any side.

    Raises:
        NotLinkable: The code fits none or several, it is not linked, or a write to it is in doubt.
    """
    with shop.db.write(fenced=False) as session:
        here = _one(session, shop, shop_code)
        if here.item_id is None:
            raise NotLinkable(f"{here.name} ({here.external_id}) of {shop.name} is not linked")
        open_write = select(Operation.id).where(Operation.listing_id == here.id, is_open())
        if session.scalar(open_write.limit(1)) is not None:
            raise NotLinkable(
                f"a write to {here.name} is not settled yet; look at `syncd status` and `syncd findings`, and try again"
            )
        there = session.scalars(
            select(Listing).where(Listing.side_id == hub.id, Listing.item_id == here.item_id)
        ).one_or_none()
        here.item_id, here.linked_at, here.link_rule, here.wanted = None, None, PARTED, None
        here.pending = here.link_pending = here.fields_pending = False
        close_field_findings(session, shop.name, here.external_id, shop.now())
        session.flush()
        report_unlinked(session, shop, hub.id)
        partner = (there.external_id, there.name) if there is not None else ("", "")
        return Pairing(shop.name, here.external_id, here.name, *partner)


def _one(session: Session, side: SideContext, code: str) -> Listing:
    """The listing of a side that a person means: by its id, else by SKU or GTIN."""
    present = select(Listing).where(Listing.side_id == side.id, Listing.gone_at.is_(None))
    by_id = session.scalars(present.where(Listing.external_id == code)).one_or_none()
    if by_id is not None:
        return by_id
    codes = [Listing.sku_key == (sku_key(code) or "")]
    if gtin := gtin_key(code):
        codes.append(Listing.gtin_key == gtin)
    found = session.scalars(present.where(or_(*codes)).order_by(Listing.id)).all()
    if not found:
        raise NotLinkable(f"{side.name} has no product with the SKU, EAN or id {code!r}; `syncd match` lists them")
    if len(found) > 1:
        ids = ", ".join(f"{row.external_id} ({row.name})" for row in found[:_SHOWN])
        raise NotLinkable(f"{len(found)} products of {side.name} have the code {code!r}; name one by its id: {ids}")
    return found[0]


def _require_free(session: Session, shop: SideContext, here: Listing, there: Listing) -> None:
    for row, name in ((here, shop.name), (there, "the till")):
        if row.stock_mode not in _SELLABLE:
            raise NotLinkable(f"{row.name} ({row.external_id}) of {name} has no stock of its own; link its variations")
    if here.item_id is not None:
        raise NotLinkable(
            f"{here.name} ({here.external_id}) is linked already; `syncd unlink {here.external_id}` first"
        )
    if there.item_id is None:
        raise NotLinkable(f"the till gives no quantity of {there.name} ({there.external_id}); nothing to keep the same")
    taken = select(Listing).where(
        Listing.side_id == shop.id, Listing.item_id == there.item_id, Listing.gone_at.is_(None)
    )
    other = session.scalars(taken).one_or_none()
    if other is not None:
        raise NotLinkable(
            f"{there.name} of the till is linked with {other.name} ({other.external_id}) of {shop.name}; "
            f"`syncd unlink {other.external_id}` first"
        )
