"""Batch requests: at most 100 items, one after the other, each with its own error (seen, 04-batch)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.simulators.woocommerce import php
from syncd.simulators.woocommerce.problems import ApiError

if TYPE_CHECKING:
    from syncd.simulators.server import SimResponse
    from syncd.simulators.woocommerce.call import Call

Item = dict[str, Any]
BATCH_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Batch:
    """What a route does for one item of each list; the items are not validated."""

    create: Callable[[Item], Item]
    update: Callable[[Item], Item]
    delete: Callable[[int], Item]

    def run(self, call: Call) -> SimResponse:
        """Create, update, delete, in this order.

        Raises:
            ApiError: 413 for more than 100 items; nothing is done then.
        """
        lists = {name: php.as_list(call.body.get(name)) for name in ("create", "update", "delete")}
        if sum(len(items) for items in lists.values()) > BATCH_LIMIT:
            message = f"Unable to accept more than {BATCH_LIMIT} items for this request."
            raise ApiError(413, "woocommerce_rest_request_entity_too_large", message)
        done: dict[str, list[Item]] = {}
        for name, items in lists.items():
            if items:
                done[name] = [self._one(name, item) for item in items]
        return call.reply(done or [])

    def _one(self, name: str, item: Any) -> Item:
        values = item if isinstance(item, dict) else {}
        known: Any = php.intval(item) if name == "delete" else values.get("id")
        try:
            match name:
                case "create":
                    known = 0
                    return self.create(values)
                case "update":
                    return self.update(values)
                case _:
                    return self.delete(known)
        except ApiError as error:
            return {"id": known, "error": error.body()}
