"""Properties of attributes: texts come back whole, edits arrive under the other side's names, order means nothing."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.attributes import attributes_of, attributes_text, carried, merely_renamed, same_values
from syncd.core.fields import ATTRIBUTES as ATTRIBUTE_FIELD
from syncd.core.fields import Agree, Owner, Pair, Past, judge
from syncd.core.link import Variation, match_variations

if TYPE_CHECKING:
    from collections.abc import Iterable

WORDS = st.text(st.characters(blacklist_categories=("C", "Z")), min_size=1, max_size=6)
NAMES = st.sampled_from(["Size", "Größe", "Color", "Farbe", "C:D", "back\\slash", "a"]) | WORDS
VALUES = st.sampled_from(["S", "M", "L", "Red: dark", "x > y", "38½"]) | WORDS


def distinct(pairs: dict[str, str]) -> bool:
    return len({name.casefold() for name in pairs}) == len(pairs)


ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=4).filter(distinct)


@given(ATTRIBUTES)
def test_a_text_comes_back_whole(pairs: dict[str, str]) -> None:
    assert attributes_of(attributes_text(pairs)) == pairs
    assert attributes_text(dict(reversed(pairs.items()))) == attributes_text(pairs)


@given(ATTRIBUTES, ATTRIBUTES)
def test_what_did_not_change_changes_nothing(here: dict[str, str], there: dict[str, str]) -> None:
    text = attributes_text(here)
    assert carried(text, text, attributes_text(there)) == attributes_text(there)


@given(ATTRIBUTES, st.data())
def test_an_edit_arrives_under_the_other_sides_names(here: dict[str, str], data: st.DataObject) -> None:
    """However the other side calls them, if it shows the same values."""
    names = data.draw(st.lists(NAMES, min_size=len(here), max_size=len(here), unique_by=str.casefold))
    if len(set(map(str.casefold, here.values()))) < len(here) or {n.casefold() for n in names} & {
        n.casefold() for n in here
    }:
        return  # nobody could tell which is which
    there = dict(zip(names, here.values(), strict=True))
    now = {name: data.draw(st.just(value) | VALUES) for name, value in here.items()}
    expected = {other: now[name] for other, name in zip(names, here, strict=True)}
    assert carried(attributes_text(here), attributes_text(now), attributes_text(there)) == attributes_text(expected)


SIBLINGS = st.lists(st.tuples(ATTRIBUTES, ATTRIBUTES), max_size=3)


def texts(pairs: list[tuple[dict[str, str], dict[str, str]]]) -> list[tuple[str, str]]:
    return [(attributes_text(one), attributes_text(other)) for one, other in pairs]


def folded(names: Iterable[str]) -> set[str]:
    return {name.casefold() for name in names}


@given(ATTRIBUTES, ATTRIBUTES, ATTRIBUTES, SIBLINGS)
def test_an_edit_arrives_or_is_told(
    before: dict[str, str], now: dict[str, str], there: dict[str, str], siblings: list[tuple[dict[str, str], ...]]
) -> None:
    """Whatever was before: no more is changed than was edited, nothing is added that was not new here, and it rests."""
    pairs = [(one, other) for one, other in siblings]
    result = carried(attributes_text(before), attributes_text(now), attributes_text(there), texts(pairs))
    if result is None:
        return
    edited = {name: value for name, value in now.items() if before.get(name) != value}
    new = folded(now) - folded(before)
    shown = attributes_of(result)
    assert folded(there) <= folded(shown)
    assert len(shown) - len(there) <= len(new)
    changed = [name for name, value in shown.items() if there.get(name) != value]
    assert len(changed) <= len(edited)
    renamed = [value for name, value in before.items() if name.casefold() not in folded(now)]
    for name, value in edited.items():
        is_renamed = name.casefold() in new and value in renamed
        translations = {word for one, two in pairs if value in one.values() for word in two.values()}
        assert is_renamed or value.casefold() in folded(shown.values()) or translations & set(shown.values())
    assert carried(attributes_text(now), attributes_text(now), result, texts(pairs)) == result


@given(ATTRIBUTES, ATTRIBUTES, st.randoms(use_true_random=False), SIBLINGS)
def test_another_name_writes_nothing(
    here: dict[str, str], there: dict[str, str], random: Random, siblings: list[tuple[dict[str, str], ...]]
) -> None:
    """Also where the other side has no such attribute."""
    renamed = {f"{name} anew" if random.random() < 0.5 else name: value for name, value in here.items()}
    if len(set(here.values())) < len(here) or not distinct(renamed):
        return
    before, now, text = attributes_text(here), attributes_text(renamed), attributes_text(there)
    pairs = [(one, other) for one, other in siblings]
    assert merely_renamed(before, now)
    assert carried(before, now, text, texts(pairs)) == text
    agreed = Pair(before, text)
    assert judge(ATTRIBUTE_FIELD, Owner.HUB, Pair(now, text), Past(agreed)) == Agree() or now == before
    assert judge(ATTRIBUTE_FIELD, Owner.HUB, Pair(text, now), Past(Pair(text, before))) == Agree() or now == before


@st.composite
def dictionaries(draw: st.DrawFn) -> tuple[dict[str, tuple[str, dict[str, str]]], list[dict[str, int]]]:
    """Attributes in two languages, with variations that each have one of their values; some names and words are shared.

    Values are as many as an attribute offers; two attributes share none, so that only their use tells which is which.
    """
    names = draw(st.lists(st.sampled_from("ABCD"), min_size=1, max_size=3, unique=True))
    attributes = {}
    for name in names:
        other = name if draw(st.booleans()) else f"{name.lower()}{name.lower()}"
        same = draw(st.booleans())
        attributes[name] = other, {f"{name}{n}": f"{name}{n}" if same else f"{other}-{n}" for n in range(3)}
    rows = st.fixed_dictionaries({name: st.integers(0, 2) for name in names})
    return attributes, draw(st.lists(rows, min_size=1, max_size=6))


@given(dictionaries(), st.data())
def test_an_edit_is_never_misplaced(
    truth: tuple[dict[str, tuple[str, dict[str, str]]], list[dict[str, int]]], data: st.DataObject
) -> None:
    """What is learned from variations is what the two sides mean, in the other side's words where it has shown them."""
    attributes, rows = truth
    pairs = [
        (
            {name: f"{name}{n}" for name, n in row.items()},
            {attributes[name][0]: attributes[name][1][f"{name}{n}"] for name, n in row.items()},
        )
        for row in rows
    ]
    (here, there), *siblings = pairs
    name = data.draw(st.sampled_from(sorted(here)))
    value = data.draw(st.sampled_from([*attributes[name][1], "new"]))
    other, words = attributes[name]
    known = any(one[name] == value for one, _ in pairs)
    expected = {**there, other: words[value] if known else value}
    text = carried(
        attributes_text(here), attributes_text({**here, name: value}), attributes_text(there), texts(siblings)
    )
    assert text in (None, attributes_text(expected))
    if other == name or there[other] == here[name]:
        assert text is not None, "it is known by its name, or by its value"


