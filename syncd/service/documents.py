"""What a side's documents say about listings with an unresolved write: which of them its shadow does not contain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from syncd.core.model import ZERO, Quantity
from syncd.core.settle import MOST_UNSURE, subset_sums
from syncd.service.evidence import store_events
from syncd.state.models import Movement, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from syncd.core.model import StockEvent
    from syncd.service.doubt import Case, Look
    from syncd.service.runs import RunLog
    from syncd.service.side import SideContext

_LOOK_BACK = timedelta(minutes=15)
"""How far back documents and movements are compared."""

_CLOSE = timedelta(seconds=3)
"""Moments this close cannot be told apart: clocks of two systems, one of them in whole seconds."""


@dataclass(frozen=True, slots=True)
class Documents:
    """What a side's orders and returns say about one listing that its shadow does not say yet.

    Attributes:
        moved: Units of those that are certainly not in the shadow; ``None`` if the side has no documents.
        unsure: Units of those that may or may not be in it.
        looks: Earlier looks at the side that can be used.
        between: For each step from look to look, the first from the shadow and the last up to now: units that moved,
            and units that may have. The last step is missing if a look tells already how it ended.
        swallowable: Units, part of ``moved``, that our own write may have swallowed if it was applied.
    """

    moved: Quantity | None = None
    unsure: tuple[Quantity, ...] = ()
    looks: tuple[Look, ...] = ()
    between: tuple[tuple[Quantity, tuple[Quantity, ...]], ...] = ()
    swallowable: tuple[Quantity, ...] = ()


def read_documents(side: SideContext, cases: Sequence[Case], run: RunLog) -> dict[int, Documents]:
    """Documents per operation, on sides that carry no markers."""
    capabilities = side.adapter.capabilities
    if capabilities.marker:
        return {case.operation_id: Documents() for case in cases}
    events: list[StockEvent] = []
    if capabilities.events:
        with side.db.read() as session:
            since = min(_documents_since(session, side, case) for case in cases)
        events = side.adapter.read_events(since)
    if events:
        with side.db.write() as session:
            store_events(session, side, events, run)
    listed = _Listed(side)
    # The latest moments first: what is listed since one of them is listed since all earlier ones.
    latest = sorted(cases, key=lambda case: case.looks[-1].began if case.looks else case.sent_at, reverse=True)
    return {case.operation_id: _weigh(side, case, events, listed) for case in latest}


def _documents_since(session: Session, side: SideContext, case: Case) -> datetime:
    """Since when documents may be missing in the shadow: a side that was away for hours may be written to unread."""
    known_from, _ = _known_as_of(session, side, case)
    return min(case.sent_at - _LOOK_BACK, known_from - _CLOSE)


class _Listed:
    """Which documents a side lists since a moment: those of later moments are among those of earlier ones.

    So one answer serves many moments. A till is asked channel by channel; asked for each write in doubt by itself, it
    would spend all that its rate limit allows on this.
    """

    def __init__(self, side: SideContext) -> None:
        self._side = side
        self._answers: dict[datetime, frozenset[str]] = {}

    def since(self, moment: datetime, key: str) -> bool:
        """Whether the document is listed as changed since then."""
        for asked, keys in self._answers.items():
            if asked >= moment and key in keys:
                return True
            if asked <= moment and key not in keys:
                return False
        keys = frozenset(event.key for event in self._side.adapter.read_events(moment))
        self._answers[moment] = keys
        return key in keys


@dataclass(frozen=True, slots=True)
class _Effect:
    """Units that a document moved, at some moment between two; the same moment twice if the side says when."""

    units: Quantity
    earliest: datetime
    latest: datetime
    key: str

    @property
    def is_dated(self) -> bool:
        """Whether the side said when."""
        return self.earliest == self.latest


def _effects(event: StockEvent) -> list[_Effect]:
    """What a document moved: nothing, one thing, or, if it was undone, first this and then the opposite."""
    began = event.began_at or event.occurred_at
    if event.undone:
        there, back = -event.undone, event.undone
        return [_Effect(there, began, began, event.key), _Effect(back, began, event.occurred_at, event.key)]
    return [_Effect(event.quantity, began, event.occurred_at, event.key)] if event.quantity else []


def _weigh(side: SideContext, case: Case, events: Sequence[StockEvent], listed: _Listed) -> Documents:
    """Count the documents that the shadow does not contain.

    Those of before the side was seen to hold it are in it, those of after are not, those close to it may be. Where they
    may be, a calm pass can tell: from a pass that read the side while nothing happened to this listing, documents and
    movements run side by side, and what the documents moved since then, less what the ledger recorded since then, is
    what the shadow lacks. But the ledger also records what has no document (receipts, stock-takes), so its word counts
    only where it is one of the possible ones.
    """
    mine = [effect for event in events if event.ref.external_id == case.ref.external_id for effect in _effects(event)]
    with side.db.read() as session:
        read_from, read_until = _known_as_of(session, side, case)
    shadow = _Moment(read_from - _CLOSE, read_until + _CLOSE)
    looks, between = _follow(side, case, shadow, mine, listed)
    if not side.adapter.capabilities.events:
        return Documents(looks=looks, between=between)
    moved, unsure = _beside_shadow(listed, shadow, mine)
    if unsure and all(effect.is_dated for effect in mine):
        with side.db.read() as session:
            counted = _count_from_calm(session, side, case, mine)
        if counted in {moved + extra for extra in subset_sums(unsure[:MOST_UNSURE])}:
            moved, unsure = counted, ()
    return Documents(moved, unsure, looks, between, _swallowable(side, case, mine))


@dataclass(frozen=True, slots=True)
class _Moment:
    """A time within which a side was looked at; what happened inside may or may not have been seen."""

    begins: datetime
    ends: datetime

    def comes_before(self, effect: _Effect) -> bool | None:
        """Whether the effect came after the look; ``None`` if that cannot be told."""
        if effect.earliest > self.ends:
            return True
        return False if effect.latest < self.begins else None


def _follow(
    side: SideContext, case: Case, shadow: _Moment, effects: Sequence[_Effect], listed: _Listed
) -> tuple[tuple[Look, ...], tuple[tuple[Quantity, tuple[Quantity, ...]], ...]]:
    """Sort documents by the looks that were taken during the doubt.

    A look may show a cache: it shows the side at some moment of the last ``settle`` before it, and is of no use if that
    may be before the shadow. The first look after the request must have been over is the last that is needed: documents
    that have no moment of their own and are listed since then came later, and blur nothing.
    """
    usable = [look for look in case.looks if look.began - side.settle >= case.shadow_at]
    over = case.doubt.since + side.in_doubt
    last = next((number for number, look in enumerate(usable, 1) if look.began - side.settle >= over), None)
    looks = tuple(usable[:last])
    if not looks:
        return (), ()
    moments = [shadow, *(_Moment(look.began - side.settle - _CLOSE, look.ended + _CLOSE) for look in looks)]
    if last is not None:
        end = moments[-1].ends
        effects = [each for each in effects if not (each.earliest <= end < each.latest and listed.since(end, each.key))]
    between = [_between(effects, earlier, later) for earlier, later in pairwise(moments)]
    if last is None:
        between.append(_between(effects, moments[-1], None))
    return looks, tuple(between)


def _between(
    effects: Sequence[_Effect], earlier: _Moment, later: _Moment | None
) -> tuple[Quantity, tuple[Quantity, ...]]:
    moved, unsure = ZERO, []
    for effect in effects:
        since = earlier.comes_before(effect)
        missed = later.comes_before(effect) if later is not None else False
        if since is False or missed is True:
            continue
        if since is True and missed is False:
            moved += effect.units
        else:
            unsure.append(effect.units)
    return moved, tuple(unsure)


def _swallowable(side: SideContext, case: Case, effects: Sequence[_Effect]) -> tuple[Quantity, ...]:
    """Documents that came while the side may have been at work on our write, where that can swallow them."""
    if side.adapter.capabilities.atomic:
        return ()
    begins, ends = case.intended_at - _CLOSE, case.doubt.since + side.in_doubt + _CLOSE
    return tuple(effect.units for effect in effects if effect.latest >= begins and effect.earliest <= ends)


def _known_as_of(session: Session, side: SideContext, case: Case) -> tuple[datetime, datetime]:
    """Between which moments the side was last seen to hold the shadow.

    That is when it was set, or a later complete pass that had nothing to say against it; the pass that sent the write
    had read the side before.
    """
    # A run that only wrote down a person's word (kind "sync") read nothing.
    passes = Run.side_id == side.id, Run.kind != "sync"
    set_by = select(func.max(Run.started_at)).where(*passes, Run.started_at <= case.shadow_at)
    looks = [(session.scalar(set_by) or case.shadow_at, case.shadow_at)]
    if case.held:
        return looks[0]  # a later reading said something else and did not count
    reading = select(Run).where(Run.side_id == side.id, Run.kind.in_(("poll", "full")))
    ended = reading.where(Run.result == "ok", Run.started_at >= case.shadow_at, Run.finished_at <= case.intended_at)
    last = session.scalars(ended.order_by(Run.started_at.desc()).limit(1)).one_or_none()
    if last is not None:
        looks.append((last.started_at, last.finished_at or case.intended_at))
    sender = session.scalars(reading.where(Run.id == case.run_id)).one_or_none()
    if sender is not None:
        looks.append((sender.started_at, case.intended_at))
    return max(looks)


def _beside_shadow(
    listed: _Listed, shadow: _Moment, effects: Sequence[_Effect]
) -> tuple[Quantity, tuple[Quantity, ...]]:
    """Sort documents by the moment of the shadow's reading; where a document has no moment, the side's filter tells."""
    begins, ends = shadow.begins, shadow.ends
    vague = [effect for effect in effects if effect.earliest < begins and effect.latest >= begins]
    vague += [effect for effect in effects if begins <= effect.earliest <= ends < effect.latest]
    after, unsure = ZERO, []
    for effect in effects:
        is_vague = effect in vague
        is_before = not listed.since(begins, effect.key) if is_vague else effect.latest < begins
        if is_before:
            continue
        if listed.since(ends, effect.key) if is_vague else effect.earliest > ends:
            after += effect.units
        else:
            unsure.append(effect.units)
    return after, tuple(unsure)


def _count_from_calm(session: Session, side: SideContext, case: Case, effects: Sequence[_Effect]) -> Quantity | None:
    query = select(Movement.run_id, Movement.quantity).where(
        Movement.item_id == case.item_id,
        Movement.listing_id == case.listing_id,
        Movement.recorded_at >= case.sent_at - _LOOK_BACK,
    )
    movements = [(run_id or 0, quantity) for run_id, quantity in session.execute(query)]
    calm = _calm_run(session, side, case, effects, {run_id for run_id, _ in movements})
    if calm is None:
        return None
    documented = sum((effect.units for effect in effects if effect.earliest > calm.started_at), ZERO)
    recorded = sum((quantity for run_id, quantity in movements if run_id > calm.id), ZERO)
    return documented - recorded


def _calm_run(
    session: Session, side: SideContext, case: Case, effects: Sequence[_Effect], moving: set[int]
) -> Run | None:
    """The latest complete pass before the doubt that moved nothing of this listing, with no document close to it."""
    query = (
        select(Run)
        .where(
            Run.side_id == side.id,
            Run.started_at.between(case.sent_at - _LOOK_BACK + _CLOSE, case.sent_at),
            Run.kind.in_(("poll", "full")),
            Run.result == "ok",
        )
        .order_by(Run.started_at.desc())
    )
    for run in session.scalars(query):
        until = (run.finished_at or run.started_at) + _CLOSE
        close = any(run.started_at - _CLOSE <= effect.earliest <= until for effect in effects)
        if not close and run.id not in moving and run.id >= case.first_run:
            return run
    return None
