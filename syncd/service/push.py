"""Pushing: intend, send, confirm. Intent is committed before the call, outcome and shadow together after it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, cast

from loguru import logger
from sqlalchemy import select, update

from syncd.core.model import Applied, ChangePage, ListingRef, NotSent, Refused, StockWrite, Unknown, WriteResult
from syncd.errors import InvalidResponse, LeaseLost, OutcomeUnknown, SafetyStop, SideError, Stopped
from syncd.service.approval import open_stop, take_approval
from syncd.service.calls import Calls, that_ends
from syncd.service.confirmed import as_expected, confirm_all, sent_rows
from syncd.service.findings import Found, close_finding, open_finding, open_subjects
from syncd.service.late import tell_late
from syncd.service.observe import Observer, current_write_seq
from syncd.service.outcome import confirm, give_back, put_in_doubt, refuse
from syncd.service.planning import Due, PlannedWrite, plan_due, plan_listing
from syncd.state.bulk import insert_rows, next_ids, update_rows
from syncd.state.models import Item, Listing, Operation
from syncd.state.projections import PLAN, STOCK, WRITE, only

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from syncd.core.guard import Stop
    from syncd.core.model import Quantity
    from syncd.service.confirmed import Sent
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext
    from syncd.state.models import Side
    from syncd.state.projections import Stocked

_MOST_ROUNDS = 5
_WAVE_CALLS = 64
"""Calls intended together where several may be under way at once."""


class Pusher:
    """Brings one side to what it should hold. ``alive`` is called after every wave of writes."""

    def __init__(
        self, side: SideContext, run: RunLog, stop: threading.Event, alive: Callable[[], None] = lambda: None
    ) -> None:
        self._side = side
        self._run = run
        self._stop = stop
        self._alive = alive

    def push(self) -> None:
        """Plan and write until nothing is pending; answers may reveal sales, which are planned again.

        Raises:
            SafetyStop: The plan waits for a person. SideError: The side failed; what was not sent stays pending.
        """
        for _ in range(_MOST_ROUNDS):
            writes = self._plan()
            if not writes or self._must_stop():
                return
            self._carry_out(writes)

    def _must_stop(self) -> bool:
        return self._stop.is_set() or not self._side.may_write()

    def _plan(self) -> list[Due]:
        with self._side.db.read() as session:
            writes, settled, refusal = plan_due(session, self._side)
            stopped = refusal is None and open_stop(session, self._side.name)
            listed_nothing = bool(writes and open_subjects(session, "side_empty", self._side.id))
        if settled:
            self._mark_settled(settled)
        if listed_nothing:
            raise SafetyStop(self._side.name, "it listed nothing, though it had products; nothing is written there", {})
        if refusal:
            self._refuse_plan(refusal)
        elif stopped:
            with self._side.db.write() as session:
                close_finding(session, "safety_stop", self._side.name, self._side.now())
                take_approval(session, self._side.name, None)
        return writes

    def _mark_settled(self, listing_ids: Sequence[int]) -> None:
        """Clear ``pending`` under the items' locks, unless the item moved since it was planned."""
        now = self._side.now()
        for start in range(0, len(listing_ids), 400):
            with self._side.db.write() as session:
                refused = open_subjects(session, "write_rejected", self._side.id)
                done = []
                for row, on_hand in _locked(session, listing_ids[start : start + 400]):
                    if plan_listing(self._side, row, on_hand) is None:
                        done.append(self._planned(row, row.shadow if self._side.writable(row) else None))
                        if (subject := f"{self._side.name} {row.external_id}") in refused:
                            close_finding(session, "write_rejected", subject, now)
                update_rows(session, Listing, done)

    @staticmethod
    def _planned(row: Stocked, wanted: Quantity | None) -> dict[str, Any]:
        return {"id": row.id, "pending": False, "wanted": wanted}

    def _refuse_plan(self, refusal: Stop) -> None:
        side = self._side
        with side.db.write() as session:
            if take_approval(session, side.name, refusal):
                return
            open_finding(
                session,
                Found(
                    kind="safety_stop",
                    subject=side.name,
                    severity="error",
                    side_id=side.id,
                    counts=refusal.counts,
                    message=f"{side.name}: {refusal.reason}; nothing is written there until a person confirms",
                    advice=f"Look at `syncd plan --shop {side.name}`. If it is right: `syncd approve --all`. "
                    "If not, repair the cause; the stop closes by itself.",
                ),
                side.now(),
            )
        raise SafetyStop(side.name, refusal.reason, refusal.counts)

    def _carry_out(self, writes: Sequence[Due]) -> None:
        capabilities = self._side.adapter.capabilities
        if capabilities.parallel_writes > 1 and capabilities.relative:
            self._carry_out_beside(writes)
            return
        size = max(1, capabilities.batch_size)
        for start in range(0, len(writes), size):
            if self._must_stop():
                return
            wave = writes[start : start + size]
            refs = [write.ref for write in wave if write.ref is not None]
            began = self._side.now()
            if not capabilities.relative:
                self._read(refs)
            operations = self._intend(wave, began)
            if operations and (failure := self._send(operations)):
                raise failure
            self._alive()
            if not capabilities.relative and operations:
                self._read(refs)

    def _carry_out_beside(self, writes: Sequence[Due]) -> None:
        """Several calls at once: while the last ones of a wave are under way, the next wave is intended."""
        capabilities, failure = self._side.adapter.capabilities, None
        size = max(1, capabilities.batch_size)
        with Calls(capabilities.parallel_writes, self._side.name) as calls:
            for start in range(0, len(writes), size * _WAVE_CALLS):
                if self._must_stop():
                    break
                operations = self._intend(writes[start : start + size * _WAVE_CALLS], self._side.now())
                calls.start(self._send, [operations[at : at + size] for at in range(0, len(operations), size)])
                failure = that_ends(calls.until_few())
                self._alive()
                if failure:
                    break
            last = that_ends(calls.until_none())
        if (ended := failure or last) is not None:
            raise ended

    def _read(self, refs: Sequence[ListingRef]) -> None:
        """Read what is written absolutely just before and just after: what was sold up to then is seen and counted.

        What is sold between the two is overwritten; its documents tell (``lost_updates``).
        """
        with self._side.db.read() as session:
            began_seq = current_write_seq(session, self._side.id)
        observer = Observer(self._side, self._run, began_seq)
        result = self._side.adapter.fetch(refs)
        with self._side.db.write() as session:
            observer.apply(session, ChangePage(result.listings, result.gone))
        observer.release()

    def _intend(self, writes: Sequence[Due], began: datetime) -> list[tuple[int, StockWrite]]:
        """Commit operations for listings that still need one; from here on their readings move nothing.

        What was planned differently meanwhile stays pending: the guard has not seen it.

        Args:
            writes: The plan.
            began: When the side was last looked at before these writes, or now.
        """
        made: list[PlannedWrite] = []
        planned_rows: list[dict[str, Any]] = []
        guarded = {write.listing_id: write.wants for write in writes}
        with self._side.db.write() as session:
            for row, on_hand in _locked(session, list(guarded)):
                planned = plan_listing(self._side, row, on_hand)
                if planned is None:
                    planned_rows.append(self._planned(row, row.shadow if self._side.writable(row) else None))
                elif self._side.is_hub or planned.wants == guarded[row.id]:
                    planned_rows.append(self._planned(row, planned.wants))
                    made.append(planned)
            update_rows(session, Listing, planned_rows)
            ids = next_ids(session, Operation, len(made))
            rows = [self._operation(number, planned, began) for number, planned in zip(ids, made, strict=True)]
            insert_rows(session, Operation, rows)
            return [(row["id"], _wire(row["uid"], planned)) for row, planned in zip(rows, made, strict=True)]

    def _operation(self, number: int, planned: PlannedWrite, began: datetime) -> dict[str, Any]:
        return {
            "id": number,
            "uid": uuid.uuid4().hex,
            "side_id": self._side.id,
            "listing_id": planned.listing_id,
            "item_id": planned.item_id,
            "run_id": self._run.id,
            "difference": planned.difference,
            "expected_before": planned.holds,
            "start_managing": planned.start_managing,
            "state": "intended",
            "reason": planned.reason,
            "intended_at": began,
        }

    def _send(self, call: Sequence[tuple[int, StockWrite]]) -> SideError | None:
        """Send one call and record its outcome; a failure is returned, so that calls beside it are recorded too."""
        ids = [operation_id for operation_id, _ in call]
        if self._stop.is_set():
            self._record_unsent(ids, "a stop was requested")
            return None
        with self._side.db.write(sends=True) as session:
            session.execute(
                update(Operation).where(Operation.id.in_(ids)).values(state="sent", sent_at=self._side.now())
            )
        failure: SideError | None = None
        try:
            results: Sequence[WriteResult] = self._side.adapter.write_stock([write for _, write in call])
        except (OutcomeUnknown, InvalidResponse) as error:
            results, failure = [Unknown(f"{error.request}: {error.detail}")] * len(call), error
        except Stopped as error:
            self._record(call, [NotSent(str(error))] * len(call))
            raise
        except SideError as error:
            results, failure = [NotSent(f"{error.request}: {error.detail}")] * len(call), error
        self._record(call, results)
        return failure

    def _record_unsent(self, ids: Sequence[int], reason: str) -> None:
        with self._side.db.write() as session:
            for row, _, operation in _operations(session, ids):
                give_back(self._side, row, operation, reason)

    def _record(self, call: Sequence[tuple[int, StockWrite]], results: Sequence[WriteResult]) -> None:
        try:
            self._write_down(call, results)
        except LeaseLost:
            yes = [number for (number, _), result in zip(call, results, strict=True) if isinstance(result, Applied)]
            tell_late(self._side, yes)
            raise

    def _write_down(self, call: Sequence[tuple[int, StockWrite]], results: Sequence[WriteResult]) -> None:
        by_id = {operation_id: result for (operation_id, _), result in zip(call, results, strict=True)}
        side, counts = self._side, self._run.counts
        with side.db.write() as session:
            side_row = side.row(session)
            side_row.write_seq += 1
            rows = sent_rows(session, list(by_id))
            plain = as_expected(session, side, rows, by_id)
            confirmed = [row for row in rows if row.id in plain]
            confirm_all(session, side, side_row, confirmed, plain)
            others = _operations(session, [row.id for row in rows if row.id not in plain])
            for row, item, operation in others:
                self._write_one_down(session, side_row, (row, item, operation), by_id[operation.id])
            counts.writes += len(confirmed)  # in here, as others may be writing their own down
            counts.confirmed += len(confirmed)
        for each in confirmed:
            _log(
                side,
                each,
                each.sku,
                each.external_id,
                expected=each.expected,
                reported=plain[each.id],
                state="confirmed",
            )
        for row, _, operation in others:
            expected = operation.expected_before + operation.difference
            _log(
                side, operation, row.sku, row.external_id, expected=expected, reported=operation.reported,
                state=operation.state, error=operation.error,
            )  # fmt: skip

    def _write_one_down(
        self, session: Session, side_row: Side, write: tuple[Listing, Item, Operation], result: WriteResult
    ) -> None:
        (row, item, operation), side, counts = write, self._side, self._run.counts
        counts.writes += 0 if isinstance(result, NotSent) else 1
        match result:
            case Applied(quantity=quantity):
                confirm(session, side, self._run, row, item, operation, side_row, quantity)
                counts.confirmed += 1
            case Refused(code=code, message=message, gone=gone):
                refuse(session, side, row, operation, f"{code}: {message}", gone=gone)
                counts.rejected += 1
            case Unknown(reason=reason):
                put_in_doubt(side, row, operation, reason)
                counts.unknown += 1
            case NotSent(reason=reason):
                give_back(side, row, operation, reason)


