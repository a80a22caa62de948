"""Attributes that two sides call and value differently, under any history: an edit arrives, or a person is told of it.

Nothing is added that no person added, no edit lands in another attribute, and at rest nothing is written any more.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.attributes import attributes_of, attributes_text
from syncd.core.fields import ATTRIBUTES, Owner
from syncd.core.model import StockMode
from syncd.errors import SideError
from tests.support.engine import Account
from tests.support.trouble import TroubledDatabase

WORDS = {"Rot": "Red", "Blau": "Blue", "Grau": "Grey"}
SIZES = ("S", "M", "L")
FAULTS = ("lost_before", "lost_after", "late", "refused_connection")

SHIRTS = st.lists(
    st.tuples(st.sampled_from(sorted(WORDS)), st.sampled_from(SIZES)), min_size=1, max_size=4, unique=True
)
WHICH = st.integers(0, 3)
SIDES = st.sampled_from(("till", "web"))
STEPS = st.one_of(
    st.tuples(st.just("colour"), WHICH, st.sampled_from((*WORDS, "Pink", "rot"))),
    st.tuples(st.just("size"), WHICH, st.sampled_from((*SIZES, "XL"))),
    st.tuples(st.just("rename"), SIDES, st.booleans()),
    st.tuples(st.just("poll"), SIDES, st.none()),
    st.tuples(st.just("wait"), SIDES, st.sampled_from((1, 11, 61))),
    st.tuples(st.just("fault"), SIDES, st.sampled_from(FAULTS)),
    st.tuples(st.just("full"), SIDES, st.none()),
)


@dataclass
class History:
    """A till and a shop; ``called`` is how each calls colour and size, ``shirts`` what the till's variations are."""

    account: Account
    shirts: list[list[str]]
    called: dict[str, list[str]] = field(default_factory=lambda: {"till": ["Farbe", "Größe"], "web": ["Color", "Size"]})

    @classmethod
    def begin(cls, database: TroubledDatabase, owner: Owner, shirts: list[tuple[str, str]]) -> History:
        account = Account(database)
        account.add_side("till", "hub")
        account.add_side("web", owners={ATTRIBUTES: owner})
        history = cls(account, [list(shirt) for shirt in shirts])
        for side, world in account.worlds.items():
            world.put(side, None, sku=None, name="shirt", stock_mode=StockMode.GROUP)
            for number, (colour, size) in enumerate(shirts):
                shows = history.text(side, colour if side == "till" else WORDS[colour], size)
                world.put(f"{side}-{number}", 3, sku=f"S-{number}", parent=side, fields={ATTRIBUTES: shows})
        history.rest(2)
        assert history.told() == 0
        return history

    def text(self, side: str, colour: str, size: str) -> str:
        return attributes_text(dict(zip(self.called[side], (colour, size), strict=True)))

    def step(self, kind: str, which: int | str, what: object) -> None:
        match kind, which, what:
            case "colour" | "size", int(number), str(word):
                shirt = self.shirts[number % len(self.shirts)]
                shirt[0 if kind == "colour" else 1] = word
                self.show(number % len(self.shirts))
            case "rename", str(side), bool(colour):
                self.rename(side, 0 if colour else 1)
            case "wait", _, int(seconds):
                self.account.clock.advance(seconds)
            case "fault", str(side), str(fault):
                self.account.worlds[side].field_faults.append(fault)
            case _, str(side), _:
                with suppress(SideError):
                    self.account.poll(side, kind=kind)

    def show(self, number: int) -> None:
        self.account.worlds["till"].edit(f"till-{number}", **{ATTRIBUTES: self.text("till", *self.shirts[number])})

    def rename(self, side: str, at: int) -> None:
        """A person calls an attribute otherwise, of all variations at once."""
        old = self.called[side][at]
        self.called[side][at] = f"{old}+"
        for number in range(len(self.shirts)):
            shows = attributes_of(self.shown(side, number))
            renamed = {f"{old}+" if name == old else name: value for name, value in shows.items()}
            self.account.worlds[side].edit(f"{side}-{number}", **{ATTRIBUTES: attributes_text(renamed)})

    def shown(self, side: str, number: int) -> str:
        return self.account.worlds[side].things[f"{side}-{number}"].listing.fields[ATTRIBUTES]

    def rest(self, passes: int = 6) -> None:
        for world in self.account.worlds.values():
            world.field_faults.clear()
        for _ in range(passes):
            self.account.clock.advance(61)
            self.account.poll()

    def told(self) -> int:
        return sum(len(world.field_writes) for world in self.account.worlds.values())


@pytest.mark.parametrize("owner", [Owner.HUB, Owner.BOTH])
def test_an_edit_arrives_or_is_told(new_database: Callable[[], TroubledDatabase], owner: Owner) -> None:
    @settings(settings.get_profile("fields"))
    @given(shirts=SHIRTS, steps=st.lists(STEPS, min_size=3, max_size=30))
    def check(shirts: list[tuple[str, str]], steps: list[tuple[str, int | str, object]]) -> None:
        database = new_database()
        try:
            history = History.begin(database, owner, shirts)
            for kind, which, what in steps:
                history.step(kind, which, what)
            history.rest()
            _check(history)
            told = history.told()
            history.rest(2)
            assert history.told() == told, "written again without an edit"
        finally:
            database.dispose()

    check()


def _check(history: History) -> None:
    conflicts = {each.subject.split()[1] for each in history.account.findings() if each.kind == "field_conflict"}
    for number, (colour, size) in enumerate(history.shirts):
        shows = attributes_of(history.shown("web", number))
        assert attributes_of(history.shown("till", number)) == attributes_of(history.text("till", colour, size))
        if f"web-{number}" in conflicts:
            continue
        assert len(shows) == 2, f"added beside: {shows}"
        assert shows[history.called["web"][1]] == size
        assert shows[history.called["web"][0]] in (colour, WORDS.get(colour))
