"""A side in memory: its world (what really is there) and the adapter that looks at it.

The world keeps true history, so that tests can compare what happened with what syncd believes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from syncd.adapters.base import AdapterContext, AdapterFactory, Capabilities, CheckLine, CheckReport
from syncd.core.model import (
    ZERO,
    Applied,
    ChangePage,
    EventKind,
    FetchResult,
    GoneListing,
    ListingRef,
    Proof,
    Quantity,
    Refused,
    RemoteListing,
    StockEvent,
    StockMode,
    StockWrite,
    Unknown,
    WriteResult,
)
from syncd.errors import AuthRejected, OutcomeUnknown, RateLimited, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncd.core.model import Cursor

_PAGE = 100
_NOTHING_APPLIED = {"refused_connection": Transient, "token_expired": AuthRejected, "rate_limited": RateLimited}


@dataclass(slots=True)
class _Thing:
    listing: RemoteListing
    changed: int


@dataclass(frozen=True, slots=True)
class _View:
    """What pages show: the present, or what a replica knows."""

    tick: int
    things: Mapping[str, _Thing]
    deleted: Mapping[str, int]


@dataclass(slots=True)
class MemoryWorld:
    """What a side really holds. Every change moves its clock by one tick; feeds are ordered by ticks.

    Attributes:
        faults: Taken from the front, one per write call: ``lost_before``, ``lost_after``, ``late`` (lost, and it takes
            effect after ``late_s``), ``half`` (every other write of the call is lost, the first of them without
            effect), ``refused_connection``, ``token_expired``, ``rate_limited`` or ``""`` for none.
        before_effect: Called just before a write takes effect: a sale at the worst moment, or one that is swallowed.
        events: Documents with the tick at which each version appeared.
        stale: Reads show a listing as it was before our last write to it, until ``stale_s`` after it: a cache.
        fresh_by_id: Reads by id show what is there even so.
        lag_s: Pages (not reads by id) show everything as it was so many seconds ago: a replica.
    """

    name: str = "memory"
    tick: int = 0
    things: dict[str, _Thing] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    events: list[tuple[int, StockEvent]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    before_effect: Callable[[StockWrite], None] | None = None
    writes: list[StockWrite] = field(default_factory=list)
    stale: bool = False
    stale_s: float = 10
    fresh_by_id: bool = False
    late_s: float = 30
    lag_s: float = 0
    past: list[tuple[datetime, str, _Thing | int]] = field(default_factory=list)
    late: list[tuple[datetime, StockWrite, bool, bool]] = field(default_factory=list)
    before_write: dict[str, tuple[RemoteListing, datetime]] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def put(self, external_id: str, quantity: Quantity | int | None, **fields: object) -> None:
        """Create or replace a listing."""
        given = {"name": external_id, "sku": external_id, "gtin": None, "stock_mode": StockMode.OWN, **fields}
        parent = given.pop("parent", None)
        listing = RemoteListing(
            ref=ListingRef(external_id, parent),  # type: ignore[arg-type]  # tests give text
            quantity=None if quantity is None else Quantity(quantity),
            **given,  # type: ignore[arg-type]  # tests give the fields of RemoteListing
        )
        with self.lock:
            self._touch(external_id, listing)

    def sell(self, external_id: str, quantity: Quantity | int, *, reference: str | None = None) -> None:
        """Take ``quantity`` out (negative: back in), with a document that says so if ``reference`` is given."""
        with self.lock:
            self._add(external_id, -Quantity(quantity))
            if reference:
                self._document(external_id, -Quantity(quantity), reference)

    def swallow(self, external_id: str, quantity: Quantity | int, *, reference: str) -> None:
        """An order that a write in progress overwrites: its document stays, its effect on stock is gone."""
        with self.lock:
            self.tick += 1
            self._document(external_id, -Quantity(quantity), reference)

    def _document(self, external_id: str, quantity: Quantity, reference: str) -> None:
        at, key = self.now(), f"order:{reference}:{external_id}"
        event = StockEvent(ListingRef(external_id), key, EventKind.ORDER, f"order {reference}", quantity, at, at)
        self.events.append((self.tick, event))

    def document(self, reference: str, external_id: str) -> StockEvent:
        """The latest version of an order's line."""
        key = f"order:{reference}:{external_id}"
        return next(event for _, event in reversed(self.events) if event.key == key)

    def cancel(self, reference: str, external_id: str, *, swallowed: bool = False) -> None:
        """Undo an order: its units are back in stock, its document stays and says zero.

        ``swallowed``: a write in progress overwrites what came back.
        """
        with self.lock:
            event = self.document(reference, external_id)
            self._give_back(external_id, -event.quantity, swallowed=swallowed)
            undone = replace(event, quantity=ZERO, occurred_at=self.now(), undone=-event.quantity)
            self.events.append((self.tick, undone))

    def refund(self, reference: str, external_id: str, quantity: Quantity | int) -> None:
        """Give part of an order back: its document counts less from now on."""
        with self.lock:
            event = self.document(reference, external_id)
            self._give_back(external_id, Quantity(quantity))
            less = replace(event, quantity=event.quantity + Quantity(quantity), occurred_at=self.now())
            self.events.append((self.tick, less))

    def _give_back(self, external_id: str, quantity: Quantity, *, swallowed: bool = False) -> None:
        if swallowed:
            self.tick += 1
        else:
            self._add(external_id, quantity)

    def miss(self, external_id: str) -> None:
        """The feed says nothing of what happened to a listing so far; only a read of everything shows it."""
        with self.lock:
            self.deleted.pop(external_id, None)
            if external_id in self.things:
                self.things[external_id].changed = 0

    def count(self, external_id: str, quantity: Quantity | int) -> None:
        """Set the quantity, as a stock-take does."""
        with self.lock:
            self._add(external_id, Quantity(quantity) - self.quantity(external_id))

    def quantity(self, external_id: str) -> Quantity:
        """What is really there."""
        return self.things[external_id].listing.quantity or ZERO

    def delete(self, external_id: str) -> None:
        """Delete a listing for good."""
        with self.lock:
            del self.things[external_id]
            self.tick += 1
            self.deleted[external_id] = self.tick
            self.past.append((self.now(), external_id, self.tick))

    def shown(self, external_id: str, thing: _Thing | None = None) -> RemoteListing:
        """What a read shows of a listing now."""
        former, since = self.before_write.get(external_id, (None, None))
        if self.stale and former and since and self.now() < since + timedelta(seconds=self.stale_s):
            return former
        return (thing or self.things[external_id]).listing

    def view(self) -> _View:
        """What pages are made from now."""
        if not self.lag_s:
            return _View(self.tick, self.things, self.deleted)
        until = self.now() - timedelta(seconds=self.lag_s)
        things: dict[str, _Thing] = {}
        deleted: dict[str, int] = {}
        tick = 0
        for at, external_id, what in self.past:
            if at > until:
                break
            if isinstance(what, int):
                del things[external_id]
                deleted[external_id] = tick = what
            else:
                things[external_id], tick = what, what.changed
        return _View(tick, things, deleted)

    def documents(self, *, since_tick: int = 0, until_tick: int | None = None) -> list[StockEvent]:
        """Latest versions of documents that changed between two ticks, both included."""
        until = self.tick if until_tick is None else until_tick
        return list({event.key: event for at, event in self.events if since_tick <= at <= until}.values())

    def carry_out_late(self) -> None:
        """Let writes take effect whose time has come."""
        with self.lock:
            due = [entry for entry in self.late if entry[0] <= self.now()]
            self.late = [entry for entry in self.late if entry[0] > self.now()]
            for at, write, marker, absolute in due:
                self.apply(write, marker=marker, absolute=absolute, at=at)

    def _add(self, external_id: str, quantity: Quantity) -> None:
        thing = self.things[external_id].listing
        self._touch(external_id, replace(thing, quantity=(thing.quantity or ZERO) + quantity))

    def _touch(self, external_id: str, listing: RemoteListing) -> None:
        self.tick += 1
        self.things[external_id] = _Thing(listing, self.tick)
        self.past.append((self.now(), external_id, _Thing(listing, self.tick)))

    def apply(
        self, write: StockWrite, *, marker: bool, absolute: bool = False, at: datetime | None = None
    ) -> WriteResult:
        """Carry out one write, now or at a moment that is over; ``absolute``: whatever is there is overwritten."""
        with self.lock:
            thing = self.things.get(write.ref.external_id)
            if thing is None:
                return Refused("not_found", "no such listing", gone=True)
            if self.before_effect is not None:
                self.before_effect(write)
                thing = self.things[write.ref.external_id]
            listing = thing.listing
            if write.start_managing:
                listing = replace(listing, stock_mode=StockMode.OWN, quantity=ZERO)
            if listing.quantity is None:
                return Refused("not_managed", "stock of this listing is not counted")
            after = write.expected_after if absolute else listing.quantity + write.difference
            changed = replace(listing, quantity=after)
            self.before_write[write.ref.external_id] = (thing.listing, at or self.now())
            self._touch(write.ref.external_id, replace(changed, marker=write.operation_id) if marker else changed)
            self.writes.append(write)
            return Applied(changed.quantity)


