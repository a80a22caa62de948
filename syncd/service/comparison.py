"""The comparison after a restore: all sides are read, nothing is written to them, and every difference is judged.

Items that no side shows differently go on. Of the others each side is asked twice by id, and for its documents in
between; what moves meanwhile is asked again. So what is judged is of one moment, with all documents up to it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from loguru import logger
from sqlalchemy import select

from syncd.core.guard import check_gone
from syncd.core.model import ListingRef, Quantity, RemoteListing, StockMode
from syncd.core.restored import Counts, Held, Shown, judge_restored
from syncd.errors import SafetyStop, Stopped
from syncd.service.approval import may_go_on
from syncd.service.counting import require_same_counting
from syncd.service.evidence import LATE, began, store_events
from syncd.service.ledger import lock_items, move
from syncd.service.observe import load_listings
from syncd.service.restored import explain_documents, finish_restore, hold, open_restore
from syncd.service.runs import RunLog, finish_run, start_run
from syncd.state.models import Item, Listing, Run, StockEventRow

if TYPE_CHECKING:
    import threading

    from sqlalchemy.orm import Session

    from syncd.core.model import StockEvent
    from syncd.service.account import Account
    from syncd.service.side import SideContext
    from syncd.service.worker import SideWorker

_ROUNDS = 4
"""An item that moves between two looks so often is held."""
_BY_ID = 100
_ITEMS = 100
_CLOSE = timedelta(seconds=3)
_LOOK_UP_S = 5.0
_NEVER = datetime.max.replace(tzinfo=UTC)
_MOVING = Held("it did not come to rest while the sides were compared")

Key = tuple[int, str]
"""A listing: row id of its side, external id."""


@dataclass(slots=True)
class Compared:
    """What came of it.

    Attributes:
        items: Items that some side showed differently.
        counted: Of these, how many are certain.
        held: Names of the findings' subjects that are left to a person.
    """

    items: int = 0
    counted: int = 0
    held: int = 0


@dataclass(slots=True)
class _Known:
    """What the backup says of a listing, and what its side shows.

    ``knew`` is empty where a person has accepted since that the side counts something else.
    """

    row_id: int
    item_id: int
    ref: ListingRef
    knew: Quantity | None
    knew_at: datetime | None
    sku_key: str | None
    shows: Quantity | None = None
    marker: str | None = None


@dataclass(slots=True)
class Comparison:
    """One comparison; to be made again if it fails, for it changes nothing before it knows all.

    Args:
        account: All sides.
        stop: Ends it early.
        progress: As in ``SideWorker``.
    """

    account: Account
    stop: threading.Event
    progress: Callable[[str, str, int, int | None], None] = lambda *_: None
    _known: dict[Key, _Known] = field(default_factory=dict)
    _runs: dict[int, RunLog] = field(default_factory=dict)
    _looked: dict[int, tuple[datetime, datetime]] = field(default_factory=dict)
    _restored_at: datetime = _NEVER

    def run(self) -> Compared | None:
        """Compare if there was a restore; ``None`` if there is nothing to do.

        Raises:
            SideError: A side could not be read, or counts something else than the backup says; nothing was changed.
            SafetyStop: Much of what the backup knows is on no side: it may be the backup of another account.
            Stopped: It was told to stop.
        """
        with self.account.db.read() as session:
            restore = open_restore(session)
        if restore is None:
            return None
        self._restored_at = restore.restored_at
        self._wait_for_requests(restore.restored_at)
        self._load()
        try:
            for worker in self.account.workers.values():
                self._read_side(worker)
            done = self._judge(restore.id)
        except BaseException as error:
            self._end(str(error))
            raise
        self._end(None)
        logger.bind(items=done.items, counted=done.counted, held=done.held).info("restore.compared")
        return done

    @property
    def _sides(self) -> dict[int, SideContext]:
        return {worker.side.id: worker.side for worker in self.account.workers.values()}

    def _wait_for_requests(self, restored_at: datetime) -> None:
        """A write that left before the restore may still be carried out; nobody would know of it."""
        sides = list(self._sides.values())
        longest = max(side.in_doubt for side in sides)
        left = min(restored_at + longest - sides[0].now(), longest)
        until = sides[0].now() + left
        if left > timedelta(0):
            logger.bind(seconds=math.ceil(left.total_seconds())).info("restore.waiting")
        while left > timedelta(0) and sides[0].now() < until:
            self._go_on()
            self.stop.wait(min(_LOOK_UP_S, left.total_seconds()))

    def _load(self) -> None:
        query = select(Listing).where(
            Listing.item_id.is_not(None),
            Listing.gone_at.is_(None),
            Listing.stock_mode == StockMode.OWN,
            Listing.side_id.in_(self._sides),
        )
        with self.account.db.read() as session:
            for row in session.scalars(query.execution_options(yield_per=1000)):
                ref = ListingRef(row.external_id, row.parent_external_id)
                assert row.item_id is not None  # noqa: S101 - the query says so
                self._known[row.side_id, row.external_id] = _Known(
                    row.id, row.item_id, ref, row.shadow, row.shadow_at, row.sku_key
                )
            for side in self._sides.values():
                self._looked[side.id] = _last_look(session, side)

    def _read_side(self, worker: SideWorker) -> None:
        side = worker.side
        worker.requests.take()
        require_same_counting(side, may_note=False)
        self._runs[side.id] = start_run(side, "full", "a comparison after a restore")
        seen = 0
        for page in side.adapter.read_all():
            self._go_on()
            seen += len(page.listings)
            self._note(side, page.listings)
            self.progress(side.name, "reading", seen, page.total)
        self._runs[side.id].counts.listings_read = seen
        mine = [known for (side_id, _), known in self._known.items() if side_id == side.id]
        gone = sum(known.shows is None for known in mine)
        refusal = check_gone(gone, len(mine), side.limits)
        if not may_go_on(
            side, f"backup and {side.name}", refusal, what="the sides are not compared and nothing is written",
            advice="If not, the backup is of another account or shop: put the right one back (`syncd db restore`).",
        ):  # fmt: skip
            assert refusal is not None  # noqa: S101 - without one it may go on
            raise SafetyStop(side.name, f"of what the backup knows, {refusal.reason}", refusal.counts)

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise Stopped("stopped before the sides were compared")
        for worker in self.account.workers.values():
            worker.alive()

    def _note(self, side: SideContext, shown: Iterable[RemoteListing]) -> None:
        for remote in shown:
            known = self._known.get((side.id, remote.ref.external_id))
            if known is not None:
                known.shows, known.marker = remote.quantity, remote.marker

    def _judge(self, restore_id: int) -> Compared:
        by_item: dict[int, list[Key]] = defaultdict(list)
        for key, known in self._known.items():
            by_item[known.item_id].append(key)
        open_items = {
            item
            for item, keys in by_item.items()
            if any(self._known[key].shows != self._known[key].knew for key in keys)
        }
        done = Compared(items=len(open_items))
        events: dict[int, list[StockEvent]] = {}
        for _ in range(_ROUNDS):
            if not open_items:
                break
            keys = [key for item in open_items for key in by_item[item]]
            self._look(keys)
            first = {key: self._known[key].shows for key in keys}
            events = self._read_events()
            self._look(keys)
            calm = {item for item in open_items if all(self._known[k].shows == first[k] for k in by_item[item])}
            self._apply(sorted(calm), by_item, events, done)
            open_items -= calm
        self._apply(sorted(open_items), by_item, events, done, verdict=_MOVING)
        with self.account.db.write() as session:
            finish_restore(session, restore_id, done.held, self.account.hub.side.now())
        return done

    def _look(self, keys: Sequence[Key]) -> None:
        of_side: dict[int, list[ListingRef]] = defaultdict(list)
        for side_id, external_id in keys:
            of_side[side_id].append(self._known[side_id, external_id].ref)
        for side_id, refs in of_side.items():
            side = self._sides[side_id]
            for start in range(0, len(refs), _BY_ID):
                self._go_on()
                chunk = refs[start : start + _BY_ID]
                for ref in chunk:
                    self._known[side_id, ref.external_id].shows = None  # what is gone shows nothing
                self._note(side, side.adapter.fetch(chunk).listings)

    def _read_events(self) -> dict[int, list[StockEvent]]:
        """All documents since the backup; they are kept, and count for nothing by themselves any more."""
        found: dict[int, list[StockEvent]] = {}
        for side in self._sides.values():
            if not side.adapter.capabilities.events:
                continue
            found[side.id] = side.adapter.read_events(self._looked[side.id][0] - LATE)
        return found

    def _apply(
        self,
        items: Sequence[int],
        by_item: Mapping[int, Sequence[Key]],
        events: Mapping[int, Sequence[StockEvent]],
        done: Compared,
        *,
        verdict: Held | None = None,
    ) -> None:
        documents = self._documents(events)
        for start in range(0, len(items), _ITEMS):
            with self.account.db.write() as session:
                locked = lock_items(session, items[start : start + _ITEMS])
                for item_id in items[start : start + _ITEMS]:
                    keys = by_item[item_id]
                    found = verdict or judge_restored(locked[item_id].on_hand, self._shown(keys, documents))
                    self._take(session, locked[item_id], keys, found)
                    done.held += isinstance(found, Held)
                    done.counted += isinstance(found, Counts)
        for side_id, theirs in events.items():
            if theirs:
                with self.account.db.write() as session:
                    store_events(session, self._sides[side_id], theirs, self._runs[side_id])
                    session.flush()
                    for row in load_listings(session, side_id, [event.ref.external_id for event in theirs]).values():
                        explain_documents(session, row, self._sides[side_id].now())

    def _shown(self, keys: Sequence[Key], documents: Mapping[Key, tuple[tuple[Quantity, ...], bool]]) -> list[Shown]:
        shown = []
        for key in keys:
            side, known = self._sides[key[0]], self._known[key]
            if known.shows is None:
                continue
            units, unsure = documents.get(key, ((), False))
            told = units if side.adapter.capabilities.events else None
            shown.append(Shown(side.name, side.policy, known.sku_key, known.knew, known.shows, told, unsure))
        return shown

    def _documents(self, events: Mapping[int, Sequence[StockEvent]]) -> dict[Key, tuple[tuple[Quantity, ...], bool]]:
        """By listing: what its documents moved since the backup, and whether one may be of before."""
        found: dict[Key, tuple[tuple[Quantity, ...], bool]] = {}
        with self.account.db.read() as session:
            for side_id, theirs in events.items():
                versions = _stored(session, side_id, self._restored_at)
                looked, until = self._looked[side_id]
                for event in theirs:
                    key = side_id, event.ref.external_id
                    known = self._known.get(key)
                    change = event.quantity - versions.get(event.key, Quantity(0))
                    if known is None or not change:
                        continue
                    end = max(until, known.knew_at or until) + _CLOSE
                    moment = event.occurred_at if event.key in versions else began(event)
                    if moment <= end and event.occurred_at < looked - LATE:
                        continue  # it was before, and the backup's numbers have it
                    units, unsure = found.get(key, ((), False))
                    found[key] = (*units, change), unsure or moment <= end
        return found

    def _take(self, session: Session, item: Item, keys: Sequence[Key], found: Counts | Held) -> None:
        hub = self.account.hub.side
        rows: list[Listing] = []
        for key in keys:
            row, known, side = session.get_one(Listing, self._known[key].row_id), self._known[key], self._sides[key[0]]
            rows.append(row)
            if known.shows is None:
                # The next pass finds out whether it is gone; if it is not, what it shows then is a first reading.
                row.shadow, row.recheck_at = None, side.now()
                continue
            row.shadow, row.shadow_at, row.marker = known.shows, side.now(), known.marker or row.marker
            row.recheck_at, row.pending = None, True
            row.write_seq = side.row(session).write_seq
        if isinstance(found, Held):
            rows.sort(key=lambda row: row.side_id != hub.id)
            hold(session, item.id, rows, found.reason, item.on_hand, hub.now())
            return
        if found.on_hand != item.on_hand:
            run = self._runs[hub.id]
            move(
                session, item, found.on_hand - item.on_hand, cause="correction",
                evidence=f"compared after a restore: {found.why}", listing=None, run=run, now=hub.now(),
            )  # fmt: skip

    def _end(self, error: str | None) -> None:
        for side_id, run in self._runs.items():
            worker = next(each for each in self.account.workers.values() if each.side.id == side_id)
            finish_run(worker.side, run, worker.requests, error=error, result="failed" if error else "ok")


def _last_look(session: Session, side: SideContext) -> tuple[datetime, datetime]:
    """When the last complete read of a side began and ended, by the backup."""
    query = select(Run).where(Run.side_id == side.id, Run.kind.in_(("poll", "full")), Run.result == "ok")
    run = session.scalars(query.order_by(Run.started_at.desc()).limit(1)).one_or_none()
    if run is None:
        return side.row(session).created_at, side.row(session).created_at
    return run.started_at, run.finished_at or run.started_at


def _stored(session: Session, side_id: int, before: datetime) -> dict[str, Quantity]:
    """What the backup says that each document moved."""
    query = select(StockEventRow.document, StockEventRow.quantity).where(
        StockEventRow.side_id == side_id, StockEventRow.recorded_at < before
    )
    found: dict[str, Quantity] = {}
    for document, units in session.execute(query):
        found[document] = found.get(document, Quantity(0)) + units
    return found
