"""The audit: every side is read whole and compared with the ledger. Nothing is written, neither there nor here.

The order matters, because a daemon may be at work beside it: the sides; the books; once more, by id, what differs;
what the feeds name; the books again. Whatever moved in between shows in the two looks into the books.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from syncd.core.audit import Around, Book, Reason, Seen, Standing, Verdict, at_rest, judge
from syncd.core.model import ZERO, ListingRef, Quantity, StockMode
from syncd.core.stock import project
from syncd.errors import PermissionMissing, SideError, Stopped
from syncd.service.approval import open_stop
from syncd.service.counting import require_same_counting
from syncd.service.findings import gone_subject, open_subjects, reported_subject
from syncd.state.models import CursorRow, Item, Listing, Movement, Operation, Side, is_open

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from syncd.core.model import Cursor
    from syncd.service.side import SideContext
    from syncd.state.engine import Database

DIFFERENCES = 4
"""Exit code: at least one side does not hold what it should, or the books do not add up."""

_FETCH_CHUNK = 100
_ID_CHUNK = 500
_ROWS = 500
_Ledger = dict[int | None, tuple[Quantity, datetime | None]]
"""By item: the sum of its movements, and when the last of them was recorded."""


@dataclass(slots=True)
class SideAudit:
    """One side: how many linked listings were compared and how they stand.

    Attributes:
        not_read: Linked listings of which the side said nothing.
        not_counted: Linked listings whose stock the side does not count.
        unlinked: Listings with a count that belong to no item.
        unknown: Things the side has and the database does not know yet.
        error: Why the side could not be read; ``exit_code`` is that of the error.
    """

    side: str
    compared: int = 0
    equal: int = 0
    different: int = 0
    in_doubt: int = 0
    under_way: int = 0
    not_read: int = 0
    not_counted: int = 0
    unlinked: int = 0
    unknown: int = 0
    error: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """One listing that is not equal. ``counts``: it makes the exit code 4."""

    side: str
    external_id: str
    sku: str
    name: str
    holds: Quantity | None
    should: Quantity
    shadow: Quantity | None
    standing: str
    reason: str
    since: datetime | None
    counts: bool


@dataclass(frozen=True, slots=True)
class BookError:
    """An item whose quantity on hand is not the sum of its movements."""

    item: int
    sku: str
    name: str
    on_hand: Quantity
    ledger: Quantity


@dataclass(slots=True)
class AuditReport:
    """What the audit found. ``items_unlisted``: items that no listing belongs to (deleted everywhere)."""

    sides: list[SideAudit]
    differences: list[Difference] = field(default_factory=list)
    books: list[BookError] = field(default_factory=list)
    items: int = 0
    items_unlisted: int = 0

    @property
    def exit_code(self) -> int:
        """5 if a side refuses us, else 4 for differences, else 1 if a side could not be read, else 0."""
        codes = {side.exit_code for side in self.sides}
        if PermissionMissing.exit_code in codes:
            return PermissionMissing.exit_code
        if self.books or any(difference.counts for difference in self.differences):
            return DIFFERENCES
        return max(codes, default=0)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "exit_code": self.exit_code}


@dataclass(slots=True)
class _Look:
    """One side under audit.

    What simply agrees is counted and let go of, so that an audit of a large catalogue needs little memory; ``seen`` has
    the rest. ``books`` and ``after`` are by external id, of before and after the second look.
    """

    side: SideContext
    result: SideAudit
    seen: dict[str, Seen] = field(default_factory=dict)
    cursor: Cursor = field(default_factory=dict)
    linked: int = 0
    agreed: int = 0
    uncounted: int = 0
    books: dict[str, Book] = field(default_factory=dict)
    refs: dict[str, ListingRef] = field(default_factory=dict)
    after: dict[str, Book] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    around: Around | None = None


def audit(
    sides: Sequence[SideContext],
    db: Database,
    *,
    stop: threading.Event,
    progress: Callable[[str, str, int, int | None], None],
    patience: timedelta = timedelta(0),
) -> AuditReport:
    """Read all sides and compare them with the ledger.

    Args:
        sides: The sides to be read.
        db: The database; only read.
        stop: Ends the audit early.
        progress: Told (side, step, done, total or ``None``) during long reads.
        patience: How long what waits for the next run counts as under way; zero if nobody is at work.

    Raises:
        Stopped: A stop was requested.
    """
    looks = [_Look(side, SideAudit(side.name)) for side in sides]
    _beside_each_other(looks, lambda look: _read_all(look, stop, progress))
    report = AuditReport([look.result for look in looks])
    with db.read() as session:
        ledger = _ledger(session)
        for look in looks:
            _compare(session, look, ledger)
        _check_sums(session, report, ledger)
    _beside_each_other(
        [look for look in looks if not look.result.error], lambda look: _look_again(look, stop, progress)
    )
    with db.read() as session:
        for look in looks:
            look.after = _books_of(session, look.side, list(_suspects(look)))
            look.around = _around(session, look, patience)
    for look in looks:
        report.differences += _conclude(look)
    return report


def _beside_each_other(looks: Sequence[_Look], work: Callable[[_Look], None]) -> None:
    """Work on all sides at once; a side that fails is noted, and the others go on."""

    def guarded(look: _Look) -> None:
        try:
            work(look)
        except SideError as error:
            look.result.error, look.result.exit_code = str(error), error.exit_code

    if not looks:
        return
    with ThreadPoolExecutor(len(looks), thread_name_prefix="audit") as pool:
        for future in [pool.submit(guarded, look) for look in looks]:
            future.result()


def _read_all(look: _Look, stop: threading.Event, progress: Callable[[str, str, int, int | None], None]) -> None:
    require_same_counting(look.side, may_note=False)
    for page in look.side.adapter.read_all():
        _stop_if_asked(look, stop)
        look.seen.update({remote.ref.external_id: Seen(remote.quantity) for remote in page.listings})
        progress(look.side.name, "reading", len(look.seen), page.total)


def _look_again(look: _Look, stop: threading.Event, progress: Callable[[str, str, int, int | None], None]) -> None:
    """Read what seems to differ once more, by id, and then what the side's feed has to say since syncd's cursor."""
    suspects = list(_suspects(look))
    for start in range(0, len(suspects), _FETCH_CHUNK):
        _stop_if_asked(look, stop)
        chunk = suspects[start : start + _FETCH_CHUNK]
        found = look.side.adapter.fetch([look.refs[external_id] for external_id in chunk])
        for external_id in chunk:
            look.seen.pop(external_id, None)  # what it cannot say now was not read
        look.seen.update({remote.ref.external_id: Seen(remote.quantity) for remote in found.listings})
        look.seen.update({gone.ref.external_id: Seen(None, there=False) for gone in found.gone})
        progress(look.side.name, "looking again", start + len(chunk), len(suspects))
    if look.cursor and any(_is_news(look, external_id) for external_id in suspects):
        for page in look.side.adapter.read_changes(look.cursor):
            _stop_if_asked(look, stop)
            look.named.update(remote.ref.external_id for remote in page.listings)
            look.named.update(gone.ref.external_id for gone in page.gone)


def _is_news(look: _Look, external_id: str) -> bool:
    return external_id in look.seen and look.seen[external_id].quantity != look.books[external_id].shadow


def _stop_if_asked(look: _Look, stop: threading.Event) -> None:
    if stop.is_set():
        raise Stopped(f"{look.side.name}: stopped between two requests")


def _suspects(look: _Look) -> Iterable[str]:
    """Ids of listings that do not simply agree; the others are done with."""
    return (external_id for external_id, book in look.books.items() if not _agrees(look, book))


def _agrees(look: _Look, book: Book) -> bool:
    seen = look.seen.get(book.external_id)
    return seen is not None and (at_rest(book, seen) or _is_uncounted(book, seen))


def _is_uncounted(book: Book, seen: Seen) -> bool:
    """Neither side nor database knows of a count: there is nothing to compare."""
    return not book.counted and seen.quantity is None and seen.there and not book.doing


def _compare(session: Session, look: _Look, ledger: _Ledger) -> None:
    """Compare what was seen with the books, and keep what does not simply agree."""
    rows = select(Listing.external_id, Listing.item_id, Listing.stock_mode)
    there = rows.where(Listing.side_id == look.side.id, Listing.gone_at.is_(None))
    look.result.unknown = len(look.seen)
    for external_id, item, mode in session.execute(there.execution_options(yield_per=_ROWS)):
        look.result.unknown -= external_id in look.seen
        look.result.unlinked += item is None and mode == StockMode.OWN
    for ref, book in _books(session, look.side, ledger):
        look.linked += 1
        if _agrees(look, book):
            look.agreed += book.counted
            look.uncounted += not book.counted
            del look.seen[ref.external_id]
        else:
            look.books[ref.external_id], look.refs[ref.external_id] = book, ref
    cursor = select(CursorRow.feed, CursorRow.position).where(CursorRow.side_id == look.side.id)
    look.cursor = dict(session.execute(cursor).all())  # a result has keys(): dict() would take it for a mapping


def _ledger(session: Session, *these: ColumnElement[bool]) -> _Ledger:
    """Sums of the movements of items, and when the last of each was recorded."""
    sums = select(Movement.item_id, func.sum(Movement.quantity), func.max(Movement.recorded_at)).where(*these)
    rows = session.execute(sums.group_by(Movement.item_id).execution_options(yield_per=_ROWS))
    return {item: (total, at) for item, total, at in rows}


def _books_of(session: Session, side: SideContext, external_ids: Sequence[str]) -> dict[str, Book]:
    """What the database says now of some linked listings of a side."""
    books: dict[str, Book] = {}
    for start in range(0, len(external_ids), _ID_CHUNK):
        these = (Listing.side_id == side.id, Listing.external_id.in_(external_ids[start : start + _ID_CHUNK]))
        ledger = _ledger(session, Movement.item_id.in_(select(Listing.item_id).where(*these)))
        books |= {book.external_id: book for _, book in _books(session, side, ledger, *these)}
    return books


def _books(
    session: Session, side: SideContext, ledger: _Ledger, *these: ColumnElement[bool]
) -> Iterator[tuple[ListingRef, Book]]:
    """What the database says now of all linked listings of a side, or of these."""
    query = (
        select(Listing, Item.on_hand, Operation)
        .join(Item, Item.id == Listing.item_id)
        .outerjoin(Operation, (Operation.listing_id == Listing.id) & is_open())
        .where(Listing.side_id == side.id, Listing.gone_at.is_(None), *these)
    )
    refused = open_subjects(session, "write_rejected", side.id)
    for row, on_hand, operation in session.execute(query.execution_options(yield_per=_ROWS)):
        total, moved_at = ledger.get(row.item_id, (ZERO, None))
        ref = ListingRef(row.external_id, row.parent_external_id)
        yield ref, _book(side, row, on_hand, operation, total, moved_at, refused)


def _book(
    side: SideContext, row: Listing, on_hand: Quantity, operation: Operation | None, total: Quantity,
    moved_at: datetime | None, refused: set[str],
) -> Book:  # fmt: skip
    return Book(
        side=side.name,
        external_id=row.external_id,
        sku=row.sku or "",
        name=row.name,
        item=row.item_id or 0,
        on_hand=on_hand,
        ledger=total,
        should=project(total, side.policy, row.sku_key),
        shadow=row.shadow,
        shadow_at=row.shadow_at,
        moved_at=moved_at,
        doing=operation.state if operation else "",
        doing_since=(operation.doubted_at or operation.sent_at or operation.intended_at) if operation else None,
        pending=row.pending,
        recheck_at=row.recheck_at,
        counted=row.stock_mode == StockMode.OWN or side.writable(row),
        refused=f"{side.name} {row.external_id}" in refused,
    )


def _check_sums(session: Session, report: AuditReport, ledger: _Ledger) -> None:
    """Check the books by themselves: each item's quantity is the sum of its movements."""
    wrong = []
    items = select(Item.id, Item.on_hand).order_by(Item.id).execution_options(yield_per=_ROWS)
    for item, on_hand in session.execute(items):
        report.items += 1
        total, _ = ledger.get(item, (ZERO, None))
        if total != on_hand:
            wrong.append((item, on_hand, total))
    for item, on_hand, total in wrong:
        named = select(Listing).where(Listing.item_id == item).order_by(Listing.side_id, Listing.id).limit(1)
        row = session.scalars(named).one_or_none()
        sku, name = (row.sku or row.external_id, row.name) if row else ("", f"item {item}")
        report.books.append(BookError(item, sku, name, on_hand, total))
    listed = select(Listing.item_id).where(Listing.item_id.is_not(None))
    report.items_unlisted = session.scalar(select(func.count()).where(Item.id.not_in(listed))) or 0


