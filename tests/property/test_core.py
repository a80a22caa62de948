"""The pure core: rules that hold for all values, not only for the ones that somebody thought of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR
from itertools import chain, combinations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from syncd.core.guard import Change, Limit, SafetyLimits, check_plan
from syncd.core.keys import GTIN_DIGITS, gtin_key, sku_key
from syncd.core.link import Candidate, Match, MatchClass, match_listings
from syncd.core.model import ZERO, Quantity
from syncd.core.settle import Doubt, Evidence, Park, Settler, Wait, WasApplied, WasNotApplied, settle
from syncd.core.stock import Adopt, Ignore, ListingState, Move, PastWrite, Same, StockPolicy, judge_reading, project

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SETTLE = timedelta(seconds=10)
IN_DOUBT = timedelta(seconds=60)

units = st.decimals(min_value=-1000, max_value=1000, places=2)
whole = st.integers(-20, 20).map(Quantity)
buffers = st.decimals(min_value=0, max_value=50, places=1)
keys = st.sampled_from(("a", "b", "c"))
shops = st.builds(
    StockPolicy,
    buffer=buffers,
    buffers=st.dictionaries(keys, buffers, max_size=2),
    allow_negative=st.booleans(),
    fractions=st.booleans(),
)
moments = st.integers(-3600, 3600).map(lambda seconds: NOON + timedelta(seconds=seconds))


# project


@given(units, shops, st.none() | keys)
def test_a_shop_is_never_told_more_than_there_is(on_hand: Quantity, policy: StockPolicy, key: str | None) -> None:
    held_back = policy.buffers.get(key or "", policy.buffer)
    told = project(on_hand, policy, key)
    assert told <= max(ZERO, on_hand - held_back)
    assert policy.allow_negative or told >= 0
    assert policy.fractions or told == told.to_integral_value(rounding=ROUND_FLOOR)


@given(units, shops, st.none() | keys)
def test_a_shop_is_told_all_that_is_free(on_hand: Quantity, policy: StockPolicy, key: str | None) -> None:
    free = on_hand - policy.buffers.get(key or "", policy.buffer)
    told = project(on_hand, policy, key)
    assert told == free if policy.fractions and free >= 0 else told > free - 1


@given(units, units, shops, keys)
def test_more_on_hand_is_never_told_as_less(one: Quantity, other: Quantity, policy: StockPolicy, key: str) -> None:
    less, more = sorted((one, other))
    assert project(less, policy, key) <= project(more, policy, key)


@given(units, buffers, buffers, st.booleans())
def test_a_larger_buffer_never_offers_more(on_hand: Quantity, one: Quantity, other: Quantity, fractions: bool) -> None:
    small, large = (StockPolicy(buffer=buffer, fractions=fractions) for buffer in sorted((one, other)))
    assert project(on_hand, large) <= project(on_hand, small)


@given(units, shops)
def test_the_hub_is_told_the_quantity_itself(on_hand: Quantity, policy: StockPolicy) -> None:
    assert project(on_hand, replace(policy, hub=True), "a") == on_hand


# judge_reading

states = st.builds(
    ListingState,
    shadow=st.none() | whole,
    write_seq=st.integers(0, 3),
    in_doubt=st.booleans(),
    writes=st.lists(st.builds(PastWrite, before=whole, confirmed_at=moments), max_size=3),
)


@given(states, whole, st.integers(0, 3), moments)
def test_a_reading_counts_once_or_not_at_all(state: ListingState, quantity: Quantity, seq: int, now: datetime) -> None:
    verdict = judge_reading(state, quantity, began_seq=seq, now=now, settle=SETTLE)
    match verdict:
        case Same():
            assert quantity == state.shadow
        case Adopt():
            assert state.shadow is None
        case Move(quantity=moved):
            assert state.shadow is not None
            assert moved
            assert state.shadow + moved == quantity
        case Ignore(read_again_at=None):
            assert state.in_doubt
        case Ignore(read_again_at=at):
            assert at is not None
            assert now <= at


@given(states, whole, st.integers(0, 3), moments)
def test_nothing_counts_while_an_operation_is_unresolved(
    state: ListingState, quantity: Quantity, seq: int, now: datetime
) -> None:
    verdict = judge_reading(replace(state, in_doubt=True), quantity, began_seq=seq, now=now, settle=SETTLE)
    assert isinstance(verdict, Ignore)


@given(states, whole, moments)
def test_a_read_that_began_before_our_write_never_counts(
    state: ListingState, quantity: Quantity, now: datetime
) -> None:
    assume(state.write_seq > 0)
    verdict = judge_reading(state, quantity, began_seq=state.write_seq - 1, now=now, settle=SETTLE)
    assert isinstance(verdict, Ignore)


@given(whole, whole, st.integers(0, 30))
def test_the_value_before_our_write_is_held_as_long_as_a_cache_may_show_it(
    before: Quantity, shadow: Quantity, seconds: int
) -> None:
    assume(before != shadow)
    state = ListingState(shadow, writes=(PastWrite(before, NOON),))
    now = NOON + timedelta(seconds=seconds)
    verdict = judge_reading(state, before, began_seq=0, now=now, settle=SETTLE)
    assert isinstance(verdict, Ignore) == (now < NOON + SETTLE)
    if isinstance(verdict, Ignore):
        assert verdict.read_again_at == NOON + SETTLE
        again = judge_reading(state, before, began_seq=0, now=verdict.read_again_at, settle=SETTLE)
        assert again == Move(before - shadow)


@given(st.lists(whole, min_size=1, max_size=6))
def test_the_movements_of_any_readings_add_up_to_the_last(readings: list[Quantity]) -> None:
    shadow, moved = ZERO, ZERO
    for quantity in readings:
        verdict = judge_reading(ListingState(shadow), quantity, began_seq=0, now=NOON, settle=SETTLE)
        moved += verdict.quantity if isinstance(verdict, Move) else ZERO
        shadow = quantity
    assert moved == readings[-1]


# settle

differences = whole.filter(bool)
documents = st.lists(whole.filter(bool), max_size=4)
late_looks = st.integers(60, 4000).map(lambda seconds: NOON + timedelta(seconds=seconds))


def look(doubt: Doubt, applied: bool, moved: Quantity, **what: object) -> Evidence:
    """What a side shows on which the write did or did not take effect and its documents moved so much."""
    quantity = doubt.before + moved + (doubt.difference if applied else ZERO)
    given_words = {"marker": None, "read_at": NOON + IN_DOUBT, "moved": moved, **what}
    return Evidence(quantity=quantity, **given_words)  # type: ignore[arg-type]  # words of Evidence


@given(whole, differences, st.booleans(), documents, documents, st.data())
def test_true_and_complete_documents_never_lead_to_a_wrong_word(
    before: Quantity,
    difference: Quantity,
    applied: bool,
    certain: list[Quantity],
    unsure: list[Quantity],
    data: st.DataObject,
) -> None:
    """Of the unsure documents any part may be in the shadow already; whichever it is, nothing wrong is said."""
    doubt = Doubt(before, difference, NOON)
    after_shadow = data.draw(st.lists(st.sampled_from(range(len(unsure))), unique=True)) if unsure else []
    moved = sum(certain, ZERO)
    shown = look(doubt, applied, moved + sum((unsure[index] for index in after_shadow), ZERO))
    verdict = settle(doubt, replace(shown, moved=moved, unsure=tuple(unsure)), in_doubt=IN_DOUBT)
    match verdict:
        case WasApplied():
            assert applied
        case WasNotApplied():
            assert not applied
        case _:
            assert isinstance(verdict, Park)
            assert unsure, "certain documents always settle it"


@given(whole, differences, st.booleans(), whole)
def test_without_unsure_documents_numbers_always_settle_it(
    before: Quantity, difference: Quantity, applied: bool, moved: Quantity
) -> None:
    doubt = Doubt(before, difference, NOON)
    verdict = settle(doubt, look(doubt, applied, moved), in_doubt=IN_DOUBT)
    by = Settler.EVENT if moved else Settler.READ_BACK
    assert verdict == (WasApplied(by) if applied else WasNotApplied(by))


@given(whole, differences, st.booleans(), documents, late_looks)
def test_unsure_documents_are_resolved_whenever_only_one_reading_of_them_fits(
    before: Quantity, difference: Quantity, applied: bool, unsure: list[Quantity], read_at: datetime
) -> None:
    doubt = Doubt(before, difference, NOON)
    sums = {
        sum(chosen, ZERO) for chosen in chain.from_iterable(combinations(unsure, n) for n in range(len(unsure) + 1))
    }
    true_sum = sum(unsure, ZERO)
    shift = true_sum + (difference if applied else ZERO)
    fits_other = (shift if applied else shift - difference) in sums
    shown = replace(look(doubt, applied, true_sum, read_at=read_at), moved=ZERO, unsure=tuple(unsure))
    assert isinstance(settle(doubt, shown, in_doubt=IN_DOUBT), Park) == fits_other


@given(whole, differences, whole, st.integers(0, 59), st.sampled_from((None, False)), st.booleans())
def test_nothing_is_said_while_the_request_may_still_be_running(
    before: Quantity, difference: Quantity, quantity: Quantity, seconds: int, marker: bool | None, silent: bool
) -> None:
    doubt = Doubt(before, difference, NOON)
    evidence = Evidence(None if silent else quantity, marker, NOON + timedelta(seconds=seconds), moved=ZERO)
    assert isinstance(settle(doubt, evidence, in_doubt=IN_DOUBT), Wait)


@given(whole, differences, st.none() | whole, st.booleans(), late_looks, st.none() | whole)
def test_a_marker_is_believed_whatever_the_numbers_say(
    before: Quantity,
    difference: Quantity,
    quantity: Quantity | None,
    marker: bool,
    read_at: datetime,
    moved: Quantity | None,
) -> None:
    verdict = settle(Doubt(before, difference, NOON), Evidence(quantity, marker, read_at, moved), in_doubt=IN_DOUBT)
    assert verdict == (WasApplied(Settler.MARKER) if marker else WasNotApplied(Settler.MARKER))


@given(whole, differences, whole, whole, late_looks)
def test_unexplained_numbers_are_never_settled(
    before: Quantity, difference: Quantity, quantity: Quantity, moved: Quantity, read_at: datetime
) -> None:
    verdict = settle(Doubt(before, difference, NOON), Evidence(quantity, None, read_at, moved), in_doubt=IN_DOUBT)
    assert isinstance(verdict, Park) == (quantity - before - moved not in (ZERO, difference))


# match_listings


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[list[Candidate], list[Candidate]]:
    """Listings of a shop and of the hub with few codes, so that codes meet."""
    codes = st.none() | st.sampled_from(("x", "y", "z"))
    gtins = st.none() | st.sampled_from(("1", "2"))
    rows = draw(st.lists(st.tuples(st.booleans(), codes, gtins, st.booleans()), max_size=8))
    listings = [
        (in_shop, Candidate(number, sku, gtin, taken and not in_shop))
        for number, (in_shop, sku, gtin, taken) in enumerate(rows)
    ]
    return [row for in_shop, row in listings if in_shop], [row for in_shop, row in listings if not in_shop]


def by_shop(matches: list[Match]) -> dict[int, tuple[MatchClass, int | None, str | None]]:
    return {match.shop_id: (match.kind, match.hub_id, match.rule) for match in matches}


@given(catalogues(), st.randoms())
def test_matching_does_not_depend_on_any_order(both: tuple[list[Candidate], list[Candidate]], random: object) -> None:
    shop, hub = both
    expected = by_shop(match_listings(shop, hub, shop))
    shuffled_shop, shuffled_hub, twins = shop.copy(), hub.copy(), shop.copy()
    for rows in (shuffled_shop, shuffled_hub, twins):
        random.shuffle(rows)  # type: ignore[attr-defined]  # a random.Random that Hypothesis controls
    matches = match_listings(shuffled_shop, shuffled_hub, twins)
    assert by_shop(matches) == expected
    assert [match.shop_id for match in matches] == [row.id for row in shuffled_shop]


@given(catalogues())
def test_a_code_that_two_share_links_nothing(both: tuple[list[Candidate], list[Candidate]]) -> None:
    shop, hub = both
    by_id = {row.id: row for row in (*shop, *hub)}
    for match in match_listings(shop, hub, shop):
        if match.hub_id is None:
            assert match.kind is not MatchClass.LINKABLE
            continue
        attribute = f"{match.rule}_key"
        code = getattr(by_id[match.shop_id], attribute)
        assert code is not None
        assert [row.id for row in shop if getattr(row, attribute) == code] == [match.shop_id]
        assert [row.id for row in hub if getattr(row, attribute) == code] == [match.hub_id]


@given(catalogues())
@example(([Candidate(1, "x", None), Candidate(2, None, "1")], [Candidate(3, "x", "1")]))
def test_no_hub_listing_is_given_twice_or_again(both: tuple[list[Candidate], list[Candidate]]) -> None:
    shop, hub = both
    given_ids = [match.hub_id for match in match_listings(shop, hub, shop) if match.hub_id is not None]
    assert len(given_ids) == len(set(given_ids))
    assert not set(given_ids) & {row.id for row in hub if row.taken}


@given(catalogues())
def test_a_code_that_leads_to_one_free_product_links(both: tuple[list[Candidate], list[Candidate]]) -> None:
    """Only if nothing else of the shop reaches the same product by its other code."""
    shop, hub = both
    matched = by_shop(match_listings(shop, hub, shop))
    for row in shop:
        partners = [other for other in hub if row.sku_key is not None and other.sku_key == row.sku_key]
        twins = [other for other in shop if other.sku_key == row.sku_key]
        rivals = [
            other
            for other in shop
            if other.id != row.id and partners and other.gtin_key is not None and other.gtin_key == partners[0].gtin_key
        ]
        if len(partners) == len(twins) == 1 and not partners[0].taken and not rivals:
            assert matched[row.id] == (MatchClass.LINKABLE, partners[0].id, "sku")


# guard

changes = st.lists(st.builds(Change, label=st.just("x"), holds=whole, wants=whole), max_size=12)
limits = st.builds(Limit, items=st.none() | st.integers(0, 8), percent=st.none() | st.integers(0, 100).map(Quantity))
safety = st.builds(
    SafetyLimits,
    max_zeroed=st.none() | limits,
    max_changed=st.none() | limits,
    max_jump=st.none() | st.integers(0, 30).map(Quantity),
)


@given(changes, st.integers(0, 50), safety)
def test_a_plan_that_stops_does_not_pass_with_more_in_it(
    plan: list[Change], more_linked: int, guard: SafetyLimits
) -> None:
    linked = len(plan) + more_linked
    if check_plan(plan, linked, guard) is not None:
        assert check_plan([*plan, Change("y", Quantity(5), ZERO)], linked, guard) is not None


@given(changes, st.integers(0, 50), safety)
def test_the_guard_stops_exactly_what_exceeds_a_limit(
    plan: list[Change], more_linked: int, guard: SafetyLimits
) -> None:
    linked = len(plan) + more_linked

    def too_many(limit: Limit | None, count: int) -> bool:
        if limit is None:
            return False
        above_items = limit.items is None or count > limit.items
        return above_items and (limit.percent is None or Quantity(count * 100) > limit.percent * linked)

    zeroed = sum(change.holds > 0 and change.wants <= 0 for change in plan)
    jumps = any(guard.max_jump is not None and abs(c.wants - c.holds) > guard.max_jump for c in plan)
    expected = too_many(guard.max_zeroed, zeroed) or too_many(guard.max_changed, len(plan)) or jumps
    stop = check_plan(plan, linked, guard)
    assert (stop is not None) == expected
    assert stop is None or (stop.reason and all(count >= 0 for count in stop.counts.values()))


@given(changes)
def test_without_limits_everything_passes(plan: list[Change]) -> None:
    assert check_plan(plan, len(plan), SafetyLimits()) is None


# keys


@given(st.text(max_size=20))
def test_a_sku_key_is_stable_and_blind_to_space_and_case(sku: str) -> None:
    key = sku_key(sku)
    assert sku_key(f"  {sku}\t") == key
    assert key is None or sku_key(key) == key
    assert (key is None) == (not sku.strip())


@given(st.text(alphabet="0123456789 -", max_size=18) | st.text(max_size=16))
def test_a_gtin_key_has_fourteen_digits_or_does_not_exist(gtin: str) -> None:
    key = gtin_key(gtin)
    if key is not None:
        assert len(key) == GTIN_DIGITS
        assert key.isascii()
        assert key.isdigit()
        assert gtin_key(key) == key
        assert int(key) == int("".join(character for character in gtin if character not in " -"))


@given(st.integers(1, 10**12 - 1))
def test_the_forms_of_one_gtin_are_one(number: int) -> None:
    forms = {gtin_key(str(number).zfill(length)) for length in (12, 13, 14)}
    assert forms == {str(number).zfill(GTIN_DIGITS)}


@pytest.mark.parametrize("nothing", [None, "", "  ", "0000000000000", "no code", "123"])
def test_what_is_no_gtin_has_no_key(nothing: str | None) -> None:
    assert gtin_key(nothing) is None
