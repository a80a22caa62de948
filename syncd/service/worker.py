"""One side's work: settle, read, link, push, in this order and never two at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from syncd.core.model import ChangePage, ListingRef
from syncd.errors import SafetyStop, SideError, Stopped
from syncd.service import field_plan, till_plan
from syncd.service.beside import FIELDS, PRODUCTS, WITHDRAWALS, BesideStock
from syncd.service.counting import align, is_read_anew, require_same_counting
from syncd.service.creation import Creator
from syncd.service.creation_plan import has_new
from syncd.service.departures import Departures, some_are_back
from syncd.service.doubt import look_at_once
from syncd.service.field_push import FieldPusher
from syncd.service.field_rests import FieldRests
from syncd.service.findings import Found, close_finding, fields_subject, open_finding, open_kinds, open_subjects
from syncd.service.linking import link_pending, ready_to_link, report_not_counted, report_unlinked
from syncd.service.lost_updates import read_evidence, weigh_evidence
from syncd.service.observe import CLOCK_STEP, Observer, current_write_seq
from syncd.service.planning import can_be_planned
from syncd.service.push import Pusher
from syncd.service.reachability import Reachability
from syncd.service.reported import Waiting, waits
from syncd.service.runs import RequestCounter, RunLog, finish_run, start_run
from syncd.service.settlement import settle_open
from syncd.service.withdrawal import Withdrawer
from syncd.state.models import CursorRow, Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy.orm import Session

    from syncd.core.model import Cursor
    from syncd.service.side import SideContext

_RECHECK_CHUNK = 100


def _silent(side: str, step: str, done: int, total: int | None) -> None:
    """Progress that nobody watches."""


@dataclass(slots=True)
class RunOutcome:
    """How a run ended: ``error`` is ``None`` if it went well."""

    run: RunLog
    error: SideError | SafetyStop | None = None


@dataclass(slots=True)
class SideWorker:
    """Runs passes over one side. Other threads may ask for a pass; passes never overlap.

    Attributes:
        progress: Told (side, step, done, total or ``None``) during long reads.
        alive: Called whenever something was achieved, for a watchdog.
        dry_run: Read only; the side is never written to, and nothing is linked by itself.
    """

    side: SideContext
    hub_id: int
    requests: RequestCounter
    stop: threading.Event
    progress: Callable[[str, str, int, int | None], None] = _silent
    alive: Callable[[], None] = lambda: None
    dry_run: bool = False
    _unfinished: int | None = None
    _told_unlinked: bool = False
    _tried: frozenset[int] = frozenset()
    reachability: Reachability = field(init=False)
    beside: BesideStock = field(init=False)
    rests: FieldRests = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.reachability = Reachability(self.side, self.requests)
        self.beside = BesideStock(self.side)
        self.rests = FieldRests(self.side)

    def run(self, kind: str, cause: str, begun: Callable[[], None] = lambda: None) -> RunOutcome:
        """Carry out one pass.

        Args:
            kind: ``poll`` (settle, read changes, link, push), ``full`` (the same with a read of everything),
                ``push`` (settle, link and push only).
            cause: What started it, for the log and the table.
            begun: Called when the pass before it has ended and this one begins.

        Raises:
            Stopped: A stop was requested; what was done is recorded, the rest is done by the next run.
        """
        with self._lock:
            if self.stop.is_set():
                raise Stopped(f"{self.side.name}: stopped before a pass began")
            begun()
            self.requests.take()
            self.reachability.begin()
            run = start_run(self.side, kind, cause, crashed=self._unfinished)
            self._unfinished = None
            try:
                self._pass(run)
            except (SideError, SafetyStop) as error:
                self.reachability.note_failure(error)
                finish_run(self.side, run, self.requests, error=str(error), result="failed")
                return RunOutcome(run, error)
            except Stopped:
                finish_run(self.side, run, self.requests, error=None, result="stopped")
                raise
            except BaseException:
                self._unfinished = run.id
                raise
            self.reachability.note_success(everything=run.kind != "push")
            finish_run(self.side, run, self.requests, error=None, result="ok")
            return RunOutcome(run)

    @property
    def busy(self) -> bool:
        """Whether a pass is under way."""
        return self._lock.locked()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no pass is under way; returns whether that is so."""
        if not self._lock.acquire(timeout=timeout_s):
            return False
        self._lock.release()
        return True

    def _pass(self, run: RunLog) -> None:
        require_same_counting(self.side)
        waiting = waits(self.side)
        if waiting is Waiting.ASKED and run.kind != "full" and not (run.kind == "poll" and some_are_back(self.side)):
            raise SafetyStop(self.side.name, "a safety stop waits for a person's word: `syncd findings`", {})
        if self.dry_run:
            self.observe(run)
            return
        if waiting is not Waiting.NO:
            # Its numbers are not to be worked with before all of them were read and judged.
            self.observe(run, whole=True)
        settle_open(self.side, run)
        if run.kind != "push" and waiting is Waiting.NO:
            self.observe(run)
        if run.kind != "push":
            weigh_evidence(self.side, run)
        self._settle_creations(run)
        self.link(run)
        self.push(run)
        self._withdraw(run)
        self._create(run)
        self._push_fields(run)

    def observe(self, run: RunLog, *, whole: bool = False) -> None:
        """Read what may have changed (or everything), then what was to be read again by id.

        Args:
            run: The pass.
            whole: Read everything and then what changed since the last good read, with its documents.
        """
        with self.side.db.read() as session:
            first = self.side.row(session).last_full_read_at is None
            listed_nothing = bool(open_subjects(session, "side_empty", self.side.id))
            cursor, anew = self._load_cursor(session), is_read_anew(session, self.side)
        adapter, departures = self.side.adapter, Departures(self.side, run)
        if anew or (whole and not first):
            pages = chain(adapter.read_all(), adapter.read_changes(cursor))
            self._read_everything(run, pages, departures, sweep=False, anew=anew)
        elif first or listed_nothing or run.kind == "full":
            self._read_everything(run, adapter.read_all(), departures, sweep=not first)
        else:
            self._read(run, adapter.read_changes(cursor), departures)
        self._recheck(run, departures)
        departures.release()

    def link(self, run: RunLog) -> None:
        """Link what became linkable; the hub has nothing to link, its listings are the items."""
        if self.side.is_hub:
            return
        with self.side.db.read() as session:
            if not ready_to_link(session, self.side):
                return
            waiting = self._waits_for_link(session)
            # A process that was killed right after it linked did not say so.
            untold = not self._told_unlinked and bool(open_subjects(session, "unlinked", self.side.id))
        if waiting and link_pending(self.side, self.hub_id, run):
            self.alive()
        self._told_unlinked = True
        if run.kind == "full" or run.modes_changed or untold:
            with self.side.db.write() as session:
                report_unlinked(session, self.side, self.hub_id)
                report_not_counted(session, self.side)

    def push(self, run: RunLog) -> None:
        """Write what this side should hold."""
        try:
            Pusher(self.side, run, self.stop, self.alive).push()
        except SideError:
            self._look_at_doubts(run)
            raise
        self._look_at_doubts(run)
        self.alive()

    def _push_fields(self, run: RunLog) -> None:
        if run.kind == "full" and not self.side.is_hub:
            with self.side.db.write() as session:
                field_plan.try_refused_again(session, self.side.id)
        if run.kind == "full":
            self.rests.clear()
        pusher = FieldPusher(self.side, self.hub_id, run, self.stop, self.alive, self.rests)
        self.beside.do(FIELDS, pusher.push)

    def _settle_creations(self, run: RunLog) -> None:
        self.beside.do(PRODUCTS, lambda: self._for_each_source(run, Creator.settle))
        self._tell_what_is_not_linked(run)

    def _create(self, run: RunLog) -> None:
        """Make what the side lacks, and tell it how much there is of it."""
        self.beside.do(PRODUCTS, lambda: self._for_each_source(run, Creator.create))
        if run.counts.made:
            self.push(run)
        self._tell_what_is_not_linked(run)
        if self.side.is_hub:
            with self.side.db.read() as session:
                self._tried = till_plan.waiting_ids(session, self.side)

    def _for_each_source(self, run: RunLog, work: Callable[[Creator], None]) -> None:
        """Do it for the products of each side that they come from; one that fails holds up no other.

        Raises:
            SideError: The first failure.
        """
        failures: list[SideError] = []
        for source in self.side.sources:
            try:
                work(Creator(self.side, source, run, self.stop, self.alive))
            except SideError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def _withdraw(self, run: RunLog) -> None:
        if not self.side.is_hub:
            self.beside.do(WITHDRAWALS, Withdrawer(self.side, run, self.stop, self.alive).withdraw)

    def _tell_what_is_not_linked(self, run: RunLog) -> None:
        if run.counts.made:
            with self.side.db.write() as session:
                for shop in self.side.sources if self.side.is_hub else (self.side,):
                    report_unlinked(session, shop, self.hub_id)

    def _look_at_doubts(self, run: RunLog) -> None:
        if run.counts.unknown:
            look_at_once(self.side)

    def has_pending(self) -> bool:
        """Whether something waits to be written here."""
        with self.side.db.read() as session:
            # Fields that wait for a person are compared again by polls, not at once for ever.
            waits = bool(open_kinds(session, fields_subject(self.side.name), ("safety_stop",)))
            fields = bool(self.side.shop_owners) and not waits and not self.beside.rests(FIELDS)
            here = select(Listing.id).where(Listing.side_id == self.side.id)
            if session.scalar(here.where(can_be_planned()).limit(1)) is not None:
                return True
            resting = self.rests.waiting
            compared = here.where(field_plan.can_be_compared()).limit(len(resting) + 1)
            return fields and not resting.issuperset(session.scalars(compared))

    def has_link_work(self) -> bool:
        """Whether listings wait to be linked and both catalogues are known."""
        if self.side.is_hub:
            return False
        with self.side.db.read() as session:
            return self._waits_for_link(session) and ready_to_link(session, self.side)

    def has_new_products(self) -> bool:
        """Whether products of another side wait to be considered for this one."""
        with self.side.db.read() as session:
            if self.side.is_hub:
                return bool(till_plan.waiting_ids(session, self.side) - self._tried)
            return any(has_new(session, self.side, source) for source in self.side.sources)

    def _waits_for_link(self, session: Session) -> bool:
        query = select(Listing.id).where(Listing.side_id == self.side.id, Listing.link_pending).limit(1)
        return session.scalar(query) is not None

    def _read(
        self, run: RunLog, pages: Iterator[ChangePage], departures: Departures, *, sweep: bool | None = None
    ) -> set[str]:
        """Apply a read page by page; the cursor moves only after everything is committed.

        ``sweep`` is ``None`` for changes; for a read of everything, whether feeds kept the side up to date before it.

        Returns:
            External ids that were seen.
        """
        side = self.side
        with side.db.read() as session:
            began_seq = current_write_seq(session, side.id)
        how = "delta reading" if sweep is None else "sweep"
        observer = Observer(side, run, began_seq, count_drift=bool(sweep), how=how, departures=departures)
        seen: set[str] = set()
        cursor: Mapping[str, str] | None = None
        for page in pages:
            self._stop_if_asked()
            seen.update(remote.ref.external_id for remote in page.listings)
            if page.listings or page.gone or page.events:
                with side.db.write() as session:
                    observer.apply(session, page)
            cursor = page.cursor or cursor
            self.reachability.note()
            self.progress(side.name, "reading", len(seen), page.total)
            self.alive()
        observer.release()
        if cursor is not None:
            with side.db.write() as session:
                self._store_cursor(session, cursor, run)
        return seen

    def _read_everything(
        self, run: RunLog, pages: Iterator[ChangePage], departures: Departures, *, sweep: bool, anew: bool = False
    ) -> None:
        side = self.side
        if sweep:
            read_evidence(side, run)
        seen = self._read(run, pages, departures, sweep=sweep)
        now = side.now()
        with side.db.write() as session:
            missing = self._missing(session, seen)
            if missing and not seen:
                self._refuse_emptiness(session, len(missing))
                if anew:
                    return
            else:
                if anew:
                    align(session, side, run)
                close_finding(session, "side_empty", side.name, now)
                for start in range(0, len(missing), 500):
                    session.execute(
                        update(Listing).where(Listing.id.in_(missing[start : start + 500])).values(recheck_at=now)
                    )
            side.row(session).last_full_read_at = now
            self._replan(session)

    def _missing(self, session: Session, seen: set[str]) -> list[int]:
        query = select(Listing.id, Listing.external_id).where(
            Listing.side_id == self.side.id, Listing.gone_at.is_(None)
        )
        return [row_id for row_id, external_id in session.execute(query) if external_id not in seen]

    def _refuse_emptiness(self, session: Session, known: int) -> None:
        """A side that had listings and lists none is broken, not empty (design 6)."""
        name = self.side.name
        found = Found(
            kind="side_empty",
            subject=name,
            severity="error",
            side_id=self.side.id,
            message=f"{name} listed nothing, but had {known} products; nothing was taken as deleted",
            advice="Look whether the account or shop is the right one and shows its products to this key.",
        )
        open_finding(session, found, self.side.now())

    def _replan(self, session: Session) -> None:
        """After a full read: whatever is not as it should be is planned again, and unlinked listings are matched."""
        session.execute(
            update(Listing)
            .where(Listing.side_id == self.side.id, Listing.item_id.is_not(None), Listing.gone_at.is_(None))
            .where((Listing.shadow != Listing.wanted) | Listing.wanted.is_(None))
            .values(pending=True)
        )
        if not self.side.is_hub:
            session.execute(
                update(Listing)
                .where(Listing.side_id == self.side.id, Listing.item_id.is_(None), Listing.gone_at.is_(None))
                .values(link_pending=True)
            )

    def _recheck(self, run: RunLog, departures: Departures) -> None:
        """Read again, by id, what an earlier read could not count."""
        side, now = self.side, self.side.now()
        here = select(Listing.external_id, Listing.parent_external_id).where(Listing.side_id == side.id)
        with side.db.read() as session:
            known = [
                row
                for at in (Listing.recheck_at, Listing.fields_recheck_at)
                # That it is set follows from the rest; said in words, the index on such rows serves.
                for row in session.execute(here.where(at.is_not(None), (at <= now) | (at > now + CLOCK_STEP)))
            ]
        refs = list(dict.fromkeys(ListingRef(*row) for row in known if row[0] not in departures.held))
        for start in range(0, len(refs), _RECHECK_CHUNK):
            self._stop_if_asked()
            with side.db.read() as session:
                began_seq = current_write_seq(session, side.id)
            observer = Observer(side, run, began_seq, how="read again by id", departures=departures)
            result = side.adapter.fetch(refs[start : start + _RECHECK_CHUNK])
            with side.db.write() as session:
                observer.apply(session, ChangePage(result.listings, result.gone))
            observer.release()
            self.progress(side.name, "reading again", min(start + _RECHECK_CHUNK, len(refs)), len(refs))
            self.alive()

    def _load_cursor(self, session: Session) -> Cursor:
        rows = session.scalars(select(CursorRow).where(CursorRow.side_id == self.side.id))
        return {row.feed: row.position for row in rows}

    def _store_cursor(self, session: Session, cursor: Mapping[str, str], run: RunLog) -> None:
        now = self.side.now()
        for feed, position in cursor.items():
            session.merge(CursorRow(side_id=self.side.id, feed=feed, position=position, updated_at=now, run_id=run.id))
        self.side.row(session).last_read_at = now

    def _stop_if_asked(self) -> None:
        if self.stop.is_set():
            raise Stopped(f"{self.side.name}: stopped between two requests")
