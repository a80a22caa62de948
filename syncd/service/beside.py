"""Work on a side that is not stock: that it cannot be done is a finding and no failure, the pass was good for stock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from loguru import logger

from syncd.errors import SideError
from syncd.service.findings import Found, close_finding, open_finding, open_kinds

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.service.side import SideContext

FIELDS, PRODUCTS, WITHDRAWALS = "fields_not_written", "products_not_made", "products_not_withdrawn"

_ADVICE = "`syncd check` tries the rights of the token or key. It is tried again after a minute; stock goes on."


@dataclass(slots=True)
class BesideStock:
    """Remembers what failed on one side, by the kind of its finding, and leaves it alone for ``in_doubt``."""

    side: SideContext
    rest_until: dict[str, datetime] = field(default_factory=dict)

    def do(self, kind: str, work: Callable[[], None]) -> None:
        """Do it, unless it rests; whatever the side says no to is told and tried again later."""
        side = self.side
        if self.rests(kind):
            return
        try:
            work()
        except SideError as error:
            self.rest_until[kind] = side.now() + side.in_doubt
            with side.db.write() as session:
                open_finding(session, replace(_found(kind, side.name, error), side_id=side.id), side.now())
            logger.bind(side=side.name, kind=kind, error=str(error)).debug("side.failed_beside_stock")
            return
        self.rest_until.pop(kind, None)
        with side.db.read() as session:
            was_open = bool(open_kinds(session, side.name, (kind,)))
        if was_open:
            with side.db.write() as session:
                close_finding(session, kind, side.name, side.now())

    def rests(self, kind: str) -> bool:
        """Whether it failed a moment ago."""
        until = self.rest_until.get(kind)
        return until is not None and self.side.now() < until


def _found(kind: str, side: str, error: SideError) -> Found:
    if kind == FIELDS:
        message = f"{side}: fields of products cannot be written: {error.detail}"
        return Found(kind="fields_not_written", subject=side, message=message, advice=_ADVICE)
    if kind == PRODUCTS:
        message = f"{side}: new products cannot be made: {error.detail}"
        return Found(kind="products_not_made", subject=side, message=message, advice=_ADVICE)
    message = f"{side}: products that were deleted at the till cannot be withdrawn: {error.detail}"
    return Found(kind="products_not_withdrawn", subject=side, message=message, advice=_ADVICE)
