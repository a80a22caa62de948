"""What a side counts must not change unseen: goods of another location are neither sold nor received.

Each pass compares what the side counts with what it counted when its shadows were read. If it is something else, the
side stands still until a person puts it back, or says that it is meant (``syncd approve --counts``). Then the shadows
are forgotten, and the next pass reads everything as if for the first time: quantities are aligned as a first link does
it, and what was ordered since the last good read still counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loguru import logger
from sqlalchemy import func, select, update

from syncd.core.model import StockMode
from syncd.core.stock import project
from syncd.errors import CountsOtherwise, SyncdError
from syncd.service.evidence import compared_at, look_before
from syncd.service.field_plan import close_field_findings
from syncd.service.findings import close_finding
from syncd.service.ledger import lock_items, move
from syncd.service.reported import documented_since
from syncd.state.models import Listing, Operation, Run, StockEventRow, has_open_part, is_open

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.adapters.base import Counting
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext
    from syncd.state.models import Item

_CHUNK = 400


class NothingToAccept(SyncdError):
    """The side counts what it counted before."""

    exit_code = 2


class StillUnderWay(SyncdError):
    """A write whose answer was lost may take effect in a moment."""


class StillHeld(SyncdError):
    """What was sold of an item since a person was asked for its quantity is told from what the side held then."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was taken over.

    Attributes:
        before: What was counted, in words.
        now: What is counted from now on.
        listings: How many listings are read anew.
        dropped: How many writes were in doubt: what they did is in the numbers that are read now.
    """

    side: str
    before: str
    now: str
    listings: int
    dropped: int


def require_same_counting(side: SideContext, *, may_note: bool = True) -> None:
    """Refuse to go on with quantities that are not the ones known of this side.

    Args:
        side: The side.
        may_note: Keep what it counts if that was not known, and what people call it now.

    Raises:
        CountsOtherwise: They are others. SideError: The side cannot be asked.
    """
    counting = side.adapter.counts()
    with side.db.read() as session:
        row = side.row(session)
        known, words = row.counts, row.counts_words
        is_other = known not in ("", counting.key) and _is_used(session, side)
    if is_other:
        counting = side.adapter.counts(anew=True)  # it may have been put back meanwhile
        if known != counting.key:
            raise _refusal(side, words, counting)
    if may_note and (known, words) != (counting.key, counting.words):
        with side.db.write() as session:
            row = side.row(session)
            row.counts, row.counts_words = counting.key, counting.words


def _is_used(session: Session, side: SideContext) -> bool:
    return session.scalar(select(Listing.id).where(Listing.side_id == side.id).limit(1)) is not None


def _refusal(side: SideContext, words: str, counting: Counting) -> CountsOtherwise:
    return CountsOtherwise(
        side.name,
        "what counts",
        f"until now it counted {words}, and now it would count {counting.words}; nothing is read or written there, "
        "for the difference is neither sold nor received. Put back what was changed; or, if it is meant, stop the "
        f"service and run `syncd approve --counts {side.name}`",
    )


def accept_counting(side: SideContext) -> Accepted:
    """Take over what the side counts now, without any movement: its shadows are forgotten. Needs the lease.

    Raises:
        NothingToAccept: It counts what it always did. StillUnderWay: In a moment. StillHeld: A person's word is
            awaited. SideError: It cannot be asked.
    """
    counting, now = side.adapter.counts(anew=True), side.now()
    with side.db.write() as session:
        row = side.row(session)
        before = row.counts_words
        if not row.counts or row.counts == counting.key:
            words = counting.words or "the only quantity that there is"
            raise NothingToAccept(f"{side.name} counts {words}, as before: there is nothing to accept")
        run = Run(
            side_id=side.id, kind="sync", cause=_cause(side), result="ok", started_at=now,
            finished_at=now,
        )  # fmt: skip
        session.add(run)
        _refuse_held(session, side)
        dropped = _drop_doubts(session, side, now)
        here = Listing.side_id == side.id, Listing.shadow.is_not(None)
        listings = session.scalar(select(func.count()).where(*here)) or 0
        session.execute(update(Listing).where(*here).values(shadow=None, shadow_at=None, pending=False))
        row.counts, row.counts_words, row.last_full_read_at = counting.key, counting.words, None
        close_finding(session, "counts_otherwise", side.name, now, by="approval")
    logger.bind(side=side.name, before=before, now=counting.words, listings=listings).info("counting.accepted")
    return Accepted(side.name, before, counting.words, listings, dropped)


def _cause(side: SideContext) -> str:
    return f"syncd approve --counts {side.name}"


def _refuse_held(session: Session, side: SideContext) -> None:
    here = Listing.side_id == side.id, Listing.held_at.is_not(None), Listing.gone_at.is_(None)
    held = session.scalar(select(func.count()).where(*here))
    if held:
        raise StillHeld(
            f"{side.name}: {held} products are held since a restore until a person says how many there were "
            "(`syncd findings`). Put back what counts, say it by `syncd findings resolve ID --count NUMBER`, let a run "
            "read what was sold since, and then change it"
        )


def _drop_doubts(session: Session, side: SideContext, now: datetime) -> int:
    """Whether a write took effect shows in what is read next, if it does not take effect after that."""
    rows = session.scalars(select(Operation).where(Operation.side_id == side.id, is_open())).all()
    for row in rows:
        since = max((at for at in (row.doubted_at, row.sent_at) if at is not None), default=None)
        if since is not None and since <= now < since + side.in_doubt:
            seconds = int((since + side.in_doubt - now).total_seconds()) + 1
            raise StillUnderWay(f"{side.name}: a write without an answer may take effect yet; try again in {seconds} s")
    for row in rows:
        row.state, row.settled_by, row.settled_at = "cancelled", "person", now
        row.error = "what the side counts was changed: its effect, if any, is in what was read afterwards"
        close_finding(session, "parked", f"operation {row.id}", now)
    return len(rows)


def is_read_anew(session: Session, side: SideContext) -> bool:
    """Whether linked listings have to be read as if for the first time: their counting was accepted.

    A comparison after a restore has everything read once more, too. It has judged what is different by then, and what
    waits to be written to a shop is no quantity of the shop's.
    """
    if side.is_hub or side.row(session).last_full_read_at is not None:
        return False
    accepted = session.scalar(select(func.max(Run.started_at)).where(Run.side_id == side.id, Run.cause == _cause(side)))
    compared = compared_at(session)
    if accepted is None or (compared is not None and accepted <= compared):
        return False
    linked = select(Listing.id).where(Listing.side_id == side.id, Listing.item_id.is_not(None))
    return session.scalar(linked.limit(1)) is not None


def align(session: Session, side: SideContext, run: RunLog) -> None:
    """At the end of that read: what each linked listing shows is compared by the rule of the first link.

    The source of truth is what ``initial_stock`` names. Where that is the till, the difference is planned like any
    other; of what was ordered since the last good read the till has not heard yet. Where it is the shop, the difference
    becomes the till's; and where both must be equal, those that are not are parted.
    """
    _count_documents(session, side, run)
    if side.initial_stock == "hub":
        return
    query = select(Listing).where(
        Listing.side_id == side.id,
        Listing.item_id.is_not(None),
        Listing.gone_at.is_(None),
        Listing.shadow.is_not(None),
        Listing.stock_mode == StockMode.OWN,
    )
    for row, item in _with_items(session, session.scalars(query.order_by(Listing.id)).all()):
        assert row.shadow is not None  # noqa: S101 - the query says so
        units = row.shadow - project(item.on_hand, side.policy, row.sku_key)
        if units and side.initial_stock == "shop":
            why = f"counted anew: {side.name} holds {row.shadow:f} and its quantity counts (initial_stock)"
            move(
                session, item, units, cause="initial_stock", evidence=why, listing=row, run=run, now=side.now()
            )  # fmt: skip
        elif units:
            row.item_id, row.linked_at, row.link_rule, row.wanted = None, None, None, None
            row.pending, row.fields_pending, row.link_pending = False, False, True
            close_field_findings(session, side.name, row.external_id, side.now())


def _count_documents(session: Session, side: SideContext, run: RunLog) -> None:
    """Orders since the last good read are in the numbers that were taken over; no reading will tell of them."""
    since = look_before(session, side, run.id)
    documents = select(StockEventRow.external_id).where(
        StockEventRow.side_id == side.id, StockEventRow.recorded_at > since, has_open_part()
    )
    query = select(Listing).where(
        Listing.side_id == side.id, Listing.item_id.is_not(None), Listing.external_id.in_(documents)
    )
    for row, item in _with_items(session, session.scalars(query.order_by(Listing.id)).all()):
        units = documented_since(session, side, row.external_id, since)
        if units and side.initial_stock != "shop":
            evidence = f"{side.name} orders while what it counts was changed ({units:+f})"
            move(
                session, item, units, cause="change", evidence=evidence, listing=row, run=run, now=side.now()
            )  # fmt: skip


def _with_items(session: Session, rows: Sequence[Listing]) -> Iterator[tuple[Listing, Item]]:
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        items = lock_items(session, [row.item_id for row in chunk if row.item_id is not None])
        for row in chunk:
            yield row, items[row.item_id or 0]
