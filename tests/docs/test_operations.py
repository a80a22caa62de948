"""The table of operations covers every kind of finding, exit code, alert and event of trouble, each once."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.docs.pages import ROOT, table
from tests.docs.test_findings import PACKAGE, exit_codes, opened_kinds, trees

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
HEADING = "## What you see, what it means, what to do"
ALERTS = (ROOT / "docs" / "alerts.yml").read_text("utf-8")

NOT_OF_THE_SERVICE = {"simulators", "testing", "demo"}
_TROUBLE = {"warning", "error"}
_AS_LEVEL = {"finding.opened"}
"""Logged at the level of the finding, which is in the table itself."""


def events() -> set[str]:
    """Names of log lines that are warnings or errors."""
    found = set()
    for path, tree in trees(PACKAGE):
        if path.relative_to(PACKAGE).parts[0] in NOT_OF_THE_SERVICE:
            continue
        found |= set(events_in(tree))
    return found - _AS_LEVEL


def events_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
            continue
        said = node.args[0]
        loud = node.func.attr in _TROUBLE | {"exception"}
        if loud and isinstance(said, ast.Constant) and re.fullmatch(r"[a-z]\w*\.\w+", str(said.value)):
            yield str(said.value)


def names() -> list[str]:
    return [name for cells in table(PAGE, HEADING) for name in re.findall(r"`([^`]+)`", cells[3])]


def test_every_name_under_which_trouble_is_met_is_in_one_row() -> None:
    alerts = re.findall(r"- alert: (\w+)$", ALERTS, re.MULTILINE)
    met = {*opened_kinds(PACKAGE), *map(str, exit_codes()), *alerts, *events()}
    assert sorted(names()) == sorted(met)


def test_every_row_says_what_is_seen_what_it_means_and_what_to_do() -> None:
    for cells in table(PAGE, HEADING):
        assert len(cells) == 4, cells
        assert all(cells) or cells[0] == "All is well", cells


def test_this_test_sees_events() -> None:
    tree = ast.parse(
        "logger.bind(a=1).warning('a.one')\nlog.error('b.two')\nlogger.exception('c.three')\n"
        "logger.info('d.four')\nlog.warning(f'{x}')\nprint('e.five')\n"
    )
    assert set(events_in(tree)) == {"a.one", "b.two", "c.three"}
