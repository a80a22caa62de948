"""Categories of a product as one canonical text: a path a line, from the root to the leaf, sorted. Pure.

Order means nothing among the categories of a product, and no side numbers them as another does: what names one is its
name and its ancestors' names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

Path = tuple[str, ...]
"""Names of a category and its ancestors, the root first."""

_BETWEEN = " > "
_ESCAPED = re.compile(r"\\(.)")


def paths_text(paths: Iterable[Path]) -> str:
    r"""Write paths as a text.

    >>> paths_text([("Wool",), ("Clothes", "Shirts > 40")])
    'Clothes > Shirts \\> 40\nWool'
    """
    lines = {_BETWEEN.join(_escaped(name) for name in path) for path in paths if path and all(map(_plain, path))}
    return "\n".join(sorted(lines))


def paths_of(text: str) -> list[Path]:
    r"""Read the paths of a text.

    >>> paths_of('Clothes > Shirts \\> 40\nWool')
    [('Clothes', 'Shirts > 40'), ('Wool',)]
    """
    lines = [line for line in text.split("\n") if line.strip()]
    return [tuple(_ESCAPED.sub(r"\1", part) for part in re.split(r" > ", line)) for line in lines]


def _plain(name: str) -> str:
    """A name in one line without blanks around it."""
    return " ".join(name.split())


def _escaped(name: str) -> str:
    return _plain(name).replace("\\", "\\\\").replace(">", "\\>")
