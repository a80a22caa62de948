"""How one listing stands, by the books before and after a look at the side."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.audit import ADVICE, Around, Book, Reason, Seen, Standing, judge

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BOOK = Book("web", "7", "A", "Cup", 1, Decimal(9), Decimal(9), Decimal(9), Decimal(9), NOW - timedelta(days=1))
ALONE = Around(NOW)
BUSY = Around(NOW, patience=timedelta(minutes=2), read_at=NOW - timedelta(seconds=20))


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("before", "after", "seen", "around", "standing", "reason", "counts"),
    [
        ({}, {}, 9, ALONE, Standing.EQUAL, None, False),
        ({"shadow": Decimal(8)}, {}, 9, ALONE, Standing.EQUAL, None, False),
        ({}, {"shadow": Decimal(8)}, 9, ALONE, Standing.UNDER_WAY, Reason.CHANGED_MEANWHILE, False),
        ({}, {}, 8, ALONE, Standing.DIFFERENT, Reason.DRIFT, True),
        ({}, {}, 8, BUSY, Standing.DIFFERENT, Reason.DRIFT, True),
        ({}, {}, 8, replace(ALONE, named={"7"}), Standing.DIFFERENT, Reason.NOT_READ, True),
        ({}, {}, 8, replace(BUSY, named={"7"}), Standing.UNDER_WAY, Reason.NOT_READ, False),
        ({}, {}, 8, replace(BUSY, named={"7"}, read_at=ago(121)), Standing.DIFFERENT, Reason.NOT_READ, True),
        ({}, {}, 8, replace(BUSY, named={"8"}), Standing.DIFFERENT, Reason.DRIFT, True),
        ({"shadow": Decimal(8)}, {"shadow": Decimal(8)}, 9, ALONE, Standing.DIFFERENT, Reason.SHADOW, True),
        ({"shadow_at": ago(5)}, {"shadow_at": ago(5)}, 8, ALONE, Standing.DIFFERENT, Reason.DRIFT, True),
        (
            {"shadow_at": ago(5)},
            {"shadow_at": ago(5)},
            8,
            replace(ALONE, settle=timedelta(seconds=10)),
            Standing.UNDER_WAY,
            Reason.CHANGED_MEANWHILE,
            False,
        ),
        ({"recheck_at": ago(5)}, {"recheck_at": ago(5)}, 8, ALONE, Standing.DIFFERENT, Reason.READ_AGAIN, True),
        ({"recheck_at": ago(5)}, {"recheck_at": ago(5)}, 8, BUSY, Standing.UNDER_WAY, Reason.READ_AGAIN, False),
        ({}, {}, None, ALONE, Standing.DIFFERENT, Reason.NOT_COUNTED, True),
        ({}, {}, None, replace(BUSY, named={"7"}), Standing.UNDER_WAY, Reason.NOT_COUNTED, False),
    ],
)
def test_what_the_side_says_against_the_books(
    before: dict[str, object],
    after: dict[str, object],
    seen: int | None,
    around: Around,
    standing: Standing,
    reason: Reason | None,
    counts: bool,
) -> None:
    look = Seen(None if seen is None else Decimal(seen))
    verdict = judge(replace(BOOK, **before), replace(BOOK, **after), look, around)  # type: ignore[arg-type]
    assert (verdict.standing, verdict.reason, verdict.counts) == (standing, reason, counts)


@pytest.mark.parametrize(
    ("doing", "since", "around", "standing", "reason", "counts"),
    [
        ("sent", 5, ALONE, Standing.UNDER_WAY, Reason.BEING_WRITTEN, False),
        ("intended", 5, ALONE, Standing.UNDER_WAY, Reason.BEING_WRITTEN, False),
        ("sent", 61, ALONE, Standing.IN_DOUBT, Reason.IN_DOUBT, True),
        ("unknown", 5, ALONE, Standing.IN_DOUBT, Reason.IN_DOUBT, True),
        ("unknown", 5, BUSY, Standing.IN_DOUBT, Reason.IN_DOUBT, False),
        ("unknown", 121, BUSY, Standing.IN_DOUBT, Reason.IN_DOUBT, True),
        ("parked", 5, BUSY, Standing.IN_DOUBT, Reason.PARKED, True),
    ],
)
def test_writes_under_way_and_in_doubt(
    doing: str, since: float, around: Around, standing: Standing, reason: Reason, counts: bool
) -> None:
    book = replace(BOOK, doing=doing, doing_since=ago(since))
    verdict = judge(book, book, Seen(Decimal(8)), around)
    assert (verdict.standing, verdict.reason, verdict.counts) == (standing, reason, counts)
    assert verdict.since == ago(since)
    assert not judge(book, book, Seen(Decimal(9)), around).counts


def test_a_thing_that_is_gone() -> None:
    verdict = judge(BOOK, BOOK, Seen(None, there=False), ALONE)
    assert (verdict.standing, verdict.reason, verdict.counts) == (Standing.DIFFERENT, Reason.GONE, True)


quantities = st.integers(-3, 3).map(Decimal)
books = st.builds(
    replace,
    st.just(BOOK),
    shadow=quantities,
    should=quantities,
    doing=st.sampled_from(["", "", "intended", "sent", "unknown", "parked"]),
    doing_since=st.just(NOW),
    pending=st.booleans(),
    recheck_at=st.sampled_from([None, NOW]),
    refused=st.booleans(),
)
arounds = st.builds(
    Around,
    looked_at=st.just(NOW),
    patience=st.sampled_from([timedelta(0), timedelta(minutes=1)]),
    read_at=st.sampled_from([None, NOW]),
    named=st.sampled_from([frozenset(), frozenset({"7"})]),
    stopped=st.booleans(),
    new_policy=st.booleans(),
)


@given(books, books, quantities, arounds)
def test_equal_means_equal_and_nothing_else_does(before: Book, after: Book, quantity: Decimal, around: Around) -> None:
    verdict = judge(before, after, Seen(quantity), around)
    equal = quantity == after.shadow == after.should and not after.doing
    assert (verdict.standing is Standing.EQUAL) is equal
    assert (verdict.reason is None) is equal
    assert not (verdict.counts and verdict.standing in (Standing.EQUAL, Standing.UNDER_WAY))
    if before == after and not after.doing and not equal and not around.patience:
        assert verdict.counts, "nobody is at work, and yet a difference is waved through"


def test_every_reason_says_what_follows() -> None:
    assert set(ADVICE) == set(Reason)
