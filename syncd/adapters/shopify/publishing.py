"""Sales channels in which visible products are offered (shopify-api.md section 6: ``ACTIVE`` does not publish)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from syncd.adapters.answers import Row, mapping_of, row_of, text_of
from syncd.adapters.shopify.client import page_of
from syncd.adapters.shopify.library import PUBLICATIONS, PUBLISH
from syncd.adapters.shopify.stock import refused_field
from syncd.adapters.shopify.wire import gid_of, number_in
from syncd.core.model import Refused, Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.adapters.shopify.client import ShopifyClient


class Channels:
    """Offers products in the channels that are configured; asked once which there are."""

    def __init__(self, client: ShopifyClient, wanted: Sequence[str]) -> None:
        self._client = client
        self._wanted = tuple(wanted)
        self._lock = threading.Lock()
        self._known: list[tuple[str, tuple[str, ...]]] | None = None

    @property
    def any(self) -> bool:
        """Whether any is configured."""
        return bool(self._wanted)

    def forget(self) -> None:
        """Ask anew."""
        with self._lock:
            self._known = None

    def missing(self) -> list[str]:
        """Those that are configured and not there, or there more than once."""
        return [name for name in self._wanted if len(self._called(name)) != 1]

    def trouble(self) -> Refused | None:
        """Why nothing can be offered as it is configured.

        Raises:
            SideError, Malformed: The channels could not be read.
        """
        missing = self.missing() if self._wanted else []
        if not missing:
            return None
        there = ", ".join(names[0] for _, names in self._all()) or "none"
        return Refused("no_channel", f"the shop has no sales channel {missing[0]}; there: {there}")

    def publish(self, product: str) -> dict[str, str] | Refused | Unknown:
        """Offer a product; in a channel where it is offered already nothing changes.

        Raises:
            SideError: Nothing was changed. OutcomeUnknown: It may be offered; to repeat it is harmless.
            Malformed: The channels could not be read.
        """
        if not self._wanted:
            return {}
        trouble = self.trouble()
        if trouble is not None:
            return trouble
        given = [{"publicationId": self._called(name)[0]} for name in self._wanted]
        refused = refused_field(self._client.mutate(PUBLISH, {"id": product, "input": given}), "publishablePublish")
        return {} if refused is None else refused

    def _called(self, name: str) -> list[str]:
        wanted = name.strip().casefold()
        return [gid for gid, names in self._all() if wanted in {each.casefold() for each in names}]

    def _all(self) -> list[tuple[str, tuple[str, ...]]]:
        with self._lock:
            if self._known is None:
                self._known = self._read()
            return self._known

    def _read(self) -> list[tuple[str, tuple[str, ...]]]:
        found: list[tuple[str, tuple[str, ...]]] = []
        after: str | None = None
        while True:
            data = self._client.query(PUBLICATIONS, {"after": after}).data
            rows, after = page_of(row_of(data, "publications"))
            found += [(gid_of(row, "Publication"), _names(row)) for row in rows]
            if after is None:
                return found


def _names(row: Row) -> tuple[str, ...]:
    """All that people may call it: its name, that of its catalogue, and its number."""
    catalogue = row.get("catalog")
    title = text_of(mapping_of(catalogue, "catalog"), "title") if catalogue is not None else ""
    number = str(number_in(gid_of(row, "Publication")))
    return tuple(dict.fromkeys(each for each in (text_of(row, "name"), title, number) if each))
