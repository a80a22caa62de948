"""What makes a variation differ from its siblings, as one canonical text: an attribute a line, sorted by name. Pure.

Sides name attributes in words of their own (`Size` here, `Größe` there), so what is carried over is what changed: the
values, put where the other side keeps them.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

_T = TypeVar("_T")
_Attributes = dict[str, str]
"""Values by name."""
_Pair = tuple[_Attributes, _Attributes]
"""Attributes of a variation on the side that was edited and on the other one, at one moment."""

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


def carried(
    before: str | None, now: str, there: str, siblings: Iterable[tuple[str, str]] = (), shown: str | None = None
) -> str | None:
    r"""What the other side is to show after a change of attributes here; ``None`` if nobody can tell.

    What is edited is placed at the attribute that stands for it on the other side: the one of its name, the one that
    showed the same values, or the one whose values changed from variation to variation wherever its own did. A value
    that such variations show under another word is carried over in that word. Other names alone change nothing; what
    is taken away here stays there; what is new is added if nothing that is there can be it.

    Args:
        before: What was shown here when both sides agreed last; ``None`` if that is not known any more.
        now: What is shown here now.
        there: What the other side showed then. Attributes that only it has stay.
        siblings: The same of other variations of the product: what both sides showed when they agreed last.
        shown: What the other side shows now, if its names may be others by now.

    >>> carried("Size: S", "Size: Small", "Größe: S")
    'Größe: Small'
    >>> carried("Size: S", "Groesse: S", "Size: S")
    'Size: S'
    >>> carried("Farbe: Rot", "Farbe: Grün", "Color: Red", [("Farbe: Blau", "Color: Blue")])
    'Color: Grün'
    >>> carried("Farbe: Rot", "Farbe: Grün", "Color: Red")
    """
    present = attributes_of(there)
    if before is None:
        wanted = _all_by_name(attributes_of(now), present)
    else:
        others = [(attributes_of(one), attributes_of(other)) for one, other in siblings]
        wanted = _placed(attributes_of(now), attributes_of(before), present, others)
    if wanted is not None and shown is not None:
        wanted = _under_other_names(wanted, present, attributes_of(shown))
    return None if wanted is None else attributes_text(wanted)


def named_there(attributes: Mapping[str, str], siblings: Iterable[tuple[str, str]]) -> dict[str, str] | None:
    r"""Attributes of a new variation as its siblings show them on the other side; ``None`` if nobody can tell.

    What siblings have here and do not show there is left out; what none of them has is new there, too.

    Args:
        attributes: Of the new variation, as it is here.
        siblings: Of other variations of its product, what both sides showed when they agreed last.

    >>> named_there({"Größe": "L"}, [("Größe: M", "Size: M")])
    {'Size': 'L'}
    >>> named_there({"Größe": "L"}, [("Größe: M", "Size: medium")])
    """
    pairs = [(attributes_of(one), attributes_of(other)) for one, other in siblings]
    if not pairs:
        return dict(attributes)
    known = _known({*attributes, *(name for one, _ in pairs for name in one)}, pairs)
    names = {name.casefold(): name for _, other in pairs for name in other}
    is_all_known = names.keys() <= set(known.values())
    result: dict[str, str] = {}
    for name, value in attributes.items():
        place = known.get(name.casefold())
        if place is not None:
            result[names[place]] = _translated(value, _seen(name.casefold(), place, pairs))
        elif not is_all_known:
            return None
        elif not any(_same_name(name, one) for one, _ in pairs):
            result[name] = value
    return result


def merely_renamed(before: str, now: str) -> bool:
    r"""Whether attributes of one side are called otherwise at most, and say what they said.

    >>> merely_renamed("Size: M\nColor: red", "Size: M\nColour: red"), merely_renamed("L: 1\nW: 2", "L: 2\nW: 1")
    (True, False)
    """
    former, present = _by_folded_name(attributes_of(before)), _by_folded_name(attributes_of(now))
    gone, new = (sorted(one[name] for name in one.keys() - other) for one, other in _both_ways(former, present))
    return gone == new and all(former[name] == present[name] for name in former.keys() & present)


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


def _placed(now: _Attributes, former: _Attributes, there: _Attributes, others: Sequence[_Pair]) -> _Attributes | None:
    """Carry over what is not as it was; ``None`` if one edit cannot be placed: then none is."""
    origin, new, gone = _moved(former, now)
    pairs = [(former, there), *others]
    known = _known({*former, *new}, pairs)
    names = {name.casefold(): name for _, other in reversed(pairs) for name in other}
    present = {name.casefold() for name in there}
    taken = {known.get(old.casefold()) for old in origin.values()}
    result = dict(there)
    for name, value in now.items():
        old = origin.get(name)
        if old is not None and former[old] == value:
            continue
        place = known.get((old or name).casefold())
        if old is None:
            free = {other: shown for other, shown in there.items() if other.casefold() not in taken}
            place = _place_of_new(name, value, place, free, is_replacement=bool(gone))
            if place is None or place in taken:
                return None
            taken.add(place)
        elif place not in present:
            return None
        shown = there.get(names.get(place, name), "")
        if old is not None or shown.casefold() != value.casefold():
            result[names.get(place, name)] = _translated(value, _seen((old or name).casefold(), place, pairs))
    return result


def _place_of_new(name: str, value: str, known: str | None, free: _Attributes, *, is_replacement: bool) -> str | None:
    """Where an attribute goes that was not here before: another one there may be the same, unless none is left."""
    if known is not None:
        return known
    if _same_name(name, free) is not None:
        return name.casefold()
    same = [other for other, shown in free.items() if shown.casefold() == value.casefold()]
    if len(same) == 1:
        return same[0].casefold()
    return None if free or is_replacement else name.casefold()


def _known(names: Collection[str], pairs: Sequence[_Pair]) -> dict[str, str]:
    """Which attribute of the other side each of these is, as far as it can be known; by folded names."""
    mine = {name.casefold() for name in names}
    theirs = {name.casefold() for _, other in pairs for name in other}
    known = {name: name for name in mine & theirs if any(_same_name(name, one) for one, _ in pairs)}
    left = [(one, other) for one in mine - known.keys() for other in theirs - set(known.values())]
    seen = {pair: _folded_values(_seen(*pair, pairs)) for pair in left}
    equal = [pair for pair in left if _are_equal(seen[pair])]
    # Of two that may be equal none is known, nor is it another one; one seen too seldom may be the same all the same.
    taken = {("mine", one) for one, _ in equal} | {("theirs", other) for _, other in equal}
    possible = [
        (one, other)
        for one, other in left
        if not taken & {("mine", one), ("theirs", other)} and seen[one, other] and _is_dictionary(seen[one, other])
    ]
    return known | _only_fits(equal, equal) | _only_fits(possible, [p for p in possible if _are_one_to_one(seen[p])])


def _only_fits(fits: Sequence[tuple[str, str]], sure: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of these pairs the sure ones whose both halves fit nothing else."""
    often = Counter(("mine", one) for one, _ in fits) + Counter(("theirs", other) for _, other in fits)
    return {one: other for one, other in sure if often["mine", one] == often["theirs", other] == 1}