def _stops(side: str) -> tuple[str, ...]:
    """Subjects of the safety stops that may hold a side."""
    return side, reported_subject(side), gone_subject(side)


def _around(session: Session, look: _Look, patience: timedelta) -> Around:
    side = look.side
    row = session.get_one(Side, side.id)
    return Around(
        looked_at=side.now(),
        patience=patience,
        in_doubt=side.in_doubt,
        settle=side.settle,
        read_at=row.last_read_at,
        named=look.named,
        stopped=any(open_stop(session, subject) for subject in _stops(side.name)),
        new_policy=row.policy != side.policy_text,
    )


def _conclude(look: _Look) -> list[Difference]:
    """Count how the listings of a side stand, and name those that are not equal."""
    result, differences = look.result, []
    if result.error:
        result.not_read = look.linked
        return []
    result.not_counted = look.uncounted
    counts: Counter[Standing] = Counter({Standing.EQUAL: look.agreed})
    suspects = set(_suspects(look))
    for external_id, before in look.books.items():
        seen = look.seen.get(external_id)
        if external_id not in suspects:
            result.not_counted += not before.counted
            counts[Standing.EQUAL] += before.counted
            continue
        if seen is None:
            result.not_read += 1
            continue
        after = look.after.get(external_id)
        verdict = _verdict(look, before, after, seen)
        counts[verdict.standing] += 1
        if verdict.reason is not None:
            differences.append(_difference(after or before, seen, verdict))
    result.compared = sum(counts.values())
    result.equal, result.different = counts[Standing.EQUAL], counts[Standing.DIFFERENT]
    result.in_doubt, result.under_way = counts[Standing.IN_DOUBT], counts[Standing.UNDER_WAY]
    return differences


def _verdict(look: _Look, before: Book, after: Book | None, seen: Seen) -> Verdict:
    assert look.around is not None  # noqa: S101 - set before anything is concluded
    if after is None:  # unlinked or gone meanwhile
        return Verdict(Standing.UNDER_WAY, Reason.CHANGED_MEANWHILE)
    return judge(before, after, seen, look.around)


def _difference(book: Book, seen: Seen, verdict: Verdict) -> Difference:
    return Difference(
        book.side, book.external_id, book.sku, book.name, seen.quantity, book.should, book.shadow,
        str(verdict.standing), str(verdict.reason), verdict.since, verdict.counts,
    )  # fmt: skip
