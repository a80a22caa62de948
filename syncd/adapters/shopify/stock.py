"""Stock writes: differences, several in one request, each under its own key and answered alone.

Source: shopify-api.md section 5. A key is made of the operation's id, so that the same write sent twice is applied
once. ``changeFromQuantity`` is always said: a number where a quantity is set, null where a difference is added.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from syncd.adapters.answers import Row, row_of, rows_of
from syncd.adapters.shopify import operations
from syncd.adapters.shopify.client import code_of_error
from syncd.adapters.shopify.mapping import Unit
from syncd.adapters.shopify.wire import pieces_of
from syncd.core.model import Applied, NotSent, Refused, RemoteListing, StockWrite, Unknown, WriteResult
from syncd.errors import OutcomeUnknown, Rejected, SideError, Stopped
from syncd.http.session import describe

if TYPE_CHECKING:
    from syncd.adapters.shopify.catalogue import Catalogue
    from syncd.adapters.shopify.client import Answer, ShopifyClient
    from syncd.adapters.shopify.facts import ShopFacts

_NAMESPACE = uuid.UUID("5d0c1b9e-52a4-4a55-9a3e-6f1f3a0f7d11")
_REASON = "correction"
_ADJUSTED = "available"
"""The only name that a difference can be added to here; ``on_hand`` moves with it."""

_LARGEST = 1_000_000_000
_GONE = frozenset({"INVALID_INVENTORY_ITEM", "PRODUCT_DOES_NOT_EXIST", "PRODUCT_VARIANT_DOES_NOT_EXIST"})
_IN_DOUBT = frozenset({"IDEMPOTENCY_CONCURRENT_REQUEST", "SERVICE_UNAVAILABLE", "ADJUST_QUANTITIES_FAILED"})
"""Codes that do not say whether the write is being applied."""

_FIRST_TRY = {
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": "the shop knows this write, for another location or inventory item: it did "
    "nothing now, and does not say what became of it then",
    "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED": "the shop knows this write, and says that it failed",
}
"""Codes that only a second try can meet. A key is made of an operation that nobody else has, so the first try arrived;
but it may have been refused as well as applied, so neither settles anything: what the shop holds does. The second try
itself certainly did nothing, so no doubt begins anew."""

_NOTHING_DONE = frozenset({"ACCESS_DENIED", "BAD_REQUEST", "THROTTLED", "MAX_COST_EXCEEDED"})


def key_of(write: StockWrite) -> str:
    """The idempotency key of a write: the same for the same operation, and for it alone."""
    return str(uuid.uuid5(_NAMESPACE, f"{write.operation_id}\n{write.ref.external_id}\n{write.difference}"))


def reference_of(write: StockWrite) -> str:
    """What the shop's inventory history shows beside the change."""
    return f"gid://syncd/Operation/{write.operation_id}"


