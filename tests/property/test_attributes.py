"""Properties of attributes: texts come back whole, edits arrive under the other side's names, order means nothing."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.attributes import attributes_of, attributes_text, carried, same_values
from syncd.core.link import Variation, match_variations

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


@given(ATTRIBUTES, ATTRIBUTES, ATTRIBUTES)
def test_an_edit_is_carried_over_once(before: dict[str, str], now: dict[str, str], there: dict[str, str]) -> None:
    """What is edited is there, nothing of the other side's own is lost but what it replaces, and then it rests."""
    result = carried(attributes_text(before), attributes_text(now), attributes_text(there))
    edited = [value for name, value in now.items() if before.get(name) != value]
    shown = Counter(value.casefold() for value in attributes_of(result).values())
    assert all(shown[value.casefold()] for value in edited)
    assert {name.casefold() for name in there} <= {name.casefold() for name in attributes_of(result)}
    assert carried(attributes_text(now), attributes_text(now), result) == result


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
