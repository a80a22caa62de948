"""Withdrawing products whose hub's were deleted: a look, intent, call, outcome."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from loguru import logger

from syncd.core.model import Refused, Unknown
from syncd.core.products import Way, Withdrawn
from syncd.errors import InvalidResponse, OutcomeUnknown, SideError, Stopped
from syncd.service.approval import may_go_on, open_stop
from syncd.service.findings import Found, close_finding, open_finding, open_subjects, withdrawals_subject
from syncd.service.withdrawal_plan import (
    PlannedWithdrawal,
    check_plan_of_withdrawals,
    close_if_nowhere_left,
    in_doubt,
    is_idle,
    not_withdrawn_subject,
    plan_withdrawals,
)
from syncd.state.models import Listing
from syncd.state.product_models import Withdrawal

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

    from syncd.core.products import WithdrawResult
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

_BUDGET_S = 15.0
"""How long one pass withdraws products: stock is not to wait for them. The rest is done by the next passes."""


class Withdrawer:
    """Takes from a shop's customers what was deleted at the hub, by policy. ``alive`` is called after every call."""

    def __init__(
        self, side: SideContext, run: RunLog, stop: threading.Event, alive: Callable[[], None] = lambda: None
    ) -> None:
        self._side = side
        self._run = run
        self._stop = stop
        self._alive = alive

    def withdraw(self) -> None:
        """Withdraw what is planned, unless that waits for a person.

        Raises:
            SideError: The shop failed; what was not withdrawn is still to be.
        """
        side = self._side
        with side.db.read() as session:
            if is_idle(session, side) and not open_stop(session, withdrawals_subject(side.name)):
                return
        with side.db.write() as session:
            if open_subjects(session, "side_empty", side.id):
                return
            planned = plan_withdrawals(session, side)
            if not planned and in_doubt(session, side):
                return  # what a person approved is not carried out yet
        if not self._may_go_on(planned):
            return
        until = time.monotonic() + _BUDGET_S
        for one in planned:
            if self._stop.is_set() or not side.may_write() or time.monotonic() > until:
                return
            self._carry_out(one)
            self._alive()

    def _carry_out(self, planned: PlannedWithdrawal) -> None:
        side = self._side
        if self._is_withdrawn(planned) or not self._intend(planned):
            return
        result: WithdrawResult
        failure: SideError | Stopped | None = None
        try:
            result = side.adapter.withdraw(planned.ref, planned.way)
        except (OutcomeUnknown, InvalidResponse) as error:
            result, failure = Unknown(f"{error.request}: {error.detail}"), error
        except (SideError, Stopped):
            self._set(planned, "waiting")
            raise
        self._record(planned, result)
        if failure is not None:
            raise failure

    def _is_withdrawn(self, planned: PlannedWithdrawal) -> bool:
        """Look first: a person, or our own lost request, may have done it."""
        found = self._side.adapter.fetch([planned.ref])
        there = next((one for one in found.listings if one.ref.external_id == planned.ref.external_id), None)
        if there is not None and (planned.way is Way.DELETE or there.published):
            return False
        self._record(planned, Withdrawn())
        return True

    def _intend(self, planned: PlannedWithdrawal) -> bool:
        """Commit what is about to be sent, if it still is what the plan says."""
        with self._side.db.write(sends=True) as session:
            if planned not in plan_withdrawals(session, self._side):
                return False
            for row in _rows(session, planned):
                row.state, row.how, row.run_id = "sent", planned.way.value, self._run.id
                row.sent_at, row.settled_at, row.error = self._side.now(), None, None
        return True

    def _set(self, planned: PlannedWithdrawal, state: str) -> None:
        with self._side.db.write() as session:
            for row in _rows(session, planned):
                row.state = state

    def _record(self, planned: PlannedWithdrawal, result: WithdrawResult) -> None:
        side = self._side
        log = logger.bind(
            side=side.name,
            product=planned.label,
            external_id=planned.ref.external_id,
            run=self._run.id,
            way=planned.way.value,
        )
        with side.db.write() as session:
            match result:
                case Refused(gone=False, code=code, message=message):
                    self._refused(session, planned, f"{code}: {message}")
                    log.bind(error=f"{code}: {message}").warning("product.not_withdrawn")
                case Unknown(reason=reason):
                    for row in _rows(session, planned):
                        row.state, row.error = "unknown", reason
                    log.bind(error=reason).warning("product.not_withdrawn")
                case Withdrawn() | Refused():
                    self._done(session, planned)
                    self._run.counts.withdrawn += 1
                    log.info("product.withdrawn")

    def _refused(self, session: Session, planned: PlannedWithdrawal, error: str) -> None:
        side = self._side
        for row in _rows(session, planned):
            row.state, row.error, row.settled_at = "refused", error, side.now()
            external_id = session.get_one(Listing, row.listing_id).external_id
            found = Found(
                kind="not_withdrawn",
                subject=not_withdrawn_subject(side.name, external_id),
                side_id=side.id,
                message=f"{planned.label} was deleted at the till and could not be withdrawn from {side.name}: {error}",
                advice="Unpublish or delete it in the shop: it sells what nobody counts any more. It is tried again at "
                "the next start.",
            )
            open_finding(session, found, side.now())

    def _done(self, session: Session, planned: PlannedWithdrawal) -> None:
        side = self._side
        for row in _rows(session, planned):
            row.state, row.how, row.error, row.settled_at = "done", planned.way.value, None, side.now()
            external_id = session.get_one(Listing, row.listing_id).external_id
            close_finding(session, "not_withdrawn", not_withdrawn_subject(side.name, external_id), side.now())
            close_if_nowhere_left(session, side, row.source)

    def _may_go_on(self, planned: Sequence[PlannedWithdrawal]) -> bool:
        with self._side.db.read() as session:
            refusal = check_plan_of_withdrawals(session, self._side, planned)
        return may_go_on(
            self._side,
            withdrawals_subject(self._side.name),
            refusal,
            what="none is withdrawn",
            advice='If they are to stay, set delete_in_shop = "ignore"; syncd does not count them any more.',
        )


def _rows(session: Session, planned: PlannedWithdrawal) -> list[Withdrawal]:
    return [session.get_one(Withdrawal, listing_id) for listing_id in planned.listing_ids]
