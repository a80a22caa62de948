"""The conformance suite for adapters, to be run by any package against its own server (needs pytest).

A test class that inherits from ``SideAdapterSuite`` has a test for each promise of ``syncd.adapters.base``. It is given
a ``SideDriver``: what people do on the side, what it really holds, and the network in between. ``WireSide`` is most of
a driver for a server of ``syncd.simulators.server``. docs/adapters.md shows how.
"""

import pytest

# Before they are imported: their assertions explain themselves as those of test files do.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.promises_{name}"
        for name in ("reading", "changes", "writing", "absolute", "fields", "images", "making", "withdrawing", "faults")
    ),
    f"{__name__}.reading",
)
