"""docs/findings.md has every finding and every exit code of the program, and no others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import ROOT, table

PACKAGE = ROOT / "syncd"
PAGE = (ROOT / "docs" / "findings.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")


def documented() -> list[str]:
    return [cells[0].strip("`") for cells in table(PAGE, "## Findings")]


def trees(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        if path.is_relative_to(PACKAGE / "testing"):
            continue  # its ``Found`` is what a read of a side found
        yield path, ast.parse(path.read_text("utf-8"))


def opened_kinds(folder: Path) -> set[str]:
    """Kinds of every ``Found(...)``: given as text, or as a variable that the same function sets to texts."""
    kinds: set[str] = set()
    for path, tree in trees(folder):
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Found":
                    found = kinds_of(call, function)
                    assert found, f"{path}:{call.lineno}: this test cannot see which kind is opened"
                    kinds |= found
    return kinds


def kinds_of(call: ast.Call, function: ast.FunctionDef) -> set[str]:
    kind = next((word.value for word in call.keywords if word.arg == "kind"), call.args[0] if call.args else None)
    if isinstance(kind, ast.Constant):
        return {str(kind.value)}
    if not isinstance(kind, ast.Name):
        return set()
    return {text for node in ast.walk(function) if isinstance(node, ast.Assign) for text in texts_for(kind.id, node)}


def texts_for(name: str, node: ast.Assign) -> Iterator[str]:
    """Texts that an assignment gives to a variable, also as part of a tuple."""
    for target in node.targets:
        targets = target.elts if isinstance(target, ast.Tuple) else [target]
        values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        for each, value in zip(targets, values, strict=False):
            if isinstance(each, ast.Name) and each.id == name and isinstance(value, ast.Constant):
                yield str(value.value)


def closed_kinds(folder: Path) -> set[str]:
    return {
        str(call.args[1].value)
        for _, tree in trees(folder)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "close_finding"
        if len(call.args) > 1 and isinstance(call.args[1], ast.Constant)
    }


def test_every_kind_of_finding_is_in_the_table_and_no_other() -> None:
    assert len(documented()) == len(set(documented()))
    assert set(documented()) == opened_kinds(PACKAGE)


def test_nothing_is_closed_that_is_never_opened() -> None:
    assert closed_kinds(PACKAGE) <= opened_kinds(PACKAGE)


def test_every_finding_says_what_it_means_and_what_to_do() -> None:
    for cells in table(PAGE, "## Findings"):
        assert len(cells) == 6, cells[0]
        assert all(cells), cells[0]


def test_this_test_sees_kinds_in_each_form(tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(
        "def one():\n    open_finding(session, Found(kind='a', subject='s'))\n    close_finding(session, 'z', 's')\n"
        "def two(x):\n    if x:\n        kind, advice = 'b', 'do'\n    else:\n        kind = 'c'\n"
        "    return Found(kind, 's')\n"
    )
    assert (opened_kinds(tmp_path), closed_kinds(tmp_path)) == ({"a", "b", "c"}, {"z"})


def exit_codes() -> set[int]:
    """Codes that error classes carry, and those that everything else may end with."""
    return {0, 1, 2} | {code for _, tree in trees(PACKAGE) for node in ast.walk(tree) for code in set_code(node)}


def set_code(node: ast.AST) -> Iterator[int]:
    if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Constant):
        return
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    named = any(
        isinstance(target, ast.Name) and target.id in {"exit_code", "INTERRUPTED", "DIFFERENCES"} for target in targets
    )
    if named and isinstance(node.value.value, int):
        yield node.value.value


def test_every_exit_code_is_explained_in_both_tables() -> None:
    for text, heading in ((PAGE, "## Exit codes"), (README, "## Commands and exit codes")):
        listed = [cells[0] for cells in table(text, heading) if re.fullmatch(r"\d+", cells[0])]
        assert len(listed) == len(set(listed))
        assert {int(code) for code in listed} == exit_codes()
