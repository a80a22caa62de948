"""Orders that a side swallows inside our own write are found by their documents and counted exactly once."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.adapters.memory import MemorySide
from syncd.core.model import Quantity
from syncd.errors import OutcomeUnknown
from syncd.service.runs import RequestCounter, start_run
from syncd.service.worker import SideWorker
from tests.support.engine import Account, two_sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncd.core.model import ChangePage, Cursor, StockWrite
    from syncd.state.engine import Database


def _swallow_orders(account: Account, *orders: tuple[str, int]) -> None:
    """Let these orders land inside the next write to the shop and be lost there, as read-add-write loses them."""
    web = account.worlds["web"]

    def land(write: StockWrite) -> None:
        web.before_effect = None
        external_id = write.ref.external_id
        before = web.quantity(external_id)
        for reference, quantity in orders:
            web.sell(external_id, quantity, reference=reference)
        web.count(external_id, before)

    web.before_effect = land


def _till_sale_pushed(account: Account) -> None:
    account.worlds["till"].sell("t-A", 1)
    account.poll("till")
    account.workers["web"].run("push", "test")


def _pass(account: Account, times: int = 4) -> None:
    for _ in range(times):
        account.clock.advance(30)
        account.poll()


def _both(account: Account) -> tuple[int, int]:
    return int(account.worlds["till"].quantity("t-A")), int(account.worlds["web"].quantity("w-A"))


def test_a_swallowed_order_is_counted_once(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    _swallow_orders(account, ("77", 2))
    _till_sale_pushed(account)
    assert account.worlds["web"].quantity("w-A") == 9
    _pass(account)
    assert _both(account) == (7, 7)
    lost = account.movements("lost_update")
    assert [(int(m.quantity), m.evidence) for m in lost] == [
        (-2, "web order 77 (-2) was lost there inside our own write")
    ]
    written = len(account.operations())
    _pass(account)
    assert len(account.operations()) == written
    assert _both(account) == (7, 7)


def test_an_order_inside_our_write_that_counted_is_not_counted_again(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    web = account.worlds["web"]
    web.before_effect = lambda write: web.sell(write.ref.external_id, 2, reference="77")
    _till_sale_pushed(account)
    web.before_effect = None
    _pass(account)
    assert _both(account) == (7, 7)
    assert account.movements("lost_update") == []


def test_one_of_two_orders_is_swallowed(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.clock.advance(60)
    _swallow_orders(account, ("77", 2))
    _till_sale_pushed(account)
    account.clock.advance(1)
    account.worlds["web"].sell("w-A", 3, reference="78")
    _pass(account)
    assert _both(account) == (14, 14)
    assert [m.quantity for m in account.movements("lost_update")] == [-2]


def test_an_edit_by_hand_that_balances_an_order_is_left_alone(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    _till_sale_pushed(account)
    account.clock.advance(60)
    account.worlds["web"].sell("w-A", 2, reference="77")
    account.worlds["web"].count("w-A", 9)
    _pass(account, 40)
    assert _both(account) == (9, 9)
    assert account.movements("lost_update") == []


def test_an_edit_by_hand_beside_an_order_is_a_movement_of_its_own(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    account.worlds["web"].sell("w-A", 2, reference="77")
    account.worlds["web"].sell("w-A", -5)
    _pass(account)
    assert _both(account) == (13, 13)
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
    _pass(account)
    assert _both(account) == (10, 10)
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
    _swallow_orders(account, ("1", 1))
    account.workers["web"].run("push", "test")
    _pass(account)
    assert _both(account) == (9, 9)
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
    assert _both(account) == (14, 14)
    account.clock.advance(7)

    def cancel(_: StockWrite) -> None:
        web.before_effect = None
        web.cancel("10", "w-A", swallowed=True)

    web.before_effect = cancel
    _till_sale_pushed(account)
    _pass(account)
    assert _both(account) == (16, 16)


def test_a_swallowed_cancellation_is_not_taken_as_part_of_an_edit_of_before_our_last_look(database: Database) -> None:
    """The edit was read a moment before the look that still showed the order as it was: our clock, no tolerance."""
    account = two_sides(database, {"A": 20}, {"A": 20})
    web = account.worlds["web"]
    account.clock.advance(60)
    web.sell("w-A", 2, reference="10")
    _pass(account)
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
    _till_sale_pushed(account)
    _pass(account)
    assert _both(account) == (13, 13)
    assert [int(movement.quantity) for movement in account.movements("lost_update")] == [2]


def test_a_change_that_has_its_document_is_no_place_for_another_an_hour_later(database: Database) -> None:
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.clock.advance(60)
    web = account.worlds["web"]
    web.sell("w-A", 5, reference="8")
    _pass(account)
    web.refund("8", "w-A", 1)
    account.poll("web", "web")
    web.refund("8", "w-A", 1)
    account.clock.advance(4000)
    _swallow_orders(account, ("77", 2))
    _till_sale_pushed(account)
    _pass(account)
    assert _both(account) == (14, 14)
    assert [m.quantity for m in account.movements("lost_update")] == [-2]


def test_an_order_from_before_the_first_link_proves_nothing(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    web = account.worlds["web"]
    _swallow_orders(account, ("12", 3))
    account.worlds["till"].sell("t-A", 1)
    account.poll("till")
    account.workers["web"].run("push", "test")
    old = account.clock().replace(year=2025)
    at, event = web.events[-1]
    web.events[-1] = (
        at,
        type(event)(event.ref, event.key, event.kind, event.reference, event.quantity, event.occurred_at, old),
    )
    _pass(account)
    assert account.movements("lost_update") == []
    assert _both(account) == (9, 9)


def test_a_swallowed_order_that_is_cancelled_later_is_counted_both_times(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    _swallow_orders(account, ("77", 2))
    _till_sale_pushed(account)
    account.poll("web")
    account.clock.advance(5)
    account.worlds["web"].cancel("77", "w-A")
    _pass(account)
    assert _both(account) == (9, 9)
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
        _till_sale_pushed(account)
        account.clock.advance(2)
    _pass(account)
    assert _both(account) == (33, 33)
    assert account.movements("lost_update") == []


def test_an_edit_by_hand_is_not_made_up_for_by_orders_of_other_moments(database: Database) -> None:
    """Two orders inside different writes come to minus the edit; each was counted, as the changes around it show."""
    account = two_sides(database, {"A": 60}, {"A": 60})
    account.clock.advance(60)
    web = account.worlds["web"]
    _till_sale_pushed(account)
    web.sell("w-A", 1, reference="95")
    web.sell("w-A", -4)
    web.sell("w-A", 2, reference="96")
    account.clock.advance(2)
    account.poll("web")
    for number in range(3):
        account.clock.advance(4)
        _till_sale_pushed(account)
        web.sell("w-A", 2, reference=f"12{number}")
        account.clock.advance(1)
        account.poll("web")
    _pass(account)
    assert account.movements("lost_update") == []
    assert _both(account) == (51, 51)


def test_a_late_document_frees_the_change_that_explained_a_swallowed_order(database: Database) -> None:
    """A swallowed order is taken for the one that was seen; when that one's own document comes, it is found."""
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.clock.advance(60)
    web = account.worlds["web"]
    _swallow_orders(account, ("77", 2))
    _till_sale_pushed(account)
    account.clock.advance(20)
    web.sell("w-A", 2, reference="78")
    late = web.events.pop()
    account.clock.advance(1)
    account.poll("web")
    account.clock.advance(20)
    account.poll("web")
    web.events.append((web.tick + 1, late[1]))
    web.tick += 1
    _pass(account)
    assert [m.quantity for m in account.movements("lost_update")] == [-2]
    assert _both(account) == (15, 15)


