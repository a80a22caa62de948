"""The chart of an item's quantities: where its lines, ticks and words go. Pure; a template draws it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from syncd.core.model import Quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.page.timeline import Line

    _AtX = Callable[[datetime], float]
    _AtY = Callable[[Quantity], float]

_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240)
_DAY_S = 86400
_MONTH_S = 30.44 * _DAY_S


@dataclass(frozen=True, slots=True)
class Frame:
    """Room for a chart, in pixels.

    Attributes:
        name: Makes ids of two charts on one page differ.
        columns: Most ticks of time.
    """

    name: str
    width: int
    height: int
    columns: int
    left: int = 46
    right: int = 14
    top: int = 12
    bottom: int = 38

    @property
    def inner_width(self) -> int:
        """Width of the plot."""
        return self.width - self.left - self.right

    @property
    def floor(self) -> int:
        """Where the plot ends below."""
        return self.height - self.bottom


WIDE = Frame("wide", 860, 320, 7)
NARROW = Frame("narrow", 340, 280, 4)


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis with its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Dot:
    """One change, for whoever points at it."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Curve:
    """One side's line.

    Attributes:
        path: Steps, in the words of SVG: one ``V`` for each change.
    """

    side: str
    path: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """All that is drawn."""

    frame: Frame
    curves: tuple[Curve, ...]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    zero: float | None
    cut_at: str


def draw(lines: Sequence[Line], frame: Frame) -> Chart:
    """Lay out the lines of an item, of which there is at least one."""
    begin = min(line.steps[0].at for line in lines)
    end = max(begin + timedelta(seconds=10), *(line.until for line in lines))
    low, high, unit = _range([step.holds for line in lines for step in line.steps])
    wide_s = (end - begin).total_seconds()

    def x(at: datetime) -> float:
        return round(frame.left + (at - begin).total_seconds() / wide_s * frame.inner_width, 1)

    def y(units: Quantity) -> float:
        share = float((units - low) / (high - low))
        return round(frame.floor - share * (frame.floor - frame.top), 1)

    rows = []
    at = low
    while at <= high:
        rows.append(Tick(y(at), f"{at:f}"))
        at += unit
    return Chart(
        frame=frame,
        curves=tuple(_curve(line, x, y) for line in lines),
        rows=tuple(rows),
        columns=tuple(Tick(x(moment), label) for moment, label in _moments(begin, end, frame.columns)),
        zero=y(Quantity(0)) if low <= 0 <= high else None,
        cut_at=f"{low:f}" if low > 0 else "",
    )


def _curve(line: Line, x: _AtX, y: _AtY) -> Curve:
    first = line.steps[0]
    path = [f"M{x(first.at)} {y(first.holds)}"]
    dots = [Dot(x(first.at), y(first.holds), f"{_moment(first.at)} {line.side}: {first.holds:f}")]
    before = first
    for step in line.steps[1:]:
        path.append(f"H{x(step.at)}V{y(step.holds)}")
        words = f"{_moment(step.at)} {line.side}: {before.holds:f} → {step.holds:f}"
        dots.append(Dot(x(step.at), y(step.holds), words))
        before = step
    path.append(f"H{x(line.until)}")
    return Curve(line.side, "".join(path), tuple(dots))


def _range(values: Sequence[Quantity]) -> tuple[Quantity, Quantity, Quantity]:
    """Lowest and highest whole unit of the axis, and the units between two of its ticks.

    The axis begins at zero unless that would flatten everything that happened.
    """
    low, high = min(values), max(values)
    if low > 0 and (high - low) * 5 >= high:
        low = Quantity(0)
    if low > 0 and high - low < 4:
        low = max(Quantity(0), low - 2)
    high = max(high, low + 4 if low >= 0 else Quantity(0))
    unit = Quantity(1)
    for unit in _round_units():
        if (high - low) / unit <= 6:
            break
    low = (low / unit).to_integral_value(ROUND_FLOOR) * unit
    return low, max((high / unit).to_integral_value(ROUND_CEILING) * unit, low + unit), unit


def _round_units() -> list[Quantity]:
    return [Quantity(figure * 10**power) for power in range(15) for figure in (1, 2, 5)]


def _moments(begin: datetime, end: datetime, most: int) -> list[tuple[datetime, str]]:
    """Round moments between two, local time, at most so many, with what to call each."""
    begin, end = begin.astimezone(), end.astimezone()
    wide_s = (end - begin).total_seconds()
    for step_s in _SECONDS:
        if wide_s / step_s <= most:
            return _clock_times(begin, end, step_s)
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    for days in _DAYS:
        if wide_s / _DAY_S / days <= most:
            dates = (midnight + timedelta(days=days * number) for number in range(most + 3))
            return [(at, f"{at.day} {at:%b}") for at in dates if begin <= at <= end]
    for months in _MONTHS:
        if wide_s / _MONTH_S / months <= most:
            return _month_starts(midnight.replace(day=1), begin, end, months)
    return [(begin, f"{begin.year}"), (end, f"{end.year}")]


def _clock_times(begin: datetime, end: datetime, step_s: int) -> list[tuple[datetime, str]]:
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + timedelta(seconds=((begin - midnight).total_seconds() // step_s + 1) * step_s)
    moments, shown = [], None
    while at <= end:
        clock = f"{at:%H:%M:%S}" if step_s < 60 else f"{at:%H:%M}"
        # A second line: the date, where it is another one than before.
        moments.append((at, clock if at.date() == shown else f"{clock}\n{at.day} {at:%b}"))
        shown = at.date()
        at += timedelta(seconds=step_s)
    return moments


def _month_starts(at: datetime, begin: datetime, end: datetime, months: int) -> list[tuple[datetime, str]]:
    moments, shown = [], None
    at = at.replace(month=(at.month - 1) // min(months, 12) * min(months, 12) + 1)
    while at <= end:
        if at >= begin:
            moments.append((at, f"{at:%b}" if at.year == shown else f"{at:%b}\n{at.year}"))
            shown = at.year
        month = at.month - 1 + months
        at = at.replace(year=at.year + month // 12, month=month % 12 + 1)
    return moments


def _moment(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def summary(lines: Sequence[Line]) -> str:
    """The chart in words, for whoever cannot see it."""
    parts = []
    for line in lines:
        values = [step.holds for step in line.steps]
        if line.changes:
            times = "once" if line.changes == 1 else f"{line.changes} times"
            parts.append(
                f"{line.side} changed {times}, from {values[0]:f} to {values[-1]:f}, "
                f"between {min(values):f} and {max(values):f}"
            )
        else:
            parts.append(f"{line.side} held {values[0]:f} throughout")
    begin, end = min(line.steps[0].at for line in lines), max(line.until for line in lines)
    return f"From {_moment(begin)} to {_moment(end)}: {'; '.join(parts)}."


@dataclass(frozen=True, slots=True)
class Row:
    """What all sides held from one moment on; ``None``: not known yet."""

    at: datetime
    holds: tuple[Decimal | None, ...]


def table(lines: Sequence[Line]) -> list[Row]:
    """The chart as a table, newest first: one row for each moment at which something changed."""
    held: list[Decimal | None] = [None] * len(lines)
    steps = sorted(
        ((step.at, number, step.holds) for number, line in enumerate(lines) for step in line.steps),
        key=lambda each: each[0],
    )
    rows: list[Row] = []
    for at, number, holds in steps:
        held[number] = holds
        if rows and rows[-1].at == at:
            rows.pop()
        rows.append(Row(at, tuple(held)))
    rows.reverse()
    return rows