def _locked(session: Session, listing_ids: Sequence[int]) -> list[tuple[Stocked, Quantity]]:
    query = (
        select(*PLAN, Item.on_hand)
        .join(Item, Item.id == Listing.item_id)
        .where(Listing.id.in_(listing_ids))
        .order_by(Item.id)
        .with_for_update(of=Item)
    )
    return [(cast("Stocked", row), row.on_hand) for row in session.execute(query)]


def _operations(session: Session, ids: Sequence[int]) -> list[tuple[Listing, Item, Operation]]:
    if not ids:
        return []
    query = (
        select(Listing, Item, Operation)
        .join(Operation, Operation.listing_id == Listing.id)
        .join(Item, Item.id == Operation.item_id)
        .where(Operation.id.in_(ids))
        .order_by(Item.id)
        .with_for_update(of=Item)
        .options(only(STOCK), only(WRITE, Operation))
        .execution_options(populate_existing=True)
    )
    return [(row, item, operation) for row, item, operation in session.execute(query)]


def _wire(uid: str, planned: PlannedWrite) -> StockWrite:
    return StockWrite(
        ref=ListingRef(planned.ref.external_id, planned.ref.parent_external_id),
        operation_id=uid,
        difference=planned.difference,
        expected_before=planned.holds,
        start_managing=planned.start_managing,
    )


def _log(
    side: SideContext,
    operation: Operation | Sent,
    sku: str | None,
    external_id: str,
    *,
    expected: Quantity,
    reported: Quantity | None,
    state: str,
    error: str | None = None,
) -> None:
    log = logger.bind(
        side=side.name, sku=sku, external_id=external_id, run=operation.run_id,
        operation=operation.uid, difference=f"{operation.difference:+f}", expected=f"{expected:f}",
        reported=None if reported is None else f"{reported:f}", state=state,
    )  # fmt: skip
    if state == "confirmed":
        log.info("stock.written")
    else:
        log.bind(error=error).warning("stock.not_written")
