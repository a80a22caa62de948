"""Orders that a side swallows inside our own write are found by their documents and counted exactly once."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.adapters.memory import MemorySide
from syncd.service.runs import RequestCounter, start_run
from syncd.service.worker import SideWorker
from tests.support.engine import Account, two_sides
from tests.support.swallowing import both, let_pass, push_till_sale, swallow_orders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncd.core.model import ChangePage, Cursor, StockWrite
    from syncd.state.engine import Database


def test_a_swallowed_order_is_counted_once(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    swallow_orders(account, ("77", 2))
    push_till_sale(account)
    assert account.worlds["web"].quantity("w-A") == 9
    let_pass(account)
    assert both(account) == (7, 7)
    lost = account.movements("lost_update")
    assert [(int(m.quantity), m.evidence) for m in lost] == [
        (-2, "web order 77 (-2) was lost there inside our own write")
    ]
    written = len(account.operations())
    let_pass(account)
    assert len(account.operations()) == written
    assert both(account) == (7, 7)


def test_an_order_inside_our_write_that_counted_is_not_counted_again(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    web = account.worlds["web"]
    web.before_effect = lambda write: web.sell(write.ref.external_id, 2, reference="77")
    push_till_sale(account)
    web.before_effect = None
    let_pass(account)
    assert both(account) == (7, 7)
    assert account.movements("lost_update") == []


def test_one_of_two_orders_is_swallowed(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.clock.advance(60)
    swallow_orders(account, ("77", 2))
    push_till_sale(account)
    account.clock.advance(1)
    account.worlds["web"].sell("w-A", 3, reference="78")
    let_pass(account)
    assert both(account) == (14, 14)
    assert [m.quantity for m in account.movements("lost_update")] == [-2]


def test_an_edit_by_hand_that_balances_an_order_is_left_alone(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    push_till_sale(account)
    account.clock.advance(60)
    account.worlds["web"].sell("w-A", 2, reference="77")
    account.worlds["web"].count("w-A", 9)
    let_pass(account, 40)
    assert both(account) == (9, 9)
    assert account.movements("lost_update") == []


def test_an_edit_by_hand_beside_an_order_is_a_movement_of_its_own(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    account.worlds["web"].sell("w-A", 2, reference="77")
    account.worlds["web"].sell("w-A", -5)
    let_pass(account)
    assert both(account) == (13, 13)
    assert account.movements("lost_update") == []


def test_an_order_of_the_same_second_as_the_first_reading_is_part_of_it(database: Database) -> None:
    """The first write follows within milliseconds; with clocks of a second the order may seem to lie inside it."""
    account = Account(database)
    till, web = account.add_side("till", "hub"), account.add_side("web")
    till.put("t-A", 10, sku="A")
    account.poll("till")
    web.put("w-A", 7, sku="A")
    web.sell("w-A", 1, reference="11")
    account.clock.advance(0.01)
    account.poll("web")
    assert int(web.quantity("w-A")) == 10
    let_pass(account)
    assert both(account) == (10, 10)
    assert account.movements("lost_update") == []


def test_an_order_swallowed_by_the_first_write_is_found_if_the_reading_was_earlier(database: Database) -> None:
    """The shop's product has long been read when the till's appears, so it is linked and written to unread."""
    account = Account(database)
    till, web = account.add_side("till", "hub"), account.add_side("web")
    till.put("t-Z", 1, sku="Z")
    web.put("w-Z", 1, sku="Z")
    web.put("w-A", 5, sku="A")
    account.settle_down(3)
    till.put("t-A", 10, sku="A")
    account.clock.advance(30)
    account.poll("till")
    account.clock.advance(0.5)
    swallow_orders(account, ("1", 1))
    account.workers["web"].run("push", "test")
    let_pass(account)
    assert both(account) == (9, 9)
    assert len(account.movements("lost_update")) == 1


def test_a_cancellation_swallowed_soon_after_the_first_link_is_found(database: Database) -> None:
    """The order is part of the first reading, its cancellation came later."""
    account = Account(database)
    till, web = account.add_side("till", "hub"), account.add_side("web")
    web.put("w-A", 10, sku="A")
    account.poll()
    web.sell("w-A", 3, reference="10")
    account.poll("web")
    till.put("t-A", 14, sku="A")
    account.clock.advance(30)
    account.poll("till", "web", "web")
    assert both(account) == (14, 14)
    account.clock.advance(7)

    def cancel(_: StockWrite) -> None:
        web.before_effect = None
        web.cancel("10", "w-A", swallowed=True)

    web.before_effect = cancel
    push_till_sale(account)
    let_pass(account)
    assert both(account) == (16, 16)


def test_a_swallowed_cancellation_is_not_taken_as_part_of_an_edit_of_before_our_last_look(database: Database) -> None:
    """The edit was read a moment before the look that still showed the order as it was: our clock, no tolerance."""
    account = two_sides(database, {"A": 20}, {"A": 20})
    web = account.worlds["web"]
    account.clock.advance(60)
    web.sell("w-A", 2, reference="10")
    let_pass(account)
    web.count("w-A", web.quantity("w-A") - 6)
    account.poll("web")
    account.clock.advance(0.05)
    account.poll("web")
    account.workers["till"].run("push", "test")
    account.clock.advance(30)

    def cancel(_: StockWrite) -> None:
        web.before_effect = None
        web.cancel("10", "w-A", swallowed=True)

    web.before_effect = cancel
    push_till_sale(account)
    let_pass(account)
    assert both(account) == (13, 13)
    assert [int(movement.quantity) for movement in account.movements("lost_update")] == [2]


def test_a_change_that_has_its_document_is_no_place_for_another_an_hour_later(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.clock.advance(60)
    web = account.worlds["web"]
    web.sell("w-A", 5, reference="8")
    let_pass(account)
    web.refund("8", "w-A", 1)
    account.poll("web", "web")
    web.refund("8", "w-A", 1)
    account.clock.advance(4000)
    swallow_orders(account, ("77", 2))
    push_till_sale(account)
    let_pass(account)
    assert both(account) == (14, 14)
    assert [m.quantity for m in account.movements("lost_update")] == [-2]


def test_an_order_from_before_the_first_link_proves_nothing(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    web = account.worlds["web"]
    swallow_orders(account, ("12", 3))
    account.worlds["till"].sell("t-A", 1)
    account.poll("till")
    account.workers["web"].run("push", "test")
    old = account.clock().replace(year=2025)
    at, event = web.events[-1]
    web.events[-1] = (
        at,
        type(event)(event.ref, event.key, event.kind, event.reference, event.quantity, event.occurred_at, old),
    )
    let_pass(account)
    assert account.movements("lost_update") == []
    assert both(account) == (9, 9)


def test_a_swallowed_order_that_is_cancelled_later_is_counted_both_times(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    swallow_orders(account, ("77", 2))
    push_till_sale(account)
    account.poll("web")
    account.clock.advance(5)
    account.worlds["web"].cancel("77", "w-A")
    let_pass(account)
    assert both(account) == (9, 9)
    assert [m.quantity for m in account.movements("lost_update")] == [-2]


def test_orders_that_counted_in_their_own_pass_are_not_called_swallowed(database: Database) -> None:
    account = two_sides(database, {"A": 40}, {"A": 40})
    account.clock.advance(60)
    web = account.worlds["web"]
    for reference, quantity in (("1", 4), ("2", 1), ("3", 2)):
        web.sell("w-A", quantity, reference=reference)
        if reference == "1":
            web.sell("w-A", -3)
        account.poll("web")
        web.before_effect = None
        push_till_sale(account)
        account.clock.advance(2)
    let_pass(account)
    assert both(account) == (33, 33)
    assert account.movements("lost_update") == []


def test_an_edit_by_hand_is_not_made_up_for_by_orders_of_other_moments(database: Database) -> None:
    """Two orders inside different writes come to minus the edit; each was counted, as the changes around it show."""
    account = two_sides(database, {"A": 60}, {"A": 60})
    account.clock.advance(60)
    web = account.worlds["web"]
    push_till_sale(account)
    web.sell("w-A", 1, reference="95")
    web.sell("w-A", -4)
    web.sell("w-A", 2, reference="96")
    account.clock.advance(2)
    account.poll("web")
    for number in range(3):
        account.clock.advance(4)
        push_till_sale(account)
        web.sell("w-A", 2, reference=f"12{number}")
        account.clock.advance(1)
        account.poll("web")
    let_pass(account)
    assert account.movements("lost_update") == []
    assert both(account) == (51, 51)


def test_a_late_document_frees_the_change_that_explained_a_swallowed_order(database: Database) -> None:
    """A swallowed order is taken for the one that was seen; when that one's own document comes, it is found."""
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.clock.advance(60)
    web = account.worlds["web"]
    swallow_orders(account, ("77", 2))
    push_till_sale(account)
    account.clock.advance(20)
    web.sell("w-A", 2, reference="78")
    late = web.events.pop()
    account.clock.advance(1)
    account.poll("web")
    account.clock.advance(20)
    account.poll("web")
    web.events.append((web.tick + 1, late[1]))
    web.tick += 1
    let_pass(account)
    assert [m.quantity for m in account.movements("lost_update")] == [-2]
    assert both(account) == (15, 15)


