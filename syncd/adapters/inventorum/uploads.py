"""Images for products that are made at the till: uploaded first, then named by the product (sections 8.1 and 10).

An image whose product is not made stays at the till unseen, and is used by the next try. Nothing lists such images, so
one whose answer was lost cannot be found again, and after a restart none is known any more.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from syncd.adapters.inventorum import booking
from syncd.adapters.inventorum.wire import Fields, Where
from syncd.core.model import Refused
from syncd.errors import InvalidResponse, OutcomeUnknown, PermissionMissing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syncd.adapters.inventorum.client import InventorumClient
    from syncd.core.images import Image

_TAKEN = frozenset({"png", "jpg", "gif"})
"""WebP is refused (section 10 [odoo client])."""
_MOST_UNUSED = 2000
_BUDGET_S = 60.0
"""How long the images of one product are uploaded: stock waits meanwhile."""
_RIGHT = "images:create"


class Uploads:
    """Uploads images; one that no product came to use is used by the next try. Safe to use from several threads."""

    def __init__(self, client: InventorumClient) -> None:
        self._client = client
        self._unused: defaultdict[str, list[int]] = defaultdict(list)
        self._sent: dict[str, list[tuple[str, int]]] = {}
        self._lock = threading.Lock()

    def prepare(self, images: Sequence[Image]) -> list[Refused | None]:
        """Have images at the till, each once more if it is there twice; why one is not, in the same order.

        Raises:
            SideError: The till takes nothing now; what it has taken is used by the next try.
        """
        ready: list[tuple[str, int]] = []
        refused: list[Refused | None] = []
        until = time.monotonic() + _BUDGET_S
        try:
            for image in images:
                found = self._one(image, until)
                refused.append(found if isinstance(found, Refused) else None)
                if not isinstance(found, Refused):
                    ready.append((image.digest, found))
        finally:
            self._put_back(ready)
        return refused

    def take(self, mark: str, images: Iterable[Image]) -> list[int | Refused]:
        """The id at the till of each image, or why it has none; for what is about to be sent with a mark.

        Raises:
            SideError: The till takes nothing now; no product was touched.
        """
        taken = self._sent.setdefault(mark, [])
        ids: list[int | Refused] = []
        until = time.monotonic() + _BUDGET_S
        try:
            for image in images:
                found = self._one(image, until)
                ids.append(found)
                if not isinstance(found, Refused):
                    taken.append((image.digest, found))
        except BaseException:
            self.give_back(mark)
            raise
        return ids

    def give_back(self, mark: str) -> None:
        """What was sent with a mark made no product: its images are there for the next try."""
        self._put_back(self._sent.pop(mark, []))

    def used(self, mark: str) -> None:
        """What was sent with a mark made a product, or nobody knows."""
        self._sent.pop(mark, None)

    def _put_back(self, ready: Iterable[tuple[str, int]]) -> None:
        with self._lock:
            left = _MOST_UNUSED - sum(map(len, self._unused.values()))
            for digest, number in list(ready)[: max(0, left)]:
                self._unused[digest].append(number)

    def _taken(self, digest: str) -> int | None:
        with self._lock, suppress(IndexError):
            return self._unused[digest].pop(0)
        return None

    def _one(self, image: Image, until: float) -> int | Refused:
        kind = image.kind
        if kind is None or kind[1] not in _TAKEN:
            what = "WebP" if kind else "no image"
            return Refused("image_not_taken", f"the till takes PNG, JPEG and GIF, and this is {what}")
        kept = self._taken(image.digest)
        if kept is not None:
            return kept
        if time.monotonic() > until:
            return Refused("upload_too_slow", f"the images of a product have {_BUDGET_S:.0f} s, and they are over")
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
