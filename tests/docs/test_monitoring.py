"""The table of metrics, the alerts and the dashboard know the metrics that the code exports, and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from syncd.service.freshness import NEEDS_PERSON, NEEDS_TOKEN
from syncd.service.metrics import METRICS
from tests.docs.pages import ROOT, table

PAGE = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
ALERTS = (ROOT / "docs" / "alerts.yml").read_text("utf-8")
DASHBOARD: dict[str, Any] = json.loads((ROOT / "docs" / "grafana.json").read_text("utf-8"))

ANYWHERE = {"job", "instance"}
"""Labels that Prometheus adds by itself."""


def rules() -> Iterator[str]:
    yield from re.findall(r"^ +expr: (.+)$", ALERTS, re.MULTILINE)


def panels() -> Iterator[str]:
    yield from (target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])


def complaint(query: str) -> str:
    """What is wrong with a query; empty if nothing is, as far as names go."""
    used = re.findall(r"\bsyncd_\w+", query)
    unknown = [name for name in used if name not in METRICS]
    if unknown:
        return f"unknown: {unknown}"
    if not used and "process_" not in query and "up{" not in query:
        return "names no metric"
    known = {label for name in used for label in METRICS[name].labels} | ANYWHERE
    grouped = [label.strip() for group in re.findall(r"\bby \(([^)]*)\)", query) for label in group.split(",")]
    filtered = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!=|=)", query)
    wrong = [label for label in (*grouped, *filtered) if label not in known]
    counters = [name for name in used if name.endswith("_total")]
    if any(not re.search(rf"(?:rate|increase)\({name}\b", query) for name in counters):
        return "a counter without rate() or increase()"
    return f"no such label: {wrong}" if wrong else ""


def test_the_table_names_every_metric_with_its_labels_and_no_other() -> None:
    listed = {name.strip("`"): tuple(filter(None, labels.split(", "))) for name, labels, _ in table(PAGE, "## Metrics")}
    assert listed == {name: kind.labels for name, kind in METRICS.items()}


@pytest.mark.parametrize("query", [*rules(), *panels()])
def test_queries_ask_for_what_there_is(query: str) -> None:
    assert complaint(query) == ""


def test_the_rules_cover_what_makes_the_verdict_and_all_can_be_found() -> None:
    names = re.findall(r"^ +- alert: (\w+)$", ALERTS, re.MULTILINE)
    assert len(names) == len(set(names)) == len(list(rules()))
    (asked,) = re.findall(r'kind=~"([^"]+)"', ALERTS)
    assert set(asked.split("|")) == {*NEEDS_PERSON, *NEEDS_TOKEN}


def test_the_dashboard_is_laid_out() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places) > 10
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in DASHBOARD["panels"])


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("syncd_healthy", ""),
        ("syncd_never", "unknown"),
        ('syncd_side_stale{direction="read"}', ""),
        ('syncd_side_stale{way="read"}', "no such label"),
        ("sum by (kind) (syncd_side_stale)", "no such label"),
        ("rate(syncd_writes_total[5m])", ""),
        ("syncd_writes_total", "a counter"),
        ("1 + 1", "names no metric"),
    ],
)
def test_this_test_sees_what_it_looks_for(query: str, wrong: str) -> None:
    assert complaint(query).startswith(wrong)
    assert bool(complaint(query)) == bool(wrong)
