"""Writes of fields: intent, call, outcome, one transaction before and one after each call."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from syncd.core.fields import IMAGES
from syncd.core.model import FieldsWrite, NotSent, Refused, Unknown, Written
from syncd.errors import InvalidResponse, OutcomeUnknown, RateLimited, SideError, Stopped, Transient
from syncd.service.approval import may_go_on
from syncd.service.field_outcome import intend, record
from syncd.service.field_plan import PlannedFields, check_plan_of_fields, compare, pending_ids
from syncd.service.field_rests import FieldRests, pending_listings
from syncd.service.findings import fields_subject, open_subjects
from syncd.service.image_loads import images_for
from syncd.service.observe import Observer

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from syncd.core.images import Image
    from syncd.core.model import FieldsResult, ListingRef
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

_CHUNK = 400

_BUDGET_S = 15.0
"""How long one pass writes fields: stock is not to wait for them. The rest is written by the next passes."""


class FieldPusher:
    """Brings the fields of one side to what their owners say.

    Args:
        side: The side.
        hub_id: Row id of the hub.
        run: The pass.
        stop: Ends it between two calls.
        alive: Called after every call.
        rests: What could not be sent lately; of this process.
    """

    def __init__(
        self,
        side: SideContext,
        hub_id: int,
        run: RunLog,
        stop: threading.Event,
        alive: Callable[[], None] = lambda: None,
        rests: FieldRests | None = None,
    ) -> None:
        self._rests = rests if rests is not None else FieldRests(side)
        self._side = side
        self._hub_id = hub_id
        self._run = run
        self._stop = stop
        self._alive = alive

    def push(self) -> None:
        """Compare what is pending and write what differs, unless that waits for a person.

        A stop is a finding and no error: stock, whose evidence rests on good passes, goes on beside it.

        Raises:
            SideError: The side failed; what was not sent stays pending.
        """
        if not self._side.shop_owners:
            return
        planned = self.plan()
        if planned and self._lists_nothing():
            return
        if not self._may_go_on(planned):
            return
        with self._side.db.read() as session:
            self._rests.begin(planned, pending_listings(session, self._side))
        whole = self._write(planned)
        self._rests.end(planned)
        if whole:
            self._rests.tell()

    def _write(self, planned: Sequence[PlannedFields]) -> bool:
        """Write what does not rest; whether everything was tried."""
        size = max(1, self._side.adapter.capabilities.batch_size)
        until = time.monotonic() + _BUDGET_S
        failures: list[Transient] = []
        whole = True
        for group in _calls(self._awake(planned), size):
            if self._stop.is_set() or not self._side.may_write() or time.monotonic() > until:
                whole = False
                break
            batch = self._awake(group)
            if not batch:
                continue
            self._look([one.ref for one in batch])
            self._try(failures, partial(self._write_batch, batch))
            self._alive()
            for one in batch:
                self._try(failures, partial(self._bring_images, one))
        if failures:
            raise failures[0]
        return whole

    def _awake(self, planned: Sequence[PlannedFields]) -> list[PlannedFields]:
        """Without what rests now; what fails meanwhile may have others rest as well."""
        return [one for one in map(self._rests.awake, planned) if one.fields]

    @staticmethod
    def _try(failures: list[Transient], step: Callable[[], None]) -> None:
        """What one product needs and cannot be had now must not keep back the other products."""
        try:
            step()
        except RateLimited:
            raise
        except Transient as error:
            failures.append(error)

    def _write_batch(self, batch: Sequence[PlannedFields]) -> None:
        """Write all but images; a field that cannot be written must not keep back the others of its product."""
        left = self._carry_out([_only(one, images=False) for one in batch])
        for number in range(max((len(one.fields) for one in left), default=0)):
            singles = [one for one in left if len(one.fields) > number]
            self._carry_out([replace(one, fields=(one.fields[number],)) for one in singles])

    def _bring_images(self, planned: PlannedFields) -> None:
        """Write the images of one product: they may be large, so no two products share a call.

        Nothing else of it may be under way: until what was written last is read again, nothing is compared.
        """
        if [field.field for field in planned.fields] != [IMAGES] or self._stop.is_set() or not self._side.may_write():
            return
        if not self._awake([planned]):
            return
        images: Mapping[str, Image] | Refused | NotSent | None
        try:
            images = images_for(self._side, planned.fields[0])
        except RateLimited:
            raise
        except SideError as error:
            images = NotSent(str(error))
        if images is not None:
            self._carry_out([planned], images)
            self._alive()

    def plan(self) -> list[PlannedFields]:
        """Compare all that is pending on the side; nothing is sent."""
        with self._side.db.read() as session:
            ids = pending_ids(session, self._side)
        planned: list[PlannedFields] = []
        for start in range(0, len(ids), _CHUNK):
            with self._side.db.write() as session:
                planned += compare(session, self._side, self._hub_id, ids[start : start + _CHUNK])
        return planned

    def _look(self, refs: Sequence[ListingRef]) -> None:
        """Read what is about to be overwritten just before: what a person entered since the last poll is seen then."""
        observer = Observer(self._side, self._run, began_seq=0)
        result = self._side.adapter.fetch(refs)
        with self._side.db.write() as session:
            observer.apply_fields(session, result.listings)

    def _lists_nothing(self) -> bool:
        """Whether this side listed nothing though it had products: it is broken, and nothing is written there."""
        with self._side.db.read() as session:
            return bool(open_subjects(session, "side_empty", self._side.id))

    def _may_go_on(self, planned: Sequence[PlannedFields]) -> bool:
        with self._side.db.read() as session:
            refusal = check_plan_of_fields(session, self._side, planned)
        return may_go_on(
            self._side,
            fields_subject(self._side.name),
            refusal,
            what="no field is written there",
            advice="If not, say in [shops.NAME.products.owner] who owns which field; stock is synced meanwhile.",
        )

    def _carry_out(
        self, planned: Sequence[PlannedFields], images: Mapping[str, Image] | Refused | NotSent | None = None
    ) -> list[PlannedFields]:
        """Send one call and record its outcome; returns products whose fields are to be tried one by one.

        ``images`` go with it; if they cannot be had, it counts as refused, or as not sent.
        """
        intended = self._intend([one for one in planned if one.fields])
        if not intended:
            return []
        results: Sequence[FieldsResult]
        failure: SideError | Stopped | None = None
        try:
            if isinstance(images, Refused | NotSent):
                results = [images] * len(intended)
            else:
                results = self._side.adapter.write_fields([_write(one, images) for one, _ in intended])
        except (OutcomeUnknown, InvalidResponse) as error:
            results, failure = [Unknown(f"{error.request}: {error.detail}")] * len(intended), error
        except (SideError, Stopped) as error:
            results, failure = [NotSent(str(error))] * len(intended), error
        alone = len(intended) == 1 and _may_be_its_own(failure, intended[0][0])
        with self._side.db.write() as session:
            for (one, write_ids), result in zip(intended, results, strict=True):
                record(session, self._side, self._run, one, write_ids, result)
            if failure is None or alone:
                self._note(session, [(one, result) for (one, _), result in zip(intended, results, strict=True)])
        if failure is not None and not alone:
            raise failure
        pairs = zip(intended, results, strict=True)
        return [one for (one, _), result in pairs if isinstance(result, Refused | NotSent) and len(one.fields) > 1]

    def _note(self, session: Session, results: Sequence[tuple[PlannedFields, FieldsResult]]) -> None:
        """Have rest what could not be sent for a reason of its own, not because another one of the call got lost."""
        in_doubt = any(isinstance(result, Unknown) for _, result in results)
        for one, result in results:
            match result:
                case NotSent(reason=reason) if len(one.fields) == 1 and not in_doubt:
                    self._rests.failed(session, one, reason)
                case Unknown(reason=reason) if _is_doubtful(one):
                    self._rests.failed(session, one, reason)
                case Written():
                    self._rests.answered(one, written=True)
                case Refused() if len(one.fields) == 1:
                    self._rests.answered(one, written=False)

    def _intend(self, planned: Sequence[PlannedFields]) -> list[tuple[PlannedFields, list[int]]]:
        """Commit what is about to be sent; what is planned differently by now stays pending."""
        side = self._side
        guarded = {one.listing_id: {(field.field, field.wants) for field in one.fields} for one in planned}
        intended: list[tuple[PlannedFields, list[int]]] = []
        with side.db.write(sends=True) as session:
            for one in compare(session, side, self._hub_id, list(guarded)):
                fields = tuple(field for field in one.fields if (field.field, field.wants) in guarded[one.listing_id])
                if fields:
                    sure = replace(one, fields=fields)
                    intended.append((sure, [row.id for row in intend(session, side, self._run, sure)]))
        return intended


def _calls(planned: Sequence[PlannedFields], size: int) -> list[Sequence[PlannedFields]]:
    """In groups for one call each. What got no answer the last time goes alone, at the end.

    A shop may break down over one product of a batch, and answer for none of it: the others must not wait for that one.
    """
    sure = [one for one in planned if not _is_doubtful(one)]
    alone = [one for one in planned if _is_doubtful(one)]
    return [*(sure[at : at + size] for at in range(0, len(sure), size)), *([one] for one in alone)]


def _is_doubtful(planned: PlannedFields) -> bool:
    return any(field.past.unsure is field.verdict.to for field in planned.fields)


def _may_be_its_own(failure: SideError | Stopped | None, planned: PlannedFields) -> bool:
    """Whether a call for one product alone may have failed because of that product, and not of the side."""
    if isinstance(failure, OutcomeUnknown):
        return _is_doubtful(planned)
    return isinstance(failure, Transient) and not isinstance(failure, RateLimited)


def _only(planned: PlannedFields, *, images: bool) -> PlannedFields:
    """Of what is planned for a product its images alone, or everything else."""
    return replace(planned, fields=tuple(field for field in planned.fields if (field.field == IMAGES) == images))


def _write(planned: PlannedFields, images: Mapping[str, Image] | None) -> FieldsWrite:
    return FieldsWrite(planned.ref, {field.field: field.wants for field in planned.fields}, images or {})
