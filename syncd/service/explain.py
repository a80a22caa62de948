"""The story of an item: "why does the shop say 3?" answered from the ledger."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select

from syncd.core.keys import gtin_key, sku_key
from syncd.core.model import Quantity
from syncd.errors import SyncdError
from syncd.state.models import Finding, Item, Listing, Movement, Operation, Side, is_open
from syncd.state.product_models import Creation, FieldWrite, Withdrawal

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from syncd.state.engine import Database


class UnknownItem(SyncdError):
    """No listing has the code that was asked for."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class SideNow:
    """What one side holds now and why.

    Attributes:
        doubt_since: Since when it is not known whether a write to it took effect; ``None`` if nothing is in doubt.
    """

    side: str
    external_id: str
    sku: str
    name: str
    holds: Quantity | None
    wanted: Quantity | None
    state: str
    doubt_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the story.

    Attributes:
        at: When it was recorded.
        what: ``movement`` or ``write``.
        side: Where.
        quantity: Signed units.
        on_hand: Canonical quantity after a movement; ``None`` for writes.
        text: What happened, in plain words.
        run: Run that did it.
    """

    at: datetime
    what: str
    side: str
    quantity: Quantity
    on_hand: Quantity | None
    text: str
    run: int | None


@dataclass(frozen=True, slots=True)
class FieldEntry:
    """One field that was written to one side: what it showed, what it was told, and how that ended."""

    at: datetime
    side: str
    field: str
    before: str
    value: str
    state: str
    text: str
    run: int


@dataclass(frozen=True, slots=True)
class MadeEntry:
    """That the item was made, or was to be made, on a side that lacked it; or was withdrawn from a shop."""

    at: datetime | None
    side: str
    state: str
    text: str
    run: int | None


@dataclass(slots=True)
class Story:
    """An item with its sides, its history (oldest first) and what a person should know."""

    item: int | None
    name: str
    on_hand: Quantity | None
    sides: list[SideNow]
    entries: list[Entry] = field(default_factory=list)
    left_out: int = 0
    fields: list[FieldEntry] = field(default_factory=list)
    made: list[MadeEntry] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def tell_item(session: Session, item_id: int, *, limit: int, skip: int = 0) -> Story | None:
    """Tell the story of one item; ``None`` if there is none with this number.

    Args:
        session: A reading transaction.
        item_id: Number of the item.
        limit: Most entries.
        skip: How many of the newest entries to leave out.
    """
    if session.get(Item, item_id) is None:
        return None
    return _story(session, item_id, _side_names(session), limit, skip=skip)


def tell_unlinked(session: Session, row: Listing, *, limit: int) -> tuple[Story, list[int]]:
    """Tell the story of a listing without an item, and of which items it was before."""
    return _unlinked(session, row, _side_names(session), limit), sorted(_former_items(session, row))


def _side_names(session: Session) -> dict[int, str]:
    # A result has keys(), so dict() takes it for a mapping: it must be a list of pairs.
    return dict(session.execute(select(Side.id, Side.name)).all())


def explain(db: Database, code: str, *, limit: int = 200) -> list[Story]:
    """Tell the story of every item that has ``code`` as SKU, GTIN or external id on any side.

    Args:
        db: The database.
        code: What the person typed.
        limit: Most entries per item; the newest are kept.

    Raises:
        UnknownItem: Nothing has this code; near ones are named.
    """
    with db.read() as session:
        names = _side_names(session)
        listings = _find(session, code)
        if not listings:
            raise UnknownItem(f"no product has the SKU, EAN or id {code!r}{_near(session, code)}")
        items = sorted({row.item_id for row in listings if row.item_id is not None})
        stories = [_story(session, item_id, names, limit) for item_id in items]
        alone = [row for row in listings if row.item_id is None]
        left = {item_id: row.name for row in alone for item_id in _former_items(session, row) if item_id not in items}
        stories += [_story(session, item_id, names, limit, name) for item_id, name in sorted(left.items())]
        return stories + [_unlinked(session, row, names, limit) for row in alone]


def _former_items(session: Session, row: Listing) -> set[int]:
    """What a listing was linked with before: its history stays."""
    moved = select(Movement.item_id).where(Movement.listing_id == row.id).distinct()
    written = select(Operation.item_id).where(Operation.listing_id == row.id).distinct()
    return {*session.scalars(moved), *session.scalars(written)}


def _find(session: Session, code: str) -> list[Listing]:
    codes = [Listing.sku_key == (sku_key(code) or "")]
    if gtin := gtin_key(code):
        codes.append(Listing.gtin_key == gtin)
    found = list(session.scalars(select(Listing).where(or_(*codes)).order_by(Listing.id)))
    return found or list(session.scalars(select(Listing).where(Listing.external_id == code)))


def _near(session: Session, code: str) -> str:
    pattern = f"%{(sku_key(code) or '')[:12]}%"
    near = session.scalars(
        select(Listing.sku).where(Listing.sku_key.like(pattern), Listing.sku.is_not(None)).distinct().limit(5)
    ).all()
    return f"; did you mean {', '.join(sorted(str(sku) for sku in near))}?" if near else ""


def _story(
    session: Session, item_id: int, names: dict[int, str], limit: int, former: str = "", *, skip: int = 0
) -> Story:
    item = session.get_one(Item, item_id)
    rows = session.scalars(select(Listing).where(Listing.item_id == item_id).order_by(Listing.side_id)).all()
    entries = [*_movements(session, item_id, names, skip + limit), *_writes(session, item_id, names, skip + limit)]
    entries.reverse()  # newest first so far: what has one time must keep its order
    entries.sort(key=lambda entry: entry.at)
    # A checkpoint stands for many, and is shown: what it stands for is not left out, it is summed up.
    shown = select(func.count()).where(Movement.item_id == item_id)
    written = select(func.count()).where(Operation.item_id == item_id)
    total = (session.scalar(shown) or 0) + (session.scalar(written) or 0)
    findings = session.scalars(
        select(Finding).where(Finding.item_id == item_id, Finding.closed_at.is_(None)).order_by(Finding.id)
    )
    return Story(
        item=item_id,
        name=rows[0].name if rows else f"{former or f'item {item_id}'} (on no side any more)",
        on_hand=item.on_hand,
        sides=[side_now(session, row, names[row.side_id]) for row in rows],
        entries=entries[max(0, len(entries) - skip - limit) : max(0, len(entries) - skip)],
        left_out=max(0, total - skip - limit),
        fields=_fields(session, Listing.item_id == item_id, names, limit),
        made=_made(session, Listing.item_id == item_id, names),
        findings=[f"{finding.message}. {finding.advice}" for finding in findings],
    )


def _fields(session: Session, whose: ColumnElement[bool], names: dict[int, str], limit: int) -> list[FieldEntry]:
    """The newest writes of fields, oldest first."""
    query = (
        select(FieldWrite, Listing.side_id)
        .join(Listing, Listing.id == FieldWrite.listing_id)
        .where(whose)
        .order_by(FieldWrite.id.desc())
        .limit(limit)
    )
    return [
        FieldEntry(
            at=row.settled_at or row.sent_at,
            side=names[side_id],
            field=row.field,
            before=row.before,
            value=row.value,
            state=row.state,
            text=f"{row.reason}; {row.error}" if row.error else row.reason,
            run=row.run_id,
        )
        for row, side_id in reversed(session.execute(query).all())
    ]


_MAKING = {
    "waiting": "is to be made there by the next passes",
    "unwanted": "is not to be made there: the configuration says so, or it was deleted there before",
    "sent": "is being made there",
    "unknown": "may have been made there; it is looked for",
    "made": "was made there",
    "refused": "could not be made there",
}


def _made(session: Session, whose: ColumnElement[bool], names: dict[int, str]) -> list[MadeEntry]:
    query = select(Creation).join(Listing, Listing.id == Creation.listing_id).where(whose).order_by(Creation.side_id)
    made = [
        MadeEntry(
            at=row.settled_at or row.sent_at,
            side=names[row.side_id],
            state=row.state,
            text=f"{_MAKING[row.state]}: {row.error}" if row.error else _MAKING[row.state],
            run=row.run_id,
        )
        for row in session.scalars(query)
    ]
    withdrawn = select(Withdrawal, Listing.side_id).join(Listing, Listing.id == Withdrawal.listing_id).where(whose)
    made += [
        MadeEntry(
            at=row.settled_at or row.sent_at or row.noted_at,
            side=names[side_id],
            state=row.state,
            text=_withdrawal_text(row),
            run=row.run_id,
        )
        for row, side_id in session.execute(withdrawn)
    ]
    return made


_WITHDRAWING = {
    "waiting": "is to be withdrawn there by the next passes",
    "sent": "is being withdrawn there",
    "unknown": "may have been withdrawn there; it is looked for",
    "refused": "could not be withdrawn there",
    "ignored": "stays there",
}
_WITHDRAWN = {"unpublish": "was hidden there", "delete": "was deleted there"}


def _withdrawal_text(row: Withdrawal) -> str:
    said = _WITHDRAWN.get(row.how or "", "was withdrawn there") if row.state == "done" else _WITHDRAWING[row.state]
    return f"{said}: it was deleted at the till" + (f"; {row.error}" if row.error else "")


def side_now(session: Session, row: Listing, side: str) -> SideNow:
    """Say how one listing of a side stands."""
    unresolved = session.scalars(select(Operation).where(Operation.listing_id == row.id, is_open())).one_or_none()
    state, since = "equal", None
    if unresolved is not None and unresolved.state != "intended":
        since = unresolved.doubted_at or unresolved.sent_at
    if row.gone_at is not None:
        state = f"gone ({row.gone_proof})"
    elif row.held_at is not None:
        state = "held after a restore: a person decides (`syncd findings`)"
    elif unresolved is not None:
        state = _OPEN[unresolved.state]
    elif row.stock_mode != "own":
        state = f"stock not counted there ({row.stock_mode})"
    elif row.pending:
        state = "to be written"
    elif row.recheck_at is not None:
        state = "to be read again"
    elif row.wanted is not None and row.wanted != row.shadow:
        state = "differs"
    return SideNow(side, row.external_id, row.sku or "", row.name, row.shadow, row.wanted, state, since)


_OPEN = {
    "intended": "being written",
    "sent": "being written",
    "unknown": "in doubt: the answer to a write was lost, and it is being settled",
    "parked": "in doubt: a person decides (`syncd findings`)",
}


_CAUSES = {
    "opening": "opening quantity",
    "initial_stock": "first link",
    "sale": "sold",
    "return": "came back",
    "change": "changed there",
    "correction": "corrected",
    "lost_update": "lost update written again",
    "undo": "undone by a person",
    "manual": "decided by a person",
    "checkpoint": "older movements, kept as their sum",
}


def _movements(session: Session, item_id: int, names: dict[int, str], limit: int) -> list[Entry]:
    query = select(Movement).where(Movement.item_id == item_id).order_by(Movement.id.desc()).limit(limit)
    return [
        Entry(
            at=row.recorded_at,
            what="movement",
            side=names.get(row.side_id or 0, "all sides"),
            quantity=row.quantity,
            on_hand=row.on_hand_after,
            text=f"{_CAUSES[row.cause]}: {row.evidence}",
            run=row.run_id,
        )
        for row in session.scalars(query)
    ]


def _writes(session: Session, item_id: int, names: dict[int, str], limit: int) -> list[Entry]:
    query = select(Operation).where(Operation.item_id == item_id).order_by(Operation.id.desc()).limit(limit)
    return [
        Entry(
            at=row.settled_at or row.sent_at or row.intended_at,
            what="write",
            side=names[row.side_id],
            quantity=row.difference,
            on_hand=None,
            text=_write_text(row),
            run=row.run_id,
        )
        for row in session.scalars(query)
    ]


def _write_text(row: Operation) -> str:
    after = row.expected_before + row.difference
    told = f"told to go from {row.expected_before:f} to {after:f}"
    by = {
        "marker": "its mark is known there",
        "read_back": "read back",
        "event": "explained by its orders",
        "person": "a person said so",
    }
    match row.state:
        case "confirmed" if row.settled_by in by:
            return f"{told}; the answer was lost, it had been applied ({by[row.settled_by]})"
        case "confirmed" if row.reported is not None and row.reported != after:
            return f"{told}; it reported {row.reported:f}, the rest happened there"
        case "confirmed":
            return f"{told}; confirmed"
        case "cancelled" if row.settled_by in by:
            how = "its mark is not there" if row.settled_by == "marker" else by[row.settled_by]
            return f"{told}; the answer was lost, it had not been applied ({how})"
        case "cancelled" if row.settled_by is None:
            return f"{told}; {row.error}"
        case "cancelled":
            return f"{told}; not sent: {row.error}"
        case "rejected":
            return f"{told}; refused: {row.error}"
        case _:
            return f"{told}; {row.state}: {row.error or 'under way'}"


def _unlinked(session: Session, row: Listing, names: dict[int, str], limit: int) -> Story:
    state = f"gone ({row.gone_proof})" if row.gone_at is not None else "not linked: `syncd match` says why"
    now = SideNow(names[row.side_id], row.external_id, row.sku or "", row.name, row.shadow, None, state)
    own = Listing.id == row.id
    return Story(
        None, row.name, None, [now], fields=_fields(session, own, names, limit), made=_made(session, own, names)
    )
