"""HTTP sessions that a test opened by hand, closed with it.

A server that answers once and hangs up may do so a moment after its answer was read. The connection is kept until
then, and a session that nobody closes leaves it to the garbage collector, which complains in a later test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.http import HttpSession

_opened: list[HttpSession] = []


def closed_later(session: HttpSession) -> HttpSession:
    """Have a session closed when the test ends (in ``tests/unit``)."""
    _opened.append(session)
    return session


@pytest.fixture(autouse=True)
def hang_up() -> Iterator[None]:
    """Close what the test opened."""
    yield
    while _opened:
        _opened.pop().close()
