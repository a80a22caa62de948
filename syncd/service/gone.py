"""Listings that leave their side, and come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from syncd.core.keys import sku_key
from syncd.core.model import Proof
from syncd.service.field_plan import close_field_findings
from syncd.service.findings import Found, close_finding, open_finding
from syncd.service.withdrawal_plan import note_deleted
from syncd.state.models import Finding, Listing, Side, Tombstone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from syncd.core.model import GoneListing
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext


def mark_gone(session: Session, side: SideContext, gone: Sequence[GoneListing], run: RunLog) -> None:
    """Record proved deletions: a tombstone, no more writes, and a finding if the listing was linked.

    What is in the trash keeps its link, because it can be restored under the same id. What is deleted for good is
    unlinked, so that a product made anew with the same SKU can take its place.
    """
    ids = [entry.ref.external_id for entry in gone]
    rows = session.scalars(select(Listing).where(Listing.side_id == side.id, Listing.external_id.in_(ids))).all()
    proofs = {entry.ref.external_id: entry.proof for entry in gone}
    for row in rows:
        proof = proofs[row.external_id]
        if row.gone_at is not None and row.gone_proof == proof:
            row.recheck_at = None
            continue
        _bury(session, side, row, proof, run)


def _bury(session: Session, side: SideContext, row: Listing, proof: Proof, run: RunLog) -> None:
    now = side.now()
    first_time = row.gone_at is None
    row.gone_at, row.gone_proof = now, str(proof)
    row.pending = row.link_pending = row.fields_pending = False
    row.fields_recheck_at = None
    row.recheck_at = None
    close_finding(session, "write_rejected", f"{side.name} {row.external_id}", now)
    close_finding(session, "left_unpublished", f"{side.name} {row.external_id}", now)
    if not side.is_hub:
        close_field_findings(session, side.name, row.external_id, now)
    here = Tombstone.side_id == side.id, Tombstone.external_id == row.external_id
    item_id = row.item_id or session.scalar(select(Tombstone.item_id).where(*here))
    session.execute(delete(Tombstone).where(*here))
    session.add(
        Tombstone(
            side_id=side.id, external_id=row.external_id, item_id=item_id, sku=row.sku, name=row.name,
            proof=str(proof), gone_at=now, run_id=run.id,
        )
    )  # fmt: skip
    _close_reports(session, side, row)
    if row.item_id is None:
        return
    partners = _partners(session, row)
    if first_time and partners:
        _tell(session, side, row, partners)
    if proof is not Proof.TRASHED:
        _part(session, side, row, partners)


def _close_reports(session: Session, side: SideContext, row: Listing) -> None:
    """A product that was reported as deleted on another side is deleted here too: nothing is left to tell."""
    reports = select(Finding.subject).where(Finding.kind == "deleted_on_side", Finding.closed_at.is_(None))
    subjects = set(session.scalars(reports))
    if not subjects:
        return
    session.flush()
    left = select(Listing.id).where(
        Listing.gone_at.is_(None), Listing.sku_key.is_not(None), Listing.sku_key == row.sku_key
    )
    if session.scalar(left.limit(1)) is not None:
        return
    query = select(Tombstone, Side.name).join(Side, Side.id == Tombstone.side_id)
    for tombstone, name in session.execute(query):
        subject = f"{name} {tombstone.external_id}"
        if subject in subjects and row.sku_key is not None and sku_key(tombstone.sku) == row.sku_key:
            close_finding(session, "deleted_on_side", subject, side.now())


def _partners(session: Session, row: Listing) -> list[Listing]:
    query = select(Listing).where(
        Listing.item_id == row.item_id, Listing.side_id != row.side_id, Listing.gone_at.is_(None)
    )
    return list(session.scalars(query))


def _tell(session: Session, side: SideContext, row: Listing, partners: Sequence[Listing]) -> None:
    names = {found.id: found.name for found in session.scalars(select(Side))}
    elsewhere = ", ".join(f"{names[partner.side_id]} ({partner.external_id})" for partner in partners)
    open_finding(
        session,
        Found(
            kind="deleted_on_side",
            subject=f"{side.name} {row.external_id}",
            side_id=side.id,
            item_id=row.item_id,
            message=f"{row.name} ({row.sku or row.external_id}) is gone from {side.name} "
            f"({row.gone_proof}); it still exists on {elsewhere}",
            advice="Delete or unpublish it there, or make it again here with the same SKU: it is then linked again.",
        ),
        side.now(),
    )


def _part(session: Session, side: SideContext, row: Listing, partners: Sequence[Listing]) -> None:
    """Unlink what was deleted for good; if the hub's listing is gone, its shop listings look for a new partner."""
    if side.is_hub:
        close_finding(session, "oversell", f"item {row.item_id}", side.now())
    row.item_id, row.linked_at, row.link_rule = None, None, None
    if side.is_hub:
        note_deleted(session, side, row.external_id, partners)
        for partner in partners:
            partner.item_id, partner.linked_at, partner.link_rule = None, None, None
            partner.pending, partner.link_pending = False, True
    session.flush()


def welcome_back(session: Session, side: SideContext, row: Listing) -> None:
    """A listing that was gone is there again (restored from the trash)."""
    row.gone_at, row.gone_proof = None, None
    row.link_pending = row.item_id is None and not side.is_hub
    row.pending = row.item_id is not None
    row.fields_pending = row.pending and not side.is_hub
    if row.item_id is None and side.is_hub:
        row.shadow = None  # so that its reading is a first one, which opens an item
    session.execute(delete(Tombstone).where(Tombstone.side_id == side.id, Tombstone.external_id == row.external_id))
    close_finding(session, "deleted_on_side", f"{side.name} {row.external_id}", side.now())
