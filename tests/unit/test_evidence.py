"""What documents prove about readings: the stories that ``weigh`` must and must not tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from syncd.core.evidence import Document, Explained, Seen, Unclear, Window, weigh
from syncd.core.model import Quantity

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def order(units: int, second: float, key: str = "") -> Document:
    return Document(key or f"{units:+} at {second}", Quantity(units), at(second), at(second))


def seen(units: int, began: float, recorded: float) -> Seen:
    return Seen(Quantity(units), at(began), at(recorded))


def window(begun: float, ended: float) -> Window:
    return Window(at(begun), at(ended))


def test_an_edit_by_hand_is_not_made_up_for_by_orders_of_other_moments() -> None:
    """Seen under chaos: +4 by hand beside two orders; one of them and a later order come to just -4."""
    documents = [order(-1, 5), order(-2, 6), order(-2, 18), order(-1, 34), order(-1, 37), order(-2, 53)]
    changes = [seen(1, 6.9, 7.7), seen(-2, 19.4, 20.6), seen(-1, 35, 35.3), seen(-1, 37.1, 37.4)]
    windows = [window(4.9, 5), window(20.6, 20.7), window(52.9, 53.2)]
    verdict = weigh(documents, [*changes, seen(-2, 53.4, 54)], windows)
    assert verdict == Explained()


def test_a_swallowed_order_is_found_beside_one_that_counted() -> None:
    lost, counted = order(-2, 5), order(-3, 6)
    assert weigh([lost, counted], [seen(-3, 7, 8)], [window(4.5, 5.5)]) == Explained((lost,))


def test_what_no_write_of_ours_can_have_swallowed_was_balanced_by_hand() -> None:
    assert weigh([order(-2, 50)], [], [window(4.5, 5.5)]) == Explained()


def test_documents_that_balance_each_other_before_anybody_reads_are_nothing() -> None:
    assert weigh([order(-2, 5), order(2, 6)], [], [window(4, 7)]) == Explained()


def test_a_change_of_much_later_does_not_hold_an_order_that_was_read_before() -> None:
    lost = order(-2, 5)
    assert weigh([lost, order(-3, 60)], [seen(-3, 61, 62), seen(-2, 900, 901)], [window(4, 6)]) == Explained((lost,))


def test_a_reading_that_saw_no_change_keeps_explanations_apart() -> None:
    """Seen under chaos: an edit by hand balanced the first order; a write later on did not eat the second one."""
    documents = [order(-1, 30), order(-1, 35), order(-1, 38), order(1, 36)]
    changes = [seen(0, 32.1, 32.9), seen(-1, 39.2, 39.7)]
    assert weigh(documents, changes, [window(40.8, 41)]) == Explained()


def test_many_equal_orders_are_one_story() -> None:
    orders = [order(-1, 5, key=str(number)) for number in range(40)]
    verdict = weigh(orders, [seen(-38, 8, 9)], [window(4, 6)])
    assert isinstance(verdict, Explained)
    assert len(verdict.swallowed) == 2


def test_fewer_swallowed_orders_are_likelier_than_many() -> None:
    verdict = weigh([order(-1, 5), order(-2, 5.5), order(-3, 5.6)], [seen(-3, 7, 8)], [window(4, 6)])
    assert isinstance(verdict, Explained)
    assert [document.quantity for document in verdict.swallowed] == [-3]


def test_orders_that_each_have_their_change_were_counted() -> None:
    documents = [order(-1, 5), order(-2, 5.5)]
    assert weigh(documents, [seen(-1, 7, 7.5), seen(-2, 8, 8.5)], [window(4, 6)]) == Explained()


def test_too_many_ways_are_unclear_and_quickly_so() -> None:
    documents = [order(units, 5, key=str(units)) for units in range(1, 18)]
    assert isinstance(weigh(documents, [seen(3, 7, 8)], [window(4, 6)]), Unclear)


def test_a_change_of_a_known_document_is_in_no_reading_of_before_our_last_look_at_it() -> None:
    """Seen in a long property run: a stock-take by hand in a doubt, then a cancellation that the next write swallowed.

    The reading ended 50 ms before the look that still showed the order as it was: both are times of our own clock.
    """
    cancelled = Document("order#2", Quantity(2), at(55.296), at(85.388), is_ours=True)
    documents = [order(1, 32.896), order(-2, 32.918), cancelled]
    changes = [seen(-6, 45.227, 55.246), seen(0, 55.248, 55.283), seen(0, 85.358, 85.391)]
    windows = [window(23.573, 55.242), window(55.248, 55.283), window(85.358, 85.391)]
    assert weigh(documents, changes, windows) == Explained((cancelled,))


def test_an_order_dated_after_an_edit_was_read_is_not_part_of_it() -> None:
    """Seen in a long property run: a stock-take by hand was read 143 ms before an order that our write swallowed.

    Clocks could differ by so much, and an edit of +5 with the order be the +2 that was read; as a rule they do not.
    """
    swallowed = order(-3, 121.981)
    changes = [seen(2, 111.834, 121.838), seen(0, 111.883, 121.895), seen(0, 121.963, 121.984), seen(0, 272, 282)]
    assert weigh([swallowed], changes, [window(121.963, 121.984)]) == Explained((swallowed,))


def test_an_order_that_is_the_whole_change_is_in_it_though_its_date_is_a_little_later() -> None:
    changes = [seen(-3, 111.834, 121.838), seen(0, 121.963, 121.984)]
    assert weigh([order(-3, 121.981)], changes, [window(121.963, 121.984)]) == Explained()
