"""Taking products from customers (shopify-api.md section 6). There is no trash: what is deleted is gone for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.adapters.answers import Malformed
from syncd.adapters.shopify.fields import updated
from syncd.adapters.shopify.mapping import Unit, is_seen
from syncd.adapters.shopify.operations import DELETE_PRODUCT, DELETE_VARIANTS, UPDATE_PRODUCT
from syncd.adapters.shopify.stock import refused_field
from syncd.core.model import Refused, RemoteListing, Unknown
from syncd.core.products import Way, Withdrawn
from syncd.errors import Rejected

if TYPE_CHECKING:
    from syncd.adapters.shopify.catalogue import Catalogue
    from syncd.adapters.shopify.client import ShopifyClient
    from syncd.core.model import ListingRef
    from syncd.core.products import WithdrawResult


def withdraw(client: ShopifyClient, catalogue: Catalogue, ref: ListingRef, way: Way) -> WithdrawResult:
    """Look, then send it once. A product that customers do not see any more is left as it is.

    Raises:
        SideError: Nothing happened. OutcomeUnknown: It may have happened.
        Malformed: The look failed, nothing was sent.
    """
    found = catalogue.look([ref])[ref.external_id]
    if found is None:
        return Refused("not_found", "the shop does not have it any more", gone=True)
    try:
        return _deleted(client, found) if way is Way.DELETE else _hidden(client, found)
    except Rejected as error:
        return Refused(error.key or "refused", error.detail)


def _hidden(client: ShopifyClient, found: Unit | RemoteListing) -> WithdrawResult:
    listing = found.listing if isinstance(found, Unit) else found
    if not listing.published:
        return Withdrawn()
    if listing.ref.parent_external_id is not None:
        return Refused("not_possible", "the shop hides products, and no single variation of one")
    product = listing.ref.external_id
    answer = client.mutate(UPDATE_PRODUCT, {"product": {"id": product, "status": "DRAFT"}})
    refused = refused_field(answer, "productUpdate")
    if refused is not None:
        return refused
    try:
        seen = is_seen(updated(answer.data, product))
    except Malformed as error:
        return Unknown(f"the answer cannot be read: {error}")
    return Refused("ignored", "the shop answers as if it had done it, and shows it still") if seen else Withdrawn()


def _deleted(client: ShopifyClient, found: Unit | RemoteListing) -> WithdrawResult:
    listing = found.listing if isinstance(found, Unit) else found
    if listing.ref.parent_external_id is None:
        answer = client.mutate(DELETE_PRODUCT, {"input": {"id": listing.ref.external_id}})
        return refused_field(answer, "productDelete") or Withdrawn()
    variables = {"product": listing.ref.parent_external_id, "variants": [listing.ref.external_id]}
    return refused_field(client.mutate(DELETE_VARIANTS, variables), "productVariantsBulkDelete") or Withdrawn()
