from __future__ import annotations

from tests.crash.conftest import sqlite_stage, stage

__all__ = ["sqlite_stage", "stage"]
