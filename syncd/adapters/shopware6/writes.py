"""Stock writes: a listing is set to what it is to hold; there is no difference to add (shopware6-api.md section 4).

The engine reads each listing just before and just after, and finds orders that came in between by their documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.adapters.shopware6 import bulk
from syncd.core.model import Applied, NotSent, Refused, StockWrite, Unknown, WriteResult
from syncd.errors import SideError, Stopped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.adapters.shopware6.bulk import PartResult
    from syncd.adapters.shopware6.catalogue import Catalogue
    from syncd.adapters.shopware6.client import ShopClient, ShopError

BLANK = "c1051bb4-d103-4f74-8988-acbcafc7fdc3"
"""Code of "must not be blank"."""

_LARGEST = 2**31 - 1


class StockWriter:
    """Sends stock writes of one call in one request."""

    def __init__(self, client: ShopClient, catalogue: Catalogue) -> None:
        self._client = client
        self._catalogue = catalogue

    def write(self, writes: Sequence[StockWrite]) -> list[WriteResult]:
        """Set each listing to what is expected after its write.

        Raises:
            SideError: Nothing of this call was applied.
        """
        parts: dict[int, bulk.Part] = {}
        results: dict[int, WriteResult] = {}
        for at, write in enumerate(writes):
            units = write.expected_after
            if units != units.to_integral_value():
                results[at] = Refused("fraction", f"Shopware counts whole units; {units} is none")
            elif abs(units) > _LARGEST:
                results[at] = Refused("too_large", f"Shopware cannot hold {units} units")
            else:
                row = {"id": write.ref.external_id, "stock": int(units)}
                parts[at] = bulk.Part([bulk.Line("product", row)], write.ref.external_id)
        for at, result in zip(parts, bulk.send(self._client, list(parts.values()), bulk.STOCK_HEADERS), strict=True):
            results[at] = self._result(result, writes[at])
        return [results[at] for at in range(len(writes))]

    def _result(self, result: PartResult, write: StockWrite) -> WriteResult:
        match result:
            case bulk.Taken():
                return Applied(None)
            case bulk.Declined(errors=errors):
                return declined(errors, self._catalogue, write.ref.external_id)
            case Unknown() | NotSent():
                return result


def says_new(errors: Sequence[ShopError]) -> bool:
    """Whether the shop took an update for an insertion, which it does if there is no row with that id.

    Only an insertion needs a tax, and no update of ours empties one.
    """
    return any(error.code == BLANK and error.pointer.endswith(("/taxId", "/productNumber")) for error in errors)


def declined(errors: Sequence[ShopError], catalogue: Catalogue, product_id: str) -> Refused | NotSent:
    """What becomes of a write that was not applied. It never raises: others of the same call may have been applied."""
    try:
        return refusal(errors, gone=says_new(errors) and catalogue.is_gone(product_id))
    except (SideError, Stopped) as error:
        return NotSent(f"the shop refused it and did not say whether the product is there: {error}")


def refusal(errors: Sequence[ShopError], *, gone: bool = False) -> Refused:
    """What the shop says of one write."""
    if gone:
        return Refused("not_found", "the shop does not have it any more", gone=True)
    told = []
    for error in errors[:5]:
        field = error.pointer.rpartition("/")[2]
        told.append(f"{field}: {error.detail}" if field and not field.isdigit() else error.detail)
    code = errors[0].code if errors else "refused"
    return Refused(code or "refused", "; ".join(dict.fromkeys(told)) or "the shop refused it")
