"""Lets the suite's assertions explain themselves, as those of test files do."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "tests.conformance.promises_reading",
    "tests.conformance.promises_changes",
    "tests.conformance.promises_writing",
    "tests.conformance.promises_faults",
    "tests.conformance.reading",
)
