"""Fields that could not be sent now: they rest for growing times, and a person is told of those that go on failing.

A field that needs something of its own (a category that must be made first, an image that must be brought) may fail
while all others can be written. It rests by itself: its product's other fields and other products go on. If it failed
for several products one after the other, it is no product's fault: then it rests for the whole side, and is tried with
one call at a time. What is remembered ends with the process; after a restart everything is tried once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.service.beside import FIELDS
from syncd.service.findings import Found, close_finding, open_finding
from syncd.state.models import Finding, Listing
from syncd.state.product_models import FieldWrite

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy.orm import Session

    from syncd.service.field_plan import PlannedField, PlannedFields
    from syncd.service.side import SideContext

_LONGEST = timedelta(minutes=30)
_TOLD_AFTER = 3
"""Tries in a row that fail before a person is told."""
_NO_PRODUCTS_FAULT = 3
"""Products in a row for which a field failed."""
_ADVICE = (
    "Look at that side; the message names what it was asked. It is tried again with growing pauses, half an hour at "
    "most, and at once by `syncd sync --full` or a restart. Other fields, other products and stock go on."
)

_Key = tuple[int, str]


@dataclass(slots=True)
class _Rest:
    """One field of one listing.

    Attributes:
        value: What was to be written.
        label: The product, for people.
        words: Why it could not be.
        pauses: How often it rested since it last went well, or since the process began.
        tries: Passes in a row that could not write it, also those before a restart.
        until: When it is tried again.
    """

    value: str
    label: str
    words: str
    pauses: int
    tries: int
    until: datetime


@dataclass(slots=True)
class _Trouble:
    """One field of a side: listings for which it failed since it last went well, and how often it was tried since."""

    listings: set[int] = field(default_factory=set)
    tries: int = 0
    until: datetime | None = None


@dataclass(slots=True)
class FieldRests:
    """What rests on one side.

    Attributes:
        side: The side that is written to.
        waiting: Listings of which nothing but resting fields is to be written, as of the last pass.
    """

    side: SideContext
    waiting: frozenset[int] = frozenset()
    _rests: dict[_Key, _Rest] = field(default_factory=dict)
    _troubles: dict[str, _Trouble] = field(default_factory=dict)

    def clear(self) -> None:
        """Everything may be tried at once."""
        self._rests.clear()
        self._troubles.clear()
        self.waiting = frozenset()

    def begin(self, planned: Sequence[PlannedFields], pending: AbstractSet[int]) -> None:
        """A pass begins: forget what is not to be written any more, and what is to be written otherwise.

        Args:
            planned: What the pass would write.
            pending: Listings whose fields wait, also those that cannot be compared right now.
        """
        wanted = {(one.listing_id, each.field): each.wants for one in planned for each in one.fields}
        compared = {one.listing_id for one in planned}
        self._rests = {
            key: rest
            for key, rest in self._rests.items()
            if wanted.get(key) == rest.value or (key not in wanted and key[0] in pending - compared)
        }

    def end(self, planned: Sequence[PlannedFields]) -> None:
        """A pass ended: note whose fields all rest, so that nobody is woken for them."""
        self.waiting = frozenset(one.listing_id for one in planned if not self.awake(one).fields)

    def awake(self, one: PlannedFields) -> PlannedFields:
        """Of what is planned for a listing what does not rest now."""
        return replace(one, fields=tuple(each for each in one.fields if not self._sleeps(one.listing_id, each.field)))

    def failed(self, session: Session, one: PlannedFields, words: str) -> None:
        """The fields of a write could not be sent, or got no answer once more."""
        for each in one.fields:
            self._failed(session, one, each, words)

    def _failed(self, session: Session, one: PlannedFields, planned: PlannedField, words: str) -> None:
        key, now = (one.listing_id, planned.field), self.side.now()
        before = self._rests.get(key)
        pauses = before.pauses + 1 if before else 1
        tries = before.tries + 1 if before else _passes_in_a_row(session, one.listing_id, planned)
        self._rests[key] = _Rest(planned.wants, one.label, words, pauses, tries, now + self._pause(pauses))
        trouble = self._troubles.setdefault(planned.field, _Trouble())
        trouble.listings.add(one.listing_id)
        if len(trouble.listings) >= _NO_PRODUCTS_FAULT and (trouble.until is None or trouble.until <= now):
            trouble.tries += 1
            trouble.until = now + self._pause(trouble.tries)

    def answered(self, one: PlannedFields, *, written: bool) -> None:
        """The side said what became of a write; if it was written, whatever its fields need can be had again."""
        soon = self.side.now() + self.side.in_doubt
        for each in one.fields:
            self._rests.pop((one.listing_id, each.field), None)
            if written and self._troubles.pop(each.field, None) is not None:
                for (_, name), rest in self._rests.items():
                    rest.until = min(rest.until, soon) if name == each.field else rest.until

    def tell(self) -> None:
        """Open or close the findings; after a pass that tried all that did not rest."""
        told: dict[str, list[_Rest]] = {}
        for (_, name), rest in self._rests.items():
            if rest.tries >= _TOLD_AFTER:
                told.setdefault(name, []).append(rest)
        prefix = f"{self.side.name} "
        query = select(Finding.subject).where(
            Finding.kind == FIELDS, Finding.closed_at.is_(None), Finding.subject.startswith(prefix, autoescape=True)
        )
        with self.side.db.read() as session:
            over = [each for each in session.scalars(query) if each.removeprefix(prefix) not in told]
        if not (told or over):
            return
        with self.side.db.write() as session:
            for name, rests in told.items():
                open_finding(session, _found(self.side, name, rests), self.side.now())
            for subject in over:
                close_finding(session, FIELDS, subject, self.side.now())

    def _sleeps(self, listing_id: int, name: str) -> bool:
        rest, trouble = self._rests.get((listing_id, name)), self._troubles.get(name)
        return self._is_ahead(rest.until if rest else None) or self._is_ahead(trouble.until if trouble else None)

    def _is_ahead(self, until: datetime | None) -> bool:
        """Whether a moment is still to come; one beyond every pause is left from a clock that was set back."""
        now = self.side.now()
        return until is not None and now < until <= now + max(_LONGEST, self.side.in_doubt)

    def _pause(self, tries: int) -> timedelta:
        doubled: timedelta = self.side.in_doubt * 2 ** min(tries - 1, 10)
        return min(doubled, max(_LONGEST, self.side.in_doubt))


def _passes_in_a_row(session: Session, listing_id: int, planned: PlannedField) -> int:
    """How many passes could not send the same value, up to ``_TOLD_AFTER``; one of them may have tried twice."""
    same = FieldWrite.field == planned.field, FieldWrite.value == planned.wants
    query = select(FieldWrite.run_id, FieldWrite.state).where(FieldWrite.listing_id == listing_id, *same)
    runs: set[int] = set()
    for run_id, state in session.execute(query.order_by(FieldWrite.id.desc()).limit(2 * _TOLD_AFTER)):
        if state not in {"cancelled", "unknown"}:
            break
        runs.add(run_id)
    return len(runs)


def _found(side: SideContext, name: str, rests: Sequence[_Rest]) -> Found:
    last = max(rests, key=lambda rest: rest.until)
    more = f" and {len(rests) - 1} more" if len(rests) > 1 else ""
    return Found(
        kind="fields_not_written",
        subject=f"{side.name} {name}",
        side_id=side.id,
        message=f"{side.name}: {name} of {last.label}{more} cannot be written: {last.words}",
        advice=_ADVICE,
    )


def pending_listings(session: Session, side: SideContext) -> set[int]:
    """Listings of a side whose fields wait to be compared, now or later."""
    return set(session.scalars(select(Listing.id).where(Listing.side_id == side.id, Listing.fields_pending)))
