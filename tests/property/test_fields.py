"""One field under any history of edits, lost answers and refusals: it comes to rest, and nobody's words vanish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.fields import EMPTY, Agree, End, Keep, Owner, Pair, Past, WriteField, reconcile

WORDS = st.sampled_from((EMPTY, "red", "blue", "<b>red</b>", "RED ", "12,5"))
ANSWERS = st.sampled_from(("ok", "ok", "ok", "lost_before", "lost_after", "refused"))
STEPS = st.one_of(
    st.tuples(st.sampled_from(End), WORDS),
    st.tuples(st.just("pass"), ANSWERS),
)
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "filtered": lambda text: text.replace("<b>", "").replace("</b>", ""),
    "shouted": lambda text: text.strip().upper(),
    "ignored": lambda _: "red",
    "twice": lambda text: f"{text}{text}"[:40],
}


@dataclass
class Field:
    """One field on two sides that store what they are given in a way of their own.

    Attributes:
        unseen: By end: a person wrote what it shows, and the other side never had it.
        kept: What verdicts said to be overwritten, and what was agreed once.
    """

    owner: Owner
    shown: dict[End, str]
    spelling: dict[End, str]
    past: Past = field(default_factory=Past)
    unseen: dict[End, bool] = field(default_factory=lambda: dict.fromkeys(End, True))
    kept: list[str] = field(default_factory=list)
    writes: list[WriteField] = field(default_factory=list)

    @property
    def now(self) -> Pair:
        return Pair(self.shown[End.HUB], self.shown[End.SHOP])

    def edit(self, end: End, text: str) -> None:
        if self.shown[end] != text:
            self.shown[end], self.unseen[end] = text, True

    def sync(self, answer: str = "ok") -> bool:
        """One pass; returns whether it wrote."""
        verdict = reconcile(self.owner, self.now.hub, self.now.shop, self.past)
        match verdict:
            case Agree():
                self._agree(self.now)
            case WriteField():
                self._write(verdict, answer)
        return isinstance(verdict, WriteField)

    def _agree(self, pair: Pair) -> None:
        """Whoever edits from now on knows what he replaces: it is on both sides."""
        self.past = Past(pair)
        self.unseen = dict.fromkeys(End, False)
        self.kept += [pair.hub, pair.shop]

    def _write(self, verdict: WriteField, answer: str) -> None:
        to, before = verdict.to, self.now
        self.writes.append(verdict)
        assert verdict.value == before.at(to.other)
        if answer == "refused":
            self.past = Past(self.past.agreed, refused=before)
            return
        if answer != "lost_before":
            lost = self.shown[to]
            if self.unseen[to] and lost not in (verdict.value, EMPTY):
                assert lost in (verdict.overwritten, *self.kept), "words of a person vanished"
            self.shown[to], self.unseen[to] = SPELLINGS[self.spelling[to]](verdict.value), False
        if verdict.overwritten is not None:
            self.kept.append(verdict.overwritten)
        if answer == "ok":
            self._agree(before.after(to, self.shown[to]))
        else:
            self.past = Past(self.past.agreed, unsure=to)


def fields(owner: Owner | None = None) -> st.SearchStrategy[Field]:
    return st.builds(
        Field,
        owner=st.sampled_from(Owner) if owner is None else st.just(owner),
        shown=st.fixed_dictionaries(dict.fromkeys(End, WORDS)),
        spelling=st.fixed_dictionaries(dict.fromkeys(End, st.sampled_from(sorted(SPELLINGS)))),
    )


def live(one: Field, steps: list[tuple[object, str]]) -> None:
    for what, text in steps:
        if isinstance(what, End):
            one.edit(what, text)
        else:
            one.sync(text)


@settings(max_examples=500)
@given(fields(), st.lists(STEPS, max_size=12))
def test_a_field_comes_to_rest_after_one_write(one: Field, steps: list[tuple[object, str]]) -> None:
    """However a side spells what it is given: what it showed in its answer is what it is compared with."""
    live(one, steps)
    one.past = Past(one.past.agreed, unsure=one.past.unsure)  # what was refused is accepted from now on
    one.sync()
    assert not one.sync()
    assert not one.sync()


@given(fields(), st.lists(STEPS, max_size=12))
def test_owners_are_kept_to(one: Field, steps: list[tuple[object, str]]) -> None:
    live(one, steps)
    allowed = {Owner.HUB: {End.SHOP}, Owner.SHOP: {End.HUB}, Owner.BOTH: set(End), Owner.NONE: set()}
    assert {write.to for write in one.writes} <= allowed[one.owner]


@given(fields(), st.lists(STEPS, max_size=12))
def test_sides_that_store_what_they_are_given_end_equal(one: Field, steps: list[tuple[object, str]]) -> None:
    one.spelling = dict.fromkeys(End, "as it is")
    live(one, steps)
    one.past = Past(one.past.agreed, unsure=one.past.unsure)
    one.sync()
    first_and_empty = EMPTY in (one.now.hub, one.now.shop) and not any(write.value == EMPTY for write in one.writes)
    assert one.now.hub == one.now.shop or one.owner is Owner.NONE or first_and_empty


@given(fields(Owner.BOTH), WORDS, WORDS)
def test_of_two_edits_the_hubs_stays_and_the_other_is_kept(one: Field, hub: str, shop: str) -> None:
    one.sync()
    one.sync()
    rest = one.now
    one.edit(End.HUB, hub)
    one.edit(End.SHOP, shop)
    verdict = reconcile(one.owner, one.now.hub, one.now.shop, one.past)
    if hub in (shop, rest.hub) or shop == rest.shop:
        assert not isinstance(verdict, WriteField) or not verdict.conflict
    else:
        assert verdict == WriteField(End.SHOP, hub, overwritten=shop, conflict=True)


@given(fields(), WORDS)
def test_equal_values_are_never_written_nor_a_conflict(one: Field, word: str) -> None:
    one.sync()
    for end in End:
        one.edit(end, word)
    assert not one.sync()


@given(fields())
def test_the_first_time_nothing_is_replaced_by_nothing(one: Field) -> None:
    before = dict(one.shown)
    one.spelling = dict.fromkeys(End, "as it is")
    one.sync()
    for end in End:
        assert one.shown[end] != EMPTY or before[end] == EMPTY


@given(fields(), st.sampled_from(End))
def test_a_refused_value_is_sent_again_only_when_something_changes(one: Field, end: End) -> None:
    if not one.sync("refused"):
        return
    assert not one.sync()
    one.edit(end, "something new")
    assert one.sync()


def test_an_own_write_without_an_answer_is_no_edit_of_a_person() -> None:
    """Seen as filtered by the shop, it would otherwise look like two edits at once."""
    past = Past(Pair("old", "old"), unsure=End.SHOP)
    assert reconcile(Owner.BOTH, "<b>new</b>", "new", past) == WriteField(End.SHOP, "<b>new</b>", overwritten="new")


def test_what_a_side_does_not_say_is_left_alone() -> None:
    for owner in Owner:
        assert reconcile(owner, None, "x", Past()) == Keep()
        assert reconcile(owner, "x", None, Past(Pair("y", "y"))) == Keep()
