"""Images for products that are made at the till: uploaded first, then named by the product (sections 8.1 and 10).

An image whose product is not made in the end stays at the till unseen. Nothing lists such images, so one whose answer
was lost cannot be found again.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from syncd.adapters.inventorum import booking
from syncd.adapters.inventorum.wire import Fields, Where
from syncd.core.model import Refused
from syncd.errors import InvalidResponse, OutcomeUnknown, PermissionMissing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.adapters.inventorum.client import InventorumClient
    from syncd.core.images import Image

_TAKEN = frozenset({"png", "jpg", "gif"})
"""WebP is refused (section 10 [odoo client])."""
_MOST_UNUSED = 200
_RIGHT = "images:create"


class Uploads:
    """Uploads images; one that no product came to use is used by the next try. Safe to use from several threads."""

    def __init__(self, client: InventorumClient) -> None:
        self._client = client
        self._unused: dict[str, int] = {}
        self._lock = threading.Lock()

    def bring(self, images: Iterable[Image]) -> list[int | Refused]:
        """The id at the till of each image, or why it has none.

        Raises:
            SideError: The till takes nothing now; no product was touched.
        """
        return [self._one(image) for image in images]

    def keep(self, images: Iterable[Image], ids: Iterable[int | Refused]) -> None:
        """No product was made with them: they are there for the next try."""
        with self._lock:
            for image, number in zip(images, ids, strict=True):
                if not isinstance(number, Refused) and len(self._unused) < _MOST_UNUSED:
                    self._unused[image.digest] = number

    def _one(self, image: Image) -> int | Refused:
        kind = image.kind
        if kind is None or kind[1] not in _TAKEN:
            what = "WebP" if kind else "no image"
            return Refused("image_not_taken", f"the till takes PNG, JPEG and GIF, and this is {what}")
        with self._lock:
            kept = self._unused.pop(image.digest, None)
        if kept is not None:
            return kept
        try:
            reply = self._client.upload_image(f"{image.digest[:32]}.{kind[1]}", image.content, kind[0])
            if reply.status in {200, 201}:
                return int(Fields(reply.json(), Where(reply.side, reply.request)).identifier("id"))
            refusal = booking.refused(reply, _RIGHT)
        except PermissionMissing as error:
            return Refused("no_right", error.detail)
        except (OutcomeUnknown, InvalidResponse) as error:
            return Refused("upload_failed", error.detail)
        return refusal if isinstance(refusal, Refused) else Refused("upload_failed", refusal.reason)
