"""Stock writes. The shop can only be told what is on hand; differences are made here, and checked afterwards.

What is on hand is read, the difference is added, and the sum is written. An order that is placed meanwhile allocates
and touches nothing that is on hand, so it stays. A fulfilment, a cancellation after one, or an edit by hand between the
two would be overwritten; but the shop keeps every movement of stock for good, also the adjustment that our own write
was there. If there are more movements afterwards than our own, they are read: what our adjustment changed beyond the
difference is what it overwrote, and it is put back the same way. So a write is a difference, whatever happens beside.

Source: ``stock-movement.service.ts`` (``adjustProductVariantStock``, ``createSalesForOrder``,
``createCancellationsForOrderLines``) of Vendure 3.7.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from loguru import logger

from syncd.adapters.answers import Malformed, Row, mapping_of, row_of, rows_of, text_of, whole_of
from syncd.adapters.vendure.catalogue import by_ids
from syncd.adapters.vendure.mapping import is_tracked, level_of, marker_of
from syncd.adapters.vendure.operations import MOVEMENTS_PER_PAGE
from syncd.adapters.vendure.wire import id_of
from syncd.core.model import ZERO, Applied, NotSent, Refused, StockWrite, Unknown, WriteResult
from syncd.errors import OutcomeUnknown, Rejected, SideError, Stopped
from syncd.http.session import describe

if TYPE_CHECKING:
    from syncd.adapters.vendure.catalogue import Catalogue
    from syncd.adapters.vendure.client import VendureClient
    from syncd.adapters.vendure.facts import ShopFacts

_LARGEST = 2**31 - 1
_MOST_ROUNDS = 5
_LOOKS = 3
_ADJUSTMENT = "ADJUSTMENT"
_ON_HAND = frozenset({_ADJUSTMENT, "SALE", "CANCELLATION"})
"""Movements that change what is on hand by their quantity; the others change what is allocated."""

GONE = Refused("not_found", "the shop does not have it any more", gone=True)


@dataclass(frozen=True, slots=True)
class Level:
    """What the shop has of one variant, how many movements it has kept of it, and how many of those set it anew."""

    on_hand: Decimal
    allocated: Decimal
    movements: int
    adjustments: int


@dataclass(frozen=True, slots=True)
class Intent:
    """A difference that is to be added to a known level, for an operation."""

    variant: str
    operation: str
    difference: Decimal
    before: Level
    start: bool = False

    @property
    def target(self) -> Decimal:
        """What is to be on hand afterwards; of what begins to be counted, only what was allocated is."""
        return self.difference + (self.before.allocated if self.start else self.before.on_hand)

    @property
    def change(self) -> Decimal:
        """What is to change of what is on hand."""
        return self.target - self.before.on_hand

    def wire(self, location: str, marker_field: str | None) -> dict[str, Any]:
        """The entry of the mutation's input; the operation's id is kept with the stock, or neither is."""
        level = {"stockLocationId": location, "stockOnHand": int(self.target)}
        entry: dict[str, Any] = {"id": self.variant, "stockLevels": [level]}
        if marker_field is not None:
            entry["customFields"] = {marker_field: self.operation}
        return {**entry, "trackInventory": "TRUE"} if self.start else entry


class StockWriter:
    """Sends the stock writes of one call.

    Args:
        client: Calls.
        catalogue: Reads.
        facts: The shop's stock location.
        marker_field: Custom field of variants for the operation's id, or ``None``.
    """

    def __init__(self, client: VendureClient, catalogue: Catalogue, facts: ShopFacts, marker_field: str | None) -> None:
        self._client = client
        self._catalogue = catalogue
        self._facts = facts
        self._marker_field = marker_field

    def write(self, writes: Sequence[StockWrite]) -> list[WriteResult]:
        """Look at the variants, then add all differences in one request.

        Raises:
            SideError: Nothing of this call was applied. Malformed: The look failed; nothing was sent.
        """
        results: dict[int, WriteResult] = {}
        for at, write in enumerate(writes):
            if write.difference != write.difference.to_integral_value():
                results[at] = Refused("fraction", "the shop counts whole units")
        wanted = {at: writes[at].ref.external_id for at in range(len(writes)) if at not in results}
        if wanted:
            intents, refused = self._look(writes, wanted)
            results |= refused
            if intents:
                results |= self._send(intents)
        return [results[at] for at in range(len(writes))]

    def _look(
        self, writes: Sequence[StockWrite], wanted: Mapping[int, str]
    ) -> tuple[dict[int, Intent], dict[int, WriteResult]]:
        facts = self._facts.now()
        rows = by_ids(self._client, self._catalogue.operations.counted_units, list(wanted.values()))
        lost = [writes[at].ref for at, one in wanted.items() if one not in rows]
        gone = {one.ref.external_id for one in self._catalogue.fetch(lost).gone} if lost else set()
        intents: dict[int, Intent] = {}
        refused: dict[int, WriteResult] = {}
        for at, one in wanted.items():
            row, start = rows.get(one), writes[at].start_managing
            if row is None:
                refused[at] = GONE if one in gone else NotSent("the shop did not show it just now")
            elif not start and not is_tracked(row, facts):
                refused[at] = Refused("not_counted", "the shop does not count it")
            else:
                intent = Intent(one, writes[at].operation_id, writes[at].difference, _level(row, facts.location), start)
                if abs(intent.target) > _LARGEST:
                    refused[at] = Refused("out_of_range", f"the shop cannot hold {intent.target} units")
                else:
                    intents[at] = intent
        return intents, refused

    def _send(self, intents: dict[int, Intent]) -> dict[int, WriteResult]:
        """Send all; if the shop refuses the request for one of them, which applies none, send them one by one."""
        try:
            return self._add(intents)
        except Rejected as error:
            if len(intents) == 1:
                ((at, intent),) = intents.items()
                return {at: self._refusal(intent, error)}
        results: dict[int, WriteResult] = {}
        trouble = ""
        for at, intent in intents.items():
            if trouble:
                results[at] = NotSent(trouble)
                continue
            try:
                results |= self._add({at: intent})
            except Rejected as error:
                results[at] = self._refusal(intent, error)
            except OutcomeUnknown as error:
                trouble = describe(error)
                results[at] = Unknown(trouble)
            except (SideError, Stopped) as error:
                trouble = str(error)
                results[at] = NotSent(trouble)
        return results

    def _refusal(self, intent: Intent, error: Rejected) -> Refused | NotSent:
        """Why it was not applied. It never raises: others of the same call may have been applied."""
        try:
            found = self._client.query(self._catalogue.operations.by_id([intent.variant], [])).data
        except (SideError, Stopped) as lost:
            return NotSent(f"the shop refused it and did not say whether the product is there: {lost}")
        if "u0" in found and found["u0"] is None:
            return GONE
        return Refused(error.key.lower() or "refused", error.detail)

    def _add(self, intents: Mapping[int, Intent]) -> dict[int, WriteResult]:
        """Write, and put back what that overwrote, until it has overwritten nothing.

        Raises:
            SideError: As from one mutation.
        """
        try:
            after = self._set(list(intents.values()))
        except OutcomeUnknown:
            self._repair(intents)
            raise
        left, results = self._judge(intents, after)
        for _ in range(_MOST_ROUNDS):
            if not left:
                return results
            logger.bind(side=self._client.side, variants=len(left)).info("vendure.put_back")
            try:
                left, more = self._judge(left, self._set(list(left.values())))
            except (SideError, Stopped) as error:
                return results | dict.fromkeys(left, Unknown(f"it overwrote something that was not put back: {error}"))
            results |= more
        return results | dict.fromkeys(left, Unknown("too much moved at the shop beside the write"))

    def _repair(self, intents: Mapping[int, Intent]) -> None:
        """Put back what writes without an answer had overwritten, where they are seen to have taken effect.

        It says nothing of the writes themselves: whether they took effect is found out as always.
        """
        try:
            left: dict[int, Intent] = {}
            for at, intent in intents.items():
                ours, level = self._story(intent) or (None, intent.before)
                if ours is not None and ours != intent.change:
                    left[at] = Intent(intent.variant, intent.operation, intent.change - ours, level)
            for _ in range(_MOST_ROUNDS):
                if not left:
                    return
                logger.bind(side=self._client.side, variants=len(left)).info("vendure.put_back")
                left, _ = self._judge(left, self._set(list(left.values())))
        except (SideError, Stopped, Malformed) as error:
            logger.bind(side=self._client.side, detail=str(error)).warning("vendure.not_checked")

    def _set(self, intents: Sequence[Intent]) -> dict[str, Level]:
        """Send one mutation; what the shop has of each variant afterwards."""
        location = self._facts.now().location
        variables = {"input": [intent.wire(location, self._marker_field) for intent in intents]}
        answer = self._client.mutate(self._catalogue.operations.set_stock, variables)
        try:
            levels = {id_of(row): _level(row, location) for row in rows_of(answer.data, "rows")}
        except Malformed as error:
            raise OutcomeUnknown(self._client.side, self._client.request, f"the answer: {error}") from error
        if levels.keys() < {intent.variant for intent in intents}:
            raise OutcomeUnknown(self._client.side, self._client.request, "the answer does not show every variant")
        return levels

    def _judge(
        self, intents: Mapping[int, Intent], after: Mapping[str, Level]
    ) -> tuple[dict[int, Intent], dict[int, WriteResult]]:
        """What is settled, and what is to be put back."""
        left: dict[int, Intent] = {}
        results: dict[int, WriteResult] = {}
        for at, intent in intents.items():
            try:
                found = self._check(intent, after[intent.variant])
            except (SideError, Stopped, Malformed) as error:
                found = Unknown(f"written, but not checked: {error}")
            if isinstance(found, Intent):
                left[at] = found
            else:
                results[at] = found
        return left, results

    def _check(self, intent: Intent, after: Level) -> WriteResult | Intent:
        """Whether a write changed just its difference; else what is to be put back."""
        made = 1 if intent.change else 0
        quiet = after.movements - intent.before.movements == after.adjustments - intent.before.adjustments == made
        # With several locations movements do not say where they were.
        if (quiet and after.on_hand == intent.target) or not self._facts.now().alone:
            return Applied(after.on_hand - after.allocated)
        for _ in range(_LOOKS):
            story = self._story(intent)
            if story is None:
                continue
            change, level = story[0] or ZERO, story[1]
            if change == intent.change:
                return Applied(level.on_hand - level.allocated)
            return Intent(intent.variant, intent.operation, intent.change - change, level)
        return Unknown("what moved at the shop beside the write does not add up")

    def _story(self, intent: Intent) -> tuple[Decimal | None, Level] | None:
        """What our adjustment changed if there is one, and what there is now; ``None`` if the movements lead elsewhere.

        Where ids are no numbers (the strategy with UUIDs) the newest movements are not the last ones.
        """
        before, location = intent.before, self._facts.now().location
        variables = {"id": intent.variant, "skip": before.movements, "take": MOVEMENTS_PER_PAGE}
        unit = mapping_of(self._client.query(self._catalogue.operations.movements, variables).data.get("unit"), "unit")
        now = _level(unit, location)
        rows = sorted(rows_of(row_of(unit, "page"), "items"), key=_age)
        on_hand, ours = before.on_hand, None
        for row in rows:
            if text_of(row, "type") in _ON_HAND:
                change = whole_of(row, "quantity")
                on_hand += change
                if ours is None and on_hand == intent.target and text_of(row, "type") == _ADJUSTMENT:
                    ours = change
        if ours is None and marker_of(unit) == intent.operation:
            ours = ZERO  # something else had led just there: the write took effect and changed nothing
        in_order = all(id_of(row).isdecimal() for row in rows)
        complete = in_order and len(rows) == now.movements - before.movements and on_hand == now.on_hand
        return (ours, now) if complete else None


def _level(row: Row, location: str) -> Level:
    on_hand, allocated = level_of(row, location)
    movements, adjustments = (int(whole_of(row_of(row, name), "totalItems")) for name in ("moved", "adjusted"))
    return Level(on_hand, allocated, movements, adjustments)


def _age(row: Row) -> tuple[int, str]:
    """Movements in the order in which they were kept."""
    found = id_of(row)
    return len(found), found