class StockWriter:
    """Sends the stock writes of one call."""

    def __init__(self, client: ShopifyClient, catalogue: Catalogue, facts: ShopFacts, quantity: str) -> None:
        self._client = client
        self._catalogue = catalogue
        self._facts = facts
        self._quantity = quantity

    def write(self, writes: Sequence[StockWrite]) -> list[WriteResult]:
        """Look at the listings, then send each write at most once.

        Raises:
            SideError: Nothing of this call was applied.
            Malformed: The look failed; nothing was sent.
        """
        results: dict[int, WriteResult] = {}
        for at, write in enumerate(writes):
            if write.difference != write.difference.to_integral_value():
                results[at] = Refused("fraction", "the shop counts whole pieces")
            elif abs(write.difference) > _LARGEST:
                results[at] = Refused("out_of_range", "the shop counts up to a thousand million")
        open_ones = [at for at in range(len(writes)) if at not in results]
        if not open_ones:
            return [results[at] for at in range(len(writes))]
        shown = self._catalogue.look(writes[at].ref for at in open_ones)
        differences: dict[int, Unit] = {}
        starts: dict[int, Unit] = {}
        for at in open_ones:
            found = _writable(writes[at], shown[writes[at].ref.external_id])
            if isinstance(found, Refused):
                results[at] = found
            else:
                (starts if writes[at].start_managing else differences)[at] = found
        self._send(writes, differences, starts, results)
        return [results[at] for at in range(len(writes))]

    def _send(
        self,
        writes: Sequence[StockWrite],
        differences: Mapping[int, Unit],
        starts: Mapping[int, Unit],
        results: dict[int, WriteResult],
    ) -> None:
        """Differences in one request, then what begins to be counted, one by one; trouble leaves the rest unsent."""
        trouble = ""
        if differences:
            try:
                results |= self._adjust({at: (writes[at], unit) for at, unit in differences.items()})
            except OutcomeUnknown as error:
                trouble = describe(error)
                results |= dict.fromkeys(differences, Unknown(trouble))
        for at, unit in starts.items():
            if trouble:
                results[at] = NotSent(trouble)
                continue
            try:
                results[at] = self._start(writes[at], unit)
            except OutcomeUnknown as error:
                trouble = describe(error)
                results[at] = Unknown(trouble)
            except (SideError, Stopped) as error:
                if not differences and len(starts) == 1:
                    raise
                trouble = str(error)
                results[at] = NotSent(trouble)

    def _adjust(self, members: Mapping[int, tuple[StockWrite, Unit]]) -> dict[int, WriteResult]:
        location = self._facts.counted().gids[0]
        variables: dict[str, Any] = {"names": [self._quantity]}
        for number, (write, unit) in enumerate(members.values()):
            change = {
                "inventoryItemId": unit.item,
                "locationId": location,
                "delta": int(write.difference),
                "changeFromQuantity": None,
            }
            variables[f"k{number}"] = key_of(write)
            variables[f"i{number}"] = {
                "name": _ADJUSTED,
                "reason": _REASON,
                "referenceDocumentUri": reference_of(write),
                "changes": [change],
            }
        try:
            answer = self._client.mutate(operations.adjust(len(members)), variables)
        except Rejected as error:
            return dict.fromkeys(members, Refused(error.key or "refused", error.detail))
        return {at: self._result(answer, f"w{number}") for number, at in enumerate(members)}

    def _result(self, answer: Answer, alias: str) -> WriteResult:
        payload = answer.data.get(alias)
        if not isinstance(payload, Mapping):
            return _unanswered(answer, alias)
        try:
            refused = refusal(payload)
            if refused is not None:
                return refused
            group = row_of(payload, "inventoryAdjustmentGroup")
            changes = rows_of(group, "changes")
        except ValueError as error:
            return Unknown(f"the answer cannot be read: {error}")
        return Applied(self._after(changes))

    def _after(self, changes: Sequence[Row]) -> Decimal | None:
        """The quantity afterwards, if one location holds all of it and the shop says so."""
        if len(self._facts.counted().gids) > 1:
            return None
        found = [one for one in changes if one.get("name") == self._quantity]
        if len(found) != 1 or found[0].get("quantityAfterChange") is None:
            return None
        try:
            return pieces_of(found[0], "quantityAfterChange")
        except ValueError:
            return None

    # -- Listings that begin to be counted

    def _start(self, write: StockWrite, unit: Unit) -> WriteResult:
        """Set the quantity, and let the shop count it."""
        location = self._facts.counted().gids[0]
        sent = False
        if not unit.tracked:
            answer = self._client.mutate(operations.TRACK, {"id": unit.item, "input": {"tracked": True}})
            refused = refused_field(answer, "inventoryItemUpdate")
            if refused is not None:
                return refused
            sent = True
        try:
            refused = self._set(write, unit, location)
        except (SideError, Stopped) as error:
            if not sent:
                raise
            words = describe(error) if isinstance(error, SideError) else str(error)
            return Unknown(f"counted now, but its quantity was not set: {words}")
        if refused is not None:
            return refused
        return Applied(write.difference if len(self._facts.counted().gids) == 1 else None)

    def _set(self, write: StockWrite, unit: Unit, location: str) -> Refused | Unknown | None:
        pieces = int(write.difference)
        if unit.here is None:
            other = None
            on_hand = self._quantity == "on_hand"
            variables = {
                "item": unit.item,
                "location": location,
                "available": other if on_hand else pieces,
                "onHand": pieces if on_hand else other,
                "key": key_of(write),
            }
            variables = {name: value for name, value in variables.items() if value is not None}
            return refused_field(self._client.mutate(operations.ACTIVATE, variables), "inventoryActivate")
        if unit.here == write.difference:
            return None
        row = {
            "inventoryItemId": unit.item,
            "locationId": location,
            "quantity": pieces,
            "changeFromQuantity": int(unit.here),
        }
        given = {
            "name": self._quantity,
            "reason": _REASON,
            "referenceDocumentUri": reference_of(write),
            "quantities": [row],
        }
        answer = self._client.mutate(operations.SET, {"input": given, "key": key_of(write)})
        return refused_field(answer, "inventorySetQuantities")


def refusal(payload: Row) -> Refused | Unknown | None:
    """What ``userErrors`` say; ``None`` if there are none.

    Raises:
        Malformed: They are missing.
    """
    errors = rows_of(payload, "userErrors")
    if not errors:
        return None
    code = next((str(one["code"]) for one in errors if one.get("code")), "refused")
    message = "; ".join(str(one.get("message")) for one in errors)[:300]
    if code in _IN_DOUBT:
        return Unknown(f"{code}: {message}")
    message = _FIRST_TRY.get(code, message)
    return Refused(code.lower(), message, gone=code in _GONE)


def refused_field(answer: Answer, field: str) -> Refused | Unknown | None:
    """What the answer to one mutation refuses; ``None`` if it was carried out."""
    payload = answer.data.get(field)
    if not isinstance(payload, Mapping):
        return _unanswered(answer, field)
    try:
        return refusal(payload)
    except ValueError as error:
        return Unknown(f"the answer cannot be read: {error}")


def _unanswered(answer: Answer, field: str) -> Refused | Unknown:
    """A field without a result: refused only if its error says that nothing was done."""
    for error in answer.errors:
        path = error.get("path")
        if isinstance(path, list) and path[:1] == [field] and code_of_error(error) in _NOTHING_DONE:
            return Refused(code_of_error(error).lower(), str(error.get("message"))[:300])
    words = "; ".join(str(error.get("message")) for error in answer.errors)[:300]
    return Unknown(words or f"the answer says nothing of {field}")


def _writable(write: StockWrite, found: Unit | RemoteListing | None) -> Unit | Refused:
    if found is None:
        return Refused("not_found", "the shop does not have it any more", gone=True)
    if not isinstance(found, Unit):
        return Refused("group", "the product has variations now")
    if found.pooled:
        return Refused("pooled", "its stock is shared with other products of the shop")
    if not write.start_managing and (not found.tracked or found.here is None):
        return Refused("not_counted", "the shop does not count it at this location")
    return found
