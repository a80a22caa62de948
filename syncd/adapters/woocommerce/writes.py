"""Relative stock writes, each sent once, in as few requests as the shop's routes allow.

Source: woocommerce-api.md sections 4 and 5; recordings 03-inventory-delta and 04-batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from syncd.adapters.woocommerce import mapping
from syncd.adapters.woocommerce.client import NO_ROUTE, WooClient
from syncd.core.model import NotSent, Refused, StockWrite, Unknown, WriteResult
from syncd.errors import InvalidResponse, OutcomeUnknown, Rejected, SideError, Stopped
from syncd.http.session import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

_ANSWER_FIELDS = "id,manage_stock,stock_quantity,meta_data"


class StockWriter:
    """Sends stock writes of one call, grouped by route, one request at a time."""

    def __init__(self, client: WooClient) -> None:
        self._client = client

    def write(self, writes: Sequence[StockWrite]) -> list[WriteResult]:
        """Send each write at most once; results in the same order.

        Products share one request, variations one per parent. After a request without a trustworthy answer, or one
        that did not get through, the rest is left unsent and says so; what the shop has answered is kept.

        Raises:
            SideError: Nothing of this call was applied.
        """
        results: dict[int, WriteResult] = {}
        groups: defaultdict[str | None, list[int]] = defaultdict(list)
        for index, write in enumerate(writes):
            try:
                mapping.write_item(write)
            except ValueError as error:
                results[index] = Refused("fraction", str(error))
            else:
                groups[write.ref.parent_external_id].append(index)
        sent_any, trouble = False, ""
        for parent, members in groups.items():
            if trouble:
                results |= dict.fromkeys(members, NotSent(trouble))
                continue
            group = [writes[index] for index in members]
            try:
                answers = self._send(parent, group)
            except OutcomeUnknown as error:
                trouble = describe(error)
                answers = [Unknown(trouble) for _ in group]
            except Stopped as error:
                trouble = str(error)
                answers = [NotSent(trouble) for _ in group]
            except SideError as error:
                if not sent_any:
                    raise
                trouble = describe(error)
                answers = [NotSent(trouble) for _ in group]
            sent_any = True
            results |= dict(zip(members, answers, strict=True))
        return [results[index] for index in range(len(writes))]

    def _send(self, parent: str | None, group: list[StockWrite]) -> list[WriteResult]:
        base = "products" if parent is None else f"products/{parent}/variations"
        items = [mapping.write_item(write) for write in group]
        try:
            if len(group) == 1:
                answer = self._client.post(f"{base}/{items[0]['id']}", items[0], {"_fields": _ANSWER_FIELDS})
                return [mapping.write_result(answer, group[0])]
            answer = self._client.post(f"{base}/batch", {"update": items})
        except Rejected as error:
            if error.key == NO_ROUTE:
                raise InvalidResponse(error.side, error.request, "the shop does not know this route") from error
            return [mapping.refusal(error.key, error.detail) for _ in group]
        entries = answer.get("update") if isinstance(answer, Mapping) else None
        listed = entries if isinstance(entries, list) else []
        # Same order as sent; an answer that is too short leaves its writes unknown, never refused.
        padded = [*listed, *([None] * len(group))]
        return [mapping.write_result(padded[at], write) for at, write in enumerate(group)]
