"""What a side shows to everybody, asked for without its credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.core.images import LARGEST_BYTES
from syncd.http import HttpSession, OpenFiles, RateBudget, RetryPolicy

if TYPE_CHECKING:
    from syncd.adapters.base import AdapterContext

_LONGEST_SILENCE_S = 15.0
"""Stock waits while images are fetched, and nobody is harmed by one that comes later."""


def open_files(context: AdapterContext, home: str, *, requests_per_second: float, timeout_s: float) -> OpenFiles:
    """Images of a side's products.

    Args:
        context: The adapter's.
        home: Address of the side; images may lie on its host, or on any in the public network.
        requests_per_second: At most.
        timeout_s: Longest silence during one request, up to a quarter of a minute.
    """
    timeout_s = min(timeout_s, _LONGEST_SILENCE_S)
    session = HttpSession(
        side=context.side,
        base_url=home,
        budget=RateBudget(requests_per_second),
        stop=context.stop,
        headers={"Accept": "image/*"},
        timeout_s=timeout_s,
        deadline_s=3 * timeout_s,
        retry=RetryPolicy(attempts=2),
        on_request=context.on_request,
        now=context.now,
        max_body_bytes=LARGEST_BYTES,
        verify=context.trust,
    )
    return OpenFiles(session, home)
