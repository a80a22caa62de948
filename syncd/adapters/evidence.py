"""Documents of sides as evidence: what all adapters do with them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from syncd.core.model import StockEvent


def by_our_clock(events: Iterable[StockEvent], ahead: timedelta) -> list[StockEvent]:
    """Take off what the side's clock is ahead of ours: evidence is compared with times of ours."""
    return [
        replace(
            event,
            occurred_at=event.occurred_at - ahead,
            began_at=event.began_at - ahead if event.began_at is not None else None,
        )
        for event in events
    ]
