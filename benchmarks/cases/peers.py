"""Case 8: reading all products of the same shop with other libraries, and what the naive method would ask for."""

from __future__ import annotations

import json
import subprocess
import sys
from math import ceil
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Figure, Place, median, per
from benchmarks.peers.environments import PEERS, read_with
from benchmarks.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST_FASTER = 5.0
MOST_MEMORY = 0.5
_REPEATS = 3


def measure(place: Place) -> list[Figure]:
    """Read the shop some times with each; its answers are ready-made after the first time."""
    with open_stage(place.folder, place.sizes.middle) as stage:
        stage.shop.control("keep_answers")
        ours = _best(lambda: _ours(str(stage.config)))
        place.say(f"syncd: {ours['rows_per_s']:.0f} rows/s")
        others: dict[str, dict[str, Any]] = {}
        for peer in PEERS:
            read = read_with(peer, stage.shop.url, place.say)
            if read is not None:
                others[peer.name] = _best(read)
                place.say(f"{peer.name}: {others[peer.name]['rows_per_s']:.0f} rows/s")
    figures = [*_figures("syncd", ours), *(each for name, one in others.items() for each in _figures(name, one))]
    if others:
        faster = max(others.values(), key=lambda one: float(one["rows_per_s"]))
        figures += [
            Figure(
                "rows/s, faster peer = 1",
                per(ours["rows_per_s"], faster["rows_per_s"]),
                "",
                LEAST_FASTER,
                at_least=True,
            ),
            Figure("rows per CPU second, faster peer = 1", per(ours["rows_per_cpu_s"], faster["rows_per_cpu_s"])),
            Figure("memory, faster peer = 1", per(ours["peak_mb"], faster["peak_mb"]), "", MOST_MEMORY),
        ]
    return [*figures, *_naive(place.sizes.large)]


def _best(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Medians of some readings, after one that fills what the shop keeps."""
    read()
    found = [read() for _ in range(_REPEATS)]
    return {
        "rows": found[0]["rows"],
        "rows_per_s": median(each["rows"] / each["wall_s"] for each in found),
        "rows_per_cpu_s": median(each["rows"] / each["cpu_s"] for each in found),
        "peak_mb": median(each["peak_mb"] for each in found),
    }


def _ours(config: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.reader", config]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own program
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _figures(name: str, one: dict[str, Any]) -> list[Figure]:
    return [
        Figure(f"{name}: rows per second", one["rows_per_s"], "/s", detail=one),
        Figure(f"{name}: rows per CPU second", one["rows_per_cpu_s"], "/s"),
        Figure(f"{name}: peak memory", one["peak_mb"], "MB"),
    ]


def _naive(items: int) -> list[Figure]:
    """What a connector without feeds asks for in one pass with 1,000 changes: both lists whole, one write per item."""
    changed = min(1_000, items)
    naive = 2 * ceil(items / 100) + changed
    ours = 7 + ceil(changed / 100) - 1 + ceil(changed / 100)
    return [
        Figure("naive method: requests for 1,000 changes", naive),
        Figure("naive method: requests, syncd = 1", per(naive, ours)),
    ]
