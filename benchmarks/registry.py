"""The cases: what each measures, and the figures that it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.cases import audit, changes, delay, first_sync, floor, peers, quiet, year

if TYPE_CHECKING:
    from benchmarks.figures import Figure, Place

Measure = Callable[["Place"], list["Figure"]]


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        name: What `--only` calls it.
        title: Heading in the table.
        measure: Runs it; returns its figures.
        in_quick: Whether `make bench-quick` has it.
    """

    name: str
    title: str
    measure: Measure = field(repr=False)
    in_quick: bool = True


CASES = (
    Case("first", "First sync, no limits", first_sync.measure),
    Case("quiet", "Quiet cycle", quiet.measure),
    Case("changes", "Changes both ways", changes.measure),
    Case("delay", "From the till to the shop", delay.measure),
    Case("audit", "Sweep and audit", audit.measure),
    Case("floor", "First sync at real rates", floor.measure),
    Case("year", "A year of movements", year.measure),
    Case("peers", "Reading beside other libraries", peers.measure, in_quick=False),
)


def chosen(names: tuple[str, ...], *, quick: bool) -> list[Case]:
    """The cases of these names, or all that belong to the run.

    Raises:
        KeyError: There is no case of that name.
    """
    known = {case.name: case for case in CASES}
    if names:
        return [known[name] for name in names]
    return [case for case in CASES if case.in_quick or not quick]
