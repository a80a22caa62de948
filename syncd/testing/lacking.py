"""A promise that a side cannot keep is skipped for a reason that its adapter states, or it is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from syncd.testing.side import SideDriver


def lacking(side: SideDriver, name: str, what: str) -> NoReturn:
    """Skip a promise.

    Args:
        side: The side under test.
        name: What it lacks, as ``Capabilities``, ``Traits`` or the list of fields call it.
        what: The same in words.
    """
    why = side.adapter.capabilities.why_not.get(name)
    if not why:
        pytest.fail(f"{what}, and the adapter does not say why the platform cannot: Capabilities.why_not[{name!r}]")
    pytest.skip(f"{what}: {why}")
