"""Taking products from customers: hidden, or deleted for good; there is no trash (shopware6-api.md section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.adapters.shopware6 import bulk
from syncd.adapters.shopware6.client import errors_of
from syncd.adapters.shopware6.fields import hidden_variants
from syncd.adapters.shopware6.writes import refusal, says_new
from syncd.core.model import Unknown
from syncd.core.products import Way, Withdrawn
from syncd.errors import NotFound, Rejected

if TYPE_CHECKING:
    from syncd.adapters.shopware6.catalogue import Catalogue
    from syncd.adapters.shopware6.client import ShopClient
    from syncd.core.model import ListingRef
    from syncd.core.products import WithdrawResult


def withdraw(client: ShopClient, catalogue: Catalogue, ref: ListingRef, way: Way) -> WithdrawResult:
    """Send it once; a product takes its variants along.

    Raises:
        SideError: Nothing happened. OutcomeUnknown: It may have happened.
    """
    if way is Way.DELETE:
        try:
            client.delete("product", ref.external_id)
        except NotFound:
            return refusal((), gone=True)
        except Rejected as error:
            return refusal(errors_of(error))
        return Withdrawn()
    variants = hidden_variants(catalogue, ref.external_id) if ref.parent_external_id is None else []
    rows = [{"id": ref.external_id, "active": False}, *(dict(line.row) for line in variants)]
    operation = {"key": "withdraw", "entity": "product", "action": bulk.UPSERT, "payload": rows}
    try:
        answer = client.sync([operation], bulk.FIELD_HEADERS)
    except Rejected as error:
        errors = errors_of(error)
        return refusal(errors, gone=says_new(errors) and catalogue.is_gone(ref.external_id))
    data = answer["data"]
    written = data.get("product") if isinstance(data, dict) else None
    if not isinstance(written, list) or ref.external_id not in written:
        return Unknown("the answer does not name the product as written")
    return Withdrawn()
