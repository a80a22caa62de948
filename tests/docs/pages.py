"""The pages that people read, and what stands in them as code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))

NOT_YET = "not yet there"
"""How a page marks a command that this version does not have: in the same sentence, behind the command."""

_FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_END = re.compile(r"\n\n|\n\||\. |\.\n")


@dataclass(frozen=True)
class Code:
    """Words of one command line, and the rest of the sentence behind it (empty in a block of code)."""

    words: list[str]
    behind: str = ""


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", text)


def code(text: str) -> Iterator[Code]:
    """Every line of every block of code, and every span of code."""
    for block in _FENCE.findall(text):
        for line in block.splitlines()[1:-1]:
            yield Code(_words(line))
    plain = prose(text)
    for span in _SPAN.finditer(plain):
        yield Code(_words(span[1]), _END.split(plain[span.end() :], maxsplit=1)[0].replace("\n", " "))


def _words(line: str) -> list[str]:
    try:
        words = shlex.split(line.strip().removeprefix("$ "), comments=True)
    except ValueError:
        return []
    return words[3:] if words[:2] == ["sudo", "-u"] else words


def table(text: str, heading: str) -> list[list[str]]:
    """Cells of the table below a heading, without its head."""
    _, _, below = text.partition(f"\n{heading}\n")
    rows = [line for line in re.split(r"\n#+ ", below)[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def slugs(text: str) -> set[str]:
    """Names by which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
