"""The benchmarks run, at the smallest size: what they measure there says nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.figures import Figure, per, quantile
from benchmarks.registry import CASES, chosen
from benchmarks.report import document, table

ROOT = Path(__file__).parents[2]


def test_cases_run_and_say_what_they_found(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    command = [sys.executable, "-m", "benchmarks", "--size", "smoke", "--only", "first", "--only", "year"]
    done = subprocess.run(
        [*command, "--json", str(file), "--folder", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "SYNCD_TEST_POSTGRES": "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    assert set(found["cases"]) == {"first", "year"}
    figures = {each["name"]: each for each in found["cases"]["first"]["figures"]}
    items = figures["items linked and aligned"]
    assert items["detail"]["confirmed"] == items["value"] > 70
    assert figures["statements per item"]["value"] < 15
    assert {"machine", "versions", "commit", "before", "after"} <= set(found)
    assert "| First sync, no limits | items linked and aligned |" in done.stdout
    assert "an index" not in done.stderr


def test_a_figure_knows_whether_it_was_reached() -> None:
    assert Figure("time", 1.0, "s", 1.0).reached
    assert not Figure("time", 1.1, "s", 1.0).reached
    assert not Figure("speed", 4.9, "/s", 5.0, at_least=True).reached
    assert Figure("time", 1.0).reached is None


def test_the_table_says_what_was_not_reached() -> None:
    found = {CASES[0]: [Figure("CPU", 61.0, "s", 60.0), Figure("memory", 1.25, "", 1.3), Figure("items", 72_000)]}
    lines = table(found).splitlines()
    assert lines[2:] == [
        "| First sync, no limits | CPU | 61 s | at most 60 s: **not reached** |",
        "|  | memory | 1.25 | at most 1.3: reached |",
        "|  | items | 72,000 |  |",
    ]
    assert document(found, {CASES[0]: 1.0}, {})["cases"]["first"]["figures"][0]["reached"] is False


def test_sums() -> None:
    assert quantile(range(1, 101), 0.95) == 96
    assert quantile([3.0], 0.95) == 3.0
    assert per(0, 0) == 1
    assert per(3, 2) == 1.5


def test_cases_are_chosen_by_name_or_by_the_run() -> None:
    assert [case.name for case in chosen(("year",), quick=True)] == ["year"]
    assert {case.name for case in chosen((), quick=False)} - {case.name for case in chosen((), quick=True)} == {"peers"}
    with pytest.raises(KeyError):
        chosen(("nothing",), quick=False)
