"""Fixtures of the unit tests."""

from __future__ import annotations

from tests.support.sessions import hang_up

__all__ = ["hang_up"]
