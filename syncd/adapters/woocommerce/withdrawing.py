"""Taking products from customers (woocommerce-api.md section 3; recording 06-deletion)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from syncd.adapters.woocommerce import mapping
from syncd.core.model import Refused, Unknown
from syncd.core.products import Way, Withdrawn
from syncd.errors import NotFound, Rejected

if TYPE_CHECKING:
    from syncd.adapters.woocommerce.client import WooClient
    from syncd.core.model import ListingRef
    from syncd.core.products import WithdrawResult

_ALREADY_TRASHED = "woocommerce_rest_already_trashed"
_HIDDEN_PRODUCT, _HIDDEN_VARIATION = "draft", "private"


def withdraw(client: WooClient, ref: ListingRef, way: Way) -> WithdrawResult:
    """Send it once. A product goes into the trash, from where it can be restored; for variations there is none.

    Raises:
        SideError: Nothing happened. OutcomeUnknown: It may have happened.
    """
    product = ref.parent_external_id is None
    base = "products" if product else f"products/{ref.parent_external_id}/variations"
    route = f"{base}/{ref.external_id}"
    hidden = _HIDDEN_PRODUCT if product else _HIDDEN_VARIATION
    try:
        if way is Way.DELETE:
            answer = client.delete(route, None if product else {"force": "true"})
        else:
            answer = client.post(route, {"status": hidden}, {"_fields": "id,status"})
    except (Rejected, NotFound) as error:
        return Withdrawn() if error.key == _ALREADY_TRASHED else mapping.refusal(error.key, error.detail)
    if not isinstance(answer, Mapping) or str(answer.get("id")) != ref.external_id:
        return Unknown("the answer is about another product")
    if way is Way.UNPUBLISH and answer.get("status") != hidden:
        return Refused(
            "ignored", f"the shop answers as if it had done it, and shows the status {answer.get('status')!r}"
        )
    return Withdrawn()