def test_a_refund_that_bears_the_date_of_its_order_happened_since_the_last_look(database: Database) -> None:
    """It was not there at the last look; as old as its order, it would be called swallowed by a write of then."""
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.clock.advance(60)
    web = account.worlds["web"]
    ordered_at = account.clock()
    _till_sale_pushed(account)
    web.sell("w-A", 4, reference="88")
    account.clock.advance(10)
    account.poll("web")
    _pass(account)
    web.sell("w-A", -1, reference="refund of 88")
    at, event = web.events[-1]
    web.events[-1] = at, replace(event, occurred_at=ordered_at, began_at=None)
    web.sell("w-A", 2, reference="163")
    _pass(account)
    assert account.movements("lost_update") == []
    assert _both(account) == (14, 14)


def test_a_swallowed_order_before_a_sweep_is_counted(database: Database) -> None:
    """A read of everything begins its feeds anew: documents from before it must be known by then."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    _swallow_orders(account, ("77", 2))
    _till_sale_pushed(account)
    account.clock.advance(30)
    account.poll("web", kind="full")
    _pass(account)
    assert _both(account) == (7, 7)
    assert [m.quantity for m in account.movements("lost_update")] == [-2]


def test_documents_that_are_given_up_take_no_movement_of_younger_ones_along(database: Database) -> None:
    account = two_sides(database, {"A": 30}, {"A": 30})
    web = account.worlds["web"]
    account.clock.advance(60)
    web.sell("w-A", 3, reference="77")
    web.sell("w-A", 1)
    _pass(account, 28)
    _till_sale_pushed(account)
    web.sell("w-A", 2, reference="78")
    web.sell("w-A", 7)
    _pass(account, 40)
    assert _both(account) == (16, 16)
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
    _pass(account)
    assert _both(account) == (2, 2)
    assert account.movements("lost_update") == []


def test_many_orders_swallowed_by_different_writes_are_found_together(database: Database) -> None:
    """Nobody read the shop between the writes, but their answers showed what it held: no single edit explains them."""
    account = two_sides(database, {"A": 40}, {"A": 40})
    account.clock.advance(60)
    for number, quantity in enumerate((2, 2, 1, 3)):
        _swallow_orders(account, (f"o-{number}", quantity))
        _till_sale_pushed(account)
        account.clock.advance(7)
    account.clock.advance(60)
    account.poll("web", kind="full")
    _pass(account)
    assert _both(account) == (28, 28)
    assert len(account.movements("lost_update")) == 4


def test_a_swallowed_order_that_its_shop_dates_a_second_later_is_counted(database: Database) -> None:
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    _till_sale_pushed(account)
    account.clock.advance(1)  # a shop's clock is a second or two ahead of ours, and it dates in whole seconds
    account.worlds["web"].swallow("w-A", 2, reference="77")
    _pass(account)
    assert _both(account) == (7, 7)
    assert [m.quantity for m in account.movements("lost_update")] == [-2]


def test_an_edit_by_hand_that_takes_back_a_counted_order_is_left_alone(database: Database) -> None:
    """The order was read as it happened; somebody then saves the product's form with the quantity from before it."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    _till_sale_pushed(account)
    account.clock.advance(1)
    account.worlds["web"].sell("w-A", 2, reference="77")
    account.poll("web")
    account.clock.advance(20)
    account.worlds["web"].count("w-A", 9)
    _pass(account, 40)
    assert _both(account) == (9, 9)
    assert account.movements("lost_update") == []


