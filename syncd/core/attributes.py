"""What makes a variation differ from its siblings, as one canonical text: an attribute a line, sorted by name. Pure.

Sides name attributes in words of their own (`Size` here, `Größe` there), so what is carried over is what changed: the
values, put where the other side keeps them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LINE = re.compile(r"((?:[^\\:]|\\.)+): (.+)")
_ESCAPED = re.compile(r"\\(.)")


def attributes_text(attributes: Mapping[str, str]) -> str:
    r"""Write attributes as a text.

    >>> attributes_text({"Size": "M", "Color": "Red: dark", "C:D": "1"})
    'C\\:D: 1\nColor: Red: dark\nSize: M'
    """
    plain = {_plain(name): _plain(value) for name, value in attributes.items()}
    named = sorted((name.casefold(), name, value) for name, value in plain.items() if name and value)
    return "\n".join(f"{_escaped(name)}: {value}" for _, name, value in named)


def attributes_of(text: str) -> dict[str, str]:
    r"""Read the attributes of a text.

    >>> attributes_of("C\\:D: 1\nSize: M")
    {'C:D': '1', 'Size': 'M'}
    """
    found = (_LINE.fullmatch(line) for line in text.split("\n"))
    return {_ESCAPED.sub(r"\1", line[1]): line[2] for line in found if line}


def carried(before: str | None, now: str, there: str) -> str:
    r"""What the other side is to show after a change of attributes here.

    Args:
        before: What was shown here when both sides agreed last; ``None`` if that is not known any more.
        now: What is shown here now.
        there: What the other side showed then. Attributes that only it has stay.

    >>> carried("Size: S", "Size: Small", "Größe: S")
    'Größe: Small'
    >>> carried("Size: S", "Groesse: S", "Size: S")
    'Size: S'
    """
    former = None if before is None else attributes_of(before)
    present, result = attributes_of(there), attributes_of(there)
    new = attributes_of(now)
    left = {name: value for name, value in present.items() if not _same_name(name, new)}
    kept = [name for name, value in new.items() if former is not None and former.get(name) == value]
    for name in [*kept, *(name for name in new if name not in kept)]:
        place = _same_name(name, present) or _place(name, new[name], former, left)
        left.pop(place or name, None)
        if name not in kept:
            result[place or name] = new[name]
    return attributes_text(result)


def same_values(one: str, other: str) -> bool:
    r"""Whether two texts say the same, whatever the attributes are called.

    >>> same_values("Size: M\nColor: red", "Farbe: Red\nGröße: M")
    True
    """
    return _values(one) == _values(other)


def can_be_the_same(one: str, other: str) -> bool:
    r"""Whether two texts say the same where both use a name, and in all else whatever it is called.

    >>> can_be_the_same("Size: M\nColor: red", "Farbe: Red\nSize: M"), can_be_the_same("L: 1\nW: 2", "L: 2\nW: 1")
    (True, False)
    """
    mine, theirs = _folded(one), _folded(other)
    return all(mine[name] == theirs[name] for name in mine.keys() & theirs.keys()) and same_values(one, other)


def _folded(text: str) -> dict[str, str]:
    return {name.casefold(): value.casefold() for name, value in attributes_of(text).items()}


def _values(text: str) -> list[str]:
    return sorted(value.casefold() for value in attributes_of(text).values())


def _place(name: str, value: str, former: Mapping[str, str] | None, left: Mapping[str, str]) -> str | None:
    """Which attribute of another name this one is on the other side; ``None`` if it is none of those that are left."""
    old = (former or {}).get(name)
    same = _only(left, old or value) or _only(left, value)
    is_edited = former is None or (old is not None and old != value)
    return same or (next(iter(left)) if len(left) == 1 and is_edited else None)


def _only(left: Mapping[str, str], value: str) -> str | None:
    found = [name for name, shown in left.items() if shown.casefold() == value.casefold()]
    return found[0] if len(found) == 1 else None


def _same_name(name: str, others: Mapping[str, str]) -> str | None:
    return next((other for other in others if other.casefold() == name.casefold()), None)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace(":", "\\:")