class MemorySide:
    """Adapter over a ``MemoryWorld``; see the contract for what each method promises."""

    def __init__(self, world: MemoryWorld, capabilities: Capabilities | None = None) -> None:
        self.world = world
        self._capabilities = capabilities or Capabilities(relative=True, batch_size=20)

    @property
    def name(self) -> str:
        """Name of the side."""
        return self.world.name

    @property
    def capabilities(self) -> Capabilities:
        """As given by the test."""
        return self._capabilities

    def check(self) -> CheckReport:
        """Always reachable."""
        return CheckReport((CheckLine(ok=True, subject="memory", message=f"{len(self.world.things)} listings"),), 0.0)

    def read_all(self) -> Iterator[ChangePage]:
        """Everything, by pages."""
        self.world.carry_out_late()
        with self.world.lock:
            view = self.world.view()
            cursor = {"changes": str(view.tick)}
            listings = [self.world.shown(external_id, thing) for external_id, thing in view.things.items()]
        for start in range(0, len(listings), _PAGE):
            yield ChangePage(tuple(listings[start : start + _PAGE]), total=len(listings))
        yield ChangePage(cursor=cursor)

    def read_changes(self, cursor: Cursor) -> Iterator[ChangePage]:
        """Everything touched at or after the cursor's tick."""
        since = int(cursor["changes"])
        self.world.carry_out_late()
        with self.world.lock:
            view = self.world.view()
            position = {"changes": str(view.tick)}
            documents = self.world.documents(since_tick=since, until_tick=view.tick)
            events = documents if self._capabilities.events else []
            moved = {event.ref.external_id for event in events}
            changed = [
                self.world.shown(key, thing)
                for key, thing in view.things.items()
                if thing.changed >= since or key in moved
            ]
            gone = [
                GoneListing(ListingRef(external_id), Proof.DELETED_FEED)
                for external_id, at in view.deleted.items()
                if at >= since and external_id not in view.things
            ]
            told = {*view.things, *(one.ref.external_id for one in gone)}
            gone += [GoneListing(ListingRef(key), Proof.NOT_FOUND) for key in sorted(moved - told)]
        yield ChangePage(events=tuple(events))
        for start in range(0, len(changed), _PAGE):
            yield ChangePage(tuple(changed[start : start + _PAGE]))
        yield ChangePage(gone=tuple(gone), cursor=position)

    def fetch(self, refs: Sequence[ListingRef]) -> FetchResult:
        """Current listings, each once; what is not there is gone."""
        self.world.carry_out_late()
        refs = list(dict.fromkeys(refs))
        with self.world.lock:
            known = [ref.external_id for ref in refs if ref.external_id in self.world.things]
            things = self.world.things
            there = [things[key].listing if self.world.fresh_by_id else self.world.shown(key) for key in known]
        gone = [GoneListing(ref, Proof.NOT_FOUND) for ref in refs if ref.external_id not in self.world.things]
        return FetchResult(tuple(there), tuple(gone))

    def read_events(self, since: datetime) -> list[StockEvent]:
        """Documents since a moment."""
        return [event for event in self.world.documents() if event.occurred_at >= since]

    def write_stock(self, writes: Sequence[StockWrite]) -> list[WriteResult]:
        """Apply each write once, with the next fault."""
        fault = self.world.faults.pop(0) if self.world.faults else ""
        if fault in _NOTHING_APPLIED:
            raise _NOTHING_APPLIED[fault](self.name, "WRITE", fault)
        if fault == "lost_before":
            raise OutcomeUnknown(self.name, "WRITE", "answer lost")
        if fault == "late":
            due = self.world.now() + timedelta(seconds=self.world.late_s)
            how = self._capabilities.marker, not self._capabilities.relative
            self.world.late += [(due, write, *how) for write in writes]
            raise OutcomeUnknown(self.name, "WRITE", "answer lost")
        if fault == "half":
            return [self._apply_half(write, number) for number, write in enumerate(writes)]
        results = [self._apply(write) for write in writes]
        if fault == "lost_after":
            raise OutcomeUnknown(self.name, "WRITE", "answer lost")
        return results

    def _apply(self, write: StockWrite) -> WriteResult:
        return self.world.apply(write, marker=self._capabilities.marker, absolute=not self._capabilities.relative)

    def _apply_half(self, write: StockWrite, number: int) -> WriteResult:
        """One write of a call whose answer says of every other write that its outcome is unknown."""
        result = None if number % 4 == 0 else self._apply(write)
        return result if result is not None and number % 2 else Unknown("the answer says nothing of it")

    def close(self) -> None:
        """Nothing to release."""


class MemorySettings(BaseModel):
    """No settings: the world is made new."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _build(context: AdapterContext) -> MemorySide:
    return MemorySide(MemoryWorld(context.side, now=context.now))


FACTORY = AdapterFactory(kind="memory", title="In memory", settings_model=MemorySettings, build=_build)
