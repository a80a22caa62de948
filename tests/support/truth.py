"""What really happened on all sides, and whether syncd's database agrees with it at any moment.

The central identity holds between any two steps, not only at rest: what syncd counts (``on_hand``), plus what it has
not read yet on each side, is what really happened. Unread is what a side holds beyond its shadow, less an unresolved
write that took effect, and what a side swallowed and nobody found yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.core.model import ZERO, Quantity
from syncd.state.models import Item, Listing, Operation, Side, is_open
from tests.support.swallowed import Swallowed, could_be_mistaken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from syncd.adapters.memory import MemoryWorld
    from syncd.state.engine import Database
    from tests.support.engine import Clock
    from tests.support.sides import Kind
    from tests.support.swallowed import Key

Units = tuple[Quantity, ...]

_NEAR = timedelta(seconds=10)
_ROWS = (
    select(
        Side.name, Listing.external_id, Listing.item_id, Item.on_hand, Listing.shadow, Listing.shadow_at,
        Listing.pending, Operation,
    )
    .join(Side, Side.id == Listing.side_id)
    .outerjoin(Item, Item.id == Listing.item_id)
    .outerjoin(Operation, (Operation.listing_id == Listing.id) & is_open())
)  # fmt: skip


@dataclass(frozen=True)
class Happening:
    """One real change on a side; ``document``: ``order``, ``undone`` (an order was cancelled) or empty for none."""

    units: Quantity
    document: str
    at: datetime


@dataclass(frozen=True)
class Row:
    """A listing as the database has it, with its unresolved operation."""

    key: Key
    item: int | None
    on_hand: Quantity | None
    shadow: Quantity | None
    shadow_at: datetime | None
    pending: bool
    operation: Operation | None


@dataclass
class Truth:
    """The books of somebody who sees everything.

    Attributes:
        totals: By item id, what its quantity is once everything is read.
        happened: By listing, everything that happened to it.
        lagged: Sides that had a replica behind their pages since everything was last at rest.
        accounted: By listing, when the database was first seen to know each of these; the rest it does not know.
    """

    db: Database
    clock: Clock
    worlds: dict[str, MemoryWorld]
    kinds: Mapping[str, Kind]
    hub: str
    lagged: set[str] = field(default_factory=set)
    swallowed: Swallowed = field(init=False)
    totals: dict[int, Quantity] = field(default_factory=dict)
    happened: dict[Key, list[Happening]] = field(default_factory=dict)
    accounted: dict[Key, list[datetime]] = field(default_factory=dict)
    linked: dict[Key, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.swallowed = Swallowed(self.worlds)

    def rows(self) -> list[Row]:
        """Listings that still exist on their side."""
        with self.db.read() as session:
            if self.swallowed.units:
                self.swallowed.look(session)
            return [
                Row((side, external_id), item, on_hand, shadow, shadow_at, pending, operation)
                for side, external_id, item, on_hand, shadow, shadow_at, pending, operation in session.execute(_ROWS)
                if external_id in self.worlds[side].things
            ]

    def look(self) -> dict[Key, Row]:
        """Compare the database with what happened; to be called before anything happens and after every step."""
        rows = {row.key: row for row in self.rows()}
        self._take_links(rows)
        for row in rows.values():
            if row.shadow is not None:
                self._check_prefix(row)
        for item, total in self.totals.items():
            mine = [row for row in rows.values() if row.item == item]
            assert mine, f"item {item} has no listing any more, though its product exists at the till"
            unread = {row.key: self.unread(row) + self.swallowed.missing(row.key) for row in mine}
            on_hand = mine[0].on_hand or ZERO
            assert on_hand + sum(unread.values()) == total, (
                f"conservation: item {item} has {on_hand} on hand, not read yet {unread}, but really {total}"
            )
        return rows

    def unread(self, row: Row) -> Quantity:
        """What happened on the side and is in nobody's books yet."""
        side, external_id = row.key
        world = self.worlds[side]
        unread = world.quantity(external_id) - (row.shadow or ZERO)
        if row.operation is not None and any(write.operation_id == row.operation.uid for write in world.writes):
            unread -= row.operation.difference
        return unread

    def _take_links(self, rows: dict[Key, Row]) -> None:
        """A new item begins with what its hub listing really holds; a linked listing brings what is unread there."""
        now = {key: row.item for key, row in rows.items() if row.item is not None}
        for key, item in self.linked.items():
            if key in rows and item in self.totals:
                assert now.get(key) == item, f"{key} lost its link though both products exist"
        for key in sorted(now, key=lambda key: key[0] != self.hub):
            item = now[key]
            if self.linked.get(key) == item:
                continue
            if key[0] == self.hub:
                self.totals[item] = self.worlds[self.hub].quantity(key[1])
            elif item in self.totals:
                self.totals[item] += self.unread(rows[key])
        self.linked = now

    def _check_prefix(self, row: Row) -> None:
        """The books hold what happened on a side up to some moment that never goes back, and nothing else.

        A replica shows older moments, from before our own writes too; what it brought is put right by later readings.
        """
        if row.key[0] in self.lagged:
            return
        happened = self.happened.get(row.key, [])
        unread = self.unread(row)
        seen = self.accounted.setdefault(row.key, [])
        for known in range(len(seen), len(happened) + 1):
            if sum((each.units for each in happened[known:]), ZERO) == unread:
                seen += [self.clock()] * (known - len(seen))
                return
        late = happened[len(seen) :]
        raise AssertionError(f"invented: {row.key} shadow {row.shadow} leaves {unread} unread, but it was {late}")

    def happen(self, key: Key, units: Quantity, document: str) -> None:
        """Note one real change, after ``look`` and together with the change itself."""
        self.happened.setdefault(key, []).append(Happening(units, document, self.clock()))
        item = self.linked.get(key)
        if item in self.totals:
            self.totals[item] += units

    def lose_document(self, key: Key, units: Quantity) -> None:
        """The document of the latest such order will not say any more what happened."""
        happened = self.happened.get(key, [])
        for number, each in reversed(list(enumerate(happened))):
            if (each.document, each.units) == ("order", units):
                happened[number] = replace(each, document="")
                return

    def swallow(self, key: Key, units: Quantity) -> None:
        """Note a real change that its side overwrites at the same moment; only of listings that are counted."""
        self.swallowed.units.setdefault(key, []).append(units)
        self.totals[self.linked[key]] += units

    def counts(self, key: Key) -> bool:
        """Whether what happens to a listing counts for an item."""
        return self.linked.get(key) in self.totals

    def vanish(self, key: Key) -> None:
        """A listing is about to be deleted: what was not read never will be; a hub listing takes its item along."""
        row = self.look().get(key)
        if row is None or row.item not in self.totals:
            return
        if key[0] == self.hub:
            del self.totals[row.item]
        else:
            self.totals[row.item] -= self.unread(row)

    def undocumented(self, key: Key) -> Quantity:
        """Net units that happened unseen and without a document."""
        return sum((each.units for each in self._unread_happenings(key) if not self._has_document(key, each)), ZERO)

    def _unread_happenings(self, key: Key) -> list[Happening]:
        return self.happened.get(key, [])[len(self.accounted.get(key, [])) :]

    def _has_document(self, key: Key, each: Happening) -> bool:
        return self.kinds[key[0]].capabilities.events and bool(each.document)

    def blurs(self, key: Key, *, edits: Units = (), documents: Units = (), swallowed: bool = False) -> bool:
        """Whether nobody could tell any more which documents of a listing its side swallowed, if this happened now.

        A swallowed order beside an edit by hand looks like a counted one beside another edit. And where some documents
        and some edits balance each other, the documents look swallowed.
        """
        if not self.kinds[key[0]].swallows:
            return False
        with self.db.read() as session:
            case = self.swallowed.case(session, key, self.clock())
        if swallowed and case.just_linked:
            return True
        edits += self._edits_since(key, case.since)
        if edits and (swallowed or self.swallowed.missing(key)):
            return True
        return could_be_mistaken(case.documents + documents, edits)

    def _edits_since(self, key: Key, since: datetime) -> Units:
        seen = self.accounted.get(key, [])
        return tuple(
            each.units
            for number, each in enumerate(self.happened.get(key, []))
            if not self._has_document(key, each) and (number >= len(seen) or seen[number] >= since)
        )

    def confusable(self, row: Row, *, more: Quantity = ZERO, difference: Quantity | None = None) -> bool:
        """Whether unseen changes without a document could pass for our write: nobody could tell (design 3, rule 4)."""
        if self.kinds[row.key[0]].capabilities.marker:
            return False
        if difference is None:
            if row.operation is None:
                return False
            difference = row.operation.difference
        unseen = self.undocumented(row.key) + more
        shifts = _differences(each.units for each in self._documents_near(row))
        return bool(unseen) and any(unseen + shift in (difference, -difference) for shift in shifts)

    def _documents_near(self, row: Row) -> list[Happening]:
        """Documents of which clocks cannot tell whether they were before or after the shadow's reading, or a look."""
        if row.shadow_at is None:
            return []
        moments = (row.shadow_at, self.clock())
        return [
            each
            for each in self.happened.get(row.key, [])
            if self._has_document(row.key, each) and any(abs(each.at - moment) <= _NEAR for moment in moments)
        ]

    def unclear(self, row: Row) -> str:
        """Why the side's numbers cannot tell whether the row's unresolved write took effect; empty if they can."""
        if self.kinds[row.key[0]].capabilities.marker:
            return ""
        if self.undocumented(row.key):
            return "undocumented"
        if row.shadow_at is None:
            return ""
        if any(each.document == "undone" and each.at >= row.shadow_at - _NEAR for each in self.happened[row.key]):
            return "undone"
        return "near" if self._documents_near(row) else ""


def _differences(units: Iterable[Quantity]) -> set[Quantity]:
    """Everything that some of these units, added or taken away, come to."""
    sums = {ZERO}
    for each in units:
        sums |= {total + each for total in sums} | {total - each for total in sums}
    return sums
