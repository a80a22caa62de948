"""Orders that are made and cancelled between two looks, as a takeover stretches them, are neither lost nor invented."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.core.model import Quantity
from syncd.errors import OutcomeUnknown
from tests.support.engine import Account, two_sides
from tests.support.swallowing import both, let_pass, push_till_sale, swallow_orders

if TYPE_CHECKING:
    from syncd.core.model import StockWrite
    from syncd.state.engine import Database


def _leader_dies_in_a_write(account: Account) -> None:
    """The write takes effect, its answer is lost with the process; what follows happens while nobody leads."""
    account.worlds["web"].faults.append("lost_after")
    with suppress(OutcomeUnknown):
        push_till_sale(account)
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
    push_till_sale(account)
    account.workers["till"].run("push", "test")
    _leader_dies_in_a_write(account)
    web.cancel("77", "w-A")
    account.clock.advance(5)
    web.sell("w-A", 2, reference="78")
    account.clock.advance(7)
    let_pass(account)
    assert account.movements("lost_update") == []
    assert both(account) == (16, 16)


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
    let_pass(account)
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
    let_pass(account)
    assert account.movements("lost_update") == []
    assert both(account) == (39, 39)


def test_an_order_that_was_cancelled_unpaid_hides_no_swallowed_one(database: Database) -> None:
    """It never took units: both its steps, of which nothing is known, come to nothing together."""
    account = two_sides(database, {"A": 20}, {"A": 20})
    account.clock.advance(60)
    web = account.worlds["web"]
    swallow_orders(account, ("77", 2))
    push_till_sale(account)
    web.swallow("w-A", 2, reference="78")
    at, unpaid = web.events.pop()
    web.events.append((at, replace(unpaid, quantity=Quantity(0), undone=Quantity(2))))
    let_pass(account)
    assert both(account) == (17, 17)
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
    let_pass(account)
    assert account.movements("lost_update") == []
    assert both(account) == (21, 21)


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
    let_pass(account)
    assert [int(m.quantity) for m in account.movements("lost_update")] == [-2]
    assert both(account) == (17, 17)
