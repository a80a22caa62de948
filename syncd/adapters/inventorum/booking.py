"""One stock booking: what is sent, and what each answer means for the operation."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from syncd.adapters.inventorum.mapping import error_facts
from syncd.adapters.inventorum.wire import Fields, Where
from syncd.core.model import Applied, Refused, Unknown
from syncd.errors import InvalidResponse, PermissionMissing

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.adapters.inventorum.client import InventorumClient
    from syncd.core.model import StockWrite, WriteResult
    from syncd.http import Reply

_PLACES = Decimal("0.01")
_PRICE_FIELDS = frozenset({"price", "cost"})


def book(client: InventorumClient, write: StockWrite, local_now: datetime) -> WriteResult:
    """Send one relative booking, once, and judge the answer.

    Args:
        client: Wire calls.
        write: What to book.
        local_now: Now, in the account's time zone if it is known: the booking's date is a local day.

    Raises:
        OutcomeUnknown: Sent, and no trustworthy answer came.
        PermissionMissing: The token may not book stock.
        SideError: As ``InventorumClient.adjust_inventory``.

    Source: section 8.3; the answers of ``adjust-inventory-response.json``.
    """
    if write.start_managing:
        return Refused("not_counted", "INVENTORUM counts every product; there is nothing to switch on")
    if write.difference != write.difference.quantize(_PLACES):
        return Refused("too_many_places", f"INVENTORUM counts in hundredths; {write.difference} cannot be booked")
    reply = client.adjust_inventory(
        write.ref.external_id,
        quantity=f"{write.difference:.2f}",
        date=local_now.strftime("%d.%m.%Y"),
        note=f"syncd {write.operation_id}",
    )
    if reply.status in {200, 201}:
        return _applied(reply, write)
    if 200 <= reply.status < 300:
        return Unknown(f"status {reply.status}: taken for later, without a result")
    facts = error_facts(reply)
    if facts.is_ours and reply.status == 400 and _PRICE_FIELDS & set(facts.fields):
        message = (
            f"INVENTORUM demands a purchase price for this booking ({facts.message}). syncd does not invent one, "
            "because it would change the valuation of the stock: book this change by hand."
        )
        return Refused("price_required", message)
    return refused(reply)


def _applied(reply: Reply, write: StockWrite) -> WriteResult:
    """Read the new quantity; an answer that cannot be read, or is about another product, proves nothing."""
    try:
        product = Fields(reply.json(), Where(reply.side, reply.request))
        if product.identifier("id") != write.ref.external_id:
            return Unknown(f"the answer is about product {product.identifier('id')}")
        return Applied(product.quantity("quantity"))
    except InvalidResponse as error:
        return Unknown(f"status {reply.status}, but {error.detail}")


def refused(reply: Reply, right: str = "products:update") -> Refused | Unknown:
    """What an answer with an error means for the write.

    Raises:
        PermissionMissing: The token lacks the right.
    """
    facts = error_facts(reply)
    if not facts.is_ours:
        # Something before the API answered, perhaps after it: some firewalls judge what comes out.
        return Unknown(f"{facts.message}; the API itself did not answer")
    if reply.status == 403:
        raise PermissionMissing(reply.side, reply.request, f"the token lacks the right {right} ({facts.message})")
    if reply.status == 404:
        return Refused(facts.key or "not_found", facts.message, gone=True)
    return Refused(facts.key or f"status_{reply.status}", facts.message)
