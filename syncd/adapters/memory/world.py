"""What really is there on a side in memory, with its true history: tests compare it with what syncd believes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from syncd.adapters.base import Counting
from syncd.core.attributes import attributes_text
from syncd.core.fields import (
    ATTRIBUTES,
    BRAND,
    CATEGORIES,
    DESCRIPTION,
    EMPTY,
    GTIN,
    IMAGES,
    NAME,
    NO,
    PRICE,
    PUBLISHED,
    SKU,
    TAX_RATE,
    YES,
)
from syncd.core.images import Image, keys_of, keys_text
from syncd.core.model import (
    ZERO,
    Applied,
    EventKind,
    FieldsResult,
    FieldsWrite,
    ListingRef,
    Quantity,
    Refused,
    RemoteListing,
    StockEvent,
    StockMode,
    StockWrite,
    WriteResult,
    Written,
)
from syncd.core.prices import canonical_rate
from syncd.core.products import Way, Withdrawn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.core.products import NewProduct, Unit, WithdrawResult

_UNSAID = (BRAND, CATEGORIES, IMAGES)
"""What a product is not made with."""


@dataclass(slots=True)
class Thing:
    """A listing, and the tick of its last change."""

    listing: RemoteListing
    changed: int


@dataclass(frozen=True, slots=True)
class View:
    """What pages show: the present, or what a replica knows."""

    tick: int
    things: Mapping[str, Thing]
    deleted: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Writing:
    """What a write of stock does here.

    Attributes:
        marker: The listing carries the operation's id from then on.
        absolute: Whatever is there is overwritten.
        keyed: What was carried out before under the same id is answered as then, and not carried out again.
    """

    marker: bool = False
    absolute: bool = False
    keyed: bool = False


@dataclass(slots=True)
class MemoryWorld:
    """What a side really holds. Every change moves its clock by one tick; feeds are ordered by ticks.

    Attributes:
        counting: What its quantities are.
        faults: Taken from the front, one per write call: ``lost_before``, ``lost_after``, ``late`` (lost, and it takes
            effect after ``late_s``), ``half`` (every other write of the call is lost, the first of them without
            effect), ``refused_connection``, ``token_expired``, ``rate_limited`` or ``""`` for none.
        before_effect: Called just before a write takes effect: a sale at the worst moment, or one that is swallowed.
        events: Documents with the tick at which each version appeared.
        stale: Reads show a listing as it was before our last write to it, until ``stale_s`` after it: a cache.
        fresh_by_id: Reads by id show what is there even so.
        lag_s: Pages (not reads by id) show everything as it was so many seconds ago: a replica.
        field_faults: The same for writes of fields, without ``half``; ``dies``: the process ends once it was applied;
            ``parts``: of a write that is refused the rest is stored; ``parts_lost``: of what is not, nothing is said.
        field_writes: Writes of fields that reached the side.
        overwritten: What such writes replaced, at once: (external id, field, value).
        spell: How the side spells a value that it was given.
        refuses: Values of fields that the side does not take.
        lacks: Values that name something it does not have any more: it leaves them out, and says so.
        creation_faults: The same for making products: ``lost_before``, ``lost_after``, ``half`` (the product and every
            other unit is made, the answer to the rest lost), ``late``, ``dies`` and those that apply nothing.
        withdrawal_faults: The same for taking products from customers: ``lost_before``, ``lost_after``, ``dies`` and
            those that apply nothing.
        withdrawn: Every withdrawal that took effect: (external id, way).
        images: Content of images by key: of the hub, what can be read; of a shop, what was brought.
        made: Every mark that something was made with, once for each time.
        keys: What stock writes were answered, by their operations' ids.
    """

    name: str = "memory"
    tick: int = 0
    counting: Counting = field(default_factory=Counting)
    things: dict[str, Thing] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    events: list[tuple[int, StockEvent]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    before_effect: Callable[[StockWrite], None] | None = None
    writes: list[StockWrite] = field(default_factory=list)
    field_faults: list[str] = field(default_factory=list)
    field_writes: list[FieldsWrite] = field(default_factory=list)
    late_fields: list[tuple[datetime, FieldsWrite]] = field(default_factory=list)
    overwritten: list[tuple[str, str, str]] = field(default_factory=list)
    spell: Callable[[str], str] = str
    refuses: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    creation_faults: list[str] = field(default_factory=list)
    late_products: list[tuple[datetime, NewProduct]] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    withdrawal_faults: list[str] = field(default_factory=list)
    withdrawn: list[tuple[str, str]] = field(default_factory=list)
    marks: dict[str, str] = field(default_factory=dict)
    keys: dict[str, Applied] = field(default_factory=dict)
    stale: bool = False
    stale_s: float = 10
    fresh_by_id: bool = False
    late_s: float = 30
    lag_s: float = 0
    past: list[tuple[datetime, str, Thing | int]] = field(default_factory=list)
    late: list[tuple[datetime, StockWrite, Writing]] = field(default_factory=list)
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

    def shown(self, external_id: str, thing: Thing | None = None) -> RemoteListing:
        """What a read shows of a listing now."""
        former, since = self.before_write.get(external_id, (None, None))
        if self.stale and former and since and self.now() < since + timedelta(seconds=self.stale_s):
            return former
        return (thing or self.things[external_id]).listing

    def view(self) -> View:
        """What pages are made from now."""
        if not self.lag_s:
            return View(self.tick, self.things, self.deleted)
        until = self.now() - timedelta(seconds=self.lag_s)
        things: dict[str, Thing] = {}
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
        return View(tick, things, deleted)

    def documents(self, *, since_tick: int = 0, until_tick: int | None = None) -> list[StockEvent]:
        """Latest versions of documents that changed between two ticks, both included."""
        until = self.tick if until_tick is None else until_tick
        return list({event.key: event for at, event in self.events if since_tick <= at <= until}.values())

    def carry_out_late(self) -> None:
        """Let writes take effect whose time has come."""
        with self.lock:
            due = [entry for entry in self.late if entry[0] <= self.now()]
            self.late = [entry for entry in self.late if entry[0] > self.now()]
            for at, write, how in due:
                self.apply(write, how, at)
            late = [entry for entry in self.late_fields if entry[0] <= self.now()]
            self.late_fields = [entry for entry in self.late_fields if entry[0] > self.now()]
            for _, fields_write in late:
                self.apply_fields(fields_write, late=True)
            products = [entry for entry in self.late_products if entry[0] <= self.now()]
            self.late_products = [entry for entry in self.late_products if entry[0] > self.now()]
            for _, new in products:
                self.make_product(new, new.product.units)

    def _add(self, external_id: str, quantity: Quantity) -> None:
        thing = self.things[external_id].listing
        self._touch(external_id, replace(thing, quantity=(thing.quantity or ZERO) + quantity))

    def _touch(self, external_id: str, listing: RemoteListing) -> None:
        self.tick += 1
        self.things[external_id] = Thing(listing, self.tick)
        self.past.append((self.now(), external_id, Thing(listing, self.tick)))

    def apply(self, write: StockWrite, how: Writing, at: datetime | None = None) -> WriteResult:
        """Carry out one write, now or at a moment that is over."""
        with self.lock:
            if how.keyed and write.operation_id in self.keys:
                return self.keys[write.operation_id]
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
            after = write.expected_after if how.absolute else listing.quantity + write.difference
            changed = replace(listing, quantity=after)
            self.before_write[write.ref.external_id] = (thing.listing, at or self.now())
            self._touch(write.ref.external_id, replace(changed, marker=write.operation_id) if how.marker else changed)
            self.writes.append(write)
            self.keys[write.operation_id] = Applied(changed.quantity)
            return self.keys[write.operation_id]

    def apply_fields(self, write: FieldsWrite, *, late: bool = False) -> FieldsResult:
        """Set fields now, spelled in the world's own way; ``late``: after its sender gave up on it."""
        with self.lock:
            thing = self.things.get(write.ref.external_id)
            if thing is None:
                return Refused("not_found", "no such listing", gone=True)
            self.field_writes.append(write)
            if any(value in self.refuses for value in write.values.values()):
                return Refused("not_taken", "a value cannot be stored")
            lost = {
                field: f"there is no {value} any more" for field, value in write.values.items() if value in self.lacks
            }
            shown = {field: EMPTY if field in lost else self.spell(value) for field, value in write.values.items()}
            self.images |= {key: image.content for key, image in write.images.items()}
            if any(key not in self.images for key in keys_of(write.values.get(IMAGES, EMPTY))):
                return Refused("no_image", "nothing is known of an image")
            if not late:
                before = thing.listing.fields
                self.overwritten += [
                    (write.ref.external_id, field, before[field]) for field in shown if field in before
                ]
            self.before_write[write.ref.external_id] = (thing.listing, self.now())
            self._touch(write.ref.external_id, _edited(thing.listing, shown))
            return Written(shown, lost)

    def make_product(self, new: NewProduct, units: Sequence[Unit]) -> None:
        """Make a product, and of its variations these."""
        parent, product = new.into, new.product
        if product.is_group and parent is None:
            parent = self.make(new.mark, product.name, None, None, publish=new.publish, text=product.description)
            self._take_images(parent, product.images)
        for unit in units:
            mark = new.unit_mark(unit) if product.is_group else new.mark
            name = " ".join([product.name, *unit.attributes.values()])
            made = self.make(mark, name, unit, parent, publish=new.publish, text=product.description)
            self._take_images(made, unit.images[:1] if product.is_group else product.images)

    def _take_images(self, external_id: str, images: Sequence[Image]) -> None:
        """Images that came with the making, where the side takes them: those with content."""
        found = {image.key: image.content for image in images if image.content}
        if found:
            self.images |= found
            self._touch(external_id, _edited(self.things[external_id].listing, {IMAGES: keys_text(found)}))

    def make(
        self, mark: str, name: str, unit: Unit | None, parent: str | None, *, publish: bool, text: str = EMPTY
    ) -> str:
        """Make a listing with a mark; without a unit it is a parent. Returns its id."""
        with self.lock:
            external_id = f"{self.name}-made-{len(self.made)}"
            self.made.append(mark)
            self.marks[mark] = external_id
            if unit is None:
                words = {NAME: self.spell(name), DESCRIPTION: self.spell(text), **dict.fromkeys(_UNSAID, EMPTY)}
                words[PUBLISHED] = YES if publish else NO
                self.put(
                    external_id, None, name=name, sku=None, stock_mode=StockMode.GROUP, published=publish, fields=words
                )
                return external_id
            values = {
                NAME: None if parent else name,
                SKU: unit.sku or EMPTY,
                GTIN: unit.gtin or EMPTY,
                PRICE: unit.price,
                IMAGES: EMPTY,
                TAX_RATE: canonical_rate(unit.tax_rate),
            }
            if not parent:
                values |= {DESCRIPTION: text, **dict.fromkeys(_UNSAID, EMPTY), PUBLISHED: YES if publish else NO}
            elif unit.attributes:
                values[ATTRIBUTES] = attributes_text(unit.attributes)
            shown = {field: self.spell(value) for field, value in values.items() if value is not None}
            self.put(
                external_id, 0, parent=parent, name=name, sku=unit.sku, gtin=unit.gtin, fields=shown, published=publish
            )  # fmt: skip
            return external_id

    def withdraw(self, external_id: str, way: Way) -> WithdrawResult:
        """Hide a listing, or delete it; with its variations."""
        with self.lock:
            if external_id not in self.things:
                return Refused("not_found", "no such listing", gone=True)
            if external_id in self.refuses:
                return Refused("not_taken", "it must stay")
            self.withdrawn.append((external_id, way.value))
            things = self.things.items()
            family = [key for key, thing in things if external_id in (key, thing.listing.ref.parent_external_id)]
            for key in family:
                if way is Way.DELETE:
                    self.delete(key)
                elif key == external_id:
                    listing = self.things[key].listing
                    state = {PUBLISHED: NO} if PUBLISHED in listing.fields else {}
                    self._touch(key, replace(_edited(listing, state), published=False))
            return Withdrawn()

    def edit(self, external_id: str, **fields: str) -> None:
        """Change fields as a person does there."""
        with self.lock:
            self._touch(external_id, _edited(self.things[external_id].listing, fields))


def _edited(listing: RemoteListing, fields: Mapping[str, str]) -> RemoteListing:
    """A listing with other fields; its name and codes are fields, too."""
    changed = replace(listing, fields={**listing.fields, **fields}, name=fields.get(NAME, listing.name))
    sku, gtin = fields.get(SKU, listing.sku), fields.get(GTIN, listing.gtin)
    published = fields[PUBLISHED] == YES if PUBLISHED in fields else listing.published
    return replace(changed, sku=sku or None, gtin=gtin or None, published=published)
