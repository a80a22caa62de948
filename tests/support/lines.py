"""How large each adapter is: ``make lines``. Code is what is neither blank, nor a comment, nor a docstring."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

import syncd
from tests.docs import tutorial

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SILENT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
    tokenize.ENCODING,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """Of one adapter."""

    name: str
    modules: int
    code: int
    lines: int


def code_lines(text: str) -> int:
    """Count lines that hold code."""
    # A string that stands alone explains: the module, the class, the function, or the assignment before it.
    silent = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    spoken = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in _SILENT
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(spoken - silent)


def size(name: str, texts: Iterable[str]) -> Size:
    """Add up the modules of an adapter."""
    modules = list(texts)
    return Size(name, len(modules), sum(map(code_lines, modules)), sum(len(text.splitlines()) for text in modules))


def sizes() -> Iterator[Size]:
    """Measure every adapter of this project, and that of the tutorial."""
    adapters = Path(syncd.__file__).parent / "adapters"
    for folder in sorted(path.parent for path in adapters.glob("*/__init__.py")):
        yield size(folder.name, (path.read_text("utf-8") for path in sorted(folder.rglob("*.py"))))
    yield size("docs/adapters.md", tutorial.adapter_modules().values())


@click.command()
def main() -> None:
    """Print a table."""
    click.echo(f"{'adapter':20} {'modules':>8} {'code':>8} {'all lines':>10}")
    for each in sizes():
        click.echo(f"{each.name:20} {each.modules:8} {each.code:8} {each.lines:10}")


if __name__ == "__main__":
    main()
