"""What was measured, as a table for people and as JSON for comparison with another run."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.figures import Figure
    from benchmarks.registry import Case

_LIBRARIES = ("sqlalchemy", "httpx", "pydantic", "loguru")
_ROUNDS = 300_000


def facts() -> dict[str, Any]:
    """Machine, versions and commit."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        },
        "versions": {
            "syncd": version("syncd"),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            **{name: version(name) for name in _LIBRARIES},
        },
    }


def condition() -> dict[str, float]:
    """How busy the machine is and how fast a fixed loop runs on it: figures of two runs compare only if these do."""
    began = time.process_time()
    total = 0
    for number in range(_ROUNDS):
        total += number % 7
    return {"load": os.getloadavg()[0], "loop_ms": 1000 * (time.process_time() - began)}


def table(found: Mapping[Case, Sequence[Figure]]) -> str:
    """A table in Markdown, to be pasted into docs/performance.md."""
    lines = ["| Case | Figure | Measured | To reach |", "| --- | --- | --- | --- |"]
    for case, figures in found.items():
        for number, figure in enumerate(figures):
            title = case.title if number == 0 else ""
            lines.append(f"| {title} | {figure.name} | {_value(figure)} | {_limit(figure)} |")
    return "\n".join(lines)


def document(
    found: Mapping[Case, Sequence[Figure]], took: Mapping[Case, float], about: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything, for the JSON file."""
    cases = {
        case.name: {
            "title": case.title,
            "seconds": round(took[case], 1),
            "figures": [{**asdict(figure), "reached": figure.reached} for figure in figures],
        }
        for case, figures in found.items()
    }
    return {**about, "cases": cases}


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write the JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, default=str) + "\n", "utf-8")


def _value(figure: Figure) -> str:
    value = figure.value
    text = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    return f"{text} {figure.unit}".strip()


def _limit(figure: Figure) -> str:
    if figure.limit is None:
        return ""
    word = "at least" if figure.at_least else "at most"
    return f"{word} {figure.limit:g} {figure.unit}".strip() + (": reached" if figure.reached else ": **not reached**")


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607 - whichever git is there
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
