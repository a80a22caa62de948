"""What an operation of the Admin API is."""

from __future__ import annotations

from dataclasses import dataclass

PAGE = "pageInfo { hasNextPage endCursor }"
"""What every connection is asked for beside its rows."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A text with its name; ``write`` for mutations; ``points`` are a first guess of its cost, until the shop tells."""

    name: str
    text: str
    write: bool = False
    points: float = 10.0