@given(st.lists(ATTRIBUTES.filter(bool), max_size=5), st.randoms(use_true_random=False), st.data())
def test_variations_are_matched_alike_in_any_order(
    given_: list[dict[str, str]], random: Random, data: st.DataObject
) -> None:
    hub = [Variation(100 + at, None, None, attributes_text(pairs)) for at, pairs in enumerate(given_)]
    names = {name: data.draw(st.just(name) | st.just(f"{name} here")) for pairs in given_ for name in pairs}
    renamed = [{names[name]: value for name, value in pairs.items()} for pairs in given_]
    shop = [Variation(at, None, None, attributes_text(pairs)) for at, pairs in enumerate(renamed)]
    found = set(match_variations(shop, hub))
    for side in (shop, hub):
        random.shuffle(side)
    assert set(match_variations(shop, hub)) == found
    assert len({one for one, _ in found}) == len({other for _, other in found}) == len(found)
    alone = [
        at
        for at, one in enumerate(given_)
        if not any(same_values(attributes_text(one), attributes_text(two)) for two in given_ if two is not one)
    ]
    assert {(at, 100 + at) for at in alone} <= found


def test_of_two_that_may_be_the_same_none_is_taken_nor_a_third() -> None:
    """A sibling was called otherwise on both sides already: size may be two of the shop's, and colour was seen once."""
    sibling = [("Farbe+: Grau\nGröße: M", "Color: Grey\nSize+: M")]
    assert carried("Farbe: Blau\nGröße: L", "Farbe+: Blau\nGröße: M", "Color: Blue\nSize: L", sibling) is None
