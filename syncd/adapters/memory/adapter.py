"""The adapter that looks at a world in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from syncd.adapters.base import (
    AdapterContext,
    AdapterFactory,
    Capabilities,
    CheckLine,
    CheckReport,
    Counting,
    PlainSide,
)
from syncd.adapters.memory.world import MemoryWorld, Writing
from syncd.core.attributes import attributes_of
from syncd.core.fields import ALL, ATTRIBUTES, DESCRIPTION, IMAGES, PRICE, TAX_RATE
from syncd.core.images import Image, keys_of
from syncd.core.model import (
    ChangePage,
    FetchResult,
    GoneListing,
    ListingRef,
    Proof,
    Refused,
    Unknown,
    Written,
    WrittenInPart,
)
from syncd.core.products import Made, Product, Unit
from syncd.errors import AuthRejected, OutcomeUnknown, RateLimited, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from syncd.core.model import (
        Cursor,
        FieldsResult,
        FieldsWrite,
        RemoteListing,
        StockEvent,
        StockWrite,
        WriteResult,
    )
    from syncd.core.products import MakeResult, NewProduct, Way, WithdrawResult

_PAGE = 100
_NOTHING_APPLIED = {"refused_connection": Transient, "token_expired": AuthRejected, "rate_limited": RateLimited}

WRITABLE = frozenset(ALL)
"""Fields that can be written here."""


class MemorySide(PlainSide):
    """Adapter over a ``MemoryWorld``; see the contract for what each method promises."""

    def __init__(self, world: MemoryWorld, capabilities: Capabilities | None = None) -> None:
        self.world = world
        self._capabilities = capabilities or Capabilities(
            relative=True, batch_size=20, fields=WRITABLE, describes=True, creates=True, withdraws=True
        )

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

    def counts(self, *, anew: bool = False) -> Counting:
        """As the test says."""
        return self.world.counting

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
        fault = self._next_fault(self.world.faults)
        if fault == "late":
            due = self.world.now() + timedelta(seconds=self.world.late_s)
            self.world.late += [(due, write, self._writing) for write in writes]
            raise OutcomeUnknown(self.name, "WRITE", "answer lost")
        if fault == "half":
            return [self._apply_half(write, number) for number, write in enumerate(writes)]
        results = [self._apply(write) for write in writes]
        if fault == "lost_after":
            raise OutcomeUnknown(self.name, "WRITE", "answer lost")
        return results

    def _apply(self, write: StockWrite) -> WriteResult:
        return self.world.apply(write, self._writing)

    @property
    def _writing(self) -> Writing:
        able = self._capabilities
        return Writing(able.marker, not able.relative, able.key_life_s > 0)

    def _apply_half(self, write: StockWrite, number: int) -> WriteResult:
        """One write of a call whose answer says of every other write that its outcome is unknown."""
        result = None if number % 4 == 0 else self._apply(write)
        return result if result is not None and number % 2 else Unknown("the answer says nothing of it")

    def write_fields(self, writes: Sequence[FieldsWrite]) -> list[FieldsResult]:
        """Set fields once, with the next fault."""
        fault = self._next_fault(self.world.field_faults)
        if fault == "late":
            due = self.world.now() + timedelta(seconds=self.world.late_s)
            self.world.late_fields += [(due, write) for write in writes]
            raise OutcomeUnknown(self.name, "WRITE", "answer lost")
        results = [self.world.apply_fields(write) for write in writes]
        if fault in {"parts", "parts_lost"}:
            return [
                self._in_parts(write, result, lost=fault != "parts")
                for write, result in zip(writes, results, strict=True)
            ]
        if fault == "dies":
            raise KeyError(fault)
        if fault == "lost_after":
            raise OutcomeUnknown(self.name, "WRITE", "answer lost")
        return results

    def _in_parts(self, write: FieldsWrite, result: FieldsResult, *, lost: bool) -> FieldsResult:
        """What would be refused whole is stored as far as it can be; ``lost``: nothing is said of the rest."""
        taken = {field: value for field, value in write.values.items() if value not in self.world.refuses}
        if not isinstance(result, Refused) or not taken:
            return result
        done = self.world.apply_fields(replace(write, values=taken))
        outcome = Unknown("answer lost") if lost else result
        rest = dict.fromkeys(write.values.keys() - taken.keys(), outcome)
        return WrittenInPart(done.fields, rest) if isinstance(done, Written) else done

    def read_product(self, product_id: str) -> Product | None:
        """A product, with its variations if it is a parent."""
        with self.world.lock:
            thing = self.world.things.get(product_id)
            if thing is None:
                return None
            children = [
                each.listing for each in self.world.things.values() if each.listing.ref.parent_external_id == product_id
            ]
            found = children or [thing.listing]
            units = tuple(
                Unit(
                    each.ref.external_id, each.sku, each.gtin, each.fields.get(PRICE),
                    Decimal(each.fields[TAX_RATE]) if TAX_RATE in each.fields else None,
                    _attributes(each) if children else {}, _images(each) if children else (),
                )
                for each in found
            )  # fmt: skip
            text = thing.listing.fields.get(DESCRIPTION, "")
            listing = thing.listing
            return Product(product_id, listing.name, units, text, is_group=bool(children), images=_images(listing))

    def read_image(self, address: str) -> bytes | None:
        """An image of the world, by its key."""
        return self.world.images.get(address)

    def create_product(self, new: NewProduct) -> MakeResult:
        """Make what is asked for, with the next fault."""
        world, product = self.world, new.product
        fault = self._next_fault(world.creation_faults)
        if product.name in world.refuses:
            return Refused("not_taken", "a value cannot be stored")
        if fault == "late":
            world.late_products.append((world.now() + timedelta(seconds=world.late_s), new))
            raise OutcomeUnknown(self.name, "CREATE", "answer lost")
        world.make_product(new, product.units[::2] if fault == "half" else product.units)
        if fault == "dies":
            raise KeyError(fault)
        if fault == "lost_after":
            raise OutcomeUnknown(self.name, "CREATE", "answer lost")
        found = self.find_product(new, world.now())
        return found or Unknown("the answer says nothing of it")

    def withdraw(self, ref: ListingRef, way: Way) -> WithdrawResult:
        """Hide or delete a listing, with its variations, with the next fault."""
        fault = self._next_fault(self.world.withdrawal_faults)
        result = self.world.withdraw(ref.external_id, way)
        if fault == "dies":
            raise KeyError(fault)
        if fault == "lost_after":
            raise OutcomeUnknown(self.name, "WITHDRAW", "answer lost")
        return result

    def find_product(self, new: NewProduct, since: datetime) -> Made | None:
        """Look by mark."""
        world, product = self.world, new.product
        with world.lock:
            made = {
                unit.source_id: world.marks[mark]
                for unit in product.units
                if (mark := new.unit_mark(unit) if product.is_group else new.mark) in world.marks
            }
            parent = new.into or world.marks.get(new.mark) if product.is_group else None
            if not made and parent is None:
                return None
            units = {key: world.shown(external_id) for key, external_id in made.items() if external_id in world.things}
            missing = {
                unit.source_id: Unknown("the side shows nothing of it")
                for unit in product.units
                if unit.source_id not in units
            }
            shown = world.shown(parent) if parent in world.things and parent else None
            return Made(parent or next(iter(made.values())), units, missing, parent=shown)

    def _next_fault(self, faults: list[str]) -> str:
        fault = faults.pop(0) if faults else ""
        if fault in _NOTHING_APPLIED:
            raise _NOTHING_APPLIED[fault](self.name, "WRITE", fault)
        if fault == "lost_before":
            raise OutcomeUnknown(self.name, "WRITE", "answer lost")
        return fault

    def close(self) -> None:
        """Nothing to release."""


def _images(listing: RemoteListing) -> tuple[Image, ...]:
    return tuple(Image(key, key, listing.name) for key in keys_of(listing.fields.get(IMAGES, "")))


def _attributes(listing: RemoteListing) -> dict[str, str]:
    return attributes_of(listing.fields.get(ATTRIBUTES, "")) or {"kind": listing.name}


class MemorySettings(BaseModel):
    """No settings: the world is made new."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _build(context: AdapterContext) -> MemorySide:
    return MemorySide(MemoryWorld(context.side, now=context.now))


FACTORY = AdapterFactory(kind="memory", title="In memory", settings_model=MemorySettings, build=_build)