def test_a_refund_that_bears_the_date_of_its_order_happened_since_the_last_look(database: Database) -> None:
    """It was not there at the last look; as old as its order, it would be called swallowed by a write of then."""
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.clock.advance(60)
    web = account.worlds["web"]
    ordered_at = account.clock()
    push_till_sale(account)
    web.sell("w-A", 4, reference="88")
    account.clock.advance(10)
    account.poll("web")
    let_pass(account)
    web.sell("w-A", -1, reference="refund of 88")
    at, event = web.events[-1]
    web.events[-1] = at, replace(event, occurred_at=ordered_at, began_at=None)
    web.sell("w-A", 2, reference="163")
    let_pass(account)
    assert account.movements("lost_update") == []
    assert both(account) == (14, 14)


def test_a_swallowed_order_before_a_sweep_is_counted(database: Database) -> None:
    """A read of everything begins its feeds anew: documents from before it must be known by then."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    swallow_orders(account, ("77", 2))
    push_till_sale(account)
    account.clock.advance(30)
    account.poll("web", kind="full")
    let_pass(account)
    assert both(account) == (7, 7)
    assert [m.quantity for m in account.movements("lost_update")] == [-2]


def test_documents_that_are_given_up_take_no_movement_of_younger_ones_along(database: Database) -> None:
    account = two_sides(database, {"A": 30}, {"A": 30})
    web = account.worlds["web"]
    account.clock.advance(60)
    web.sell("w-A", 3, reference="77")
    web.sell("w-A", 1)
    let_pass(account, 28)
    push_till_sale(account)
    web.sell("w-A", 2, reference="78")
    web.sell("w-A", 7)
    let_pass(account, 40)
    assert both(account) == (16, 16)
    assert account.movements("lost_update") == []


class _Interrupted(MemorySide):
    """A side on which something happens while its pages are on the way to us."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def read_changes(self, cursor: Cursor) -> Iterator[ChangePage]:
        pages = list(super().read_changes(cursor))
        self.meanwhile()
        yield from pages