def test_an_order_that_a_cached_page_does_not_show_yet_is_not_called_swallowed(database: Database) -> None:
    """Its document is known before its effect is seen; called swallowed, it would be counted again by the next look."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    web = account.worlds["web"]
    web.stale = True
    _till_sale_pushed(account)
    web.sell("w-A", 2, reference="77")
    account.poll("web", "till", "web")
    _pass(account)
    assert _both(account) == (7, 7)
    assert account.movements("lost_update") == []


def test_an_order_whose_product_the_feed_leaves_out_is_not_called_swallowed(database: Database) -> None:
    """A shop whose orders do not move the dates of their products: the products of documents are read all the same."""
    account = two_sides(database, {"A": 10}, {"A": 10})
    account.clock.advance(60)
    web = account.worlds["web"]
    _till_sale_pushed(account)
    web.sell("w-A", 2, reference="77")
    web.miss("w-A")
    _pass(account)
    assert _both(account) == (7, 7)
    assert account.movements("lost_update") == []


def test_two_orders_that_balanced_each_other_do_so_when_both_are_cancelled_minutes_later(database: Database) -> None:
    """Seen in a long property run: one of the two was remembered, the other had been recorded a little too long ago."""
    account = two_sides(database, {"A": 20}, {"A": 20})
    web = account.worlds["web"]
    account.clock.advance(60)
    web.sell("w-A", -3, reference="15")
    web.sell("w-A", 3, reference="16")
    _, late = web.events.pop()
    _till_sale_pushed(account)
    account.poll("web")
    account.clock.advance(50)
    web.tick += 1
    web.events.append((web.tick, late))
    account.poll("web")
    _pass(account, 2)
    account.clock.advance(210)
    web.cancel("16", "w-A")
    web.cancel("15", "w-A")
    _pass(account)
    assert _both(account) == (19, 19)
    assert account.movements("lost_update") == []


def _leader_dies_in_a_write(account: Account) -> None:
    """The write takes effect, its answer is lost with the process; what follows happens while nobody leads."""
    account.worlds["web"].faults.append("lost_after")
    with suppress(OutcomeUnknown):
        _till_sale_pushed(account)
    account.restart()
    account.clock.advance(5)


def test_an_order_that_was_counted_and_cancelled_before_its_document_was_read(database: Database) -> None:
    """The answer to a write shows it, then nobody leads. What came back hides the next order, which counted, too."""
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.clock.advance(60)
    web = account.worlds["web"]

    def land(write: StockWrite) -> None:
        web.before_effect = None
        web.sell(write.ref.external_id, 2, reference="77")

    web.before_effect = land
    _till_sale_pushed(account)
    account.workers["till"].run("push", "test")
    _leader_dies_in_a_write(account)
    web.cancel("77", "w-A")
    account.clock.advance(5)
    web.sell("w-A", 2, reference="78")
    account.clock.advance(7)
    _pass(account)
    assert account.movements("lost_update") == []
    assert _both(account) == (16, 16)


def test_what_a_settlement_counted_is_told_though_its_order_is_cancelled_before_a_pass_comes_to_its_end(
    database: Database,
) -> None:
    """As make failover found it: two takeovers, each with a write in doubt, and an order between the two.

    The first successor settles, which counts two cancellations and an order, and is killed before it has read their
    documents. The second one finds the order cancelled. One of the two cancellations looked swallowed then.
    """
    account = two_sides(database, {"A": 40}, {"A": 40})
    account.clock.advance(60)
    web = account.worlds["web"]
    for reference in ("179", "186"):
        web.sell("w-A", 1, reference=reference)
    _pass(account)
    _leader_dies_in_a_write(account)
    web.cancel("179", "w-A")
    account.clock.advance(2)
    web.cancel("186", "w-A")
    account.clock.advance(3)
    web.sell("w-A", 1, reference="252")
    account.clock.advance(12)
    account.workers["web"].run("push", "test")  # it settles, and dies before it reads
    account.restart()
    account.clock.advance(9)
    web.cancel("252", "w-A")
    account.clock.advance(5)
    _pass(account)
    assert account.movements("lost_update") == []
    assert _both(account) == (39, 39)


def test_an_order_that_was_cancelled_unpaid_hides_no_swallowed_one(database: Database) -> None:
    """It never took units: both its steps, of which nothing is known, come to nothing together."""
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.clock.advance(60)
    web = account.worlds["web"]
    _swallow_orders(account, ("77", 2))
    _till_sale_pushed(account)
    web.swallow("w-A", 2, reference="78")
    at, unpaid = web.events.pop()
    web.events.append((at, replace(unpaid, quantity=Quantity(0), undone=Quantity(2))))
    _pass(account)
    assert _both(account) == (17, 17)
    assert [m.evidence for m in account.movements("lost_update")] == [
        "web order 77 (-2) was lost there inside our own write"
    ]


def test_an_order_that_came_and_went_beside_an_edit_by_hand_was_not_swallowed(database: Database) -> None:
    """Its two steps may explain what was seen; what they do not explain was somebody's edit, and no lost order."""
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.clock.advance(60)
    web = account.worlds["web"]
    _leader_dies_in_a_write(account)
    web.sell("w-A", 2, reference="77")
    account.clock.advance(5)
    web.sell("w-A", -2)
    web.cancel("77", "w-A")
    account.clock.advance(7)
    _pass(account)
    assert account.movements("lost_update") == []
    assert _both(account) == (21, 21)


def test_what_nobody_can_tell_lasts_as_long_as_a_takeover(database: Database) -> None:
    """docs/guarantees.md: an order and the opposite edit by hand, between the death of a leader and the settlement.

    0 s the leader dies in a write; 5 s an order of 2; 8 s somebody types 2 more; 18 s its successor finds the write and
    the quantity as if neither had been. An order that the write had swallowed shows just the same.
    """
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.clock.advance(60)
    web = account.worlds["web"]
    _leader_dies_in_a_write(account)
    web.sell("w-A", 2, reference="77")
    account.clock.advance(3)
    web.sell("w-A", -2)
    account.clock.advance(10)
    _pass(account)
    assert [int(m.quantity) for m in account.movements("lost_update")] == [-2]
    assert _both(account) == (17, 17)
