"""Everything that is known of one finding: for ``syncd findings show``."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from syncd.core.model import Quantity
from syncd.core.settle import TwoWays, two_ways
from syncd.errors import SyncdError
from syncd.service.doubt import doubt_of
from syncd.service.explain import SideNow, side_now
from syncd.state.models import Finding, Item, Listing, Operation, Side

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from syncd.state.engine import Database


class UnknownFinding(SyncdError):
    """There is no finding with this number."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class OperationStory:
    """The write behind a finding, with the times of its life."""

    operation: int
    uid: str
    side: str
    external_id: str
    sku: str
    name: str
    state: str
    reason: str
    difference: Quantity
    expected_before: Quantity
    reported: Quantity | None
    error: str | None
    settled_by: str | None
    run: int
    intended_at: datetime
    sent_at: datetime | None
    doubted_at: datetime | None
    looked_at: datetime | None
    settled_at: datetime | None


@dataclass(slots=True)
class FindingStory:
    """One finding.

    Attributes:
        counts: Figures behind the message.
        operation: The write it is about, if it is about one.
        on_hand: Canonical quantity of the item it is about, if it is about one, with ``sides`` holding it.
        ways: What each answer would mean, while a person's word is waited for.
        commands: What solves it, or shows more.
    """

    id: int
    kind: str
    severity: str
    subject: str
    side: str
    message: str
    advice: str
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    counts: dict[str, int] = field(default_factory=dict)
    operation: OperationStory | None = None
    on_hand: Quantity | None = None
    sides: list[SideNow] = field(default_factory=list)
    ways: TwoWays | None = None
    commands: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


COMMANDS: dict[str, tuple[str, ...]] = {
    "oversell": ("syncd explain SKU",),
    "safety_stop": ("syncd plan --shop SIDE", "syncd approve ID"),
    "side_empty": ("syncd check", "syncd sync --full"),
    "parked": ("syncd explain SKU", "syncd findings resolve ID --applied", "syncd findings resolve ID --not-applied"),
    "write_rejected": ("syncd explain SKU",),
    "reauthorisation": ("syncd check",),
    "permission_missing": ("syncd check",),
    "counts_otherwise": ("syncd check", "syncd approve --counts SIDE"),
    "invalid_answer": ("syncd check",),
    "certificate_wrong": ("syncd check",),
    "side_unreachable": ("syncd check",),
    "deleted_on_side": ("syncd match",),
    "unlinked": ("syncd match --shop SIDE",),
    "field_conflict": ("syncd explain SKU", "syncd findings resolve ID"),
    "restored": ("syncd status",),
    "held_after_restore": ("syncd explain SKU", "syncd findings resolve ID --count NUMBER"),
    "database_damaged": ("syncd db check",),
    "late_write": ("syncd explain SKU", "syncd findings resolve ID"),
    "images_left_out": ("syncd explain SKU", "syncd findings resolve ID"),
    "fields_not_written": ("syncd check", "syncd sync --full"),
    "field_refused": ("syncd explain SKU",),
    "field_altered": ("syncd explain SKU",),
    "not_made": ("syncd explain SKU",),
    "products_not_made": ("syncd check",),
    "left_unpublished": ("syncd explain SKU",),
    "not_withdrawn": ("syncd match --shop SIDE",),
    "products_not_withdrawn": ("syncd check",),
    "not_counted": ("syncd match --shop SIDE",),
}
"""By kind, the commands that show more or solve it; SKU, SIDE and ID stand for the finding's own."""


def tell_finding(db: Database, finding_id: int) -> FindingStory:
    """Tell everything that is known of a finding, open or closed.

    Raises:
        UnknownFinding: There is none with this number.
    """
    with db.read() as session:
        row = session.get(Finding, finding_id)
        if row is None:
            raise UnknownFinding(f"there is no finding {finding_id}; `syncd findings list --all` lists every one")
        return tell(session, row)


def tell(session: Session, row: Finding) -> FindingStory:
    """Tell everything that is known of a finding within a reading transaction."""
    names = {side.id: side.name for side in session.scalars(select(Side))}
    story = FindingStory(
        row.id, row.kind, row.severity, row.subject, names.get(row.side_id or 0, ""), row.message, row.advice,
        row.opened_at, row.changed_at, row.closed_at, row.closed_by, json.loads(row.counts or "{}"),
    )  # fmt: skip
    operation = session.get(Operation, row.operation_id) if row.operation_id is not None else None
    if operation is not None:
        listing = session.get_one(Listing, operation.listing_id)
        story.operation = _operation(operation, listing, names[operation.side_id])
        if operation.state in ("unknown", "parked") and row.closed_at is None:
            story.ways = two_ways(names[operation.side_id], doubt_of(operation), operation.reported)
    sku = _add_item(session, story, row.item_id, names)
    if row.closed_at is None:
        known = {"SKU": sku, "SIDE": story.side, "ID": str(row.id)}
        story.commands = [_typed(command, known) for command in COMMANDS.get(row.kind, ())]
    return story


def _typed(command: str, known: dict[str, str]) -> str:
    """Put what is known into a command, so that it can be typed as it stands; what is not known stays in capitals."""
    return " ".join(shlex.quote(known[word]) if known.get(word) else word for word in command.split())


def _operation(row: Operation, listing: Listing, side: str) -> OperationStory:
    return OperationStory(
        row.id, row.uid, side, listing.external_id, listing.sku or "", listing.name, row.state, row.reason,
        row.difference, row.expected_before, row.reported, row.error, row.settled_by, row.run_id, row.intended_at,
        row.sent_at, row.doubted_at, row.looked_at, row.settled_at,
    )  # fmt: skip


def _add_item(session: Session, story: FindingStory, item_id: int | None, names: dict[int, str]) -> str:
    """Add the item's numbers; returns a code by which a person can ask for it."""
    item = session.get(Item, item_id) if item_id is not None else None
    if item is None:
        return ""
    rows = session.scalars(select(Listing).where(Listing.item_id == item.id).order_by(Listing.side_id)).all()
    story.on_hand = item.on_hand
    story.sides = [side_now(session, row, names[row.side_id]) for row in rows]
    return next((row.sku or row.external_id for row in rows), "")
