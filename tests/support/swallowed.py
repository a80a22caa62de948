"""Orders that shops swallowed: what is still to be found, and what nobody could tell from an edit by hand.

Where a write is not atomic, an order that lands inside it leaves a document and no trace in the quantity. Whoever sees
only readings and documents compares their sums. That tells as long as nothing without a document happened beside them;
so histories keep edits by hand away from the few documents that they could be mistaken for, and from nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.model import ZERO, Quantity
from syncd.core.settle import subset_sums
from syncd.state.models import Listing, Movement, Operation, Run, Side, StockEventRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from syncd.adapters.memory import MemoryWorld

Key = tuple[str, str]
"""Side and external id."""

_NEAR = timedelta(seconds=10)
_CLOCKS = timedelta(seconds=3)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """What is weighed together on one listing: documents that a write of ours may hold, and since when movements.

    ``just_linked``: a document of now may as well be older than the first reading, which then holds it.
    """

    documents: tuple[Quantity, ...]
    since: datetime
    just_linked: bool


@dataclass
class Swallowed:
    """The books of what shops swallowed.

    Attributes:
        units: By listing, signed units of every document that was swallowed there.
        found: By listing, what the ledger found of it.
    """

    worlds: dict[str, MemoryWorld]
    units: dict[Key, list[Quantity]] = field(default_factory=dict)
    found: dict[Key, Quantity] = field(default_factory=dict)

    def missing(self, key: Key) -> Quantity:
        """Net units that were swallowed and that the ledger has not found yet."""
        return sum(self.units.get(key, []), ZERO) - self.found.get(key, ZERO)

    def look(self, session: Session) -> None:
        """Read what was found; it must be some of what was swallowed, and never anything else."""
        query = (
            select(Side.name, Listing.external_id, Movement.quantity)
            .join(Listing, Listing.id == Movement.listing_id)
            .join(Side, Side.id == Listing.side_id)
            .where(Movement.cause == "lost_update")
        )
        found: defaultdict[Key, Quantity] = defaultdict(lambda: ZERO)
        for side, external_id, quantity in session.execute(query):
            found[side, external_id] += quantity
        for key, total in found.items():
            swallowed = self.units.get(key, [])
            assert total in subset_sums(tuple(swallowed)), (
                f"invented: {key} is said to have lost {total} of {swallowed}"
            )
        self.found = dict(found)

    def case(self, session: Session, key: Key, now: datetime) -> Case:
        """What the next comparison of documents with movements will look at."""
        side_id, listing_id = self._ids(session, key)
        rows = session.scalars(
            select(StockEventRow).where(StockEventRow.side_id == side_id, StockEventRow.external_id == key[1])
        ).all()
        known: defaultdict[str, Quantity] = defaultdict(lambda: ZERO)
        for row in rows:
            known[row.document] += row.quantity
        is_open = [row for row in rows if row.quantity != row.explained]
        news = [
            event.quantity - known[event.key]
            for event in self.worlds[key[0]].documents()
            if event.ref.external_id == key[1] and event.quantity != known[event.key]
        ]
        writes = self._writes(session, listing_id, now)
        near = [
            row.quantity - row.explained
            for row in is_open
            if row.occurred_at >= now - _NEAR
            or any(row.began_at <= end + _NEAR and row.occurred_at >= start - _NEAR for start, end in writes)
        ]
        looks = [_last_look(session, side_id, min((row.run_id or 0 for row in is_open), default=None))]
        looks += [row.began_at for row in is_open]
        linked_at = session.scalar(select(Listing.linked_at).where(Listing.id == listing_id))
        return Case((*near, *news), min(looks), linked_at is not None and linked_at >= now - _CLOCKS)

    @staticmethod
    def _ids(session: Session, key: Key) -> tuple[int, int | None]:
        side_id = session.scalars(select(Side.id).where(Side.name == key[0])).one()
        query = select(Listing.id).where(Listing.side_id == side_id, Listing.external_id == key[1])
        return side_id, session.scalar(query)

    @staticmethod
    def _writes(session: Session, listing_id: int | None, now: datetime) -> list[tuple[datetime, datetime]]:
        query = select(Operation.sent_at, Operation.settled_at).where(Operation.listing_id == listing_id)
        return [(sent, settled or now) for sent, settled in session.execute(query) if sent is not None]


def _last_look(session: Session, side_id: int, before_run: int | None) -> datetime:
    """When the last complete read (before a run) began: what it showed may belong to documents that came later."""
    query = select(Run.started_at).where(Run.side_id == side_id, Run.kind.in_(("poll", "full")), Run.result == "ok")
    if before_run is not None:
        query = query.where(Run.id < before_run)
    return session.scalar(query.order_by(Run.started_at.desc()).limit(1)) or _NEVER


def could_be_mistaken(documents: tuple[Quantity, ...], edits: tuple[Quantity, ...]) -> bool:
    """Whether some documents and some edits by hand balance each other."""
    by_documents = _nonempty_sums(documents)
    return any(-total in by_documents for total in _nonempty_sums(edits))


def _nonempty_sums(units: tuple[Quantity, ...]) -> set[Quantity]:
    sums: set[Quantity] = set()
    for each in units:
        sums |= {total + each for total in sums} | {each}
    return sums
