"""What we say ourselves passes the removal of secrets unharmed."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import syncd
from syncd.http.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(syncd.__file__).parent
NOT_SHOWN = {"simulators", "testing", "demo"}


def _texts(tree: ast.AST) -> Iterator[str]:
    """Every text of an error that is raised, with a word for each value that is put in."""
    for raised in ast.walk(tree):
        if not isinstance(raised, ast.Raise):
            continue
        for node in ast.walk(raised):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "Value" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_no_error_of_ours_looks_like_a_secret() -> None:
    """`no token: ConnectError` would be shown as `no token: ***`: say it in other words."""
    garbled, seen = [], 0
    for file in sorted(PROGRAM.rglob("*.py")):
        place = file.relative_to(PROGRAM)
        if place.parts[0] in NOT_SHOWN:
            continue
        for said in _texts(ast.parse(file.read_text("utf-8"))):
            seen += 1
            if redact(said) != said:
                garbled.append(f"{place}: {said!r} is shown as {redact(said)!r}")
    assert not garbled
    assert seen > 300