def test_an_order_that_another_run_counted_meanwhile_is_not_called_swallowed(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    web, worker = account.worlds["web"], account.workers["web"]
    web.sell("w-A", 1, reference="76")
    account.poll("web")
    account.worlds["till"].sell("t-A", 4)
    account.poll("till")
    side = worker.side.adapter = _Interrupted(web, worker.side.adapter.capabilities)

    def sell_and_push_beside() -> None:
        web.sell("w-A", 3, reference="77")
        other = SideWorker(worker.side, worker.hub_id, RequestCounter(), threading.Event())
        other.push(start_run(other.side, "push", "beside"))

    side.meanwhile = sell_and_push_beside
    account.poll("web")
    side.meanwhile = lambda: None
    let_pass(account)
    assert both(account) == (2, 2)
    assert account.movements("lost_update") == []


def test_many_orders_swallowed_by_different_writes_are_found_together(database: Database) -> None:
    """Nobody read the shop between the writes, but their answers showed what it held: no single edit explains them."""
    account = two_sides(database, {"A": 40}, {"A": 40})
    account.clock.advance(60)
    for number, quantity in enumerate((2, 2, 1, 3)):
        swallow_orders(account, (f"o-{number}", quantity))
        push_till_sale(account)
        account.clock.advance(7)
    account.clock.advance(60)
    account.poll("web", kind="full")
    let_pass(account)
    assert both(account) == (28, 28)
    assert len(account.movements("lost_update")) == 4


def test_a_swallowed_order_that_its_shop_dates_a_second_later_is_counted(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    push_till_sale(account)
    account.clock.advance(1)  # a shop's clock is a second or two ahead of ours, and it dates in whole seconds
    account.worlds["web"].swallow("w-A", 2, reference="77")
    let_pass(account)
    assert both(account) == (7, 7)
    assert [m.quantity for m in account.movements("lost_update")] == [-2]


def test_an_edit_by_hand_that_takes_back_a_counted_order_is_left_alone(database: Database) -> None:
    """The order was read as it happened; somebody then saves the product's form with the quantity from before it."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    push_till_sale(account)
    account.clock.advance(1)
    account.worlds["web"].sell("w-A", 2, reference="77")
    account.poll("web")
    account.clock.advance(20)
    account.worlds["web"].count("w-A", 9)
    let_pass(account, 40)
    assert both(account) == (9, 9)
    assert account.movements("lost_update") == []


def test_an_order_that_a_cached_page_does_not_show_yet_is_not_called_swallowed(database: Database) -> None:
    """Its document is known before its effect is seen; called swallowed, it would be counted again by the next look."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    web = account.worlds["web"]
    web.stale = True
    push_till_sale(account)
    web.sell("w-A", 2, reference="77")
    account.poll("web", "till", "web")
    let_pass(account)
    assert both(account) == (7, 7)
    assert account.movements("lost_update") == []


def test_an_order_whose_product_the_feed_leaves_out_is_not_called_swallowed(database: Database) -> None:
    """A shop whose orders do not move the dates of their products: the products of documents are read all the same."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    web = account.worlds["web"]
    push_till_sale(account)
    web.sell("w-A", 2, reference="77")
    web.miss("w-A")
    let_pass(account)
    assert both(account) == (7, 7)
    assert account.movements("lost_update") == []


def test_two_orders_that_balanced_each_other_do_so_when_both_are_cancelled_minutes_later(database: Database) -> None:
    """Seen in a long property run: one of the two was remembered, the other had been recorded a little too long ago."""
    account = two_sides(database, {"A": 20}, {"A": 20})
    web = account.worlds["web"]
    account.clock.advance(60)
    web.sell("w-A", -3, reference="15")
    web.sell("w-A", 3, reference="16")
    _, late = web.events.pop()
    push_till_sale(account)
    account.poll("web")
    account.clock.advance(50)
    web.tick += 1
    web.events.append((web.tick, late))
    account.poll("web")
    let_pass(account, 2)
    account.clock.advance(210)
    web.cancel("16", "w-A")
    web.cancel("15", "w-A")
    let_pass(account)
    assert both(account) == (19, 19)
    assert account.movements("lost_update") == []