def _seen(name: str, other: str, pairs: Iterable[_Pair]) -> set[tuple[str, str]]:
    """Values that two attributes showed together."""
    folded = ((_by_folded_name(one), _by_folded_name(two)) for one, two in pairs)
    return {(one[name], two[other]) for one, two in folded if name in one and other in two}


def _folded_values(seen: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(one.casefold(), other.casefold()) for one, other in seen}


def _are_equal(seen: Collection[tuple[str, str]]) -> bool:
    return bool(seen) and all(one == other for one, other in seen)


def _are_one_to_one(seen: Collection[tuple[str, str]]) -> bool:
    """Wherever the one changes the other does; of a single value nothing can be learned."""
    return len(seen) > 1 and _is_dictionary(seen)


def _is_dictionary(seen: Collection[tuple[str, str]]) -> bool:
    return len({one for one, _ in seen}) == len({other for _, other in seen}) == len(seen)


def _translated(value: str, seen: Collection[tuple[str, str]]) -> str:
    """A value in the other side's words, where it has one for each of ours."""
    return dict(seen).get(value, value) if _is_dictionary(seen) else value


def _moved(before: _Attributes, now: _Attributes) -> tuple[dict[str, str], list[str], list[str]]:
    """What attributes of one side were called before, which are new, and which are gone.

    A new one with the value of one that is gone, and of no other, is the same under another name.
    """
    old = {name.casefold(): name for name in before}
    origin = {name: old[name.casefold()] for name in now if name.casefold() in old}
    gone = [name for name in before if name not in origin.values()]
    new = [name for name in now if name not in origin]
    for name in list(new):
        twins = [other for other in new if now[other] == now[name]]
        same = [other for other in gone if before[other] == now[name]]
        if len(twins) == len(same) == 1:
            origin[name] = same[0]
            new.remove(name)
            gone.remove(same[0])
    return origin, new, gone


def _under_other_names(wanted: _Attributes, there: _Attributes, shown: _Attributes) -> _Attributes | None:
    """Put what is wanted under the names of now; ``None`` if they are not known from what was there."""
    origin, new, gone = _moved(there, shown)
    added = [name for name in wanted if name not in there]
    if new and (gone or any(_same_name(name, added) is None for name in new if added)):
        return None
    names = {before: name for name, before in origin.items()} | {_same_name(name, added): name for name in new}
    result = {name: shown[name] for name in new}
    return result | {names.get(name, name): value for name, value in wanted.items()}


def _all_by_name(now: _Attributes, there: _Attributes) -> _Attributes | None:
    """What was here is not known any more: only where both sides use the same names, all is known to belong there."""
    mine = _by_folded_name(now)
    if mine.keys() == _by_folded_name(there).keys():
        return {name: mine[name.casefold()] for name in there}
    return there if same_values(attributes_text(now), attributes_text(there)) else None


def _by_folded_name(attributes: _Attributes) -> dict[str, str]:
    return {name.casefold(): value for name, value in attributes.items()}


def _both_ways(one: _T, other: _T) -> tuple[tuple[_T, _T], tuple[_T, _T]]:
    return (one, other), (other, one)


def _same_name(name: str, others: Iterable[str]) -> str | None:
    return next((other for other in others if other.casefold() == name.casefold()), None)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace(":", "\\:")
