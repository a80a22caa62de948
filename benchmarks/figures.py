"""What cases are given and what they return."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from benchmarks.stages import Stages


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured.

    Attributes:
        name: ``full``, ``quick`` or ``smoke``.
        small: Products of the small catalogue.
        middle: Products of the middle one: memory is compared with it, and other libraries read it.
        large: Products of the large one.
        floor: Products of the first sync at real rates and latencies.
        changes: How many items change in the case of changes.
        sales: Sales whose way to the shop is timed.
        movements: Movements of the simulated year.
        repeats: How often short cases are repeated.
        poll_s: Seconds between two polls where the way of a sale is timed.
    """

    name: str
    small: int
    middle: int
    large: int
    floor: int
    changes: int
    sales: int
    movements: int
    repeats: int
    poll_s: float = 5.0


FULL = Sizes("full", 1_000, 7_200, 72_000, 3_600, 1_000, 60, 5_000_000, 9)
QUICK = Sizes("quick", 200, 500, 2_000, 300, 100, 5, 50_000, 5, poll_s=1.0)
SMOKE = Sizes("smoke", 40, 60, 80, 40, 10, 1, 500, 3, poll_s=1.0)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        name: What was measured.
        value: The figure.
        unit: Its unit; empty for a ratio.
        limit: What it should be at most (``at_least``: at least); ``None`` if nothing was promised.
        at_least: See ``limit``.
        detail: What it was made of, for the JSON.
    """

    name: str
    value: float
    unit: str = ""
    limit: float | None = None
    at_least: bool = False
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def reached(self) -> bool | None:
        """Whether it is as good as promised; ``None`` if nothing was."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case works.

    Attributes:
        folder: Its own folder.
        stages: What it shares with other cases.
        sizes: How much is measured.
        say: Tells a person what is under way.
    """

    folder: Path
    stages: Stages
    sizes: Sizes
    say: Callable[[str], None]


def median(values: Iterable[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def quantile(values: Iterable[float], part: float) -> float:
    """The smallest value that ``part`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def per(one: float, other: float) -> float:
    """A ratio; of nothing to nothing it is 1."""
    return one / other if other else 1.0 if not one else float("inf")
