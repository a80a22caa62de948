"""Taking products from customers. What is deleted is kept by the shop's database, and shown to nobody any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.adapters.answers import Malformed, flag_of, row_of, rows_of, text_of
from syncd.adapters.vendure.mapping import GROUP, Unit
from syncd.adapters.vendure.operations import DELETE_PRODUCT, DELETE_VARIANT
from syncd.core.model import Refused, Unknown
from syncd.core.products import Way, Withdrawn
from syncd.errors import Rejected

if TYPE_CHECKING:
    from syncd.adapters.vendure.catalogue import Catalogue, Found
    from syncd.adapters.vendure.client import VendureClient
    from syncd.core.model import ListingRef
    from syncd.core.products import WithdrawResult

_GONE = Refused("not_found", "the shop does not have it any more", gone=True)


def withdraw(client: VendureClient, catalogue: Catalogue, ref: ListingRef, way: Way) -> WithdrawResult:
    """Look, then send it once. What customers do not see any more is left as it is.

    Raises:
        SideError: Nothing happened. OutcomeUnknown: It may have happened.
        Malformed: The look failed, nothing was sent.
    """
    found = catalogue.look([ref])[ref.external_id]
    if found is None:
        return _GONE
    try:
        return _deleted(client, found) if way is Way.DELETE else _hidden(client, catalogue, found)
    except Rejected as error:
        return Refused(error.key.lower() or "refused", error.detail)


def _hidden(client: VendureClient, catalogue: Catalogue, found: Found) -> WithdrawResult:
    listing = found.listing if isinstance(found, Unit) else found
    if not listing.published:
        return Withdrawn()
    operations = catalogue.operations
    if isinstance(found, Unit) and listing.ref.parent_external_id is not None:
        change = {"id": found.variant, "enabled": False}
        answer, name = client.mutate(operations.update_variants, {"variants": [change]}), "variants"
    else:
        variables = {"variants": [], "products": [{"id": _product(found), "enabled": False}]}
        answer, name = client.mutate(operations.update, variables), "products"
    try:
        (row,) = rows_of(answer.data, name)
        seen = flag_of(row, "enabled")
    except ValueError as error:
        return Unknown(f"the answer cannot be read: {error}")
    return Refused("ignored", "the shop answers as if it had done it, and shows it still") if seen else Withdrawn()


def _deleted(client: VendureClient, found: Found) -> WithdrawResult:
    if isinstance(found, Unit) and found.listing.ref.parent_external_id is not None:
        answer = client.mutate(DELETE_VARIANT, {"id": found.variant})
    else:
        answer = client.mutate(DELETE_PRODUCT, {"id": _product(found)})
    try:
        told = row_of(answer.data, "deleted")
        result, message = text_of(told, "result"), text_of(told, "message")
    except Malformed as error:
        return Unknown(f"the answer cannot be read: {error}")
    return Withdrawn() if result == "DELETED" else Refused("not_deleted", message or result)


def _product(found: Found) -> str:
    return found.product if isinstance(found, Unit) else found.ref.external_id.removeprefix(GROUP)
